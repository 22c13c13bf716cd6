//! Limits that adjust themselves to what a service can take.
//!
//! Nobody knows the right limit for a service: it depends on the service, the network and the hour.
//! An [`AdaptiveLimit`] finds it, from how long calls take and which are dropped. It is passed where
//! a [`LiveLimit`](super::LiveLimit) is: [`map_concurrent(&adaptive, f)`](crate::flow::Flow::map_concurrent),
//! and whatever else takes a limit that changes.
//!
//! # Which algorithm?
//!
//! | algorithm | lowers the limit when | suits |
//! |---|---|---|
//! | [`Aimd`] | calls are dropped | services that reject what is too much; calls with a time limit |
//! | [`Vegas`] | calls wait at the service, as their time shows | calls that take about the same time each |
//! | [`Gradient2`] | calls take longer than usual | calls that differ a lot, and load that is sometimes low |
//!
//! [`Windowed`] goes around any of them, unless calls are few. [`Algorithm`] is open: write your own.
//! The page [adaptive limits] shows each beside fixed limits.
//!
//! The algorithms are those of Netflix's `concurrency-limits`, in integers, without allocations; they
//! exist without the feature `alloc`, for a loop of one's own.
//!
//! [adaptive limits]: https://github.com/anyscope/anyscope/blob/main/docs/book/limits-that-adapt.md

mod aimd;
mod algorithm;
mod amount;
#[cfg(feature = "alloc")]
mod call;
mod config;
#[cfg(feature = "alloc")]
mod controller;
mod fixed;
mod gradient2;
#[cfg(feature = "alloc")]
mod measured;
#[cfg(all(test, anyscope_loom))]
mod models;
#[cfg(feature = "alloc")]
mod outcome;
#[cfg(feature = "alloc")]
mod partition;
mod ratio;
#[cfg(all(test, feature = "std", not(anyscope_loom)))]
mod tests;
mod vegas;
mod windowed;

pub use aimd::{Aimd, AimdBuilder};
pub use algorithm::{Algorithm, Sample};
pub use amount::Amount;
#[cfg(feature = "alloc")]
pub use call::Call;
pub use config::InvalidConfig;
#[cfg(feature = "alloc")]
pub use controller::AdaptiveLimit;
pub use gradient2::{Gradient2, Gradient2Builder};
#[cfg(feature = "alloc")]
pub use measured::Measured;
#[cfg(feature = "alloc")]
pub use outcome::Outcome;
#[cfg(feature = "alloc")]
pub use partition::Partition;
pub use ratio::{InvalidRatio, Ratio};
pub use vegas::{Vegas, VegasBuilder};
pub use windowed::{Windowed, WindowedBuilder};
