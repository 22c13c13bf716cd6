//! [anyscope](https://crates.io/crates/anyscope) on a plain pool of threads, with timers and
//! blocking closures, and without a runtime.
//!
//! [`ThreadPool`] owns the threads; [`ThreadPoolHandle`] spawns on them. The queue is that of
//! `async-executor`; timers are those of `async-io`, driven by its one thread; blocking closures
//! run on threads of their own, which all pools share: 500 at most, or as many as the environment
//! variable `BLOCKING_MAX_THREADS` says.
//!
//! # Examples
//!
//! ```
//! use anyscope::{block_scope, threads::ThreadPool};
//!
//! let pool = ThreadPool::new(2);
//! let words = ["to", "be", "or"];
//! let letters = block_scope(&pool, async |s| {
//!     let lengths = words.each_ref().map(|word| s.spawn(async move { word.len() }));
//!     let mut sum = 0;
//!     for length in lengths {
//!         sum += length.await.unwrap();
//!     }
//!     sum
//! });
//! assert_eq!(letters, 6);
//! ```

#![cfg_attr(docsrs, feature(doc_cfg))]

mod blocking;

use anyscope_core::{
    BlockOn, Child, Clock, Instant, KeepAlive, Spawn, SpawnBlocking, Timer, enter,
};
use async_executor::{Executor, Task};
use event_listener::{Event, listener};
use futures_lite::future;
use std::{
    future::Future,
    io,
    num::NonZeroUsize,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    sync::{
        Arc, Weak,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    task::{Context, Poll, ready},
    thread::{self, JoinHandle},
    time::Duration,
};

/// The owner of a pool of threads. Dropping it stops and joins them, then drops the children that
/// have not ended.
///
/// Safe to drop anywhere: on one of its own threads it joins the others, and that thread ends
/// when it is done with its child.
///
/// [`block_on`](BlockOn::block_on) and `block_scope` lend the calling thread to the pool, so that
/// even a pool without threads of its own gets on.
///
/// # Panics
///
/// - `block_on` and `block_scope` panic inside themselves and on the threads of the pool.
/// - Spawning on a pool of zero threads panics while nobody is inside its `block_on`: nobody would
///   ever run the child.
#[derive(Debug)]
pub struct ThreadPool {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    executor: Executor<'static>,
    /// Those of the pool, but at least one, as that many children run when any do.
    threads: NonZeroUsize,
    /// The threads of the pool, and those lent to it at the moment.
    drivers: AtomicUsize,
    stopped: AtomicBool,
    stop: Event,
}

impl ThreadPool {
    /// A pool of `threads` threads.
    ///
    /// # Panics
    ///
    /// When the operating system gives no more threads; see [`Builder::build`].
    #[track_caller]
    pub fn new(threads: usize) -> Self {
        Self::builder().threads(threads).build().expect("no thread for the pool")
    }

    /// A pool of as many threads as there are processors, unless told otherwise.
    pub fn builder() -> Builder {
        Builder { threads: None, name: "anyscope".into() }
    }

    /// A handle that spawns here as long as this lives.
    pub fn handle(&self) -> ThreadPoolHandle {
        ThreadPoolHandle { shared: Arc::downgrade(&self.shared) }
    }
}

/// How to make a [`ThreadPool`].
#[derive(Clone, Debug)]
#[must_use = "a builder does nothing before `build`"]
pub struct Builder {
    threads: Option<usize>,
    name: String,
}

impl Builder {
    /// How many threads. With zero, children run only inside `block_on`.
    pub fn threads(mut self, threads: usize) -> Self {
        self.threads = Some(threads);
        self
    }

    /// What the threads are called: `name-0`, `name-1` and so on.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// Starts the threads.
    ///
    /// # Errors
    ///
    /// When the operating system refuses one, or the name contains a NUL. Those that were started
    /// are stopped.
    pub fn build(self) -> io::Result<ThreadPool> {
        let threads =
            self.threads.unwrap_or_else(|| thread::available_parallelism().map_or(1, usize::from));
        if self.name.contains('\0') {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "a thread name with a NUL"));
        }
        let mut started = Vec::new();
        started.try_reserve_exact(threads).map_err(|_| io::ErrorKind::OutOfMemory)?;
        let shared = Arc::new(Shared {
            executor: Executor::new(),
            threads: NonZeroUsize::new(threads).unwrap_or(NonZeroUsize::MIN),
            drivers: AtomicUsize::new(threads),
            stopped: AtomicBool::new(false),
            stop: Event::new(),
        });
        let mut pool = ThreadPool { shared, threads: started };
        for n in 0..threads {
            let shared = pool.shared.clone();
            let thread = thread::Builder::new().name(format!("{}-{n}", self.name));
            pool.threads.push(thread.spawn(move || shared.work())?);
        }
        Ok(pool)
    }
}

impl Shared {
    fn key(&self) -> usize {
        std::ptr::from_ref(self).addr()
    }

    /// What a thread of the pool does.
    fn work(&self) {
        let _inside = enter::work(self.key());
        let stopped = || {
            future::block_on(self.executor.run(async {
                listener!(self.stop => stop);
                if !self.stopped.load(Ordering::SeqCst) {
                    stop.await;
                }
            }));
        };
        // A child's panic does not come here, but a waker's may.
        while catch_unwind(AssertUnwindSafe(stopped)).is_err() {}
    }

    fn spawn(&self, child: Child) -> Task<()> {
        assert!(
            self.drivers.load(Ordering::Relaxed) > 0,
            "a pool of zero threads runs children only inside its `block_on`, and nobody is in it: \
             give it threads, or spawn inside `block_on`"
        );
        self.executor.spawn(child)
    }
}

impl Drop for ThreadPool {
    fn drop(&mut self) {
        self.shared.stopped.store(true, Ordering::SeqCst);
        self.shared.stop.notify(usize::MAX);
        for thread in self.threads.drain(..) {
            if thread.thread().id() != thread::current().id() {
                // It catches panics, so it has not panicked.
                let _ = thread.join();
            }
        }
    }
}

impl Spawn for ThreadPool {
    fn spawn(&self, child: Child) {
        self.shared.spawn(child).detach();
    }

    fn spawn_keep_alive(&self, child: Child) -> Option<KeepAlive> {
        Some(KeepAlive::new(self.shared.spawn(child)))
    }

    /// The threads of the pool. One if it has none of its own: the one inside `block_on`.
    fn parallelism(&self) -> NonZeroUsize {
        self.shared.threads
    }
}

impl BlockOn for ThreadPool {
    fn block_on<F: Future>(&self, future: F) -> F::Output {
        /// One thread less when dropped.
        struct Lent<'a>(&'a AtomicUsize);

        impl Drop for Lent<'_> {
            fn drop(&mut self) {
                self.0.fetch_sub(1, Ordering::Relaxed);
            }
        }

        let _inside = enter::block(self.shared.key(), "thread pool");
        self.shared.drivers.fetch_add(1, Ordering::Relaxed);
        let _lent = Lent(&self.shared.drivers);
        future::block_on(self.shared.executor.run(future))
    }
}

/// A handle to a [`ThreadPool`] that it does not keep alive.
///
/// After the pool is gone, children are refused: their handles say
/// [`Cancelled`](anyscope_core::JoinError::Cancelled), with the cause
/// [`Executor`](anyscope_core::CancelledBy::Executor).
#[derive(Clone, Debug)]
pub struct ThreadPoolHandle {
    shared: Weak<Shared>,
}

impl Spawn for ThreadPoolHandle {
    fn spawn(&self, child: Child) {
        if let Some(shared) = self.shared.upgrade() {
            shared.spawn(child).detach();
        }
    }

    fn spawn_keep_alive(&self, child: Child) -> Option<KeepAlive> {
        Some(KeepAlive::new(self.shared.upgrade()?.spawn(child)))
    }

    /// That of the pool. One when it is gone, as nothing runs there.
    fn parallelism(&self) -> NonZeroUsize {
        self.shared.upgrade().map_or(NonZeroUsize::MIN, |shared| shared.threads)
    }
}

macro_rules! time_and_blocking {
    ($($handle:ty),*) => {$(
        impl SpawnBlocking for $handle {
            fn spawn_blocking(&self, job: Box<dyn FnOnce() + Send>) {
                blocking::run(job);
            }
        }

        impl Timer for $handle {
            type Sleep = Sleep;

            fn sleep(&self, duration: Duration) -> Sleep {
                Sleep { timer: async_io::Timer::after(duration) }
            }
        }

        impl Clock for $handle {
            fn now(&self) -> Instant {
                std::time::Instant::now().into()
            }
        }
    )*};
}

time_and_blocking!(ThreadPool, ThreadPoolHandle);

/// Future of [`Timer::sleep`] on a thread pool.
#[derive(Debug)]
#[must_use = "futures do nothing unless you `.await` or poll them"]
pub struct Sleep {
    timer: async_io::Timer,
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        ready!(Pin::new(&mut self.timer).poll(cx));
        Poll::Ready(())
    }
}
