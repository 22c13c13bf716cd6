//! Timeouts and operations that know the time, on clocks that jump.

// Scopes may well return handles, which are futures.
#![allow(clippy::async_yields_async)]

mod interval;
mod time_operators;
mod timeouts;
