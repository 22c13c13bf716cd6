//! The source for what can only be polled.

use super::schedule::{Pace, Schedule};
use crate::flow::{Flow, Source, time::Alarm};
use crate::time::Timer;
use crate::{flow::source::source, waits};
use core::{
    fmt,
    pin::Pin,
    task::{Context, Poll, ready},
};
use futures_core::Stream;
use pin_project_lite::pin_project;

/// Creates a flow of what `f` returns, by calling it again and again.
///
/// `f` returns `Poll::Ready(Some(item))`, `Poll::Ready(None)` for the end, or `Poll::Pending` for
/// nothing yet; it has no waker to fire. It is called at once when an item is asked for, and after
/// `Poll::Pending` again when the wait of the `schedule` is over. During the wait it is not called,
/// however often the task is woken for something else. After the end it is not called again.
///
/// With a wait of zero, `f` is called each time the executor polls the task, which keeps a core
/// busy. A wait of [`Duration::MAX`](core::time::Duration::MAX) never ends.
///
/// While the consumer is busy, `f` is called only if an item was already asked for. The item is
/// then held.
///
/// # Cancel safety
///
/// Loses nothing: [`into_parts`](PollSource::into_parts) returns `f` and the item that is held.
///
/// # Panics
///
/// Panics if the numbers of the schedule are invalid; each kind says which are.
///
/// # Cost
///
/// One sleep for each empty poll.
///
/// # Examples
///
/// ```
/// use anyscope::flow::{self, poll_source::Fixed};
/// use std::{task::Poll, time::Duration};
///
/// let mut readings = [None, None, Some(20), Some(21)].into_iter();
///
/// anyscope::sim::Sim::new(7).run(async |sim| {
///     flow::poll_source(&sim, Fixed { every: Duration::from_secs(1) }, || match readings.next() {
///         Some(Some(reading)) => Poll::Ready(Some(reading)),
///         Some(None) => Poll::Pending,
///         None => Poll::Ready(None),
///     })
///     .for_each_concurrent(1, async |reading| assert!(reading >= 20))
///     .await;
///     assert_eq!(sim.elapsed().as_secs(), 2);
/// })
/// .unwrap();
/// ```
#[track_caller]
pub fn poll_source<T, F, I>(
    timer: T,
    schedule: impl Into<Schedule>,
    f: F,
) -> Flow<PollSource<T, F, I>>
where
    T: Timer,
    F: FnMut() -> Poll<Option<I>>,
{
    let pace = Pace::new(schedule.into());
    source(PollSource {
        alarm: Alarm::new(timer),
        pace,
        f,
        reading: false,
        over: false,
        parked: None,
    })
}

pin_project! {
    /// Source of [`poll_source`](fn@poll_source).
    #[must_use = "streams do nothing unless polled"]
    pub struct PollSource<T: Timer, F, I> {
        // While it is off, or has rung, `f` may be called.
        alarm: Alarm<T>,
        pace: Pace,
        f: F,
        // An item was asked for.
        reading: bool,
        over: bool,
        parked: Option<I>,
    }
}

impl<T: Timer, F, I> PollSource<T, F, I> {
    /// Returns the function, and an item of it that was not taken yet.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{flow, smol::Smol};
    /// use smol::stream::StreamExt;
    /// use std::task::Poll;
    ///
    /// # smol::block_on(async {
    /// let mut n = 0;
    /// let readings = flow::poll_source(&Smol, flow::poll_source::Fixed::default(), move || {
    ///     n += 1;
    ///     Poll::Ready(Some(n))
    /// });
    /// let mut readings = readings.into_stream();
    /// assert_eq!(readings.next().await, Some(1));
    /// let (mut poll, _left) = readings.into_parts();
    /// assert_eq!(poll(), Poll::Ready(Some(2)));
    /// # });
    /// ```
    pub fn into_parts(self) -> (F, Option<I>) {
        (self.f, self.parked)
    }
}

impl<T: Timer, F: FnMut() -> Poll<Option<I>>, I> PollSource<T, F, I> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<I>> {
        let this = self.project();
        if *this.over {
            return Poll::Ready(None);
        }
        if *this.reading {
            ready!(this.alarm.poll(cx));
        }
        match (this.f)() {
            Poll::Ready(item) => {
                this.alarm.clear();
                this.pace.found();
                *this.reading = false;
                *this.over = item.is_none();
                Poll::Ready(item)
            }
            Poll::Pending => {
                *this.reading = true;
                this.alarm.set(this.pace.wait());
                if this.alarm.poll(cx).is_ready() {
                    waits::yields(cx.waker());
                }
                Poll::Pending
            }
        }
    }
}

impl<T: Timer, F: FnMut() -> Poll<Option<I>>, I> Stream for PollSource<T, F, I> {
    type Item = I;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<I>> {
        match self.as_mut().project().parked.take() {
            Some(item) => Poll::Ready(Some(item)),
            None => self.poll_read(cx),
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let parked = usize::from(self.parked.is_some());
        (parked, self.over.then_some(parked))
    }
}

impl<T: Timer, F: FnMut() -> Poll<Option<I>>, I> Source for PollSource<T, F, I> {
    fn poll_progress(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.reading && self.parked.is_none() {
            let found = ready!(self.as_mut().poll_read(cx));
            *self.project().parked = found;
        }
        Poll::Ready(())
    }
}

impl<T: Timer, F, I> fmt::Debug for PollSource<T, F, I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PollSource")
            .field("pace", &self.pace)
            .field("alarm", &self.alarm)
            .field("over", &self.over)
            .finish_non_exhaustive()
    }
}
