//! One child: its future, its output, its state and both wakers in one allocation.
//!
//! The scope owns its children. An executor holds a [`Child`], which is no more than the right to
//! poll one; the user holds a [`JoinHandle`]. Ending a child therefore needs nobody's help.
//!
//! | file | what |
//! |---|---|
//! | [`state`] | the state word: documented bits, and every transition |
//! | [`raw`] | the part of a child that knows nothing of the future's type, and who keeps it alive |
//! | [`parent`] | what a child asks of its scope |
//! | [`cell`] | the rest: polling, ending, the output |
//! | [`lent`] | what an executor gets |
//! | [`handle`] | what the user gets |
//! | [`kept`] | what an executor wants kept with a child |
//! | [`origin`] | where a child comes from and what it is called |
//! | [`outcome`] | why a child has no value |
//! | [`shields`] | what keeps a child from being dropped for a while |
//! | [`deferred`] | what a scope keeps for its end |
//! | [`current`] | which child this thread is running |
//! | [`depth`] | ends scopes in children of scopes, however deep |

pub(crate) mod cell;
pub(crate) mod current;
pub(crate) mod deferred;
pub(crate) mod depth;
mod handle;
mod kept;
mod lent;
#[cfg(all(test, anyscope_loom))]
mod models;
pub(crate) mod origin;
mod outcome;
pub(crate) mod parent;
pub(crate) mod raw;
pub(crate) mod shields;
pub(crate) mod state;

pub use handle::{Cancel, ChildId, JoinHandle, LocalJoinHandle, Value};
pub use kept::Kept;
pub(crate) use lent::InlineChild;
pub use lent::{Child, LocalChild};
pub use outcome::{CancelCause, Cancelled, JoinError, Panic};
pub use parent::{Anywhere, SameThread};
