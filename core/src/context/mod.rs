//! Context that follows the work: who asks, for which tenant, until when, in which trace.
//!
//! A [`Context`] is a map from types to values. With `std`, it is put around a future or a call, and
//! code inside finds it without a parameter:
//!
//! ```
//! # #[cfg(feature = "std")] {
//! use anyscope::{context::{self, Context}, scope, smol::Smol};
//!
//! struct Tenant(&'static str);
//!
//! async fn load() -> String {
//!     context::with_current(|context| format!("of {}", context.require::<Tenant>().unwrap().0))
//! }
//!
//! # smol::block_on(async {
//! let work = scope(&Smol, async |s| s.spawn(load()).await.unwrap());
//! assert_eq!(Context::new().with(Tenant("acme")).around(work).await, "of acme");
//! # });
//! # }
//! ```
//!
//! # Who sees what
//!
//! | code | sees |
//! |---|---|
//! | in a future that a context was put [around](Context::around) | that context |
//! | in a call of [`enter`](Context::enter) | that context |
//! | in the body of a scope | what is around the scope |
//! | in a child, on whatever executor | what was around its scope when that was polled first |
//! | in a child of an [`OwnedScope`](crate::OwnedScope) | what was around the call that made the scope |
//! | in a [finalizer](crate::Scope::defer) | the same as the children of its scope, also if the scope was dropped |
//! | in the work of [`map_on`](crate::flow::Flow::map_on) and the like | what was around their first poll |
//! | elsewhere | an empty one |
//!
//! So a scope has one context, for all its children, as in Kotlin. A child that is to see another one
//! gets it: `s.spawn(context.around(future))`. Nothing that is put around a child or a block is seen
//! outside of it, by a parent or a sibling.
//!
//! Destructors of futures that are dropped before their end see what is around whoever drops them.
//!
//! # What other libraries have in thread-locals
//!
//! A [`Hook`] in a context runs around each poll.

#[cfg(all(feature = "std", not(anyscope_loom)))]
pub(crate) mod current;

#[cfg(all(feature = "std", not(anyscope_loom)))]
pub use current::{current, with_current};

pub use crate::values::{Context, Hook, MissingValue};
