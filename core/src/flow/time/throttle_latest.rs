//! The newest item after each gap.

use super::{Alarm, is_error::IsError};
use crate::{
    flow::{Flow, POLLS, Source, source::reader::Reader},
    time::Timer,
    waits,
};
use core::{
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};
use futures_core::Stream;
use pin_project_lite::pin_project;

impl<S: Source> Flow<S> {
    /// Yields the first item at once, and then the newest item each time `gap` has passed.
    ///
    /// ```text
    /// source                abcdefghijk|
    /// throttle_latest(3)    a--d--g--j--[k|]
    /// ```
    ///
    /// **Drops** items that are followed by another item before the gap is over, and no others. An
    /// item that comes after the gap is over is yielded at once. The last item is always yielded,
    /// after its gap, and the flow ends with it.
    ///
    /// The source is polled before the timer: an item that comes just as the gap ends is the
    /// newest. A gap begins when an item is taken. While the consumer is busy, newer items replace
    /// the held item until the gap is over. Then the held item stays, and no more items are read.
    ///
    /// With a gap of zero, every item is yielded. With [`Duration::MAX`], the first item is
    /// yielded, and the last one when the source ends.
    ///
    /// # Cancel safety
    ///
    /// [`into_parts`](ThrottleLatest::into_parts) returns the source and the item that is held.
    ///
    /// # Fairness
    ///
    /// After 64 items the task yields to its executor.
    ///
    /// # Cost
    ///
    /// One sleep for each item that is yielded.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::flow;
    /// use std::time::Duration;
    ///
    /// anyscope::sim::Sim::new(7).run(async |sim| {
    ///     let items = flow::stream(sim.marble("abcdefghijk|"));
    ///     let newest = items.throttle_latest(&sim, Duration::from_secs(3));
    ///     assert_eq!(sim.draw(newest.into_stream()).await, "a--d--g--j--[k|]");
    /// })
    /// .unwrap();
    /// ```
    pub fn throttle_latest<T: Timer>(self, timer: T, gap: Duration) -> Flow<ThrottleLatest<S, T>> {
        Flow { source: ThrottleLatest::new(self.source, timer, gap, |_| false) }
    }

    /// Yields the newest value each time `gap` has passed, and every error at once.
    ///
    /// As [`throttle_latest`](Self::throttle_latest), but errors are never dropped, and do not wait
    /// for the gap. A value that is held when an error comes is dropped.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::flow;
    /// use std::time::Duration;
    ///
    /// anyscope::sim::Sim::new(7).run(async |sim| {
    ///     let newest = flow::stream(sim.marble("ab!cd---|"))
    ///         .map(|value| if value == '!' { Err(value) } else { Ok(value) })
    ///         .try_throttle_latest(&sim, Duration::from_secs(3))
    ///         .into_stream();
    ///     let newest = futures_lite::StreamExt::map(newest, |value| value.unwrap_or_else(|e| e));
    ///     assert_eq!(sim.draw(newest).await, "a-!--d--|");
    /// })
    /// .unwrap();
    /// ```
    pub fn try_throttle_latest<T: Timer, I, E>(
        self,
        timer: T,
        gap: Duration,
    ) -> Flow<ThrottleLatest<S, T>>
    where
        S: Source<Item = Result<I, E>>,
    {
        Flow { source: ThrottleLatest::new(self.source, timer, gap, Result::is_err) }
    }
}

pin_project! {
    /// Source of [`Flow::throttle_latest`].
    #[derive(Debug)]
    #[must_use = "streams do nothing unless polled"]
    pub struct ThrottleLatest<S: Stream, T: Timer, Item = <S as Stream>::Item> {
        #[pin]
        reader: Reader<S>,
        // Rings when the next item may be yielded.
        alarm: Alarm<T>,
        gap: Duration,
        latest: Option<Item>,
        // `latest` must be yielded, and is not replaced any more.
        due: bool,
        is_error: IsError<Item>,
    }
}

impl<S: Stream, T: Timer> ThrottleLatest<S, T> {
    fn new(source: S, timer: T, gap: Duration, is_error: IsError<S::Item>) -> Self {
        let (reader, alarm) = (Reader::new(source), Alarm::rung(timer));
        ThrottleLatest { reader, alarm, gap, latest: None, due: false, is_error }
    }

    /// Returns the source, and an item of it that was not yielded yet.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{flow, sim::Sim};
    /// use smol::stream::StreamExt;
    /// use std::time::Duration;
    ///
    /// Sim::new(7).run(async |sim| {
    ///     let newest = flow::stream(sim.marble("a-bc|"));
    ///     let mut newest = newest.throttle_latest(&sim, Duration::from_secs(3)).into_stream();
    ///     assert_eq!(newest.next().await, Some('a'));
    ///     let (rest, _unyielded) = newest.into_parts(); // from here on, every item
    ///     assert_eq!(flow::source(rest).collect::<Vec<_>>().await, ['b', 'c']);
    /// }).unwrap();
    /// ```
    pub fn into_parts(self) -> (S, Option<S::Item>) {
        (self.reader.into_inner(), self.latest)
    }

    /// Ready when an item is due, or no item will come.
    fn poll_due(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut this = self.project();
        if *this.due {
            return Poll::Ready(());
        }
        for _ in 0..POLLS {
            let ended = match this.reader.as_mut().poll_next(cx) {
                Poll::Ready(Some(item)) => {
                    let first = this.latest.is_none();
                    *this.due = (this.is_error)(&item);
                    *this.latest = Some(item);
                    // The gap may be over already.
                    *this.due |= first && this.alarm.poll(cx).is_ready();
                    if *this.due {
                        return Poll::Ready(());
                    }
                    continue;
                }
                Poll::Ready(None) => true,
                Poll::Pending => false,
            };
            if this.latest.is_none() {
                if ended {
                    this.alarm.clear();
                    return Poll::Ready(());
                }
                return Poll::Pending;
            }
            // The last item does not wait for a gap that never ends.
            if !(ended && this.alarm.is_off()) {
                ready!(this.alarm.poll(cx));
            }
            *this.due = true;
            return Poll::Ready(());
        }
        // A source that is always ready must not delay the end of the gap.
        *this.due = this.alarm.poll(cx).is_ready();
        if *this.due {
            return Poll::Ready(());
        }
        waits::yields(cx.waker());
        Poll::Pending
    }
}

impl<S: Stream, T: Timer> Stream for ThrottleLatest<S, T> {
    type Item = S::Item;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<S::Item>> {
        ready!(self.as_mut().poll_due(cx));
        let this = self.project();
        *this.due = false;
        let latest = this.latest.take();
        if latest.is_some() {
            this.alarm.set(*this.gap);
        }
        Poll::Ready(latest)
    }
}

impl<S: Source, T: Timer> Source for ThrottleLatest<S, T> {
    fn poll_progress(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.reader.is_reading() || self.latest.is_some() {
            ready!(self.as_mut().poll_due(cx));
        }
        self.project().reader.poll_progress(cx)
    }
}
