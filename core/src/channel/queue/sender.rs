//! The sending half of a queue.

use super::{
    QueueStatus,
    state::{Sent, Shared},
};
use crate::{
    channel::SendError,
    sync::{Arc, Ordering, Wakers},
    waits::ends::SenderKey,
};
use core::{fmt, task::Waker};

/// The sending half of a [`queue`](super::queue()). Clone it for more producers.
///
/// When the last clone is dropped, the queue is closed.
///
/// # Examples
///
/// ```
/// use anyscope::channel::{Overflow, queue};
///
/// let (progress, mut latest) = queue(1, Overflow::DropOldest);
/// let worker = std::thread::spawn(move || {
///     for percent in 0..=100 {
///         // Neither waits nor fails because the reader is slow.
///         let _dropped = progress.send(percent).unwrap();
///     }
/// });
/// worker.join().unwrap();
/// assert_eq!(latest.try_recv(), Ok(100));
/// ```
pub struct QueueSender<T> {
    shared: Arc<Shared<T>>,
    key: SenderKey,
}

impl<T> QueueSender<T> {
    /// Requires that `shared` counts this sender.
    pub(super) fn new(shared: Arc<Shared<T>>) -> Self {
        let key = shared.ends.add_sender();
        QueueSender { shared, key }
    }

    /// Sends an item, and returns what was dropped for it: `None` while there is room. With
    /// [`DropNewest`](super::Overflow::DropNewest) that is the item itself.
    ///
    /// Does not wait, so it can be called by code that is not async.
    ///
    /// # Errors
    ///
    /// Returns the item if the queue is closed.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::channel::{Overflow, queue};
    ///
    /// let (sender, mut receiver) = queue(2, Overflow::DropNewest);
    /// let dropped: Vec<_> = (0..5).filter_map(|n| sender.send(n).unwrap()).collect();
    /// assert_eq!(dropped, [2, 3, 4]);
    /// assert_eq!(receiver.try_recv(), Ok(0));
    ///
    /// drop(receiver);
    /// assert_eq!(sender.send(9).unwrap_err().into_inner(), 9);
    /// ```
    pub fn send(&self, item: T) -> Result<Option<T>, SendError<T>> {
        match self.shared.state.with(|state| state.put_by_rule(item)) {
            Sent::In(waker) => {
                self.gave(waker);
                Ok(None)
            }
            Sent::Instead(dropped) | Sent::Full(dropped) => Ok(Some(dropped)),
            Sent::Closed(item) => Err(SendError(item)),
        }
    }

    /// Sends an item. When the queue is full, nothing is dropped: the item that came last is taken out, and
    /// what `merge` makes of both is sent in its place.
    ///
    /// `merge` may be called more than once if other producers send, or the consumer receives, at
    /// the same time. It is called outside of the lock, so it may use the queue.
    ///
    /// # Errors
    ///
    /// Returns the item if the queue is closed, with what it was merged with.
    ///
    /// # Panics
    ///
    /// A panic of `merge` propagates. Then both items are gone.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::channel::{Overflow, queue};
    ///
    /// // How many have come, whenever somebody looks.
    /// let (sender, mut receiver) = queue(1, Overflow::DropOldest);
    /// for _ in 0..5 {
    ///     sender.send_or_merge(1, |sum, n| sum + n).unwrap();
    /// }
    /// assert_eq!(receiver.try_recv(), Ok(5));
    /// ```
    pub fn send_or_merge(
        &self,
        item: T,
        mut merge: impl FnMut(T, T) -> T,
    ) -> Result<(), SendError<T>> {
        let mut item = item;
        loop {
            let (sent, last) = self.shared.state.with(|state| {
                let sent = state.put(item);
                let full = matches!(sent, Sent::Full(_));
                (sent, full.then(|| state.take_last()).flatten())
            });
            match (sent, last) {
                (Sent::In(waker), _) => {
                    self.gave(waker);
                    return Ok(());
                }
                (Sent::Full(new), Some(last)) => item = merge(last, new),
                (Sent::Closed(item), _) => return Err(SendError(item)),
                _ => unreachable!("full without an item"),
            }
        }
    }

    /// Closes the queue for all senders. What is in it can still be received, then the end.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::channel::{Overflow, TryRecvError, queue};
    ///
    /// let (sender, mut receiver) = queue(2, Overflow::DropOldest);
    /// sender.send(1).unwrap();
    /// sender.close();
    /// assert!(sender.send(2).is_err());
    /// assert_eq!(receiver.try_recv(), Ok(1));
    /// assert_eq!(receiver.try_recv(), Err(TryRecvError::Closed));
    /// ```
    pub fn close(&self) {
        self.shared.close();
    }

    /// Returns whether the queue is closed.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::channel::{Overflow, queue};
    ///
    /// let (sender, receiver) = queue::<u32>(2, Overflow::DropOldest);
    /// drop(receiver);
    /// assert!(sender.is_closed());
    /// ```
    pub fn is_closed(&self) -> bool {
        self.status().closed
    }

    /// Returns how the queue stands.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::channel::{Overflow, queue};
    ///
    /// let (sender, _receiver) = queue(2, Overflow::DropOldest);
    /// for n in 0..5 {
    ///     let _dropped = sender.send(n).unwrap();
    /// }
    /// let status = sender.status();
    /// assert_eq!((status.len, status.sent, status.dropped), (2, 5, 3));
    /// ```
    pub fn status(&self) -> QueueStatus {
        self.shared.status()
    }

    /// An item is in the queue; `waker` is that of the receiver, if it waits.
    #[inline]
    fn gave(&self, waker: Option<Waker>) {
        // Not before the item is there: a receiver that is polled in between has not seen it.
        self.shared.ends.sender_gave(&self.key);
        if let Some(waker) = waker {
            let mut wakers = Wakers::new();
            wakers.add(Some(waker));
            wakers.fire_and_resume();
        }
    }
}

impl<T> Clone for QueueSender<T> {
    fn clone(&self) -> Self {
        self.shared.senders.fetch_add(1, Ordering::Relaxed);
        QueueSender::new(self.shared.clone())
    }
}

impl<T> Drop for QueueSender<T> {
    fn drop(&mut self) {
        self.shared.ends.remove_sender(&self.key);
        if self.shared.senders.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.close();
        }
    }
}

impl<T> fmt::Debug for QueueSender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("QueueSender").field("status", &self.status()).finish_non_exhaustive()
    }
}
