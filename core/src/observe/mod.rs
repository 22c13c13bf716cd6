//! What a scope and its children report about themselves.

mod event;

#[cfg(feature = "std")]
pub use crate::waits::{Listening, WaitListener, listen_to_waits};
pub use event::{ChildInfo, Event};
