//! The engine of [`anyscope_remote`] that needs no server: jobs in a file of SQLite, for many processes of one machine. It survives the end of any of them at any
//! moment, and, unless told otherwise, that of power.
//!
//! See [`Sqlite`].

// | file | what |
// |---|---|
// | `handle` | what users have: the engine, and how it is opened |
// | `thread` | has the connection; writes what is asked together |
// | `lookout`, `watch` | how it waits for others who write |
// | `waits` | those who wait for something in the file |
// | `jobs`, `callers` | what is asked of the tables |
// | `schema` | the tables |
// | `inbox`, `oneshot` | from the thread to whoever waits |
// | `error` | what errors of SQLite mean |

#![forbid(unsafe_code)]

mod callers;
mod error;
mod handle;
mod inbox;
mod jobs;
mod lookout;
mod oneshot;
mod schema;
mod thread;
mod waits;
mod watch;

pub use handle::{Builder, Durability, Sqlite};
