//! A limit that follows the ratio of usual and present latency.

use super::{
    Algorithm, InvalidConfig, Ratio, Sample,
    config::{Bounds, bounds_setters, check_backoff, check_count, check_smoothing},
    fixed::Fixed,
};
use core::num::NonZeroUsize;

/// Lowers the limit when calls take longer than they usually do, and raises it slowly when they do
/// not.
///
/// What is usual is an average over a long time (600 samples), so it tolerates calls that differ a
/// lot, and gets used to a service that has become slower for good. The price: where there is always
/// more to do than the limit allows, its own queue becomes usual too, and the limit creeps upwards.
/// [`backoff`](Gradient2Builder::backoff) stops that where the service rejects what is too much;
/// [`Vegas`](super::Vegas) does not have the problem.
///
/// A drop alone does not lower it, unless a `backoff` is set. It does not grow while fewer than half
/// of the allowed calls are in flight.
///
/// # Examples
///
/// ```
/// use anyscope::{Instant, limit::adaptive::{Algorithm, Gradient2, Sample}};
/// use std::time::Duration;
///
/// let mut gradient = Gradient2::default();
/// let call = |millis| Sample::new(Instant::NEVER, Duration::from_millis(millis), 30);
/// (0..12).for_each(|_| drop(gradient.on_sample(call(10))));
/// assert_eq!(gradient.limit().get(), 29);
/// assert_eq!(gradient.on_sample(call(50)).get(), 27);
/// ```
#[derive(Clone, Debug)]
pub struct Gradient2 {
    config: Gradient2Builder,
    estimate: Fixed,
    usual: Average,
}

impl Gradient2 {
    /// Returns a builder, which begins with the limit 20, stays between 1 and 200, and has a
    /// smoothing of 0.2, a queue of 4, a long window of 600 samples and a tolerance of 1.5.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::limit::adaptive::{Algorithm, Gradient2};
    ///
    /// let gradient = Gradient2::builder().initial(10).max(50).build()?;
    /// assert_eq!(gradient.limit().get(), 10);
    /// # Ok::<(), anyscope::limit::adaptive::InvalidConfig>(())
    /// ```
    pub const fn builder() -> Gradient2Builder {
        Gradient2Builder {
            bounds: Bounds::new(20, 200),
            smoothing: Ratio::percent(20),
            queue: 4,
            long_window: 600,
            tolerance: Ratio::percent(150),
            backoff: None,
        }
    }

    /// What the limit is multiplied with, before the queue is added: from a half to one.
    fn gradient(&self, nanos: u64) -> Ratio {
        const HALF: u64 = Ratio::PARTS / 2;
        // The tolerance is at least one, so a ratio above one would not count.
        let ratio = self.usual.ratio_to(nanos).min(Ratio::PARTS);
        let gradient = u128::from(self.config.tolerance.parts()) * u128::from(ratio)
            / u128::from(Ratio::PARTS);
        let parts = u64::try_from(gradient).unwrap_or(Ratio::PARTS);
        Ratio::from_parts(parts.clamp(HALF, Ratio::PARTS))
    }
}

impl Default for Gradient2 {
    fn default() -> Self {
        Gradient2::builder().made()
    }
}

impl Algorithm for Gradient2 {
    fn limit(&self) -> NonZeroUsize {
        self.estimate.limit()
    }

    fn on_sample(&mut self, sample: Sample) -> NonZeroUsize {
        let config = self.config;
        if let (true, Some(backoff)) = (sample.dropped, config.backoff) {
            // How long it took says nothing of how long calls take that are served.
            self.estimate = config.bounds.clamp(self.estimate.times(backoff));
            return self.limit();
        }
        let Some(nanos) = sample.nanos() else { return self.limit() };
        self.usual.add(nanos, config.long_window);
        let gradient = self.gradient(nanos);
        // After a long time of high latency, do not wait for the average to come down.
        if self.usual.is_above_twice(nanos) {
            self.usual.decay();
        }
        if self.estimate.is_half_unused_by(sample.in_flight) {
            return self.limit();
        }
        let next = self.estimate.times(gradient).plus(Fixed::whole(config.queue));
        self.estimate = config.bounds.clamp(self.estimate.towards(next, config.smoothing));
        self.limit()
    }
}

/// Builder of [`Gradient2`].
#[derive(Clone, Copy, Debug)]
#[must_use = "ends with `.build()`"]
pub struct Gradient2Builder {
    bounds: Bounds,
    smoothing: Ratio,
    queue: u32,
    long_window: u32,
    tolerance: Ratio,
    backoff: Option<Ratio>,
}

impl Gradient2Builder {
    bounds_setters!("Gradient2");

    /// Sets how far a sample moves the limit: one is all the way.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{Instant, limit::adaptive::{Algorithm, Gradient2, Ratio, Sample}};
    /// use std::time::Duration;
    ///
    /// let call = Sample::new(Instant::NEVER, Duration::from_millis(10), 20);
    /// let mut smooth = Gradient2::default();
    /// let mut at_once = Gradient2::builder().smoothing(Ratio::ONE).build()?;
    /// assert_eq!(smooth.on_sample(call).get(), 20); // a fifth of the way to 24
    /// assert_eq!(at_once.on_sample(call).get(), 24);
    /// # Ok::<(), anyscope::limit::adaptive::InvalidConfig>(())
    /// ```
    pub const fn smoothing(mut self, ratio: Ratio) -> Self {
        self.smoothing = ratio;
        self
    }

    /// Sets how many calls may wait at the service: what the limit grows by, before smoothing.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{Instant, limit::adaptive::{Algorithm, Gradient2, Ratio, Sample}};
    /// use std::time::Duration;
    ///
    /// let builder = Gradient2::builder().smoothing(Ratio::ONE);
    /// let call = Sample::new(Instant::NEVER, Duration::from_millis(10), 20);
    /// assert_eq!(builder.queue(1).build()?.on_sample(call).get(), 21);
    /// assert_eq!(builder.queue(8).build()?.on_sample(call).get(), 28);
    /// # Ok::<(), anyscope::limit::adaptive::InvalidConfig>(())
    /// ```
    pub const fn queue(mut self, calls: u32) -> Self {
        self.queue = calls;
        self
    }

    /// Sets over how many samples the usual latency is an average. Fewer make it get used to a
    /// change sooner, also to a change that is the limit's own doing.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{Instant, limit::adaptive::{Algorithm, Gradient2, Sample}};
    /// use std::time::Duration;
    ///
    /// let call = |millis| Sample::new(Instant::NEVER, Duration::from_millis(millis), 20);
    /// let limit_after = |mut gradient: Gradient2| {
    ///     (0..20).for_each(|_| drop(gradient.on_sample(call(10))));
    ///     (0..20).for_each(|_| drop(gradient.on_sample(call(40)))); // slower from now on
    ///     gradient.limit().get()
    /// };
    /// let soon = limit_after(Gradient2::builder().long_window(10).build()?);
    /// let late = limit_after(Gradient2::builder().long_window(1000).build()?);
    /// assert!(soon > late, "it has got used to it");
    /// # Ok::<(), anyscope::limit::adaptive::InvalidConfig>(())
    /// ```
    pub const fn long_window(mut self, samples: u32) -> Self {
        self.long_window = samples;
        self
    }

    /// Sets how many times the usual latency is still taken for usual.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{Instant, limit::adaptive::{Algorithm, Gradient2, Ratio, Sample}};
    /// use std::time::Duration;
    ///
    /// let call = |millis| Sample::new(Instant::NEVER, Duration::from_millis(millis), 20);
    /// let limit_after = |mut gradient: Gradient2| {
    ///     (0..20).for_each(|_| drop(gradient.on_sample(call(10))));
    ///     gradient.on_sample(call(18)) // nearly twice as long as usual
    /// };
    /// let patient = limit_after(Gradient2::builder().tolerance(Ratio::percent(200)).build()?);
    /// let strict = limit_after(Gradient2::builder().tolerance(Ratio::ONE).build()?);
    /// assert!(patient > strict);
    /// # Ok::<(), anyscope::limit::adaptive::InvalidConfig>(())
    /// ```
    pub const fn tolerance(mut self, ratio: Ratio) -> Self {
        self.tolerance = ratio;
        self
    }

    /// Sets what the limit is multiplied with after a drop; without it, drops count for nothing.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{Instant, limit::adaptive::{Algorithm, Gradient2, Ratio, Sample}};
    /// use std::time::Duration;
    ///
    /// let dropped = Sample::new(Instant::NEVER, Duration::from_millis(10), 20).dropped();
    /// assert_eq!(Gradient2::default().on_sample(dropped).get(), 20);
    /// let mut gradient = Gradient2::builder().backoff(Ratio::percent(90)).build()?;
    /// assert_eq!(gradient.on_sample(dropped).get(), 18);
    /// # Ok::<(), anyscope::limit::adaptive::InvalidConfig>(())
    /// ```
    pub const fn backoff(mut self, ratio: Ratio) -> Self {
        self.backoff = Some(ratio);
        self
    }

    /// Makes the algorithm.
    ///
    /// # Errors
    ///
    /// Returns [`InvalidConfig`] if the bounds do not fit together, the long window is zero, or a
    /// ratio makes no sense: a tolerance below one, a smoothing of zero or above one, a backoff that
    /// is not between zero and one.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::limit::adaptive::{Gradient2, Ratio};
    ///
    /// assert!(Gradient2::builder().min(4).initial(8).max(64).build().is_ok());
    /// let wrong = Gradient2::builder().tolerance(Ratio::percent(50)).build().unwrap_err();
    /// assert_eq!(wrong.to_string(), "`tolerance` is 0.5; use a ratio of at least 1, such as 1.5");
    /// ```
    pub fn build(self) -> Result<Gradient2, InvalidConfig> {
        self.bounds.check()?;
        check_smoothing(self.smoothing)?;
        check_count("long_window", self.long_window)?;
        if self.tolerance < Ratio::ONE {
            let (what, ratio) = ("tolerance", self.tolerance);
            let allowed = "of at least 1, such as 1.5";
            return Err(InvalidConfig::RatioOutOfRange { what, ratio, allowed });
        }
        self.backoff.map_or(Ok(()), check_backoff)?;
        Ok(self.made())
    }

    fn made(self) -> Gradient2 {
        Gradient2 { estimate: self.bounds.first(), usual: Average::new(), config: self }
    }
}

/// An average of durations in which older ones count less and less.
#[derive(Clone, Debug)]
struct Average {
    /// In nanoseconds, times 2^[`SHIFT`].
    value: u128,
    /// While there are few, all count the same.
    sum: u128,
    count: u32,
}

const SHIFT: u32 = 20;
const WARM_UP: u32 = 10;

impl Average {
    const fn new() -> Self {
        Average { value: 0, sum: 0, count: 0 }
    }

    fn add(&mut self, nanos: u64, window: u32) {
        // No overflow: 64 bits of nanoseconds, the shift, and 33 bits of the window are 117.
        let sample = u128::from(nanos) << SHIFT;
        if self.count < WARM_UP {
            self.count += 1;
            self.sum += sample;
            self.value = self.sum / u128::from(self.count);
        } else {
            // By 2 / (window + 1) towards the sample.
            let window = u128::from(window);
            self.value = (self.value * (window - 1) + sample * 2) / (window + 1);
        }
    }

    fn decay(&mut self) {
        self.value = self.value * 95 / 100;
    }

    fn is_above_twice(&self, nanos: u64) -> bool {
        self.value > u128::from(nanos) << (SHIFT + 1)
    }

    /// In billionths.
    fn ratio_to(&self, nanos: u64) -> u64 {
        let ratio = self.value * u128::from(Ratio::PARTS) / (u128::from(nanos) << SHIFT);
        u64::try_from(ratio).unwrap_or(u64::MAX)
    }
}
