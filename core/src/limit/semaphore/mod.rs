//! Permits that several callers share.
//!
//! | file | contents |
//! |---|---|
//! | [`handle`] | what users hold |
//! | [`shared`] | the one word that counts, and the protocol around it |
//! | [`queue`] | who waits, in order |
//! | [`backlog`] | how many may, and in which order |
//! | [`acquire`] | the futures that wait |
//! | [`permit`] | what they return |
//! | [`error`] | why there was no permit |

mod acquire;
mod backlog;
mod error;
mod handle;
#[cfg(all(test, anyscope_loom))]
mod models;
mod permit;
mod queue;
mod shared;

pub use acquire::{Acquire, AcquireOwned};
pub use backlog::Backlog;
pub use error::{AcquireError, TryAcquireError};
pub use handle::Semaphore;
pub use permit::{OwnedPermit, Permit};
