//! Spans of the crate `tracing` for scopes and children, on any executor.
//!
//! [`Spans`] is an [`Observer`](crate::observe::Observer). In a tree that it observes, each scope and each child has a
//! span, which is entered around every poll, on whichever thread that is, and closed at the end. So what the code
//! of a child logs is in the span of that child; that is in the span of its scope; and that is in whatever span the
//! scope was first polled in.
//!
//! | span | fields |
//! |---|---|
//! | `scope` | `id`; `name`: the path of its body; `outcome` |
//! | `child` | `id`; `name`, if it has one; `spawned_at`: file and line; `outcome` |
//!
//! | event | level | fields |
//! |---|---|---|
//! | `cancelled`, of a scope | [`event_level`](Spans::event_level) | `reason` |
//! | `panicked` | `ERROR` | `panic` |
//! | `retries` | `event_level` | `attempts`, `delay` |
//! | `breaker changed` | `event_level` | `state` |
//! | `limit changed` | `event_level` | `before`, `now` |
//! | `ended` | `event_level` | `outcome`: `returned`, `failed`, `panicked`, `cancelled` |
//!
//! An event whose scope or child has no span, as nobody is interested in these, says its `id` itself.
//!
//! # Examples
//!
//! ```
//! use anyscope::{observe::tree::Tree, scope, smol::Smol, tracing::Spans};
//! use tracing::info;
//!
//! tracing_subscriber::fmt().init();
//! let tree = Tree::builder().observer(Spans::new()).build();
//! smol::block_on(tree.watch(scope(&Smol, async |s| {
//!     s.spawn_named("fetch", async {
//!         info!("got it"); // INFO scope{id=1 name=..}:child{id=1#0 name=fetch spawned_at=src/main.rs:8}: got it
//!     });
//! })));
//! ```
//!
//! `examples/otel` sends them to a collector of OpenTelemetry's.

mod entered;
mod site;
mod spans;

pub use spans::Spans;
