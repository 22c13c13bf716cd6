//! The newest item of each window.

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
    /// Yields the newest item of each `window`, if there is one.
    ///
    /// ```text
    /// source       ab----cde|
    /// sample(3)    ---b--c--[e|]
    /// ```
    ///
    /// **Drops** items that are followed by another item in the same window, and the item of a
    /// window that is cut off by the end of the source (as Kotlin's `sample` does; to keep that
    /// item, use [`throttle_latest`](Flow::throttle_latest)). An empty window yields nothing.
    ///
    /// The first window begins when the first item is asked for. Each further window begins when
    /// the previous one ends or, if that yielded an item, when the item is taken. The source is
    /// polled before the timer: an item that comes just as a window ends is in that window, and a
    /// window that ends together with the source is not cut off.
    ///
    /// While the consumer is busy, a window that has an item continues. When it has ended, its item
    /// stays, and no more items are read.
    ///
    /// With a window of zero, every item is yielded. With [`Duration::MAX`] none is.
    ///
    /// # Cancel safety
    ///
    /// [`into_parts`](Sample::into_parts) returns the source and the item that is held.
    ///
    /// # Fairness
    ///
    /// After 64 items the task yields to its executor.
    ///
    /// # Cost
    ///
    /// One sleep for each window.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::flow;
    /// use std::time::Duration;
    ///
    /// anyscope::sim::Sim::new(7).run(async |sim| {
    ///     let samples = flow::stream(sim.marble("ab----cde|"));
    ///     let samples = samples.sample(&sim, Duration::from_secs(3));
    ///     assert_eq!(sim.draw(samples.into_stream()).await, "---b--c--[e|]");
    /// })
    /// .unwrap();
    /// ```
    pub fn sample<T: Timer>(self, timer: T, window: Duration) -> Flow<Sample<S, T>> {
        Flow { source: Sample::new(self.source, timer, window, |_| false) }
    }

    /// Yields the newest value of each `window`, and every error at once.
    ///
    /// As [`sample`](Self::sample), but errors are never dropped. An error ends its window, and the
    /// value of that window is dropped.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::flow;
    /// use std::time::Duration;
    ///
    /// anyscope::sim::Sim::new(7).run(async |sim| {
    ///     let samples = flow::stream(sim.marble("a!-bc----|"))
    ///         .map(|value| if value == '!' { Err(value) } else { Ok(value) })
    ///         .try_sample(&sim, Duration::from_secs(3))
    ///         .into_stream();
    ///     let samples = futures_lite::StreamExt::map(samples, |value| value.unwrap_or_else(|e| e));
    ///     assert_eq!(sim.draw(samples).await, "-!--c----|");
    /// })
    /// .unwrap();
    /// ```
    pub fn try_sample<T: Timer, I, E>(self, timer: T, window: Duration) -> Flow<Sample<S, T>>
    where
        S: Source<Item = Result<I, E>>,
    {
        Flow { source: Sample::new(self.source, timer, window, Result::is_err) }
    }
}

pin_project! {
    /// Source of [`Flow::sample`].
    #[derive(Debug)]
    #[must_use = "streams do nothing unless polled"]
    pub struct Sample<S: Stream, T: Timer, Item = <S as Stream>::Item> {
        #[pin]
        reader: Reader<S>,
        // Rings when the window ends.
        alarm: Alarm<T>,
        window: Duration,
        started: bool,
        latest: Option<Item>,
        // `latest` must be yielded, and is not replaced any more.
        due: bool,
        is_error: IsError<Item>,
    }
}

impl<S: Stream, T: Timer> Sample<S, T> {
    fn new(source: S, timer: T, window: Duration, is_error: IsError<S::Item>) -> Self {
        let (reader, alarm) = (Reader::new(source), Alarm::new(timer));
        Sample { reader, alarm, window, started: false, latest: None, due: false, is_error }
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
    ///     let samples = flow::stream(sim.marble("ab--cd|")).sample(&sim, Duration::from_secs(3));
    ///     let mut samples = samples.into_stream();
    ///     assert_eq!(samples.next().await, Some('b'));
    ///     let (rest, _unyielded) = samples.into_parts(); // from here on, every item
    ///     assert_eq!(flow::source(rest).collect::<Vec<_>>().await, ['c', 'd']);
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
        if !core::mem::replace(this.started, true) {
            this.alarm.set(*this.window);
        }
        let mut polls = POLLS;
        while polls > 0 {
            polls -= 1;
            let Poll::Ready(Some(item)) = this.reader.as_mut().poll_next(cx) else { break };
            *this.due = this.window.is_zero() || (this.is_error)(&item);
            *this.latest = Some(item);
            if *this.due {
                return Poll::Ready(());
            }
        }
        // Twice, because a window may end and the next one begin here.
        for _ in 0..2 {
            let ends = this.alarm.poll(cx).is_ready();
            *this.due = ends && this.latest.is_some();
            if *this.due {
                return Poll::Ready(());
            }
            if this.reader.is_over() {
                this.alarm.clear();
                return Poll::Ready(());
            }
            if !ends || this.window.is_zero() {
                break;
            }
            this.alarm.set(*this.window);
        }
        if !this.reader.is_reading() || (this.alarm.has_rung() && !this.window.is_zero()) {
            waits::yields(cx.waker());
        }
        Poll::Pending
    }
}

impl<S: Stream, T: Timer> Stream for Sample<S, T> {
    type Item = S::Item;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<S::Item>> {
        ready!(self.as_mut().poll_due(cx));
        let this = self.project();
        if !core::mem::take(this.due) {
            return Poll::Ready(None);
        }
        this.alarm.set(*this.window);
        Poll::Ready(this.latest.take())
    }
}

impl<S: Source, T: Timer> Source for Sample<S, T> {
    fn poll_progress(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.reader.is_reading() || self.latest.is_some() {
            ready!(self.as_mut().poll_due(cx));
        }
        self.project().reader.poll_progress(cx)
    }
}
