//! The pool, its builder and its handle.

use crate::{
    blocking,
    scheduler::{Driver, Tasks},
};
use anyscope_core::{
    BlockOn, Child, Clock, Instant, KeepAlive, Spawn, SpawnBlocking, Timer, enter,
    observe::waits_for,
};
use async_task::Task;
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
    task::{Context, Poll},
    thread::{self, JoinHandle},
    time::Duration,
};

/// The owner of a pool of threads. Dropping it stops and joins the threads, then drops the children
/// that have not ended.
///
/// It can be dropped anywhere. If one of its own threads drops it, that thread joins the others, and
/// ends itself when it has finished its child.
///
/// [`block_on`](BlockOn::block_on) and `block_scope` lend the calling thread to the pool, so that
/// even a pool without threads of its own makes progress.
///
/// # Panics
///
/// - `block_on` and `block_scope` panic inside themselves and on the threads of the pool.
/// - Spawning on a pool of zero threads panics while no thread is inside its `block_on`: the child
///   would never run.
///
/// # Examples
///
/// ```
/// use anyscope::{BlockOn, scope, threads::ThreadPool};
///
/// let pool = ThreadPool::new(2);
/// let handle = pool.handle();
/// let sum = pool.block_on(scope(&handle, async |s| {
///     let a = s.spawn(async { 40 });
///     a.await.unwrap() + 2
/// }));
/// assert_eq!(sum, 42);
/// ```
#[derive(Debug)]
pub struct ThreadPool {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    tasks: Tasks,
    /// How many threads the pool has, but at least one: so many children run when any do.
    threads: NonZeroUsize,
    /// How many threads the pool has, and how many are lent to it at the moment.
    drivers: AtomicUsize,
    stopped: AtomicBool,
}

impl ThreadPool {
    /// Creates a pool of `threads` threads.
    ///
    /// # Panics
    ///
    /// Panics if the operating system cannot start so many threads; see [`Builder::build`].
    ///
    /// # Examples
    ///
    /// See [`ThreadPool`].
    #[track_caller]
    pub fn new(threads: usize) -> Self {
        Self::builder().threads(threads).build().expect("no thread for the pool")
    }

    /// Returns a builder of a pool, by default with as many threads as there are processors.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{Spawn, threads::ThreadPool};
    ///
    /// let pool = ThreadPool::builder().threads(2).name("worker").build()?;
    /// assert_eq!(pool.parallelism().get(), 2);
    /// # std::io::Result::Ok(())
    /// ```
    pub fn builder() -> Builder {
        Builder { threads: None, name: "anyscope".into() }
    }

    /// Returns a handle that spawns on this pool while the pool lives.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{OwnedScope, threads::ThreadPool};
    ///
    /// let pool = ThreadPool::new(1);
    /// let children = OwnedScope::new(&pool.handle());
    /// let early = children.spawn(async { 42 });
    /// assert_eq!(futures_lite::future::block_on(early).unwrap(), 42);
    /// drop(pool); // a handle does not keep it
    /// let late = children.spawn(async { 43 });
    /// assert!(futures_lite::future::block_on(late).unwrap_err().is_cancelled());
    /// ```
    pub fn handle(&self) -> ThreadPoolHandle {
        ThreadPoolHandle { shared: Arc::downgrade(&self.shared) }
    }
}

/// A builder of a [`ThreadPool`]; see [`ThreadPool::builder`].
///
/// See [`ThreadPool::builder`].
#[derive(Clone, Debug)]
#[must_use = "a builder does nothing before `build`"]
pub struct Builder {
    threads: Option<usize>,
    name: String,
}

impl Builder {
    /// Sets how many threads the pool has. With zero, children run only inside `block_on`.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{Spawn, threads::ThreadPool};
    ///
    /// let pool = ThreadPool::builder().threads(3).build()?;
    /// assert_eq!(pool.handle().parallelism().get(), 3);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn threads(mut self, threads: usize) -> Self {
        self.threads = Some(threads);
        self
    }

    /// Sets the names of the threads: `name-0`, `name-1` and so on.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{scope, threads::ThreadPool};
    /// use std::thread;
    ///
    /// let pool = ThreadPool::builder().threads(1).name("resize").build()?;
    /// let handle = pool.handle();
    /// let names = futures_lite::future::block_on(scope(&handle, async |s| {
    ///     s.spawn(async { thread::current().name().map(str::to_owned) }).await.unwrap()
    /// }));
    /// assert_eq!(names.as_deref(), Some("resize-0"));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// Starts the threads.
    ///
    /// # Errors
    ///
    /// Returns an error if the operating system cannot start a thread, or if the name contains a
    /// NUL. Threads that were started are stopped.
    ///
    /// # Examples
    ///
    /// See [`ThreadPool::builder`].
    pub fn build(self) -> io::Result<ThreadPool> {
        let threads =
            self.threads.unwrap_or_else(|| thread::available_parallelism().map_or(1, usize::from));
        if self.name.contains('\0') {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "a thread name with a NUL"));
        }
        let mut started = Vec::new();
        started.try_reserve_exact(threads).map_err(|_| io::ErrorKind::OutOfMemory)?;
        let shared = Arc::new(Shared {
            tasks: Tasks::new(threads),
            threads: NonZeroUsize::new(threads).unwrap_or(NonZeroUsize::MIN),
            drivers: AtomicUsize::new(threads),
            stopped: AtomicBool::new(false),
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

    /// Runs a thread of the pool.
    fn work(&self) {
        let _inside = enter::work(self.key());
        // A child's panic does not reach this, but a waker's may.
        let run = || Driver::new(self.tasks.queues()).run_until(&self.stopped);
        while catch_unwind(AssertUnwindSafe(run)).is_err() {}
    }

    fn spawn(&self, child: Child) -> Task<()> {
        assert!(
            self.drivers.load(Ordering::Relaxed) > 0,
            "a pool of zero threads runs children only inside its `block_on`, and nobody is in it: \
             give it threads, or spawn inside `block_on`"
        );
        self.tasks.spawn(child)
    }
}

impl Drop for ThreadPool {
    fn drop(&mut self) {
        self.shared.stopped.store(true, Ordering::SeqCst);
        self.shared.tasks.queues().wake_all();
        for thread in self.threads.drain(..) {
            if thread.thread().id() != thread::current().id() {
                // The thread catches panics, so it has not panicked.
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

    /// Returns the number of threads. One if the pool has none of its own: the thread inside
    /// `block_on`.
    fn parallelism(&self) -> NonZeroUsize {
        self.shared.threads
    }
}

impl BlockOn for ThreadPool {
    fn block_on<F: Future>(&self, future: F) -> F::Output {
        /// Counts the lent thread out when dropped.
        struct Lent<'a>(&'a AtomicUsize);

        impl Drop for Lent<'_> {
            fn drop(&mut self) {
                self.0.fetch_sub(1, Ordering::Relaxed);
            }
        }

        let _inside = enter::block(self.shared.key(), "thread pool");
        self.shared.drivers.fetch_add(1, Ordering::Relaxed);
        let _lent = Lent(&self.shared.drivers);
        Driver::new(self.shared.tasks.queues()).block_on(future)
    }
}

/// A handle to a [`ThreadPool`] that it does not keep alive.
///
/// After the pool is gone, children are refused: their handles return
/// [`Cancelled`](anyscope_core::JoinError::Cancelled), [by](anyscope_core::Cancelled::by) the
/// [`Executor`](anyscope_core::CancelledBy::Executor).
///
/// See [`ThreadPool::handle`].
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

    /// Returns the parallelism of the pool. One if the pool is gone, as nothing runs there.
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
        let polled = Pin::new(&mut self.timer).poll(cx).map(drop);
        if polled.is_pending() {
            waits_for("a time");
        }
        polled
    }
}
