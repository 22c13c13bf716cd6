//! Operators that deal with one item at a time.
//!
//! They start nothing and hold nothing, but for [`buffer`](super::Flow::buffer) and
//! [`flatten_iter`](super::Flow::flatten_iter), which say so. While their consumer is busy they
//! have their source go on; polled after the end, they ask it again.

mod buffer;
#[cfg(feature = "std")]
mod caught;
mod convert;
mod cooperate;
mod each;
mod enumerate;
mod filter;
mod filter_ok;
mod flatten_iter;
mod inspect;
mod take;

pub use buffer::Buffer;
#[cfg(feature = "std")]
pub use caught::{Caught, CaughtWork};
pub use convert::{Convert, MapErr, MapOk};
pub use cooperate::Cooperate;
pub use each::{Adapt, Adapter};
pub use enumerate::Enumerate;
pub use filter::{Filter, FilterMap};
pub use filter_ok::FilterOk;
pub use flatten_iter::FlattenIter;
pub use inspect::{Inspect, InspectErr};
pub use take::Take;
