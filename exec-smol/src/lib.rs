//! [anyscope](https://crates.io/crates/anyscope) on smol: its global executor, or executors of
//! one's own.
//!
//! | type | what | children | blocks |
//! |---|---|---|---|
//! | [`Smol`] | the global executor, which lives for ever | on its threads | yes |
//! | [`SmolExecutor`] | owns an [`Executor`] | on whichever threads [`run`](SmolExecutor::run) it | yes, driving it |
//! | [`SmolHandle`] | handle to an [`Executor`], cheap to clone | there | no |
//! | [`SmolLocal`], [`SmolLocalHandle`] | the same for a [`LocalExecutor`] | on this thread, `!Send` | yes, driving it |
//!
//! Handles do not keep their executor alive. When its owner is dropped, its children are dropped,
//! and children spawned later are refused: their handles say
//! [`Cancelled`](anyscope_core::JoinError::Cancelled), with the cause
//! [`Executor`](anyscope_core::CancelledBy::Executor).
//!
//! All of them are a [`Timer`] and a [`Clock`] (those of `async-io`) and run blocking closures (on
//! the threads of `blocking`), as far as a local executor can.
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

use anyscope_core::{
    BlockOn, Child, Clock, Instant, KeepAlive, LocalChild, Spawn, SpawnBlocking, SpawnLocal, Timer,
    enter,
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
    task::{Context, Poll, ready},
    thread,
    time::Duration,
};

/// smol's global executor, started on first use with as many threads as the environment variable
/// `SMOL_THREADS` says, or one.
///
/// # Panics
///
/// `block_on` and `block_scope` panic inside themselves and inside children spawned here: a
/// blocked thread may be the only one there is.
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

    /// What `SMOL_THREADS` says, or one.
    fn parallelism(&self) -> NonZeroUsize {
        // smol looks once, when it starts its threads.
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

/// The owner of an [`Executor`]. Dropping it drops the children that it has.
///
/// Its children run on the threads that are inside [`run`](Self::run) or
/// [`block_on`](BlockOn::block_on); while there are none, nothing happens.
///
/// # Panics
///
/// `block_on` and `block_scope` panic inside themselves and inside children spawned here.
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

/// One of them, until dropped.
struct Running<'a>(&'a Runners);

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl SmolExecutor {
    /// An executor with no children.
    pub fn new() -> Self {
        Self::default()
    }

    /// A handle that spawns here as long as this lives.
    pub fn handle(&self) -> SmolHandle {
        SmolHandle { executor: Arc::downgrade(&self.executor), runners: Some(self.runners.clone()) }
    }

    /// Runs children until `future` is ready. Any number of threads may do so.
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

    /// How many threads are inside [`run`](Self::run) or `block_on` at the moment, or one.
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
#[derive(Clone, Debug)]
pub struct SmolHandle {
    executor: Weak<Executor<'static>>,
    /// Known if the executor belongs to a [`SmolExecutor`].
    runners: Option<Arc<Runners>>,
}

/// For an executor that is owned elsewhere.
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

    /// That of the [`SmolExecutor`]. How many threads run an executor that is owned elsewhere is not
    /// known: what the machine can do.
    fn parallelism(&self) -> NonZeroUsize {
        static MACHINE: OnceLock<NonZeroUsize> = OnceLock::new();
        match &self.runners {
            Some(runners) => runners.get(),
            None => *MACHINE
                .get_or_init(|| thread::available_parallelism().unwrap_or(NonZeroUsize::MIN)),
        }
    }
}

/// The owner of a [`LocalExecutor`]. Dropping it drops the children that it has.
#[derive(Debug, Default)]
pub struct SmolLocal {
    executor: Rc<LocalExecutor<'static>>,
}

impl SmolLocal {
    /// An executor with no children.
    pub fn new() -> Self {
        Self::default()
    }

    /// A handle that spawns here as long as this lives.
    pub fn handle(&self) -> SmolLocalHandle {
        SmolLocalHandle { executor: Rc::downgrade(&self.executor) }
    }

    /// Runs children until `future` is ready.
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

time_and_blocking!(Smol, SmolExecutor, SmolHandle, SmolLocal, SmolLocalHandle);

/// Future of [`Timer::sleep`] on smol.
#[derive(Debug)]
#[must_use = "futures do nothing unless you `.await` or poll them"]
pub struct Sleep {
    timer: smol::Timer,
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        ready!(Pin::new(&mut self.timer).poll(cx));
        Poll::Ready(())
    }
}
