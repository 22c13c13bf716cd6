//! What the user receives: the handle of a child.

use super::{
    Anywhere, ChildId, JoinError, KeepAlive, SameThread,
    origin::{Info, Origin},
    raw::{By, HandleRaw, Raw, Sequel},
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
/// Dropping the handle gives up the *outcome*, never the child: the child stays in its scope and
/// runs on, and its value is dropped the moment it finishes. If it panics, or had panicked and the
/// handle was not awaited, the scope receives the panic.
///
/// | to | call | returns |
/// |---|---|---|
/// | await the outcome | `handle.await` | `Result<T, JoinError>` |
/// | await the value | [`handle.value().await`](Self::value) | `T`; a failure propagates |
/// | end the child and wait until it is gone | [`handle.cancel().await`](Self::cancel) | `Result<T, JoinError>` |
/// | ask for its end | [`handle.abort()`](Self::abort) | at once |
/// | inspect it | [`is_finished`](Self::is_finished), [`id`](Self::id), [`name`](Self::name), [`spawned_at`](Self::spawned_at) | at once |
///
/// # Cancel safety
///
/// Awaiting `&mut handle` is cancel safe: the outcome stays where it is until a poll returns it.
/// A handle that has returned its outcome returns [`JoinError::Taken`] from then on.
///
/// # Panics
///
/// Panics if a child awaits its own handle (with `std`; without `std`, the child waits for ever).
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
    child: HandleRaw,
    /// Values come out of the child; and whatever it borrows lives for `'a`.
    value: PhantomData<(&'a (), T)>,
    mode: PhantomData<M>,
}

/// The handle of a child that stays on its thread.
///
/// It is used as a [`JoinHandle`].
pub type LocalJoinHandle<'a, T> = JoinHandle<'a, T, SameThread>;

// SAFETY: with `Anywhere` the future is `Send`, so any thread may drop it, and sending the handle
// sends at most the `T` that may come out.
unsafe impl<T: Send> Send for JoinHandle<'_, T, Anywhere> {}
// SAFETY: a `&JoinHandle` gives access to no `T`, and may at most drop the future, which is
// `Send`.
unsafe impl<T> Sync for JoinHandle<'_, T, Anywhere> {}

impl<T, M> Unpin for JoinHandle<'_, T, M> {}

impl<'a, T> JoinHandle<'a, T> {
    /// Wraps the handle's share of `child`.
    ///
    /// # Safety
    ///
    /// `child` has a share for its handle, its values are of type `T`, and what it borrows lives
    /// for `'a`.
    pub(super) unsafe fn new(child: Raw) -> Self {
        JoinHandle { child: HandleRaw::new(child), value: PhantomData, mode: PhantomData }
    }

    /// Passes the child to an executor with `spawn`, and keeps the executor's [`KeepAlive`].
    pub(crate) fn keep(&self, spawn: impl FnOnce() -> Option<KeepAlive>) {
        let Some(kept) = spawn() else { return };
        // SAFETY: the handle keeps the child, and this is the one call for it.
        unsafe { self.child.get().tail() }.kept.with_mut(|slot| unsafe { *slot = Some(kept) });
    }

    /// Returns the same handle, bound to this thread.
    pub(crate) fn into_local(self) -> LocalJoinHandle<'a, T> {
        let handle = core::mem::ManuallyDrop::new(self);
        JoinHandle { child: handle.child, value: PhantomData, mode: PhantomData }
    }
}

impl<'a, T, M> JoinHandle<'a, T, M> {
    /// Ends the child and waits until it is gone.
    ///
    /// The request is made by this call, as by [`abort`](Self::abort); the returned future waits
    /// until the child's future has been dropped. Only this child ends, with all that it owns: its
    /// scope and its siblings run on.
    ///
    /// # Errors
    ///
    /// The returned future returns the value if the child was done before, and a
    /// [`JoinError::Cancelled`] otherwise.
    ///
    /// # Cancel safety
    ///
    /// Dropping the returned future drops the handle. The child is cancelled all the same.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::concurrent;
    ///
    /// # smol::block_on(async {
    /// concurrent(async |s| {
    ///     let child = s.spawn(std::future::pending::<()>());
    ///     assert!(child.cancel().await.unwrap_err().is_cancelled());
    /// })
    /// .await;
    /// # });
    /// ```
    pub fn cancel(self) -> Cancel<'a, T, M> {
        self.abort();
        Cancel { handle: self }
    }

    /// Asks for the end of the child, and returns at once.
    ///
    /// An idle child has been dropped when this returns. A child that is being polled at this
    /// moment is dropped right after that poll; a child behind a [`shield`](crate::shield()), when it
    /// next waits after the shield. A second call does nothing.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::concurrent;
    ///
    /// # smol::block_on(async {
    /// concurrent(async |s| {
    ///     let child = s.spawn(std::future::pending::<()>());
    ///     child.abort();
    ///     assert!(child.is_finished());
    /// })
    /// .await;
    /// # });
    /// ```
    pub fn abort(&self) {
        self.ask_to_end();
    }

    /// As [`abort`](Self::abort). Returns whether this was the first request, and the child was not
    /// done.
    pub(crate) fn ask_to_end(&self) -> bool {
        // SAFETY: the handle keeps the child.
        unsafe { self.child.get().cancel(CancelledBy::Handle, By::Canceller) }
    }

    /// Waits for the value itself.
    ///
    /// For the common case that you do not want to handle a child without a value:
    ///
    /// - In a fail-fast scope ([`try_scope`](crate::try_scope) and its siblings), the scope shuts
    ///   down with the failure, and the code that awaits this inside it is dropped, never resumed. A
    ///   child that was refused during a [grace](crate::Scope::cancel_with) is such a failure if its
    ///   value is awaited: it ends the grace.
    /// - In other scopes, a panic of the child propagates to the code that awaits this.
    ///
    /// # Panics
    ///
    /// - With the child's panic, where its handle receives it.
    /// - If the child was cancelled and the body lives on: the child was cancelled by its handle, or
    ///   by [`Scope::cancel`](crate::Scope::cancel) of a scope that does not fail, or the executor
    ///   dropped it.
    /// - If the child of a fail-fast scope has no value, and the code that awaits this is not
    ///   dropped with that scope. That code would have to resume for the scope to end, or might wait
    ///   for ever: it is outside of the scope, with an [`OwnedScope`](crate::OwnedScope) for
    ///   instance; or behind a [`shield`](crate::shield()); or in a finalizer; or on a blocked
    ///   thread.
    ///
    /// The message names the child, and says why it has no value.
    ///
    /// Without `std`, and in a child of another scope that an executor polls, it is not known
    /// whether this code is inside the scope: then this waits for the end of the scope that fails,
    /// and panics after it.
    ///
    /// # Cancel safety
    ///
    /// Dropping the returned future drops the handle.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::try_concurrent;
    ///
    /// # smol::block_on(async {
    /// let sum = try_concurrent(async |s| {
    ///     let a = s.spawn(async { Ok(40) });
    ///     let b = s.spawn(async { "2".parse::<u32>() });
    ///     Ok(a.value().await + b.value().await)
    /// })
    /// .await;
    /// assert_eq!(sum.unwrap(), 42);
    ///
    /// let failed = try_concurrent(async |s| {
    ///     let b = s.spawn(async { "two".parse::<u32>() });
    ///     Ok(b.value().await) // not resumed: the scope returns the error
    /// })
    /// .await;
    /// assert!(failed.is_err());
    /// # });
    /// ```
    pub fn value(self) -> Value<'a, T, M> {
        Value { handle: self, scope_end: None }
    }

    /// Returns whether the child has ended, in whatever way.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::concurrent;
    ///
    /// # smol::block_on(async {
    /// concurrent(async |s| {
    ///     let child = s.spawn(async { 1 });
    ///     assert!(!child.is_finished());
    ///     smol::future::yield_now().await;
    ///     assert!(child.is_finished());
    ///     assert_eq!(child.await.unwrap(), 1);
    /// })
    /// .await;
    /// # });
    /// ```
    pub fn is_finished(&self) -> bool {
        // SAFETY: the handle keeps the child.
        unsafe { self.child.get().state() }.is_done()
    }

    /// Returns the number of the child, unique within its scope.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::concurrent;
    /// use std::collections::BTreeMap;
    ///
    /// # smol::block_on(async {
    /// concurrent(async |s| {
    ///     let jobs = ["a", "b"].map(|job| s.spawn(async move { job.len() }));
    ///     let by_id: BTreeMap<_, _> = jobs.into_iter().map(|child| (child.id(), child)).collect();
    ///     assert!(by_id.keys().map(|id| id.number()).eq([0, 1]));
    /// })
    /// .await;
    /// # });
    /// ```
    pub fn id(&self) -> ChildId {
        self.info().id
    }

    /// Returns the name, if the child was given one.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::concurrent;
    ///
    /// # smol::block_on(async {
    /// concurrent(async |s| {
    ///     let child = s.spawn_named("fetch", async {});
    ///     assert_eq!(child.name(), Some("fetch"));
    ///     assert_eq!(child.id().number(), 0);
    ///     assert_eq!(child.spawned_at().file(), file!());
    /// })
    /// .await;
    /// # });
    /// ```
    pub fn name(&self) -> Option<&str> {
        self.info().origin.name()
    }

    /// Returns where the child was spawned.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::concurrent;
    ///
    /// # smol::block_on(async {
    /// concurrent(async |s| {
    ///     let child = s.spawn(async {});
    ///     assert_eq!(child.spawned_at().line(), line!() - 1);
    /// })
    /// .await;
    /// # });
    /// ```
    pub fn spawned_at(&self) -> &'static Location<'static> {
        self.info().origin.spawned_at()
    }

    /// Waits for the end of the child without taking its outcome.
    pub(crate) fn poll_finished(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        // SAFETY: this is the handle.
        unsafe { self.child.get().poll_done(cx) }
    }

    /// Returns where the child comes from.
    pub(crate) fn origin(&self) -> &Origin {
        self.info().origin
    }

    fn info(&self) -> Info<'_> {
        // SAFETY: the handle keeps the child.
        unsafe { self.child.get().info() }
    }

    /// Returns what happens to the caller if there is no value. Requires that the child is done.
    fn without_value(&self) -> Sequel {
        // SAFETY: we are the handle, which keeps the child, and the child is done.
        unsafe { (self.child.get().header().vtable.without_value)(self.child.get()) }
    }
}

impl<T, M> Future for JoinHandle<'_, T, M> {
    type Output = Result<T, JoinError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        // SAFETY: we are the handle, and the caller of `new` promised that the child's values are
        // `T`s.
        unsafe {
            ready!(self.child.get().poll_done(cx));
            Poll::Ready(self.child.take())
        }
    }
}

impl<T, M> Drop for JoinHandle<'_, T, M> {
    fn drop(&mut self) {
        // SAFETY: we are the handle, and do not touch the child afterwards.
        unsafe { self.child.drop_handle() };
    }
}

impl<T, M> fmt::Debug for JoinHandle<'_, T, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JoinHandle")
            // SAFETY: the handle keeps the child.
            .field("state", &unsafe { self.child.get().state() })
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
    /// Fires when a failing scope has ended. For code that may be outside of it.
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
                    waits::waits_for(
                        waits::Wait::What(waits::What::NoValue),
                        format_args!(
                            "the value of {}, which has none, until its scope has ended",
                            self.handle.info().origin
                        ),
                    );
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
