//! Children that say when they are ready.

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

/// How a child started with `start` says that it is ready.
///
/// Dropping it without a signal means that the child never will be ready: the start fails with
/// [`StartError::NeverStarted`], and the child is cancelled.
pub struct Ready<V> {
    handshake: Arc<Handshake<V>>,
}

/// Between a [`Ready`] and a [`Start`].
struct Handshake<V> {
    /// One at most: a value, or that there will be none.
    signal: Stack<Option<V>>,
    signalled: AtomicBool,
    /// Fires with the signal, or when there is trouble.
    fired: LazyEvent,
}

impl<V> Ready<V> {
    /// Signals that the child is ready, and sends `value` to the caller of `start`.
    ///
    /// From here on the child is one like any other. If the starter has gone, which cancels the
    /// child, `value` is dropped.
    pub fn signal(self, value: V) {
        // Relaxed: read by the child, of which the caller is a part or which got the `Ready`.
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

/// Why a child did not become ready. The scope it was started in knows nothing of it.
#[derive(Debug)]
#[non_exhaustive]
pub enum StartError<E = Infallible> {
    /// The child returned an error before it was ready.
    Failed(E),
    /// The child panicked before it was ready.
    Panicked(Panic),
    /// The child returned, or dropped its [`Ready`], without a signal.
    NeverStarted,
    /// The child was cancelled before it was ready: it alone, or with its scope, or because that
    /// had been cancelled or had ended before.
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

/// As for [`ScopeError`](super::ScopeError), the message contains the cause.
impl<E: fmt::Debug + fmt::Display> Error for StartError<E> {}

/// Makes the child's future, and the starter's once it has the handle.
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
    /// A child in a scope of policy `P` that is to become ready. Ends with `None` if it did
    /// something wrong before that, and leaves what it was to the starter.
    pub(super) struct Starting<V, F, P: Policy> {
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
/// Ready with the child's value and handle, or with what went wrong before, when the child is
/// gone. Dropping it before that cancels the child.
#[must_use = "dropping a start cancels the child"]
pub struct Start<'a, V, T, E = Infallible, M = Anywhere> {
    handshake: Arc<Handshake<V>>,
    trouble: Arc<Stack<StartError<E>>>,
    handle: Option<JoinHandle<'a, T, M>>,
    /// There will be no signal: whether the child is on its way out because we asked it to be.
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
                    // A child that is being dropped, for a reason that counts, has been asked
                    // before.
                    this.unsignalled = Some(handle.ask_to_end());
                    continue;
                }
                None => {}
            }
            // Not before: a child that drops its `Ready` on its way out tells what went wrong after
            // that.
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
                // Look again, now that nothing can be missed.
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
