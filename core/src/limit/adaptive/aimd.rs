//! Additive increase, multiplicative decrease.

use super::{
    Algorithm, InvalidConfig, Ratio, Sample,
    config::{Bounds, bounds_setters, check_backoff, check_time},
    fixed::Fixed,
};
use core::{num::NonZeroUsize, time::Duration};

/// Raises the limit by one for a call that succeeds, and multiplies it with 0.9 for one that is
/// dropped or takes too long.
///
/// Latency alone does not lower it: it finds the capacity of a service that rejects what is too
/// much, or of one whose calls have a time limit. It does not grow while fewer than half of the
/// allowed calls are in flight.
///
/// Without [`Windowed`](super::Windowed) around it, each call counts, and so the drops of one moment
/// lower the limit many times over.
///
/// # Examples
///
/// ```
/// use anyscope::{Instant, limit::adaptive::{Aimd, Algorithm, Sample}};
/// use std::time::Duration;
///
/// let mut aimd = Aimd::default();
/// assert_eq!(aimd.limit().get(), 20);
/// let call = Sample::new(Instant::NEVER, Duration::from_millis(10), 20);
/// assert_eq!(aimd.on_sample(call).get(), 21);
/// assert_eq!(aimd.on_sample(call.dropped()).get(), 18); // 0.9 × 21
/// ```
#[derive(Clone, Debug)]
pub struct Aimd {
    config: AimdBuilder,
    limit: Fixed,
}

impl Aimd {
    /// Returns a builder, which begins with the limit 20, stays between 1 and 200, backs off by 0.9,
    /// and takes 5 seconds for too long.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::limit::adaptive::{Aimd, Algorithm};
    ///
    /// let aimd = Aimd::builder().initial(8).max(64).build()?;
    /// assert_eq!(aimd.limit().get(), 8);
    /// # Ok::<(), anyscope::limit::adaptive::InvalidConfig>(())
    /// ```
    pub const fn builder() -> AimdBuilder {
        AimdBuilder {
            bounds: Bounds::new(20, 200),
            backoff: Ratio::percent(90),
            timeout: Duration::from_secs(5),
        }
    }
}

impl Default for Aimd {
    fn default() -> Self {
        Aimd::builder().made()
    }
}

impl Algorithm for Aimd {
    fn limit(&self) -> NonZeroUsize {
        self.limit.limit()
    }

    fn on_sample(&mut self, sample: Sample) -> NonZeroUsize {
        let next = if sample.dropped || sample.rtt > self.config.timeout {
            self.limit.times(self.config.backoff)
        } else if self.limit.is_half_unused_by(sample.in_flight) {
            self.limit
        } else {
            self.limit.plus(Fixed::whole(1))
        };
        // Whole calls only: what is left of one is not carried over.
        self.limit = self.config.bounds.clamp(Fixed::whole(next.floor()));
        self.limit()
    }
}

/// Builder of [`Aimd`].
#[derive(Clone, Copy, Debug)]
#[must_use = "ends with `.build()`"]
pub struct AimdBuilder {
    bounds: Bounds,
    backoff: Ratio,
    timeout: Duration,
}

impl AimdBuilder {
    bounds_setters!("Aimd");

    /// Sets what the limit is multiplied with after a drop.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{Instant, limit::adaptive::{Aimd, Algorithm, Ratio, Sample}};
    /// use std::time::Duration;
    ///
    /// let mut halves = Aimd::builder().initial(40).backoff(Ratio::percent(50)).build()?;
    /// let call = Sample::new(Instant::NEVER, Duration::from_millis(10), 40);
    /// assert_eq!(halves.on_sample(call.dropped()).get(), 20);
    /// # Ok::<(), anyscope::limit::adaptive::InvalidConfig>(())
    /// ```
    pub const fn backoff(mut self, ratio: Ratio) -> Self {
        self.backoff = ratio;
        self
    }

    /// Sets the time that a call may take: one that takes longer counts as dropped.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{Instant, limit::adaptive::{Aimd, Algorithm, Sample}};
    /// use std::time::Duration;
    ///
    /// let mut aimd = Aimd::builder().initial(20).timeout(Duration::from_secs(1)).build()?;
    /// // It was served, but after two seconds.
    /// let late = Sample::new(Instant::NEVER, Duration::from_secs(2), 20);
    /// assert_eq!(aimd.on_sample(late).get(), 18);
    /// # Ok::<(), anyscope::limit::adaptive::InvalidConfig>(())
    /// ```
    pub const fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Makes the algorithm.
    ///
    /// # Errors
    ///
    /// Returns [`InvalidConfig`] if the bounds do not fit together, the backoff is not between zero
    /// and one, or the timeout is zero.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::limit::adaptive::{Aimd, Ratio};
    ///
    /// assert!(Aimd::builder().min(4).initial(8).max(64).build().is_ok());
    /// let wrong = Aimd::builder().backoff(Ratio::percent(110)).build().unwrap_err();
    /// assert_eq!(wrong.to_string(), "`backoff` is 1.1; use a ratio between 0 and 1, such as 0.9");
    /// ```
    pub fn build(self) -> Result<Aimd, InvalidConfig> {
        self.bounds.check()?;
        check_backoff(self.backoff)?;
        check_time("timeout", self.timeout)?;
        Ok(self.made())
    }

    fn made(self) -> Aimd {
        Aimd { limit: self.bounds.first(), config: self }
    }
}
