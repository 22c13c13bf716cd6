//! The sending half of a handoff.

use super::{
    OwnedPermit, Permit, SendError, TrySendError,
    permit::{Reserving, ReservingOwned},
    raw::{Line, Pool},
    sending::Sending,
};
use crate::{
    sync::{Arc, Ordering, Wakers},
    waits::ends::SenderKey,
};
use core::fmt;

/// The sending half of a [`handoff`](super::handoff). Clone it for more producers.
///
/// When the last clone is dropped, the channel is closed as by [`close`](Self::close).
///
/// # Which end does what to whom
///
/// | | sends and permits that wait | later sends | the consumer |
/// |---|---|---|---|
/// | [`close`](Self::close), the last sender dropped, [`Receiver::close`](super::Receiver::close) | wait on, and are served | fail | receives what waits, then the end |
/// | [`close_with(last)`](Self::close_with) | wait on, and are served | fail | receives what waits, then `last`, then the end |
/// | [`abort`](Self::abort) | fail now | fail | receives the end |
/// | [`Receiver`](super::Receiver) dropped | fail now | fail | |
///
/// Whoever fails gets its item back. The first close wins: after it, another one has no effect and
/// `close_with` returns its item; only an abort comes through.
///
/// # Examples
///
/// ```
/// use anyscope::{channel::handoff, concurrent};
///
/// # smol::block_on(async {
/// let (sender, mut receiver) = handoff();
/// let sum = concurrent(async |s| {
///     for n in 1..=3 {
///         let sender = sender.clone();
///         s.spawn(async move { sender.send(n).await.unwrap() });
///     }
///     // The end comes when the last clone is gone.
///     drop(sender);
///     let mut sum = 0;
///     while let Some(n) = receiver.recv().await {
///         sum += n;
///     }
///     sum
/// });
/// assert_eq!(sum.await, 6);
/// # });
/// ```
pub struct Sender<T> {
    line: Arc<Line<T>>,
    pool: Pool<T>,
    key: SenderKey,
}

impl<T> Sender<T> {
    /// Requires that `line` counts this sender.
    pub(super) fn new(line: Arc<Line<T>>) -> Self {
        let key = line.ends.add_sender();
        Sender { line, pool: Pool::new(), key }
    }

    pub(super) fn line(&self) -> &Line<T> {
        &self.line
    }

    pub(super) fn shared_line(&self) -> &Arc<Line<T>> {
        &self.line
    }

    pub(super) fn pool(&self) -> &Pool<T> {
        &self.pool
    }

    /// The running code is about to use it.
    #[inline]
    pub(super) fn used(&self) {
        self.line.ends.sender_used(&self.key);
    }

    /// Sends an item: ready when the consumer has taken it.
    ///
    /// If the consumer waits for an item, it gets this one at once. Otherwise the send waits in line,
    /// behind those that came before. Its place in line is that of its first poll.
    ///
    /// # Cancel safety
    ///
    /// A send that is dropped leaves the line, and its item is dropped with it unless it was taken;
    /// it is never received later. [`Sending::cancel`](crate::future::Sending::cancel) returns the item.
    ///
    /// # Errors
    ///
    /// Returns the item in a [`SendError`] if the channel is closed, or is aborted while the send
    /// waits.
    ///
    /// # Cost
    ///
    /// No allocation an item: a sender keeps as many places as sends of it have waited at once. A
    /// send that is dropped while it waits leaves its place behind, to be freed later.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{channel::handoff, join};
    ///
    /// # smol::block_on(async {
    /// let (sender, mut receiver) = handoff();
    /// let (sent, received) = join((sender.send(1), receiver.recv())).await;
    /// assert_eq!((sent, received), (Ok(()), Some(1)));
    /// # });
    /// ```
    pub fn send(&self, item: T) -> Sending<'_, T> {
        Sending::new(self, item)
    }

    /// Gives an item to a consumer that waits for one. Does not wait, so it can be called by code
    /// that is not async.
    ///
    /// # Errors
    ///
    /// Returns the item if the consumer does not wait right now, or the channel is closed.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::channel::{TrySendError, handoff};
    /// use std::{pin::pin, task::{Context, Poll, Waker}};
    ///
    /// let (sender, mut receiver) = handoff();
    /// assert_eq!(sender.try_send(1), Err(TrySendError::Full(1)));
    ///
    /// let mut cx = Context::from_waker(Waker::noop());
    /// let mut recv = pin!(receiver.recv());
    /// assert!(recv.as_mut().poll(&mut cx).is_pending());
    /// // Now the consumer waits. It is given one item, and takes it when it is polled.
    /// assert_eq!(sender.try_send(2), Ok(()));
    /// assert_eq!(sender.try_send(3), Err(TrySendError::Full(3)));
    /// assert_eq!(recv.poll(&mut cx), Poll::Ready(Some(2)));
    /// ```
    pub fn try_send(&self, item: T) -> Result<(), TrySendError<T>> {
        self.used();
        match self.line.try_claim() {
            Ok(claim) => claim.give(item).map_err(TrySendError::Closed),
            Err(true) => Err(TrySendError::Closed(item)),
            Err(false) => Err(TrySendError::Full(item)),
        }
    }

    /// Waits in line until the consumer waits for an item, and returns the right to give it that
    /// item: so it can be made when it is certain to be taken.
    ///
    /// The consumer waits for the item of the permit, and those behind wait in line; so use or drop
    /// it soon. A permit that is dropped lets the next one in line.
    ///
    /// # Cancel safety
    ///
    /// A wait that is dropped leaves the line.
    ///
    /// # Errors
    ///
    /// Fails if the channel is closed, or is aborted meanwhile.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{channel::handoff, join};
    ///
    /// # smol::block_on(async {
    /// let (sender, mut receiver) = handoff();
    /// let produce = async {
    ///     let permit = sender.reserve().await.unwrap();
    ///     // From here on without `await`.
    ///     permit.send("made to order").unwrap();
    /// };
    /// assert_eq!(join((produce, receiver.recv())).await.1, Some("made to order"));
    /// # });
    /// ```
    pub fn reserve(&self) -> Reserving<'_, T> {
        Reserving::new(self)
    }

    /// As [`reserve`](Self::reserve), with a wait and a permit that borrow nothing: for another task, or
    /// a struct.
    ///
    /// The wait counts as a sender, the permit does not.
    ///
    /// # Cancel safety
    ///
    /// A wait that is dropped leaves the line.
    ///
    /// # Errors
    ///
    /// As [`reserve`](Self::reserve).
    ///
    /// # Cost
    ///
    /// An allocation if it has to wait.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{channel::handoff, concurrent};
    ///
    /// # smol::block_on(async {
    /// let (sender, mut receiver) = handoff();
    /// let received = concurrent(async |s| {
    ///     let permit = sender.reserve_owned();
    ///     s.spawn(async move { permit.await.unwrap().send(7).unwrap() });
    ///     receiver.recv().await
    /// });
    /// assert_eq!(received.await, Some(7));
    /// # });
    /// ```
    pub fn reserve_owned(&self) -> ReservingOwned<T> {
        ReservingOwned::new(self.clone())
    }

    /// Returns a permit if the consumer waits for an item right now; see [`reserve`](Self::reserve).
    /// Does not wait, so it can be called by code that is not async.
    ///
    /// # Errors
    ///
    /// Fails if the consumer does not wait right now, or the channel is closed.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::channel::{TrySendError, handoff};
    ///
    /// let (sender, _receiver) = handoff::<u32>();
    /// assert!(matches!(sender.try_reserve(), Err(TrySendError::Full(()))));
    /// ```
    pub fn try_reserve(&self) -> Result<Permit<'_, T>, TrySendError<()>> {
        self.used();
        match self.line.try_claim() {
            Ok(claim) => Ok(Permit::new(claim)),
            Err(true) => Err(TrySendError::Closed(())),
            Err(false) => Err(TrySendError::Full(())),
        }
    }

    /// As [`try_reserve`](Self::try_reserve), with a permit that borrows nothing.
    ///
    /// # Errors
    ///
    /// As [`try_reserve`](Self::try_reserve).
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::channel::{TrySendError, handoff};
    ///
    /// let (sender, _receiver) = handoff::<u32>();
    /// assert!(matches!(sender.try_reserve_owned(), Err(TrySendError::Full(()))));
    /// ```
    pub fn try_reserve_owned(&self) -> Result<OwnedPermit<T>, TrySendError<()>> {
        self.used();
        match self.line.try_claim() {
            Ok(claim) => Ok(OwnedPermit::new(claim, self)),
            Err(true) => Err(TrySendError::Closed(())),
            Err(false) => Err(TrySendError::Full(())),
        }
    }

    /// Closes the channel for all senders. Sends and permits that wait are served; later ones fail.
    /// Then the consumer receives the end.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{channel::handoff, join};
    ///
    /// # smol::block_on(async {
    /// let (sender, mut receiver) = handoff();
    /// let close = async {
    ///     sender.close();
    ///     assert_eq!(sender.send(2).await.unwrap_err().into_inner(), 2);
    ///     (receiver.recv().await, receiver.recv().await)
    /// };
    /// // The first send waits when the channel is closed.
    /// let (sent, received) = join((sender.send(1), close)).await;
    /// assert_eq!((sent, received), (Ok(()), (Some(1), None)));
    /// # });
    /// ```
    pub fn close(&self) {
        let mut wakers = Wakers::new();
        self.line.close(&mut wakers);
        wakers.fire_and_resume();
    }

    /// Closes the channel as [`close`](Self::close) does, with a last item that the consumer receives
    /// before the end. Does not wait for that.
    ///
    /// With results as items, this is how a producer fails: the consumer receives the error, once, and
    /// then the end. An [`abort`](Self::abort) drops the last item if it was not received.
    ///
    /// # Errors
    ///
    /// Returns `last` if the channel is closed already.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::channel::handoff;
    ///
    /// # smol::block_on(async {
    /// let (sender, mut receiver) = handoff::<Result<u32, &str>>();
    /// sender.close_with(Err("disk full")).unwrap();
    /// sender.close_with(Err("too late")).unwrap_err();
    /// assert_eq!(receiver.recv().await, Some(Err("disk full")));
    /// assert_eq!(receiver.recv().await, None);
    /// # });
    /// ```
    pub fn close_with(&self, last: T) -> Result<(), SendError<T>> {
        self.line.close_with(last, &self.pool).map_err(SendError)
    }

    /// Closes the channel and refuses all sends and permits that wait: they fail, with their items.
    /// The consumer receives the end next; only an item that was given to it before is received.
    ///
    /// A permit that was given before fails when it is used.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{channel::handoff, join};
    ///
    /// # smol::block_on(async {
    /// let (sender, mut receiver) = handoff();
    /// let abort = async { sender.abort() };
    /// let (sent, ()) = join((sender.send(1), abort)).await;
    /// assert_eq!(sent.unwrap_err().into_inner(), 1);
    /// assert_eq!(receiver.recv().await, None);
    /// # });
    /// ```
    pub fn abort(&self) {
        let mut wakers = Wakers::new();
        let left = self.line.abort(&mut wakers);
        wakers.fire_and_resume();
        drop(left);
    }

    /// Returns whether the channel is closed.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::channel::handoff;
    ///
    /// let (sender, receiver) = handoff::<u32>();
    /// assert!(!sender.is_closed());
    /// drop(receiver);
    /// assert!(sender.is_closed());
    /// ```
    pub fn is_closed(&self) -> bool {
        self.line.is_closed()
    }
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        self.line.senders.fetch_add(1, Ordering::Relaxed);
        Sender::new(self.line.clone())
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        self.line.ends.remove_sender(&self.key);
        if self.line.senders.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.close();
        }
    }
}

impl<T> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender").field("closed", &self.is_closed()).finish_non_exhaustive()
    }
}
