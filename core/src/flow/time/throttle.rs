//! Items with a minimum distance.

use super::{Alarm, IntoPace, Pace};
use crate::{
    flow::{Flow, Source, source::reader::Reader},
    time::Timer,
};
use core::{
    pin::Pin,
    task::{Context, Poll, ready},
};
use futures_core::Stream;
use pin_project_lite::pin_project;

impl<S: Source> Flow<S> {
    /// Yields every item, at this pace: with at least a gap between two of them, or at a rate.
    ///
    /// ```text
    /// source                          abc-----d|
    /// throttle(3)                     a--b--c-----d|
    ///
    /// source                          [abcde]-----[fgh]|
    /// throttle(Rate::new(2, 6))       [ab]--c--d--e-----[fg]--h|
    /// throttle(Rate::window(2, 6))    [ab]-----[cd]-----e-----[fg]-----h|
    /// ```
    ///
    /// `pace` is a [`Duration`](core::time::Duration), the gap; or, with the feature `rate`, a
    /// [`Rate`](https://docs.rs/anyscope/latest/anyscope/limit/struct.Rate.html), which lets as many pass at once as its burst has.
    ///
    /// The first item is yielded at once, and so is an item that comes after a longer pause. No
    /// item is dropped: the source is slowed down. To get only the newest item after each gap, use
    /// [`throttle_latest`](Flow::throttle_latest).
    ///
    /// During a gap the next item is read and held. So a slow source does not make the gap longer,
    /// and the flow ends when the source ends. A gap begins when an item is taken.
    ///
    /// With a gap of zero, items are yielded as they come. With [`Duration::MAX`](core::time::Duration::MAX) the second item
    /// is never yielded.
    ///
    /// # Cancel safety
    ///
    /// Loses nothing: [`into_parts`](Throttle::into_parts) returns the source and the item that
    /// is held.
    ///
    /// # Cost
    ///
    /// One sleep for each item that does not come in a burst.
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
    ///
    /// With bursts:
    ///
    #[cfg_attr(feature = "rate", doc = "```")]
    #[cfg_attr(not(feature = "rate"), doc = "```ignore")]
    /// use anyscope::{flow, limit::Rate};
    /// use std::time::Duration;
    ///
    /// anyscope::sim::Sim::new(7).run(async |sim| {
    ///     let rate = Rate::new(2, Duration::from_secs(6));
    ///     let paced = flow::stream(sim.marble("[abcde]-----[fgh]|")).throttle(&sim, rate);
    ///     assert_eq!(sim.draw(paced.into_stream()).await, "[ab]--c--d--e-----[fg]--h|");
    ///
    ///     let rate = Rate::window(2, Duration::from_secs(6));
    ///     let paced = flow::stream(sim.marble("[abcde]-----[fgh]|")).throttle(&sim, rate);
    ///     assert_eq!(sim.draw(paced.into_stream()).await, "[ab]-----[cd]-----e-----[fg]-----h|");
    /// })
    /// .unwrap();
    /// ```
    pub fn throttle<T: Timer>(self, timer: T, pace: impl IntoPace<T>) -> Flow<Throttle<S, T>> {
        Flow {
            source: Throttle {
                reader: Reader::new(self.source),
                alarm: Alarm::rung(timer),
                pace: pace.into_pace(),
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
        pace: Pace<T>,
        held: Option<Item>,
    }
}

impl<S: Stream, T: Timer> Throttle<S, T> {
    /// Returns the source, and an item of it that was not yielded yet.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{flow, smol::Smol};
    /// use smol::{future::poll_once, stream::StreamExt};
    /// use std::time::Duration;
    ///
    /// # smol::block_on(async {
    /// let mut spaced = flow::iter([1, 2]).throttle(&Smol, Duration::MAX).into_stream();
    /// assert_eq!(spaced.next().await, Some(1));
    /// assert_eq!(poll_once(spaced.next()).await, None); // the gap is not over
    /// let (_rest, held) = spaced.into_parts();
    /// assert_eq!(held, Some(2));
    /// # });
    /// ```
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
            // The source may have work under way.
            let _ = this.reader.poll_progress(cx);
            return Poll::Pending;
        }
        let gap = this.pace.item(this.alarm.timer());
        this.alarm.set(gap);
        Poll::Ready(this.held.take())
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.reader.size_hint_with(usize::from(self.held.is_some()))
    }
}

impl<S: Source, T: Timer> Source for Throttle<S, T> {
    // The gap needs no poll to pass.
    fn poll_progress(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut this = self.project();
        let polled = this.reader.as_mut().poll_park(cx, this.held);
        if this.reader.is_over() && this.held.is_none() {
            this.alarm.clear();
        }
        polled
    }

    fn end_at(self: Pin<&mut Self>, is_last: fn(&S::Item) -> bool) {
        self.project().reader.end_at(is_last);
    }
}
