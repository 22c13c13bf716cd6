//! [anyscope](https://crates.io/crates/anyscope) on tokio, current-thread and multi-thread.
//!
//! | type | what | children run | `block_on` |
//! |---|---|---|---|
//! | [`TokioHandle`] | handle to a runtime, cheap to clone | on its workers | no |
//! | [`TokioRuntime`] | owns a [`Runtime`] | on its workers | yes, driving it |
//! | [`TokioLocal`], [`TokioLocalHandle`] | owns a [`LocalSet`]; handle to it | on this thread, `!Send` | no |
//! | [`WithTokio`] | another executor, whose children may use tokio's I/O and timers | where that executor runs them, `!Send` if it can | if that executor has it |
//!
//! [`TaskLocal`] carries a value of tokio's `task_local!` into children.
//!
//! Handles do not keep a runtime alive. When the owner is dropped, its children are dropped, and
//! children spawned later are refused: their handles return
//! [`Cancelled`](anyscope_core::JoinError::Cancelled), [by](anyscope_core::Cancelled::by) the
//! [`Executor`](anyscope_core::CancelledBy::Executor).
//!
//! With `--cfg tokio_unstable`, which `tokio-console` needs anyway, each task has the name of its child
//! (`spawn_named`), or else the place where the child was spawned.
//!
//! Time is tokio's: if it is paused (`tokio::time::pause`), both [`Timer`] and [`Clock`] follow.
//!
//! # Examples
//!
//! ```
//! use anyscope::{scope, tokio::TokioHandle};
//!
//! # let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
//! # runtime.block_on(async {
//! // Inside a runtime:
//! let sum = scope(&TokioHandle::current(), async |s| {
//!     let a = s.spawn(async { 40 });
//!     a.await.unwrap() + 2
//! })
//! .await;
//! assert_eq!(sum, 42);
//! # });
//! ```

#![cfg_attr(docsrs, feature(doc_cfg))]

mod named;
mod task_local;

pub use task_local::{NotSet, TaskLocal};

use anyscope_core::{
    BlockOn, Child, Clock, Instant, KeepAlive, LocalChild, Spawn, SpawnBlocking, SpawnLocal, Timer,
    enter, observe::waits_for,
};
use pin_project_lite::pin_project;
use std::{
    future::Future,
    num::NonZeroUsize,
    panic::Location,
    pin::Pin,
    rc::{Rc, Weak},
    task::{Context, Poll},
    time::Duration,
};
use tokio::{
    runtime::{EnterGuard, Handle, Runtime},
    task::{
        LocalSet,
        coop::{has_budget_remaining, poll_proceed, unconstrained},
    },
};

/// Consumes one unit of the budget that tokio gives each task. If the budget is spent, returns
/// `Pending`, and the task is woken when it has a new one.
///
/// For [`Flow::cooperate`](anyscope_core::flow::Flow::cooperate): the items of a flow then share the
/// budget with what the same task receives from tokio's channels and sockets. Outside of tokio's
/// tasks there is no budget, and this is always ready.
///
/// # Examples
///
/// ```
/// use anyscope::flow;
///
/// # let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
/// # runtime.block_on(async {
/// let count = flow::iter(0..1000).cooperate(anyscope::tokio::proceed).count().await;
/// assert_eq!(count, 1000);
/// # });
/// ```
pub fn proceed(cx: &mut Context<'_>) -> Poll<()> {
    poll_proceed(cx).map(|step| step.made_progress())
}

/// A handle to a tokio runtime.
///
/// # Examples
///
/// ```
/// use anyscope::{scope, tokio::TokioHandle};
///
/// # let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
/// # runtime.block_on(async {
/// let joined = scope(&TokioHandle::current(), async |s| s.spawn(async { 42 }).await).await;
/// assert_eq!(joined.unwrap(), 42);
/// # });
/// ```
#[derive(Clone, Debug)]
pub struct TokioHandle {
    handle: Handle,
}

impl TokioHandle {
    /// Returns a handle to the runtime that this code runs in.
    ///
    /// # Panics
    ///
    /// Panics if the code runs in no runtime. Make a `TokioHandle` from a [`Handle`] there.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{scope, tokio::TokioHandle};
    ///
    /// # tokio::runtime::Runtime::new().unwrap().block_on(async {
    /// let here = TokioHandle::current();
    /// assert_eq!(scope(&here, async |s| s.spawn(async { 42 }).await).await.unwrap(), 42);
    /// # });
    /// ```
    #[track_caller]
    pub fn current() -> Self {
        Handle::current().into()
    }

    /// Enters the context of this runtime, unless this thread is in it: checking costs less than
    /// entering.
    fn context(&self) -> Option<EnterGuard<'_>> {
        let is_inside = Handle::try_current().is_ok_and(|around| around.id() == self.handle.id());
        (!is_inside).then(|| self.handle.enter())
    }
}

impl From<Handle> for TokioHandle {
    fn from(handle: Handle) -> Self {
        TokioHandle { handle }
    }
}

impl Spawn for TokioHandle {
    fn spawn(&self, child: Child) {
        drop(named::spawn(&self.handle, child));
    }

    fn spawn_keep_alive(&self, child: Child) -> Option<KeepAlive> {
        named::spawn(&self.handle, child).map(KeepAlive::new)
    }

    /// Returns the number of workers of the runtime; one if it runs on the current thread.
    fn parallelism(&self) -> NonZeroUsize {
        NonZeroUsize::new(self.handle.metrics().num_workers()).unwrap_or(NonZeroUsize::MIN)
    }
}

impl SpawnBlocking for TokioHandle {
    fn spawn_blocking(&self, job: Box<dyn FnOnce() + Send>) {
        drop(self.handle.spawn_blocking(job));
    }
}

/// # Panics
///
/// Panics if the runtime was built without `enable_time`.
impl Timer for TokioHandle {
    type Sleep = Sleep;

    fn sleep(&self, duration: Duration) -> Sleep {
        match self.context() {
            None => Sleep { sleep: tokio::time::sleep(duration) },
            Some(_context) => Sleep { sleep: tokio::time::sleep(duration) },
        }
    }

    /// One load, where a poll would take a unit of the budget and keep the waker.
    fn has_passed(&self, sleep: Pin<&mut Sleep>, _: &mut Context<'_>) -> bool {
        sleep.sleep.is_elapsed()
    }
}

pin_project! {
    /// Future of [`Timer::sleep`] on tokio.
    #[derive(Debug)]
    #[must_use = "futures do nothing unless you `.await` or poll them"]
    pub struct Sleep {
        #[pin]
        sleep: tokio::time::Sleep,
    }
}

impl Future for Sleep {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let sleep = self.project().sleep;
        // A limit is polled after what it limits, which may have spent the budget of the task. Then
        // tokio would neither look at the time nor wake anybody when it has passed.
        let polled = if has_budget_remaining() {
            sleep.poll(cx)
        } else {
            Pin::new(&mut unconstrained(sleep)).poll(cx)
        };
        if polled.is_pending() {
            waits_for("a time");
        }
        polled
    }
}

/// The time of the runtime, which may be paused.
impl Clock for TokioHandle {
    fn now(&self) -> Instant {
        let _context = self.context();
        tokio::time::Instant::now().into_std().into()
    }
}

/// The owner of a tokio runtime.
///
/// Dropping it shuts the runtime down: it waits for the workers, and for blocking closures that
/// have started. Inside tokio tasks, where waiting is forbidden, it does not wait.
///
/// # Panics
///
/// `block_on` and `block_scope` panic inside themselves, and inside any tokio runtime.
///
/// # Examples
///
/// ```
/// use anyscope::{block_scope, tokio::TokioRuntime};
///
/// let runtime = TokioRuntime::from(tokio::runtime::Runtime::new()?);
/// let words = ["to", "be"];
/// let letters = block_scope(&runtime, async |s| {
///     let first = s.spawn(async { words[0].len() });
///     first.await.unwrap() + words[1].len()
/// });
/// assert_eq!(letters, 4);
/// # std::io::Result::Ok(())
/// ```
#[derive(Debug)]
pub struct TokioRuntime {
    /// Some until the drop.
    runtime: Option<Runtime>,
    tokio: TokioHandle,
}

impl TokioRuntime {
    /// Returns a handle that spawns on this runtime.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{BlockOn, scope, tokio::TokioRuntime};
    ///
    /// let runtime = TokioRuntime::from(tokio::runtime::Runtime::new()?);
    /// let handle = runtime.handle();
    /// let answer = runtime.block_on(scope(&handle, async |s| s.spawn(async { 42 }).value().await));
    /// assert_eq!(answer, 42);
    /// # std::io::Result::Ok(())
    /// ```
    pub fn handle(&self) -> TokioHandle {
        self.tokio.clone()
    }
}

impl From<Runtime> for TokioRuntime {
    fn from(runtime: Runtime) -> Self {
        let tokio = runtime.handle().clone().into();
        TokioRuntime { runtime: Some(runtime), tokio }
    }
}

impl Drop for TokioRuntime {
    fn drop(&mut self) {
        if let (Some(runtime), Ok(_)) = (self.runtime.take(), Handle::try_current()) {
            runtime.shutdown_background();
        }
    }
}

impl BlockOn for TokioRuntime {
    fn block_on<F: Future>(&self, future: F) -> F::Output {
        let runtime = self.runtime.as_ref().expect("there until the drop");
        let _inside = enter::block(std::ptr::from_ref(runtime).addr(), "tokio runtime");
        if let Ok(around) = Handle::try_current() {
            let which = if around.id() == runtime.handle().id() { "this" } else { "another" };
            panic!(
                "this thread is running a task of {which} tokio runtime: blocking on one at {} \
                 could wait for ever; await the inner work instead",
                Location::caller()
            );
        }
        runtime.block_on(future)
    }
}

impl Spawn for TokioRuntime {
    fn spawn(&self, child: Child) {
        self.tokio.spawn(child);
    }

    fn spawn_keep_alive(&self, child: Child) -> Option<KeepAlive> {
        self.tokio.spawn_keep_alive(child)
    }

    fn parallelism(&self) -> NonZeroUsize {
        self.tokio.parallelism()
    }
}

impl SpawnBlocking for TokioRuntime {
    fn spawn_blocking(&self, job: Box<dyn FnOnce() + Send>) {
        self.tokio.spawn_blocking(job);
    }
}

/// The owner of a [`LocalSet`]. Dropping it drops its children.
///
/// # Examples
///
/// ```
/// use anyscope::{scope_local, tokio::TokioLocal};
/// use std::rc::Rc;
///
/// # let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
/// # runtime.block_on(async {
/// let set = TokioLocal::new();
/// let handle = set.handle();
/// let name = Rc::new("not Send");
/// let joined = set
///     .run_until(scope_local(&handle, async |s| s.spawn(async move { *name }).await))
///     .await;
/// assert_eq!(joined.unwrap(), "not Send");
/// # });
/// ```
#[derive(Debug, Default)]
pub struct TokioLocal {
    set: Rc<LocalSet>,
}

impl TokioLocal {
    /// Creates a set with no children.
    ///
    /// # Examples
    ///
    /// See [`TokioLocal`].
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns a handle that spawns on this set while the set lives.
    ///
    /// # Examples
    ///
    /// See [`TokioLocal`].
    pub fn handle(&self) -> TokioLocalHandle {
        TokioLocalHandle { set: Rc::downgrade(&self.set) }
    }

    /// Runs children until `future` is ready, and returns its output. Await it inside a tokio
    /// runtime.
    ///
    /// # Cancel safety
    ///
    /// Dropping the returned future drops `future`. The children stay in the set.
    ///
    /// # Examples
    ///
    /// See [`TokioLocal`].
    pub async fn run_until<F: Future>(&self, future: F) -> F::Output {
        self.set.run_until(future).await
    }
}

impl From<LocalSet> for TokioLocal {
    fn from(set: LocalSet) -> Self {
        TokioLocal { set: Rc::new(set) }
    }
}

impl SpawnLocal for TokioLocal {
    fn spawn_local(&self, child: LocalChild) {
        named::spawn_local(&self.set, child);
    }
}

/// A handle to a [`LocalSet`] that it does not keep alive.
///
/// See [`TokioLocal`].
#[derive(Clone, Debug)]
pub struct TokioLocalHandle {
    set: Weak<LocalSet>,
}

impl SpawnLocal for TokioLocalHandle {
    fn spawn_local(&self, child: LocalChild) {
        if let Some(set) = self.set.upgrade() {
            named::spawn_local(&set, child);
        }
    }
}

/// Another executor, whose children are polled and dropped in the context of a tokio runtime.
///
/// So tokio's I/O and timers work in the children. The runtime must be running somewhere.
///
/// It implements what the other executor implements: [`Spawn`], [`SpawnLocal`], [`SpawnBlocking`],
/// [`BlockOn`] (whose future runs in the context too), [`Timer`] and [`Clock`]. Blocking closures run
/// in the context as well; sleeps and moments are those of the other executor.
///
/// # Cancel safety
///
/// A child that is cancelled while it waits is dropped on the thread that cancels it, perhaps
/// outside of the context. Tokio's own types allow that.
///
/// # Cost
///
/// One more allocation for each child, for each blocking closure, and for each `block_on`.
///
/// # Examples
///
/// ```
/// use anyscope::{BlockOn, scope, threads::ThreadPool, tokio::WithTokio};
/// use std::time::Duration;
///
/// let runtime = tokio::runtime::Runtime::new().unwrap();
/// let pool = ThreadPool::new(1);
/// let exec = WithTokio::new(pool.handle(), runtime.handle().clone());
/// pool.block_on(scope(&exec, async |s| {
///     // On a thread of the pool, with a timer of the runtime.
///     s.spawn(async { tokio::time::sleep(Duration::from_millis(1)).await }).await.unwrap();
/// }));
/// ```
#[derive(Clone, Debug)]
pub struct WithTokio<E> {
    exec: E,
    handle: Handle,
}

impl<E> WithTokio<E> {
    /// Returns an executor that runs children on `exec`, in the context of the runtime of `handle`.
    ///
    /// # Examples
    ///
    /// See [`WithTokio`].
    pub fn new(exec: E, handle: Handle) -> Self {
        WithTokio { exec, handle }
    }
}

impl<E> WithTokio<E> {
    fn in_context<F>(&self, future: F) -> InContext<F> {
        InContext { future: Some(future), handle: self.handle.clone() }
    }
}

impl<E: Spawn> Spawn for WithTokio<E> {
    fn spawn(&self, child: Child) {
        self.exec.spawn(Child::unscoped(self.in_context(child)));
    }

    fn spawn_keep_alive(&self, child: Child) -> Option<KeepAlive> {
        self.exec.spawn_keep_alive(Child::unscoped(self.in_context(child)))
    }

    fn parallelism(&self) -> NonZeroUsize {
        self.exec.parallelism()
    }
}

impl<E: SpawnLocal> SpawnLocal for WithTokio<E> {
    fn spawn_local(&self, child: LocalChild) {
        self.exec.spawn_local(LocalChild::unscoped(self.in_context(child)));
    }
}

impl<E: SpawnBlocking> SpawnBlocking for WithTokio<E> {
    fn spawn_blocking(&self, job: Box<dyn FnOnce() + Send>) {
        let mut job = self.in_context(job);
        self.exec.spawn_blocking(Box::new(move || {
            let handle = job.handle.clone();
            let _context = handle.enter();
            if let Some(job) = job.future.take() {
                job();
            }
        }));
    }
}

impl<E: BlockOn> BlockOn for WithTokio<E> {
    fn block_on<F: Future>(&self, future: F) -> F::Output {
        self.exec.block_on(self.in_context(Box::pin(future)))
    }
}

/// Polls and drops a future in the context of a runtime.
struct InContext<F> {
    /// Some until it is dropped or taken.
    future: Option<F>,
    handle: Handle,
}

impl<F: Future + Unpin> Future for InContext<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let InContext { future, handle } = &mut *self;
        let _context = handle.enter();
        Pin::new(future.as_mut().expect("there until the drop")).poll(cx)
    }
}

impl<F> Drop for InContext<F> {
    fn drop(&mut self) {
        let _context = self.handle.enter();
        self.future = None;
    }
}

/// Implements [`Timer`] and [`Clock`] for the first type by forwarding to its field, of the second.
macro_rules! forward_time {
    ([$($e:ident)?] $outer:ty, $field:ident: $inner:ty) => {
        impl $(<$e: Timer>)? Timer for $outer {
            type Sleep = <$inner as Timer>::Sleep;

            fn sleep(&self, duration: Duration) -> Self::Sleep {
                self.$field.sleep(duration)
            }

            fn has_passed(&self, sleep: Pin<&mut Self::Sleep>, cx: &mut Context<'_>) -> bool {
                self.$field.has_passed(sleep, cx)
            }
        }

        impl $(<$e: Clock>)? Clock for $outer {
            fn now(&self) -> Instant {
                self.$field.now()
            }
        }
    };
}

forward_time!([] TokioRuntime, tokio: TokioHandle);
forward_time!([E] WithTokio<E>, exec: E);
