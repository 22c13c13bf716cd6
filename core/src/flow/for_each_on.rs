//! Bounded side effects on an executor.

use super::{
    Flow, POLLS,
    feed::{Feed, SOURCE},
};
use crate::{
    child::Cancelled,
    exec::Spawn,
    limit::Limit,
    scope::{FailFast, ScopeError, ScopeFuture, TryLimitedScope, try_scope_limited},
    set::ready::ReadyQueue,
    sync::EventListener,
};
use alloc::{sync::Arc, vec::Vec};
use core::{
    convert::Infallible,
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};
use futures_core::Stream;
use pin_project_lite::pin_project;

impl<S: Stream> Flow<S> {
    /// Runs `f` for every item on `exec`, with at most `limit` at the same time.
    ///
    /// `f` is called, and the source is read, by the returned future, in the order of the source
    /// and when there is room for one more; the futures of `f` are children on the executor. They
    /// own what they use, run in parallel, and go on while the returned future is not polled.
    ///
    /// Ready when the source has ended and all work is done.
    ///
    /// # Errors
    ///
    /// [`Cancelled`] if the executor refused a child, because it was shut down for instance. The
    /// rest of the work is dropped then.
    ///
    /// # Cancel safety
    ///
    /// Dropping the returned future drops the work under way as
    /// [`scope`](crate::scope()) does, then an item taken ahead if there is one, then the source.
    ///
    /// # Panics
    ///
    /// A panic of the source, of `f` or of the work ends the operation: the rest of the work is
    /// dropped, then it goes on. It panics when polled after it was ready.
    ///
    /// # Cost
    ///
    /// That of a child on the executor for each item.
    ///
    /// # Examples
    ///
    /// ```
    /// # use anyscope_smol::Smol;
    /// use anyscope_core::{Limit, flow};
    /// use std::sync::{Arc, atomic::{AtomicUsize, Ordering}};
    ///
    /// # smol::block_on(async {
    /// let total = Arc::new(AtomicUsize::new(0));
    /// let add = |n| {
    ///     let total = total.clone();
    ///     async move { drop(total.fetch_add(n, Ordering::Relaxed)) }
    /// };
    /// flow::iter(1..=100).for_each_on(&Smol, Limit::new(8), add).await.unwrap();
    /// assert_eq!(total.load(Ordering::Relaxed), 5050);
    /// # });
    /// ```
    pub fn for_each_on<X, F, Fut>(
        self,
        exec: &X,
        limit: impl Into<Limit>,
        f: F,
    ) -> ForEachOn<X, S, F, Fut>
    where
        X: Spawn + Clone,
        F: FnMut(S::Item) -> Fut,
        Fut: Future<Output = ()> + Send + 'static,
    {
        ForEachOn { scope: start(self.source, exec, limit.into(), f, Unfailing::new) }
    }

    /// Runs `f` for every item on `exec`, with at most `limit` at the same time, until one fails.
    ///
    /// As [`for_each_on`](Self::for_each_on); but the first error in time ends the operation:
    /// nothing more is taken from the source, the work under way and the source are dropped, and
    /// once they are gone the error is returned.
    ///
    /// # Errors
    ///
    /// As [`try_scope`](crate::try_scope()): `Failed` with the first error and those that came
    /// while the rest was coming down, or `Cancelled` as in [`for_each_on`](Self::for_each_on).
    ///
    /// # Cancel safety, panics, cost
    ///
    /// Those of [`for_each_on`](Self::for_each_on).
    pub fn try_for_each_on<X, F, Fut, E>(
        self,
        exec: &X,
        limit: impl Into<Limit>,
        f: F,
    ) -> TryForEachOn<X, S, F, Fut, E>
    where
        X: Spawn + Clone,
        F: FnMut(S::Item) -> Fut,
        Fut: Future<Output = Result<(), E>> + Send + 'static,
        E: Send + 'static,
    {
        TryForEachOn { scope: start(self.source, exec, limit.into(), f, |future| future) }
    }
}

fn start<X, S, F, Fut, G, E>(
    source: S,
    exec: &X,
    limit: Limit,
    f: F,
    wrap: fn(Fut) -> G,
) -> PumpScope<X, S, F, Fut, G, E>
where
    X: Spawn + Clone,
    S: Stream,
    F: FnMut(S::Item) -> Fut,
    G: Future<Output = Result<(), E>> + Send + 'static,
    E: Send + 'static,
{
    try_scope_limited(exec, limit, |scope| {
        let queue = ReadyQueue::new();
        let feed = Feed::new(source, &queue);
        Pump { feed, queue, woken: Vec::new(), f, wrap, scope, freed: None }
    })
}

/// The scope of an operation on an executor.
type PumpScope<X, S, F, Fut, G, E> = ScopeFuture<Pump<X, S, F, Fut, G, E>, FailFast<E>>;

pin_project! {
    /// The body of the operation's scope: takes items from the source while there is room, and
    /// spawns their work.
    struct Pump<X, S: Stream, F, Fut, G, E> {
        #[pin]
        feed: Feed<S>,
        queue: Arc<ReadyQueue>,
        woken: Vec<usize>,
        f: F,
        wrap: fn(Fut) -> G,
        scope: TryLimitedScope<X, E>,
        // Fires when there is room again.
        freed: Option<EventListener>,
    }

    impl<X, S: Stream, F, Fut, G, E> PinnedDrop for Pump<X, S, F, Fut, G, E> {
        fn drop(this: Pin<&mut Self>) {
            this.queue.close();
        }
    }
}

impl<X, S, F, Fut, G, E> Future for Pump<X, S, F, Fut, G, E>
where
    X: Spawn,
    S: Stream,
    F: FnMut(S::Item) -> Fut,
    G: Future<Output = Result<(), E>> + Send + 'static,
    E: Send + 'static,
{
    type Output = Result<(), E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), E>> {
        let mut this = self.project();
        for _ in 0..POLLS {
            this.queue.drain(this.woken);
            if this.woken.drain(..).any(|key| key == SOURCE) {
                this.feed.as_mut().wake();
            }
            if this.scope.is_closing() {
                // Nothing more is taken from the source. The scope drops this body.
                return Poll::Pending;
            }
            let room = this.scope.has_room();
            match this.feed.as_mut().poll(room) {
                Poll::Ready(Some(item)) => {
                    *this.freed = None;
                    let work = (this.wrap)((this.f)(item));
                    // Nobody else spawns here, so there still is room; or the scope is coming
                    // down, and this body with it.
                    drop(this.scope.try_spawn(work));
                    continue;
                }
                Poll::Ready(None) => return Poll::Ready(Ok(())),
                Poll::Pending => {}
            }
            if !room {
                match this.freed {
                    // Look again, now that nothing can be missed.
                    None => {
                        *this.freed = Some(this.scope.listen_for_room());
                        continue;
                    }
                    Some(freed) => {
                        if Pin::new(freed).poll(cx).is_ready() {
                            *this.freed = None;
                            continue;
                        }
                    }
                }
            }
            if this.queue.wait(cx) {
                return Poll::Pending;
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

pin_project! {
    /// A future that cannot fail, for a scope of those that can.
    struct Unfailing<Fut> {
        #[pin]
        future: Fut,
    }
}

impl<Fut> Unfailing<Fut> {
    fn new(future: Fut) -> Self {
        Unfailing { future }
    }
}

impl<Fut: Future<Output = ()>> Future for Unfailing<Fut> {
    type Output = Result<(), Infallible>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.project().future.poll(cx).map(Ok)
    }
}

pin_project! {
    /// Future of [`Flow::for_each_on`].
    #[must_use = "futures do nothing unless you `.await` or poll them"]
    pub struct ForEachOn<X, S, F, Fut>
    where
        X: Spawn,
        S: Stream,
        F: FnMut(S::Item) -> Fut,
        Fut: Future<Output = ()>,
        Fut: Send,
        Fut: 'static,
    {
        #[pin]
        scope: PumpScope<X, S, F, Fut, Unfailing<Fut>, Infallible>,
    }
}

impl<X, S, F, Fut> Future for ForEachOn<X, S, F, Fut>
where
    X: Spawn,
    S: Stream,
    F: FnMut(S::Item) -> Fut,
    Fut: Future<Output = ()> + Send + 'static,
{
    type Output = Result<(), Cancelled>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Poll::Ready(match ready!(self.project().scope.poll(cx)) {
            Ok(()) => Ok(()),
            Err(ScopeError::Cancelled(cancelled)) => Err(cancelled),
            Err(ScopeError::Elapsed(_)) => unreachable!("nobody gave it a deadline"),
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
        S: Stream,
        F: FnMut(S::Item) -> Fut,
        Fut: Future<Output = Result<(), E>>,
        Fut: Send,
        Fut: 'static,
        E: Send,
        E: 'static,
    {
        #[pin]
        scope: PumpScope<X, S, F, Fut, Fut, E>,
    }
}

impl<X, S, F, Fut, E> Future for TryForEachOn<X, S, F, Fut, E>
where
    X: Spawn,
    S: Stream,
    F: FnMut(S::Item) -> Fut,
    Fut: Future<Output = Result<(), E>> + Send + 'static,
    E: Send + 'static,
{
    type Output = Result<(), ScopeError<E>>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.project().scope.poll(cx)
    }
}

impl<X, S, F, Fut> fmt::Debug for ForEachOn<X, S, F, Fut>
where
    X: Spawn,
    S: Stream,
    F: FnMut(S::Item) -> Fut,
    Fut: Future<Output = ()> + Send + 'static,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ForEachOn").field("scope", &self.scope).finish()
    }
}

impl<X, S, F, Fut, E> fmt::Debug for TryForEachOn<X, S, F, Fut, E>
where
    X: Spawn,
    S: Stream,
    F: FnMut(S::Item) -> Fut,
    Fut: Future<Output = Result<(), E>> + Send + 'static,
    E: Send + 'static,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TryForEachOn").field("scope", &self.scope).finish()
    }
}
