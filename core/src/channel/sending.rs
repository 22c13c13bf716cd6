//! A send that is under way.

use super::{
    SendError, Sender,
    raw::{Begun, Ended, Ticket},
};
use crate::waits::{self, What};
use core::{
    fmt,
    future::Future,
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
            this.sender.used();
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
        waits::waits_for_all(|| line.ends.receiver(What::HandoffTaken));
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

impl<T> fmt::Debug for Sending<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let waits = self.ticket.is_some();
        f.debug_struct("Sending").field("waits", &waits).field("over", &self.over).finish()
    }
}
