//! An executor that lives for ever.

use crate::Runners;
use anyscope_core::{BlockOn, Child, KeepAlive, Spawn, enter};
use async_executor::{Executor, StaticExecutor, Task};
use std::{future::Future, num::NonZeroUsize};

/// A [`StaticExecutor`]: one that lives as long as the process, and so need not count who uses it.
/// Cheap to copy; every copy is owner and handle.
///
/// A child of it costs a tenth less than that of a [`SmolExecutor`](crate::SmolExecutor) (1641
/// instructions, not 1828, of which 22 and not 35 are locked), which keeps a list of its tasks, to
/// drop them when it is dropped. Nothing drops the children of this one but their scopes: a child
/// that nobody runs any more is leaked, and its scope waits for ever.
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
/// use anyscope::{BlockOn, scope, smol::SmolStatic};
///
/// let executor = SmolStatic::new();
/// let sum = executor.block_on(scope(&executor, async |s| {
///     let a = s.spawn(async { 40 });
///     a.await.unwrap() + 2
/// }));
/// assert_eq!(sum, 42);
/// ```
///
/// One in a `static`, that is used by others as well:
///
/// ```
/// use anyscope::{BlockOn, scope, smol::SmolStatic};
/// use async_executor::StaticExecutor;
///
/// static EXECUTOR: StaticExecutor = StaticExecutor::new();
///
/// let executor = SmolStatic::from(&EXECUTOR);
/// let theirs = EXECUTOR.spawn(async { 2 });
/// let sum = executor.block_on(scope(&executor, async |s| {
///     let a = s.spawn(async { 40 });
///     a.await.unwrap() + theirs.await
/// }));
/// assert_eq!(sum, 42);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct SmolStatic {
    executor: &'static StaticExecutor,
    /// Known if the executor was made here.
    runners: Option<&'static Runners>,
}

impl SmolStatic {
    /// Creates an executor with no children. It is never freed: make one for a process, and not
    /// one for each request.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{BlockOn, smol::SmolStatic};
    ///
    /// // One for the whole program, and copies of it wherever something is spawned.
    /// let executor = SmolStatic::new();
    /// assert_eq!(executor.block_on(async { 42 }), 42);
    /// ```
    #[expect(clippy::new_without_default, reason = "a default must not leak")]
    pub fn new() -> Self {
        let runners: &Runners = Box::leak(Box::default());
        SmolStatic { executor: Executor::new().leak(), runners: Some(runners) }
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
    /// use anyscope::{scope, smol::SmolStatic};
    ///
    /// let executor = SmolStatic::new();
    /// let joined = smol::block_on(executor.run(scope(&executor, async |s| s.spawn(async { 42 }).await)));
    /// assert_eq!(joined.unwrap(), 42);
    /// ```
    pub async fn run<T>(&self, future: impl Future<Output = T>) -> T {
        let _running = self.runners.map(Runners::enter);
        self.executor.run(future).await
    }

    fn key(self) -> usize {
        std::ptr::from_ref(self.executor).addr()
    }

    fn start(self, child: Child) -> Task<()> {
        self.executor.spawn(enter::inside(self.key(), child))
    }
}

/// Uses an executor that others use as well.
impl From<&'static StaticExecutor> for SmolStatic {
    fn from(executor: &'static StaticExecutor) -> Self {
        SmolStatic { executor, runners: None }
    }
}

impl Spawn for SmolStatic {
    fn spawn(&self, child: Child) {
        self.start(child).detach();
    }

    fn spawn_keep_alive(&self, child: Child) -> Option<KeepAlive> {
        Some(KeepAlive::new(self.start(child)))
    }

    /// Returns how many threads are inside [`run`](Self::run) or `block_on` at the moment, or one.
    /// For an executor that others use as well, where that is not known, returns how many threads
    /// the machine can run.
    fn parallelism(&self) -> NonZeroUsize {
        self.runners.map_or_else(crate::threads_of_the_machine, Runners::get)
    }
}

impl BlockOn for SmolStatic {
    fn block_on<F: Future>(&self, future: F) -> F::Output {
        let _inside = enter::block(self.key(), "smol executor");
        smol::block_on(self.run(future))
    }
}
