//! The engine of [`anyscope_remote`] over NATS JetStream: one limit, one outcome and leases, over as many machines as reach the servers.
//!
//! See [`Nats`].

// | file | what |
// |---|---|
// | `handle` | what users have |
// | `builder` | what they set; how a connection is made |
// | `connection` | requests to the server, and the runtime that the client needs |
// | `jetstream` | what is asked of streams |
// | `error` | what the server's errors mean |
// | `names` | subjects and streams of a queue |
// | `stream` | a stream: made, found, or refused |
// | `time` | the time of the server |
// | `line` | a queue: its streams, its consumer, what is held of it, what is done with it |
// | `callers` | who is there |
// | `engine` | the adapter |

#![forbid(unsafe_code)]

mod builder;
mod callers;
mod connection;
mod engine;
mod error;
mod handle;
mod jetstream;
mod line;
mod names;
mod stream;
mod time;

pub use builder::Builder;
pub use handle::{Durability, Nats};
