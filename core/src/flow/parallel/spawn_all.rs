//! Spawns many children of a scope at once.

use super::{
    hub::Hub,
    outcomes::{Outbox, Outcomes, discard},
    shard::Shard,
    shards::shards,
};
use crate::{
    cancel::{Cancelled, CancelledBy},
    child::{JoinError, JoinHandle},
    exec::Spawn,
    limit::{Capacity, Limit},
    scope::Scope,
    unwind,
};
use alloc::{boxed::Box, collections::VecDeque, sync::Arc};
use core::{
    convert::Infallible,
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};
use futures_core::{FusedStream, Stream};

impl<E: Spawn> Scope<E> {
    /// Starts all futures of an iterator, far cheaper than one [`spawn`](Self::spawn) each, and
    /// returns a stream of their results as they come: pairs of an index and a result.
    ///
    /// The futures are shared among a few children of this scope, which take them from the
    /// iterator. All futures are started without waiting for others to end, and run in parallel. A
    /// future that is slow to poll holds up the futures that its child has started.
    ///
    /// A result is an error if the future panicked, or was dropped: because the scope was
    /// cancelled, or because the executor refused a child or was shut down. [`Cancelled::by`] says
    /// which. As long as the executor runs one of the children, that child starts the futures that
    /// the others have not. If no child is left and the iterator may have more futures, the last
    /// result is such an error in place of all futures that were not taken, with the index of the
    /// first of them.
    ///
    /// # Cancel safety
    ///
    /// The work belongs to the scope. Dropping the stream gives up only the values. A panic that
    /// comes later counts like that of a child without a handle. A panic that has come and was not
    /// read is resumed in the drop of the stream.
    ///
    /// # Panics
    ///
    /// A panic of the iterator or of a destructor is resumed where the stream is read. If the
    /// stream was dropped, the panic ends the scope like that of any child. The futures that shared
    /// the child are dropped, and their results are yielded after the panic.
    ///
    /// # Cost
    ///
    /// A few children, and memory for the futures in chunks of up to 64.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::smol::Smol;
    /// use smol::stream::StreamExt;
    /// use anyscope::scope;
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
        // The shards end when all work is done.
        let spawn = |shard| {
            Some(self.spawn_host(Shard::new(hub.clone(), shard, Outbox::new(&outcomes, shard))))
        };
        let running = (0..shards).map(spawn).collect();
        SpawnAll { outcomes, running, refused: None, ready: VecDeque::new(), ended: false }
    }
}

/// Stream of [`Scope::spawn_all`].
#[must_use = "the results of the futures are yielded here; drop it to give them up"]
pub struct SpawnAll<T> {
    outcomes: Arc<Outcomes<T>>,
    /// The shards whose end was not seen yet.
    running: Box<[Option<ShardHandle>]>,
    /// Why a shard was dropped.
    refused: Option<Cancelled>,
    ready: VecDeque<(usize, Result<T, JoinError>)>,
    ended: bool,
}

type ShardHandle = JoinHandle<'static, Result<(), Infallible>>;

impl<T> SpawnAll<T> {
    /// Looks for shards that have ended, if any has, and reports the work that they have dropped.
    ///
    /// # Panics
    ///
    /// Resumes the panic of a shard, before the results that it has led to.
    #[inline(never)]
    fn poll_ends(&mut self, cx: &mut Context<'_>) {
        let gone = self.running.iter().filter(|running| running.is_none()).count();
        if gone == self.outcomes.closed() {
            return;
        }
        for shard in 0..self.running.len() {
            let Some(handle) = &mut self.running[shard] else { continue };
            let Poll::Ready(end) = Pin::new(handle).poll(cx) else { continue };
            self.running[shard] = None;
            let (cancelled, panic) = match end {
                Ok(_) => continue,
                Err(JoinError::Cancelled(cancelled)) => (cancelled, None),
                Err(JoinError::Panicked(panic)) => {
                    (Cancelled::new(CancelledBy::Scope, None), Some(panic))
                }
                // The scope has received the panic or the failure.
                Err(_) => (Cancelled::new(CancelledBy::Scope, None), None),
            };
            self.outcomes.report_lost(shard, &cancelled);
            match panic {
                Some(panic) => panic.resume(),
                None => self.refused = Some(cancelled),
            }
        }
    }

    /// Takes the outcomes that have come. Returns whether there were any. Not inlined, so that its
    /// loop is compiled once.
    #[inline(never)]
    fn receive(&mut self) -> bool {
        self.outcomes.take(|outcome| self.ready.push_back(outcome))
    }

    /// Called when all shards have ended, and everything that they have sent was received.
    #[cold]
    fn end(&mut self) {
        self.ended = true;
        let Some(refused) = self.refused.take() else { return };
        if let Some(number) = self.outcomes.untaken() {
            self.ready.push_back((number, Err(JoinError::Cancelled(refused))));
        }
    }
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
            if this.receive() {
                continue;
            }
            if waits {
                return Poll::Pending;
            }
            this.outcomes.wait(cx);
            waits = true;
            this.poll_ends(cx);
            if this.running.iter().all(Option::is_none) {
                this.receive();
                this.end();
            }
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
        // Usually in the body of the scope, which then ends as with any other panic.
        unwind::resume_unless_panicking(first);
    }
}

impl<T> fmt::Debug for SpawnAll<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SpawnAll").field("ended", &self.ended).finish_non_exhaustive()
    }
}
