//! Channels between tasks: a rendezvous, and how queues of other crates fit in.
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
//! Those of [async-channel] and [async-broadcast] do: a receiver that is a stream is a flow
//! ([`flow::stream`](crate::flow::stream())), and a flow is sent into one by
//! [`for_each`](crate::flow::Flow::for_each). What happens when there is no room is the choice of whoever sends:
//!
//! | when it is full | with `async-channel` |
//! |---|---|
//! | wait | `sender.send(item).await` |
//! | drop the oldest | `sender.force_send(item)`, which returns it |
//! | drop the newest | `sender.try_send(item)`, which returns it in its error |
//! | keep only the latest | `bounded(1)`, and `force_send` |
//!
//! ```
//! use anyscope::flow;
//!
//! # smol::block_on(async {
//! // A slow reader of prices sees the latest three.
//! let (prices, receiver) = smol::channel::bounded(3);
//! for price in 1..=10 {
//!     let _dropped = prices.force_send(price).unwrap();
//! }
//! drop(prices);
//! assert_eq!(flow::stream(receiver).collect::<Vec<_>>().await, [8, 9, 10]);
//! # });
//! ```
//!
//! [async-channel]: https://docs.rs/async-channel
//! [async-broadcast]: https://docs.rs/async-broadcast

mod error;
mod handoff;
#[cfg(all(test, anyscope_loom))]
mod models;
mod raw;
pub(crate) mod receiver;
mod sender;
pub(crate) mod sending;

pub use error::{SendError, TryRecvError, TrySendError};
pub use handoff::handoff;
pub use receiver::Receiver;
pub use sender::Sender;
pub use sending::Permit;
