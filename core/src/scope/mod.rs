//! Scopes: where the children are polled, whether they may borrow, and whether the caller blocks.
//!
//! | file | what |
//! |---|---|
//! | [`parallel`] | `scope`: children on an executor |
//! | [`concurrent`] | `concurrent`: children inside the scope's future |
//! | [`block`] | `block_scope`: children on an executor, borrowing, the caller waits |
//! | [`limited`], [`room`] | scopes with a limit, and room in them |
//! | [`owned`] | scopes that live in a struct |
//! | [`start`] | children that say when they are ready |
//! | [`policy`], [`error`] | what the end of a child means |
//! | [`joiner`] | scopes whose result is made of their children's outcomes |
//! | [`bracket`] | a resource, its use and its release |
//! | [`restart`](mod@restart) | children that are made anew when they fail |
//! | [`handle`], [`control`] | the handle of a scope and its methods, `spawn` first |
//! | [`kind`] | what differs from kind to kind |
//! | [`stop`], [`request`], [`deadline`] | cancels, graces, deadlines |
//! | [`cleanup`] | what runs at the end |
//! | [`blocking`] | children that block a thread of their own |
//! | [`driver`], [`owner`], [`shared`], [`flags`] | the machinery: the life of a scope, and what it shares with its children |

#[cfg(feature = "std")]
mod block;
mod blocking;
mod bracket;
mod cleanup;
mod concurrent;
mod control;
mod deadline;
mod driver;
mod error;
mod flags;
mod handle;
pub mod joiner;
pub mod kind;
mod limited;
mod owned;
mod owner;
mod parallel;
mod policy;
mod request;
mod restart;
mod room;
mod shared;
mod start;
mod stop;
#[cfg_attr(not(all(feature = "std", not(anyscope_loom))), path = "no_tree.rs")]
mod tree;

#[cfg(feature = "std")]
pub use block::{BlockScope, TryBlockScope, block_scope, try_block_scope};
pub use bracket::bracket;
pub use concurrent::{
    Concurrent, ConcurrentFuture, LocalConcurrent, TryConcurrent, TryLocalConcurrent, concurrent,
    concurrent_local, try_concurrent, try_concurrent_local,
};
pub use deadline::DeadlineHandle;
pub use error::ScopeError;
pub use handle::ScopeHandle;
#[cfg(feature = "std")]
pub use joiner::block_scope_with;
pub use joiner::{JoinScope, JoinedFuture, Joiner, concurrent_with, scope_with};
pub use limited::{LimitedScope, TryLimitedScope, scope_limited, try_scope_limited};
pub use owned::OwnedScope;
pub use parallel::{
    LocalScope, Scope, ScopeFuture, TryLocalScope, TryScope, scope, scope_local, try_scope,
    try_scope_local,
};
pub use policy::{Accept, Conclude, FailFast, Policy, Supervise};
pub use restart::{
    Always, Observed, ObservesRestarts, OnFailure, OnPanic, Restart, Restarted, Restarting,
    Restarts, Unobserved,
};
pub use room::{Room, RoomFuture, SpawnFuture, TrySpawnError};
pub use start::{Ready, Start, StartError};
