//! Bounded flow and merges.

// Scopes may well return handles, which are futures.
#![allow(clippy::async_yields_async)]

mod expand;
mod first_error;
mod flow;
mod flow_forms;
mod limits;
mod map_edges;
mod merge;
mod ordered_map;
mod snooze;
mod unordered_map;
mod windows_and_recovery;
