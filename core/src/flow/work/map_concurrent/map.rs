//! The bounded map.

use super::super::{Work, sealed, upstream::Upstream};
use crate::{
    flow::{reorder::Reorder, source::Source},
    limit::Capacity,
    set::{budget::Budget, slab::Slab},
    sync::EventListener,
    unwind,
};
use core::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};
use futures_core::{FusedStream, Stream};
use pin_project_lite::pin_project;

pin_project! {
    /// Source of [`Flow::map_concurrent`] and similar operations.
    ///
    /// See [`Flow::map_concurrent`](crate::flow::Flow::map_concurrent).
    #[must_use = "streams do nothing unless polled"]
    pub struct MapConcurrent<
        S,
        W,
        Item = <S as Stream>::Item,
        Fut = <W as sealed::Work<Item>>::Future,
        T = <W as sealed::Work<Item>>::Output,
    >
    where
        S: Source,
        W: Work<Item>,
        W: sealed::Work<Item, Future = Fut, Output = T>,
    {
        // Dropped before the source, whose data the work may use.
        pub(super) children: Slab<Numbered<Fut>, true>,
        // Values that were not delivered. In an ordered map, work under way has a place too.
        pub(in crate::flow::work) done: Reorder<T>,
        // `None` after an error that ended the operation.
        #[pin]
        pub(super) source: Option<S>,
        // `None` after `rework` or `into_parts` has taken it.
        pub(in crate::flow::work) work: Option<W>,
        // An item that does not fit yet, and its weight.
        pub(super) held: Option<(Item, usize)>,
        pub(in crate::flow::work) ordered: bool,
        pub(super) limit: Capacity,
        pub(in crate::flow::work) window: usize,
        // The weight of all children, if items have weights.
        pub(super) weight: usize,
        pub(super) upstream: Upstream,
        // Fires when the limit changes.
        pub(super) raised: Option<EventListener>,
        // Asks of a value that is not the next in order whether it ends the map.
        pub(super) is_last: Option<fn(&T) -> bool>,
        // A poll has panicked.
        pub(super) broken: bool,
    }

    impl<S, W, Item, Fut, T> PinnedDrop for MapConcurrent<S, W, Item, Fut, T>
    where
        S: Source,
        W: Work<Item>,
        W: sealed::Work<Item, Future = Fut, Output = T>,
    {
        fn drop(this: Pin<&mut Self>) {
            let this = this.project();
            let Some(work) = this.work else { return };
            // All of them, also if a destructor panics.
            let mut first = None;
            unwind::keep_first(&mut first, || this.children.clear());
            for value in this.done.drain() {
                unwind::keep_first(&mut first, || work.undelivered(value));
            }
            unwind::resume_unless_panicking(first);
        }
    }
}

pin_project! {
    /// Work, with its place in the order and its weight.
    pub(in crate::flow) struct Numbered<Fut> {
        #[pin]
        pub(super) future: Fut,
        pub(super) number: usize,
        pub(super) weight: usize,
    }
}

impl<Fut: Future> Future for Numbered<Fut> {
    type Output = (usize, usize, Fut::Output);

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        this.future.poll(cx).map(|output| (*this.number, *this.weight, output))
    }
}

impl<S, W> MapConcurrent<S, W>
where
    S: Source,
    W: Work<S::Item>,
{
    pub(in crate::flow::work) fn new(source: S, limit: Capacity, work: W) -> Self {
        MapConcurrent {
            children: Slab::with_capacity(limit.now()),
            done: Reorder::new(),
            source: Some(source),
            work: Some(work),
            held: None,
            ordered: true,
            limit,
            window: 0,
            weight: 0,
            upstream: Upstream::new(),
            raised: None,
            is_last: None,
            broken: false,
        }
    }

    /// Returns how many pieces of work are under way.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::flow;
    /// use smol::{future::poll_once, stream::StreamExt};
    /// use std::future::pending;
    ///
    /// # smol::block_on(async {
    /// let work = async |n: u32| if n == 1 { n } else { pending().await };
    /// let mut done = flow::iter([1, 2, 3]).map_concurrent(2, work).into_stream();
    /// assert_eq!(done.next().await, Some(1));
    /// assert!(poll_once(done.next()).await.is_none());
    /// assert_eq!(done.running(), 2);
    /// # });
    /// ```
    pub fn running(&self) -> usize {
        self.children.len()
    }

    /// Returns how many values are ready and not delivered.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::flow;
    /// use smol::{future::poll_once, stream::StreamExt};
    /// use std::future::pending;
    ///
    /// # smol::block_on(async {
    /// // The second is ready, and stays where it is until the first is.
    /// let work = async |n: u32| if n == 2 { n } else { pending().await };
    /// let mut done = flow::iter([1, 2]).map_concurrent(2, work).into_stream();
    /// assert!(poll_once(done.next()).await.is_none());
    /// assert_eq!((done.running(), done.undelivered()), (1, 1));
    /// # });
    /// ```
    pub fn undelivered(&self) -> usize {
        self.done.values().count()
    }

    /// Returns the source, which is asked again for an item as if it had woken us; `None` if an
    /// error has ended the map.
    pub(in crate::flow::work) fn wake_source(self: Pin<&mut Self>) -> Option<Pin<&mut S>> {
        let this = self.project();
        if !this.upstream.has_ended() {
            this.upstream.wake();
        }
        this.source.as_pin_mut()
    }

    /// Drops the work, the values that were ready, and the source.
    pub(in crate::flow) fn clear(mut self: Pin<&mut Self>) {
        let mut first = None;
        unwind::keep_first(&mut first, || self.as_mut().clear_work());
        unwind::keep_first(&mut first, || self.project().done.clear());
        unwind::resume_unless_panicking(first);
    }

    /// Drops the work and the source.
    pub(super) fn clear_work(self: Pin<&mut Self>) {
        let mut this = self.project();
        let mut first = None;
        unwind::keep_first(&mut first, || this.children.clear());
        *this.weight = 0;
        unwind::keep_first(&mut first, || *this.held = None);
        unwind::keep_first(&mut first, || this.source.set(None));
        this.upstream.end();
        unwind::resume_unless_panicking(first);
    }
}

impl<S, W> Stream for MapConcurrent<S, W>
where
    S: Source,
    W: Work<S::Item>,
{
    type Item = W::Output;

    #[inline]
    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<W::Output>> {
        if self.is_quiet() { self.poll_quiet(cx) } else { self.poll_busy(cx, Budget::new()) }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let ready = if self.ordered { 0 } else { self.children.len() };
        let started = self.done.len() + ready + usize::from(self.held.is_some());
        let (low, high) = match &self.source {
            Some(source) if !self.upstream.has_ended() => source.size_hint(),
            _ => (0, Some(0)),
        };
        (low.saturating_add(started), high.and_then(|high| high.checked_add(started)))
    }
}

impl<S, W> Source for MapConcurrent<S, W>
where
    S: Source,
    W: Work<S::Item>,
{
    fn poll_progress(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.poll_value(cx, &mut Budget::new(), false).map(drop)
    }

    fn end_at(mut self: Pin<&mut Self>, is_last: fn(&W::Output) -> bool) {
        let this = self.as_mut().project();
        *this.is_last = Some(is_last);
        if let Some(value) = this.done.take_first(is_last) {
            self.end_with(value, false);
        }
    }
}

impl<S, W> FusedStream for MapConcurrent<S, W>
where
    S: Source,
    W: Work<S::Item>,
{
    fn is_terminated(&self) -> bool {
        self.upstream.has_ended() && self.children.is_empty() && self.done.is_empty()
    }
}

impl<S, W> fmt::Debug for MapConcurrent<S, W>
where
    S: Source,
    W: Work<S::Item>,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MapConcurrent")
            .field("limit", &self.limit)
            .field("ordered", &self.ordered)
            .field("running", &self.running())
            .field("undelivered", &self.undelivered())
            .finish_non_exhaustive()
    }
}
