//! Jobs that are closures and futures.

use super::{error::JobError, pool::Pool, worker::Worker};
use crate::{
    exec::{Spawn, SpawnBlocking},
    flow::{self, Flow, Source},
    scope::scope,
    sync::lock::Lock,
};
use alloc::{boxed::Box, sync::Arc};
use core::{fmt, future::Future, pin::Pin};

type BoxFuture<'a> = Pin<Box<dyn Future<Output = ()> + Send + 'a>>;

/// A job that is a closure or a future, with a result of any type, for workers with a state `S`.
///
/// A pool of such jobs is made with [`caller`]; [`Pool::run`] runs a future,
/// [`Pool::run_with`] an async closure of the worker's state.
///
/// # Examples
///
/// ```
/// use anyscope::{pool::{Pool, caller}, smol::Smol};
///
/// # smol::block_on(async {
/// let pool = Pool::builder(&Smol).workers(2).start(async |index| caller(index)).unwrap();
/// assert_eq!(pool.run(async { "a future" }).await.unwrap(), "a future");
/// assert!(pool.run_with(async |index: &mut usize| *index).await.unwrap() < 2);
/// # });
/// ```
pub struct Call<S = ()> {
    call: Box<dyn for<'a> FnOnce(&'a mut S) -> BoxFuture<'a> + Send>,
}

impl<S: Send + 'static> Call<S> {
    fn new<C, T>(call: C, place: Arc<Lock<Option<T>>>) -> Self
    where
        C: for<'a> CallOnce<'a, S, Output = T>,
        T: Send + 'static,
    {
        Call::boxed(move |state: &mut S| {
            let calling = call.call_once(state);
            Box::pin(async move {
                let output = calling.await;
                // Nobody puts anything there before.
                place.with(|place| *place = Some(output));
            })
        })
    }

    /// Tells the compiler that the future may borrow from the state.
    fn boxed(call: impl for<'a> FnOnce(&'a mut S) -> BoxFuture<'a> + Send + 'static) -> Self {
        Call { call: Box::new(call) }
    }
}

impl<S> fmt::Debug for Call<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Call(..)")
    }
}

/// Makes a worker that does [`Call`]s, with a state that they may use. Without one, pass `()`.
///
/// # Examples
///
/// ```
/// use anyscope::{pool::{Pool, caller}, smol::Smol};
///
/// # smol::block_on(async {
/// let pool = Pool::builder(&Smol).start(async |_| caller(())).unwrap();
/// assert_eq!(pool.run(async { "any future" }).await.unwrap(), "any future");
/// # });
/// ```
pub fn caller<S: Send + 'static>(state: S) -> Caller<S> {
    Caller { state }
}

/// A worker that does [`Call`]s; see [`caller`].
#[derive(Debug)]
pub struct Caller<S> {
    state: S,
}

impl<S: Send + 'static> Worker for Caller<S> {
    type Job = Call<S>;
    type Output = ();

    fn handle(&mut self, job: Call<S>) -> impl Future<Output = ()> + Send {
        (job.call)(&mut self.state)
    }
}

/// An async closure that is called once, with the state of a worker. Implemented for those; see
/// [`Pool::run_with`].
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be called with a state `{S}`",
    label = "not an async closure of `&mut {S}`",
    note = "write `async move |state: &mut {S}| ..`, with the type; what it captures must be `Send` and `'static`"
)]
pub trait CallOnce<'a, S: 'a>: Send + 'static {
    /// What is returned.
    type Output: Send + 'static;
    /// The future of the call.
    type Future: Future<Output = Self::Output> + Send + 'a;

    /// Calls it.
    fn call_once(self, state: &'a mut S) -> Self::Future;
}

impl<'a, S: 'a, F, Fut> CallOnce<'a, S> for F
where
    F: FnOnce(&'a mut S) -> Fut + Send + 'static,
    Fut: Future<Output: Send + 'static> + Send + 'a,
{
    type Output = Fut::Output;
    type Future = Fut;

    fn call_once(self, state: &'a mut S) -> Fut {
        self(state)
    }
}

impl<S: Send + 'static> Pool<Call<S>, ()> {
    /// Runs a future in a worker, and returns its output.
    ///
    /// # Cancel safety
    ///
    /// As [`call`](Self::call): a future that was not polled yet is dropped with this one.
    ///
    /// # Errors
    ///
    /// Returns a [`JobError`] if the future panicked, or was dropped with the pool.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{pool::{Pool, caller}, smol::Smol};
    ///
    /// # smol::block_on(async {
    /// let pool = Pool::builder(&Smol).workers(2).start(async |_| caller(())).unwrap();
    /// assert_eq!(pool.run(async { 6 * 7 }).await.unwrap(), 42);
    /// # });
    /// ```
    pub async fn run<F>(&self, future: F) -> Result<F::Output, JobError>
    where
        F: Future<Output: Send + 'static> + Send + 'static,
    {
        self.run_with(move |_: &mut S| future).await
    }

    /// Runs an async closure in a worker, with the worker's state, and returns its output.
    ///
    /// # Cancel safety
    ///
    /// As [`call`](Self::call): a closure that was not called yet is dropped with the future.
    ///
    /// # Errors
    ///
    /// Returns a [`JobError`] if the closure or its future panicked, or was dropped with the pool.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{pool::{Pool, caller}, smol::Smol};
    ///
    /// # smol::block_on(async {
    /// // The state of each worker is a buffer.
    /// let pool = Pool::builder(&Smol).start(async |_| caller(Vec::new())).unwrap();
    /// let call = async move |buffer: &mut Vec<u8>| {
    ///     buffer.extend(b"kept for the next call");
    ///     buffer.len()
    /// };
    /// assert_eq!(pool.run_with(call).await.unwrap(), 22);
    /// # });
    /// ```
    pub async fn run_with<C, T>(&self, call: C) -> Result<T, JobError>
    where
        C: for<'a> CallOnce<'a, S, Output = T>,
        T: Send + 'static,
    {
        let place = Arc::new(Lock::new(None));
        self.call(Call::new(call, place.clone())).await?;
        Ok(place.with(Option::take).expect("put there before the job was done"))
    }

    /// Runs a closure that blocks, on a thread of `exec` where that is allowed, while a worker of the pool waits
    /// for it: so no more of them block at a time than the pool has workers.
    ///
    /// # Cancel safety
    ///
    /// As [`call`](Self::call). A closure that has begun cannot be ended: a worker that is dropped leaves it running.
    ///
    /// # Errors
    ///
    /// Returns a [`JobError`] if the closure panicked, or the pool ended before it.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{pool::{Pool, caller}, smol::Smol};
    ///
    /// # smol::block_on(async {
    /// let pool = Pool::builder(&Smol).workers(2).start(async |_| caller(())).unwrap();
    /// let bytes = pool.run_blocking(&Smol, || std::fs::read("Cargo.toml").map(|all| all.len()));
    /// assert!(bytes.await.unwrap().unwrap() > 0);
    /// # });
    /// ```
    pub async fn run_blocking<E, F, T>(&self, exec: &E, f: F) -> Result<T, JobError>
    where
        E: Spawn + SpawnBlocking + Clone + Send + Sync + 'static,
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        let exec = exec.clone();
        self.run(async move { scope(&exec, async |s| s.spawn_blocking(f).value().await).await })
            .await
    }

    /// Returns a flow of the outputs of a future for each item, in the order of the items. The futures run in
    /// the workers.
    ///
    /// As [`map`](Self::map), which see.
    ///
    /// # Errors
    ///
    /// Each output is that of [`run`](Self::run).
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{pool::{Pool, caller}, smol::Smol};
    ///
    /// # smol::block_on(async {
    /// let pool = Pool::builder(&Smol).workers(2).start(async |_| caller(())).unwrap();
    /// let doubled = pool.run_each(1..=3, |n| async move { 2 * n });
    /// assert_eq!(doubled.try_collect::<Vec<_>>().await.unwrap(), [2, 4, 6]);
    /// # });
    /// ```
    pub fn run_each<I, F, Fut>(
        &self,
        items: I,
        mut f: F,
    ) -> Flow<impl Source<Item = Result<Fut::Output, JobError>>>
    where
        I: IntoIterator,
        F: FnMut(I::Item) -> Fut,
        Fut: Future<Output: Send + 'static> + Send + 'static,
    {
        flow::iter(items).map_concurrent(self.under_way(), move |item| self.run(f(item)))
    }
}
