//! What a scope and its children tell about themselves.

mod event;
#[cfg(feature = "std")]
mod wait;

pub use event::{ChildInfo, Event};
#[cfg(feature = "std")]
pub use wait::{Listening, WaitListener, listen_to_waits};

/// Tells who listens on this thread that a future waits, and for what.
pub(crate) fn waits_for(what: core::fmt::Arguments<'_>) {
    #[cfg(feature = "std")]
    wait::tell(what);
    #[cfg(not(feature = "std"))]
    let _ = what;
}
