//! A call that was let through.

use super::handle::Shared;
use crate::time::{Clock, Instant};
use core::fmt;

/// A call that a [`CircuitBreaker`](super::CircuitBreaker) has let through. Say how it ended.
///
/// Dropped without a word, it was cancelled: that is neither a success nor a failure, and a probe of a half-open breaker
/// frees its place. Dropped by a panic (with `std`), it has failed.
///
/// # Examples
///
/// See [`CircuitBreaker::try_enter`](super::CircuitBreaker::try_enter).
///
/// See [`CircuitBreaker::enter`](super::CircuitBreaker::enter).
#[must_use = "dropped without a word, the call counts as cancelled"]
pub struct Admission<'a, C: Clock> {
    shared: &'a Shared,
    clock: C,
    era: u64,
    /// When it began, if that matters.
    start: Option<Instant>,
    /// A panic was already under way when it began.
    #[cfg(feature = "std")]
    unwinding: bool,
    said: Said,
}

enum Said {
    Nothing,
    /// How it ended; the clock is being read for it, which may panic.
    Half,
    All,
}

impl<'a, C: Clock> Admission<'a, C> {
    pub(super) fn new(shared: &'a Shared, clock: C, era: u64, start: Option<Instant>) -> Self {
        Admission {
            shared,
            clock,
            era,
            start,
            #[cfg(feature = "std")]
            unwinding: std::thread::panicking(),
            said: Said::Nothing,
        }
    }

    /// Says that the call has succeeded.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{resilience::breaker::{BreakerState, CircuitBreaker}, smol::Smol};
    /// use std::time::Duration;
    ///
    /// let breaker = CircuitBreaker::builder().minimum_calls(1).open_for(Duration::ZERO).build()?;
    /// breaker.try_enter(&Smol)?.failure();
    /// assert_eq!(breaker.state(), BreakerState::Open);
    /// breaker.try_enter(&Smol)?.success(); // the probe
    /// assert_eq!(breaker.state(), BreakerState::Closed);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn success(self) {
        self.end(false);
    }

    /// Says that the call has failed.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{resilience::breaker::CircuitBreaker, smol::Smol};
    ///
    /// let breaker = CircuitBreaker::builder().minimum_calls(2).build()?;
    /// for _ in 0..2 {
    ///     breaker.try_enter(&Smol)?.failure(); // the connection was refused
    /// }
    /// assert!(breaker.try_enter(&Smol).is_err());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn failure(self) {
        self.end(true);
    }

    /// Says how the call has ended: as [`success`](Self::success) or [`failure`](Self::failure).
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{resilience::breaker::{BreakerState, CircuitBreaker}, smol::Smol};
    ///
    /// let breaker = CircuitBreaker::builder().minimum_calls(1).build()?;
    /// for status in [200, 404, 500] {
    ///     let call = breaker.try_enter(&Smol)?;
    ///     call.end(status >= 500);
    /// }
    /// assert_eq!(breaker.state(), BreakerState::Closed); // one of three failed
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn end(mut self, failed: bool) {
        self.ends(failed);
    }

    fn ends(&mut self, failed: bool) {
        self.said = Said::Half;
        self.shared.end(self.era, self.start, failed, &self.clock);
        self.said = Said::All;
    }

    #[cfg(feature = "std")]
    fn panics(&self) -> bool {
        !self.unwinding && std::thread::panicking()
    }

    #[cfg(not(feature = "std"))]
    fn panics(&self) -> bool {
        false
    }
}

impl<C: Clock> Drop for Admission<'_, C> {
    fn drop(&mut self) {
        match self.said {
            Said::All => {}
            Said::Nothing if self.panics() => self.ends(true),
            // Of a call that is counted, the era has passed or no place is held.
            Said::Nothing | Said::Half => self.shared.cancel(self.era),
        }
    }
}

impl<C: Clock> fmt::Debug for Admission<'_, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Admission").field("start", &self.start).finish_non_exhaustive()
    }
}
