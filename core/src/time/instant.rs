//! Moments in time.

use core::{
    fmt,
    ops::{Add, AddAssign, Sub},
    time::Duration,
};

/// A moment on one clock: nanoseconds since an epoch that the clock chose.
///
/// 64 bits last 584 years. Instants of different clocks do not compare meaningfully, except
/// those made from [`std::time::Instant`], which share one epoch.
///
/// Nothing overflows: `+` ends at [`NEVER`](Self::NEVER), and the time since a later moment is zero.
///
/// # Examples
///
/// ```
/// use anyscope::Instant;
/// use std::time::Duration;
///
/// let start = Instant::from_epoch(Duration::from_secs(1));
/// let end = start + Duration::from_millis(5);
/// assert_eq!(end - start, Duration::from_millis(5));
/// assert_eq!(start - end, Duration::ZERO);
/// assert_eq!(start + Duration::MAX, Instant::NEVER);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant(u64);

impl Instant {
    /// The last representable moment, which no clock reaches: "no deadline".
    pub const NEVER: Instant = Instant(u64::MAX);

    /// Returns the moment `since_epoch` after the clock's epoch, or [`NEVER`](Self::NEVER) if that
    /// is too far away to be represented.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::Instant;
    /// use std::time::Duration;
    ///
    /// const START: Instant = Instant::from_epoch(Duration::ZERO);
    /// assert!(START < Instant::from_epoch(Duration::from_nanos(1)));
    /// assert_eq!(Instant::from_epoch(Duration::MAX), Instant::NEVER);
    /// ```
    pub const fn from_epoch(since_epoch: Duration) -> Self {
        let nanos = since_epoch.as_nanos();
        Instant(if nanos > u64::MAX as u128 { u64::MAX } else { nanos as u64 })
    }

    /// Returns the time since the clock's epoch.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{Clock, Timer, sim::Sim};
    /// use std::time::Duration;
    ///
    /// Sim::new(7).run(async |sim| {
    ///     let before = sim.now().since_epoch();
    ///     sim.sleep(Duration::from_secs(5)).await;
    ///     assert_eq!(sim.now().since_epoch() - before, Duration::from_secs(5));
    /// }).unwrap();
    /// ```
    pub const fn since_epoch(self) -> Duration {
        Duration::from_nanos(self.0)
    }

    /// Returns `self + duration`, or [`NEVER`](Self::NEVER) on overflow. As `+`, but `const`.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::Instant;
    /// use std::time::Duration;
    ///
    /// const SOON: Instant = Instant::from_epoch(Duration::ZERO).saturating_add(Duration::from_secs(5));
    /// assert_eq!(SOON.since_epoch().as_secs(), 5);
    /// assert_eq!(SOON.saturating_add(Duration::MAX), Instant::NEVER);
    /// ```
    pub const fn saturating_add(self, duration: Duration) -> Self {
        Self::from_epoch(self.since_epoch().saturating_add(duration))
    }

    /// Returns `self - earlier`, or zero if `earlier` is later. As `-`, but `const`.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::Instant;
    /// use std::time::Duration;
    ///
    /// const START: Instant = Instant::from_epoch(Duration::from_secs(1));
    /// const END: Instant = Instant::from_epoch(Duration::from_secs(3));
    /// assert_eq!(END.saturating_duration_since(START).as_secs(), 2);
    /// assert_eq!(START.saturating_duration_since(END), Duration::ZERO);
    /// ```
    pub const fn saturating_duration_since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

/// Ends at [`NEVER`](Instant::NEVER).
impl Add<Duration> for Instant {
    type Output = Instant;

    fn add(self, duration: Duration) -> Instant {
        self.saturating_add(duration)
    }
}

/// Ends at [`NEVER`](Instant::NEVER).
impl AddAssign<Duration> for Instant {
    fn add_assign(&mut self, duration: Duration) {
        *self = *self + duration;
    }
}

/// Zero, if the other one is later.
impl Sub for Instant {
    type Output = Duration;

    fn sub(self, earlier: Instant) -> Duration {
        self.saturating_duration_since(earlier)
    }
}

impl fmt::Debug for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Instant::NEVER => f.write_str("Instant(never)"),
            _ => f.debug_tuple("Instant").field(&self.since_epoch()).finish(),
        }
    }
}

/// Converts an instant of the operating system's monotonic clock. All conversions in a process
/// share one epoch, so adapters that convert agree with each other.
#[cfg(feature = "std")]
impl From<std::time::Instant> for Instant {
    fn from(moment: std::time::Instant) -> Self {
        use std::sync::OnceLock;

        /// Where the first conversion of the process lands. Not zero, because a clock may show
        /// moments before it: a paused tokio runtime shows the time at which it was built.
        const ANCHOR: Instant = Instant(1 << 60);
        static FIRST: OnceLock<std::time::Instant> = OnceLock::new();

        let first = *FIRST.get_or_init(|| moment);
        match moment.checked_duration_since(first) {
            Some(after) => ANCHOR.saturating_add(after),
            None => {
                let before = first.duration_since(moment);
                Instant::from_epoch(ANCHOR.since_epoch().saturating_sub(before))
            }
        }
    }
}

#[cfg(all(test, feature = "std"))]
mod tests {
    use super::*;

    #[test]
    fn arithmetic_saturates_at_never_and_at_zero() {
        let t = Instant::from_epoch(Duration::from_secs(3));
        assert_eq!(t + Duration::MAX, Instant::NEVER);
        assert_eq!(Instant::NEVER + Duration::from_secs(1), Instant::NEVER);
        assert_eq!(Instant::from_epoch(Duration::MAX), Instant::NEVER);
        assert_eq!(t - Instant::NEVER, Duration::ZERO);
        let mut later = t;
        later += Duration::from_secs(1);
        assert_eq!((later - t, t - later), (Duration::from_secs(1), Duration::ZERO));
    }

    #[test]
    fn std_instants_keep_their_distance_and_order_around_the_first_one() {
        let now = std::time::Instant::now();
        let converted = Instant::from(now);
        let second = Duration::from_secs(1);
        assert_eq!(Instant::from(now + second), converted.saturating_add(second));
        assert!(
            now.checked_sub(second)
                .is_none_or(|before| { Instant::from(before).saturating_add(second) == converted })
        );
    }
}
