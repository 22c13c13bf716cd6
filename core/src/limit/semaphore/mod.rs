//! Permits that several callers share.
//!
//! | file | contents |
//! |---|---|
//! | [`handle`] | what users hold |
//! | [`shared`] | the one word that counts, and the protocol around it |
//! | [`queue`] | who waits, in order |
//! | [`acquire`] | the futures that wait |
//! | [`permit`] | what they return |
//! | [`error`] | why there was no permit |

mod acquire;
mod error;
mod handle;
#[cfg(all(test, anyscope_loom))]
mod models;
mod permit;
mod queue;
mod shared;

pub use acquire::{Acquire, AcquireOwned};
pub use error::{AcquireError, TryAcquireError};
pub use handle::Semaphore;
pub use permit::{OwnedPermit, Permit};
