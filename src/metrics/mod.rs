//! Metrics of children, through the crate `metrics`, on any executor.
//!
//! [`Metrics`] is an [`Observer`](crate::observe::Observer). Of the children in a tree that it observes, it tells the
//! recorder that the program has installed:
//!
//! | metric | kind | what |
//! |---|---|---|
//! | `anyscope_children_queued` | gauge | spawned, and not polled yet |
//! | `anyscope_children_in_flight` | gauge | polled, and not ended |
//! | `anyscope_child_first_poll_seconds` | histogram | from the spawn to the first poll |
//! | `anyscope_child_duration_seconds` | histogram | from the spawn to the end |
//! | `anyscope_children_ended_total` | counter | by `outcome`: `returned`, `failed`, `panicked`, `cancelled` |
//!
//! Each has the label `name`, the name of the child: `unnamed` without one, and `other` once there are as many names as
//! [`Metrics::names`] allows. Give children of a kind one name: `fetch`, not `fetch 17`.
//!
//! # Examples
//!
//! ```
//! use anyscope::{metrics::Metrics, observe::tree::Tree, scope, smol::Smol};
//! use metrics_util::debugging::DebuggingRecorder;
//!
//! let recorder = DebuggingRecorder::new(); // an exporter for Prometheus or the like
//! let seen = recorder.snapshotter();
//! recorder.install().unwrap();
//!
//! let tree = Tree::builder().observer(Metrics::new()).build();
//! smol::block_on(tree.watch(scope(&Smol, async |s| {
//!     for _ in 0..3 {
//!         s.spawn_named("fetch", async {});
//!     }
//! })));
//! let ended = seen.snapshot().into_hashmap().into_iter().find(|(key, ..)| {
//!     let labels: Vec<_> = key.key().labels().map(|label| label.value()).collect();
//!     key.key().name() == "anyscope_children_ended_total" && labels == ["fetch", "returned"]
//! });
//! assert_eq!(format!("{:?}", ended.unwrap().1.2), "Counter(3)");
//! ```

mod named;
mod observer;

pub use observer::Metrics;
