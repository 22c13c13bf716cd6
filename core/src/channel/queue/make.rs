//! Making a queue.

use super::{QueueReceiver, QueueSender, state::Shared};
use crate::{
    limit::{IntoLimit, Limit},
    sync::Arc,
};

/// What is dropped when a [`queue`](super::queue()) is full.
///
/// # Examples
///
/// ```
/// use anyscope::channel::{Overflow, queue};
///
/// for (overflow, kept) in [(Overflow::DropOldest, [2, 3]), (Overflow::DropNewest, [1, 2])] {
///     let (sender, mut receiver) = queue(2, overflow);
///     (1..=3).for_each(|n| drop(sender.send(n)));
///     assert_eq!([receiver.try_recv(), receiver.try_recv()], kept.map(Ok));
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Overflow {
    /// The item that has waited longest, to make room for the new one. With room for one: the consumer
    /// sees the latest.
    DropOldest,
    /// The one that is sent.
    DropNewest,
}

/// Creates a queue whose senders never wait, for many producers and one consumer: when `room` items
/// wait and one more is sent, `overflow` says which is dropped. Whoever sends is handed what was
/// dropped.
///
/// It is for events of which not all matter: prices, positions, progress, logs. Where each matters, a
/// producer has to wait: in a [`handoff`](crate::channel::handoff), or in a queue of `async-channel` (see the
/// [module](crate::channel)).
///
/// An item that is sent while the consumer waits is the consumer's: it takes no room, and is never
/// dropped for a later one. So a consumer that was quick sees the first of a burst, and the last
/// ones.
///
/// # Panics
///
/// When `room` is 0.
///
/// # Cost
///
/// No allocation an item, once the queue has been as long as it gets. Both ends take a lock for a few
/// steps, in which no code of others runs.
///
/// # Examples
///
/// ```
/// use anyscope::{channel::{Overflow, queue}, flow};
///
/// # smol::block_on(async {
/// // A slow reader of prices sees the latest three.
/// let (prices, receiver) = queue(3, Overflow::DropOldest);
/// for price in 1..=10 {
///     let _dropped = prices.send(price).unwrap();
/// }
/// drop(prices);
/// assert_eq!(flow::source(receiver).collect::<Vec<_>>().await, [8, 9, 10]);
/// # });
/// ```
#[track_caller]
pub fn queue<T>(
    room: impl IntoLimit<Limit = Limit>,
    overflow: Overflow,
) -> (QueueSender<T>, QueueReceiver<T>) {
    let shared = Arc::new(Shared::new(room.into_limit().get(), overflow));
    (QueueSender::new(shared.clone()), QueueReceiver::new(shared))
}
