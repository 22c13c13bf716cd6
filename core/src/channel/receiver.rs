//! The receiving half of a handoff.

use super::{TryRecvError, raw::Consumer};
use crate::{
    sync::Wakers,
    waits::{self, What},
};
use core::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};
use futures_core::Stream;

/// The receiving half of a [`handoff`](super::handoff). There is one, so nothing has to be said about who
/// receives what.
///
/// It is a [`Stream`], and a [`Source`](crate::flow::Source) of a flow:
/// [`flow::source(receiver)`](crate::flow::source()).
///
/// Dropping it closes the channel: sends that wait fail, with their items. An item that was given
/// to a wait of the receiver and not received is dropped. To lose none, [`close`](Self::close)
/// and receive until the end.
///
/// # Examples
///
/// ```
/// use anyscope::{channel::handoff, flow, join};
///
/// # smol::block_on(async {
/// let (sender, receiver) = handoff();
/// let produce = async move {
///     for n in 0..3 {
///         sender.send(n).await.unwrap();
///     }
/// };
/// let squares = flow::source(receiver).map(|n: u32| n * n).collect::<Vec<_>>();
/// assert_eq!(join((produce, squares)).await.1, [0, 1, 4]);
/// # });
/// ```
pub struct Receiver<T> {
    consumer: Consumer<T>,
}

/// The item is not pinned.
impl<T> Unpin for Receiver<T> {}

impl<T> Receiver<T> {
    pub(super) fn new(consumer: Consumer<T>) -> Self {
        Receiver { consumer }
    }

    /// Receives the next item: from the sender that has waited longest, or from the next one that sends.
    /// `None` is the end.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost if this is dropped. The consumer then does not wait any more: a later
    /// [`try_send`](super::Sender::try_send) fails. An item that was given to it before is what the
    /// next call receives.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{channel::handoff, join};
    ///
    /// # smol::block_on(async {
    /// let (sender, mut receiver) = handoff();
    /// let produce = async move {
    ///     for n in 0..3 {
    ///         sender.send(n).await.unwrap();
    ///     }
    /// };
    /// let consume = async {
    ///     let mut items = vec![];
    ///     while let Some(n) = receiver.recv().await {
    ///         items.push(n);
    ///     }
    ///     items
    /// };
    /// assert_eq!(join((produce, consume)).await.1, [0, 1, 2]);
    /// # });
    /// ```
    pub fn recv(&mut self) -> Receiving<'_, T> {
        Receiving { receiver: self, asks: false }
    }

    /// Receives an item if a sender waits. Does not wait, so it can be called by code that is not
    /// async.
    ///
    /// # Errors
    ///
    /// Fails if no sender waits with an item right now, or if there will be no more. A
    /// [`reserve`](super::Sender::reserve) that waits at the front of the line is not served by this:
    /// it needs a consumer that waits.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::channel::{TryRecvError, handoff};
    ///
    /// let (sender, mut receiver) = handoff::<u32>();
    /// assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty));
    /// drop(sender);
    /// assert_eq!(receiver.try_recv(), Err(TryRecvError::Closed));
    /// ```
    pub fn try_recv(&mut self) -> Result<T, TryRecvError> {
        self.consumer.line().ends.receiver_used();
        match self.consumer.try_take() {
            Poll::Ready(Some(item)) => Ok(item),
            Poll::Ready(None) => Err(TryRecvError::Closed),
            Poll::Pending => Err(TryRecvError::Empty),
        }
    }

    /// Closes the channel, as [`Sender::close`](super::Sender::close) does: sends that wait can still be
    /// received, later ones fail.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{channel::handoff, join};
    ///
    /// # smol::block_on(async {
    /// let (sender, mut receiver) = handoff();
    /// let drain = async {
    ///     receiver.close();
    ///     (receiver.recv().await, receiver.recv().await)
    /// };
    /// let (sent, received) = join((sender.send(1), drain)).await;
    /// assert_eq!((sent, received), (Ok(()), (Some(1), None)));
    /// # });
    /// ```
    pub fn close(&mut self) {
        let mut wakers = Wakers::new();
        self.consumer.line().close(&mut wakers);
        wakers.fire_and_resume();
    }

    /// Returns whether the channel is closed. There may still be sends that wait.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::channel::handoff;
    ///
    /// let (sender, receiver) = handoff::<u32>();
    /// drop(sender);
    /// assert!(receiver.is_closed());
    /// ```
    pub fn is_closed(&self) -> bool {
        self.consumer.line().is_closed()
    }

    fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Option<T>> {
        self.consumer.line().ends.receiver_used();
        let polled = self.consumer.poll_take(cx);
        if polled.is_pending() {
            waits::waits_for_all(|| self.consumer.line().ends.senders(What::HandoffItem));
        }
        polled
    }
}

/// A poll that is pending asks for an item, until one is received: the request stays while the
/// stream is not polled, so one item may be given to it meanwhile.
impl<T> Stream for Receiver<T> {
    type Item = T;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        self.poll_recv(cx)
    }
}

/// A wait for an item; see [`Receiver::recv`].
#[must_use = "futures do nothing unless you `.await` or poll them"]
pub struct Receiving<'a, T> {
    receiver: &'a mut Receiver<T>,
    asks: bool,
}

impl<T> Future for Receiving<'_, T> {
    type Output = Option<T>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        let polled = self.receiver.poll_recv(cx);
        self.asks = polled.is_pending();
        polled
    }
}

impl<T> Drop for Receiving<'_, T> {
    fn drop(&mut self) {
        if self.asks {
            drop(self.receiver.consumer.stop_asking());
        }
    }
}

impl<T> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver").field("closed", &self.is_closed()).finish_non_exhaustive()
    }
}

impl<T> fmt::Debug for Receiving<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiving").field("asks", &self.asks).finish_non_exhaustive()
    }
}
