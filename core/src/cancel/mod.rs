//! Asking for an end.
//!
//! A cancel is a request: whoever holds a [`CancelToken`] sees it, at a checkpoint or by waiting
//! for it, as long as the token lives. Scopes and children are then dropped, at once or after a
//! grace period; that is the business of the scope.

//!
//! | file | what |
//! |---|---|
//! | [`reason`], [`cancelled`] | why, and by whom |
//! | [`token`] | a request, and who it is handed on to |
//! | [`grace`] | time to end in good order |
//! | [`shields`], [`shield`] | what keeps a cancel off for a while |
//! | [`current`] | which children and bodies this thread is running |

mod cancelled;
pub(crate) mod current;
mod grace;
mod reason;
#[cfg(all(feature = "std", not(anyscope_loom)))]
mod shield;
pub(crate) mod shields;
mod token;

pub use cancelled::{Cancelled, CancelledBy};
pub use grace::Grace;
pub use reason::CancelReason;
#[cfg(all(feature = "std", not(anyscope_loom)))]
pub use shield::{Restore, Restored, Shield, checkpoint, shield, shield_with};
pub(crate) use token::Around;
pub use token::{CancelGuard, CancelToken, RunUntilCancelled, WaitCancelled};
