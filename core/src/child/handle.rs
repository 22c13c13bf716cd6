//! What the user gets: the handle of a child.

use super::{
    Anywhere, ChildId, JoinError, KeepAlive, SameThread,
    origin::{Info, Origin},
    raw::{By, Raw, Sequel},
};
use crate::{cancel::CancelledBy, sync::EventListener, waits};
use core::{
    fmt,
    future::Future,
    marker::PhantomData,
    panic::Location,
    pin::Pin,
    task::{Context, Poll, ready},
};

/// The handle of a child: a future of its outcome.
///
/// Dropping the handle lets go of the *outcome*, never of the child: the child stays with its
/// scope, runs on, and its value is dropped the moment it finishes. If it panics then, or has
/// panicked and nobody looked, the panic goes to the scope.
///
/// | to | call | |
/// |---|---|---|
/// | await the outcome | `handle.await` | `Result<T, JoinError>` |
/// | await the value | [`handle.value().await`](Self::value) | `T`, or the failure takes its course |
/// | end the child and wait until it is gone | [`handle.cancel().await`](Self::cancel) | `Result<T, JoinError>` |
/// | ask for its end | [`handle.abort()`](Self::abort) | returns at once |
/// | look | [`is_finished`](Self::is_finished), [`id`](Self::id), [`name`](Self::name), [`spawned_at`](Self::spawned_at) | |
///
/// # Cancel safety
///
/// Awaiting `&mut handle` is cancel safe: the outcome stays where it is until a poll returns it.
/// A handle that has returned its outcome returns [`JoinError::Taken`] from then on.
///
/// # Panics
///
/// When a child awaits its own handle (with `std`; without, it waits for ever).
///
/// # Examples
///
/// ```
/// use anyscope::concurrent;
/// # smol::block_on(async {
/// concurrent(async |s| {
///     let answer = s.spawn(async { 42 });
///     let patient = s.spawn(std::future::pending::<()>());
///     assert_eq!(answer.await.unwrap(), 42);
///     assert!(patient.cancel().await.unwrap_err().is_cancelled());
/// })
/// .await;
/// # });
/// ```
pub struct JoinHandle<'a, T, M = Anywhere> {
    child: Raw,
    /// Values come out of it; and whatever the child borrows lives for `'a`.
    value: PhantomData<(&'a (), T)>,
    mode: PhantomData<M>,
}

/// The handle of a child that stays on its thread.
pub type LocalJoinHandle<'a, T> = JoinHandle<'a, T, SameThread>;

// SAFETY: with `Anywhere` the future is `Send`, so it may be dropped on any thread, and sending
// the handle sends no more than the `T` that may come out.
unsafe impl<T: Send> Send for JoinHandle<'_, T, Anywhere> {}
// SAFETY: a `&JoinHandle` gives access to no `T`, and may at most drop the future, which is
// `Send`.
unsafe impl<T> Sync for JoinHandle<'_, T, Anywhere> {}

impl<T, M> Unpin for JoinHandle<'_, T, M> {}

impl<'a, T> JoinHandle<'a, T> {
    /// For the handle's share of `child`.
    ///
    /// # Safety
    ///
    /// `child` has a share for its handle, its values are of type `T`, and what it borrows lives
    /// for `'a`.
    pub(super) unsafe fn new(child: Raw) -> Self {
        JoinHandle { child, value: PhantomData, mode: PhantomData }
    }

    /// Hands the child to an executor with `spawn`, and keeps what that wants kept.
    pub(crate) fn keep(&self, spawn: impl FnOnce() -> Option<KeepAlive>) {
        let Some(kept) = spawn() else { return };
        // SAFETY: the handle keeps the child, and this is the one call for it.
        unsafe { self.child.tail() }.kept.with_mut(|slot| unsafe { *slot = Some(kept) });
    }

    /// The same handle, bound to this thread.
    pub(crate) fn into_local(self) -> LocalJoinHandle<'a, T> {
        let handle = core::mem::ManuallyDrop::new(self);
        JoinHandle { child: handle.child, value: PhantomData, mode: PhantomData }
    }
}

impl<'a, T, M> JoinHandle<'a, T, M> {
    /// Ends the child and waits until it is gone.
    ///
    /// The child is asked at the call, as by [`abort`](Self::abort); the future waits until its
    /// future has been dropped. It returns the value if the child was done before, and a
    /// [`JoinError::Cancelled`] otherwise. Only this child ends, with all that it owns: its scope
    /// and its siblings go on.
    ///
    /// # Cancel safety
    ///
    /// Dropping the returned future drops the handle. The child has been asked all the same.
    pub fn cancel(self) -> Cancel<'a, T, M> {
        self.abort();
        Cancel { handle: self }
    }

    /// Asks for the end of the child, and returns at once.
    ///
    /// An idle child has been dropped when this returns. One that is being polled at this moment
    /// is dropped right after that poll. A second call does nothing.
    pub fn abort(&self) {
        self.ask_to_end();
    }

    /// [`abort`](Self::abort); whether it was the first to ask, and the child not done.
    pub(crate) fn ask_to_end(&self) -> bool {
        // SAFETY: the handle keeps the child.
        unsafe { self.child.cancel(CancelledBy::Handle, By::Canceller) }
    }

    /// Waits for the value itself.
    ///
    /// For the common case that a child without a value is not yours to handle:
    ///
    /// - In a fail-fast scope ([`try_scope`](crate::try_scope) and its kin), the scope comes down
    ///   with the failure, and whoever awaits this inside it is dropped, never resumed. A child
    ///   that was refused during a [grace](crate::Scope::cancel_with) is such a failure when
    ///   somebody awaits its value: it ends the grace.
    /// - Elsewhere a panic of the child goes on here.
    ///
    /// # Panics
    ///
    /// - With the child's panic, where its handle receives it.
    /// - When the child was cancelled and the body lives on: by its handle, by
    ///   [`Scope::cancel`](crate::Scope::cancel) of a scope that does not fail, because the
    ///   executor dropped it.
    /// - When the child of a fail-fast scope has no value and whoever awaits this is not dropped
    ///   with that scope, but would have to go on for the scope to end, or might wait for ever:
    ///   outside of the scope, with an [`OwnedScope`](crate::OwnedScope) for instance; behind a
    ///   [`shield`](crate::shield()); in a finalizer; on a thread that is blocked.
    ///
    /// The message names the child and the cause.
    ///
    /// Without `std`, and in a child of another scope that its executor polls, it is not known who
    /// is inside: then this waits for the end of the scope that fails, and panics after it.
    pub fn value(self) -> Value<'a, T, M> {
        Value { handle: self, scope_end: None }
    }

    /// Whether the child has ended, in whatever way.
    pub fn is_finished(&self) -> bool {
        // SAFETY: the handle keeps the child.
        unsafe { self.child.state() }.is_done()
    }

    /// The number of the child, unique within its scope.
    pub fn id(&self) -> ChildId {
        self.info().id
    }

    /// The name, if the child was given one.
    pub fn name(&self) -> Option<&str> {
        self.info().origin.name()
    }

    /// Where the child was spawned.
    pub fn spawned_at(&self) -> &'static Location<'static> {
        self.info().origin.spawned_at()
    }

    /// Waits for the end of the child without taking its outcome.
    pub(crate) fn poll_finished(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        // SAFETY: this is the handle.
        unsafe { self.child.poll_done(cx) }
    }

    /// Where the child comes from.
    pub(crate) fn origin(&self) -> &Origin {
        self.info().origin
    }

    fn info(&self) -> Info<'_> {
        // SAFETY: the handle keeps the child.
        unsafe { self.child.info() }
    }

    /// What becomes of the caller if there is no value. Requires that the child is done.
    fn without_value(&self) -> Sequel {
        // SAFETY: this is the handle, which keeps the child, and the child is done.
        unsafe { (self.child.header().vtable.without_value)(self.child) }
    }
}

impl<T, M> Future for JoinHandle<'_, T, M> {
    type Output = Result<T, JoinError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        // SAFETY: this is the handle, and `new` was told that the child's values are `T`s.
        unsafe {
            ready!(self.child.poll_done(cx));
            Poll::Ready(self.child.take())
        }
    }
}

impl<T, M> Drop for JoinHandle<'_, T, M> {
    fn drop(&mut self) {
        // SAFETY: this is the handle, at its end.
        unsafe { self.child.drop_handle() };
    }
}

impl<T, M> fmt::Debug for JoinHandle<'_, T, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JoinHandle")
            // SAFETY: the handle keeps the child.
            .field("state", &unsafe { self.child.state() })
            .field("id", &self.id())
            .field("name", &self.name())
            .field("spawned_at", &format_args!("{}", self.spawned_at()))
            .finish()
    }
}

/// Future of [`JoinHandle::cancel`].
#[derive(Debug)]
#[must_use = "the child has been asked to end; await this to wait until it is gone"]
pub struct Cancel<'a, T, M = Anywhere> {
    handle: JoinHandle<'a, T, M>,
}

impl<T, M> Future for Cancel<'_, T, M> {
    type Output = Result<T, JoinError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.handle).poll(cx)
    }
}

/// Future of [`JoinHandle::value`].
#[must_use = "futures do nothing unless you `.await` or poll them"]
pub struct Value<'a, T, M = Anywhere> {
    handle: JoinHandle<'a, T, M>,
    /// Fires when a failing scope is down, for whoever may be outside of it.
    scope_end: Option<EventListener>,
}

impl<T, M> Future for Value<'_, T, M> {
    type Output = T;

    #[track_caller]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        ready!(self.handle.poll_finished(cx));
        loop {
            if let Some(end) = &mut self.scope_end {
                if Pin::new(end).poll(cx).is_pending() {
                    waits::waits_for(format_args!(
                        "the value of {}, which has none, until its scope has ended",
                        self.handle.info().origin
                    ));
                    return Poll::Pending;
                }
                self.scope_end = None;
            }
            match self.handle.without_value() {
                Sequel::Panics => break,
                Sequel::Dropped => return Poll::Pending,
                Sequel::Later(end) => self.scope_end = Some(end),
            }
        }
        // SAFETY: this is the handle, the child is done, and its values are `T`s.
        match unsafe { self.handle.child.take() } {
            Ok(value) => Poll::Ready(value),
            Err(JoinError::Panicked(panic)) => panic.resume(),
            Err(other) => panic!("no value from {}: {other}", self.handle.info().origin),
        }
    }
}

impl<T, M> fmt::Debug for Value<'_, T, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Value").field(&self.handle).finish()
    }
}
