//! When a breaker opens, and for how long.

use super::{
    CircuitBreaker, InvalidBreaker, Transition,
    machine::{Rules, Slow},
    window::Span,
};
use alloc::boxed::Box;
use core::{fmt, time::Duration};

/// The settings of a [`CircuitBreaker`]; see [`CircuitBreaker::builder`].
///
/// See [`CircuitBreaker`](super::CircuitBreaker).
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
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{resilience::breaker::CircuitBreaker, smol::Smol};
    ///
    /// let breaker = CircuitBreaker::builder().failure_rate(20).minimum_calls(5).build()?;
    /// for call in 1..=5 {
    ///     breaker.try_enter(&Smol)?.end(call == 1); // one of five fails
    /// }
    /// assert!(breaker.try_enter(&Smol).is_err());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn failure_rate(mut self, per_cent: u8) -> Self {
        self.rules.failure_rate = per_cent;
        self
    }

    /// Judges by the last `calls`. 100 if neither this nor [`window_time`](Self::window_time) is called.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{resilience::breaker::{BreakerState, CircuitBreaker}, smol::Smol};
    ///
    /// let breaker = CircuitBreaker::builder().window_calls(4).minimum_calls(4).build()?;
    /// for failed in [true, false, false, false, true] {
    ///     breaker.try_enter(&Smol)?.end(failed);
    /// }
    /// // Two of five failed, but one of the last four.
    /// assert_eq!(breaker.state(), BreakerState::Closed);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn window_calls(mut self, calls: usize) -> Self {
        self.rules.span = Span::Calls(calls);
        self
    }

    /// Judges by the calls that ended in the last `span`. It moves in steps of a tenth of that.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{Timer, resilience::breaker::{BreakerState, CircuitBreaker}, sim::Sim};
    /// use std::time::Duration;
    ///
    /// Sim::new(7).run(async |sim| {
    ///     let minute = Duration::from_secs(60);
    ///     let breaker = CircuitBreaker::builder().window_time(minute).minimum_calls(2).build().unwrap();
    ///     breaker.try_enter(&sim).unwrap().failure();
    ///     sim.sleep(2 * minute).await; // by then it is forgotten
    ///     breaker.try_enter(&sim).unwrap().failure();
    ///     assert_eq!(breaker.state(), BreakerState::Closed);
    /// }).unwrap();
    /// ```
    pub fn window_time(mut self, span: Duration) -> Self {
        self.rules.span = Span::Time(span);
        self
    }

    /// Sets how many calls there must be in the window before it may open. 10 if this is not called, or the window if
    /// that is smaller.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{resilience::breaker::{BreakerState, CircuitBreaker}, smol::Smol};
    ///
    /// let breaker = CircuitBreaker::builder().minimum_calls(3).build()?;
    /// for _ in 0..2 {
    ///     breaker.try_enter(&Smol)?.failure();
    /// }
    /// assert_eq!(breaker.state(), BreakerState::Closed); // too few to judge by
    /// breaker.try_enter(&Smol)?.failure();
    /// assert_eq!(breaker.state(), BreakerState::Open);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn minimum_calls(mut self, calls: usize) -> Self {
        self.minimum = Some(calls);
        self
    }

    /// Counts calls that take `after` or longer as slow, and opens from so many per cent of slow calls on, however they ended.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{Timer, resilience::breaker::{BreakerState, CircuitBreaker}, sim::Sim};
    /// use std::time::Duration;
    ///
    /// Sim::new(7).run(async |sim| {
    ///     let second = Duration::from_secs(1);
    ///     let breaker = CircuitBreaker::builder().slow_calls(second, 50).minimum_calls(2).build().unwrap();
    ///     for _ in 0..2 {
    ///         let call = breaker.try_enter(&sim).unwrap();
    ///         sim.sleep(3 * second).await;
    ///         call.success(); // and yet it is too slow
    ///     }
    ///     assert_eq!(breaker.state(), BreakerState::Open);
    /// }).unwrap();
    /// ```
    pub fn slow_calls(mut self, after: Duration, per_cent: u8) -> Self {
        self.rules.slow = Some(Slow { after, rate: per_cent });
        self
    }

    /// Sets how long it stays open. A minute if this is not called.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{Timer, resilience::breaker::CircuitBreaker, sim::Sim};
    /// use std::time::Duration;
    ///
    /// Sim::new(7).run(async |sim| {
    ///     let second = Duration::from_secs(1);
    ///     let breaker = CircuitBreaker::builder().minimum_calls(1).open_for(10 * second).build().unwrap();
    ///     breaker.try_enter(&sim).unwrap().failure();
    ///     sim.sleep(9 * second).await;
    ///     assert!(breaker.try_enter(&sim).is_err());
    ///     sim.sleep(2 * second).await;
    ///     assert!(breaker.try_enter(&sim).is_ok()); // a probe
    /// }).unwrap();
    /// ```
    pub fn open_for(mut self, duration: Duration) -> Self {
        self.rules.open_for = duration;
        self
    }

    /// Sets how many calls are let through when it is half-open. When so many have ended, they decide whether it closes or opens again.
    /// 1 if this is not called.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{resilience::breaker::{BreakerState, CircuitBreaker}, smol::Smol};
    /// use std::time::Duration;
    ///
    /// let breaker = CircuitBreaker::builder().minimum_calls(1).open_for(Duration::ZERO).probes(2);
    /// let breaker = breaker.build()?;
    /// breaker.try_enter(&Smol)?.failure();
    /// let (first, second) = (breaker.try_enter(&Smol)?, breaker.try_enter(&Smol)?);
    /// assert!(breaker.try_enter(&Smol).is_err(), "no third one");
    /// first.success();
    /// assert_eq!(breaker.state(), BreakerState::HalfOpen);
    /// second.success();
    /// assert_eq!(breaker.state(), BreakerState::Closed);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn probes(mut self, calls: usize) -> Self {
        self.rules.probes = calls;
        self
    }

    /// Calls `observer` after each change of the state.
    ///
    /// On the thread whose call led to the change, with no lock held. Two changes on two threads may be told in any order. A panic of the
    /// observer propagates to that call, when the change is done.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{resilience::breaker::{BreakerState, CircuitBreaker}, smol::Smol};
    /// use std::sync::{Arc, Mutex};
    ///
    /// let log = Arc::new(Mutex::new(vec![]));
    /// let lines = log.clone();
    /// let breaker = CircuitBreaker::builder()
    ///     .minimum_calls(1)
    ///     .on_change(move |change| lines.lock().unwrap().push((change.from, change.to)))
    ///     .build()?;
    /// breaker.try_enter(&Smol)?.failure();
    /// assert_eq!(*log.lock().unwrap(), [(BreakerState::Closed, BreakerState::Open)]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
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
