//! Items ahead of the consumer.

use crate::{
    flow::{Flow, Source},
    limit::{IntoLimit, Limit},
    set::budget::Budget,
    waits,
};
use alloc::{collections::VecDeque, vec::Vec};
use core::{
    fmt,
    pin::Pin,
    task::{Context, Poll},
};
use futures_core::Stream;
use pin_project_lite::pin_project;

impl<S: Source> Flow<S> {
    /// Takes up to `items` items from the source ahead of the consumer, and keeps them.
    ///
    /// Without it, a source is asked for an item when the consumer has room for one. This is for
    /// one that is slow now and then: pages of a database, say. It is read while the consumer is
    /// busy too, until `items` are kept. (Work on items has a window of its own: see
    /// [`window`](Flow::window).)
    ///
    /// # Cancel safety
    ///
    /// Dropping it drops what is kept, then the source;
    /// [`into_parts`](Prefetch::into_parts) hands both back.
    ///
    /// # Panics
    ///
    /// When `items` is 0.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::flow;
    ///
    /// # smol::block_on(async {
    /// let pages = flow::iter(1..=100).map_concurrent(1, async |page| page); // slow, one at a time
    /// let sum = pages.prefetch(10).fold(0, async |sum, page| sum + page).await;
    /// assert_eq!(sum, 5050);
    /// # });
    /// ```
    #[track_caller]
    pub fn prefetch(self, items: impl IntoLimit<Limit = Limit>) -> Flow<Prefetch<S>> {
        let most = items.into_limit().get();
        Flow { source: Prefetch { kept: VecDeque::new(), source: self.source, most, ended: false } }
    }
}

pin_project! {
    /// Source of [`Flow::prefetch`].
    #[must_use = "streams do nothing unless polled"]
    pub struct Prefetch<S: Stream, Item = <S as Stream>::Item> {
        kept: VecDeque<Item>,
        #[pin]
        source: S,
        most: usize,
        ended: bool,
    }
}

impl<S: Stream> Prefetch<S> {
    /// Returns how many items are kept.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::flow;
    /// use smol::stream::StreamExt;
    ///
    /// # smol::block_on(async {
    /// let mut pages = flow::iter(1..=100).prefetch(10).into_stream();
    /// assert_eq!(pages.kept(), 0);
    /// assert_eq!(pages.next().await, Some(1));
    /// assert!(pages.kept() <= 10);
    /// # });
    /// ```
    pub fn kept(&self) -> usize {
        self.kept.len()
    }

    /// Returns the source, and the items that were taken from it and not yielded yet.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::flow;
    /// use smol::stream::StreamExt;
    ///
    /// # smol::block_on(async {
    /// let mut ahead = flow::iter(1..).prefetch(2).into_stream();
    /// assert_eq!(ahead.next().await, Some(1));
    /// let (rest, kept) = ahead.into_parts();
    /// let next = flow::source(rest).into_stream().next().await.unwrap();
    /// assert_eq!(next, kept.last().unwrap_or(&1) + 1);
    /// # });
    /// ```
    pub fn into_parts(self) -> (S, Vec<S::Item>) {
        (self.source, self.kept.into())
    }

    /// Takes items until there are enough. Ready when there is nothing to wait for.
    fn fill(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut this = self.project();
        let mut budget = Budget::new();
        while !*this.ended && this.kept.len() < *this.most {
            match this.source.as_mut().poll_next(cx) {
                Poll::Ready(Some(item)) => this.kept.push_back(item),
                Poll::Ready(None) => *this.ended = true,
                Poll::Pending => return Poll::Pending,
            }
            if !budget.pay_poll() {
                waits::yields(cx.waker());
                return Poll::Pending;
            }
        }
        Poll::Ready(())
    }
}

impl<S: Source> Stream for Prefetch<S> {
    type Item = S::Item;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<S::Item>> {
        let filled = self.as_mut().fill(cx);
        let this = self.project();
        match this.kept.pop_front() {
            None if filled.is_pending() => Poll::Pending,
            item => Poll::Ready(item),
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let kept = self.kept.len();
        let (low, high) = if self.ended { (0, Some(0)) } else { self.source.size_hint() };
        (low.saturating_add(kept), high.and_then(|high| high.checked_add(kept)))
    }
}

impl<S: Source> Source for Prefetch<S> {
    fn poll_progress(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.as_mut().fill(cx).is_pending() {
            return Poll::Pending;
        }
        let this = self.project();
        if *this.ended { Poll::Ready(()) } else { this.source.poll_progress(cx) }
    }

    fn end_at(self: Pin<&mut Self>, is_last: fn(&S::Item) -> bool) {
        self.project().source.end_at(is_last);
    }
}

impl<S: Stream + fmt::Debug> fmt::Debug for Prefetch<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Prefetch")
            .field("kept", &self.kept.len())
            .field("most", &self.most)
            .field("source", &self.source)
            .finish_non_exhaustive()
    }
}
