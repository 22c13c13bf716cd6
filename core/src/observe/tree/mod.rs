//! The live tree: all scopes and children of a program, and what each waits for.
//!
//! A [`Tree`] is put around a future, as a context is. All scopes that begin in it, on whatever executor, are in the
//! tree until they end, with their children. [`Tree::snapshot`] looks at all of them from outside, while they run:
//!
//! ```
//! use anyscope::{concurrent, observe::tree::{State, Tree}};
//! use std::future::pending;
//!
//! # smol::block_on(async {
//! let tree = Tree::new();
//! let work = async {
//!     concurrent(async |s| {
//!         let feed = s.spawn_named("feed", pending::<()>());
//!         s.spawn_named("reader", async move { feed.await });
//!         // Here it is looked at from inside; it may as well be from another thread.
//!         smol::future::yield_now().await;
//!         let snapshot = tree.snapshot();
//!         let reader = snapshot.children().find(|child| child.name() == Some("reader")).unwrap();
//!         assert_eq!(reader.state, State::Waiting);
//!         assert!(reader.waits[0].text.starts_with("child `feed`, spawned at"));
//!         s.cancel("seen");
//!     })
//!     .await
//! };
//! tree.watch(work).await;
//! assert!(tree.snapshot().scopes.is_empty());
//! # });
//! ```
//!
//! The crate `anyscope-serve` shows it in a browser while the program runs, and `anyscope-top` in a terminal.
//!
//! | file | what |
//! |---|---|
//! | `tree` | the handle, which scopes are in it |
//! | `node` | a scope in the tree; it is looked at only while it lives |
//! | `snapshot` | what is seen |
//! | `take` | how it is seen |
//! | `unmoved` | who waits for long |
//! | `text` | how it is shown to people |
//! | `verdict` | who waits for whom, in a circle |

mod node;
mod snapshot;
mod take;
mod text;
// The type `Tree` is what one looks for under this name.
#[allow(clippy::module_inception)]
mod tree;
mod unmoved;
mod verdict;

pub(crate) use node::{Inspect, Node, ScopeSeen};
pub use snapshot::{ChildView, Holder, ScopeView, Snapshot, State, Wait};
pub use tree::{Builder, Tree};
pub use unmoved::{Unmoved, UnmovedChild};
pub use verdict::{Stuck, Verdict};
