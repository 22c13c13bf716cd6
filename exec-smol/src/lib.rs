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
//! [`Executor`](anyscope_core::CancelCause::Executor).
//!
//! All of them are a [`Timer`] and a [`Clock`] (those of `async-io`) and run blocking closures (on
//! the threads of `blocking`), as far as a local executor can.
//!
//! # Examples
//!
//! ```
//! use anyscope_core::scope;
//! use anyscope_smol::Smol;
//!
//! let sum = smol::block_on(scope(&Smol, async |s| {
//!     let a = s.spawn(async { 40 });
//!     a.await.unwrap() + 2
//! }));
//! assert_eq!(sum, 42);
//! ```

use anyscope_core::{
    BlockOn, Child, Clock, Instant, Kept, LocalChild, Spawn, SpawnBlocking, SpawnLocal, Timer,
    enter,
};
use async_executor::{Executor, LocalExecutor};
use std::{
    future::Future,
    pin::Pin,
    rc::{self, Rc},
    sync::{Arc, Weak},
    task::{Context, Poll, ready},
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

    fn spawn_kept(&self, child: Child) -> Option<Kept> {
        Some(Kept::new(smol::spawn(enter::inside(global_key(), child))))
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
}

impl SmolExecutor {
    /// An executor with no children.
    pub fn new() -> Self {
        Self::default()
    }

    /// A handle that spawns here as long as this lives.
    pub fn handle(&self) -> SmolHandle {
        SmolHandle { executor: Arc::downgrade(&self.executor) }
    }

    /// Runs children until `future` is ready. Any number of threads may do so.
    pub async fn run<T>(&self, future: impl Future<Output = T>) -> T {
        self.executor.run(future).await
    }
}

impl From<Executor<'static>> for SmolExecutor {
    fn from(executor: Executor<'static>) -> Self {
        SmolExecutor { executor: Arc::new(executor) }
    }
}

impl Spawn for SmolExecutor {
    fn spawn(&self, child: Child) {
        spawn(&self.executor, child);
    }
}

impl BlockOn for SmolExecutor {
    fn block_on<F: Future>(&self, future: F) -> F::Output {
        let _inside = enter::block(Arc::as_ptr(&self.executor).addr(), "smol executor");
        smol::block_on(self.executor.run(future))
    }
}

fn spawn(executor: &Arc<Executor<'static>>, child: Child) {
    executor.spawn(enter::inside(Arc::as_ptr(executor).addr(), child)).detach();
}

/// A handle to an [`Executor`] that it does not keep alive.
#[derive(Clone, Debug)]
pub struct SmolHandle {
    executor: Weak<Executor<'static>>,
}

/// For an executor that is owned elsewhere.
impl From<&Arc<Executor<'static>>> for SmolHandle {
    fn from(executor: &Arc<Executor<'static>>) -> Self {
        SmolHandle { executor: Arc::downgrade(executor) }
    }
}

impl Spawn for SmolHandle {
    fn spawn(&self, child: Child) {
        if let Some(executor) = self.executor.upgrade() {
            spawn(&executor, child);
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
