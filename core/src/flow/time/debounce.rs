//! The last item of a burst.

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
    /// Yields an item once no other item has come for `quiet`.
    ///
    /// ```text
    /// source         abc----d-e|
    /// debounce(2)    ----c-----[e|]
    /// ```
    ///
    /// **Drops** items that are followed by another item within `quiet`, and no others. The last
    /// item is yielded when the source ends, without a wait.
    ///
    /// The source is polled before the timer: an item that comes just as `quiet` is over replaces
    /// the previous item. While the consumer is busy, newer items replace the held item until
    /// `quiet` is over. Then the held item stays, and no more items are read. From a source that is
    /// never quiet, nothing is yielded before its end.
    ///
    /// With a time of zero, every item is yielded. With [`Duration::MAX`], only the last one is.
    ///
    /// # Cancel safety
    ///
    /// [`into_parts`](Debounce::into_parts) returns the source and the item that is held.
    ///
    /// # Fairness
    ///
    /// After 64 items the task yields to its executor.
    ///
    /// # Cost
    ///
    /// One sleep for each burst of items that are read in one poll.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::flow;
    /// use std::time::Duration;
    ///
    /// anyscope::sim::Sim::new(7).run(async |sim| {
    ///     let typed = flow::stream(sim.marble("abc----d-e|"));
    ///     let typed = typed.debounce(&sim, Duration::from_secs(2));
    ///     assert_eq!(sim.draw(typed.into_stream()).await, "----c-----[e|]");
    /// })
    /// .unwrap();
    /// ```
    pub fn debounce<T: Timer>(self, timer: T, quiet: Duration) -> Flow<Debounce<S, T>> {
        Flow { source: Debounce::new(self.source, timer, quiet, |_| false) }
    }

    /// Yields a value once no other item has come for `quiet`, and every error at once.
    ///
    /// As [`debounce`](Self::debounce), but errors are never dropped. A value that is held when an
    /// error comes is dropped.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::flow;
    /// use std::time::Duration;
    ///
    /// anyscope::sim::Sim::new(7).run(async |sim| {
    ///     let typed = flow::stream(sim.marble("ab!c----d|"))
    ///         .map(|key| if key == '!' { Err(key) } else { Ok(key) })
    ///         .try_debounce(&sim, Duration::from_secs(2))
    ///         .into_stream();
    ///     let typed = futures_lite::StreamExt::map(typed, |key| key.unwrap_or_else(|error| error));
    ///     assert_eq!(sim.draw(typed).await, "--!--c---[d|]");
    /// })
    /// .unwrap();
    /// ```
    pub fn try_debounce<T: Timer, I, E>(self, timer: T, quiet: Duration) -> Flow<Debounce<S, T>>
    where
        S: Source<Item = Result<I, E>>,
    {
        Flow { source: Debounce::new(self.source, timer, quiet, Result::is_err) }
    }
}

pin_project! {
    /// Source of [`Flow::debounce`].
    #[derive(Debug)]
    #[must_use = "streams do nothing unless polled"]
    pub struct Debounce<S: Stream, T: Timer, Item = <S as Stream>::Item> {
        #[pin]
        reader: Reader<S>,
        // Rings when no item has come for `quiet`.
        alarm: Alarm<T>,
        quiet: Duration,
        latest: Option<Item>,
        // `latest` must be yielded, and is not replaced any more.
        due: bool,
        is_error: IsError<Item>,
    }
}

impl<S: Stream, T: Timer> Debounce<S, T> {
    fn new(source: S, timer: T, quiet: Duration, is_error: IsError<S::Item>) -> Self {
        let (reader, alarm) = (Reader::new(source), Alarm::new(timer));
        Debounce { reader, alarm, quiet, latest: None, due: false, is_error }
    }

    /// Returns the source, and an item of it that was not yielded yet.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{flow, smol::Smol};
    /// use smol::{future::poll_once, stream::{self, StreamExt}};
    /// use std::time::Duration;
    ///
    /// # smol::block_on(async {
    /// let typed = flow::stream(stream::iter(["a", "ab"]).chain(stream::pending()));
    /// let mut typed = typed.debounce(&Smol, Duration::MAX).into_stream();
    /// assert_eq!(poll_once(typed.next()).await, None); // not quiet for long enough
    /// let (_source, latest) = typed.into_parts();
    /// assert_eq!(latest, Some("ab"));
    /// # });
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
        let mut replaced = false;
        for _ in 0..POLLS {
            match this.reader.as_mut().poll_next(cx) {
                Poll::Ready(Some(item)) => {
                    *this.due = this.quiet.is_zero() || (this.is_error)(&item);
                    *this.latest = Some(item);
                    replaced = true;
                    if *this.due {
                        this.alarm.clear();
                        return Poll::Ready(());
                    }
                }
                Poll::Ready(None) => {
                    this.alarm.clear();
                    return Poll::Ready(());
                }
                Poll::Pending => {
                    if replaced {
                        this.alarm.set(*this.quiet);
                    }
                    ready!(this.alarm.poll(cx));
                    this.alarm.clear();
                    *this.due = true;
                    return Poll::Ready(());
                }
            }
        }
        // Items have come since: an alarm that was set before does not count.
        this.alarm.set(*this.quiet);
        waits::yields(cx.waker());
        Poll::Pending
    }
}

impl<S: Stream, T: Timer> Stream for Debounce<S, T> {
    type Item = S::Item;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<S::Item>> {
        ready!(self.as_mut().poll_due(cx));
        let this = self.project();
        *this.due = false;
        Poll::Ready(this.latest.take())
    }
}

impl<S: Source, T: Timer> Source for Debounce<S, T> {
    fn poll_progress(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.reader.is_reading() || self.latest.is_some() {
            ready!(self.as_mut().poll_due(cx));
        }
        self.project().reader.poll_progress(cx)
    }
}
