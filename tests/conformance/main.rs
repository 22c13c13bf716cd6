//! The conformance suite: what anyscope promises, shown on every executor.
//!
//! Each behaviour has an id from the list of behaviours (`S1`, `F12`, ..), which its test bears in
//! its name. One macro runs it on every executor and in every kind of scope it applies to; see
//! [`support::executors`] for how to add an executor. Tests never look at the wall clock: they
//! wait for events, count polls, wakes, drops and allocations, and sleep in virtual time only.

// Scopes may well return handles, which are futures.
#![allow(clippy::async_yields_async)]

mod adapters;
mod block_scope;
mod cancellation;
mod cleanup;
mod counts;
mod daemons;
mod failure;
mod flow;
mod flow_forms;
mod forget;
mod grace;
mod handles;
mod hostile;
mod limited;
mod local;
mod map_edges;
mod merge;
mod ordered_map;
mod owned;
mod panics;
mod reasons;
mod scope_lifetime;
mod shielding;
mod snooze;
mod spawning;
mod start;
mod storms;
mod support;
mod time_operators;
mod timeouts;
mod tokens;
mod unordered_map;
