//! Work that finds more work.
//!
//! | file | what |
//! |---|---|
//! | [`expand`](mod@expand) | the operation: a bounded map over its own frontier |
//! | [`found`] | what the work on an item may return |
//! | [`frontier`] | what was found and not started |

#[allow(clippy::module_inception, reason = "the operation itself")]
mod expand;
mod found;
mod frontier;

pub use expand::{Expand, ExpandParts, expand};
pub use found::Found;
