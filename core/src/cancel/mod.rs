//! Asking for an end.
//!
//! A cancel is a request: whoever holds a [`CancelToken`] sees it, at a checkpoint or by waiting
//! for it, as long as the token lives. Scopes and children are then dropped, at once or after a
//! grace period; that is the business of the scope.

mod grace;
mod reason;
mod token;

pub use grace::Grace;
pub use reason::CancelReason;
pub use token::{CancelGuard, CancelToken, RunUntilCancelled, WaitCancelled};
