//! Who is told what happens in a tree, while it happens.
//!
//! | file | what |
//! |---|---|
//! | [`observer`] | what users implement |
//! | [`event`] | what it is told |
//! | [`list`] | those of a tree: each is called by itself, and switched off when it panics |
//! | [`observed`] | a scope or a child that they are told of |
//! | `tell` | what rooms above tell of the code that runs |
//!
//! Without thread-locals, or in a model, nobody is told anything.

#[cfg(all(feature = "std", not(anyscope_loom)))]
mod event;
#[cfg(all(feature = "std", not(anyscope_loom)))]
mod list;
#[cfg(all(feature = "std", not(anyscope_loom)))]
mod observed;
#[cfg(all(feature = "std", not(anyscope_loom)))]
mod observer;
mod tell;

#[cfg(all(feature = "std", not(anyscope_loom)))]
pub use event::{Begin, Happening, Outcome, Parked, PollEnd, Subject, Who};
#[cfg(all(feature = "std", not(anyscope_loom)))]
pub(crate) use list::Observers;
#[cfg(all(feature = "std", not(anyscope_loom)))]
pub(crate) use observed::{Observed, Substitute};
#[cfg(all(feature = "std", not(anyscope_loom)))]
pub use observer::Observer;
pub(crate) use tell::{changes_limit, retries, turns_breaker};
