//! A time limit for each item.

use super::Alarm;
use crate::{
    flow::{Flow, Source, source::reader::Reader},
    time::{Elapsed, Timer},
};
use core::{
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};
use futures_core::Stream;
use pin_project_lite::pin_project;

impl<S: Source> Flow<S> {
    /// Reports every gap that is longer than `limit`: an idle timeout.
    ///
    /// ```text
    /// source             a-----b-|
    /// timeout_each(3)    a--!--b-|
    /// ```
    ///
    /// An item is yielded as `Ok`. If an item takes longer, one [`Elapsed`] is yielded for that
    /// gap. The source is polled as before, and the item is yielded when it comes. To give up
    /// instead, use an operation that fails at the first `Err`.
    ///
    /// This does not end the work on an item that is late. To end it, limit the work itself:
    /// `.map_concurrent(limit, async |item| timeout(&timer, d, work(item)).await)`, with
    /// [`timeout`](crate::timeout()).
    ///
    /// A gap begins when an item is asked for, so the time that the consumer takes before does not
    /// count. The gap continues while the consumer is busy. The source is polled before the timer:
    /// an item that comes just as the limit passes is in time, and so is an error of the source.
    ///
    /// With a limit of zero, one `Elapsed` is yielded for each item that is not there at once. With
    /// [`Duration::MAX`] none is. The flow ends when the source ends.
    ///
    /// # Cancel safety
    ///
    /// Loses nothing: an item that came while the consumer was busy is held, and
    /// [`into_parts`](TimeoutEach::into_parts) returns it.
    ///
    /// # Cost
    ///
    /// One sleep for each item that is waited for.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::flow;
    /// use std::time::Duration;
    ///
    /// anyscope::sim::Sim::new(7).run(async |sim| {
    ///     let gaps = flow::stream(sim.marble("a-----b-|"));
    ///     let gaps = gaps.timeout_each(&sim, Duration::from_secs(3)).into_stream();
    ///     let gaps = futures_lite::StreamExt::map(gaps, |item| item.unwrap_or('!'));
    ///     assert_eq!(sim.draw(gaps).await, "a--!--b-|");
    /// })
    /// .unwrap();
    /// ```
    pub fn timeout_each<T: Timer>(self, timer: T, limit: Duration) -> Flow<TimeoutEach<S, T>> {
        Flow {
            source: TimeoutEach {
                reader: Reader::new(self.source),
                alarm: Alarm::new(timer),
                limit,
                counting: false,
                parked: None,
            },
        }
    }
}

pin_project! {
    /// Source of [`Flow::timeout_each`].
    #[derive(Debug)]
    #[must_use = "streams do nothing unless polled"]
    pub struct TimeoutEach<S: Stream, T: Timer, Item = <S as Stream>::Item> {
        #[pin]
        reader: Reader<S>,
        alarm: Alarm<T>,
        limit: Duration,
        // An item was asked for and has not come, whether its time is over or not.
        counting: bool,
        parked: Option<Result<Item, Elapsed>>,
    }
}

impl<S: Stream, T: Timer> TimeoutEach<S, T> {
    /// Returns the source, and what it has yielded that was not taken yet.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{flow, smol::Smol};
    /// use smol::stream::StreamExt;
    /// use std::time::Duration;
    ///
    /// # smol::block_on(async {
    /// let lines = flow::iter(["hello", "a", "b"]).timeout_each(&Smol, Duration::from_secs(60));
    /// let mut lines = lines.into_stream();
    /// assert_eq!(lines.next().await, Some(Ok("hello"))); // only the greeting has a time limit
    /// let (rest, _untaken) = lines.into_parts();
    /// assert_eq!(flow::source(rest).collect::<Vec<_>>().await, ["a", "b"]);
    /// # });
    /// ```
    pub fn into_parts(self) -> (S, Option<Result<S::Item, Elapsed>>) {
        (self.reader.into_inner(), self.parked)
    }

    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<<Self as Stream>::Item>> {
        let this = self.project();
        if let Poll::Ready(item) = this.reader.poll_next(cx) {
            *this.counting = false;
            this.alarm.clear();
            return Poll::Ready(item.map(Ok));
        }
        if !core::mem::replace(this.counting, true) {
            this.alarm.set(*this.limit);
        }
        ready!(this.alarm.poll(cx));
        this.alarm.clear();
        Poll::Ready(Some(Err(Elapsed::new())))
    }
}

impl<S: Stream, T: Timer> Stream for TimeoutEach<S, T> {
    type Item = Result<S::Item, Elapsed>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        match self.as_mut().project().parked.take() {
            Some(parked) => Poll::Ready(Some(parked)),
            None => self.poll_read(cx),
        }
    }
}

impl<S: Source, T: Timer> Source for TimeoutEach<S, T> {
    fn poll_progress(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.reader.is_reading() && self.parked.is_none() {
            let read = ready!(self.as_mut().poll_read(cx));
            *self.as_mut().project().parked = read;
        }
        self.project().reader.poll_progress(cx)
    }
}
