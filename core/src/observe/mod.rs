//! What a scope and its children report about themselves.

mod event;
#[cfg(feature = "std")]
mod label;
mod progress;
#[cfg(all(feature = "std", not(anyscope_loom)))]
pub mod recorder;
#[cfg(all(feature = "std", not(anyscope_loom)))]
pub mod tree;

#[cfg(all(feature = "std", not(anyscope_loom)))]
pub use crate::observers::{Begin, Happening, Observer, Outcome, Parked, PollEnd, Subject, Who};
pub use crate::waits::{Called, WhoWaits};
#[cfg(feature = "std")]
pub use crate::waits::{Listening, WaitListener, listen_to_waits};
pub use event::{ChildInfo, Event};
#[cfg(all(feature = "std", not(anyscope_loom)))]
pub use label::Detailed;
#[cfg(feature = "std")]
pub use label::{Labelled, labelled, waits_for};
pub use progress::Progress;
pub(crate) use progress::Teller;
