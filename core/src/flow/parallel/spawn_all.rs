//! Many children of a scope at once.

use super::{
    hub::Hub,
    outcomes::{Outbox, Outcomes, discard},
    shard::Shard,
    shards,
};
use crate::{
    child::JoinError,
    exec::Spawn,
    limit::{Capacity, Limit},
    scope::Scope,
    unwind,
};
use alloc::{collections::VecDeque, sync::Arc};
use core::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};
use futures_core::{FusedStream, Stream};

impl<E: Spawn> Scope<E> {
    /// Starts all futures of an iterator, far cheaper than one [`spawn`](Self::spawn) each, and
    /// returns a stream of what they come to, as they come: pairs of an index and a result.
    ///
    /// The futures are shared among a few children of this scope, which take them from the
    /// iterator as they go. All of them are started without waiting for others to end; they run in
    /// parallel. One that is slow to poll holds up those that share its child, and were started
    /// already.
    ///
    /// A result is an error if the future panicked, or was dropped because the scope was
    /// cancelled. What the iterator was not asked for by then has no result.
    ///
    /// # Cancel safety
    ///
    /// The work belongs to the scope. Dropping the stream gives up the values, no more; a panic
    /// then counts like that of a child without a handle. One that has come and was not read goes
    /// on where the stream is dropped.
    ///
    /// # Cost
    ///
    /// A few children, and memory for the futures in chunks of up to 64.
    ///
    /// # Examples
    ///
    /// ```
    /// # use anyscope_smol::Smol;
    /// # use smol::stream::StreamExt;
    /// use anyscope_core::scope;
    ///
    /// # smol::block_on(async {
    /// let sum = scope(&Smol, async |s| {
    ///     let mut results = s.spawn_all((0..1000).map(|n| async move { n * 2 }));
    ///     let mut sum = 0;
    ///     while let Some((index, result)) = results.next().await {
    ///         assert_eq!(result.unwrap(), index * 2);
    ///         sum += index;
    ///     }
    ///     sum
    /// })
    /// .await;
    /// assert_eq!(sum, 499_500);
    /// # });
    /// ```
    #[track_caller]
    pub fn spawn_all<I>(&self, futures: I) -> SpawnAll<<I::Item as Future>::Output>
    where
        I: IntoIterator<Item: Future<Output: Send> + Send + 'static>,
        I::IntoIter: Send + 'static,
    {
        let source = super::super::iter(futures).source;
        let limit = Capacity::from(Limit::Unbounded);
        let shards = shards(self.executor(), &limit, &source);
        let outcomes = Outcomes::new(shards);
        let hub = Arc::new(Hub::new(source, |future| future, limit, usize::MAX, shards).ending());
        for shard in 0..shards {
            let outbox = Outbox::new(&outcomes, shard);
            // Ends by itself, when there is nothing more to do.
            drop(self.spawn(Shard::new(hub.clone(), shard, outbox)));
        }
        SpawnAll { outcomes, ready: VecDeque::new(), ended: false }
    }
}

/// Stream of [`Scope::spawn_all`].
#[must_use = "without it, nobody knows what the futures come to; drop it to say so"]
pub struct SpawnAll<T> {
    outcomes: Arc<Outcomes<T>>,
    ready: VecDeque<(usize, Result<T, JoinError>)>,
    ended: bool,
}

/// Values are not pinned.
impl<T> Unpin for SpawnAll<T> {}

impl<T> Stream for SpawnAll<T> {
    type Item = (usize, Result<T, JoinError>);

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        let mut waits = false;
        loop {
            if let Some(outcome) = this.ready.pop_front() {
                return Poll::Ready(Some(outcome));
            }
            if this.ended {
                return Poll::Ready(None);
            }
            this.ended = this.outcomes.is_closed();
            let ready = &mut this.ready;
            let came = this.outcomes.take(|outcome| ready.push_back(outcome));
            if came || this.ended {
                continue;
            }
            if waits {
                return Poll::Pending;
            }
            this.outcomes.wait(cx);
            waits = true;
        }
    }
}

impl<T> FusedStream for SpawnAll<T> {
    fn is_terminated(&self) -> bool {
        self.ended && self.ready.is_empty()
    }
}

impl<T> Drop for SpawnAll<T> {
    fn drop(&mut self) {
        let mut first = None;
        self.ready.drain(..).for_each(|(_, outcome)| discard(outcome, &mut first));
        if let Some(panic) = self.outcomes.abandon() {
            unwind::keep_first(&mut first, || unwind::resume(panic));
        }
        // In the body of the scope as a rule, which then ends as with any other panic.
        unwind::resume_unless_panicking(first);
    }
}

impl<T> fmt::Debug for SpawnAll<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SpawnAll").field("ended", &self.ended).finish_non_exhaustive()
    }
}
