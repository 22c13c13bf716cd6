//! Moments at equal distances.

use super::Alarm;
use crate::{
    flow::{Flow, Source},
    time::{Clock, Instant, Timer},
};
use core::{
    fmt,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};
use futures_core::{FusedStream, Stream};

/// Creates a flow that yields an item now, and then one each `period`, without end. The items are
/// the moments for which they were planned.
///
/// ```text
/// interval(3)                                  a--b--c--d--e
/// with a consumer that is busy from a to 7     a------[c]-d--e
/// ```
///
/// *Now* is when the flow is asked for its first item. Moments keep their distance from the first,
/// however late an item is taken. Of moments that have passed meanwhile only the last is yielded, so
/// there are no bursts; how many were left out follows from the items.
///
/// It has no end: [`take`](Flow::take) and [`take_until`](Flow::take_until) end it, and so does
/// whoever drops what drives it. With a period of [`Duration::MAX`] it yields one item.
///
/// # Cancel safety
///
/// Loses nothing.
///
/// # Panics
///
/// Panics if `period` is zero.
///
/// # Cost
///
/// One read of the clock and one sleep for each item; one allocation for all sleeps.
///
/// # Examples
///
/// ```
/// use anyscope::{flow, sim::Sim};
/// use std::time::Duration;
///
/// let second = Duration::from_secs(1);
/// let beats = Sim::new(7).run(async |sim| {
///     let mut beats = 0;
///     flow::interval(&sim, second)
///         .take_until(anyscope::Timer::sleep(&sim, 3 * second + second / 2))
///         .for_each(|_| {
///             beats += 1;
///             std::future::ready(())
///         })
///         .await;
///     beats
/// });
/// assert_eq!(beats.unwrap(), 4);
/// ```
#[track_caller]
pub fn interval<T: Timer + Clock>(timer: T, period: Duration) -> Flow<Interval<T>> {
    assert!(!period.is_zero(), "an interval of zero would yield without a pause");
    crate::flow::source(Interval { alarm: Alarm::rung(timer), period, next: None })
}

/// Source of [`interval`].
#[must_use = "streams do nothing unless polled"]
pub struct Interval<T: Timer> {
    alarm: Alarm<T>,
    period: Duration,
    /// The moment of the next item, from the first one on.
    next: Option<Instant>,
}

impl<T: Timer> Interval<T> {
    /// Returns the distance of two items.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{flow, smol::Smol};
    /// use std::time::Duration;
    ///
    /// let beats = flow::interval(&Smol, Duration::from_secs(5)).into_stream();
    /// assert_eq!(beats.period(), Duration::from_secs(5));
    /// ```
    pub fn period(&self) -> Duration {
        self.period
    }
}

impl<T: Timer + Clock> Stream for Interval<T> {
    type Item = Instant;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Instant>> {
        ready!(self.alarm.poll(cx));
        let now = self.alarm.timer().now();
        let planned = self.next.unwrap_or(now);
        // Zero if the timer was a little early.
        let late = now.saturating_duration_since(planned).as_nanos();
        let whole = late - late % self.period.as_nanos();
        // Fits: instants are nanoseconds in 64 bits.
        let moment = planned.saturating_add(Duration::from_nanos(whole as u64));
        let next = moment.saturating_add(self.period);
        self.next = Some(next);
        match next {
            Instant::NEVER => self.alarm.clear(),
            next => self.alarm.set(next.saturating_duration_since(now)),
        }
        Poll::Ready(Some(moment))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (usize::from(self.next.is_none()), None)
    }
}

impl<T: Timer + Clock> Source for Interval<T> {
    // The time needs no poll to pass.
    fn poll_progress(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        Poll::Ready(())
    }
}

impl<T: Timer + Clock> FusedStream for Interval<T> {
    fn is_terminated(&self) -> bool {
        false
    }
}

impl<T: Timer> fmt::Debug for Interval<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Interval")
            .field("period", &self.period)
            .field("next", &self.next)
            .finish_non_exhaustive()
    }
}
