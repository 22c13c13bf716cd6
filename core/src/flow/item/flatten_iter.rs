//! The items of items.

use crate::{
    flow::{Flow, Source},
    set::budget::Budget,
    waits,
};
use core::{
    fmt,
    pin::Pin,
    task::{Context, Poll, ready},
};
use futures_core::Stream;
use pin_project_lite::pin_project;

impl<S> Flow<S>
where
    S: Source<Item: IntoIterator>,
{
    /// Yields what is in each item, one after the other, if items can be iterated over: batches, or
    /// pages of answers.
    ///
    /// Holds one item, until all that is in it is yielded.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::flow;
    /// use std::num::NonZeroUsize;
    ///
    /// # smol::block_on(async {
    /// const FIFTY: NonZeroUsize = NonZeroUsize::new(50).unwrap();
    ///
    /// // A thousand items in batches of fifty, five batches at a time, and one by one again.
    /// let doubled: Vec<u32> = flow::iter(0..1000)
    ///     .chunks(FIFTY)
    ///     .map_concurrent(5, async |batch: Vec<u32>| batch.into_iter().map(|n| n * 2))
    ///     .flatten_iter()
    ///     .collect()
    ///     .await;
    /// assert!(doubled.into_iter().eq((0..1000).map(|n| n * 2)));
    /// # });
    /// ```
    pub fn flatten_iter(self) -> Flow<FlattenIter<S, <S::Item as IntoIterator>::IntoIter>> {
        Flow { source: FlattenIter { source: self.source, front: None } }
    }
}

pin_project! {
    /// Source of [`Flow::flatten_iter`].
    #[must_use = "streams do nothing unless polled"]
    pub struct FlattenIter<S, I> {
        #[pin]
        source: S,
        front: Option<I>,
    }
}

impl<S, I> FlattenIter<S, I> {
    /// Returns the source, and what is left of the item that was being yielded.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::flow;
    /// use smol::stream::StreamExt;
    ///
    /// # smol::block_on(async {
    /// let mut numbers = flow::iter([vec![1, 2, 3]]).flatten_iter().into_stream();
    /// assert_eq!(numbers.next().await, Some(1));
    /// let (_source, left) = numbers.into_parts();
    /// assert!(left.unwrap().eq([2, 3]));
    /// # });
    /// ```
    pub fn into_parts(self) -> (S, Option<I>) {
        (self.source, self.front)
    }
}

impl<S, I> Stream for FlattenIter<S, I>
where
    S: Source<Item: IntoIterator<IntoIter = I>>,
    I: Iterator,
{
    type Item = I::Item;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<I::Item>> {
        let mut this = self.project();
        let mut budget = Budget::new();
        loop {
            if let Some(front) = this.front {
                if let Some(item) = front.next() {
                    return Poll::Ready(Some(item));
                }
                *this.front = None;
            }
            if !budget.pay_poll() {
                waits::yields(cx.waker());
                return Poll::Pending;
            }
            match ready!(this.source.as_mut().poll_next(cx)) {
                Some(items) => *this.front = Some(items.into_iter()),
                None => return Poll::Ready(None),
            }
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let (low, high) = self.front.as_ref().map_or((0, Some(0)), Iterator::size_hint);
        (low, if self.source.size_hint() == (0, Some(0)) { high } else { None })
    }
}

impl<S, I> Source for FlattenIter<S, I>
where
    S: Source<Item: IntoIterator<IntoIter = I>>,
    I: Iterator,
{
    fn poll_progress(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.project().source.poll_progress(cx)
    }
}

impl<S: fmt::Debug, I> fmt::Debug for FlattenIter<S, I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FlattenIter").field("source", &self.source).finish_non_exhaustive()
    }
}
