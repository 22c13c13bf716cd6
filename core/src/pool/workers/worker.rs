//! What a worker is: a state, and what it does with a job.

use alloc::{boxed::Box, sync::Arc};
use core::{error::Error, fmt, future::Future, marker::PhantomData};

/// The state of a worker of a [`Pool`](super::Pool), and what it does with a job.
///
/// Each worker has a state of its own and does one job at a time, so nothing in it needs a lock.
/// For a closure instead of an implementation, use [`worker`].
///
/// # Examples
///
/// ```
/// use anyscope::{pool::{Pool, Worker}, smol::Smol};
///
/// struct Counter {
///     done: u64,
/// }
///
/// impl Worker for Counter {
///     type Job = &'static str;
///     type Output = (u64, usize);
///
///     async fn handle(&mut self, job: &'static str) -> (u64, usize) {
///         self.done += 1;
///         (self.done, job.len())
///     }
/// }
///
/// # smol::block_on(async {
/// let pool = Pool::builder(&Smol).start(async |_| Counter { done: 0 }).unwrap();
/// assert_eq!(pool.call("one").await.unwrap(), (1, 3));
/// assert_eq!(pool.call("three").await.unwrap(), (2, 5));
/// # });
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a worker of a pool",
    label = "not a `Worker`",
    note = "implement `anyscope::pool::Worker`, or make one of a state and an async closure with `anyscope::pool::worker`"
)]
pub trait Worker: Send + 'static {
    /// What the worker is given.
    type Job: Send + 'static;
    /// What it returns for a job.
    type Output: Send + 'static;

    /// Does a job. An implementation may be an `async fn`.
    ///
    /// If it panics, the job fails with the panic, this worker is dropped, and the pool makes
    /// another one in its place. If the job is [aborted](super::Ticket::abort), the future is dropped
    /// where it waits, and the worker is used on.
    fn handle(&mut self, job: Self::Job) -> impl Future<Output = Self::Output> + Send;
}

/// Makes a [`Worker`] of a state and an async closure.
///
/// The closure is called for one job after the other. It cannot use what it captures by value, as its
/// future would borrow from it: put that into the state.
///
/// # Examples
///
/// ```
/// use anyscope::{pool::{Pool, worker}, smol::Smol};
///
/// # smol::block_on(async {
/// let pool = Pool::builder(&Smol).workers(2).start(async |index| {
///     worker(format!("worker {index}"), async |name: &mut String, job: u32| {
///         format!("{name} did {job}")
///     })
/// });
/// let done = pool.unwrap().call(7).await.unwrap();
/// assert!(done.ends_with("did 7"));
/// # });
/// ```
pub fn worker<S, J, O, H>(state: S, handler: H) -> FnWorker<S, J, O, H>
where
    S: Send + 'static,
    J: Send + 'static,
    O: Send + 'static,
    H: for<'a> Handler<'a, S, J, Output = O>,
{
    FnWorker { state, handler, job: PhantomData }
}

/// A worker that is made of a closure; see [`worker`].
pub struct FnWorker<S, J, O, H> {
    state: S,
    handler: H,
    job: PhantomData<fn(J) -> O>,
}

impl<S, J, O, H> Worker for FnWorker<S, J, O, H>
where
    S: Send + 'static,
    J: Send + 'static,
    O: Send + 'static,
    H: for<'a> Handler<'a, S, J, Output = O>,
{
    type Job = J;
    type Output = O;

    fn handle(&mut self, job: J) -> impl Future<Output = O> + Send {
        self.handler.handle(&mut self.state, job)
    }
}

impl<S: fmt::Debug, J, O, H> fmt::Debug for FnWorker<S, J, O, H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FnWorker").field("state", &self.state).finish_non_exhaustive()
    }
}

/// An async closure or function of a state and a job. Implemented for those; see [`worker`].
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot handle jobs `{J}` with a state `{S}`",
    label = "not an async function of `&mut {S}` and `{J}`",
    note = "write `async |state: &mut {S}, job: {J}| ..`, with both types; what it captures by value belongs into the state"
)]
pub trait Handler<'a, S: 'a, J>: Send + 'static {
    /// What is returned for a job.
    type Output: Send + 'static;
    /// The future of a call.
    type Future: Future<Output = Self::Output> + Send + 'a;

    /// Does a job.
    fn handle(&mut self, state: &'a mut S, job: J) -> Self::Future;
}

impl<'a, S: 'a, J, F, Fut> Handler<'a, S, J> for F
where
    F: FnMut(&'a mut S, J) -> Fut + Send + 'static,
    Fut: Future<Output: Send + 'static> + Send + 'a,
{
    type Output = Fut::Output;
    type Future = Fut;

    fn handle(&mut self, state: &'a mut S, job: J) -> Fut {
        self(state, job)
    }
}

/// What the function that makes workers may return: a [`Worker`], or a `Result` of one.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is neither a worker of a pool nor a `Result` of one",
    label = "not a `Worker`",
    note = "implement `anyscope::pool::Worker`, or make one of a state and an async closure with `anyscope::pool::worker`"
)]
pub trait IntoWorker {
    /// The worker.
    type Worker: Worker;

    /// Returns the worker.
    ///
    /// # Errors
    ///
    /// Returns why there is none.
    fn into_worker(self) -> Result<Self::Worker, Arc<dyn Error + Send + Sync>>;
}

impl<W: Worker> IntoWorker for W {
    type Worker = W;

    fn into_worker(self) -> Result<W, Arc<dyn Error + Send + Sync>> {
        Ok(self)
    }
}

impl<W: Worker, E: Into<Box<dyn Error + Send + Sync>>> IntoWorker for Result<W, E> {
    type Worker = W;

    fn into_worker(self) -> Result<W, Arc<dyn Error + Send + Sync>> {
        self.map_err(|error| Arc::from(error.into()))
    }
}
