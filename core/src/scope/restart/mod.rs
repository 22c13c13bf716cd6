//! Children that are made anew when they fail.
//!
//! | file | what |
//! |---|---|
//! | [`restart`](mod@restart) | which ends are followed by a restart, how often, and after what time |
//! | [`observed`] | who is told of it |
//! | [`restarting`] | the future that does it |

mod observed;
#[allow(clippy::module_inception, reason = "the policy itself")]
mod restart;
mod restarting;

pub use observed::{Observed, ObservesRestarts, Restarted, Unobserved};
pub use restart::{Always, OnFailure, OnPanic, Restart, Restarts};
pub use restarting::Restarting;
