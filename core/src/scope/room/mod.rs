//! Room in a limited scope.
//!
//! | file | what |
//! |---|---|
//! | [`taken`] | room that was taken, and the waits for it |
//! | [`offer`] | which waiters are told of room |
//! | [`jam`] | children that hold all places and wait for room |
//! | [`error`] | why there was none |

mod error;
mod jam;
mod offer;
mod taken;

pub use error::TrySpawnError;
pub(super) use jam::Jam;
pub(super) use offer::{Unclaimed, follow_limit};
pub use taken::{Room, RoomFuture, SpawnFuture};
