//! Callers: jobs that are put, and their outcomes.
//!
//! | file | what |
//! |---|---|
//! | `remote` | what users have |
//! | `request` | a job with all that may be said about it |
//! | `wait` | from a job to its outcome |
//! | `caller` | what all calls of a `Remote` share; what is done when one is dropped |
//! | `place` | where the jobs of calls are, for those who look at a tree |
//! | `presence` | tells the engine that the caller is there |
//! | `ticket` | a job that outlives its caller |
//! | `error` | why there is no value |

mod caller;
mod error;
mod place;
mod presence;
mod remote;
mod request;
mod ticket;
mod wait;

pub use error::{CallError, LastAttempt};
pub use remote::Remote;
pub use request::{Call, Request};
pub use ticket::Ticket;
