//! The futures of a sender, and permits.

use super::{
    SendError, Sender,
    raw::{Begun, Claim, Ended, Ticket},
};
use crate::waits;
use core::{
    fmt,
    future::Future,
    mem,
    pin::Pin,
    task::{Context, Poll},
};

/// A send that is under way; see [`Sender::send`].
#[must_use = "futures do nothing unless you `.await` or poll them"]
pub struct Sending<'a, T> {
    sender: &'a Sender<T>,
    /// The item, until the send waits in line.
    item: Option<T>,
    ticket: Option<Ticket<T>>,
    over: bool,
}

/// The item is not pinned.
impl<T> Unpin for Sending<'_, T> {}

impl<'a, T> Sending<'a, T> {
    pub(super) fn new(sender: &'a Sender<T>, item: T) -> Self {
        Sending { sender, item: Some(item), ticket: None, over: false }
    }

    /// Ends the send. Returns the item, unless it was taken or was returned before.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::channel::handoff;
    /// use std::{pin::Pin, task::{Context, Waker}};
    ///
    /// let (sender, mut receiver) = handoff();
    /// let mut send = sender.send("item");
    /// let mut cx = Context::from_waker(Waker::noop());
    /// assert!(Pin::new(&mut send).poll(&mut cx).is_pending());
    /// assert_eq!(send.cancel(), Some("item"));
    /// // It has left the line.
    /// assert!(receiver.try_recv().is_err());
    /// ```
    pub fn cancel(&mut self) -> Option<T> {
        self.over = true;
        let item = self.item.take();
        let Some(ticket) = self.ticket.take() else { return item };
        let (item, waker) = ticket.leave(self.sender.line(), self.sender.pool());
        // The panic of its drop would take the item with it.
        crate::unwind::discard(waker);
        item
    }
}

impl<T> Future for Sending<'_, T> {
    type Output = Result<(), SendError<T>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        let (line, pool) = (this.sender.line(), this.sender.pool());
        if this.item.is_some() {
            match line.begin(&mut this.item, pool, cx) {
                Begun::Claim(claim) => {
                    this.over = true;
                    let item = this.item.take().expect("not in line");
                    return Poll::Ready(claim.give(item).map_err(SendError));
                }
                Begun::Closed => {
                    this.over = true;
                    let item = this.item.take().expect("not in line");
                    return Poll::Ready(Err(SendError(item)));
                }
                Begun::Waits(ticket) => this.ticket = Some(ticket),
            }
        } else {
            let ticket = this.ticket.as_ref();
            let ticket = ticket.expect("a send was polled after it was ready or cancelled");
            if ticket.poll_ended(cx).is_ready() {
                this.over = true;
                let ticket = this.ticket.take().expect("seen above");
                return Poll::Ready(match ticket.end(line, pool) {
                    Ended::Refused(item) => Err(SendError(item.expect("sent with an item"))),
                    _ => Ok(()),
                });
            }
        }
        waits::waits_for(format_args!("the consumer of a handoff to take an item"));
        Poll::Pending
    }
}

impl<T> Drop for Sending<'_, T> {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket.take() {
            // A waker and an item of the user's are dropped after every step.
            drop(ticket.leave(self.sender.line(), self.sender.pool()));
        }
    }
}

/// A wait for a permit; see [`Sender::reserve`].
#[must_use = "futures do nothing unless you `.await` or poll them"]
pub struct Reserving<'a, T> {
    sender: &'a Sender<T>,
    state: Reserve<T>,
}

enum Reserve<T> {
    New,
    Waits(Ticket<T>),
    Over,
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
        let (line, pool) = (self.sender.line(), self.sender.pool());
        match &self.state {
            Reserve::New => match line.begin(&mut None, pool, cx) {
                Begun::Claim(claim) => {
                    self.state = Reserve::Over;
                    return Poll::Ready(Ok(Permit::new(claim)));
                }
                Begun::Closed => {
                    self.state = Reserve::Over;
                    return Poll::Ready(Err(SendError(())));
                }
                Begun::Waits(ticket) => self.state = Reserve::Waits(ticket),
            },
            Reserve::Waits(ticket) => {
                if ticket.poll_ended(cx).is_ready() {
                    let state = mem::replace(&mut self.state, Reserve::Over);
                    let Reserve::Waits(ticket) = state else { unreachable!("seen above") };
                    return Poll::Ready(match ticket.end(line, pool) {
                        Ended::Claim(claim) => Ok(Permit::new(claim)),
                        _ => Err(SendError(())),
                    });
                }
            }
            Reserve::Over => panic!("a wait for a permit was polled after it was ready"),
        }
        waits::waits_for(format_args!("the consumer of a handoff to ask for an item"));
        Poll::Pending
    }
}

impl<T> Drop for Reserving<'_, T> {
    fn drop(&mut self) {
        if let Reserve::Waits(ticket) = mem::replace(&mut self.state, Reserve::Over) {
            drop(ticket.leave(self.sender.line(), self.sender.pool()));
        }
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

impl<T> fmt::Debug for Sending<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let waits = self.ticket.is_some();
        f.debug_struct("Sending").field("waits", &waits).field("over", &self.over).finish()
    }
}

impl<T> fmt::Debug for Reserving<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let waits = matches!(self.state, Reserve::Waits(_));
        f.debug_struct("Reserving").field("waits", &waits).finish_non_exhaustive()
    }
}
