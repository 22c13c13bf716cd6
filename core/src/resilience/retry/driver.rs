//! Attempt after attempt.

use super::{
    attempts::{Attempts, Failure, GaveUp},
    budget::RetryBudget,
    retry::{Attempt, Limits, Phase, Retry, Total},
    rules::{Accepts, Retries, Tells},
};
use crate::{
    cancel::{Asked, asked_to_end, current},
    observers,
    time::{Clock, Elapsed, Instant, Timer, alarm::time_left},
    waits,
};
use core::{
    future::Future,
    mem,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

impl<T, D, F, Fut, V, E, W, U, O> Future for Retry<T, D, F, Fut, E, W, U, O, U::Rejected>
where
    T: Timer + Clock,
    D: Iterator<Item = Duration>,
    F: Attempt<Fut>,
    Fut: Future<Output = Result<V, E>>,
    W: Retries<E>,
    U: Accepts<V>,
    O: Tells<E, U::Rejected>,
{
    type Output = Result<V, Attempts<E, U::Rejected>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        loop {
            // It stays so if something of the user's panics.
            match mem::replace(self.as_mut().project().phase, Phase::Over) {
                Phase::Running => {}
                Phase::Start => {
                    if let Some(why) = self.as_mut().start() {
                        return Poll::Ready(Err(self.project().failed.give_up(why)));
                    }
                }
                Phase::Delay => match ready!(self.as_mut().poll_delay(cx)) {
                    Some(why) => return Poll::Ready(Err(self.project().failed.give_up(why))),
                    None => continue,
                },
                Phase::Over => panic!("polled after it was ready"),
            }
            let mut this = self.as_mut().project();
            let attempt = this.attempt.as_mut().as_pin_mut().expect("it runs");
            let failure = match attempt.poll(cx) {
                Poll::Ready(Ok(value)) => {
                    this.attempt.set(None);
                    this.sleep.set(None);
                    match this.until.accepts(value) {
                        Ok(value) => return Poll::Ready(Ok(value)),
                        Err(rejected) => Failure::Rejected(rejected),
                    }
                }
                Poll::Ready(Err(error)) => Failure::Failed(error),
                Poll::Pending => {
                    if !self.as_mut().is_out_of_time(cx) {
                        *self.project().phase = Phase::Running;
                        return Poll::Pending;
                    }
                    Failure::TimedOut(Elapsed::new())
                }
            };
            if let Some(why) = ready!(self.as_mut().go_on(failure, cx)) {
                return Poll::Ready(Err(self.project().failed.give_up(why)));
            }
        }
    }
}

impl<T, D, F, Fut, E, W, U, O, R> Retry<T, D, F, Fut, E, W, U, O, R>
where
    T: Timer + Clock,
    F: Attempt<Fut>,
{
    /// Begins an attempt, or returns why there is none.
    #[inline]
    fn start(self: Pin<&mut Self>) -> Option<GaveUp> {
        if let Some(cancelled) = asked_to_end() {
            return Some(GaveUp::Cancelled(cancelled));
        }
        let mut this = self.project();
        if this.failed.made == 0 {
            RetryBudget::around(this.budget, RetryBudget::deposit);
            this.limits.begin(&*this.timer);
        }
        this.failed.made += 1;
        this.attempt.set(Some(this.make.attempt()));
        None
    }

    /// Waits for the next attempt. Ready with the reason if there will be none.
    #[inline(never)]
    fn poll_delay(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<GaveUp>> {
        let mut this = self.project();
        if let Some(cancelled) = this.asked.poll(cx) {
            this.sleep.set(None);
            return Poll::Ready(Some(GaveUp::Cancelled(cancelled)));
        }
        let is_over = match this.sleep.as_mut().as_pin_mut() {
            Some(sleep) => sleep.poll(cx).is_ready(),
            None => false,
        };
        if !is_over {
            waits::waits_for_what(waits::What::RetryDelay);
            *this.phase = Phase::Delay;
            return Poll::Pending;
        }
        this.sleep.set(None);
        *this.asked = Asked::new();
        *this.phase = Phase::Start;
        Poll::Ready(None)
    }
}

impl<T, D, F, Fut, E, W, U, O, R> Retry<T, D, F, Fut, E, W, U, O, R>
where
    T: Timer + Clock,
    D: Iterator<Item = Duration>,
    W: Retries<E>,
    O: Tells<E, R>,
{
    /// Returns whether the time of the attempt that runs has passed.
    fn is_out_of_time(self: Pin<&mut Self>, cx: &mut Context<'_>) -> bool {
        let mut this = self.project();
        if this.sleep.is_none() {
            let total = time_left(this.limits.until(), || this.timer.now());
            match this.limits.attempt.min(total) {
                Duration::MAX => return false,
                // Not left to the timer, as some timers round up to their next tick.
                Duration::ZERO => return true,
                limit => this.sleep.set(Some(this.timer.sleep(limit))),
            }
        }
        let sleep = this.sleep.as_pin_mut().expect("just set");
        sleep.poll(cx).is_ready()
    }

    /// Begins the delay after an attempt that failed. Ready with the reason if there is none, and pending for others of the
    /// task to have their turn.
    #[inline(never)]
    fn go_on(
        mut self: Pin<&mut Self>,
        failure: Failure<E, R>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<GaveUp>> {
        let mut this = self.as_mut().project();
        this.attempt.set(None);
        this.sleep.set(None);
        let delay = match self.as_mut().plan(failure) {
            Ok(delay) => delay,
            Err(why) => return Poll::Ready(Some(why)),
        };
        let mut this = self.project();
        if delay.is_zero() {
            waits::yields(cx.waker());
            *this.phase = Phase::Start;
            return Poll::Pending;
        }
        if delay != Duration::MAX {
            this.sleep.set(Some(this.timer.sleep(delay)));
        }
        *this.phase = Phase::Delay;
        Poll::Ready(None)
    }

    /// Keeps how an attempt failed, and returns how long to wait before the next one, or why there is
    /// none.
    fn plan(self: Pin<&mut Self>, failure: Failure<E, R>) -> Result<Duration, GaveUp> {
        let this = self.project();
        let made = this.failed.made;
        this.failed.add(failure);
        let failure = this.failed.last.as_ref().expect("just added");
        if let Failure::Failed(error) = failure {
            if !this.when.retries(error, made) {
                return Err(GaveUp::NotRetried);
            }
        }
        if let Some(cancelled) = asked_to_end() {
            return Err(GaveUp::Cancelled(cancelled));
        }
        let own = this.limits.until();
        if time_left(own, || this.timer.now()).is_zero() {
            return Err(GaveUp::Deadline);
        }
        if this.limits.times.is_some_and(|retries| made > retries) {
            return Err(GaveUp::UsedUp);
        }
        let delay = this.delays.next().ok_or(GaveUp::UsedUp)?;
        let until = own.min(current::deadline_around());
        if until != Instant::NEVER && delay >= time_left(until, || this.timer.now()) {
            return Err(GaveUp::Deadline);
        }
        // Last, so that nothing is taken for a retry that is not made.
        if RetryBudget::around(this.budget, |budget| budget.withdraw(&*this.timer)) == Some(false) {
            return Err(GaveUp::Budget);
        }
        this.told.tell(made, failure, delay);
        observers::retries(made, delay);
        Ok(delay)
    }
}

impl Limits {
    /// The first attempt begins.
    fn begin(&mut self, clock: &impl Clock) {
        if let Total::Within(time) = self.total {
            self.total = Total::Until(match time {
                Duration::MAX => Instant::NEVER,
                time => clock.now().saturating_add(time),
            });
        }
    }

    fn until(&self) -> Instant {
        match self.total {
            Total::Until(at) => at,
            Total::Unlimited | Total::Within(_) => Instant::NEVER,
        }
    }
}
