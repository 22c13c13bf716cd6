//! Children that signal when they are ready.

use super::policy::{Accept, Policy};
use crate::{
    cancel::Cancelled,
    child::{Anywhere, JoinError, JoinHandle, Panic},
    sync::{Arc, AtomicBool, EventListener, LazyEvent, Ordering, stack::Stack},
    unwind,
};
use core::{
    convert::Infallible,
    error::Error,
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};
use pin_project_lite::pin_project;

/// The means by which a child started with `start` signals that it is ready.
///
/// Dropping it without a signal means that the child will never be ready: the start fails with
/// [`StartError::NeverStarted`], and the child is cancelled.
///
/// # Examples
///
/// ```
/// use anyscope::{Ready, StartError, concurrent};
///
/// # smol::block_on(async {
/// concurrent(async |s| {
///     let never = s.start(async |ready: Ready<u16>| drop(ready)).await;
///     assert!(matches!(never.unwrap_err(), StartError::NeverStarted));
///
///     let (port, _server) = s.start(async |ready| ready.signal(8080)).await.unwrap();
///     assert_eq!(port, 8080);
/// })
/// .await;
/// # });
/// ```
pub struct Ready<V> {
    handshake: Arc<Handshake<V>>,
}

/// Between a [`Ready`] and a [`Start`].
struct Handshake<V> {
    /// At most one entry: a value, or `None` if there will be no value.
    signal: Stack<Option<V>>,
    signalled: AtomicBool,
    /// Fires with the signal, or when the child fails before it.
    fired: LazyEvent,
}

impl<V> Ready<V> {
    /// Signals that the child is ready, and sends `value` to the caller of `start`.
    ///
    /// From then on the child is an ordinary child. If the caller has dropped the start, which
    /// cancels the child, `value` is dropped.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{Ready, concurrent};
    ///
    /// # smol::block_on(async {
    /// concurrent(async |s| {
    ///     let (port, server) = s
    ///         .start(async |ready: Ready<u16>| {
    ///             let port = 8080; // .. listen ..
    ///             ready.signal(port);
    ///             "served"
    ///         })
    ///         .await
    ///         .unwrap();
    ///     assert_eq!((port, server.await.unwrap()), (8080, "served"));
    /// })
    /// .await;
    /// # });
    /// ```
    pub fn signal(self, value: V) {
        // Relaxed: only the child reads this, and it received the `Ready`: it signals itself, or
        // waits for the code to which it passed the `Ready`, or else races with that code anyway.
        self.handshake.signalled.store(true, Ordering::Relaxed);
        self.handshake.signal.push(Some(value));
        self.handshake.fired.notify(1);
    }
}

impl<V> Drop for Ready<V> {
    fn drop(&mut self) {
        if !self.handshake.signalled.load(Ordering::Relaxed) {
            self.handshake.signal.push(None);
            self.handshake.fired.notify(1);
        }
    }
}

impl<V> fmt::Debug for Ready<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Ready(..)")
    }
}

/// Why a child did not become ready. The failure is not reported to the scope of the child.
///
/// # Examples
///
/// ```
/// use anyscope::{Ready, StartError, try_concurrent};
///
/// # smol::block_on(async {
/// let tried = try_concurrent(async |s| {
///     let started = s.start(async |ready: Ready<u16>| {
///         let port = "eighty".parse::<u16>()?;
///         ready.signal(port);
///         Ok::<(), std::num::ParseIntError>(())
///     });
///     match started.await {
///         Ok((port, _server)) => Ok(port),
///         Err(StartError::Failed(_)) => Ok(8080), // the scope has not failed
///         Err(error) => panic!("{error}"),
///     }
/// });
/// assert_eq!(tried.await.unwrap(), 8080);
/// # });
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub enum StartError<E = Infallible> {
    /// The child returned an error before it was ready.
    Failed(E),
    /// The child panicked before it was ready.
    Panicked(Panic),
    /// The child returned, or dropped its [`Ready`], without a signal.
    NeverStarted,
    /// The child was cancelled before it was ready: alone, or with its scope, or because the scope
    /// had already been cancelled or ended.
    Cancelled(Cancelled),
}

impl<E: fmt::Display> fmt::Display for StartError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("child did not start: ")?;
        match self {
            StartError::Failed(error) => error.fmt(f),
            StartError::Panicked(panic) => panic.fmt(f),
            StartError::NeverStarted => f.write_str("it never signalled that it was ready"),
            StartError::Cancelled(cancelled) => cancelled.fmt(f),
        }
    }
}

/// As for [`ScopeError`](super::ScopeError), the message contains that of the inner error.
impl<E: fmt::Debug + fmt::Display> Error for StartError<E> {}

/// Creates the future of the child, and the [`Start`] of its caller, which still needs the handle.
pub(super) fn prepare<V, C, F, P>(child: C) -> (Starting<V, F, P>, Prepared<V, P::Error>)
where
    C: FnOnce(Ready<V>) -> F,
    P: Policy,
{
    let handshake = Arc::new(Handshake {
        signal: Stack::new(),
        signalled: AtomicBool::new(false),
        fired: LazyEvent::new(),
    });
    let trouble = Arc::new(Stack::new());
    let future = child(Ready { handshake: handshake.clone() });
    let starting =
        Starting { future: Some(future), handshake: handshake.clone(), trouble: trouble.clone() };
    (starting, Prepared { handshake, trouble })
}

pin_project! {
    /// A child, in a scope of policy `P`, that has to become ready. Ends with `None` if it failed
    /// before that, and stores the failure for the starter.
    ///
    /// See [`ScopeHandle::start`](crate::ScopeHandle::start).
    pub struct Starting<V, F, P: Policy> {
        #[pin]
        future: Option<F>,
        handshake: Arc<Handshake<V>>,
        trouble: Arc<Stack<StartError<P::Error>>>,
    }
}

impl<V, F, P> Future for Starting<V, F, P>
where
    F: Future,
    P: Accept<F::Output>,
{
    type Output = Option<F::Output>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let Some(future) = this.future.as_mut().as_pin_mut() else { return Poll::Ready(None) };
        let polled = unwind::catch(|| future.poll(cx));
        if this.handshake.signalled.load(Ordering::Relaxed) {
            return polled.unwrap_or_else(|payload| unwind::resume(payload)).map(Some);
        }
        let trouble = match polled {
            Ok(Poll::Pending) => return Poll::Pending,
            Ok(Poll::Ready(output)) => match P::judge(output) {
                Ok(_) => StartError::NeverStarted,
                Err(error) => StartError::Failed(error),
            },
            Err(payload) => StartError::Panicked(Panic::new(payload)),
        };
        unwind::contain(|| this.future.set(None));
        this.trouble.push(trouble);
        this.handshake.fired.notify(1);
        Poll::Ready(None)
    }
}

/// A [`Start`] without its handle.
pub(super) struct Prepared<V, E> {
    handshake: Arc<Handshake<V>>,
    trouble: Arc<Stack<StartError<E>>>,
}

impl<V, E> Prepared<V, E> {
    pub(super) fn with_handle<T, M>(self, handle: JoinHandle<'_, T, M>) -> Start<'_, V, T, E, M> {
        Start {
            handshake: self.handshake,
            trouble: self.trouble,
            handle: Some(handle),
            unsignalled: None,
            fired: None,
        }
    }
}

/// Future of `start`, for instance [`Scope::start`](super::Scope::start).
///
/// Ready with the signalled value and the child's handle; or, when the child has ended without a
/// signal, with the failure. Dropping it before that cancels the child.
#[must_use = "dropping a start cancels the child"]
pub struct Start<'a, V, T, E = Infallible, M = Anywhere> {
    handshake: Arc<Handshake<V>>,
    trouble: Arc<Stack<StartError<E>>>,
    handle: Option<JoinHandle<'a, T, M>>,
    /// `Some` if there will be no signal; then true if our request to end the child was the first.
    unsignalled: Option<bool>,
    fired: Option<EventListener>,
}

/// Nothing in it is pinned.
impl<V, T, E, M> Unpin for Start<'_, V, T, E, M> {}

impl<'a, V, T, E, M> Future for Start<'a, V, T, E, M> {
    type Output = Result<(V, JoinHandle<'a, T, M>), StartError<E>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        let mut handle = this.handle.take().expect("a start was polled after it was ready");
        loop {
            let gone = handle.poll_finished(cx).is_ready();
            match this.handshake.signal.take().pop() {
                Some(Some(value)) => return Poll::Ready(Ok((value, handle))),
                Some(None) => {
                    // A child that drops its `Ready` because it was cancelled has been asked to
                    // end before us.
                    this.unsignalled = Some(handle.ask_to_end());
                    continue;
                }
                None => {}
            }
            // Only once it is gone: a child that fails drops its `Ready` before it stores its
            // failure.
            if gone {
                return Poll::Ready(Err(match this.trouble.take().pop() {
                    Some(StartError::Panicked(panic)) => {
                        StartError::Panicked(panic.in_child(handle.origin()))
                    }
                    Some(trouble) => trouble,
                    None => match ready!(Pin::new(&mut handle).poll(cx)) {
                        Err(JoinError::Cancelled(cancelled)) if this.unsignalled != Some(true) => {
                            StartError::Cancelled(cancelled)
                        }
                        Err(JoinError::Panicked(panic)) => StartError::Panicked(panic),
                        _ => StartError::NeverStarted,
                    },
                }));
            }
            match &mut this.fired {
                // Check again: from now on no signal can be missed.
                None => this.fired = Some(this.handshake.fired.listen()),
                Some(fired) => {
                    if Pin::new(fired).poll(cx).is_pending() {
                        this.handle = Some(handle);
                        return Poll::Pending;
                    }
                    this.fired = None;
                }
            }
        }
    }
}

impl<V, T, E, M> Drop for Start<'_, V, T, E, M> {
    fn drop(&mut self) {
        if let Some(handle) = &self.handle {
            handle.abort();
        }
    }
}

impl<V, T, E, M> fmt::Debug for Start<'_, V, T, E, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Start").field("handle", &self.handle).finish_non_exhaustive()
    }
}
