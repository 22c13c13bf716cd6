//! Room in a limited scope.
//!
//! | file | what |
//! |---|---|
//! | [`taken`] | room that was taken, and the waits for it |
//! | [`offer`] | which waiters are told of room |
//! | [`error`] | why there was none |

mod error;
mod offer;
mod taken;

pub use error::TrySpawnError;
pub(super) use offer::Unclaimed;
pub use taken::{Room, RoomFuture, SpawnFuture};
