//! Flattens flows of flows, with a limit on how many are open at the same time.

use super::{
    each::{Each, OrError},
    pool::{Got, Pool},
};
use crate::flow::{
    item::until_error::UntilError,
    source::{Flow, Source, into_flow::IntoFlow},
    work::upstream::{Asked, Upstream},
};
use crate::{
    limit::{Capacity, IntoLimit},
    set::budget::Budget,
    sync::EventListener,
    waits,
};
use alloc::vec::Vec;
use core::{
    fmt,
    pin::Pin,
    task::{Context, Poll},
};
use futures_core::{FusedStream, Stream};
use pin_project_lite::pin_project;

impl<S: Source> Flow<S> {
    /// Yields the items of the inner flows, with at most `limit` inner flows open at the same time.
    ///
    /// The inner flows are the items of this flow: flows or streams. As `flatten_unordered` of
    /// `futures`, but bounded.
    ///
    /// ```text
    /// flow          A-B-C--------|      limit 2
    /// A             a--a|
    /// B               b---b|
    /// C                c--c|            opened when A has ended
    /// flatten       a-bac-cb----|
    /// ```
    ///
    /// An item is yielded as soon as its inner flow has it. The items of one inner flow keep their
    /// order. With `limit` inner flows open, this flow is not polled for another one until one of
    /// them has ended, so no inner flow is created that cannot be started. With a limit of 1 this
    /// is concatenation: each inner flow is asked for when the previous one has ended. The result
    /// ends when this flow and all inner flows have ended.
    ///
    /// While the consumer is busy, this flow and the inner flows continue the work that they have
    /// begun. Each holds at most the items that it takes ahead itself. No inner flow is opened.
    ///
    /// # Cancel safety
    ///
    /// Dropping the flow drops the inner flows, then this one, with the items that they have taken
    /// ahead. [`into_parts`](Flatten::into_parts) returns them instead.
    ///
    /// # Panics
    ///
    /// Panics at once if `limit` is 0. Propagates a panic of a flow. An inner flow that panics is
    /// dropped, and the others may be polled.
    ///
    /// # Fairness
    ///
    /// As [`merge`](crate::flow::merge()).
    ///
    /// # Cost
    ///
    /// O(1) per item and per wake. No allocation per inner flow: memory is allocated for up to 64
    /// of them at a time, and reused.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::flow;
    ///
    /// # smol::block_on(async {
    /// let pages = flow::iter([10, 20, 30].map(|n| flow::iter([n, n + 1])));
    /// let all: Vec<_> = pages.flatten(2).collect().await;
    /// assert_eq!(all, [10, 20, 11, 21, 30, 31]);
    /// # });
    /// ```
    #[track_caller]
    pub fn flatten(self, limit: impl IntoLimit) -> Flow<Flatten<S, <S::Item as IntoFlow>::Source>>
    where
        S::Item: IntoFlow,
    {
        crate::flow::source(Flatten::new(self.source, limit.into_limit().into()))
    }

    /// Yields the items of the flows or streams that `f` returns for the items, with at most
    /// `limit` of them open at the same time.
    ///
    /// As [`flatten`](Self::flatten). `f` is called when there is room under the limit.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::flow;
    ///
    /// # smol::block_on(async {
    /// let pages = flow::iter([10, 20, 30]).flat_map(2, |n| flow::iter([n, n + 1]));
    /// assert_eq!(pages.collect::<Vec<_>>().await, [10, 20, 11, 21, 30, 31]);
    /// # });
    /// ```
    #[track_caller]
    pub fn flat_map<F, T>(self, limit: impl IntoLimit, f: F) -> Flow<Flatten<Each<S, F>, T::Source>>
    where
        F: FnMut(S::Item) -> T,
        T: IntoFlow,
    {
        Each::new(self.source, f).flatten(limit)
    }

    /// Yields the items of the inner flows up to the first error, with at most `limit` inner flows
    /// open at the same time.
    ///
    /// As [`flatten`](Self::flatten). The error may come from this flow or from an inner flow. All
    /// open flows and this one are dropped, then the error is yielded as the last item. This flow
    /// is not polled at the limit, so its own error is noticed only when the next inner flow could
    /// be opened.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::flow;
    ///
    /// # smol::block_on(async {
    /// let pages = [Ok(flow::iter([Ok(1), Ok(2)])), Err("no such page")];
    /// let all: Vec<_> =
    ///     flow::iter(pages).try_flatten(1).collect().await;
    /// assert_eq!(all, [Ok(1), Ok(2), Err("no such page")]);
    /// # });
    /// ```
    #[track_caller]
    pub fn try_flatten<I, T, E>(self, limit: impl IntoLimit) -> Flow<TryFlatten<S, I, E>>
    where
        S: Source<Item = Result<I, E>>,
        I: IntoFlow<Item = Result<T, E>>,
    {
        Each::new(self.source, OrError::new as Open<I, E>).flatten(limit).until_error()
    }
}

/// Source of [`Flow::try_flatten`].
pub type TryFlatten<S, I, E> =
    UntilError<Flatten<Each<S, Open<I, E>>, OrError<<I as IntoFlow>::Source, E>>>;

/// The function with which [`Flow::try_flatten`] opens an inner flow.
type Open<I, E> = fn(Result<I, E>) -> Flow<OrError<<I as IntoFlow>::Source, E>>;

pin_project! {
    /// Source of [`Flow::flatten`].
    #[must_use = "streams do nothing unless polled"]
    pub struct Flatten<S, T> {
        // Dropped before the outer flow, whose data they may use.
        inner: Pool<T, (), true>,
        // Kept after its end.
        #[pin]
        outer: S,
        limit: Capacity,
        upstream: Upstream,
        // Fires when the limit changes.
        raised: Option<EventListener>,
    }
}

/// What a [`Flatten`] holds; see [`into_parts`](Flatten::into_parts).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FlattenParts<S, T> {
    /// The outer source.
    pub outer: S,
    /// The open inner sources.
    pub open: Vec<T>,
}

impl<S: Source<Item: IntoFlow<Source = T>>, T: Source> Flatten<S, T> {
    fn new(outer: S, limit: Capacity) -> Self {
        let inner = Pool::with_capacity(limit.now());
        Flatten { inner, outer, limit, upstream: Upstream::new(), raised: None }
    }

    /// Returns how many inner flows are open.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::flow;
    /// use smol::stream::StreamExt;
    ///
    /// # smol::block_on(async {
    /// let pages = flow::iter([10, 20, 30].map(|n| flow::iter([n, n + 1])));
    /// let mut items = pages.flatten(2).into_stream();
    /// assert_eq!((items.open(), items.next().await), (0, Some(10)));
    /// assert_eq!(items.open(), 2); // the third waits for a place
    /// # });
    /// ```
    pub fn open(&self) -> usize {
        self.inner.slab.len()
    }

    /// Returns the outer source and the open inner sources. The items that were taken ahead are in
    /// them: this operator holds none.
    ///
    /// After a poll this needs sources that are [`Unpin`].
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::flow;
    /// use smol::stream::StreamExt;
    ///
    /// # smol::block_on(async {
    /// let pages = flow::iter([flow::iter([1, 2]), flow::iter([3, 4])]);
    /// let mut pages = pages.flatten(1).into_stream();
    /// assert_eq!(pages.next().await, Some(1));
    /// let parts = pages.into_parts();
    /// assert_eq!(parts.open.len(), 1); // yields 2
    /// assert_eq!(parts.outer.count().await, 1); // the other page
    /// # });
    /// ```
    pub fn into_parts(mut self) -> FlattenParts<S, T>
    where
        T: Unpin,
    {
        let keys: Vec<_> = self.inner.slab.keys().collect();
        let open = keys.into_iter().filter_map(|key| Some(self.inner.slab.take(key)?.source));
        FlattenParts { open: open.collect(), outer: self.outer }
    }

    /// Opens inner flows while there is room and budget.
    #[inline]
    fn pull(mut self: Pin<&mut Self>, budget: &mut Budget) {
        loop {
            let this = self.as_mut().project();
            let limit = this.limit.now();
            let room = this.inner.slab.len() < limit;
            if !this.upstream.is_due(|| room) {
                let waits = matches!(this.upstream.asked(), Asked::Item | Asked::Ended);
                if !room && !waits && self.as_mut().is_limit_changed(limit) {
                    continue;
                }
                return;
            }
            if !room {
                self.as_mut().progress();
                continue;
            }
            let slab = &mut this.inner.slab;
            let item = this.upstream.next(|| slab.poll_own(|cx| this.outer.poll_next(cx)));
            if let Some(item) = item {
                this.inner.insert(item.into_flow().source, ());
                // Without a limit, an outer flow that is always ready would never let us return.
                if !budget.pay_poll() {
                    return;
                }
            }
        }
    }

    /// Lets the outer flow make progress, after it has yielded an item or woken us.
    fn progress(self: Pin<&mut Self>) {
        let mut this = self.project();
        let slab = &mut this.inner.slab;
        this.upstream.progress(|| slab.poll_own(|cx| this.outer.as_mut().poll_progress(cx)));
    }

    /// Notes that the outer flow or the limit has woken us.
    fn wake(self: Pin<&mut Self>) {
        self.project().upstream.wake();
    }

    /// Returns whether the limit differs from `seen`. If not, a change will wake us.
    fn is_limit_changed(self: Pin<&mut Self>, seen: usize) -> bool {
        let this = self.project();
        let Some(live) = this.limit.live() else { return false };
        let slab = &mut this.inner.slab;
        live.is_changed(seen, this.raised, |raised| slab.poll_own(|cx| Future::poll(raised, cx)))
    }
}

impl<S: Source<Item: IntoFlow<Source = T>>, T: Source> Stream for Flatten<S, T> {
    type Item = T::Item;

    #[inline]
    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T::Item>> {
        let mut budget = Budget::new();
        loop {
            self.as_mut().pull(&mut budget);
            let this = self.as_mut().project();
            if this.upstream.has_ended() && this.inner.slab.is_empty() {
                return Poll::Ready(None);
            }
            let aside = this.inner.poll_aside(cx, &mut budget);
            match aside.unwrap_or_else(|| this.inner.poll_item(cx, &mut budget)) {
                Poll::Ready(Got::Item(_, item)) => return Poll::Ready(Some(item)),
                Poll::Ready(Got::Ended(key)) => this.inner.remove(key),
                Poll::Ready(Got::Own | Got::Empty) => self.as_mut().wake(),
                Poll::Pending => return Poll::Pending,
            }
            if !budget.pay_poll() {
                waits::yields(cx.waker());
                return Poll::Pending;
            }
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let (low, high) = self.inner.size_hint();
        let ended = self.upstream.has_ended() || self.outer.size_hint().1 == Some(0);
        (low, high.filter(|_| ended))
    }
}

impl<S: Source<Item: IntoFlow<Source = T>>, T: Source> Source for Flatten<S, T> {
    fn poll_progress(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut budget = Budget::new();
        loop {
            // The outer flow has woken us: a read that has begun continues.
            if self.upstream.is_due(|| false) {
                self.as_mut().progress();
            }
            let this = self.as_mut().project();
            // Once in a pass at most, of which there are few.
            match this.inner.poll_progress(cx, &mut budget) {
                Poll::Ready(true) => self.as_mut().wake(),
                Poll::Ready(false) => match this.upstream.asked() {
                    Asked::Ended | Asked::Settled => return Poll::Ready(()),
                    _ => return Poll::Pending,
                },
                Poll::Pending => return Poll::Pending,
            }
        }
    }
}

impl<S: Source<Item: IntoFlow<Source = T>>, T: Source> FusedStream for Flatten<S, T> {
    fn is_terminated(&self) -> bool {
        self.upstream.has_ended() && self.inner.slab.is_empty()
    }
}

impl<S, T> fmt::Debug for Flatten<S, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Flatten").field("asked", &self.upstream.asked()).finish_non_exhaustive()
    }
}
