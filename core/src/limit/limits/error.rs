//! What cannot be built, and what cannot be asked for.

use crate::limit::rate::{InvalidAmount, NotYet};
use core::{error::Error, fmt};

/// An error of [`LimitsBuilder::build`](super::LimitsBuilder::build).
///
/// # Examples
///
/// ```
/// use anyscope::limit::Limits;
///
/// let wrong = Limits::builder().resource("connections", 0).build().unwrap_err();
/// assert!(wrong.to_string().starts_with("the capacity of limit 0 (from 0) is 0"));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum InvalidLimits {
    /// The limit with this number, from 0, has a capacity of zero.
    #[non_exhaustive]
    ZeroCapacity {
        /// Its number.
        index: usize,
    },
    /// The limit with this number, from 0, has the key of an earlier one.
    #[non_exhaustive]
    DuplicateKey {
        /// Its number.
        index: usize,
    },
}

impl fmt::Display for InvalidLimits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            InvalidLimits::ZeroCapacity { index } => write!(
                f,
                "the capacity of limit {index} (from 0) is 0, so it would let nothing run; use at least 1"
            ),
            InvalidLimits::DuplicateKey { index } => write!(
                f,
                "limit {index} (from 0) has the key of an earlier one; give each a key of its own"
            ),
        }
    }
}

impl Error for InvalidLimits {}

/// An error: something that can never be granted was asked for.
///
/// # Examples
///
/// ```
/// use anyscope::{limit::{InvalidAsk, Limits}, sim::Sim};
///
/// Sim::new(7).run(async |sim| {
///     let limits = Limits::builder().resource("connections", 10).build().unwrap();
///     let wrong = limits.acquire(&sim, [("connections", 1), ("threads", 1)]).await.unwrap_err();
///     assert!(matches!(wrong, InvalidAsk::UnknownKey { index: 1, .. }));
///     let wrong = limits.acquire(&sim, [("connections", 11)]).await.unwrap_err();
///     assert!(matches!(wrong, InvalidAsk::Amount { .. }));
/// }).unwrap();
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum InvalidAsk {
    /// What was asked for with this number, from 0, has a key that no limit has.
    #[non_exhaustive]
    UnknownKey {
        /// Its number.
        index: usize,
    },
    /// What was asked for with this number, from 0, has the key of an earlier one.
    #[non_exhaustive]
    DuplicateKey {
        /// Its number.
        index: usize,
    },
    /// What was asked for with this number, from 0, is nothing, or more than there ever is.
    #[non_exhaustive]
    Amount {
        /// Its number.
        index: usize,
        /// What is wrong with it.
        invalid: InvalidAmount,
    },
}

impl fmt::Display for InvalidAsk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            InvalidAsk::UnknownKey { index } => {
                write!(f, "none of these limits has key {index} (from 0) of what was asked for")
            }
            InvalidAsk::DuplicateKey { index } => {
                write!(f, "key {index} (from 0) was asked for before; ask once for the sum of both")
            }
            InvalidAsk::Amount { index, invalid } => {
                write!(f, "amount {index} (from 0) of what was asked for: {invalid}")
            }
        }
    }
}

impl Error for InvalidAsk {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            InvalidAsk::Amount { invalid, .. } => Some(invalid),
            _ => None,
        }
    }
}

/// An error of [`Limits::try_acquire`](super::Limits::try_acquire).
///
/// # Examples
///
/// ```
/// use anyscope::{limit::{Limits, TryLimitsError}, smol::Smol};
///
/// let limits = Limits::builder().resource("connections", 10).build()?;
/// let _eight = limits.try_acquire(&Smol, [("connections", 8)]).unwrap();
/// match limits.try_acquire(&Smol, [("connections", 3)]) {
///     Err(TryLimitsError::NotYet(_)) => {} // later
///     other => unreachable!("{other:?}"),
/// }
/// let never = limits.try_acquire(&Smol, [("connections", 11)]).unwrap_err();
/// assert!(matches!(never, TryLimitsError::Invalid(_)));
/// # Ok::<(), anyscope::limit::InvalidLimits>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TryLimitsError {
    /// It would have to wait.
    NotYet(NotYet),
    /// It can never be granted.
    Invalid(InvalidAsk),
}

impl fmt::Display for TryLimitsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TryLimitsError::NotYet(error) => error.fmt(f),
            TryLimitsError::Invalid(error) => error.fmt(f),
        }
    }
}

impl Error for TryLimitsError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(match self {
            TryLimitsError::NotYet(error) => error,
            TryLimitsError::Invalid(error) => error,
        })
    }
}

impl From<InvalidAsk> for TryLimitsError {
    fn from(error: InvalidAsk) -> Self {
        TryLimitsError::Invalid(error)
    }
}
