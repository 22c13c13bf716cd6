//! [anyscope](https://crates.io/crates/anyscope) on smol: its global executor, or an executor that
//! you own.
//!
//! | type | what | children run | `block_on` |
//! |---|---|---|---|
//! | [`Smol`] | the global executor, which lives for ever | on its threads | yes |
//! | [`SmolExecutor`] | owns an [`Executor`] | on the threads that [`run`](SmolExecutor::run) it | yes, driving it |
//! | [`SmolStatic`] | an executor that lives for ever, and costs less | on the threads that [`run`](SmolStatic::run) it | yes, driving it |
//! | [`SmolHandle`] | handle to an [`Executor`], cheap to clone | on the same threads | no |
//! | [`SmolLocal`], [`SmolLocalHandle`] | the same for a [`LocalExecutor`] | on this thread, `!Send` | yes, driving it; the handle no |
//!
//! Handles do not keep their executor alive. When the owner is dropped, its children are dropped,
//! and children spawned later are refused: their handles return
//! [`Cancelled`](anyscope_core::JoinError::Cancelled), [by](anyscope_core::Cancelled::by) the
//! [`Executor`](anyscope_core::CancelledBy::Executor).
//!
//! All of them implement [`Timer`] and [`Clock`] (those of `async-io`), and [`SpawnBlocking`] (on
//! the threads of `blocking`).
//!
//! # Examples
//!
//! ```
//! use anyscope::{scope, smol::Smol};
//!
//! let sum = smol::block_on(scope(&Smol, async |s| {
//!     let a = s.spawn(async { 40 });
//!     a.await.unwrap() + 2
//! }));
//! assert_eq!(sum, 42);
//! ```

#![cfg_attr(docsrs, feature(doc_cfg))]

mod fixed;

pub use fixed::SmolStatic;

use anyscope_core::{
    BlockOn, Child, Clock, Instant, KeepAlive, LocalChild, Spawn, SpawnBlocking, SpawnLocal, Timer,
    enter, observe::waits_for,
};
use async_executor::{Executor, LocalExecutor, Task};
use std::{
    env,
    future::Future,
    num::NonZeroUsize,
    pin::Pin,
    rc::{self, Rc},
    sync::{
        Arc, OnceLock, Weak,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
    thread,
    time::Duration,
};

/// smol's global executor.
///
/// Started on first use, with as many threads as the environment variable `SMOL_THREADS` says, or
/// one.
///
/// # Panics
///
/// `block_on` and `block_scope` panic inside themselves and inside children spawned here: the
/// blocked thread may be the only one there is.
///
/// # Examples
///
/// ```
/// use anyscope::{BlockOn, scope, smol::Smol};
///
/// let sum = Smol.block_on(scope(&Smol, async |s| {
///     let a = s.spawn(async { 40 });
///     a.await.unwrap() + 2
/// }));
/// assert_eq!(sum, 42);
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Smol;

/// Tells the global executor from others.
static GLOBAL: u8 = 0;

fn global_key() -> usize {
    std::ptr::from_ref(&GLOBAL).addr()
}

impl Spawn for Smol {
    fn spawn(&self, child: Child) {
        smol::spawn(enter::inside(global_key(), child)).detach();
    }

    fn spawn_keep_alive(&self, child: Child) -> Option<KeepAlive> {
        Some(KeepAlive::new(smol::spawn(enter::inside(global_key(), child))))
    }

    /// Returns the value of `SMOL_THREADS`, or one.
    fn parallelism(&self) -> NonZeroUsize {
        // smol reads it once, when it starts its threads.
        static THREADS: OnceLock<NonZeroUsize> = OnceLock::new();
        *THREADS.get_or_init(|| {
            let threads = env::var("SMOL_THREADS").ok().and_then(|threads| threads.parse().ok());
            threads.and_then(NonZeroUsize::new).unwrap_or(NonZeroUsize::MIN)
        })
    }
}

impl BlockOn for Smol {
    fn block_on<F: Future>(&self, future: F) -> F::Output {
        let _inside = enter::block(global_key(), "smol executor");
        smol::block_on(future)
    }
}

/// The owner of an [`Executor`]. Dropping it drops its children.
///
/// Its children run on the threads that are inside [`run`](Self::run) or
/// [`block_on`](BlockOn::block_on). While there are none, no child runs.
///
/// # Panics
///
/// `block_on` and `block_scope` panic inside themselves and inside children spawned here.
///
/// # Examples
///
/// ```
/// use anyscope::{BlockOn, scope, smol::SmolExecutor};
///
/// let executor = SmolExecutor::new();
/// let handle = executor.handle();
/// let sum = executor.block_on(scope(&handle, async |s| {
///     let a = s.spawn(async { 40 });
///     a.await.unwrap() + 2
/// }));
/// assert_eq!(sum, 42);
/// ```
#[derive(Debug, Default)]
pub struct SmolExecutor {
    executor: Arc<Executor<'static>>,
    runners: Arc<Runners>,
}

/// How many calls of `run` and `block_on` there are at the moment.
#[derive(Debug, Default)]
struct Runners(AtomicUsize);

impl Runners {
    fn enter(&self) -> Running<'_> {
        self.0.fetch_add(1, Ordering::Relaxed);
        Running(self)
    }

    fn get(&self) -> NonZeroUsize {
        NonZeroUsize::new(self.0.load(Ordering::Relaxed)).unwrap_or(NonZeroUsize::MIN)
    }
}

/// Counts as one runner until dropped.
struct Running<'a>(&'a Runners);

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl SmolExecutor {
    /// Creates an executor with no children.
    ///
    /// # Examples
    ///
    /// See [`SmolExecutor`].
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns a handle that spawns on this executor while the executor lives.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{OwnedScope, smol::{SmolExecutor, SmolHandle}};
    ///
    /// /// What has children of its own keeps a handle, which borrows nothing.
    /// struct Server {
    ///     children: OwnedScope<SmolHandle>,
    /// }
    ///
    /// let executor = SmolExecutor::new();
    /// let server = Server { children: OwnedScope::new(&executor.handle()) };
    /// let child = server.children.spawn(async { 42 });
    /// assert_eq!(smol::block_on(executor.run(child)).unwrap(), 42);
    /// ```
    pub fn handle(&self) -> SmolHandle {
        SmolHandle { executor: Arc::downgrade(&self.executor), runners: Some(self.runners.clone()) }
    }

    /// Runs children until `future` is ready, and returns its output. Any number of threads may do
    /// so at the same time.
    ///
    /// # Cancel safety
    ///
    /// Dropping the returned future drops `future`. The children stay with the executor.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{scope, smol::SmolExecutor};
    ///
    /// let executor = SmolExecutor::new();
    /// let handle = executor.handle();
    /// let joined = smol::block_on(executor.run(scope(&handle, async |s| s.spawn(async { 42 }).await)));
    /// assert_eq!(joined.unwrap(), 42);
    /// ```
    pub async fn run<T>(&self, future: impl Future<Output = T>) -> T {
        let _running = self.runners.enter();
        self.executor.run(future).await
    }
}

impl From<Executor<'static>> for SmolExecutor {
    fn from(executor: Executor<'static>) -> Self {
        SmolExecutor { executor: Arc::new(executor), runners: Arc::default() }
    }
}

impl Spawn for SmolExecutor {
    fn spawn(&self, child: Child) {
        spawn(&self.executor, child).detach();
    }

    fn spawn_keep_alive(&self, child: Child) -> Option<KeepAlive> {
        Some(KeepAlive::new(spawn(&self.executor, child)))
    }

    /// Returns how many threads are inside [`run`](Self::run) or `block_on` at the moment, or one.
    fn parallelism(&self) -> NonZeroUsize {
        self.runners.get()
    }
}

impl BlockOn for SmolExecutor {
    fn block_on<F: Future>(&self, future: F) -> F::Output {
        let _inside = enter::block(Arc::as_ptr(&self.executor).addr(), "smol executor");
        let _running = self.runners.enter();
        smol::block_on(self.executor.run(future))
    }
}

fn spawn(executor: &Arc<Executor<'static>>, child: Child) -> Task<()> {
    executor.spawn(enter::inside(Arc::as_ptr(executor).addr(), child))
}

/// A handle to an [`Executor`] that it does not keep alive.
///
/// # Examples
///
/// ```
/// use anyscope::{scope, smol::SmolHandle};
/// use std::sync::Arc;
///
/// // An executor that a program has already.
/// let executor = Arc::new(smol::Executor::new());
/// let handle = SmolHandle::from(&executor);
/// let work = scope(&handle, async |s| s.spawn(async { 42 }).await);
/// assert_eq!(smol::block_on(executor.run(work)).unwrap(), 42);
/// ```
#[derive(Clone, Debug)]
pub struct SmolHandle {
    executor: Weak<Executor<'static>>,
    /// Known if the executor belongs to a [`SmolExecutor`].
    runners: Option<Arc<Runners>>,
}

/// Makes a handle to an executor that is owned elsewhere.
impl From<&Arc<Executor<'static>>> for SmolHandle {
    fn from(executor: &Arc<Executor<'static>>) -> Self {
        SmolHandle { executor: Arc::downgrade(executor), runners: None }
    }
}

impl Spawn for SmolHandle {
    fn spawn(&self, child: Child) {
        if let Some(executor) = self.executor.upgrade() {
            spawn(&executor, child).detach();
        }
    }

    fn spawn_keep_alive(&self, child: Child) -> Option<KeepAlive> {
        Some(KeepAlive::new(spawn(&self.executor.upgrade()?, child)))
    }

    /// Returns the parallelism of the [`SmolExecutor`]. For an executor that is owned elsewhere,
    /// where the number of threads is not known, returns that of the machine.
    fn parallelism(&self) -> NonZeroUsize {
        self.runners.as_ref().map_or_else(threads_of_the_machine, |runners| runners.get())
    }
}

fn threads_of_the_machine() -> NonZeroUsize {
    static MACHINE: OnceLock<NonZeroUsize> = OnceLock::new();
    *MACHINE.get_or_init(|| thread::available_parallelism().unwrap_or(NonZeroUsize::MIN))
}

/// The owner of a [`LocalExecutor`]. Dropping it drops its children.
///
/// # Examples
///
/// ```
/// use anyscope::{BlockOn, scope_local, smol::SmolLocal};
/// use std::rc::Rc;
///
/// let executor = SmolLocal::new();
/// let handle = executor.handle();
/// let name = Rc::new("not Send");
/// let joined = executor.block_on(scope_local(&handle, async |s| {
///     s.spawn(async move { *name }).await
/// }));
/// assert_eq!(joined.unwrap(), "not Send");
/// ```
#[derive(Debug, Default)]
pub struct SmolLocal {
    executor: Rc<LocalExecutor<'static>>,
}

impl SmolLocal {
    /// Creates an executor with no children.
    ///
    /// # Examples
    ///
    /// See [`SmolLocal`].
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns a handle that spawns on this executor while the executor lives.
    ///
    /// # Examples
    ///
    /// See [`SmolLocal`].
    pub fn handle(&self) -> SmolLocalHandle {
        SmolLocalHandle { executor: Rc::downgrade(&self.executor) }
    }

    /// Runs children until `future` is ready, and returns its output.
    ///
    /// # Cancel safety
    ///
    /// Dropping the returned future drops `future`. The children stay with the executor.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{scope_local, smol::SmolLocal};
    /// use std::rc::Rc;
    ///
    /// # smol::block_on(async {
    /// let executor = SmolLocal::new();
    /// let handle = executor.handle();
    /// let name = Rc::new("not Send");
    /// let joined = executor
    ///     .run(scope_local(&handle, async |s| s.spawn(async move { *name }).await))
    ///     .await;
    /// assert_eq!(joined.unwrap(), "not Send");
    /// # });
    /// ```
    pub async fn run<T>(&self, future: impl Future<Output = T>) -> T {
        self.executor.run(future).await
    }
}

impl SpawnLocal for SmolLocal {
    fn spawn_local(&self, child: LocalChild) {
        self.executor.spawn(child).detach();
    }
}

impl BlockOn for SmolLocal {
    fn block_on<F: Future>(&self, future: F) -> F::Output {
        let _inside = enter::block(Rc::as_ptr(&self.executor).addr(), "smol local executor");
        smol::block_on(self.executor.run(future))
    }
}

/// A handle to a [`LocalExecutor`] that it does not keep alive.
///
/// See [`SmolLocal`].
#[derive(Clone, Debug)]
pub struct SmolLocalHandle {
    executor: rc::Weak<LocalExecutor<'static>>,
}

impl SpawnLocal for SmolLocalHandle {
    fn spawn_local(&self, child: LocalChild) {
        if let Some(executor) = self.executor.upgrade() {
            executor.spawn(child).detach();
        }
    }
}

macro_rules! time_and_blocking {
    ($($handle:ty),*) => {$(
        impl SpawnBlocking for $handle {
            fn spawn_blocking(&self, job: Box<dyn FnOnce() + Send>) {
                smol::unblock(job).detach();
            }
        }

        impl Timer for $handle {
            type Sleep = Sleep;

            fn sleep(&self, duration: Duration) -> Sleep {
                Sleep { timer: smol::Timer::after(duration) }
            }
        }

        impl Clock for $handle {
            fn now(&self) -> Instant {
                std::time::Instant::now().into()
            }
        }
    )*};
}

time_and_blocking!(Smol, SmolExecutor, SmolStatic, SmolHandle, SmolLocal, SmolLocalHandle);

/// Future of [`Timer::sleep`] on smol.
#[derive(Debug)]
#[must_use = "futures do nothing unless you `.await` or poll them"]
pub struct Sleep {
    timer: smol::Timer,
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let polled = Pin::new(&mut self.timer).poll(cx).map(drop);
        if polled.is_pending() {
            waits_for("a time");
        }
        polled
    }
}
