//! How much in how much time.

use super::InvalidRate;
use core::time::Duration;

/// The longest time that a rate deals with: 146 years.
const LONGEST: u64 = u64::MAX / 4;

/// So much in so much time, and how much of it at once.
///
/// A **steady** rate ([`new`](Self::new), [`per_second`](Self::per_second)) is a bucket of
/// [`burst`](Self::burst) that is full at first and is filled again evenly, one after each
/// `per / count`. In a time `t` it grants at most `burst + t * count / per`. Unless told otherwise, the
/// burst is `count`. A burst of 1 spaces all evenly.
///
/// A **window** ([`window`](Self::window)) grants at most `count` in *any* span of `per`, wherever one
/// begins to measure. That is what most services that refuse the next call promise to count.
///
/// ```text
/// Rate::new(2, 200 ms)             0 0 .1 .2 .3 .4 ..
/// Rate::new(2, 200 ms).burst(1)    0 .1 .2 .3 .4 .5 ..
/// Rate::window(2, 200 ms)          0 0 .2 .2 .4 .4 ..
/// ```
///
/// The constructors panic for what makes no sense, which in a `const` is a compile error. For numbers
/// that come from outside there is a form of each that returns [`InvalidRate`] instead.
///
/// # Examples
///
/// ```
/// use anyscope::limit::{InvalidRate, Rate};
/// use std::time::Duration;
///
/// const TEN: Rate = Rate::per_second(10).burst(3); // `per_second(0)` does not compile here
/// assert_eq!((TEN.count(), TEN.per(), TEN.most_at_once()), (10, Duration::from_secs(1), 3));
/// assert_eq!(Rate::try_new(0, Duration::MAX), Err(InvalidRate::ZeroCount));
/// assert_eq!(Rate::try_per_second(f64::NAN), Err(InvalidRate::NotANumber));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Rate {
    pub(super) kind: Kind,
    count: u32,
    /// In nanoseconds.
    per: u64,
    burst: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Kind {
    Steady,
    Window,
}

impl Rate {
    /// Creates a steady rate of `count` in each second, up to `count` of them at once.
    ///
    /// # Panics
    ///
    /// Panics if `count` is zero, or more than one a nanosecond.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::limit::Rate;
    /// use std::time::Duration;
    ///
    /// const RATE: Rate = Rate::per_second(50); // `Rate::per_second(0)` does not compile here
    /// assert_eq!(RATE, Rate::new(50, Duration::from_secs(1)));
    /// ```
    #[track_caller]
    pub const fn per_second(count: u32) -> Rate {
        Rate::new(count, Duration::from_secs(1))
    }

    /// Creates a steady rate of `count` in each `per`, up to `count` of them at once.
    ///
    /// The time between two is a whole number of nanoseconds; it is rounded up, so that it is never
    /// more often than asked for.
    ///
    /// # Panics
    ///
    /// Panics where [`try_new`](Self::try_new) returns an error.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::limit::Rate;
    /// use std::time::Duration;
    ///
    /// // One in a minute, steadily: not all of an hour's in its first second.
    /// let rate = Rate::new(60, Duration::from_secs(3600)).burst(1);
    /// assert_eq!((rate.count(), rate.most_at_once()), (60, 1));
    /// ```
    #[track_caller]
    pub const fn new(count: u32, per: Duration) -> Rate {
        valid(Rate::try_new(count, per))
    }

    /// Creates a rate of at most `count` in any span of `per`.
    ///
    /// # Panics
    ///
    /// Panics where [`try_window`](Self::try_window) returns an error.
    ///
    /// # Cost
    ///
    /// A window keeps what was granted in the last `per`: two words for each moment of it at which
    /// something was. A steady rate is one word.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::limit::Rate;
    /// use std::time::Duration;
    ///
    /// // What many servers promise: whenever one looks, no more than 60 in the last minute.
    /// let rate = Rate::window(60, Duration::from_secs(60));
    /// assert_eq!((rate.count(), rate.per().as_secs()), (60, 60));
    /// ```
    #[track_caller]
    pub const fn window(count: u32, per: Duration) -> Rate {
        valid(Rate::try_window(count, per))
    }

    /// Changes how much a steady rate grants at once, after a time in which nothing was asked for.
    /// No single request may be for more.
    ///
    /// # Panics
    ///
    /// Panics where [`try_burst`](Self::try_burst) returns an error.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::limit::Rate;
    ///
    /// let rate = Rate::per_second(100).burst(10);
    /// assert_eq!((rate.count(), rate.most_at_once()), (100, 10));
    /// ```
    #[track_caller]
    pub const fn burst(self, burst: u32) -> Rate {
        valid(self.try_burst(burst))
    }

    /// As [`per_second`](Self::per_second), for any number: `0.1` is one in ten seconds. The burst is
    /// `count` rounded down, and at least 1.
    ///
    /// # Errors
    ///
    /// Returns [`InvalidRate`] if `count` is not a number, infinite, zero, negative, or too large or
    /// small to be kept.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::limit::{InvalidRate, Rate};
    /// use std::time::Duration;
    ///
    /// /// A number from a configuration.
    /// fn rate(text: &str) -> Result<Rate, Box<dyn std::error::Error>> {
    ///     Ok(Rate::try_per_second(text.parse()?)?)
    /// }
    ///
    /// assert_eq!(rate("0.5").unwrap().per(), Duration::from_secs(2)); // of one
    /// assert!(rate("0").unwrap_err().is::<InvalidRate>());
    /// ```
    pub fn try_per_second(count: f64) -> Result<Rate, InvalidRate> {
        if count.is_nan() {
            return Err(InvalidRate::NotANumber);
        }
        if count <= 0.0 {
            return Err(InvalidRate::ZeroCount);
        }
        // The conversions saturate.
        let interval = 1e9 / count;
        if interval < 1.0 {
            return Err(InvalidRate::TooFast);
        }
        let whole = interval as u64;
        let per = whole.saturating_add((interval > whole as f64) as u64);
        Rate::build(Kind::Steady, 1, per, if count < 1.0 { 1 } else { count as u32 })
    }

    /// As [`new`](Self::new), for numbers that come from outside.
    ///
    /// # Errors
    ///
    /// Returns [`InvalidRate`] if `count` or `per` is zero, if it is more than one a nanosecond, or if
    /// `per` is longer than 146 years.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::limit::Rate;
    /// use std::time::Duration;
    ///
    /// assert!(Rate::try_new(100, Duration::from_secs(60)).is_ok());
    /// assert!(Rate::try_new(0, Duration::from_secs(60)).is_err());
    /// ```
    pub const fn try_new(count: u32, per: Duration) -> Result<Rate, InvalidRate> {
        Rate::build(Kind::Steady, count, nanos(per), count)
    }

    /// As [`window`](Self::window), for numbers that come from outside.
    ///
    /// # Errors
    ///
    /// As [`try_new`](Self::try_new).
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::limit::Rate;
    /// use std::time::Duration;
    ///
    /// assert!(Rate::try_window(60, Duration::from_secs(60)).is_ok());
    /// assert!(Rate::try_window(60, Duration::ZERO).is_err());
    /// ```
    pub const fn try_window(count: u32, per: Duration) -> Result<Rate, InvalidRate> {
        Rate::build(Kind::Window, count, nanos(per), count)
    }

    /// As [`burst`](Self::burst), for a number that comes from outside.
    ///
    /// # Errors
    ///
    /// Returns [`InvalidRate`] if `burst` is zero, if it takes longer than 146 years to fill, or if the
    /// rate is a window, whose burst is its count.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::limit::Rate;
    /// use std::time::Duration;
    ///
    /// assert_eq!(Rate::per_second(100).try_burst(10)?.most_at_once(), 10);
    /// // A window lets through what it has, whenever that is.
    /// assert!(Rate::window(60, Duration::from_secs(60)).try_burst(10).is_err());
    /// # Ok::<(), anyscope::limit::InvalidRate>(())
    /// ```
    pub const fn try_burst(self, burst: u32) -> Result<Rate, InvalidRate> {
        match self.kind {
            Kind::Window => Err(InvalidRate::BurstOfWindow),
            Kind::Steady => Rate::build(self.kind, self.count, self.per, burst),
        }
    }

    const fn build(kind: Kind, count: u32, per: u64, burst: u32) -> Result<Rate, InvalidRate> {
        if count == 0 {
            return Err(InvalidRate::ZeroCount);
        }
        if per == 0 {
            return Err(InvalidRate::ZeroTime);
        }
        if burst == 0 {
            return Err(InvalidRate::ZeroBurst);
        }
        if count as u64 > per {
            return Err(InvalidRate::TooFast);
        }
        let rate = Rate { kind, count, per, burst };
        if per > LONGEST || rate.interval().checked_mul(burst as u64).is_none() {
            return Err(InvalidRate::TooSlow);
        }
        if rate.interval() * burst as u64 > LONGEST {
            return Err(InvalidRate::TooSlow);
        }
        Ok(rate)
    }

    /// Returns how much is granted in each [`per`](Self::per).
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::limit::Rate;
    /// use std::time::Duration;
    ///
    /// let rate = Rate::window(60, Duration::from_secs(10));
    /// assert_eq!(format!("{} in {:?}", rate.count(), rate.per()), "60 in 10s");
    /// ```
    pub const fn count(self) -> u32 {
        self.count
    }

    /// Returns the time in which [`count`](Self::count) is granted.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::limit::Rate;
    /// use std::time::Duration;
    ///
    /// assert_eq!(Rate::per_second(50).per(), Duration::from_secs(1));
    /// assert_eq!(Rate::try_per_second(0.1)?.per(), Duration::from_secs(10));
    /// # Ok::<(), anyscope::limit::InvalidRate>(())
    /// ```
    pub const fn per(self) -> Duration {
        Duration::from_nanos(self.per)
    }

    /// Returns the most that is ever granted at once, and that one request may be for.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::limit::Rate;
    ///
    /// assert_eq!(Rate::per_second(100).most_at_once(), 100);
    /// assert_eq!(Rate::per_second(100).burst(10).most_at_once(), 10);
    /// ```
    pub const fn most_at_once(self) -> u32 {
        self.burst
    }

    /// The nanoseconds from one to the next.
    pub(super) const fn interval(self) -> u64 {
        self.per.div_ceil(self.count as u64)
    }
}

/// Saturates.
const fn nanos(duration: Duration) -> u64 {
    let nanos = duration.as_nanos();
    if nanos > u64::MAX as u128 { u64::MAX } else { nanos as u64 }
}

#[track_caller]
const fn valid(rate: Result<Rate, InvalidRate>) -> Rate {
    match rate {
        Ok(rate) => rate,
        Err(invalid) => panic!("{}", invalid.message()),
    }
}
