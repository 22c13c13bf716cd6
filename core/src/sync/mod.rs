//! What threads share without a lock: the one foundation that the other rooms stand on.
//!
//! Nothing here knows of children, scopes or flows, and no code of a user's runs inside of a
//! protocol. Each file has one protocol, argued at its head and modelled in `*_models.rs`.
//!
//! | file | what |
//! |---|---|
//! | [`atomic`] | atomics, `Arc` and `UnsafeCell`: those of the language, or loom's in a model |
//! | [`cache_padded`] | a word on a cache line of its own |
//! | [`stack`] | values pushed from anywhere, taken all at once |
//! | [`atomic_box`] | a place for a box that anybody may put in and take out |
//! | [`once_box`], [`once_arc`] | a value set at most once, read from anywhere |
//! | [`try_lock`] | a lock that can only be tried, never waited for |
//! | [`handoff`] | a place for one value, from whoever has it to whoever asks for it |
//! | [`atomic_waker`] | the one waker of whoever polls something |
//! | [`wakers`] | wakers collected inside a protocol, to be fired after it |
//! | [`lazy_event`] | a queue of waiters that costs nothing while nobody waits; `lazy_event_step` stands in for it in models of others |
//! | [`gate`] | a count of who is inside, which can be closed when nobody is |
//! | [`nest`] | values on the stack of a thread, found by the code that they are around |
//! | [`registry`], [`group`] | all members of a group, found by whoever ends it; and the same for members that are counted |

mod atomic;
#[cfg(feature = "alloc")]
pub(crate) mod atomic_box;
#[cfg(target_has_atomic = "ptr")]
pub(crate) mod atomic_waker;
#[cfg(feature = "alloc")]
pub(crate) mod cache_padded;
#[cfg(feature = "alloc")]
pub(crate) mod gate;
#[cfg(feature = "alloc")]
pub(crate) mod group;
#[cfg(feature = "alloc")]
pub(crate) mod handoff;
#[cfg(all(test, anyscope_loom))]
mod handoff_models;
#[cfg(all(feature = "alloc", any(test, not(anyscope_loom))))]
mod lazy_event;
#[cfg(all(test, anyscope_loom))]
mod lazy_event_models;
#[cfg(anyscope_loom)]
mod lazy_event_step;
#[cfg(all(test, anyscope_loom))]
mod models;
#[cfg(all(feature = "std", not(anyscope_loom)))]
pub(crate) mod nest;
#[cfg(feature = "alloc")]
pub(crate) mod once_arc;
#[cfg(feature = "alloc")]
pub(crate) mod once_box;
#[cfg(feature = "alloc")]
pub(crate) mod registry;
#[cfg(feature = "alloc")]
pub(crate) mod stack;
#[cfg(feature = "alloc")]
pub(crate) mod try_lock;
#[cfg(feature = "alloc")]
mod wakers;

pub(crate) use atomic::*;
#[cfg(all(feature = "alloc", not(anyscope_loom)))]
pub(crate) use lazy_event::{EventListener, LazyEvent};
#[cfg(anyscope_loom)]
pub(crate) use lazy_event_step::{EventListener, LazyEvent};
#[cfg(feature = "alloc")]
pub(crate) use wakers::Wakers;
