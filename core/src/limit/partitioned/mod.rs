//! A limit that is divided, with a guaranteed share for each part.
//!
//! | file | contents |
//! |---|---|
//! | [`builder`] | which parts there are |
//! | [`partitioned`] | asking for a place in one |
//! | [`shares`] | the account: who may have one more |
//! | [`permit`] | the place that one holds |
//! | [`error`] | what cannot be built, and what cannot be asked for |

mod builder;
mod error;
#[allow(clippy::module_inception)]
mod partitioned;
mod permit;
mod shares;

pub use builder::PartitionedBuilder;
pub use error::{InvalidPartitions, TryPartitionError, UnknownPartition};
pub use partitioned::{AcquirePartition, Partitioned};
pub use permit::PartitionPermit;
