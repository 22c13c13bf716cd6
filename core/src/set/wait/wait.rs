//! The future of a wait.

use super::{
    Condition, Waited,
    gather::{Gather, Progress},
};
use crate::{
    Clock, Instant, Timer,
    set::budget::Budget,
    time::alarm::{Alarm, time_left},
};
use core::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};
use pin_project_lite::pin_project;

/// Future of `wait` and `wait_until` of a [`FutureMap`](crate::FutureMap) or
/// [`FutureSet`](crate::FutureSet).
///
/// Polled after it has ended, it returns that nothing is done, and nothing is met.
#[must_use = "futures do nothing unless you `.await` or poll them"]
pub struct Wait<'a, G, C> {
    from: &'a mut G,
    condition: C,
    state: State,
}

enum State {
    New,
    /// The condition was shown what is kept below `next`.
    Waits {
        next: usize,
        any: bool,
    },
    Ended,
}

impl<G, C> Unpin for Wait<'_, G, C> {}

impl<'a, G: Gather, C: Condition<G::Item>> Wait<'a, G, C> {
    pub(super) fn new(from: &'a mut G, condition: C) -> Self {
        Wait { from, condition, state: State::New }
    }

    pub(super) fn with_condition<D>(self, with: impl FnOnce(C) -> D) -> Wait<'a, G, D> {
        Wait { from: self.from, condition: with(self.condition), state: self.state }
    }

    /// Limits the wait to the time `limit`. When it has passed, the wait ends with what is done:
    /// `timed_out` says so, and the rest stays in the set or map.
    ///
    /// The time begins with the first poll. What is ready is gathered before the clock is read,
    /// so with a limit of zero the wait gathers what is ready at once. [`Duration::MAX`] means no
    /// limit.
    ///
    /// # Cancel safety
    ///
    /// That of the wait: nothing is lost.
    ///
    /// # Errors
    ///
    /// None, as of the wait. [`require`](super::Waited::require) makes an error of a time that has
    /// passed, with what is done in it.
    ///
    /// # Cost
    ///
    /// One sleep of the timer, if the wait has to wait. It is dropped with the end of the wait.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{FutureMap, Waited, When, smol::Smol};
    /// use smol::{Timer, future::FutureExt};
    /// use std::{future::{pending, ready}, time::Duration};
    ///
    /// # smol::block_on(async {
    /// let mut mirrors = FutureMap::new();
    /// mirrors.replace("near", ready("page").boxed());
    /// mirrors.replace("far", pending().boxed());
    ///
    /// let brief = Duration::from_millis(1);
    /// let Waited { done, timed_out, .. } = mirrors.wait(When::All).timeout(&Smol, brief).await;
    /// assert_eq!(done, [("near", "page")]);
    /// assert!(timed_out && mirrors.contains_key("far"));
    /// # });
    /// ```
    pub fn timeout<T: Timer>(self, timer: T, limit: Duration) -> TimedWait<'a, G, C, T> {
        TimedWait { wait: self, alarm: Alarm::new(timer), limit: TimeLimit::For(limit) }
    }

    /// Limits the wait to the moment `at`, as [`timeout`](Self::timeout) does to a time.
    /// [`Instant::NEVER`] means no limit.
    ///
    /// # Cancel safety, errors, cost
    ///
    /// Those of [`timeout`](Self::timeout). The clock is read once, if the wait has to wait.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{Clock, FutureSet, Instant, When, smol::Smol};
    /// use std::future::ready;
    ///
    /// # smol::block_on(async {
    /// let mut set: FutureSet<_> = [ready(1), ready(2)].into_iter().collect();
    /// let waited = set.wait(When::All).deadline(&Smol, Smol.now()).await;
    /// assert_eq!((waited.done, waited.timed_out), (vec![1, 2], false));
    /// # });
    /// ```
    pub fn deadline<T: Timer + Clock>(self, timer: T, at: Instant) -> TimedWait<'a, G, C, T> {
        TimedWait { wait: self, alarm: Alarm::new(timer), limit: TimeLimit::Until(at, T::now) }
    }

    /// Shows the condition what is kept and what becomes ready, until it is met. If it panics, it
    /// goes on with the next item if polled again.
    fn advance(&mut self, cx: &mut Context<'_>) -> Poll<Waited<G::Item>> {
        if let State::New = self.state {
            self.condition.begin(|| self.from.left().0);
            if self.condition.is_met_at_once() {
                return Poll::Ready(self.end(true, false));
            }
            self.state = State::Waits { next: self.from.kept().first(), any: false };
        }
        let mut budget = Budget::new();
        loop {
            let State::Waits { next, any } = &mut self.state else {
                return Poll::Ready(Waited {
                    done: Default::default(),
                    met: false,
                    timed_out: false,
                });
            };
            while let Some((number, item)) = self.from.kept().at_or_after(*next) {
                (*next, *any) = (number.wrapping_add(1), true);
                // Nothing leaves while this borrows it.
                if self.condition.see_among(item, || self.from.left().0) {
                    return Poll::Ready(self.end(true, false));
                }
            }
            let any = *any;
            match self.from.poll_kept(cx, &mut budget) {
                Progress::Kept => {}
                Progress::Empty { .. } => {
                    let met = self.condition.is_met_at_the_end(any);
                    return Poll::Ready(self.end(met, false));
                }
                Progress::Waits if any && self.condition.is_met_by_waiting() => {
                    return Poll::Ready(self.end(true, false));
                }
                Progress::Waits | Progress::Yields => return Poll::Pending,
            }
        }
    }

    /// Ends with what was shown to the condition.
    fn end(&mut self, met: bool, timed_out: bool) -> Waited<G::Item> {
        let done = match self.state {
            State::Waits { next, .. } => self.from.take_before(next),
            State::New | State::Ended => Default::default(),
        };
        self.state = State::Ended;
        Waited { done, met, timed_out }
    }
}

impl<G: Gather, C: Condition<G::Item>> Future for Wait<'_, G, C> {
    type Output = Waited<G::Item>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Waited<G::Item>> {
        self.advance(cx)
    }
}

pin_project! {
    /// Future of [`Wait::timeout`] and [`Wait::deadline`].
    #[must_use = "futures do nothing unless you `.await` or poll them"]
    pub struct TimedWait<'a, G, C, T: Timer> {
        wait: Wait<'a, G, C>,
        #[pin]
        alarm: Alarm<T>,
        limit: TimeLimit<T>,
    }
}

enum TimeLimit<T> {
    For(Duration),
    Until(Instant, fn(&T) -> Instant),
}

impl<G: Gather, C: Condition<G::Item>, T: Timer> Future for TimedWait<'_, G, C, T> {
    type Output = Waited<G::Item>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Waited<G::Item>> {
        let mut this = self.project();
        let waited = match this.wait.advance(cx) {
            Poll::Ready(waited) => waited,
            Poll::Pending => {
                let rings = this.alarm.as_mut().poll(cx, |timer| match *this.limit {
                    TimeLimit::For(limit) => limit,
                    TimeLimit::Until(at, now) => time_left(at, || now(timer)),
                });
                if !rings {
                    return Poll::Pending;
                }
                this.wait.end(false, true)
            }
        };
        this.alarm.stop();
        Poll::Ready(waited)
    }
}

impl<G: fmt::Debug, C> fmt::Debug for Wait<'_, G, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wait").field("from", &self.from).finish_non_exhaustive()
    }
}

impl<G: fmt::Debug, C, T: Timer> fmt::Debug for TimedWait<'_, G, C, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TimedWait").field("from", &self.wait.from).finish_non_exhaustive()
    }
}
