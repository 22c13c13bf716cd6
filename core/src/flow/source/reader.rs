//! A source that is read by an operator with a timer.

use crate::flow::Source;
use core::{
    pin::Pin,
    task::{Context, Poll},
};
use futures_core::Stream;
use pin_project_lite::pin_project;

pin_project! {
    /// A source, whether a read of it is under way, and whether it has ended.
    ///
    /// A read that has begun continues while the consumer is busy: the operator then keeps the
    /// item.
    #[derive(Debug)]
    pub(in crate::flow) struct Reader<S> {
        #[pin]
        source: S,
        reading: bool,
        over: bool,
    }
}

impl<S> Reader<S> {
    pub(in crate::flow) fn new(source: S) -> Self {
        Reader { source, reading: false, over: false }
    }

    /// Returns whether a read has begun and has not yielded an item yet.
    pub(in crate::flow) fn is_reading(&self) -> bool {
        self.reading
    }

    /// Returns whether the source has ended.
    pub(in crate::flow) fn is_over(&self) -> bool {
        self.over
    }

    pub(in crate::flow) fn into_inner(self) -> S {
        self.source
    }
}

impl<S: Stream> Reader<S> {
    /// Polls for the next item. Does not poll a source that has ended.
    pub(in crate::flow) fn poll_next(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<S::Item>> {
        let this = self.project();
        if *this.over {
            return Poll::Ready(None);
        }
        let polled = this.source.poll_next(cx);
        *this.reading = polled.is_pending();
        *this.over = matches!(polled, Poll::Ready(None));
        polled
    }

    pub(in crate::flow) fn size_hint(&self) -> (usize, Option<usize>) {
        if self.over { (0, Some(0)) } else { self.source.size_hint() }
    }

    /// Returns the size hint of the source, plus `held` items.
    pub(in crate::flow) fn size_hint_with(&self, held: usize) -> (usize, Option<usize>) {
        let (low, high) = self.size_hint();
        (low.saturating_add(held), high.and_then(|high| high.checked_add(held)))
    }
}

impl<S: Source> Reader<S> {
    /// Lets the source make progress without yielding an item.
    pub(in crate::flow) fn poll_progress(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.project();
        if *this.over { Poll::Ready(()) } else { this.source.poll_progress(cx) }
    }

    /// See [`Source::end_at`].
    pub(in crate::flow) fn end_at(self: Pin<&mut Self>, is_last: fn(&S::Item) -> bool) {
        self.project().source.end_at(is_last);
    }

    /// Continues a read that has begun, and stores its item in `parked`. Otherwise lets the source
    /// make progress. Requires that `parked` is empty if a read has begun.
    pub(in crate::flow) fn poll_park(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parked: &mut Option<S::Item>,
    ) -> Poll<()> {
        if self.reading {
            match self.as_mut().poll_next(cx) {
                Poll::Ready(item) => *parked = item,
                Poll::Pending => return Poll::Pending,
            }
        }
        self.poll_progress(cx)
    }
}
