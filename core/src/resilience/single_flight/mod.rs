//! One call for all who ask for the same.
//!
//! | file | what |
//! |---|---|
//! | [`single_flight`](mod@single_flight) | the calls by their keys, and the future of who asks |
//! | [`table`] | who asks for which key, without user code under its lock |
//! | [`flight`] | one call: who makes it, and what it returned |

mod flight;
// A model needs no table, whose lock is std's.
#[cfg(all(test, anyscope_loom))]
mod models;
#[cfg(not(anyscope_loom))]
#[allow(clippy::module_inception, reason = "the type itself")]
mod single_flight;
#[cfg(not(anyscope_loom))]
mod table;

#[cfg(not(anyscope_loom))]
pub use single_flight::{Flying, SingleFlight};
