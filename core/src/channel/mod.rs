//! Channels between tasks: a rendezvous, a queue that drops, and how queues of other crates fit in.
//!
//! [`handoff`](handoff()) is a channel without room: a send is done when the consumer has taken the item. It has many
//! producers and one consumer, who may be on any thread and any executor.
//!
//! ```
//! use anyscope::{channel::handoff, flow, join};
//!
//! # smol::block_on(async {
//! let (sender, receiver) = handoff();
//! let produce = async move {
//!     for word in ["to", "be"] {
//!         sender.send(word).await.unwrap();
//!     }
//! };
//! let consume = flow::source(receiver).collect::<Vec<_>>();
//! assert_eq!(join((produce, consume)).await.1, ["to", "be"]);
//! # });
//! ```
//!
//! # Queues with room
//!
//! Those of [async-channel] and [async-broadcast] do where a producer is to wait: a receiver that is a stream is a flow
//! ([`flow::stream`](crate::flow::stream())), and a flow is sent into one by
//! [`for_each`](crate::flow::Flow::for_each). Where it is not to wait, [`queue`](queue()) drops by a rule:
//!
//! | when it is full | |
//! |---|---|
//! | wait | `async_channel::bounded(n)`, and `sender.send(item).await` |
//! | the same, and each consumer receives each item | `async_broadcast::broadcast(n)`, and `sender.broadcast_direct(item).await` |
//! | drop the oldest | [`queue(n, Overflow::DropOldest)`](queue()) |
//! | drop the newest | [`queue(n, Overflow::DropNewest)`](queue()) |
//! | keep only the latest | [`queue(1, Overflow::DropOldest)`](queue()) |
//! | merge the latest with the next | [`send_or_merge`](QueueSender::send_or_merge) |
//!
//! ```
//! use anyscope::{flow, join};
//!
//! # smol::block_on(async {
//! let (sender, receiver) = smol::channel::bounded(3);
//! let produce = async move {
//!     flow::iter(0..10).for_each(async |n| sender.send(n).await.unwrap()).await;
//! };
//! let consume = flow::stream(receiver).fold(0, async |sum, n| sum + n);
//! assert_eq!(join((produce, consume)).await.1, 45);
//! # });
//! ```
//!
//! [async-channel]: https://docs.rs/async-channel
//! [async-broadcast]: https://docs.rs/async-broadcast

mod error;
mod handoff;
#[cfg(all(test, anyscope_loom))]
mod models;
pub(crate) mod permit;
pub(crate) mod queue;
mod raw;
pub(crate) mod receiver;
mod sender;
pub(crate) mod sending;

pub use error::{SendError, TryRecvError, TrySendError};
pub use handoff::handoff;
pub use permit::{OwnedPermit, Permit};
pub use queue::{Overflow, QueueReceiver, QueueSender, QueueStatus, queue};
pub use receiver::Receiver;
pub use sender::Sender;
