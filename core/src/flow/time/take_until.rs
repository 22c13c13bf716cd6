//! An end that a future decides.

use crate::flow::{Flow, Source, source::reader::Reader};
use core::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};
use futures_core::Stream;
use pin_project_lite::pin_project;

impl<S: Source> Flow<S> {
    /// Ends the flow when `future` is ready, or when the source ends.
    ///
    /// ```text
    /// source                  a-b-c-d-|
    /// take_until(sleep(4))    a-b-|
    /// ```
    ///
    /// `future` is polled before the source: once it is ready, no more items are taken, not even an
    /// item that is there. It is polled while the consumer is busy too, and dropped when it is
    /// ready or the source has ended.
    ///
    /// After the end the source is not polled again. It is dropped with the flow, which an
    /// operation does at the end.
    ///
    /// # Cancel safety
    ///
    /// Loses nothing: [`into_parts`](TakeUntil::into_parts) returns the source, and an item that
    /// was read while the consumer was busy. Such an item is yielded before the end.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{Timer, flow};
    /// use std::time::Duration;
    ///
    /// anyscope::sim::Sim::new(7).run(async |sim| {
    ///     let stop = sim.sleep(Duration::from_secs(4));
    ///     let items = flow::stream(sim.marble("a-b-c-d-|")).take_until(stop);
    ///     assert_eq!(sim.draw(items.into_stream()).await, "a-b-|");
    /// })
    /// .unwrap();
    /// ```
    pub fn take_until<F: Future>(self, future: F) -> Flow<TakeUntil<S, F>> {
        Flow {
            source: TakeUntil {
                reader: Reader::new(self.source),
                future: Some(future),
                output: None,
                parked: None,
            },
        }
    }
}

pin_project! {
    /// Source of [`Flow::take_until`].
    #[must_use = "streams do nothing unless polled"]
    pub struct TakeUntil<
        S: Stream,
        F: Future,
        Item = <S as Stream>::Item,
        T = <F as Future>::Output,
    > {
        #[pin]
        reader: Reader<S>,
        // `None` once it was ready, or the source has ended.
        #[pin]
        future: Option<F>,
        output: Option<T>,
        parked: Option<Item>,
    }
}

impl<S: Stream, F: Future> TakeUntil<S, F> {
    /// Returns whether the future was ready before the source had ended.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::flow;
    /// use smol::{future, stream::StreamExt};
    ///
    /// # smol::block_on(async {
    /// let mut all = flow::iter([1]).take_until(future::pending::<()>()).into_stream();
    /// assert_eq!((all.next().await, all.next().await), (Some(1), None));
    /// assert!(!all.is_stopped());
    ///
    /// let mut none = flow::iter([1]).take_until(future::ready(())).into_stream();
    /// assert_eq!(none.next().await, None);
    /// assert!(none.is_stopped());
    /// # });
    /// ```
    pub fn is_stopped(&self) -> bool {
        self.future.is_none() && !self.reader.is_over()
    }

    /// Returns the source, an item of it that was not yielded yet, and the output of the future, if
    /// it was ready.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::flow;
    /// use smol::stream::StreamExt;
    ///
    /// # smol::block_on(async {
    /// let stop = Box::pin(async { "stop" });
    /// let mut items = flow::iter([1, 2]).take_until(stop).into_stream();
    /// assert_eq!(items.next().await, None);
    /// let (_rest, _held, output) = items.into_parts();
    /// assert_eq!(output, Some("stop"));
    /// # });
    /// ```
    pub fn into_parts(self) -> (S, Option<S::Item>, Option<F::Output>) {
        (self.reader.into_inner(), self.parked, self.output)
    }

    /// Polls the future. Returns whether the flow continues.
    fn poll_future(self: Pin<&mut Self>, cx: &mut Context<'_>) -> bool {
        let mut this = self.project();
        let Some(future) = this.future.as_mut().as_pin_mut() else { return false };
        let Poll::Ready(output) = future.poll(cx) else { return true };
        *this.output = Some(output);
        this.future.set(None);
        false
    }
}

impl<S: Stream, F: Future> Stream for TakeUntil<S, F> {
    type Item = S::Item;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<S::Item>> {
        if let Some(item) = self.as_mut().project().parked.take() {
            return Poll::Ready(Some(item));
        }
        if !self.as_mut().poll_future(cx) {
            return Poll::Ready(None);
        }
        let mut this = self.project();
        let polled = this.reader.as_mut().poll_next(cx);
        if this.reader.is_over() {
            this.future.set(None);
        }
        polled
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let parked = usize::from(self.parked.is_some());
        let rest = if self.future.is_some() { self.reader.size_hint().1 } else { Some(0) };
        (parked, rest.and_then(|rest| rest.checked_add(parked)))
    }
}

impl<S: Source, F: Future> Source for TakeUntil<S, F> {
    fn poll_progress(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if !self.as_mut().poll_future(cx) {
            return Poll::Ready(());
        }
        let mut this = self.project();
        let polled = this.reader.as_mut().poll_park(cx, this.parked);
        if this.reader.is_over() {
            this.future.set(None);
        }
        polled
    }

    fn end_at(self: Pin<&mut Self>, is_last: fn(&S::Item) -> bool) {
        self.project().reader.end_at(is_last);
    }
}

impl<S: Stream + fmt::Debug, F: Future> fmt::Debug for TakeUntil<S, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TakeUntil")
            .field("reader", &self.reader)
            .field("stopped", &self.is_stopped())
            .finish_non_exhaustive()
    }
}
