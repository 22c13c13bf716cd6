//! Tests for adapters of [`anyscope`](https://docs.rs/anyscope): write one impl and one line, and each obligation of an
//! executor is a test of yours.
//!
//! ```
//! use anyscope::smol::{SmolExecutor, SmolHandle};
//! use anyscope_conformance::Adapter;
//!
//! struct MySmol;
//!
//! impl Adapter for MySmol {
//!     type Owner = SmolExecutor;
//!     type Handle = SmolHandle;
//!
//!     fn start() -> (SmolExecutor, SmolHandle) {
//!         let owner = SmolExecutor::new();
//!         let handle = owner.handle();
//!         (owner, handle)
//!     }
//! }
//!
//! // In a file of `tests/`, with a word for each thing that it can do besides:
//! anyscope_conformance::suite!(MySmol: owner, shutdown, blocking, time);
//! ```
//!
//! | word | the handle is | what is tested |
//! |---|---|---|
//! | | `Spawn`, its owner `BlockOn` | [`spawn`], [`wakes`], [`ends`], [`block`], [`library`] |
//! | `owner` | its owner is `Spawn` too | [`owner`]: scopes that block their thread |
//! | `shutdown` | | [`shutdown`]: its owner can be dropped, and its children go with it |
//! | `blocking` | `SpawnBlocking` | [`blocking`] |
//! | `time` | `Timer`, `Clock` | [`time`] |
//!
//! Each test is a function here, which says what it expects, and what an adapter has done wrong if that does not come. One
//! that hangs fails after [`Adapter::LIMIT`]. What cannot be seen from outside is in the docs of the traits.

pub mod block;
pub mod blocking;
pub mod ends;
pub mod library;
pub mod owner;
pub mod shutdown;
pub mod spawn;
mod suite;
pub mod time;
mod tools;
pub mod wakes;

use anyscope_core::{BlockOn, Spawn};
use std::time::Duration;

/// How the suite gets an executor.
///
/// See the [crate](self).
pub trait Adapter {
    /// What drives the executor while a thread waits in it.
    type Owner: BlockOn;
    /// What is passed to scopes.
    type Handle: Spawn + Clone + Send + Sync + 'static;

    /// How long a test may take before it has failed. Much more than any machine needs: it is there so that a wake
    /// that is lost is a failure, and not a hang.
    const LIMIT: Duration = Duration::from_secs(60);

    /// Returns a new executor, and a handle to it.
    fn start() -> (Self::Owner, Self::Handle);
}
