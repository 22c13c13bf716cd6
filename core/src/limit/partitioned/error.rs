//! What cannot be built, and what cannot be asked for.

use core::{error::Error, fmt};

/// An error of [`PartitionedBuilder::build`](super::PartitionedBuilder::build).
///
/// # Examples
///
/// ```
/// use anyscope::limit::{InvalidPartitions, Partitioned};
///
/// let wrong = Partitioned::builder(10).share("live", 7).share("batch", 4).build().unwrap_err();
/// assert!(matches!(wrong, InvalidPartitions::SharesAboveLimit { shares: 11, limit: 10, .. }));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum InvalidPartitions {
    /// The part with this number, from 0, has the key of an earlier one.
    #[non_exhaustive]
    DuplicateKey {
        /// Its number.
        index: usize,
    },
    /// More is guaranteed than there is.
    #[non_exhaustive]
    SharesAboveLimit {
        /// The sum of all shares.
        shares: usize,
        /// The limit.
        limit: usize,
    },
}

impl fmt::Display for InvalidPartitions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            InvalidPartitions::DuplicateKey { index } => write!(
                f,
                "part {index} (from 0) has the key of an earlier one; give each a key of its own"
            ),
            InvalidPartitions::SharesAboveLimit { shares, limit } => write!(
                f,
                "shares of {shares} in all cannot be guaranteed by a limit of {limit}; lower the shares \
                 or raise the limit"
            ),
        }
    }
}

impl Error for InvalidPartitions {}

/// An error: no part has this key.
///
/// # Examples
///
/// ```
/// use anyscope::limit::Partitioned;
///
/// # smol::block_on(async {
/// let limit = Partitioned::builder(10).share("live", 7).build().unwrap();
/// let wrong = limit.acquire("batch").await.unwrap_err();
/// assert!(wrong.to_string().starts_with("no part of this limit has this key"));
/// # });
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownPartition(pub(super) ());

impl fmt::Display for UnknownPartition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no part of this limit has this key; add it with `share` before `build`")
    }
}

impl Error for UnknownPartition {}

/// An error of [`Partitioned::try_acquire`](super::Partitioned::try_acquire).
///
/// # Examples
///
/// ```
/// use anyscope::limit::{Partitioned, TryPartitionError};
///
/// let limit = Partitioned::builder(1).share("live", 1).build()?;
/// let _held = limit.try_acquire("live").unwrap();
/// assert!(matches!(limit.try_acquire("live"), Err(TryPartitionError::Full)));
/// assert!(matches!(limit.try_acquire("batch"), Err(TryPartitionError::Unknown(_))));
/// # Ok::<(), anyscope::limit::InvalidPartitions>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TryPartitionError {
    /// It would have to wait.
    Full,
    /// No part has this key.
    Unknown(UnknownPartition),
}

impl fmt::Display for TryPartitionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TryPartitionError::Full => f.write_str("this part has its share, and no place is idle"),
            TryPartitionError::Unknown(error) => error.fmt(f),
        }
    }
}

impl Error for TryPartitionError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            TryPartitionError::Full => None,
            TryPartitionError::Unknown(error) => Some(error),
        }
    }
}

impl From<UnknownPartition> for TryPartitionError {
    fn from(error: UnknownPartition) -> Self {
        TryPartitionError::Unknown(error)
    }
}
