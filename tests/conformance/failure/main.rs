//! Failures and panics: none is lost, whoever misbehaves.

// Scopes may well return handles, which are futures.
#![allow(clippy::async_yields_async)]

mod failure;
mod hostile;
mod hostile_wakers;
mod panics;
mod refused;
mod storms;
