//! A time limit for a whole flow.

use super::Alarm;
use crate::{
    flow::{Flow, Source, source::reader::Reader},
    time::{Clock, Elapsed, Instant, Timer},
};
use core::{
    pin::Pin,
    task::{Context, Poll},
};
use futures_core::Stream;
use pin_project_lite::pin_project;

impl<S: Source> Flow<S> {
    /// Yields the items of the flow until the time `at`.
    ///
    /// ```text
    /// source         a-b-c-d-|
    /// deadline(5)    a-b-c[!|]
    /// ```
    ///
    /// An item is yielded as `Ok`. If the source ends before the deadline, the flow ends too. If
    /// the deadline comes first, the flow yields one [`Elapsed`] and ends. So the two ends differ,
    /// and an operation that fails at the first `Err` fails at the deadline. To end without an
    /// error, use [`take_until`](Flow::take_until) with a sleep.
    ///
    /// The source is polled before the clock is read: an item that is there at that time counts,
    /// and so does the end. With a time in the past, the source is polled once. [`Instant::NEVER`]
    /// is no limit.
    ///
    /// After the deadline the source is not polled again, whether the consumer is busy or not. It
    /// is dropped with the flow, which an operation does at the end.
    ///
    /// # Cancel safety
    ///
    /// Loses nothing: [`into_parts`](Deadline::into_parts) returns the source, and an item that
    /// was read while the consumer was busy. Such an item is yielded before the `Elapsed`.
    ///
    /// # Cost
    ///
    /// One read of the clock for each item, and one sleep in all.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{Clock, flow};
    /// use std::time::Duration;
    ///
    /// anyscope::sim::Sim::new(7).run(async |sim| {
    ///     let at = sim.now().saturating_add(Duration::from_secs(5));
    ///     let items = flow::stream(sim.marble("a-b-c-d-|")).deadline(&sim, at);
    ///     let items = items.into_stream();
    ///     let items = futures_lite::StreamExt::map(items, |item| item.unwrap_or('!'));
    ///     assert_eq!(sim.draw(items).await, "a-b-c[!|]");
    /// })
    /// .unwrap();
    /// ```
    pub fn deadline<T: Timer + Clock>(self, timer: T, at: Instant) -> Flow<Deadline<S, T>> {
        Flow {
            source: Deadline {
                reader: Reader::new(self.source),
                alarm: Alarm::new(timer),
                at,
                state: State::Open,
                parked: None,
            },
        }
    }
}

pin_project! {
    /// Source of [`Flow::deadline`].
    #[derive(Debug)]
    #[must_use = "streams do nothing unless polled"]
    pub struct Deadline<S: Stream, T: Timer, Item = <S as Stream>::Item> {
        #[pin]
        reader: Reader<S>,
        alarm: Alarm<T>,
        at: Instant,
        state: State,
        parked: Option<Item>,
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum State {
    Open,
    /// The deadline has passed, and the error has not been yielded yet.
    Elapsed,
    Told,
}

impl<S: Stream, T: Timer> Deadline<S, T> {
    /// Returns whether the deadline came before the end.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{Clock, flow, sim::Sim};
    /// use smol::stream::StreamExt;
    /// use std::time::Duration;
    ///
    /// Sim::new(7).run(async |sim| {
    ///     let at = sim.now() + Duration::from_secs(5);
    ///     let mut items = flow::stream(sim.marble("a-b-c-d-|")).deadline(&sim, at).into_stream();
    ///     assert_eq!((&mut items).count().await, 4); // a, b, c, and the error
    ///     assert!(items.has_elapsed());
    /// }).unwrap();
    /// ```
    pub fn has_elapsed(&self) -> bool {
        self.state != State::Open
    }

    /// Returns the source, and an item of it that was not taken yet.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{Clock, flow, smol::Smol};
    /// use smol::stream::StreamExt;
    /// use std::time::Duration;
    ///
    /// # smol::block_on(async {
    /// let at = Smol.now() + Duration::from_secs(60);
    /// let mut items = flow::iter([1, 2, 3]).deadline(&Smol, at).into_stream();
    /// assert_eq!(items.next().await, Some(Ok(1)));
    /// let (rest, _untaken) = items.into_parts(); // without the deadline
    /// assert_eq!(flow::source(rest).collect::<Vec<_>>().await, [2, 3]);
    /// # });
    /// ```
    pub fn into_parts(self) -> (S, Option<S::Item>) {
        (self.reader.into_inner(), self.parked)
    }
}

impl<S: Stream, T: Timer + Clock> Deadline<S, T> {
    /// Checks whether the deadline has passed, and registers with the timer if not.
    fn poll_alarm(self: Pin<&mut Self>, cx: &mut Context<'_>) {
        let this = self.project();
        if *this.state == State::Open && *this.at != Instant::NEVER {
            if this.alarm.is_off() {
                let left = this.at.saturating_duration_since(this.alarm.timer().now());
                this.alarm.set(left);
            }
            if this.alarm.poll(cx).is_ready() {
                *this.state = State::Elapsed;
            }
        }
    }
}

impl<S: Stream, T: Timer + Clock> Stream for Deadline<S, T> {
    type Item = Result<S::Item, Elapsed>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let mut this = self.as_mut().project();
        if let Some(item) = this.parked.take() {
            return Poll::Ready(Some(Ok(item)));
        }
        if *this.state == State::Open {
            match this.reader.as_mut().poll_next(cx) {
                Poll::Ready(Some(item)) => {
                    // Also for a source that is always ready. Reading the clock is enough here.
                    if this.alarm.timer().now() >= *this.at {
                        this.alarm.clear();
                        *this.state = State::Elapsed;
                    }
                    return Poll::Ready(Some(Ok(item)));
                }
                Poll::Ready(None) => {
                    this.alarm.clear();
                    return Poll::Ready(None);
                }
                Poll::Pending => self.as_mut().poll_alarm(cx),
            }
        }
        let this = self.project();
        match *this.state {
            State::Open => Poll::Pending,
            State::Elapsed => {
                *this.state = State::Told;
                Poll::Ready(Some(Err(Elapsed::new())))
            }
            State::Told => Poll::Ready(None),
        }
    }
}

impl<S: Source, T: Timer + Clock> Source for Deadline<S, T> {
    fn poll_progress(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.state != State::Open {
            return Poll::Ready(());
        }
        let this = self.as_mut().project();
        let polled = this.reader.poll_park(cx, this.parked);
        if self.reader.is_over() {
            self.project().alarm.clear();
            return Poll::Ready(());
        }
        self.as_mut().poll_alarm(cx);
        if self.state == State::Open { polled } else { Poll::Ready(()) }
    }
}
