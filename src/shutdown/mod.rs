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
//!
//! A server with so many connections at most, which finish the line that they are at. It accepts when there is
//! [room](crate::LimitedScope::room):
//!
//! ```no_run
//! use anyscope::{CancelToken, Grace, scope_limited, shutdown, smol::Smol, timeout};
//! use smol::{io::{AsyncBufReadExt, AsyncWriteExt, BufReader}, net::{TcpListener, TcpStream}};
//! use std::{io, time::Duration};
//!
//! async fn echo(stream: TcpStream, closing: CancelToken) -> io::Result<()> {
//!     let (mut lines, mut answers) = (BufReader::new(stream.clone()), stream);
//!     let mut line = String::new();
//!     // Between two lines it may be asked to end; a line that has come is answered.
//!     while closing.run_until_cancelled(lines.read_line(&mut line)).await.unwrap_or(Ok(0))? > 0 {
//!         let answer = answers.write_all(line.as_bytes());
//!         timeout(&Smol, Duration::from_secs(5), answer).await??;
//!         line.clear();
//!     }
//!     Ok(())
//! }
//!
//! # smol::block_on(async {
//! let shutdown = shutdown::signals()?;
//! let listener = TcpListener::bind("127.0.0.1:7000").await?;
//! scope_limited(&Smol, 100, async |s| {
//!     shutdown.phase("connections", &s, &Smol, Grace::For(Duration::from_secs(10)));
//!     let closing = s.token();
//!     loop {
//!         let Ok(Ok(room)) = closing.run_until_cancelled(s.room()).await else { break };
//!         let Ok(accepted) = closing.run_until_cancelled(listener.accept()).await else { break };
//!         let Ok((stream, peer)) = accepted else { continue };
//!         let served = echo(stream, s.token());
//!         room.spawn_named(format!("connection of {peer}"), async {
//!             served.await.unwrap_or_else(|error| eprintln!("{error}"))
//!         });
//!     }
//! })
//! .await;
//! # io::Result::Ok(()) }).unwrap();
//! ```

mod phases;
mod report;
mod signals;

pub use phases::{Shutdown, Watch, Watched};
pub use report::{Report, Running};
pub use signals::signals;
