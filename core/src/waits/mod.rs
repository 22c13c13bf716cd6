//! What futures wait for: whoever has to wait says so, at each poll.
//!
//! | file | what |
//! |---|---|
//! | [`wait`] | what a future may wait for, and how it says so |
//! | [`held`] | who holds what others wait for |
//! | [`ends`] | who is at which end of a channel |
//! | `labels` | what users call waits |
//! | `details` | what is said of waits when somebody looks |
//! | [`listen`] | a listener of a thread: executors that explain why a task is stuck |
//! | [`watch`] | what is kept of a child or a body that is watched: its polls, and what it waits for |
//! | [`who`] | who waits for what, in words |
//! | [`watcher`] | who is watched on this thread now |
//!
//! Without `std` nobody can ask, and nothing is told.

#[cfg(all(feature = "std", not(anyscope_loom)))]
pub(crate) mod details;
#[cfg_attr(not(all(feature = "std", not(anyscope_loom))), path = "no_ends.rs")]
pub(crate) mod ends;
#[cfg_attr(not(all(feature = "std", not(anyscope_loom))), path = "no_held.rs")]
pub(crate) mod held;
#[cfg(all(feature = "std", not(anyscope_loom)))]
pub(crate) mod labels;
#[cfg(feature = "std")]
mod listen;
mod wait;
#[cfg(any(feature = "std", anyscope_loom))]
#[cfg_attr(anyscope_loom, allow(dead_code))]
mod watch;
#[cfg(all(feature = "std", not(anyscope_loom)))]
pub(crate) mod watcher;
mod who;

#[cfg(all(test, anyscope_loom))]
mod models;

#[cfg(feature = "std")]
pub use listen::{Listening, WaitListener, listen_to_waits};
#[cfg(feature = "std")]
pub(crate) use wait::waits_for_label;
pub(crate) use wait::{
    Wait, What, is_told, waits_for, waits_for_all, waits_for_what, waits_for_with, yields,
};
#[cfg(all(feature = "std", not(anyscope_loom)))]
pub(crate) use wait::{unheard, waits_for_detailed};
#[cfg(any(feature = "std", anyscope_loom))]
#[cfg_attr(anyscope_loom, allow(unused_imports))]
pub(crate) use watch::Watch;
#[cfg(all(feature = "std", not(anyscope_loom)))]
pub(crate) use watch::{Facts, from_words, to_words};
pub use who::{Called, WhoWaits};
