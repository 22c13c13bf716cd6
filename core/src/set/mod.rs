//! Many futures or streams in one task, each polled only when its own waker fired.
//!
//! | file | what |
//! |---|---|
//! | [`slab`] | children of one task, each polled only when its own waker fired |
//! | [`budget`] | how much one poll of a task does before it yields |
//! | [`passes`] | the loop that polls a slab |
//! | [`future_set`], [`stream_set`], [`future_map`], [`stream_map`] | a slab for users, with keys or without |
//! | [`fixed`] | the same with a fixed capacity, without an allocator |

#[cfg(feature = "alloc")]
pub(crate) mod budget;
#[cfg(target_has_atomic = "ptr")]
mod fixed;
#[cfg(feature = "alloc")]
mod future_map;
#[cfg(feature = "alloc")]
mod future_set;
#[cfg(feature = "alloc")]
mod keyed;
#[cfg(feature = "alloc")]
mod passes;
#[cfg(feature = "alloc")]
pub(crate) mod slab;
#[cfg(feature = "alloc")]
mod stream_map;
#[cfg(feature = "alloc")]
mod stream_set;

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
