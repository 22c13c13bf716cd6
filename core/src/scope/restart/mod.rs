//! Children that are made anew when they fail.
//!
//! | file | what |
//! |---|---|
//! | [`restart`](mod@restart) | which ends are followed by a restart, how often, and after what time |
//! | [`restarting`] | the future that does it |

#[allow(clippy::module_inception, reason = "the policy itself")]
mod restart;
mod restarting;

pub use restart::{Always, OnFailure, OnPanic, Restart, Restarts};
pub use restarting::Restarting;
