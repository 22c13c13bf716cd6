//! The servers: flaky, and limited in what they can do.

mod fault;
mod listen;
mod service;
mod site;

pub(crate) use fault::Faults;
pub(crate) use listen::{Server, start};
pub(crate) use service::{Capacity, Service};
pub(crate) use site::{Page, Site};
