//! The end of a program: signals, in phases, with a grace.
//!
//! A program is a scope of scopes. What it needs longest, say a database, is in the outer ones; what may
//! go first, say the loop that accepts requests, in the inner ones. [`signals`] returns a [`Shutdown`], which
//! each of these scopes is told of as a [`phase`](Shutdown::phase):
//!
//! - The **first** signal cancels the [token](Shutdown::token), and asks the phase that was added last to end,
//!   with its grace. When that scope has ended, its finalizers included, the phase before it is asked, and so on.
//! - At **half** of a grace, a [report](Report) says who is still running.
//! - The **second** signal ends all graces: what is left is dropped at once, except for what is behind a
//!   [`shield`](crate::shield()).
//! - The **third** ends the process, as if nobody had asked for signals.
//!
//! Within a phase, children see the scope's [token](crate::Scope::token) all at once; those that outstay the
//! grace are dropped in the reverse order of their spawn.
//!
//! # Examples
//!
//! ```no_run
//! use anyscope::{Grace, scope, shutdown, smol::Smol};
//! use std::time::Duration;
//!
//! # async fn store() {}
//! # async fn accept() -> u32 { 0 }
//! # async fn serve(_request: u32) {}
//! # smol::block_on(async {
//! let shutdown = shutdown::signals()?;
//! scope(&Smol, async |storage| {
//!     shutdown.phase("storage", &storage, &Smol, Grace::For(Duration::from_secs(5)));
//!     storage.spawn_named("store", store());
//!     scope(&Smol, async |requests| {
//!         shutdown.phase("requests", &requests, &Smol, Grace::For(Duration::from_secs(10)));
//!         while let Ok(request) = shutdown.token().run_until_cancelled(accept()).await {
//!             requests.spawn_named(format!("request {request}"), serve(request));
//!         }
//!     })
//!     .await;
//! })
//! .await;
//! # std::io::Result::Ok(()) }).unwrap();
//! ```

mod phases;
mod report;
mod signals;

pub use phases::{Shutdown, Watch, Watched};
pub use report::{Report, Running};
pub use signals::signals;
