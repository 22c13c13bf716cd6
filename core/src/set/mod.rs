//! Storage shared between threads without locks.
//!
//! | file | what |
//! |---|---|
//! | [`stack`] | values pushed from anywhere, taken all at once |
//! | [`waker_cell`] | the one waker of whoever polls a scope |
//! | [`line`] | a word on a cache line of its own |
//! | [`registry`] | all members of a group, found by whoever ends it |
//! | [`set_once`] | a value set at most once, read from anywhere |
//! | [`slab`] | children of one task, each polled only when its own waker fired |
//! | [`chunk`] | memory for up to 64 of them, and what wakes them |
//! | [`ready_list`] | which chunks were woken, and the task that wants to know |
//! | [`budget`] | how much one poll of a task does before it yields |
//! | [`passes`] | the loop that polls a slab |
//! | [`future_set`], [`stream_set`], [`future_map`], [`stream_map`] | a slab for users, with keys or without |
//! | [`fixed`] | the same with a fixed capacity, without an allocator |
//! | [`exchange`] | a place for one value, from whoever gives to whoever asks |
//! | [`mailbox`] | a box that anybody may put something into, and take it out of |
//! | [`try_cell`] | a value for one at a time, of whom nobody waits |

#[cfg(feature = "alloc")]
pub(crate) mod budget;
#[cfg(feature = "alloc")]
mod chunk;
#[cfg(feature = "alloc")]
pub(crate) mod exchange;
#[cfg(all(test, anyscope_loom))]
mod exchange_models;
#[cfg(target_has_atomic = "ptr")]
mod fixed;
#[cfg(feature = "alloc")]
mod future_map;
#[cfg(feature = "alloc")]
mod future_set;
#[cfg(feature = "alloc")]
mod keyed;
#[cfg(feature = "alloc")]
pub(crate) mod line;
#[cfg(feature = "alloc")]
pub(crate) mod mailbox;
#[cfg(all(test, anyscope_loom))]
mod models;
#[cfg(feature = "alloc")]
mod passes;
#[cfg(feature = "alloc")]
mod ready_list;
#[cfg(feature = "alloc")]
pub(crate) mod registry;
#[cfg(feature = "alloc")]
pub(crate) mod set_once;
#[cfg(feature = "alloc")]
pub(crate) mod slab;
#[cfg(all(test, anyscope_loom))]
mod slab_models;
#[cfg(all(test, feature = "std", not(anyscope_loom)))]
mod slab_tests;
#[cfg(feature = "alloc")]
pub(crate) mod stack;
#[cfg(feature = "alloc")]
mod stream_map;
#[cfg(feature = "alloc")]
mod stream_set;
#[cfg(feature = "alloc")]
pub(crate) mod try_cell;
#[cfg(target_has_atomic = "ptr")]
pub(crate) mod waker_cell;

#[cfg(target_has_atomic = "ptr")]
pub use fixed::{FixedFutureSet, FixedStreamSet, NoWakeSlot, TryPushError, WakeSlots};
#[cfg(feature = "alloc")]
pub use future_map::FutureMap;
#[cfg(feature = "alloc")]
pub use future_set::FutureSet;
#[cfg(feature = "alloc")]
pub use keyed::{DuplicateKey, Keys};
#[cfg(feature = "alloc")]
pub use stream_map::StreamMap;
#[cfg(feature = "alloc")]
pub use stream_set::StreamSet;
