//! A limit on the number of items.

use crate::flow::{Flow, Source};
use core::{
    pin::Pin,
    task::{Context, Poll, ready},
};
use futures_core::Stream;
use pin_project_lite::pin_project;

impl<S: Source> Flow<S> {
    /// Ends after `items` items.
    ///
    /// The source is dropped when the last of them has come, before it is yielded, and with the
    /// source whatever it has under way; it is not asked for more than that. With 0 it is dropped
    /// by this call, unasked.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::flow;
    ///
    /// # smol::block_on(async {
    /// let squares: Vec<u64> =
    ///     flow::iter(1..).map_concurrent(8, async |n| n * n).take(3).collect().await;
    /// assert_eq!(squares, [1, 4, 9]);
    /// # });
    /// ```
    pub fn take(self, items: usize) -> Flow<Take<S>> {
        let source = (items > 0).then_some(self.source);
        Flow { source: Take { source, left: items } }
    }
}

pin_project! {
    /// Source of [`Flow::take`].
    #[derive(Debug)]
    #[must_use = "streams do nothing unless polled"]
    pub struct Take<S> {
        // Gone after the last item.
        #[pin]
        source: Option<S>,
        left: usize,
    }
}

impl<S> Take<S> {
    /// Returns the source, unless all items that were wanted have come, or it has ended.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::flow;
    /// use smol::stream::StreamExt;
    ///
    /// # smol::block_on(async {
    /// let mut first = flow::iter(1..).take(2).into_stream();
    /// assert_eq!(first.next().await, Some(1));
    /// // One is still wanted, so the source is still there.
    /// assert!(first.into_inner().is_some());
    /// # });
    /// ```
    pub fn into_inner(self) -> Option<S> {
        self.source
    }
}

impl<S: Source> Stream for Take<S> {
    type Item = S::Item;

    #[inline]
    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<S::Item>> {
        let mut this = self.project();
        let Some(source) = this.source.as_mut().as_pin_mut() else { return Poll::Ready(None) };
        let item = ready!(source.poll_next(cx));
        *this.left -= 1;
        if item.is_none() || *this.left == 0 {
            this.source.set(None);
        }
        Poll::Ready(item)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let Some(source) = &self.source else { return (0, Some(0)) };
        let (low, high) = source.size_hint();
        (low.min(self.left), Some(high.map_or(self.left, |high| high.min(self.left))))
    }
}

impl<S: Source> Source for Take<S> {
    fn poll_progress(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.project()
            .source
            .as_pin_mut()
            .map_or(Poll::Ready(()), |source| source.poll_progress(cx))
    }
}
