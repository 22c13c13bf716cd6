//! Sets of a fixed capacity, without an allocator.
//!
//! | file | what |
//! |---|---|
//! | [`wake_slots`] | words in a `static` where wakers leave their wakes, each counted by whoever holds it |
//! | [`children`] | the futures or streams in place, and which of them is polled next |
//! | [`future_set`] | the set of futures |
//! | [`stream_set`] | the set of streams |
//!
//! The children are in the set, and the set is where its user puts it: on the stack, in a `static`,
//! in another future. A waker may outlive all of that, so it must not point into the set. It points
//! into a [`WakeSlot`](wake_slots::WakeSlot), which is `'static`, and is counted so that no other
//! set gets the slot before the last waker is gone. Nothing here is unsound when the count is
//! wrong: a wake would reach the wrong set, which polls a child in vain.

mod children;
mod future_set;
#[cfg(all(test, anyscope_loom))]
mod models;
mod stream_set;
mod wake_slots;

pub use children::{NoWakeSlot, TryPushError};
pub use future_set::FixedFutureSet;
pub use stream_set::FixedStreamSet;
pub use wake_slots::WakeSlots;
