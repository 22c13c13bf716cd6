//! Many samples as one.

use super::{
    Algorithm, InvalidConfig, Ratio, Sample,
    config::{check_count, check_time},
};
use crate::time::Instant;
use core::{num::NonZeroUsize, time::Duration};

/// Passes one sample for each window of time to the algorithm inside: the average duration, the
/// highest number in flight, and whether a call was dropped.
///
/// An algorithm that moves with each call moves a hundred times before it can see what the first
/// move did, if a hundred calls are in flight. In a window it moves once. So put this around any of
/// them, unless calls are few.
///
/// A window lasts twice as long as the shortest call of the one before, but at least `min_window` and
/// at most `max_window`; and then until it has had `samples` calls, however long that takes. A call
/// shorter than `min_rtt` says nothing about latency and does not count, unless it was dropped.
///
/// # Examples
///
/// ```
/// use anyscope::limit::adaptive::{AdaptiveLimit, Vegas, Windowed};
/// use std::time::Duration;
///
/// let adaptive = AdaptiveLimit::new(Windowed::new(Vegas::default()));
/// assert_eq!(adaptive.get().get(), 20);
///
/// let window = Duration::from_millis(100);
/// let faster = Windowed::builder().min_window(window).build(Vegas::default())?;
/// # Ok::<_, anyscope::limit::adaptive::InvalidConfig>(())
/// ```
#[derive(Clone, Debug)]
pub struct Windowed<A> {
    algorithm: A,
    config: WindowedBuilder,
    window: Window,
    /// When the window ends; none before the first.
    until: Option<Instant>,
}

/// What has happened in a window.
#[derive(Clone, Debug, Default)]
struct Window {
    /// How many calls there were, and how many of them were dropped.
    calls: u64,
    dropped: u64,
    /// How many of them were long enough to be measured.
    measured: u64,
    nanos: u128,
    shortest: Option<Duration>,
    in_flight: usize,
}

impl<A> Windowed<A> {
    /// Puts windows of one second and at least 10 calls around `algorithm`.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::limit::adaptive::{Algorithm, Vegas, Windowed};
    ///
    /// let windowed = Windowed::new(Vegas::default());
    /// assert_eq!(windowed.limit(), Vegas::default().limit());
    /// ```
    pub const fn new(algorithm: A) -> Self {
        Windowed::<()>::builder().around(algorithm)
    }
}

impl Windowed<()> {
    /// Returns a builder, which begins with windows of one second and at least 10 calls, takes no
    /// notice of calls below 100 microseconds, and tolerates no drops.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::limit::adaptive::{Vegas, Windowed};
    /// use std::time::Duration;
    ///
    /// let second = Duration::from_secs(1);
    /// let windows = Windowed::builder().min_window(second).max_window(10 * second).samples(100);
    /// assert!(windows.build(Vegas::default()).is_ok());
    /// ```
    pub const fn builder() -> WindowedBuilder {
        WindowedBuilder {
            min_window: Duration::from_secs(1),
            max_window: Duration::from_secs(1),
            samples: 10,
            min_rtt: Duration::from_micros(100),
            tolerated: Ratio::ZERO,
        }
    }
}

impl<A: Algorithm> Algorithm for Windowed<A> {
    fn limit(&self) -> NonZeroUsize {
        self.algorithm.limit()
    }

    fn on_sample(&mut self, sample: Sample) -> NonZeroUsize {
        let config = &self.config;
        let is_measured = sample.rtt >= config.min_rtt && !sample.rtt.is_zero();
        if !is_measured && !sample.dropped {
            return self.limit();
        }
        self.window.add(&sample, is_measured);
        let next = sample.now.saturating_add(self.window.lasts(config));
        let until = *self.until.get_or_insert(next);
        if sample.now <= until || self.window.calls < u64::from(config.samples) {
            return self.limit();
        }
        self.until = Some(next);
        let window = core::mem::take(&mut self.window);
        let sum = window.sample(sample.now, config.tolerated);
        self.algorithm.on_sample(sum)
    }
}

impl Window {
    fn add(&mut self, sample: &Sample, is_measured: bool) {
        self.calls += 1;
        self.dropped += u64::from(sample.dropped);
        self.in_flight = self.in_flight.max(sample.in_flight);
        if is_measured {
            self.measured += 1;
            self.nanos += sample.rtt.as_nanos();
            self.shortest = Some(self.shortest.map_or(sample.rtt, |rtt| rtt.min(sample.rtt)));
        }
    }

    /// How long the next one lasts.
    fn lasts(&self, config: &WindowedBuilder) -> Duration {
        let twice = self.shortest.unwrap_or(Duration::ZERO).saturating_mul(2);
        twice.clamp(config.min_window, config.max_window)
    }

    fn sample(&self, now: Instant, tolerated: Ratio) -> Sample {
        // Of no duration, if all were dropped at once.
        let nanos = self.nanos.checked_div(u128::from(self.measured)).unwrap_or(0);
        let rtt = Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX));
        let sample = Sample::new(now, rtt, self.in_flight);
        let dropped = u128::from(self.dropped) * u128::from(Ratio::PARTS);
        let is_much = dropped > u128::from(self.calls) * u128::from(tolerated.parts());
        if is_much { sample.dropped() } else { sample }
    }
}

/// Builder of [`Windowed`].
#[derive(Clone, Copy, Debug)]
#[must_use = "ends with `.build(algorithm)`"]
pub struct WindowedBuilder {
    min_window: Duration,
    max_window: Duration,
    samples: u32,
    min_rtt: Duration,
    tolerated: Ratio,
}

impl WindowedBuilder {
    /// Sets how long a window lasts at least.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{Instant, limit::adaptive::{Aimd, Algorithm, Sample, Windowed}};
    /// use std::time::Duration;
    ///
    /// let window = Duration::from_millis(100);
    /// let mut aimd = Windowed::builder().min_window(window).samples(1).build(Aimd::default())?;
    /// let millis = Duration::from_millis;
    /// let call_at = |at| Sample::new(Instant::from_epoch(millis(at)), millis(10), 20);
    /// assert_eq!(aimd.on_sample(call_at(0)).get(), 20);
    /// assert_eq!(aimd.on_sample(call_at(50)).get(), 20); // in the window of the first
    /// assert_eq!(aimd.on_sample(call_at(150)).get(), 21); // it is over
    /// # Ok::<(), anyscope::limit::adaptive::InvalidConfig>(())
    /// ```
    pub const fn min_window(mut self, time: Duration) -> Self {
        self.min_window = time;
        self
    }

    /// Sets how long a window lasts at most.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::limit::adaptive::{Aimd, Windowed};
    /// use std::time::Duration;
    ///
    /// let second = Duration::from_secs(1);
    /// // Twice the shortest call, as long as that is in between.
    /// let windows = Windowed::builder().min_window(second).max_window(30 * second);
    /// assert!(windows.build(Aimd::default()).is_ok());
    /// let wrong = windows.max_window(second / 2).build(Aimd::default()).unwrap_err();
    /// assert!(wrong.to_string().starts_with("`min_window` is above `max_window`"));
    /// ```
    pub const fn max_window(mut self, time: Duration) -> Self {
        self.max_window = time;
        self
    }

    /// Sets how many calls a window has at least.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{Instant, limit::adaptive::{Aimd, Algorithm, Sample, Windowed}};
    /// use std::time::Duration;
    ///
    /// let mut aimd = Windowed::builder().samples(3).build(Aimd::default())?;
    /// let second = Duration::from_secs(1);
    /// let call_at = |at| Sample::new(Instant::from_epoch(at * second), second, 20);
    /// let limits = [0, 2, 4].map(|at| aimd.on_sample(call_at(at)).get());
    /// assert_eq!(limits, [20, 20, 21]); // the window is over when it has three
    /// # Ok::<(), anyscope::limit::adaptive::InvalidConfig>(())
    /// ```
    pub const fn samples(mut self, calls: u32) -> Self {
        self.samples = calls;
        self
    }

    /// Sets how long a call has to take to count.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{Instant, limit::adaptive::{Aimd, Algorithm, Sample, Windowed}};
    /// use std::time::Duration;
    ///
    /// let least = Duration::from_millis(1); // less is an answer of the cache
    /// let mut aimd = Windowed::builder().min_rtt(least).samples(1).build(Aimd::default())?;
    /// let call_at = |secs| Sample::new(Instant::from_epoch(Duration::from_secs(secs)), least / 2, 20);
    /// let limits = [0, 2, 4].map(|at| aimd.on_sample(call_at(at)).get());
    /// assert_eq!(limits, [20; 3]);
    /// # Ok::<(), anyscope::limit::adaptive::InvalidConfig>(())
    /// ```
    pub const fn min_rtt(mut self, time: Duration) -> Self {
        self.min_rtt = time;
        self
    }

    /// Sets which share of the calls of a window may be dropped before the window counts as dropped;
    /// without it, none. For a service where a few calls always time out.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{Instant, limit::adaptive::{Aimd, Algorithm, Ratio, Sample, Windowed}};
    /// use std::time::Duration;
    ///
    /// let windows = Windowed::builder().samples(2);
    /// let limit_after = |mut aimd: Windowed<Aimd>| {
    ///     let second = Duration::from_secs(1);
    ///     let call_at = |at| Sample::new(Instant::from_epoch(at * second), second, 20);
    ///     aimd.on_sample(call_at(0));
    ///     aimd.on_sample(call_at(2).dropped()).get() // one of two
    /// };
    /// assert_eq!(limit_after(windows.build(Aimd::default())?), 18);
    /// let half = windows.tolerate_drops(Ratio::percent(50));
    /// assert_eq!(limit_after(half.build(Aimd::default())?), 21);
    /// # Ok::<(), anyscope::limit::adaptive::InvalidConfig>(())
    /// ```
    pub const fn tolerate_drops(mut self, share: Ratio) -> Self {
        self.tolerated = share;
        self
    }

    /// Puts such windows around `algorithm`.
    ///
    /// # Errors
    ///
    /// Returns [`InvalidConfig`] if a window is zero, or needs no calls, if the least window is above
    /// the greatest, or if all drops are tolerated.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::limit::adaptive::{AdaptiveLimit, Aimd, Windowed};
    ///
    /// let windowed = Windowed::builder().samples(50).build(Aimd::default())?;
    /// let adaptive = AdaptiveLimit::new(windowed);
    /// assert_eq!(adaptive.get().get(), 20);
    /// assert!(Windowed::builder().samples(0).build(Aimd::default()).is_err());
    /// # Ok::<(), anyscope::limit::adaptive::InvalidConfig>(())
    /// ```
    pub fn build<A: Algorithm>(self, algorithm: A) -> Result<Windowed<A>, InvalidConfig> {
        check_time("min_window", self.min_window)?;
        check_count("samples", self.samples)?;
        if self.min_window > self.max_window {
            return Err(InvalidConfig::MinAboveMax { min: "min_window", max: "max_window" });
        }
        if self.tolerated >= Ratio::ONE {
            let (what, ratio) = ("tolerate_drops", self.tolerated);
            let allowed = "below 1, such as 0.05";
            return Err(InvalidConfig::RatioOutOfRange { what, ratio, allowed });
        }
        Ok(self.around(algorithm))
    }

    const fn around<A>(self, algorithm: A) -> Windowed<A> {
        let window =
            Window { calls: 0, dropped: 0, measured: 0, nanos: 0, shortest: None, in_flight: 0 };
        Windowed { algorithm, config: self, window, until: None }
    }
}
