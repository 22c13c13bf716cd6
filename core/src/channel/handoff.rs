//! Making a handoff.

use super::{
    Receiver, Sender,
    raw::{Consumer, Line},
};
use crate::sync::Arc;

/// Creates a rendezvous: a channel without room, for many producers and one consumer.
///
/// A send is done when the consumer has taken the item: a producer is never ahead of its consumer,
/// and nothing is left in between when either goes away. Senders are served in the order in which
/// they came. Every failure hands the item back.
///
/// It needs no runtime, and either half may be dropped, cancelled or used on any thread at any time.
///
/// # Examples
///
/// ```
/// use anyscope::{channel::handoff, concurrent, flow};
///
/// # smol::block_on(async {
/// let (sender, receiver) = handoff();
/// let sum = concurrent(async |s| {
///     for producer in 0..3 {
///         let sender = sender.clone();
///         s.spawn(async move {
///             for n in 0..10 {
///                 sender.send(producer * 10 + n).await.unwrap();
///             }
///         });
///     }
///     drop(sender);
///     flow::source(receiver).fold(0, async |sum, n| sum + n).await
/// })
/// .await;
/// assert_eq!(sum, (0..30).sum::<i32>());
/// # });
/// ```
#[doc(alias = "mpsc")]
pub fn handoff<T>() -> (Sender<T>, Receiver<T>) {
    let line = Arc::new(Line::new());
    (Sender::new(line.clone()), Receiver::new(Consumer::new(line)))
}
