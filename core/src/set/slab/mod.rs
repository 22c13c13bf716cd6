//! Children of one task, each polled only when its own waker fired.
//!
//! | file | what |
//! |---|---|
//! | [`slab`] | children and their keys |
//! | [`pass`] | which of them are polled, and when |
//! | [`chunk`] | memory for up to 32 children, and what wakes them |
//! | [`word`] | which of them were woken, and who keeps the chunk |
//! | [`queue`] | chunks that wait to be polled |
//! | [`guard`] | what is dropped when a poll panics |
//! | [`ready_list`] | which chunks were woken, and the task that wants to know |
//!
//! Children lie in [chunks](chunk) of 8, 16, 32, 32, … slots, which are used again: a slab of
//! bounded size stops allocating. Chunks stay until the slab goes, or is asked to
//! [shrink](Slab::shrink_to_fit). A child is never moved, and is dropped in place. A stale waker of
//! an earlier tenant of a slot causes a spurious poll of the present one, no more.
//!
//! Polling goes in *passes*: [`begin_pass`](Slab::begin_pass) takes everything that was woken, and
//! [`next`](Slab::next) names each of it once. What is woken meanwhile waits for the next pass.

mod chunk;
mod guard;
#[cfg(all(test, anyscope_loom))]
mod models;
mod pass;
mod queue;
mod ready_list;
// The type `Slab` is what one looks for under this name.
#[allow(clippy::module_inception)]
mod slab;
#[cfg(all(test, feature = "std", not(anyscope_loom)))]
mod tests;
mod word;

pub(crate) use pass::{Place, Then, Turn};
pub(crate) use slab::{OWN_KEY, Slab};
