//! What cannot be granted, and what can never be.

use crate::time::Instant;
use core::{error::Error, fmt};

/// An error: numbers that are no [`Rate`](super::Rate).
///
/// # Examples
///
/// ```
/// use anyscope::limit::Rate;
///
/// let asked = "0.0".parse().unwrap(); // from a file of settings
/// let error = Rate::try_per_second(asked).unwrap_err();
/// println!("rate: {error}");
/// assert!(Rate::try_per_second(0.5).is_ok());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum InvalidRate {
    /// Nothing would ever be granted; or a negative number.
    ZeroCount,
    /// Everything would be granted.
    ZeroTime,
    /// Nothing would ever be granted.
    ZeroBurst,
    /// Not a number.
    NotANumber,
    /// More than one a nanosecond.
    TooFast,
    /// The time, or that of the whole burst, is longer than 146 years.
    TooSlow,
    /// The burst of a window is its count.
    BurstOfWindow,
}

impl InvalidRate {
    pub(super) const fn message(self) -> &'static str {
        match self {
            InvalidRate::ZeroCount => {
                "a rate of 0 would grant nothing; use at least 1, in a longer time"
            }
            InvalidRate::ZeroTime => "a rate needs a time that is longer than zero",
            InvalidRate::ZeroBurst => "a burst of 0 would grant nothing; use at least 1",
            InvalidRate::NotANumber => "a rate has to be a number, but this is NaN",
            InvalidRate::TooFast => {
                "a rate of more than one a nanosecond; leave the limit out instead"
            }
            InvalidRate::TooSlow => "a rate or a burst whose time is longer than 146 years",
            InvalidRate::BurstOfWindow => {
                "the burst of a window is its count; use `Rate::new` for a burst of its own"
            }
        }
    }
}

impl fmt::Display for InvalidRate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.message())
    }
}

impl Error for InvalidRate {}

/// An error: an amount that can never be granted, however long one waits.
///
/// # Examples
///
/// ```
/// use anyscope::{limit::{InvalidAmount, Rate, RateLimit}, sim::Sim};
///
/// Sim::new(7).run(async |sim| {
///     let limit = RateLimit::new(Rate::per_second(100).burst(10));
///     let wrong = limit.acquire_many(&sim, 11).await.unwrap_err();
///     assert!(matches!(wrong, InvalidAmount::Above { amount: 11, most: 10, .. }));
/// }).unwrap();
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum InvalidAmount {
    /// Nothing was asked for.
    Zero,
    /// More was asked for than there ever is at once.
    #[non_exhaustive]
    Above {
        /// What was asked for.
        amount: u32,
        /// The most that may be asked for at once.
        most: u32,
    },
}

impl InvalidAmount {
    pub(in crate::limit) fn check(amount: u32, most: u32) -> Result<(), InvalidAmount> {
        match amount {
            0 => Err(InvalidAmount::Zero),
            amount if amount > most => Err(InvalidAmount::above(amount, most)),
            _ => Ok(()),
        }
    }

    pub(in crate::limit) fn above(amount: u32, most: u32) -> Self {
        InvalidAmount::Above { amount, most }
    }
}

impl fmt::Display for InvalidAmount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            InvalidAmount::Zero => f.write_str("an amount of 0; ask for at least 1"),
            InvalidAmount::Above { amount, most } => write!(
                f,
                "{amount} at once can never be granted, as there are at most {most}; ask for less at \
                 a time, or raise the burst or the capacity"
            ),
        }
    }
}

impl Error for InvalidAmount {}

/// An error: it would have to wait.
///
/// # Examples
///
/// ```
/// use anyscope::{Clock, limit::{Rate, RateLimit}, sim::Sim};
///
/// Sim::new(7).run(async |sim| {
///     let limit = RateLimit::new(Rate::per_second(4).burst(1));
///     limit.try_acquire(&sim).unwrap();
///     let not_yet = limit.try_acquire(&sim).unwrap_err();
///     // For a `Retry-After`, for example.
///     assert_eq!((not_yet.at - sim.now()).as_millis(), 250);
/// }).unwrap();
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct NotYet {
    /// When it can be granted, if no one else asks meanwhile and those who wait stay;
    /// [`Instant::NEVER`] if that depends on something that is given back.
    pub at: Instant,
}

impl NotYet {
    pub(in crate::limit) fn until(at: Instant) -> Self {
        NotYet { at }
    }
}

impl fmt::Display for NotYet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.at {
            Instant::NEVER => f.write_str("not before something is given back"),
            at => write!(f, "not before {:?} after the clock's epoch", at.since_epoch()),
        }
    }
}

impl Error for NotYet {}

/// An error of `try_acquire_many`.
///
/// # Examples
///
/// ```
/// use anyscope::{limit::{Rate, RateLimit, TryRateError}, sim::Sim};
///
/// Sim::new(7).run(async |sim| {
///     let limit = RateLimit::new(Rate::per_second(10));
///     limit.try_acquire_many(&sim, 10).unwrap();
///     assert!(matches!(limit.try_acquire_many(&sim, 10), Err(TryRateError::NotYet(_))));
///     assert!(matches!(limit.try_acquire_many(&sim, 11), Err(TryRateError::Invalid(_))));
/// }).unwrap();
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TryRateError {
    /// It would have to wait.
    NotYet(NotYet),
    /// It can never be granted.
    Invalid(InvalidAmount),
}

impl fmt::Display for TryRateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TryRateError::NotYet(error) => error.fmt(f),
            TryRateError::Invalid(error) => error.fmt(f),
        }
    }
}

impl Error for TryRateError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(match self {
            TryRateError::NotYet(error) => error,
            TryRateError::Invalid(error) => error,
        })
    }
}

impl From<NotYet> for TryRateError {
    fn from(error: NotYet) -> Self {
        TryRateError::NotYet(error)
    }
}

impl From<InvalidAmount> for TryRateError {
    fn from(error: InvalidAmount) -> Self {
        TryRateError::Invalid(error)
    }
}
