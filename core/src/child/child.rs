//! What an executor receives: the right to poll a child, or to drop it.

use super::{
    raw::{By, Polled, Raw},
    state::Keeper,
};
use crate::cancel::CancelledBy;
use core::{
    fmt,
    future::Future,
    marker::PhantomData,
    panic::Location,
    pin::Pin,
    ptr,
    task::{Context, Poll},
};

/// The right to poll a child of a scope, as passed to an executor.
///
/// One type whatever the child's future is: pointer-sized, `Send` and `'static`. It is ready when
/// the child has ended, in whatever way. Panics of the child do not propagate to the executor (with
/// `std`). Dropping it before the end cancels the child, [by](crate::Cancelled::by) the
/// [`Executor`](CancelledBy::Executor).
///
/// A child can end without the executor: a cancel drops the future at once and wakes the executor,
/// and the next poll is ready. Polling after that, late or on another thread is harmless.
///
/// # Examples
///
/// ```
/// use anyscope::{Child, scope, spawn_fn};
/// use std::{pin::{Pin, pin}, sync::Mutex, task::{Context, Poll, Waker}};
///
/// let queue = Mutex::new(Vec::new());
/// let exec = spawn_fn(|child: Child| queue.lock().unwrap().push(child));
/// let mut scope = pin!(scope(&exec, async |s| s.spawn(async { 42 }).await));
///
/// let mut cx = Context::from_waker(Waker::noop());
/// assert!(scope.as_mut().poll(&mut cx).is_pending());
/// let mut child = queue.lock().unwrap().pop().unwrap();
/// assert!(Pin::new(&mut child).poll(&mut cx).is_ready());
/// let Poll::Ready(joined) = scope.as_mut().poll(&mut cx) else { panic!() };
/// assert_eq!(joined.unwrap(), 42);
/// ```
#[must_use = "a child does nothing unless an executor polls it; dropping it cancels the child"]
pub struct Child(Option<Raw>);

// SAFETY: made of a future that is `Send`, or wrapped in a type that is not (`LocalChild`). What
// it points to is guarded by the state word.
unsafe impl Send for Child {}
// SAFETY: a `&Child` gives access to nothing.
unsafe impl Sync for Child {}

impl Child {
    /// Wraps the executor's share of `child`.
    pub(super) fn new(child: Raw) -> Self {
        Child(Some(child))
    }

    /// Returns the name, if the child was given one and has not ended.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{Child, Spawn, scope, smol::Smol, spawn_fn};
    ///
    /// // An executor that logs what it gets.
    /// let logged = spawn_fn(|child: Child| {
    ///     assert_eq!(child.name(), Some("fetch"));
    ///     Smol.spawn(child);
    /// });
    /// smol::block_on(scope(&logged, async |s| s.spawn_named("fetch", async {}).await)).unwrap();
    /// ```
    pub fn name(&self) -> Option<&str> {
        // SAFETY: the executor's share keeps it.
        self.0.and_then(|child| unsafe { child.info() }.origin.name())
    }

    /// Returns the address by which its handle knows it. Null if the child has ended.
    pub(crate) fn address(&self) -> *const () {
        self.0.map_or(ptr::null(), |child| child.as_ptr().cast_const().cast())
    }

    /// Returns where the child was spawned, if it has not ended.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{Child, Spawn, scope, smol::Smol, spawn_fn};
    ///
    /// let logged = spawn_fn(|child: Child| {
    ///     assert_eq!(child.spawned_at().unwrap().file(), file!());
    ///     Smol.spawn(child);
    /// });
    /// smol::block_on(scope(&logged, async |s| s.spawn(async {}).await)).unwrap();
    /// ```
    pub fn spawned_at(&self) -> Option<&'static Location<'static>> {
        // SAFETY: as above.
        self.0.map(|child| unsafe { child.info() }.origin.spawned_at())
    }
}

impl Future for Child {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let Some(child) = self.0 else { return Poll::Ready(()) };
        // SAFETY: we are the executor, which holds its share as long as `self` is not empty.
        match unsafe { child.poll(cx) } {
            Polled::Pending => return Poll::Pending,
            Polled::Gone => self.0 = None,
            Polled::Ready => {
                self.0 = None;
                // SAFETY: the share was ours, and `self` is empty now.
                unsafe { child.release(Keeper::Exec) };
            }
        }
        Poll::Ready(())
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        let Some(child) = self.0 else { return };
        // SAFETY: the executor's share keeps it, and is given up at the end.
        unsafe {
            child.cancel(CancelledBy::Executor, By::Dropper);
            child.release(Keeper::Exec);
        }
    }
}

impl fmt::Debug for Child {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(child) = self.0 else { return f.write_str("Child(done)") };
        // SAFETY: the executor's share keeps it.
        let (state, info) = unsafe { (child.state(), child.info()) };
        f.debug_struct("Child")
            .field("state", &state)
            .field("id", &info.id)
            .field("origin", info.origin)
            .finish()
    }
}

/// A [`Child`] that stays on its thread.
///
/// For what an executor does with one, see [`SpawnLocal`](crate::exec::SpawnLocal).
#[must_use = "a child does nothing unless an executor polls it; dropping it cancels the child"]
#[derive(Debug)]
pub struct LocalChild {
    child: Child,
    /// Neither `Send` nor `Sync`: the future is polled and dropped on one thread.
    _thread: PhantomData<*const ()>,
}

impl LocalChild {
    pub(super) fn new(child: Child) -> Self {
        LocalChild { child, _thread: PhantomData }
    }

    /// Returns the name; as [`Child::name`].
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{LocalChild, SpawnLocal};
    ///
    /// /// Passes on what has a name, and refuses all else.
    /// struct Named<E>(E);
    ///
    /// impl<E: SpawnLocal> SpawnLocal for Named<E> {
    ///     fn spawn_local(&self, child: LocalChild) {
    ///         if child.name().is_some() {
    ///             self.0.spawn_local(child);
    ///         }
    ///     }
    /// }
    /// ```
    pub fn name(&self) -> Option<&str> {
        self.child.name()
    }

    /// Returns where the child was spawned; as [`Child::spawned_at`].
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{LocalChild, SpawnLocal};
    ///
    /// /// Tells where each child comes from.
    /// struct Logged<E>(E);
    ///
    /// impl<E: SpawnLocal> SpawnLocal for Logged<E> {
    ///     fn spawn_local(&self, child: LocalChild) {
    ///         if let Some(place) = child.spawned_at() {
    ///             eprintln!("spawned at {place}");
    ///         }
    ///         self.0.spawn_local(child);
    ///     }
    /// }
    /// ```
    pub fn spawned_at(&self) -> Option<&'static Location<'static>> {
        self.child.spawned_at()
    }
}

impl Future for LocalChild {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        Pin::new(&mut self.child).poll(cx)
    }
}

/// A [`Child`] that is polled by the future of its own scope.
#[derive(Debug)]
pub(crate) struct InlineChild<'env> {
    child: Child,
    /// Invariant, so that a child which borrows is not put where it would outlive the borrow.
    _env: PhantomData<&'env mut &'env ()>,
}

impl InlineChild<'_> {
    pub(super) fn new(child: Child) -> Self {
        InlineChild { child, _env: PhantomData }
    }
}

impl Future for InlineChild<'_> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        Pin::new(&mut self.child).poll(cx)
    }
}
