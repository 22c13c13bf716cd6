//! Operators that deal with one item at a time, start no work, and need no clock.
//!
//! They start nothing and hold nothing, but for [`prefetch`](crate::flow::Flow::prefetch),
//! [`flatten_iter`](crate::flow::Flow::flatten_iter) and [`windows`](crate::flow::Flow::windows), which say so. While their consumer is busy they
//! have their source go on; polled after the end, they ask it again.

mod adapter;
pub(super) mod chunks;
mod cooperate;
mod enumerate;
mod filter;
mod filter_ok;
mod flatten_iter;
mod inspect;
mod map;
mod prefetch;
mod progress;
mod recover_with;
mod take;
pub(super) mod until_error;
mod windows;

pub use adapter::{Adapt, Adapter};
pub use chunks::Chunks;
pub use cooperate::Cooperate;
pub use enumerate::Enumerate;
pub use filter::{Filter, FilterMap};
pub use filter_ok::FilterOk;
pub use flatten_iter::FlattenIter;
pub use inspect::{Inspect, InspectErr};
pub use map::{Map, MapErr, MapOk};
pub use prefetch::Prefetch;
pub use progress::ReportProgress;
pub use recover_with::RecoverWith;
pub use take::Take;
pub use until_error::UntilError;
pub use windows::Windows;
