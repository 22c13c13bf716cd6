//! Sending in two steps: a wait for the right to send, and that right.

use super::{
    SendError, Sender,
    raw::{Begun, Claim, Ended, OwnedClaim, Ticket},
};
use crate::waits::{self, What};
use core::{
    fmt,
    future::Future,
    mem,
    pin::Pin,
    task::{Context, Poll},
};

/// A wait for a permit; see [`Sender::reserve`].
#[must_use = "futures do nothing unless you `.await` or poll them"]
pub struct Reserving<'a, T> {
    sender: &'a Sender<T>,
    state: Reserve<T>,
}

/// A wait for a permit that borrows nothing; see [`Sender::reserve_owned`].
#[must_use = "futures do nothing unless you `.await` or poll them"]
pub struct ReservingOwned<T> {
    sender: Sender<T>,
    state: Reserve<T>,
}

enum Reserve<T> {
    New,
    Waits(Ticket<T>),
    Over,
}

impl<T> Reserve<T> {
    fn poll<'a>(
        &mut self,
        sender: &'a Sender<T>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Claim<'a, T>, SendError<()>>> {
        let (line, pool) = (sender.line(), sender.pool());
        if matches!(self, Reserve::New) {
            sender.used();
        }
        match self {
            Reserve::New => match line.begin(&mut None, pool, cx) {
                Begun::Claim(claim) => {
                    *self = Reserve::Over;
                    return Poll::Ready(Ok(claim));
                }
                Begun::Closed => {
                    *self = Reserve::Over;
                    return Poll::Ready(Err(SendError(())));
                }
                Begun::Waits(ticket) => *self = Reserve::Waits(ticket),
            },
            Reserve::Waits(ticket) => {
                if ticket.poll_ended(cx).is_ready() {
                    let state = mem::replace(self, Reserve::Over);
                    let Reserve::Waits(ticket) = state else { unreachable!("seen above") };
                    return Poll::Ready(match ticket.end(line, pool) {
                        Ended::Claim(claim) => Ok(claim),
                        _ => Err(SendError(())),
                    });
                }
            }
            Reserve::Over => panic!("a wait for a permit was polled after it was ready"),
        }
        waits::waits_for_all(|| line.ends.receiver(What::HandoffAsked));
        Poll::Pending
    }

    fn leave(&mut self, sender: &Sender<T>) {
        if let Reserve::Waits(ticket) = mem::replace(self, Reserve::Over) {
            drop(ticket.leave(sender.line(), sender.pool()));
        }
    }

    fn waits(&self) -> bool {
        matches!(self, Reserve::Waits(_))
    }
}

impl<T> Unpin for Reserving<'_, T> {}

impl<'a, T> Reserving<'a, T> {
    pub(super) fn new(sender: &'a Sender<T>) -> Self {
        Reserving { sender, state: Reserve::New }
    }
}

impl<'a, T> Future for Reserving<'a, T> {
    type Output = Result<Permit<'a, T>, SendError<()>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let sender = self.sender;
        self.state.poll(sender, cx).map_ok(Permit::new)
    }
}

impl<T> Drop for Reserving<'_, T> {
    fn drop(&mut self) {
        self.state.leave(self.sender);
    }
}

impl<T> Unpin for ReservingOwned<T> {}

impl<T> ReservingOwned<T> {
    pub(super) fn new(sender: Sender<T>) -> Self {
        ReservingOwned { sender, state: Reserve::New }
    }
}

impl<T> Future for ReservingOwned<T> {
    type Output = Result<OwnedPermit<T>, SendError<()>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        this.state.poll(&this.sender, cx).map_ok(|claim| OwnedPermit::new(claim, &this.sender))
    }
}

impl<T> Drop for ReservingOwned<T> {
    fn drop(&mut self) {
        self.state.leave(&self.sender);
    }
}

/// The right to give the consumer its next item; see [`Sender::reserve`].
///
/// Dropping it lets the next sender in line.
#[derive(Debug)]
#[must_use = "the consumer waits for the item of a permit, or for its drop"]
pub struct Permit<'a, T> {
    claim: Claim<'a, T>,
}

impl<'a, T> Permit<'a, T> {
    pub(super) fn new(claim: Claim<'a, T>) -> Self {
        claim.keep();
        Permit { claim }
    }

    /// Gives the item to the consumer. Does not wait.
    ///
    /// # Errors
    ///
    /// Returns the item if the receiver is gone, or the channel was aborted, since the permit was given;
    /// never for another reason.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::channel::handoff;
    /// use std::{pin::pin, task::{Context, Poll, Waker}};
    ///
    /// let (sender, mut receiver) = handoff();
    /// let mut cx = Context::from_waker(Waker::noop());
    /// let mut recv = pin!(receiver.recv());
    /// assert!(recv.as_mut().poll(&mut cx).is_pending());
    /// let permit = sender.try_reserve().unwrap();
    /// permit.send(1).unwrap();
    /// assert_eq!(recv.poll(&mut cx), Poll::Ready(Some(1)));
    /// ```
    pub fn send(self, item: T) -> Result<(), SendError<T>> {
        if self.claim.is_void() {
            return Err(SendError(item));
        }
        self.claim.give(item).map_err(SendError)
    }
}

/// A [`Permit`] that borrows nothing, for another task or a struct; see [`Sender::reserve_owned`].
///
/// It may outlive all senders: its item comes before the end. Dropping it lets the next sender in line.
#[derive(Debug)]
#[must_use = "the consumer waits for the item of a permit, or for its drop"]
pub struct OwnedPermit<T> {
    claim: OwnedClaim<T>,
}

impl<T> OwnedPermit<T> {
    pub(super) fn new(claim: Claim<'_, T>, sender: &Sender<T>) -> Self {
        claim.keep();
        OwnedPermit { claim: claim.into_owned(sender.shared_line()) }
    }

    /// Gives the item to the consumer. Does not wait.
    ///
    /// # Errors
    ///
    /// As [`Permit::send`].
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{channel::handoff, join};
    ///
    /// # smol::block_on(async {
    /// let (sender, mut receiver) = handoff();
    /// let produce = async move {
    ///     let permit = sender.reserve_owned().await.unwrap();
    ///     drop(sender);
    ///     std::thread::spawn(move || permit.send("from elsewhere").unwrap());
    /// };
    /// let consume = async { (receiver.recv().await, receiver.recv().await) };
    /// assert_eq!(join((produce, consume)).await.1, (Some("from elsewhere"), None));
    /// # });
    /// ```
    pub fn send(mut self, item: T) -> Result<(), SendError<T>> {
        let claim = self.claim.take().expect("taken once");
        Permit { claim }.send(item)
    }
}

impl<T> fmt::Debug for Reserving<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reserving").field("waits", &self.state.waits()).finish_non_exhaustive()
    }
}

impl<T> fmt::Debug for ReservingOwned<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReservingOwned").field("waits", &self.state.waits()).finish_non_exhaustive()
    }
}
