//! Spawns many children of a scope at once.

use super::{
    hub::Hub,
    one_each::{self, OneEach},
    outcomes::{Outbox, Outcome, Outcomes, discard},
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
    /// future that is slow to poll holds up the futures that its child has started. If the
    /// [`size_hint`](Iterator::size_hint) says that there are at most seven, they are taken at
    /// once, and each is a child of its own.
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
    /// A few children, and memory for the futures in chunks of up to 32. Of up to seven futures:
    /// a child each, as with [`spawn`](Self::spawn), and an allocation for the stream.
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
        let futures = futures.into_iter();
        if one_each::suits(&futures) {
            return SpawnAll(Way::OneEach(OneEach::spawn(self, futures)));
        }
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
        SpawnAll(Way::Shards(Shards {
            outcomes,
            running,
            refused: None,
            ready: VecDeque::new(),
            ended: false,
        }))
    }
}

/// Stream of [`Scope::spawn_all`].
#[must_use = "the results of the futures are yielded here; drop it to give them up"]
pub struct SpawnAll<T>(Way<T>);

enum Way<T> {
    OneEach(OneEach<T>),
    Shards(Shards<T>),
}

/// Values are not pinned.
impl<T> Unpin for SpawnAll<T> {}

impl<T> Stream for SpawnAll<T> {
    type Item = (usize, Result<T, JoinError>);

    #[inline]
    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        match &mut self.get_mut().0 {
            Way::OneEach(children) => children.poll_next(cx),
            Way::Shards(shards) => shards.poll_next(cx),
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        match &self.0 {
            Way::OneEach(children) => children.size_hint(),
            Way::Shards(shards) => (shards.ready.len(), None),
        }
    }
}

impl<T> FusedStream for SpawnAll<T> {
    fn is_terminated(&self) -> bool {
        match &self.0 {
            Way::OneEach(children) => children.is_over(),
            Way::Shards(shards) => shards.ended && shards.ready.is_empty(),
        }
    }
}

impl<T> fmt::Debug for SpawnAll<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SpawnAll").field("ended", &self.is_terminated()).finish_non_exhaustive()
    }
}

/// The results of futures that a few children share.
struct Shards<T> {
    outcomes: Arc<Outcomes<T>>,
    /// The shards whose end was not seen yet.
    running: Box<[Option<ShardHandle>]>,
    /// Why a shard was dropped.
    refused: Option<Cancelled>,
    ready: VecDeque<Outcome<T>>,
    ended: bool,
}

type ShardHandle = JoinHandle<'static, Result<(), Infallible>>;

impl<T> Shards<T> {
    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Outcome<T>>> {
        let mut waits = false;
        loop {
            if let Some(outcome) = self.ready.pop_front() {
                return Poll::Ready(Some(outcome));
            }
            if self.ended {
                return Poll::Ready(None);
            }
            if self.receive() {
                continue;
            }
            if waits {
                return Poll::Pending;
            }
            self.outcomes.wait(cx);
            waits = true;
            self.poll_ends(cx);
            if self.running.iter().all(Option::is_none) {
                self.receive();
                self.end();
            }
        }
    }

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

impl<T> Drop for Shards<T> {
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
