//! What a send or a receive fails with.

use core::{error::Error, fmt};

/// The error of a send: the channel is closed. Contains the item.
///
/// # Examples
///
/// ```
/// use anyscope::channel::handoff;
///
/// # smol::block_on(async {
/// let (sender, receiver) = handoff();
/// drop(receiver);
/// assert_eq!(sender.send("late").await.unwrap_err().into_inner(), "late");
/// # });
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct SendError<T>(pub T);

/// The error of [`try_send`](super::Sender::try_send) and [`try_reserve`](super::Sender::try_reserve).
/// Contains the item.
///
/// # Examples
///
/// ```
/// use anyscope::channel::{TrySendError, handoff};
///
/// let (sender, receiver) = handoff();
/// // Nobody waits for it: try again later, with the item that comes back.
/// let error = sender.try_send("job").unwrap_err();
/// assert!(error.is_full());
/// drop(receiver);
/// let error = sender.try_send(error.into_inner()).unwrap_err();
/// assert_eq!(error, TrySendError::Closed("job"));
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum TrySendError<T> {
    /// The consumer does not wait for an item right now.
    Full(T),
    /// The channel is closed.
    Closed(T),
}

/// The error of `try_recv` of a [`Receiver`](super::Receiver::try_recv) or a
/// [`QueueReceiver`](super::QueueReceiver::try_recv).
///
/// # Examples
///
/// ```
/// use anyscope::channel::{Overflow, TryRecvError, queue};
///
/// let (sender, mut receiver) = queue(1, Overflow::DropOldest);
/// assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty));
/// sender.send(1).unwrap();
/// drop(sender);
/// assert_eq!(receiver.try_recv(), Ok(1));
/// assert_eq!(receiver.try_recv(), Err(TryRecvError::Closed));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TryRecvError {
    /// There is no item right now: of a handoff, no sender waits with one.
    Empty,
    /// There will be no more items.
    Closed,
}

impl<T> SendError<T> {
    /// Returns the item that was not sent.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::channel::{Overflow, queue};
    ///
    /// let (sender, receiver) = queue(8, Overflow::DropOldest);
    /// drop(receiver);
    /// let error = sender.send(String::from("a line")).unwrap_err();
    /// assert_eq!(error.into_inner(), "a line"); // nothing is lost
    /// ```
    pub fn into_inner(self) -> T {
        self.0
    }
}

impl<T> TrySendError<T> {
    /// Returns the item that was not sent.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::channel::handoff;
    ///
    /// # smol::block_on(async {
    /// let (sender, mut receiver) = handoff();
    /// let error = sender.try_send("job").unwrap_err(); // nobody waits for it yet
    /// let both = smol::future::zip(sender.send(error.into_inner()), receiver.recv());
    /// assert_eq!(both.await, (Ok(()), Some("job")));
    /// # });
    /// ```
    pub fn into_inner(self) -> T {
        match self {
            TrySendError::Full(item) | TrySendError::Closed(item) => item,
        }
    }

    /// Returns whether the channel is closed.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::channel::handoff;
    ///
    /// let (sender, receiver) = handoff();
    /// assert!(!sender.try_send(1).unwrap_err().is_closed()); // worth another try
    /// drop(receiver);
    /// assert!(sender.try_send(1).unwrap_err().is_closed()); // never again
    /// ```
    pub fn is_closed(&self) -> bool {
        matches!(self, TrySendError::Closed(_))
    }

    /// Returns whether the consumer does not wait for an item right now.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::channel::handoff;
    ///
    /// let (sender, _receiver) = handoff();
    /// let error = sender.try_send(1).unwrap_err();
    /// assert!(error.is_full() && !error.is_closed());
    /// ```
    pub fn is_full(&self) -> bool {
        matches!(self, TrySendError::Full(_))
    }
}

impl<T> fmt::Debug for SendError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SendError(..)")
    }
}

impl<T> fmt::Display for SendError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the channel is closed; `into_inner` returns the item")
    }
}

impl<T> Error for SendError<T> {}

impl<T> fmt::Debug for TrySendError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_closed() { "Closed(..)" } else { "Full(..)" })
    }
}

impl<T> fmt::Display for TrySendError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_closed() {
            "the channel is closed; `into_inner` returns the item"
        } else {
            "the consumer does not wait for an item; try later, or await `send`"
        })
    }
}

impl<T> Error for TrySendError<T> {}

impl fmt::Display for TryRecvError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            TryRecvError::Empty => "there is no item right now; try later, or await `recv`",
            TryRecvError::Closed => "the channel is closed",
        })
    }
}

impl Error for TryRecvError {}
