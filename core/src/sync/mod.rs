//! What threads share without a lock: the foundation of all other rooms.
//!
//! Nothing here knows of children, scopes or flows, and no user code runs inside a protocol. Each
//! file has one protocol, argued at its head and modelled in `*_models.rs`.
//!
//! | file | contents |
//! |---|---|
//! | [`atomic`] | atomics, `Arc` and `UnsafeCell`: those of the language, or loom's in a model |
//! | [`cache_padded`] | a word on a cache line of its own |
//! | [`stack`] | values pushed by any thread, taken all at once |
//! | [`atomic_box`] | a place for one box, which any thread may fill and empty |
//! | [`once_box`], [`once_arc`] | a value set at most once, read by any thread |
//! | [`try_lock`] | a lock that can only be tried, never waited for |
//! | [`desk`] | a value that one thread at a time works on, with requests in bits to whoever does |
//! | [`combiner`] | the same, with requests that carry something |
//! | [`on_call`] | a value that whoever comes works on, as often as it was called for; user code may run in it |
//! | [`lock`] | a lock for a few steps, without user code in it |
//! | [`handoff`] | a place for one value, handed from a giver to a taker that asks for it |
//! | [`atomic_waker`] | a slot for the one waker of a task |
//! | [`wakers`] | wakers collected inside a protocol, to be fired after it |
//! | [`lazy_event`] | a queue of waiters that costs nothing while nothing waits; `lazy_event_step` stands in for it in models of its users |
//! | [`gate`] | a count of children, which can be closed when it is zero |
//! | [`seq_cell`] | a few words that one thread writes and any thread reads, without a wait |
//! | [`ring`] | the last values that one thread has pushed, read by any thread without a wait |
//! | [`nest`] | values on the stack of a thread, found by the code that runs inside them |
//! | [`registry`], [`group`] | all members of a group, for the end of the group to find them; and the same for reference-counted members |

mod atomic;
#[cfg(feature = "alloc")]
pub(crate) mod atomic_box;
#[cfg(target_has_atomic = "ptr")]
pub(crate) mod atomic_waker;
#[cfg(feature = "alloc")]
pub(crate) mod cache_padded;
#[cfg(all(feature = "alloc", any(test, not(anyscope_loom))))]
pub(crate) mod combiner;
#[cfg(feature = "alloc")]
pub(crate) mod desk;
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
#[cfg(feature = "alloc")]
pub(crate) mod lock;
#[cfg(all(test, anyscope_loom))]
mod models;
#[cfg(all(feature = "std", not(anyscope_loom)))]
pub(crate) mod nest;
#[cfg(feature = "alloc")]
pub(crate) mod on_call;
#[cfg(feature = "alloc")]
pub(crate) mod once_arc;
#[cfg(feature = "alloc")]
pub(crate) mod once_box;
#[cfg(feature = "alloc")]
pub(crate) mod registry;
#[cfg(all(test, anyscope_loom))]
mod registry_models;
#[cfg(any(feature = "std", anyscope_loom))]
#[cfg_attr(anyscope_loom, allow(dead_code))]
pub(crate) mod ring;
#[cfg(all(test, anyscope_loom))]
mod ring_models;
#[cfg(any(feature = "std", anyscope_loom))]
#[cfg_attr(anyscope_loom, allow(dead_code))]
pub(crate) mod seq_cell;
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
