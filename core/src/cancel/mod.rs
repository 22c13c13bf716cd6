//! Cancelling: asking work to end.
//!
//! A cancel is a request. Code that holds a [`CancelToken`] sees it, at a checkpoint or by waiting
//! for it, as long as the token lives. The scope then drops its children, at once or after a grace
//! period.
//!
//! | file | what |
//! |---|---|
//! | [`reason`], [`cancelled`] | why, and by what |
//! | [`token`] | a request, and the tokens that it is passed on to |
//! | [`waiting`], [`guard`] | waits for a request, and makes one unless told not to |
//! | [`grace`] | the time that children have to shut down |
//! | [`asked`], [`deadlines`] | for code that waits or plans: whether it is asked to end, and until when |
//! | [`shields`], [`shield`] | delays a cancel for a while |
//! | [`current`] | which children and bodies this thread is running |

mod asked;
mod cancelled;
pub(crate) mod current;
mod deadlines;
mod grace;
mod guard;
mod reason;
#[cfg(all(feature = "std", not(anyscope_loom)))]
mod shield;
pub(crate) mod shields;
mod token;
mod waiting;

pub(crate) use asked::{Asked, asked_to_end};
pub use cancelled::{Cancelled, CancelledBy};
pub(crate) use deadlines::Shown;
pub use grace::Grace;
pub use guard::CancelGuard;
pub use reason::CancelReason;
#[cfg(all(feature = "std", not(anyscope_loom)))]
pub use shield::{Restore, Restored, Shield, checkpoint, shield, shield_with};
pub(crate) use token::Around;
pub use token::CancelToken;
pub use waiting::{RunUntilCancelled, WaitCancelled};
