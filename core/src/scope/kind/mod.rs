//! The kinds of scopes: where children are polled, and what they must be.
//!
//! For code that is generic over the kind of scope, as the example at [`ScopeHandle`] is. Everybody
//! else writes the aliases: [`Scope`](crate::Scope), [`Concurrent`](crate::Concurrent) and so on.
//!
//! [`ScopeHandle`]: crate::ScopeHandle

// The hidden methods take what is private, so nobody else can call or implement them.
#![allow(private_bounds, private_interfaces)]

#[cfg(feature = "std")]
mod blocked;
mod in_task;
mod limited;
pub(super) mod on_executor;
mod traits;

#[cfg(feature = "std")]
pub use blocked::Blocked;
pub use in_task::InTask;
pub use limited::Limited;
pub use on_executor::OnExecutor;
pub use traits::{ChildOf, FinalizerOf, Kind, Unlimited};

pub use super::{
    cleanup::{Budget, Release},
    deadline::Watch,
    start::Starting,
};
