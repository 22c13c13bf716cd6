//! Items with a minimum distance.

use super::Alarm;
use crate::{
    flow::{Flow, Source, source::reader::Reader},
    time::Timer,
};
use core::{
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};
use futures_core::Stream;
use pin_project_lite::pin_project;

impl<S: Source> Flow<S> {
    /// Yields every item, and lets at least `gap` pass between two of them.
    ///
    /// ```text
    /// source         abc-----d|
    /// throttle(3)    a--b--c-----d|
    /// ```
    ///
    /// The first one comes at once, and so does one after a longer pause. Nothing is dropped: the
    /// source is slowed down. To have the newest item instead of every one, see
    /// [`throttle_latest`](Flow::throttle_latest).
    ///
    /// While the gap lasts, the next item is read and held. So a slow source adds nothing to the
    /// gap, and the end comes when the source ends. A gap begins when an item is taken.
    ///
    /// With no time at all, items pass as they come. With [`Duration::MAX`] the second one never
    /// comes.
    ///
    /// # Cancel safety
    ///
    /// Loses nothing: [`into_parts`](Throttle::into_parts) returns the source and the item that
    /// is held.
    ///
    /// # Cost
    ///
    /// One sleep for each item.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::flow;
    /// use std::time::Duration;
    ///
    /// anyscope::sim::Sim::new(7).run(async |sim| {
    ///     let spaced = flow::stream(sim.marble("abc-----d|"));
    ///     let spaced = spaced.throttle(&sim, Duration::from_secs(3));
    ///     assert_eq!(sim.draw(spaced.into_stream()).await, "a--b--c-----d|");
    /// })
    /// .unwrap();
    /// ```
    pub fn throttle<T: Timer>(self, timer: T, gap: Duration) -> Flow<Throttle<S, T>> {
        Flow {
            source: Throttle {
                reader: Reader::new(self.source),
                alarm: Alarm::rung(timer),
                gap,
                held: None,
            },
        }
    }
}

pin_project! {
    /// Source of [`Flow::throttle`].
    #[derive(Debug)]
    #[must_use = "streams do nothing unless polled"]
    pub struct Throttle<S: Stream, T: Timer, Item = <S as Stream>::Item> {
        #[pin]
        reader: Reader<S>,
        // Rings when the next item may be yielded.
        alarm: Alarm<T>,
        gap: Duration,
        held: Option<Item>,
    }
}

impl<S: Stream, T: Timer> Throttle<S, T> {
    /// Returns the source, and an item of it that was not yielded yet.
    pub fn into_parts(self) -> (S, Option<S::Item>) {
        (self.reader.into_inner(), self.held)
    }
}

impl<S: Source, T: Timer> Stream for Throttle<S, T> {
    type Item = S::Item;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<S::Item>> {
        let mut this = self.project();
        if this.held.is_none() {
            *this.held = ready!(this.reader.as_mut().poll_next(cx));
        }
        if this.held.is_none() {
            this.alarm.clear();
            return Poll::Ready(None);
        }
        if this.alarm.poll(cx).is_pending() {
            // Only the item waits.
            let _ = this.reader.poll_progress(cx);
            return Poll::Pending;
        }
        this.alarm.set(*this.gap);
        Poll::Ready(this.held.take())
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.reader.size_hint_with(usize::from(self.held.is_some()))
    }
}

impl<S: Source, T: Timer> Source for Throttle<S, T> {
    // The gap passes by itself.
    fn poll_progress(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut this = self.project();
        let polled = this.reader.as_mut().poll_park(cx, this.held);
        if this.reader.is_over() && this.held.is_none() {
            this.alarm.clear();
        }
        polled
    }
}
