//! What can be wrong with the numbers that an algorithm is made with.

use super::{Ratio, fixed::Fixed};
use core::{error::Error, fmt, time::Duration};

/// An error: an algorithm cannot work with the numbers that its builder was given.
///
/// Returned by the `build` of each builder, and by `AdaptiveLimit::partition`. Its message says what
/// to change.
///
/// # Examples
///
/// ```
/// use anyscope::limit::adaptive::{InvalidConfig, Vegas};
///
/// let wrong = Vegas::builder().initial(100).max(10).build().unwrap_err();
/// assert_eq!(wrong, InvalidConfig::InitialOutOfRange { initial: 100, min: 1, max: 10 });
/// assert_eq!(wrong.to_string(), "`initial` is 100; use a limit from `min` 1 to `max` 10");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum InvalidConfig {
    /// This number has to be at least 1.
    Zero {
        /// The method of the builder.
        what: &'static str,
    },
    /// The lower bound is above the upper one.
    MinAboveMax {
        /// The method of the builder for the lower one.
        min: &'static str,
        /// And for the upper one.
        max: &'static str,
    },
    /// The limit to begin with is not between the least and the greatest.
    InitialOutOfRange {
        /// The limit to begin with.
        initial: usize,
        /// The least.
        min: usize,
        /// The greatest.
        max: usize,
    },
    /// This ratio makes no sense here.
    RatioOutOfRange {
        /// The method of the builder.
        what: &'static str,
        /// What it was given.
        ratio: Ratio,
        /// What it takes, in words.
        allowed: &'static str,
    },
    /// More of a limit was asked for than others have left.
    ShareTooLarge {
        /// What was asked for.
        share: Ratio,
        /// What is left.
        left: Ratio,
    },
}

impl fmt::Display for InvalidConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            InvalidConfig::Zero { what } => write!(f, "`{what}` is 0; use more"),
            InvalidConfig::MinAboveMax { min, max } => {
                write!(f, "`{min}` is above `{max}`; lower the one or raise the other")
            }
            InvalidConfig::InitialOutOfRange { initial, min, max } => {
                write!(f, "`initial` is {initial}; use a limit from `min` {min} to `max` {max}")
            }
            InvalidConfig::RatioOutOfRange { what, ratio, allowed } => {
                write!(f, "`{what}` is {ratio}; use a ratio {allowed}")
            }
            InvalidConfig::ShareTooLarge { share, left } => {
                write!(f, "a share of {share} is too much; {left} of the limit is left")
            }
        }
    }
}

impl Error for InvalidConfig {}

/// What a limit begins with, and between what it stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Bounds {
    pub(super) initial: usize,
    pub(super) min: usize,
    pub(super) max: usize,
}

impl Bounds {
    pub(super) const fn new(initial: usize, max: usize) -> Self {
        Bounds { initial, min: 1, max }
    }

    pub(super) const fn check(&self) -> Result<(), InvalidConfig> {
        let &Bounds { initial, min, max } = self;
        if min == 0 {
            return Err(InvalidConfig::Zero { what: "min" });
        }
        if min > max {
            return Err(InvalidConfig::MinAboveMax { min: "min", max: "max" });
        }
        if initial < min || initial > max {
            return Err(InvalidConfig::InitialOutOfRange { initial, min, max });
        }
        Ok(())
    }

    pub(super) fn first(&self) -> Fixed {
        Fixed::at_most(self.initial)
    }

    pub(super) fn clamp(&self, limit: Fixed) -> Fixed {
        limit.clamp(Fixed::at_most(self.min), Fixed::at_most(self.max))
    }
}

/// Less than one, and more than nothing: what a limit is multiplied with to lower it.
pub(super) fn check_backoff(ratio: Ratio) -> Result<(), InvalidConfig> {
    if ratio > Ratio::ZERO && ratio < Ratio::ONE {
        return Ok(());
    }
    let allowed = "between 0 and 1, such as 0.9";
    Err(InvalidConfig::RatioOutOfRange { what: "backoff", ratio, allowed })
}

/// More than nothing, up to one: how far a limit moves towards a new one.
pub(super) fn check_smoothing(ratio: Ratio) -> Result<(), InvalidConfig> {
    if ratio > Ratio::ZERO && ratio <= Ratio::ONE {
        return Ok(());
    }
    let allowed = "above 0, up to 1 for no smoothing";
    Err(InvalidConfig::RatioOutOfRange { what: "smoothing", ratio, allowed })
}

pub(super) fn check_time(what: &'static str, time: Duration) -> Result<(), InvalidConfig> {
    if time.is_zero() { Err(InvalidConfig::Zero { what }) } else { Ok(()) }
}

pub(super) fn check_count(what: &'static str, count: u32) -> Result<(), InvalidConfig> {
    if count == 0 { Err(InvalidConfig::Zero { what }) } else { Ok(()) }
}

/// The setters that all builders of limits have.
macro_rules! bounds_setters {
    ($algorithm:literal) => {
        /// Sets the limit to begin with.
        ///
        /// # Examples
        ///
        /// ```
        #[doc = concat!("use anyscope::limit::adaptive::{Algorithm, ", $algorithm, "};")]
        ///
        #[doc = concat!("let algorithm = ", $algorithm, "::builder().initial(8).build()?;")]
        /// assert_eq!(algorithm.limit().get(), 8);
        /// # Ok::<(), anyscope::limit::adaptive::InvalidConfig>(())
        /// ```
        pub const fn initial(mut self, limit: usize) -> Self {
            self.bounds.initial = limit;
            self
        }

        /// Sets the least limit; without it, 1.
        ///
        /// # Examples
        ///
        /// ```
        /// use anyscope::{Instant, limit::adaptive::{Algorithm, Sample}};
        #[doc = concat!("use anyscope::limit::adaptive::", $algorithm, ";")]
        /// use std::time::Duration;
        ///
        #[doc = concat!("let mut algorithm = ", $algorithm, "::builder().initial(4).min(4).build()?;")]
        /// let dropped = Sample::new(Instant::NEVER, Duration::from_millis(10), 4).dropped();
        /// assert_eq!(algorithm.on_sample(dropped).get(), 4);
        /// # Ok::<(), anyscope::limit::adaptive::InvalidConfig>(())
        /// ```
        pub const fn min(mut self, limit: usize) -> Self {
            self.bounds.min = limit;
            self
        }

        /// Sets the greatest limit. More than `u32::MAX` counts as `u32::MAX`.
        ///
        /// # Examples
        ///
        /// ```
        #[doc = concat!("use anyscope::limit::adaptive::", $algorithm, ";")]
        ///
        #[doc = concat!("assert!(", $algorithm, "::builder().initial(8).max(8).build().is_ok());")]
        #[doc = concat!("assert!(", $algorithm, "::builder().initial(8).max(4).build().is_err());")]
        /// ```
        pub const fn max(mut self, limit: usize) -> Self {
            self.bounds.max = limit;
            self
        }
    };
}
pub(super) use bounds_setters;
