//! A limit that estimates how many calls wait at the service.

use super::{
    Algorithm, Amount, InvalidConfig, Ratio, Sample,
    config::{Bounds, bounds_setters, check_count, check_smoothing},
    fixed::Fixed,
};
use crate::time::Instant;
use core::num::NonZeroUsize;

/// Keeps a few calls waiting at the service, and no more.
///
/// It knows how long a call takes when nothing waits (the shortest that it saw), and takes what is
/// above for waiting: of a limit of 100 calls that take 10 % longer, 10 wait. Below `alpha` it raises
/// the limit, above `beta` and after a drop it lowers it; all these amounts grow with the logarithm
/// of the limit. It does not grow while fewer than half of the allowed calls are in flight.
///
/// It suits calls that take about the same time each. As it takes the shortest for the measure,
/// calls that differ a lot look as if they waited; put [`Windowed`](super::Windowed) around it, or
/// use [`Gradient2`](super::Gradient2).
///
/// # Probes
///
/// Services become slower for good: so the shortest time is forgotten now and then, after
/// [`probe_multiplier`](VegasBuilder::probe_multiplier) times the limit of samples, or half of that,
/// and measured anew. Where there is always more to do, a call measured just then has waited like
/// all others. So, unless half of the limit is unused, the limit is halved until a call that began
/// below the half has ended; then it is back at what it was.
///
/// # Examples
///
/// ```
/// use anyscope::{Instant, limit::adaptive::{Algorithm, Sample, Vegas}};
/// use std::time::Duration;
///
/// let mut vegas = Vegas::default();
/// let call = |millis| Sample::new(Instant::NEVER, Duration::from_millis(millis), 20);
/// assert_eq!(vegas.on_sample(call(10)).get(), 20); // so long when nothing waits
/// assert_eq!(vegas.on_sample(call(10)).get(), 26);
/// assert_eq!(vegas.on_sample(call(20)).get(), 25); // half of them wait
/// ```
#[derive(Clone, Debug)]
pub struct Vegas {
    config: VegasBuilder,
    estimate: Fixed,
    /// What a call takes when nothing waits, in nanoseconds; none before the first one.
    no_load: Option<u64>,
    /// How many samples there were since the last probe.
    samples: u64,
    /// How much of `probe_multiplier` it takes until the next probe: from a half to one.
    jitter: Ratio,
    draining: Option<Drain>,
}

/// The limit is halved, until a call shows how long one takes then.
#[derive(Clone, Copy, Debug)]
struct Drain {
    since: Instant,
    limit: Fixed,
    /// How many samples to wait for one that counts.
    patience: u64,
}

impl Vegas {
    /// Returns a builder, which begins with the limit 20, stays between 1 and 1000, and smooths
    /// nothing. `alpha` is 3 times the logarithm of the limit to base 10, `beta` 6 times, all other
    /// amounts once; the multiplier of probes is 30.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::limit::adaptive::{Algorithm, Vegas};
    ///
    /// let vegas = Vegas::builder().initial(10).max(50).build()?;
    /// assert_eq!(vegas.limit().get(), 10);
    /// # Ok::<(), anyscope::limit::adaptive::InvalidConfig>(())
    /// ```
    pub const fn builder() -> VegasBuilder {
        VegasBuilder {
            bounds: Bounds::new(20, 1000),
            smoothing: Ratio::ONE,
            alpha: Amount::Log10(3),
            beta: Amount::Log10(6),
            threshold: Amount::Log10(1),
            increase: Amount::Log10(1),
            decrease: Amount::Log10(1),
            probe_multiplier: 30,
        }
    }

    /// Counts a sample, and returns whether it is time for a probe.
    fn is_probe_due(&mut self) -> bool {
        self.samples = self.samples.saturating_add(1);
        let multiplier = Ratio::from_parts(
            self.jitter.parts().saturating_mul(self.config.probe_multiplier.into()),
        );
        u64::from(self.estimate.times(multiplier).floor()) <= self.samples
    }

    fn begin_probe(&mut self, sample: &Sample, nanos: u64) {
        self.jitter = jitter(sample.now, nanos);
        self.samples = 0;
        if self.estimate.is_half_unused_by(sample.in_flight) {
            self.no_load = Some(nanos);
            return;
        }
        let limit = self.config.bounds.clamp(self.estimate.times(Ratio::percent(50)));
        let patience = 16 + u64::from(self.estimate.floor());
        self.draining = Some(Drain { since: sample.now, limit, patience });
    }

    fn drain(&mut self, mut drain: Drain, sample: &Sample, nanos: u64) {
        let began_after = sample.now.saturating_duration_since(drain.since) >= sample.rtt;
        let has_room = sample.in_flight <= drain.limit.limit().get();
        if !(began_after && has_room) && drain.patience > 0 {
            drain.patience -= 1;
            self.draining = Some(drain);
            return;
        }
        self.no_load = Some(nanos);
        self.draining = None;
    }

    /// How many of the allowed calls wait at the service.
    fn queue(&self, nanos: u64, no_load: u64) -> Fixed {
        self.estimate.share_rounded_up(nanos - no_load, nanos)
    }

    fn change(&mut self, to: Fixed) {
        let to = self.config.bounds.clamp(to);
        self.estimate = self.estimate.towards(to, self.config.smoothing);
    }

    fn lower(&mut self) {
        self.change(self.estimate.minus(self.config.decrease.at(self.estimate)));
    }

    fn learn(&mut self, nanos: u64, in_flight: usize) {
        let no_load = match self.no_load {
            Some(no_load) if no_load <= nanos => no_load,
            _ => {
                self.no_load = Some(nanos);
                return;
            }
        };
        if self.estimate.is_half_unused_by(in_flight) {
            return;
        }
        let (config, estimate) = (self.config, self.estimate);
        let queue = self.queue(nanos, no_load);
        let beta = config.beta.at(estimate);
        if queue <= config.threshold.at(estimate) {
            self.change(estimate.plus(beta));
        } else if queue < config.alpha.at(estimate) {
            self.change(estimate.plus(config.increase.at(estimate)));
        } else if queue > beta {
            self.lower();
        }
    }
}

impl Default for Vegas {
    fn default() -> Self {
        Vegas::builder().made()
    }
}

impl Algorithm for Vegas {
    fn limit(&self) -> NonZeroUsize {
        let halved = self.draining.map_or(self.estimate, |drain| drain.limit);
        halved.min(self.estimate).limit()
    }

    fn on_sample(&mut self, sample: Sample) -> NonZeroUsize {
        if sample.dropped {
            // Not measured: a service that rejects does so at once, and that is not how long a call
            // takes when nothing waits.
            self.samples = self.samples.saturating_add(1);
            self.lower();
        } else if let Some(nanos) = sample.nanos() {
            if let Some(drain) = self.draining {
                self.drain(drain, &sample, nanos);
            } else if self.is_probe_due() {
                self.begin_probe(&sample, nanos);
            } else {
                self.learn(nanos, sample.in_flight);
            }
        }
        self.limit()
    }
}

/// From a half to one, so that those who call the same service do not probe at the same time: clocks
/// do not agree to the nanosecond, so a hash of them is as good as chance.
fn jitter(now: Instant, nanos: u64) -> Ratio {
    const HALF: u64 = Ratio::PARTS / 2;
    let mut hash = now.since_epoch().as_nanos() as u64 ^ nanos.rotate_left(32);
    // The end of splitmix64.
    hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    Ratio::from_parts(HALF + (hash ^ (hash >> 31)) % HALF)
}

/// Builder of [`Vegas`].
#[derive(Clone, Copy, Debug)]
#[must_use = "ends with `.build()`"]
pub struct VegasBuilder {
    bounds: Bounds,
    smoothing: Ratio,
    alpha: Amount,
    beta: Amount,
    threshold: Amount,
    increase: Amount,
    decrease: Amount,
    probe_multiplier: u32,
}

impl VegasBuilder {
    bounds_setters!("Vegas");

    /// Sets how far a sample moves the limit: one is all the way.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{Instant, limit::adaptive::{Algorithm, Ratio, Sample, Vegas}};
    /// use std::time::Duration;
    ///
    /// let call = |millis| Sample::new(Instant::NEVER, Duration::from_millis(millis), 20);
    /// let mut vegas = Vegas::builder().smoothing(Ratio::percent(50)).build()?;
    /// vegas.on_sample(call(10)); // so long when nothing waits
    /// assert_eq!(vegas.on_sample(call(10)).get(), 23); // half of the way to 26
    /// # Ok::<(), anyscope::limit::adaptive::InvalidConfig>(())
    /// ```
    pub const fn smoothing(mut self, ratio: Ratio) -> Self {
        self.smoothing = ratio;
        self
    }

    /// Sets below how many waiting calls the limit grows by [`increase`](Self::increase).
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{Instant, limit::adaptive::{Algorithm, Amount, Sample, Vegas}};
    /// use std::time::Duration;
    ///
    /// let call = |millis| Sample::new(Instant::NEVER, Duration::from_millis(millis), 20);
    /// let limit_after = |mut vegas: Vegas| {
    ///     vegas.on_sample(call(10)); // so long when nothing waits
    ///     vegas.on_sample(call(13)).get() // 5 of the 20 wait
    /// };
    /// assert_eq!(limit_after(Vegas::builder().alpha(Amount::Calls(4)).build()?), 20);
    /// assert_eq!(limit_after(Vegas::builder().alpha(Amount::Calls(6)).build()?), 21);
    /// # Ok::<(), anyscope::limit::adaptive::InvalidConfig>(())
    /// ```
    pub const fn alpha(mut self, calls: Amount) -> Self {
        self.alpha = calls;
        self
    }

    /// Sets above how many waiting calls the limit shrinks by [`decrease`](Self::decrease), and by
    /// how much it grows when next to none wait.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{Instant, limit::adaptive::{Algorithm, Amount, Sample, Vegas}};
    /// use std::time::Duration;
    ///
    /// let call = |millis| Sample::new(Instant::NEVER, Duration::from_millis(millis), 20);
    /// let limit_after = |mut vegas: Vegas| {
    ///     vegas.on_sample(call(10)); // so long when nothing waits
    ///     vegas.on_sample(call(13)).get() // 5 of the 20 wait
    /// };
    /// assert_eq!(limit_after(Vegas::builder().beta(Amount::Calls(4)).build()?), 19);
    /// assert_eq!(limit_after(Vegas::builder().beta(Amount::Calls(6)).build()?), 20);
    /// # Ok::<(), anyscope::limit::adaptive::InvalidConfig>(())
    /// ```
    pub const fn beta(mut self, calls: Amount) -> Self {
        self.beta = calls;
        self
    }

    /// Sets up to how many waiting calls are next to none: the limit then grows by
    /// [`beta`](Self::beta).
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{Instant, limit::adaptive::{Algorithm, Amount, Sample, Vegas}};
    /// use std::time::Duration;
    ///
    /// let call = |millis| Sample::new(Instant::NEVER, Duration::from_millis(millis), 20);
    /// let builder = Vegas::builder().beta(Amount::Calls(6)).threshold(Amount::Calls(5));
    /// let mut vegas = builder.build()?;
    /// vegas.on_sample(call(10)); // so long when nothing waits
    /// assert_eq!(vegas.on_sample(call(13)).get(), 26); // 5 that wait are next to none
    /// # Ok::<(), anyscope::limit::adaptive::InvalidConfig>(())
    /// ```
    pub const fn threshold(mut self, calls: Amount) -> Self {
        self.threshold = calls;
        self
    }

    /// Sets by how much the limit grows when few calls wait.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{Instant, limit::adaptive::{Algorithm, Amount, Sample, Vegas}};
    /// use std::time::Duration;
    ///
    /// let call = |millis| Sample::new(Instant::NEVER, Duration::from_millis(millis), 20);
    /// let mut vegas = Vegas::builder().increase(Amount::Calls(4)).build()?;
    /// vegas.on_sample(call(10)); // so long when nothing waits
    /// assert_eq!(vegas.on_sample(call(11)).get(), 24); // 2 of the 20 wait
    /// # Ok::<(), anyscope::limit::adaptive::InvalidConfig>(())
    /// ```
    pub const fn increase(mut self, calls: Amount) -> Self {
        self.increase = calls;
        self
    }

    /// Sets by how much the limit shrinks when many calls wait, and after a drop.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{Instant, limit::adaptive::{Algorithm, Amount, Ratio, Sample, Vegas}};
    /// use std::time::Duration;
    ///
    /// let tenth = Amount::Share(Ratio::percent(10));
    /// let mut vegas = Vegas::builder().decrease(tenth).build()?;
    /// let dropped = Sample::new(Instant::NEVER, Duration::from_millis(10), 20).dropped();
    /// assert_eq!(vegas.on_sample(dropped).get(), 18);
    /// # Ok::<(), anyscope::limit::adaptive::InvalidConfig>(())
    /// ```
    pub const fn decrease(mut self, calls: Amount) -> Self {
        self.decrease = calls;
        self
    }

    /// Sets after how many times the limit of samples the shortest time is measured anew; see
    /// [Probes](Vegas#probes). With [`Windowed`](super::Windowed) around it, a window is one sample:
    /// a few are enough then.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::limit::adaptive::{Algorithm, Vegas, Windowed};
    ///
    /// // A sample stands for a second of calls here, so few of them are enough.
    /// let windowed = Windowed::new(Vegas::builder().probe_multiplier(3).build()?);
    /// assert_eq!(windowed.limit().get(), 20);
    /// # Ok::<(), anyscope::limit::adaptive::InvalidConfig>(())
    /// ```
    pub const fn probe_multiplier(mut self, times: u32) -> Self {
        self.probe_multiplier = times;
        self
    }

    /// Makes the algorithm.
    ///
    /// # Errors
    ///
    /// Returns [`InvalidConfig`] if the bounds do not fit together, the smoothing is zero or above
    /// one, or the multiplier of probes is zero.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::limit::adaptive::Vegas;
    ///
    /// assert!(Vegas::builder().min(4).initial(8).max(64).build().is_ok());
    /// let wrong = Vegas::builder().min(100).max(10).build().unwrap_err();
    /// assert_eq!(wrong.to_string(), "`min` is above `max`; lower the one or raise the other");
    /// ```
    pub fn build(self) -> Result<Vegas, InvalidConfig> {
        self.bounds.check()?;
        check_smoothing(self.smoothing)?;
        check_count("probe_multiplier", self.probe_multiplier)?;
        Ok(self.made())
    }

    fn made(self) -> Vegas {
        Vegas {
            estimate: self.bounds.first(),
            no_load: None,
            samples: 0,
            jitter: Ratio::percent(75),
            draining: None,
            config: self,
        }
    }
}
