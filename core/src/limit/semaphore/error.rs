//! Why there was no permit.

use core::{error::Error, fmt};

/// Why a wait for permits of a [`Semaphore`](super::Semaphore) ended without any.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AcquireError {
    /// The semaphore was [closed](super::Semaphore::close).
    Closed,
    /// More permits were asked for than the semaphore will ever have, so the wait could never end.
    Never {
        /// How many were asked for.
        asked: usize,
        /// How many there are.
        limit: usize,
    },
    /// No permit at all was asked for.
    Zero,
    /// Too few permits are free, and as many wait for some as the [backlog](super::Backlog) has room for.
    Full,
}

/// Why there were no permits of a [`Semaphore`](super::Semaphore) to be had without waiting.
///
/// # Examples
///
/// ```
/// use anyscope::limit::{Semaphore, TryAcquireError};
///
/// let semaphore = Semaphore::new(2);
/// let _one = semaphore.try_acquire().unwrap();
/// assert_eq!(semaphore.try_acquire_many(2).unwrap_err(), TryAcquireError::Full);
/// let never = semaphore.try_acquire_many(3).unwrap_err();
/// assert_eq!(never, TryAcquireError::Never { asked: 3, limit: 2 });
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TryAcquireError {
    /// Too few permits are free, or others wait for them.
    Full,
    /// The semaphore was [closed](super::Semaphore::close).
    Closed,
    /// More permits were asked for than the semaphore will ever have.
    Never {
        /// How many were asked for.
        asked: usize,
        /// How many there are.
        limit: usize,
    },
    /// No permit at all was asked for.
    Zero,
}

impl From<AcquireError> for TryAcquireError {
    fn from(error: AcquireError) -> Self {
        match error {
            AcquireError::Closed => TryAcquireError::Closed,
            AcquireError::Never { asked, limit } => TryAcquireError::Never { asked, limit },
            AcquireError::Zero => TryAcquireError::Zero,
            AcquireError::Full => TryAcquireError::Full,
        }
    }
}

impl fmt::Display for AcquireError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            AcquireError::Full => {
                f.write_str("too few permits are free, and as many wait for some as may")
            }
            other => TryAcquireError::from(*other).fmt(f),
        }
    }
}

impl fmt::Display for TryAcquireError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TryAcquireError::Full => f.write_str("too few permits are free; wait with `acquire`"),
            TryAcquireError::Closed => f.write_str("the semaphore is closed"),
            TryAcquireError::Never { asked, limit } => write!(
                f,
                "{asked} permits were asked for, and the semaphore has {limit}; ask for fewer, or raise its limit"
            ),
            TryAcquireError::Zero => f.write_str("0 permits were asked for; ask for at least 1"),
        }
    }
}

impl Error for AcquireError {}
impl Error for TryAcquireError {}
