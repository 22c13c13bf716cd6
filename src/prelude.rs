//! What most programs name, for `use anyscope::prelude::*`: the traits, the kinds of scopes, limits,
//! and the module `flow`.
//!
//! Unlike `use anyscope::*` it brings no module whose name is that of a crate (`tokio`, `smol`), so
//! that `#[tokio::main]` and the like still compile.
//!
//! # Examples
//!
//! ```
//! use anyscope::prelude::*;
//!
//! # smol::block_on(async {
//! let sum = concurrent(async |s| {
//!     let small = s.spawn(async { 1 });
//!     let large = s.spawn(async { 41 });
//!     small.value().await + large.value().await
//! })
//! .await;
//! assert_eq!(sum, 42);
//! # });
//! ```

pub use anyscope_core::{Clock, Limit, Timer, join, timeout};

#[cfg(feature = "alloc")]
pub use anyscope_core::{
    BlockOn, CancelToken, Executor, Grace, JoinError, JoinHandle, OwnedScope, ScopeError, Spawn,
    SpawnBlocking, SpawnLocal, concurrent, flow, flow::Source, scope, scope_limited,
    try_concurrent, try_scope, try_scope_limited,
};

#[cfg(feature = "std")]
pub use anyscope_core::{block_scope, shield, try_block_scope};
