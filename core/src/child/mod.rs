//! One child: its future, its output, its state and both wakers in one allocation.
//!
//! The scope owns its children. An executor holds a [`Child`], which is only the right to poll one;
//! the user holds a [`JoinHandle`]. So the scope can end a child without the help of either.
//!
//! | file | contents |
//! |---|---|
//! | [`state`] | the state word: documented bits, and every transition |
//! | `cancel_self` | a child that ends itself |
//! | [`origin`] | which child: where it comes from, what it is called, its number |
//! | [`panic`], [`error`] | why a child has no value |
//! | [`keep_alive`] | a value of an executor that is kept with a child |
//! | [`shield_slot`] | where a child has its shields |
//! | [`raw`] | the part of a child that does not depend on the future's type, and what keeps it alive |
//! | `running` | a child while it is being polled, for the code that it runs |
//! | `seen` | what is to be seen of a child from outside |
//! | [`child`] | what an executor receives |
//! | [`parent`] | what a child asks of its scope |
//! | [`handle`] | what the user receives |
//! | [`cell`] | the rest: polling, ending, the output |
//! | `watched` | a cell, and what is kept of its polls for a tree |
//! | [`spawn`], [`unscoped`] | making children, of a scope or of none |
//! | [`deferred`] | work that a scope keeps for its end |
//! | [`depth`] | ends scopes nested in children of scopes, however deep |
//!
//! Each file uses only those above it.

#[cfg(all(feature = "std", not(anyscope_loom)))]
mod cancel_self;
mod cell;
// The type `Child` is what one looks for under this name.
#[allow(clippy::module_inception)]
mod child;
pub(crate) mod deferred;
pub(crate) mod depth;
mod error;
mod handle;
mod keep_alive;
#[cfg(all(test, anyscope_loom))]
mod models;
pub(crate) mod origin;
mod panic;
pub(crate) mod parent;
pub(crate) mod raw;
mod running;
#[cfg(all(feature = "std", not(anyscope_loom)))]
pub(crate) mod seen;
mod shield_slot;
pub(crate) mod spawn;
mod state;
pub(crate) mod unscoped;
#[cfg(all(feature = "std", not(anyscope_loom)))]
mod watched;

#[cfg(all(feature = "std", not(anyscope_loom)))]
pub use cancel_self::{NotInChild, cancel_self};
pub(crate) use child::InlineChild;
pub use child::{Child, LocalChild};
pub use error::JoinError;
pub use handle::{Cancel, JoinHandle, LocalJoinHandle, Value};
pub(crate) use keep_alive::Awaited;
pub use keep_alive::KeepAlive;
pub use origin::ChildId;
pub use panic::Panic;
pub use parent::{Anywhere, SameThread};
