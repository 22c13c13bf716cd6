//! The bounded map on an executor.

use super::{
    super::{Flow, Source, reorder::Reorder},
    deliver::{AsOutcome, Deliver, Flattened},
    hub::Hub,
    op::Op,
    outcomes::{Outbox, Outcomes},
    shards::shards,
};
use crate::{
    child::JoinError,
    exec::Spawn,
    limit::{Capacity, IntoLimit},
    scope::ScopeError,
    unwind,
};
use alloc::sync::Arc;
use core::{
    convert::Infallible,
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};
use futures_core::{FusedStream, Stream};
use pin_project_lite::pin_project;

impl<S: Source> Flow<S> {
    /// Calls `f` with every item, runs at most `limit` of its futures at the same time on `exec`,
    /// and yields their outcomes in the order of the items.
    ///
    /// This is [`map_concurrent`](Self::map_concurrent) in parallel. For where the work runs and
    /// what may hold it up, see [`for_each_on`](Self::for_each_on). At most `limit` items are taken
    /// from the source and not yet delivered. So up to `limit` items are worked on before they are
    /// asked for.
    ///
    /// An outcome is an error if the work panicked. A `Result` that the work itself returns is inside it: after work that may fail,
    /// [`partition_results`](Flow::partition_results) would count each `Ok(Err(_))` among the successes. For such work
    /// there is [`try_map_on`](Self::try_map_on). [`unordered`](Flow::unordered) yields outcomes
    /// as they come.
    ///
    /// If the executor refuses a child, for instance because it was shut down, the flow ends early.
    /// It yields the outcomes that have come, then an error, cancelled by the
    /// [`Executor`](crate::CancelledBy::Executor), for each item whose work was dropped, and one
    /// more for all the items that were not taken from the source, if there may be any.
    ///
    /// # Cancel safety
    ///
    /// As [`for_each_on`](Self::for_each_on). Outcomes that were not delivered are dropped,
    /// including panics of work.
    ///
    /// # Panics
    ///
    /// Panics at once if `limit` is 0.
    ///
    /// A panic of the source, of `f` or of a destructor ends the flow. The work is dropped, the
    /// outcomes that came before are yielded, then the panic is resumed. Work that was dropped
    /// because of it has no outcome. If the flow is dropped before the panic was resumed, for
    /// instance by an operation that wants no more items, the panic is resumed in the drop.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{flow, smol::Smol};
    ///
    /// # smol::block_on(async {
    /// let squares: Vec<u64> = flow::iter(1..=5)
    ///     .map_on(&Smol, 3, async |n| n * n)
    ///     .try_collect()
    ///     .await
    ///     .unwrap();
    /// assert_eq!(squares, [1, 4, 9, 16, 25]);
    /// # });
    /// ```
    #[track_caller]
    pub fn map_on<X, F, Fut>(
        self,
        exec: &X,
        limit: impl IntoLimit,
        f: F,
    ) -> Flow<MapOn<X, S, F, Fut>>
    where
        X: Spawn + Clone,
        S: Send + 'static,
        F: FnMut(S::Item) -> Fut + Send + 'static,
        Fut: Future<Output: Send> + Send + 'static,
    {
        super::super::source(MapOn::new(self.source, exec, limit.into_limit().into(), f))
    }

    /// Calls `f`, whose work may fail, with every item, runs at most `limit` of its futures at the
    /// same time on `exec`, and yields their results in the order of the items.
    ///
    /// As [`map_on`](Self::map_on), but without a second layer of `Result`: what the work returns is
    /// [`Failed`](ScopeError::Failed), work that the executor dropped is
    /// [`Cancelled`](ScopeError::Cancelled), and a panic of the work is resumed. So
    /// [`try_collect`](Self::try_collect) has the first failure of any kind, in time.
    ///
    /// # Cancel safety
    ///
    /// That of [`map_on`](Self::map_on).
    ///
    /// # Panics
    ///
    /// As [`map_on`](Self::map_on), and when work panics: then all other work is dropped at once, the
    /// results whose turn it is are yielded, and the panic is resumed.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{flow, smol::Smol};
    ///
    /// # smol::block_on(async {
    /// let numbers = flow::iter(["4", "two"]).try_map_on(&Smol, 3, async |n| n.parse::<u32>());
    /// let error = numbers.try_collect::<Vec<_>>().await.unwrap_err();
    /// assert_eq!(error.first().unwrap().to_string(), "invalid digit found in string");
    /// # });
    /// ```
    #[track_caller]
    pub fn try_map_on<X, F, Fut, T, E>(
        self,
        exec: &X,
        limit: impl IntoLimit,
        f: F,
    ) -> Flow<MapOn<X, S, F, Fut, Flattened>>
    where
        X: Spawn + Clone,
        S: Send + 'static,
        F: FnMut(S::Item) -> Fut + Send + 'static,
        Fut: Future<Output = Result<T, E>> + Send + 'static,
        T: Send,
        E: Send,
    {
        let mut map = MapOn::new(self.source, exec, limit.into_limit().into(), f);
        // A panic is the last in any case.
        map.is_last = Some(|_| false);
        super::super::source(map)
    }
}

impl<X, S, F, Fut, C> Flow<MapOn<X, S, F, Fut, C>>
where
    X: Spawn,
    Fut: Future,
    C: Deliver<Fut::Output>,
{
    /// Yields outcomes as they come, instead of in the order of the items.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{flow, smol::Smol};
    ///
    /// # smol::block_on(async {
    /// let squares = flow::iter(1..=5).map_on(&Smol, 3, async |n: u64| n * n).unordered();
    /// let mut squares: Vec<u64> = squares.try_collect().await.unwrap();
    /// squares.sort_unstable();
    /// assert_eq!(squares, [1, 4, 9, 16, 25]);
    /// # });
    /// ```
    pub fn unordered(mut self) -> Self {
        self.source.ordered = false;
        // If the map was polled before: outcomes no longer wait for earlier ones.
        self.source.ready.close_gaps();
        self
    }
}

pin_project! {
    /// Source of [`Flow::map_on`], and with [`Flattened`] of [`Flow::try_map_on`].
    #[must_use = "streams do nothing unless polled"]
    pub struct MapOn<X, S, F, Fut, C = AsOutcome, T = <Fut as Future>::Output>
    where
        X: Spawn,
        Fut: Future<Output = T>,
        C: Deliver<T>,
    {
        outcomes: Arc<Outcomes<T>>,
        // Outcomes that were not delivered.
        ready: Reorder<Result<C::Item, C::Panic>>,
        ordered: bool,
        // Of how many that were delivered the hub was told.
        told: usize,
        tell_after: usize,
        // Asks of an outcome whether it ends the map.
        is_last: Option<fn(&C::Item) -> bool>,
        over: bool,
        // Last field: its drop resumes a panic that no poll has seen. `None` after an outcome that
        // has ended the map.
        #[pin]
        op: Option<Op<X, S, F, Fut, Outbox<T>, Infallible>>,
    }
}

impl<X, S, F, Fut, C> MapOn<X, S, F, Fut, C>
where
    C: Deliver<Fut::Output>,
    X: Spawn + Clone,
    S: Source + Send + 'static,
    F: FnMut(S::Item) -> Fut + Send + 'static,
    Fut: Future<Output: Send> + Send + 'static,
{
    fn new(source: S, exec: &X, limit: Capacity, f: F) -> Self {
        let shards = shards(exec, &limit, &source);
        let outcomes = Outcomes::new(shards);
        let outlets = (0..shards).map(|shard| Outbox::new(&outcomes, shard)).collect();
        let tell_after = (limit.now() / 4).clamp(1, 16);
        let hub = Arc::new(Hub::new(source, f, limit, 0, shards));
        let op = Op::new(exec, hub, outlets);
        MapOn {
            outcomes,
            ready: Reorder::new(),
            ordered: true,
            told: 0,
            tell_after,
            is_last: None,
            over: false,
            op: Some(op),
        }
    }
}

impl<X, S, F, Fut, C> MapOn<X, S, F, Fut, C>
where
    X: Spawn,
    Fut: Future,
    C: Deliver<Fut::Output>,
{
    /// Returns the next outcome, if it has come.
    fn pop(self: Pin<&mut Self>) -> Option<Result<C::Item, C::Panic>> {
        let this = self.project();
        if !this.ready.has(this.ready.next()) {
            return None;
        }
        let delivered = this.ready.next().wrapping_add(1);
        let untold = delivered.wrapping_sub(*this.told);
        // Not each time, because it is costly; but often enough to keep the limit in use.
        if untold >= *this.tell_after || !this.ready.has(delivered) {
            *this.told = delivered;
            if let Some(op) = this.op.as_pin_mut() {
                // Before the outcome is taken, because it wakes a shard, whose waker may panic.
                op.hub().deliver(untold);
            }
        }
        this.ready.pop()
    }

    /// Takes the outcomes that have come. Returns whether there were any.
    fn receive(self: Pin<&mut Self>) -> bool {
        match self.is_last {
            None => self.receive_all(),
            Some(is_last) => self.receive_until(is_last),
        }
    }

    /// Not inlined, so that its loop is compiled once.
    #[inline(never)]
    fn receive_all(self: Pin<&mut Self>) -> bool {
        let this = self.project();
        this.outcomes.take(|(number, outcome)| {
            keep(this.ready, *this.ordered, number, C::deliver(outcome));
        })
    }

    /// Ends the map with the first outcome that `is_last`.
    #[inline(never)]
    fn receive_until(mut self: Pin<&mut Self>, is_last: fn(&C::Item) -> bool) -> bool {
        let this = self.as_mut().project();
        let mut last = None;
        let any = this.outcomes.take(|(number, outcome)| {
            let outcome = C::deliver(outcome);
            if last.is_none() && outcome.as_ref().map_or(true, is_last) {
                last = Some(outcome);
            } else {
                keep(this.ready, *this.ordered, number, outcome);
            }
        });
        if let Some(last) = last {
            self.end_with(last);
        }
        any
    }

    /// Ends the map with this outcome. Before it come only the outcomes whose turn it is; all else
    /// is dropped.
    #[cold]
    fn end_with(self: Pin<&mut Self>, outcome: Result<C::Item, C::Panic>) {
        let mut this = self.project();
        *this.over = true;
        let mut dropped = this.ready.end_with(outcome);
        let mut first = None;
        unwind::keep_first(&mut first, || dropped.clear());
        unwind::keep_first(&mut first, || this.op.set(None));
        unwind::resume_unless_panicking(first);
    }
}

/// Keeps an outcome until its turn, which in an ordered map its number says.
#[inline(always)]
fn keep<T>(ready: &mut Reorder<T>, ordered: bool, number: usize, outcome: T) {
    if ordered { ready.put(number, outcome) } else { ready.push(outcome) }
}

impl<X, S, F, Fut, C> Stream for MapOn<X, S, F, Fut, C>
where
    C: Deliver<Fut::Output>,
    X: Spawn,
    S: Source + Send + 'static,
    F: FnMut(S::Item) -> Fut + Send + 'static,
    Fut: Future<Output: Send> + Send + 'static,
{
    type Item = C::Item;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            if let Some(outcome) = self.as_mut().pop() {
                return Poll::Ready(Some(outcome.unwrap_or_else(|panic| C::resume(panic))));
            }
            if self.as_mut().receive() {
                continue;
            }
            if self.over {
                return Poll::Ready(None);
            }
            let this = self.as_mut().project();
            this.outcomes.wait(cx);
            let ended = this.op.as_pin_mut().expect("not over").poll(cx);
            let came = self.as_mut().receive();
            match ended {
                Poll::Ready(result) if !self.over => self.as_mut().end(result),
                Poll::Ready(_) => {}
                Poll::Pending if came => {}
                Poll::Pending => return Poll::Pending,
            }
        }
    }
}

impl<X, S, F, Fut, C> MapOn<X, S, F, Fut, C>
where
    X: Spawn,
    Fut: Future,
    C: Deliver<Fut::Output>,
{
    #[cold]
    fn end(mut self: Pin<&mut Self>, result: Result<(), ScopeError<Infallible>>) {
        *self.as_mut().project().over = true;
        let cancelled = match result {
            Ok(()) => return,
            Err(ScopeError::Failed { first, .. }) => match first {},
            Err(ScopeError::Elapsed(_)) => unreachable!("an operation has no deadline"),
            Err(ScopeError::Cancelled(cancelled)) => cancelled,
        };
        self.outcomes.report_all_lost(&cancelled);
        self.as_mut().receive();
        let this = self.project();
        if this.op.is_none() {
            // An outcome that came just now has ended the map.
            return;
        }
        if this.outcomes.untaken().is_some() {
            this.ready.push(C::deliver(Err(JoinError::Cancelled(cancelled))));
        }
        debug_assert_eq!(this.ready.values().count(), this.ready.len(), "each has an outcome");
    }
}

impl<X, S, F, Fut, C> Source for MapOn<X, S, F, Fut, C>
where
    C: Deliver<Fut::Output>,
    X: Spawn,
    S: Source + Send + 'static,
    F: FnMut(S::Item) -> Fut + Send + 'static,
    Fut: Future<Output: Send> + Send + 'static,
{
    /// Starts the work, which the executor then runs.
    fn poll_progress(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.over {
            return Poll::Ready(());
        }
        let op = self.as_mut().project().op.as_pin_mut().expect("not over");
        if let Poll::Ready(result) = op.poll(cx) {
            self.as_mut().receive();
            if !self.over {
                self.end(result);
            }
        }
        Poll::Ready(())
    }

    fn end_at(mut self: Pin<&mut Self>, is_last: fn(&Self::Item) -> bool) {
        let this = self.as_mut().project();
        *this.is_last = Some(is_last);
        if let Some(outcome) = this.ready.take_first(|outcome| outcome.as_ref().is_ok_and(is_last))
        {
            self.end_with(outcome);
        }
    }
}

impl<X, S, F, Fut, C> FusedStream for MapOn<X, S, F, Fut, C>
where
    C: Deliver<Fut::Output>,
    X: Spawn,
    S: Source + Send + 'static,
    F: FnMut(S::Item) -> Fut + Send + 'static,
    Fut: Future<Output: Send> + Send + 'static,
{
    fn is_terminated(&self) -> bool {
        self.over && self.ready.is_empty()
    }
}

impl<X, S, F, Fut, C> fmt::Debug for MapOn<X, S, F, Fut, C>
where
    X: Spawn,
    Fut: Future,
    C: Deliver<Fut::Output>,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MapOn")
            .field("ordered", &self.ordered)
            .field("delivered", &self.ready.next())
            .finish_non_exhaustive()
    }
}
