//! Doing something again that has succeeded.

use super::retry::Attempt;
use crate::{
    cancel::{Asked, asked_to_end, current},
    time::{Clock, Instant, IntoDelays, Timer, alarm::time_left},
    waits,
};
use core::{
    fmt,
    future::Future,
    mem,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};
use pin_project_lite::pin_project;

/// Calls `f` and awaits what it returns, again and again while that succeeds; waits before each further
/// run as `schedule` says. Returns the last value.
///
/// The first run is at once, and there is one more than the schedule has delays: `[SECOND; 3]` makes
/// four. A schedule is what a policy of [`retry`](super::retry()) is: an iterator, and `a.take(3).chain(b)` one after
/// the other. Delays begin when a run ends; for runs at fixed moments, or the values of all runs, map a
/// [`flow::interval`](crate::flow::interval). For work that is to be done until it has the right value,
/// use [`Retry::until`](super::Retry::until); to go on after failures too,
/// [`Restart::always`](crate::Restart::always).
///
/// With `std`, it knows what is around it, and ends with the value that it has when the child or body
/// around it is [asked to end](crate::checkpoint()), also in the middle of a delay; and before a delay that
/// would end after the deadline of the scope around it, or of a scope around that one. It is
/// run once anyway.
///
/// # Errors
///
/// The first error of a run, which is the last run.
///
/// # Cancel safety
///
/// Dropping the returned future drops the run, or ends the delay.
///
/// # Panics
///
/// A panic of `f` or of a run propagates. The returned future panics if polled after it was ready or
/// has panicked.
///
/// # Cost
///
/// Allocates nothing. A delay of zero yields to the executor.
///
/// # Examples
///
/// ```
/// use anyscope::{resilience::repeat, sim::Sim};
/// use std::{cell::Cell, time::Duration};
///
/// const SECOND: Duration = Duration::from_secs(1);
///
/// Sim::new(1).run(async |sim| {
///     let beats = &Cell::new(0);
///     let beat = || async {
///         beats.set(beats.get() + 1);
///         if beats.get() == 6 { Err("no answer") } else { Ok(beats.get()) }
///     };
///     assert_eq!(repeat(&sim, [SECOND; 3], beat).await, Ok(4));
///     assert_eq!(sim.elapsed(), 3 * SECOND);
///     assert_eq!(repeat(&sim, [SECOND; 3], beat).await, Err("no answer"));
///     assert_eq!(beats.get(), 6);
/// }).unwrap();
/// ```
#[inline]
pub fn repeat<T, P, Kind, D, F, Fut, V, E>(timer: T, schedule: P, f: F) -> Repeat<T, D, F, Fut, V>
where
    T: Timer + Clock,
    P: IntoDelays<Kind, Delays = D>,
    F: Attempt<Fut>,
    Fut: Future<Output = Result<V, E>>,
{
    Repeat {
        run: None,
        make: f,
        sleep: None,
        asked: Asked::new(),
        phase: Phase::Start,
        timer,
        delays: schedule.into_delays(),
        last: None,
    }
}

pin_project! {
    /// Future of [`repeat`].
    #[must_use = "futures do nothing unless you `.await` or poll them"]
    pub struct Repeat<T, D, F, Fut, V, Sleep = <T as Timer>::Sleep> {
        // Dropped before the function that made it.
        #[pin]
        run: Option<Fut>,
        make: F,
        #[pin]
        sleep: Option<Sleep>,
        asked: Asked,
        phase: Phase,
        timer: T,
        delays: D,
        // Of the last run that has ended.
        last: Option<V>,
    }
}

#[derive(Clone, Copy)]
enum Phase {
    Start,
    Running,
    Delay,
    /// It is ready, or something has panicked.
    Over,
}

impl<T, D, F, Fut, V, E> Future for Repeat<T, D, F, Fut, V>
where
    T: Timer + Clock,
    D: Iterator<Item = Duration>,
    F: Attempt<Fut>,
    Fut: Future<Output = Result<V, E>>,
{
    type Output = Result<V, E>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        loop {
            let mut this = self.as_mut().project();
            // It stays so if something of the user's panics.
            match mem::replace(this.phase, Phase::Over) {
                Phase::Start => {
                    // In a delay of zero nobody has looked.
                    if this.last.is_some() && asked_to_end().is_some() {
                        return Poll::Ready(Ok(self.last_value()));
                    }
                    this.run.set(Some(this.make.attempt()));
                    *this.phase = Phase::Running;
                }
                Phase::Running => {
                    let run = this.run.as_mut().as_pin_mut().expect("it runs");
                    let Poll::Ready(result) = run.poll(cx) else {
                        *this.phase = Phase::Running;
                        return Poll::Pending;
                    };
                    this.run.set(None);
                    match result {
                        Ok(value) => *this.last = Some(value),
                        Err(error) => return Poll::Ready(Err(error)),
                    }
                    match self.as_mut().next_delay() {
                        None => return Poll::Ready(Ok(self.last_value())),
                        Some(Duration::ZERO) => {
                            // Others of the task have their turn.
                            waits::yields(cx.waker());
                            *self.project().phase = Phase::Start;
                            return Poll::Pending;
                        }
                        Some(delay) => {
                            let mut this = self.as_mut().project();
                            if delay != Duration::MAX {
                                this.sleep.set(Some(this.timer.sleep(delay)));
                            }
                            *this.phase = Phase::Delay;
                        }
                    }
                }
                Phase::Delay => {
                    if this.asked.poll(cx).is_some() {
                        this.sleep.set(None);
                        return Poll::Ready(Ok(self.last_value()));
                    }
                    let is_over = match this.sleep.as_mut().as_pin_mut() {
                        Some(sleep) => sleep.poll(cx).is_ready(),
                        None => false,
                    };
                    if !is_over {
                        waits::waits_for_what(waits::What::RepeatDelay);
                        *this.phase = Phase::Delay;
                        return Poll::Pending;
                    }
                    this.sleep.set(None);
                    *this.asked = Asked::new();
                    *this.phase = Phase::Start;
                }
                Phase::Over => panic!("polled after it was ready"),
            }
        }
    }
}

impl<T, D, F, Fut, V, Sleep> Repeat<T, D, F, Fut, V, Sleep>
where
    T: Clock,
    D: Iterator<Item = Duration>,
{
    /// Returns how long to wait before the next run, if there is one.
    fn next_delay(self: Pin<&mut Self>) -> Option<Duration> {
        let this = self.project();
        let delay = this.delays.next()?;
        let until = current::deadline_around();
        let in_time = until == Instant::NEVER || delay < time_left(until, || this.timer.now());
        in_time.then_some(delay)
    }
}

impl<T, D, F, Fut, V, Sleep> Repeat<T, D, F, Fut, V, Sleep> {
    fn last_value(self: Pin<&mut Self>) -> V {
        self.project().last.take().expect("a run has ended")
    }
}

impl<T, D, F, Fut, V, Sleep> fmt::Debug for Repeat<T, D, F, Fut, V, Sleep> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Repeat").field("running", &self.run.is_some()).finish_non_exhaustive()
    }
}
