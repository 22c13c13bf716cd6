//! The receiving half of a queue.

use super::{
    QueueStatus,
    state::{Shared, State},
};
use crate::{
    channel::TryRecvError,
    sync::Arc,
    unwind,
    waits::{self, What},
};
use core::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};
use futures_core::Stream;

/// The receiving half of a [`queue`](super::queue()).
///
/// It is a [`Stream`], and a [`Source`](crate::flow::Source) of a flow:
/// [`flow::source(receiver)`](crate::flow::source()).
///
/// Dropping it closes the queue and drops what is in it. To lose nothing, [`close`](Self::close) it and
/// receive until the end.
///
/// # Examples
///
/// ```
/// use anyscope::{channel::{Overflow, queue}, flow};
///
/// # smol::block_on(async {
/// let (sender, receiver) = queue(8, Overflow::DropNewest);
/// for word in ["to", "be"] {
///     assert_eq!(sender.send(word).unwrap(), None);
/// }
/// drop(sender);
/// assert_eq!(flow::source(receiver).collect::<Vec<_>>().await, ["to", "be"]);
/// # });
/// ```
pub struct QueueReceiver<T> {
    shared: Arc<Shared<T>>,
}

impl<T> QueueReceiver<T> {
    pub(super) fn new(shared: Arc<Shared<T>>) -> Self {
        QueueReceiver { shared }
    }

    /// Receives the next item, in the order in which they were sent. `None` is the end.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost if this is dropped: an item that was given to it is what the next call receives.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::channel::{Overflow, queue};
    ///
    /// # smol::block_on(async {
    /// let (sender, mut receiver) = queue(2, Overflow::DropOldest);
    /// sender.send(1).unwrap();
    /// drop(sender);
    /// assert_eq!(receiver.recv().await, Some(1));
    /// assert_eq!(receiver.recv().await, None);
    /// # });
    /// ```
    pub fn recv(&mut self) -> QueueReceiving<'_, T> {
        QueueReceiving { receiver: self, waits: false }
    }

    /// Receives an item if there is one. Does not wait, so it can be called by code that is not async.
    ///
    /// # Errors
    ///
    /// Fails if there is no item right now, or if there will be no more.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::channel::{Overflow, TryRecvError, queue};
    ///
    /// let (sender, mut receiver) = queue(2, Overflow::DropOldest);
    /// assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty));
    /// sender.send(1).unwrap();
    /// assert_eq!(receiver.try_recv(), Ok(1));
    /// ```
    pub fn try_recv(&mut self) -> Result<T, TryRecvError> {
        match self.shared.state.with(State::take) {
            Poll::Ready(Some(item)) => Ok(item),
            Poll::Ready(None) => Err(TryRecvError::Closed),
            Poll::Pending => Err(TryRecvError::Empty),
        }
    }

    /// Closes the queue: what is in it can still be received, later sends fail.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::channel::{Overflow, queue};
    ///
    /// let (sender, mut receiver) = queue(2, Overflow::DropOldest);
    /// sender.send(1).unwrap();
    /// receiver.close();
    /// assert_eq!(sender.send(2).unwrap_err().into_inner(), 2);
    /// assert_eq!(receiver.try_recv(), Ok(1));
    /// ```
    pub fn close(&mut self) {
        self.shared.close();
    }

    /// Returns how the queue stands; see [`QueueSender::status`](super::QueueSender::status).
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::channel::{Overflow, queue};
    ///
    /// let (sender, receiver) = queue(2, Overflow::DropOldest);
    /// (1..=5).for_each(|n| drop(sender.send(n)));
    /// let status = receiver.status();
    /// assert_eq!((status.len, status.dropped, status.closed), (2, 3, false));
    /// ```
    pub fn status(&self) -> QueueStatus {
        self.shared.status()
    }

    fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Option<T>> {
        self.shared.ends.receiver_used();
        let state = &self.shared.state;
        let (mut polled, there) = state.with(|state| match state.take() {
            Poll::Pending => (Poll::Pending, state.waits_with(cx.waker())),
            polled => (polled, true),
        });
        if !there {
            let new = cx.waker().clone();
            let old;
            (polled, old) = state.with(|state| match state.take() {
                Poll::Pending => (Poll::Pending, state.waits(new)),
                polled => (polled, Some(new)),
            });
            // The panic of its drop would take the item with it.
            unwind::discard(old);
        }
        if polled.is_pending() {
            waits::waits_for_all(|| self.shared.ends.senders(What::QueueItem));
        }
        polled
    }
}

/// A poll that is pending leaves a request, so one item may be given to it before it is polled again.
impl<T> Stream for QueueReceiver<T> {
    type Item = T;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        self.poll_recv(cx)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let status = self.status();
        (status.len, status.closed.then_some(status.len))
    }
}

impl<T> Drop for QueueReceiver<T> {
    fn drop(&mut self) {
        drop(self.shared.state.with(State::end));
    }
}

/// A wait for an item; see [`QueueReceiver::recv`].
#[must_use = "futures do nothing unless you `.await` or poll them"]
pub struct QueueReceiving<'a, T> {
    receiver: &'a mut QueueReceiver<T>,
    waits: bool,
}

impl<T> Future for QueueReceiving<'_, T> {
    type Output = Option<T>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        let polled = self.receiver.poll_recv(cx);
        self.waits = polled.is_pending();
        polled
    }
}

impl<T> Drop for QueueReceiving<'_, T> {
    fn drop(&mut self) {
        if self.waits {
            drop(self.receiver.shared.state.with(State::stops_waiting));
        }
    }
}

impl<T> fmt::Debug for QueueReceiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("QueueReceiver").field("status", &self.status()).finish_non_exhaustive()
    }
}

impl<T> fmt::Debug for QueueReceiving<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("QueueReceiving").field("waits", &self.waits).finish_non_exhaustive()
    }
}
