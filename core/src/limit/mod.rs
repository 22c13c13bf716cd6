//! How much may run at once, and how often.
//!
//! | to | use |
//! |---|---|
//! | limit how much an operation or a scope does at the same time | [`Limit`], [`LiveLimit`] |
//! | limit what several operations do together, by weight | [`Semaphore`] |
//! | say how many may wait for it, and who of them is first | [`Backlog`] |
//! | let a limit follow what a service can take | [`AdaptiveLimit`](adaptive::AdaptiveLimit) |
//! | limit how often something happens | `RateLimit`, `KeyedRateLimit` (feature `rate`) |
//! | divide a limit, with a guaranteed share for each part | [`Partitioned`] |
//! | take several of these as one | `Limits` (feature `rate`) |

pub mod adaptive;
#[cfg(feature = "alloc")]
pub(crate) mod follow;
#[cfg(feature = "alloc")]
mod into;
// The type `Limit` is what one looks for under this name.
#[allow(clippy::module_inception)]
mod limit;
#[cfg(feature = "rate")]
pub(crate) mod limits;
#[cfg(feature = "alloc")]
mod line;
#[cfg(feature = "alloc")]
mod live;
#[cfg(feature = "alloc")]
pub(crate) mod partitioned;
#[cfg(feature = "rate")]
pub(crate) mod rate;
#[cfg(feature = "alloc")]
pub(crate) mod semaphore;

#[cfg(feature = "alloc")]
pub use into::IntoLimit;
pub use limit::{Limit, ZeroLimit};
#[cfg(feature = "rate")]
#[cfg_attr(docsrs, doc(cfg(feature = "rate")))]
pub use limits::{InvalidAsk, InvalidLimits, Limits, LimitsBuilder, LimitsPermit, TryLimitsError};
#[cfg(feature = "alloc")]
pub use live::{Capacity, LiveLimit};
#[cfg(feature = "alloc")]
pub use partitioned::{
    InvalidPartitions, PartitionPermit, Partitioned, PartitionedBuilder, TryPartitionError,
    UnknownPartition,
};
#[cfg(feature = "rate")]
#[cfg_attr(docsrs, doc(cfg(feature = "rate")))]
pub use rate::{
    InvalidAmount, InvalidRate, KeyedRateLimit, NotYet, Rate, RateGrant, RateLimit, TryRateError,
};
#[cfg(feature = "alloc")]
pub use semaphore::{AcquireError, Backlog, OwnedPermit, Permit, Semaphore, TryAcquireError};
