//! Bounded side effects on an executor.

use super::{
    super::{Flow, Source},
    hub::Hub,
    op::Op,
    shard::Outlet,
    shards::shards,
};
use crate::{
    cancel::Cancelled,
    exec::Spawn,
    limit::{Capacity, IntoLimit},
    scope::ScopeError,
};
use alloc::sync::Arc;
use core::{
    convert::Infallible,
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};
use pin_project_lite::pin_project;

impl<S: Source> Flow<S> {
    /// Runs `f` for every item on `exec`, with at most `limit` at the same time.
    ///
    /// The work is shared among a few children on the executor, two more than it has threads. They
    /// read the source and call `f` in turns: one child at a time, in the order of the source, as
    /// soon as there is room under the limit. The work runs in parallel, owns what it uses, and
    /// keeps running while the returned future is not polled. See the
    /// [module](crate::flow#in-parallel) for what a slow piece of work holds up.
    ///
    /// Ready when the source has ended and all work is done.
    ///
    /// # Errors
    ///
    /// Returns [`Cancelled`] if the executor refused a child, for instance because it was shut
    /// down. The work that has started is dropped first, and so is the source.
    ///
    /// # Cancel safety
    ///
    /// Dropping the returned future drops the work under way as [`scope`](crate::scope()) does,
    /// then the items that were taken ahead, then the source. If work is being polled at that
    /// moment, its child is dropped right after that poll, with all work that the child has
    /// started.
    ///
    /// # Panics
    ///
    /// Panics at once if `limit` is 0.
    ///
    /// A panic of the source, of `f`, of the work or of a destructor ends the operation: the rest
    /// of the work is dropped, then the panic is resumed. If the operation is dropped before a
    /// poll saw the panic, it is resumed in the drop. Panics if polled after it was ready.
    ///
    /// # Cost
    ///
    /// A few children, and no allocation per item. Tens of nanoseconds per item beside the work.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{flow, smol::Smol};
    /// use std::sync::{Arc, atomic::{AtomicUsize, Ordering}};
    ///
    /// # smol::block_on(async {
    /// let total = Arc::new(AtomicUsize::new(0));
    /// let sum = total.clone();
    /// let add = move |n| {
    ///     let sum = sum.clone();
    ///     async move { drop(sum.fetch_add(n, Ordering::Relaxed)) }
    /// };
    /// flow::iter(1..=100).for_each_on(&Smol, 8, add).await.unwrap();
    /// assert_eq!(total.load(Ordering::Relaxed), 5050);
    /// # });
    /// ```
    #[track_caller]
    pub fn for_each_on<X, F, Fut>(
        self,
        exec: &X,
        limit: impl IntoLimit,
        f: F,
    ) -> ForEachOn<X, S, F, Fut>
    where
        X: Spawn + Clone,
        S: Send + 'static,
        F: FnMut(S::Item) -> Fut + Send + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        ForEachOn { op: start(self.source, exec, limit.into_limit().into(), f, Ok) }
    }

    /// Runs `f` for every item on `exec`, with at most `limit` at the same time, until one fails.
    ///
    /// As [`for_each_on`](Self::for_each_on), but the first error in time ends the operation: no
    /// more items are taken, and the error is returned after the work under way and the source were
    /// dropped.
    ///
    /// # Errors
    ///
    /// As [`try_scope`](crate::try_scope()): `Failed` with the first error and those that came
    /// while the rest was shut down, or `Cancelled` as in [`for_each_on`](Self::for_each_on).
    ///
    /// # Cancel safety, panics, cost
    ///
    /// As [`for_each_on`](Self::for_each_on).
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{flow, smol::Smol};
    ///
    /// # smol::block_on(async {
    /// let check = async |line: &str| line.parse::<u32>().map(drop);
    /// flow::iter(["1", "2"]).try_for_each_on(&Smol, 8, check).await.unwrap();
    ///
    /// let failed = flow::iter(["1", "two"]).try_for_each_on(&Smol, 8, check).await;
    /// let error = failed.unwrap_err().into_first().unwrap();
    /// assert_eq!(error.to_string(), "invalid digit found in string");
    /// # });
    /// ```
    #[track_caller]
    pub fn try_for_each_on<X, F, Fut, E>(
        self,
        exec: &X,
        limit: impl IntoLimit,
        f: F,
    ) -> TryForEachOn<X, S, F, Fut, E>
    where
        X: Spawn + Clone,
        S: Send + 'static,
        F: FnMut(S::Item) -> Fut + Send + 'static,
        Fut: Future<Output = Result<(), E>> + Send + 'static,
        E: Send + 'static,
    {
        TryForEachOn { op: start(self.source, exec, limit.into_limit().into(), f, |result| result) }
    }
}

fn start<X, S, F, Fut, E>(
    source: S,
    exec: &X,
    limit: Capacity,
    f: F,
    judge: fn(Fut::Output) -> Result<(), E>,
) -> Op<X, S, F, Fut, Judge<Fut::Output, E>>
where
    X: Spawn + Clone,
    S: Source + Send + 'static,
    F: FnMut(S::Item) -> Fut + Send + 'static,
    Fut: Future<Output: 'static> + Send + 'static,
    E: Send + 'static,
{
    let shards = shards(exec, &limit, &source);
    let hub = Arc::new(Hub::new(source, f, limit, usize::MAX, shards));
    Op::new(exec, hub, (0..shards).map(|_| Judge { judge }).collect())
}

/// Work without a value.
struct Judge<T, E> {
    judge: fn(T) -> Result<(), E>,
}

impl<Fut: Future, E> Outlet<Fut> for Judge<Fut::Output, E> {
    type Error = E;

    #[inline]
    fn poll(&mut self, _: usize, work: Pin<&mut Fut>, cx: &mut Context<'_>) -> Poll<Result<(), E>> {
        work.poll(cx).map(self.judge)
    }

    fn flush(&mut self) {}

    fn dropped(&mut self, _: usize) {}

    fn leave(&mut self, _: usize, _: bool) {}
}

pin_project! {
    /// Future of [`Flow::for_each_on`].
    #[must_use = "futures do nothing unless you `.await` or poll them"]
    pub struct ForEachOn<X, S, F, Fut>
    where
        X: Spawn,
        Fut: Future<Output = ()>,
    {
        #[pin]
        op: Op<X, S, F, Fut, Judge<(), Infallible>, Infallible>,
    }
}

impl<X, S, F, Fut> Future for ForEachOn<X, S, F, Fut>
where
    X: Spawn,
    S: Source + Send + 'static,
    F: FnMut(S::Item) -> Fut + Send + 'static,
    Fut: Future<Output = ()> + Send + 'static,
{
    type Output = Result<(), Cancelled>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Poll::Ready(match ready!(self.project().op.poll(cx)) {
            Ok(()) => Ok(()),
            Err(ScopeError::Cancelled(cancelled)) => Err(cancelled),
            Err(ScopeError::Elapsed(_)) => unreachable!("an operation has no deadline"),
            Err(ScopeError::Failed { first, .. }) => match first {},
        })
    }
}

pin_project! {
    /// Future of [`Flow::try_for_each_on`].
    #[must_use = "futures do nothing unless you `.await` or poll them"]
    pub struct TryForEachOn<X, S, F, Fut, E>
    where
        X: Spawn,
        Fut: Future<Output = Result<(), E>>,
    {
        #[pin]
        op: Op<X, S, F, Fut, Judge<Result<(), E>, E>, E>,
    }
}

impl<X, S, F, Fut, E> Future for TryForEachOn<X, S, F, Fut, E>
where
    X: Spawn,
    S: Source + Send + 'static,
    F: FnMut(S::Item) -> Fut + Send + 'static,
    Fut: Future<Output = Result<(), E>> + Send + 'static,
    E: Send + 'static,
{
    type Output = Result<(), ScopeError<E>>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.project().op.poll(cx)
    }
}

impl<X, S, F, Fut> fmt::Debug for ForEachOn<X, S, F, Fut>
where
    X: Spawn,
    Fut: Future<Output = ()>,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ForEachOn").finish_non_exhaustive()
    }
}

impl<X, S, F, Fut, E> fmt::Debug for TryForEachOn<X, S, F, Fut, E>
where
    X: Spawn,
    Fut: Future<Output = Result<(), E>>,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TryForEachOn").finish_non_exhaustive()
    }
}
