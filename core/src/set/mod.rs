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
//! | [`ready`] | which of many futures want to be polled: one waker each, one queue |
//! | [`slab`] | what they are to become: futures in chunks of memory, whose wakers are bits in the head |
//! | [`slots`] | futures of one task, each polled only when its own waker fired |

pub(crate) mod budget;
mod chunk;
pub(crate) mod exchange;
mod future_map;
mod future_set;
mod keyed;
pub(crate) mod line;
#[cfg(all(test, anyscope_loom))]
mod models;
pub(crate) mod notice;
mod passes;
pub(crate) mod ready;
mod ready_list;
pub(crate) mod registry;
pub(crate) mod set_once;
pub(crate) mod slab;
#[cfg(all(test, anyscope_loom))]
mod slab_models;
#[cfg(all(test, feature = "std", not(anyscope_loom)))]
mod slab_tests;
pub(crate) mod slots;
pub(crate) mod stack;
mod stream_map;
mod stream_set;
pub(crate) mod waker_cell;

pub use future_map::FutureMap;
pub use future_set::FutureSet;
pub use keyed::{DuplicateKey, Keys};
pub use stream_map::StreamMap;
pub use stream_set::StreamSet;
