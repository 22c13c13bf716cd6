//! When a breaker opens, and for how long.

use super::{
    CircuitBreaker, InvalidBreaker, Transition,
    machine::{Rules, Slow},
    window::Span,
};
use alloc::boxed::Box;
use core::{fmt, time::Duration};

/// The settings of a [`CircuitBreaker`]; see [`CircuitBreaker::builder`].
#[must_use = "a builder does nothing until `build`"]
pub struct Builder {
    rules: Rules,
    minimum: Option<usize>,
    on_change: Option<OnChange>,
}

pub(super) type OnChange = Box<dyn Fn(Transition) + Send + Sync>;

impl Builder {
    pub(super) fn new() -> Self {
        Builder { rules: Rules::default(), minimum: None, on_change: None }
    }

    /// Sets the per cent of calls in the window from which on it opens, if they failed. 50 if this is not called.
    pub fn failure_rate(mut self, per_cent: u8) -> Self {
        self.rules.failure_rate = per_cent;
        self
    }

    /// Judges by the last `calls`. 100 if neither this nor [`window_time`](Self::window_time) is called.
    pub fn window_calls(mut self, calls: usize) -> Self {
        self.rules.span = Span::Calls(calls);
        self
    }

    /// Judges by the calls that ended in the last `span`. It moves in steps of a tenth of that.
    pub fn window_time(mut self, span: Duration) -> Self {
        self.rules.span = Span::Time(span);
        self
    }

    /// Sets how many calls there must be in the window before it may open. 10 if this is not called, or the window if
    /// that is smaller.
    pub fn minimum_calls(mut self, calls: usize) -> Self {
        self.minimum = Some(calls);
        self
    }

    /// Counts calls that take `after` or longer as slow, and opens from so many per cent of slow calls on, however they ended.
    pub fn slow_calls(mut self, after: Duration, per_cent: u8) -> Self {
        self.rules.slow = Some(Slow { after, rate: per_cent });
        self
    }

    /// Sets how long it stays open. A minute if this is not called.
    pub fn open_for(mut self, duration: Duration) -> Self {
        self.rules.open_for = duration;
        self
    }

    /// Sets how many calls are let through when it is half-open. When so many have ended, they decide whether it closes or opens again.
    /// 1 if this is not called.
    pub fn probes(mut self, calls: usize) -> Self {
        self.rules.probes = calls;
        self
    }

    /// Calls `observer` after each change of the state.
    ///
    /// On the thread whose call led to the change, with no lock held. Two changes on two threads may be told in any order. A panic of the
    /// observer propagates to that call, when the change is done.
    pub fn on_change(mut self, observer: impl Fn(Transition) + Send + Sync + 'static) -> Self {
        self.on_change = Some(Box::new(observer));
        self
    }

    /// Creates the breaker, closed.
    ///
    /// # Errors
    ///
    /// Returns [`InvalidBreaker`], which says what is wrong, if it could not work with these settings.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::resilience::breaker::{CircuitBreaker, InvalidBreaker};
    ///
    /// let never_closes = CircuitBreaker::builder().probes(0).build();
    /// assert_eq!(never_closes.unwrap_err(), InvalidBreaker::NoProbes);
    /// ```
    pub fn build(mut self) -> Result<CircuitBreaker, InvalidBreaker> {
        let rates = [Some(self.rules.failure_rate), self.rules.slow.map(|slow| slow.rate)];
        if let Some(rate) = rates.into_iter().flatten().find(|rate| !(1..=100).contains(rate)) {
            return Err(InvalidBreaker::Rate(rate));
        }
        if self.rules.slow.is_some_and(|slow| slow.after.is_zero()) {
            return Err(InvalidBreaker::SlowAfterNothing);
        }
        let most = match self.rules.span {
            Span::Calls(0) | Span::Time(Duration::ZERO) => return Err(InvalidBreaker::EmptyWindow),
            Span::Calls(calls) => calls,
            Span::Time(_) => usize::MAX,
        };
        self.rules.minimum = self.minimum.unwrap_or(self.rules.minimum.min(most));
        if !(1..=most).contains(&self.rules.minimum) {
            return Err(InvalidBreaker::MinimumCalls(self.rules.minimum));
        }
        if self.rules.probes == 0 {
            return Err(InvalidBreaker::NoProbes);
        }
        Ok(CircuitBreaker::new(self.rules, self.on_change))
    }
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder").field("rules", &self.rules).finish_non_exhaustive()
    }
}
