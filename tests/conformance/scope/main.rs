//! Scopes and their handles: who waits for whom, and what a child may borrow.

// Scopes may well return handles, which are futures.
#![allow(clippy::async_yields_async)]

mod block_joiners;
mod block_scope;
mod counts;
mod daemons;
mod forget;
mod handles;
mod joiners;
mod latent;
mod limited;
mod limited_jam;
mod limited_live;
mod local;
mod owned;
mod restarts;
mod scope_lifetime;
mod spawning;
mod start;
mod waits;
