//! A deterministic executor, to test any code that is written for the traits of
//! [anyscope](https://crates.io/crates/anyscope).
//!
//! Such code takes its executor, its timer and its clock as values, so a test can pass simulated
//! ones. [`explore`] runs a test in many orders and reports the first that fails, with its steps and
//! one line that repeats it. [`exhaust`] runs a small test in all orders. A hang is reported as a
//! [`Failure`], and an hour of virtual time passes at once.
//!
//! | to | use |
//! |---|---|
//! | run a test once, in virtual time | [`Sim::run`] |
//! | run it in many orders | [`explore`], [`Explorer`] |
//! | run it in every order | [`exhaust`] |
//! | let one task run for long | [`Explorer::pct`] |
//! | let the order decide something else | [`SimHandle::choose`] |
//! | check that no sleeps are left | [`SimHandle::timers`] |
//! | drop a future at every point where it waits | [`SimHandle::cancel_somewhere`] |
//! | simulate a slow task or network | [`SimHandle::dawdle`] |
//! | wait until all other tasks wait | [`SimHandle::idle`] |
//! | write and read streams as diagrams | [`SimHandle::marble`], [`SimHandle::draw`] |
//! | test a protocol without a network | `SimHandle::stream_pair`, with the features `smol`, `futures` or `tokio` of anyscope |
//! | inject faults | [`Faults`] |
//! | name in reports what a task waits for | [`SimHandle::label`] |
//! | see a run as a picture, or in Perfetto | [`SimHandle::recording`] |

#![cfg_attr(docsrs, feature(doc_cfg))]
#![forbid(unsafe_code)]

mod choice;
mod decision;
mod explore;
mod failure;
mod handle;
mod marble;
mod recording;
mod sim;
mod state;
#[cfg(any(feature = "futures-io", feature = "tokio"))]
mod stream;
mod trace;
mod wait;

pub use explore::{Exhausted, Explorer, exhaust, explore};
pub use failure::{Failure, Parked};
pub use handle::{SimHandle, Sleep};
pub use marble::Marble;
pub use sim::{Builder, Sim};
pub use state::Faults;
#[cfg(any(feature = "futures-io", feature = "tokio"))]
#[cfg_attr(docsrs, doc(cfg(any(feature = "futures-io", feature = "tokio"))))]
pub use stream::{Cable, Link, SimStream};
pub use trace::TaskId;
