//! A deterministic executor for tests of anything that is written for
//! [anyscope](https://crates.io/crates/anyscope)'s traits.
//!
//! A test takes its executor, its timer and its clock as values; so it can be given simulated
//! ones. [`explore`] runs it in many orders and reports the first that fails, with one line that
//! repeats it; [`exhaust`] runs a small one in all orders. A hang is a [verdict](Failure), and an
//! hour passes in no time.
//!
//! | to | use |
//! |---|---|
//! | run a test once, in virtual time | [`Sim::run`] |
//! | run it in many orders | [`explore`], [`Explorer`] |
//! | run it in every order | [`exhaust`] |
//! | leave something open | [`SimHandle::choose`] |
//! | see whether sleeps are left | [`SimHandle::timers`] |
//! | drop a future at every point where it waits | [`SimHandle::cancel_somewhere`] |
//! | be slow | [`SimHandle::dawdle`] |
//! | wait until all others wait | [`SimHandle::idle`] |
//! | write and read streams as pictures | [`SimHandle::marble`], [`SimHandle::draw`] |
//! | make things go wrong | [`Faults`] |
//! | name what is waited for in reports | [`SimHandle::label`] |

#![cfg_attr(docsrs, feature(doc_cfg))]
#![forbid(unsafe_code)]

mod choice;
mod explore;
mod failure;
mod handle;
mod marble;
mod progress;
mod quiet;
mod repeat;
mod sim;
mod state;
mod trace;
mod wait;

pub use explore::{Exhausted, Explorer, exhaust, explore};
pub use failure::{Failure, Parked};
pub use handle::{SimHandle, Sleep};
pub use marble::Marble;
pub use sim::{Builder, Sim};
pub use state::Faults;
pub use trace::{Fault, Step, TaskId};
