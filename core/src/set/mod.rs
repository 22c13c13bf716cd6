//! Storage shared between threads without locks.
//!
//! | file | what |
//! |---|---|
//! | [`stack`] | values pushed from anywhere, taken all at once |
//! | [`waker_cell`] | the one waker of whoever polls a scope |
//! | [`notice`] | an event that costs nothing while nobody listens |
//! | [`line`] | a word on a cache line of its own |
//! | [`registry`] | all members of a group, found by whoever ends it |
//! | [`set_once`] | a value set at most once, read from anywhere |
//! | [`slab`] | children of one task, each polled only when its own waker fired |
//! | [`chunk`] | memory for up to 64 of them, and what wakes them |
//! | [`ready_list`] | which chunks were woken, and the task that wants to know |
//! | [`budget`] | how much one poll of a task does before it yields |
//! | [`passes`] | the loop that polls a slab |
//! | [`future_set`], [`stream_set`], [`future_map`], [`stream_map`] | a slab for users, with keys or without |
//! | [`exchange`] | a place for one value, from whoever gives to whoever asks |
//! | [`mailbox`] | a box that anybody may put something into, and take it out of |
//! | [`try_cell`] | a value for one at a time, of whom nobody waits |

pub(crate) mod budget;
mod chunk;
pub(crate) mod exchange;
mod future_map;
mod future_set;
mod keyed;
pub(crate) mod line;
pub(crate) mod mailbox;
#[cfg(all(test, anyscope_loom))]
mod models;
pub(crate) mod notice;
mod passes;
mod ready_list;
pub(crate) mod registry;
pub(crate) mod set_once;
pub(crate) mod slab;
#[cfg(all(test, anyscope_loom))]
mod slab_models;
#[cfg(all(test, feature = "std", not(anyscope_loom)))]
mod slab_tests;
pub(crate) mod stack;
mod stream_map;
mod stream_set;
pub(crate) mod try_cell;
pub(crate) mod waker_cell;

pub use future_map::FutureMap;
pub use future_set::FutureSet;
pub use keyed::{DuplicateKey, Keys};
pub use stream_map::StreamMap;
pub use stream_set::StreamSet;
