//! Many futures or streams in one task, each polled only when its own waker fired.
//!
//! | | futures | streams |
//! |---|---|---|
//! | growing | [`FutureSet`] | [`StreamSet`] |
//! | growing, with keys | [`FutureMap`] | [`StreamMap`] |
//! | of a fixed capacity, without an allocator | [`FixedFutureSet`] | [`FixedStreamSet`] |
//!
//! These are aliases: each row is one type with a marker, [`Futures`] or [`Streams`].

// | file | what |
// |---|---|
// | `kind` | what a set or map is of: futures or streams |
// | `poll_set`, `poll_map` | a slab for users, without keys or with them |
// | `keyed` | the keys of a map |
// | `wait` | for some of the futures of a set or map, and handles that add to it meanwhile |
// | `fixed` | a set of a fixed capacity, without an allocator |
// | `passes` | the loop that polls a slab |
// | `budget` | how much one poll of a task does before it yields |
// | `pinned` | elements of a pinned slice |
// | `slab` | children of one task, each polled only when its own waker fired |

#[cfg(any(feature = "alloc", target_has_atomic = "ptr"))]
pub(crate) mod budget;
#[cfg(target_has_atomic = "ptr")]
mod fixed;
#[cfg(feature = "alloc")]
mod keyed;
mod kind;
#[cfg(feature = "alloc")]
mod passes;
pub(crate) mod pinned;
#[cfg(feature = "alloc")]
mod poll_map;
#[cfg(feature = "alloc")]
mod poll_set;
#[cfg(feature = "alloc")]
pub(crate) mod slab;
#[cfg(feature = "alloc")]
pub(crate) mod wait;

#[cfg(target_has_atomic = "ptr")]
pub use fixed::{
    FixedFutureSet, FixedPollSet, FixedStreamSet, NoWakeSlot, TryPushError, WakeSlots,
};
#[cfg(feature = "alloc")]
pub use keyed::{DuplicateKey, Keys};
pub use kind::{Futures, Kind, Leaves, Streams};
#[cfg(feature = "alloc")]
pub use poll_map::{FutureMap, PollMap, StreamMap};
#[cfg(feature = "alloc")]
pub use poll_set::{FutureSet, PollSet, StreamSet};
#[cfg(feature = "alloc")]
pub use wait::{
    All, Batch, Condition, Count, First, FirstError, Gather, TimedWait, Told, Unmet, Until,
    UntilKeyed, Wait, Waited, When,
};
#[cfg(any(feature = "std", anyscope_loom))]
pub use wait::{ClosedSet, InsertError, MapHandle, SetHandle};
