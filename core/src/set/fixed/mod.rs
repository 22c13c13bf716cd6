//! Sets of a fixed capacity, without an allocator.
//!
//! | file | what |
//! |---|---|
//! | [`wake_slots`] | words in a `static` where wakers leave their wakes, each with the number of its holders |
//! | [`turns`] | who is there, and which of them is polled next |
//! | [`poll_set`] | the futures or streams in place: the set |
//!
//! The children are in the set, and the set is where its user puts it: on the stack, in a `static`,
//! in another future. A waker may outlive all of that, so it must not point into the set. It points
//! into a [`WakeSlot`](wake_slots::WakeSlot), which is `'static`, and is counted so that no other
//! set gets the slot before the last waker is gone. Nothing here is unsound when the count is
//! wrong: a wake would reach the wrong set, which polls a child in vain.

#[cfg(all(test, anyscope_loom))]
mod models;
mod poll_set;
mod turns;
mod wake_slots;

pub use poll_set::{FixedFutureSet, FixedPollSet, FixedStreamSet, NoWakeSlot, TryPushError};
pub use wake_slots::WakeSlots;
