//! Cancelling: tokens, reasons, graces, shields and what is cleaned up.

// Scopes may well return handles, which are futures.
#![allow(clippy::async_yields_async)]

mod cancellation;
mod cleanup;
mod depth;
mod everywhere;
mod grace;
mod reasons;
mod shielding;
mod shutdown;
mod tokens;
