//! The core of [anyscope](https://crates.io/crates/anyscope): structured concurrency on any
//! executor.
//!
//! A *scope* is a piece of code with children that do not outlive it. This crate provides the
//! scopes, the traits that an executor implements to host them ([`exec`] and [`time`]), and bounded
//! operations over sources ([`flow`]). It depends on no runtime; the adapters for smol, tokio and
//! plain threads are crates of their own.
//!
//! # Three scopes
//!
//! | | who polls the children | may borrow | in parallel | blocks the thread |
//! |---|---|---|---|---|
//! | [`scope(&exec, async \|s\| ..)`](scope()) | the executor | no (`'static`) | yes | no |
//! | [`concurrent(async \|s\| ..)`](concurrent()) | the awaiting task | yes | no | no |
//! | [`block_scope(&exec, async \|s\| ..)`](block_scope()) | the executor | yes | yes | yes |
//!
//! Parallel, borrowing *and* not blocking is impossible in safe Rust: such a future could be
//! forgotten while its children run on.
//!
//! Each of them has a fail-fast form ([`try_scope()`], [`try_concurrent()`],
//! [`try_block_scope()`]); the first two have a form for children that are not `Send`
//! ([`scope_local()`], [`concurrent_local()`]); the first can be limited ([`scope_limited()`]) or
//! live in a struct ([`OwnedScope`]).
//!
//! # What every scope promises
//!
//! - It ends when its last child has ended. Dropping it drops every idle child before the drop
//!   returns; a child that is being polled on another thread is dropped right after that poll.
//! - A panic is never lost: it goes to the child's handle, or else it propagates to the code that
//!   awaits the scope.
//! - A child that ends frees its value at once if nothing can ask for it.
//!
//! # Features
//!
//! | feature | adds |
//! |---|---|
//! | none | [`Instant`], [`Clock`], [`Timer`], [`Limit`], [`FixedFutureSet`], [`FixedStreamSet`] |
//! | `alloc` | children, scopes, flow |
//! | `rate` | limits on how often, in [`limit`]; takes the crate `governor` |
//! | `backon` | its delays, for [`resilience`] and restarts |
//! | `std` (default) | panic capture, [`block_scope()`], [`shield()`], [`checkpoint()`], detection of joins that wait for themselves |
//!
//! # For readers of the code
//!
//! Each `mod.rs` says what its files have, and `DESIGN.md` which room may use which. What is most often
//! looked for, from `core/src` on:
//!
//! | what | where |
//! |---|---|
//! | `spawn` of each scope | `scope/handle.rs`, one text for all; `scope/limited.rs`, which waits for room; who gets the child: `scope/kind/` |
//! | what `spawn` makes | `child/spawn.rs`; its future and output: `child/cell.rs` |
//! | the state word of a child, each bit and transition | `child/state.rs` |
//! | [`JoinHandle`], [`JoinError`], [`Panic`] | `child/handle.rs`, `child/error.rs`, `child/panic.rs` |
//! | how a scope ends, and how it is cancelled | `scope/driver.rs`, `scope/stop.rs` |
//! | the slab that futures are polled in | `set/slab/chunk.rs` |
//! | the bounded map | `flow/work/map_concurrent/`; on an executor: `flow/parallel/hub.rs` |

#![cfg_attr(docsrs, feature(doc_cfg))]
#![no_std]
#![warn(clippy::undocumented_unsafe_blocks)]
#![forbid(unsafe_op_in_unsafe_fn)]

#[cfg(feature = "alloc")]
extern crate alloc;
#[cfg(feature = "std")]
extern crate std;

#[cfg(feature = "alloc")]
mod cancel;
#[cfg(feature = "alloc")]
pub mod channel;
#[cfg(feature = "alloc")]
mod child;
pub mod combine;
#[cfg(feature = "alloc")]
pub mod context;
#[cfg(feature = "std")]
pub mod enter;
#[cfg(feature = "alloc")]
pub mod exec;
#[cfg(feature = "alloc")]
pub mod flow;
pub mod future;
#[cfg(feature = "alloc")]
mod latent;
pub mod limit;
#[cfg(anyscope_loom)]
#[doc(hidden)]
pub mod model;
#[cfg(feature = "alloc")]
pub mod observe;
#[cfg(feature = "alloc")]
mod observers;
#[cfg(feature = "alloc")]
pub mod pool;
#[cfg(feature = "alloc")]
pub mod resilience;
#[cfg(feature = "alloc")]
mod scope;
pub mod set;
#[cfg(target_has_atomic = "ptr")]
mod sync;
pub mod time;
// Without `alloc` only part of it is used.
#[cfg_attr(not(feature = "alloc"), allow(dead_code))]
mod unwind;
#[cfg(feature = "alloc")]
mod values;
#[cfg(feature = "alloc")]
mod waits;

#[cfg(feature = "alloc")]
pub use cancel::{CancelGuard, CancelReason, CancelToken, Cancelled, CancelledBy, Grace};
#[cfg(all(feature = "std", not(anyscope_loom)))]
pub use cancel::{Restore, checkpoint, shield, shield_with};
#[cfg(feature = "alloc")]
pub use child::{Anywhere, ChildId, JoinError, JoinHandle, LocalJoinHandle, Panic, SameThread};
#[cfg(all(feature = "std", not(anyscope_loom)))]
pub use child::{NotInChild, cancel_self};
#[doc(inline)]
pub use combine::{
    AllFailed, EmptyRace, Maybe, TryJoinError, join, maybe, race, race_ok, try_join,
};
#[cfg(feature = "alloc")]
pub use exec::{
    BlockOn, Child, Executor, KeepAlive, LocalChild, Spawn, SpawnBlocking, SpawnFn, SpawnLocal,
    spawn_fn,
};
#[cfg(feature = "alloc")]
pub use latent::Latent;
#[cfg(feature = "alloc")]
pub use limit::{Capacity, IntoLimit, LiveLimit, Semaphore, adaptive::AdaptiveLimit};
pub use limit::{Limit, ZeroLimit};
#[cfg(feature = "alloc")]
pub use scope::{
    Accept, Always, Conclude, Concurrent, DeadlineHandle, FailFast, JoinScope, Joiner,
    LimitedScope, LocalConcurrent, LocalScope, Observed, ObservesRestarts, OnFailure, OnPanic,
    OwnedScope, Policy, Ready, Restart, Restarted, Restarts, Room, Scope, ScopeError, ScopeHandle,
    StartError, Supervise, TryConcurrent, TryLimitedScope, TryLocalConcurrent, TryLocalScope,
    TryScope, TrySpawnError, Unobserved, bracket, concurrent, concurrent_local, concurrent_with,
    joiner, kind, scope, scope_limited, scope_local, scope_with, try_concurrent,
    try_concurrent_local, try_scope, try_scope_limited, try_scope_local,
};
#[cfg(feature = "std")]
pub use scope::{BlockScope, TryBlockScope, block_scope, block_scope_with, try_block_scope};
#[cfg(any(feature = "std", anyscope_loom))]
#[doc(inline)]
pub use set::{ClosedSet, InsertError, MapHandle, SetHandle};
#[cfg(feature = "alloc")]
#[doc(inline)]
pub use set::{
    DuplicateKey, FutureMap, FutureSet, Keys, StreamMap, StreamSet, Unmet, Waited, When,
};
#[cfg(target_has_atomic = "ptr")]
#[doc(inline)]
pub use set::{FixedFutureSet, FixedStreamSet, NoWakeSlot, TryPushError, WakeSlots};
pub use time::{Clock, Elapsed, Exponential, Instant, Timer, deadline, exponential, timeout};
