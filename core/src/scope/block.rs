//! Scopes whose children run in parallel *and* borrow, while the calling thread waits.
//!
//! # Why this is sound
//!
//! Children are lent to the executor as if they were `'static`, which they are not. One invariant
//! makes this sound: **a child that has left its scope holds nothing of `'scope`.** Its future is
//! dropped in place before it leaves. If the handle is gone, its outcome is dropped before it
//! leaves too. Otherwise the handle owns the outcome. The handle cannot outlive `'scope`; if it is
//! leaked, the outcome is never dropped. [`block_scope`] neither returns nor unwinds before every
//! child has left: if the driver did not run to its end, its drop has cancelled the children, and
//! [`Wait`] waits for polls in progress, without the executor.
//!
//! So an executor may lose, hoard or keep its shells, and poll, wake or drop them at any later
//! time, and its `block_on` may panic or leak what it was given.
//!
//! The errors of a fail-fast scope may borrow too. They are in the shared part of the scope, and
//! the last child to leave may hold a count of that part for a moment longer than we do. So they
//! are taken out before the end.
//!
//! The caveat is that of [`std::thread::scope`]: a stackful coroutine that is forgotten in the
//! middle of the call breaks the invariant.

use super::{
    blocking::{self, Blocking},
    driver::{self, Driver},
    handle::ScopeHandle,
    kind::Blocked,
    owner::Owner,
    policy::{Accept, Conclude, FailFast, Policy, Supervise},
    shared::{self, Plain, Shared, ValueOf},
};
use crate::{
    cancel::current::{self, Mark},
    child::{
        Anywhere, Child, JoinHandle,
        deferred::{self, Entry},
        origin::Origin,
        parent::Receive,
        spawn::{self, Spec},
    },
    enter,
    exec::{BlockOn, Spawn, SpawnBlocking},
    limit::Limit,
    sync::Arc,
    unwind,
};
use alloc::task::Wake;
use core::{
    any::type_name,
    future::{Future, poll_fn},
    ops::AsyncFnOnce,
    panic::Location,
    pin::pin,
    task::{Context, Poll, Waker},
};
use std::thread::{self, Thread};

/// Runs `body` on this thread and its children on `exec`, and returns when all have ended.
///
/// The children run in parallel and may borrow whatever lives longer than the call, `&mut`
/// included, as in [`std::thread::scope`]. The price is that the calling thread blocks. Use it at
/// the edge of synchronous code. Inside async code, await a [`scope`](super::scope) (parallel,
/// owns) or a [`concurrent`](super::concurrent) (borrows, one task). A future that is parallel,
/// borrows and does not block cannot be sound in today's Rust, because it can be forgotten.
///
/// Children fail independently, as in [`scope`](super::scope).
///
/// # Panics
///
/// - Propagates a panic of `body`, or of a child whose handle did not receive it, after all
///   children have ended.
/// - Panics before `body` runs if this thread is already inside `exec`: in its `block_on` or in one
///   of its children. Another executor around this call is not detected, and may deadlock if this
///   blocks one of its threads.
///
/// # Examples
///
/// ```
/// use anyscope::{block_scope, smol::Smol};
///
/// let words = ["to", "be", "or"];
/// let mut longest = "";
/// let letters = block_scope(&Smol, async |s| {
///     s.spawn(async { longest = words.iter().max_by_key(|word| word.len()).unwrap() });
///     let lengths = words.each_ref().map(|word| s.spawn(async move { word.len() }));
///     let mut sum = 0;
///     for length in lengths {
///         sum += length.await.unwrap();
///     }
///     sum
/// });
/// assert_eq!((letters, longest), (6, "or"));
/// ```
#[track_caller]
pub fn block_scope<'env, E, F, T>(exec: &'env E, body: F) -> T
where
    E: Spawn + BlockOn + ?Sized,
    F: for<'scope> AsyncFnOnce(&'scope BlockScope<'scope, 'env, E>) -> T,
{
    let owner = Owner::new(Limit::Unbounded, Anywhere::default());
    let scope = ScopeHandle::new(owner.shared().clone(), Blocked::new(exec));
    run(exec, owner, async || body(&scope).await)
}

/// Runs a [`block_scope`] in which the first failure ends everything, as in
/// [`try_scope`](super::try_scope).
///
/// # Errors
///
/// As [`try_scope`](super::try_scope).
///
/// # Panics
///
/// As [`block_scope`], but propagates the panic of any child.
///
/// # Examples
///
/// ```
/// use anyscope::{smol::Smol, try_block_scope};
///
/// let lines = ["40", "2"].map(String::from);
/// let sum = try_block_scope(&Smol, async |s| {
///     let [a, b] = lines.each_ref().map(|line| s.spawn(async { line.parse::<u32>() }));
///     Ok(a.value().await + b.value().await)
/// });
/// assert_eq!(sum.unwrap(), 42);
/// ```
#[track_caller]
pub fn try_block_scope<'env, E, F, T, Err>(
    exec: &'env E,
    body: F,
) -> Result<T, super::ScopeError<Err>>
where
    E: Spawn + BlockOn + ?Sized,
    F: for<'scope> AsyncFnOnce(&'scope TryBlockScope<'scope, 'env, E, Err>) -> Result<T, Err>,
{
    let owner = Owner::new(Limit::Unbounded, Anywhere::default());
    let scope = ScopeHandle::new(owner.shared().clone(), Blocked::new(exec));
    run(exec, owner, async || body(&scope).await)
}

/// Handle of a scope whose children run on an executor while the caller blocks, and may borrow
/// for `'scope`.
///
/// Passed by reference to the body of [`block_scope`] and [`try_block_scope`], so children can
/// capture it. The lifetimes are those of [`std::thread::Scope`].
pub type BlockScope<'scope, 'env, E, P = Supervise> = ScopeHandle<'scope, Blocked<'env, E>, P>;

/// A [`BlockScope`] in which the first failure ends everything; see [`try_block_scope`].
pub type TryBlockScope<'scope, 'env, E, Err> = BlockScope<'scope, 'env, E, FailFast<Err>>;

impl<'env, E: ?Sized, P: Policy> BlockScope<'_, 'env, E, P> {
    /// Returns the executor, for instance to use its timer.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{block_scope, smol::Smol, timeout};
    /// use std::{future::pending, time::Duration};
    ///
    /// block_scope(&Smol, async |s| {
    ///     // Its timer, where nobody has passed one.
    ///     let waited = timeout(s.executor(), Duration::from_millis(1), pending::<()>()).await;
    ///     assert!(waited.is_err());
    /// });
    /// ```
    pub fn executor(&self) -> &'env E {
        self.kind.exec
    }
}

impl<'scope, E: ?Sized, P: Policy + Send + Sync> BlockScope<'scope, '_, E, P> {
    /// Spawns a child of this scope on another executor.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{block_scope, smol::Smol};
    ///
    /// let words = ["to", "be"];
    /// let letters = block_scope(&Smol, async |s| {
    ///     // Or on any other executor:
    ///     s.spawn_on(&Smol, async { words.concat().len() }).await.unwrap()
    /// });
    /// assert_eq!(letters, 4);
    /// ```
    #[track_caller]
    pub fn spawn_on<X, F>(&self, other: &X, future: F) -> JoinHandle<'scope, P::Value>
    where
        X: Spawn + ?Sized,
        F: Future + Send + 'scope,
        F::Output: Send + 'scope,
        P: Accept<F::Output>,
    {
        let (child, handle) = self.create::<_, Plain>(future, shared::plain());
        if let Some(child) = child {
            handle.keep(|| other.spawn_keep_alive(child));
        }
        handle
    }

    /// Runs `f` as a child on a thread where blocking is allowed. `f` may borrow for `'scope`.
    ///
    /// Until it starts, the child can be cancelled like any other; then `f` is dropped. Once
    /// started, `f` runs to its end, and the scope waits for it.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{block_scope, smol::Smol};
    ///
    /// let words = ["to", "be"];
    /// let letters = block_scope(&Smol, async |s| {
    ///     // Borrows `words` on another thread.
    ///     s.spawn_blocking(|| words.concat().len()).await.unwrap()
    /// });
    /// assert_eq!(letters, 4);
    /// ```
    #[track_caller]
    pub fn spawn_blocking<F, O>(&self, f: F) -> JoinHandle<'scope, P::Value>
    where
        E: SpawnBlocking,
        F: FnOnce() -> O + Send + 'scope,
        O: Send + 'scope,
        P: Accept<O>,
    {
        let (child, handle) = self.create::<_, Plain>(Blocking::new(f), shared::plain());
        if let Some(child) = child {
            self.kind.exec.spawn_blocking(blocking::job(child));
        }
        handle
    }

    pub(super) fn create<F, Via>(
        &self,
        future: F,
        spec: Spec,
    ) -> Created<'scope, ValueOf<P, Anywhere, F::Output, Via>>
    where
        F: Future + Send + 'scope,
        F::Output: Send + 'scope,
        Shared<P, Anywhere>: Receive<F::Output, Via>,
    {
        let place = Shared::place(&self.shared, spec.daemon);
        // SAFETY:
        // - Threads: future and output are `Send`, the scope is `Send + Sync` as `P` is.
        // - Lifetimes: `'scope` does not end before `run` returns, and `run` does not return or
        //   unwind before every child has left and every error is out of the shared part; see the
        //   module. The handle is bound to `'scope`.
        unsafe { spawn::create(&self.shared, place, future, spec) }
    }
}

impl<'scope, E: ?Sized, P: Policy> BlockScope<'scope, '_, E, P> {
    /// Keeps `future` for the end of the scope.
    pub(super) fn keep<F>(&self, entry: Entry, origin: Origin, future: F)
    where
        F: Future<Output = ()> + Send + 'scope,
    {
        // SAFETY:
        // - Threads: the future is `Send`.
        // - Lifetimes: `'scope` does not end before `run` returns. The driver, which `run` owns,
        //   polls the finalizers, or drops them with itself. There is no runner that could take
        //   them over. A finalizer that a child defers after that is dropped before the child has
        //   left.
        unsafe { deferred::keep(&self.shared, entry, origin, future) };
    }
}

/// A child for the executor, if it was not refused, and its handle.
type Created<'scope, V> = (Option<Child>, JoinHandle<'scope, V>);

/// Runs the body on `exec`, and waits until every child has left.
#[track_caller]
fn run<E, P, B, F>(exec: &E, owner: Owner<P, Anywhere>, body: F) -> P::Output
where
    E: BlockOn + ?Sized,
    P: Conclude<B>,
    F: AsyncFnOnce() -> B,
{
    // Dropped last, however this function is left.
    let _wait = Wait(owner.shared().clone());
    // The body is called inside the future, so that it does not run if `block_on` panics at once.
    let mut driver = pin!(Driver::new(async { body().await }, owner, type_name::<Blocked<'_, E>>));
    driver::unwrap(drive(exec, |cx| driver.as_mut().poll(cx)))
}

/// Calls `poll`, which polls a scope, on `exec`, until it is ready.
#[track_caller]
pub(super) fn drive<E, T>(exec: &E, poll: impl FnMut(&mut Context<'_>) -> Poll<T>) -> T
where
    E: BlockOn + ?Sized,
{
    // Marked as blocked: the code around this resumes only when the whole scope has ended.
    let block = || current::marked(Mark::Blocked, || exec.block_on(poll_fn(poll)));
    enter::called_at(Location::caller(), block)
}

/// Waits until every child has left, whatever happened.
pub(super) struct Wait<P: Policy>(pub(super) Arc<Shared<P, Anywhere>>);

impl<P: Policy> Drop for Wait<P> {
    fn drop(&mut self) {
        // If `block_on` has unwound, the driver has been dropped and has cancelled the children.
        let shared = &self.0;
        // Created only if needed: usually the scope has ended.
        let mut waker = None;
        let mut wait = || {
            let waker = waker.get_or_insert_with(|| {
                Waker::from(alloc::sync::Arc::new(Unpark(thread::current())))
            });
            shared.register(&Context::from_waker(waker));
        };
        while shared.poll_children(&mut wait).is_pending() {
            thread::park();
        }
        shared.end();
        // Errors are left only if `block_on` was left early, by unwinding for instance. We may be
        // part of that unwinding, where a panic of their destructors would abort.
        unwind::contain(|| shared.policy().clear());
    }
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: alloc::sync::Arc<Self>) {
        self.0.unpark();
    }
}
