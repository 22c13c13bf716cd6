//! The sending end: joining the line, a place on it, and the right to give.

use super::{
    line::Line,
    node::{Left, Node, Stands},
    pool::Pool,
};
use crate::{
    sync::{Arc, Wakers},
    unwind,
};
use alloc::boxed::Box;
use core::{
    fmt, mem,
    ptr::{self, NonNull},
    task::{Context, Poll, Waker},
};

/// How a send, or a request for a permit, has begun.
pub(in crate::channel) enum Begun<'a, T> {
    /// The consumer waits, and the slot is the caller's.
    Claim(Claim<'a, T>),
    /// The caller is on the line, with the item.
    Waits(Ticket<T>),
    /// The line is closed.
    Closed,
}

/// How a wait has ended.
pub(in crate::channel) enum Ended<'a, T> {
    /// The item was taken.
    Taken,
    /// The slot is the caller's.
    Claim(Claim<'a, T>),
    /// The line was aborted. The item, if there was one.
    Refused(Option<T>),
}

impl<T> Line<T> {
    /// Takes the slot if the consumer waits, or joins the line. Without an item, to get the slot.
    /// The item is taken only if the caller has to wait.
    #[inline]
    pub(in crate::channel) fn begin(
        &self,
        item: &mut Option<T>,
        pool: &Pool<T>,
        cx: &mut Context<'_>,
    ) -> Begun<'_, T> {
        let mut node: Option<Box<Node<T>>> = None;
        let mut unused = None;
        let begun = loop {
            let head = self.head();
            if head.is_closed() {
                break Begun::Closed;
            }
            if head.is_wanted() {
                if self.take_request(head).is_ok() {
                    break Begun::Claim(Claim { line: self });
                }
                continue;
            }
            // User code, so before anything is begun.
            let waker = unused.take().unwrap_or_else(|| cx.waker().clone());
            let mut new = node.take().unwrap_or_else(|| pool.get());
            new.fill(item.take(), Some(waker));
            let new = NonNull::from(Box::leak(new));
            // SAFETY: made of a box.
            if unsafe { self.join(head, new, false) }.is_ok() {
                break Begun::Waits(Ticket(new));
            }
            // SAFETY: made of a box, and still ours.
            let mut back = unsafe { Box::from_raw(new.as_ptr()) };
            let (old, waker) = back.empty();
            *item = old;
            (unused, node) = (waker, Some(back));
        };
        if let Some(node) = node {
            pool.put(node);
        }
        if unused.is_some() {
            unwind::discard(unused);
        }
        begun
    }

    /// Takes the slot if the consumer waits. `Err(true)` if the line is closed.
    pub(in crate::channel) fn try_claim(&self) -> Result<Claim<'_, T>, bool> {
        loop {
            let head = self.head();
            if head.is_closed() {
                return Err(true);
            }
            if !head.is_wanted() {
                return Err(false);
            }
            if self.take_request(head).is_ok() {
                return Ok(Claim { line: self });
            }
        }
    }

    /// Closes the line with a last item, for which nobody waits. Returns it if the line is closed.
    pub(in crate::channel) fn close_with(&self, item: T, pool: &Pool<T>) -> Result<(), T> {
        self.ends.closes();
        let mut item = item;
        loop {
            let head = self.head();
            if head.is_closed() {
                return Err(item);
            }
            if head.is_wanted() {
                if self.close_wanted(head).is_ok() {
                    return Claim { line: self }.give(item);
                }
                continue;
            }
            let mut new = pool.get();
            let is_first = new.is_first();
            new.fill(Some(item), None);
            let new = NonNull::from(Box::leak(new));
            // SAFETY: made of a box.
            if unsafe { self.join(head, new, true) }.is_ok() {
                pool.forget(is_first);
                return Ok(());
            }
            // SAFETY: made of a box, and still ours.
            let mut back = unsafe { Box::from_raw(new.as_ptr()) };
            item = back.empty().0.expect("filled above");
            pool.put(back);
        }
    }
}

/// A place on the line. Give it up with [`leave`](Self::leave): dropping it alone leaks a node.
pub(in crate::channel) struct Ticket<T>(NonNull<Node<T>>);

// SAFETY: it is the sender's side of a node, of which each state names the one side that may touch
// item and waker; so these move from thread to thread, and are never shared.
unsafe impl<T: Send> Send for Ticket<T> {}
// SAFETY: `&Ticket` gives access to nothing.
unsafe impl<T: Send> Sync for Ticket<T> {}

impl<T> Ticket<T> {
    fn node(&self) -> &Node<T> {
        // SAFETY: the sender's side of the node is ours until `leave`.
        unsafe { self.0.as_ref() }
    }

    /// Returns true when the wait has ended; then [`end`](Self::end) says how.
    pub(in crate::channel) fn poll_ended(&self, cx: &mut Context<'_>) -> Poll<()> {
        if !matches!(self.node().stands(), Stands::Waits) {
            return Poll::Ready(());
        }
        let (stands, old, at_once) = self.node().update(cx.waker().clone());
        if at_once {
            cx.waker().wake_by_ref();
        }
        // User code, after every step.
        drop::<Option<Waker>>(old);
        if matches!(stands, Stands::Waits) { Poll::Pending } else { Poll::Ready(()) }
    }

    /// Ends a wait of which [`poll_ended`](Self::poll_ended) has said that it has ended.
    #[inline]
    pub(in crate::channel) fn end<'a>(self, line: &'a Line<T>, pool: &Pool<T>) -> Ended<'a, T> {
        if let Stands::Taken = self.node().stands() {
            let asks = self.node().asks();
            // SAFETY: the queue's side has ended, and ours does here, so the node is ours; made of a
            // box.
            pool.put(unsafe { Box::from_raw(self.0.as_ptr()) });
            line.ends.learns();
            return if asks { Ended::Claim(Claim { line }) } else { Ended::Taken };
        }
        let asks = self.node().asks();
        match self.leave_line(line, pool) {
            Left::Back(item, _) => Ended::Refused(item),
            _ if asks => Ended::Claim(Claim { line }),
            _ => Ended::Taken,
        }
    }

    /// Gives up the wait. Returns the item unless it was taken, and a waker to be dropped. If the slot was
    /// given to us, passes it on.
    pub(in crate::channel) fn leave(
        self,
        line: &Line<T>,
        pool: &Pool<T>,
    ) -> (Option<T>, Option<Waker>) {
        let asks = self.node().asks();
        match self.leave_line(line, pool) {
            Left::Back(item, waker) => (item, waker),
            Left::Taken if asks => {
                drop(Claim { line });
                (None, None)
            }
            Left::Taken | Left::InTaking => (None, None),
        }
    }

    fn leave_line(self, line: &Line<T>, pool: &Pool<T>) -> Left<T> {
        let (is_first, asks) = (self.node().is_first(), self.node().asks());
        // SAFETY: the sender's side is ours, and `self` ends here.
        let (left, node, stays) = unsafe { Node::leave(self.0) };
        match node {
            Some(node) => pool.put(node),
            None => pool.forget(is_first),
        }
        match left {
            Left::Taken => line.ends.learns(),
            // A slot is not given to one that has gone.
            Left::InTaking if !asks => line.ends.learns(),
            Left::InTaking | Left::Back(..) => {}
        }
        if stays {
            line.count_gone();
        }
        left
    }
}

/// The right, and the duty, to give an item to the consumer, which waits for it.
pub(in crate::channel) struct Claim<'a, T> {
    line: &'a Line<T>,
}

impl<T> Claim<'_, T> {
    /// Gives the item. Returns it if the consumer is gone, or the line was aborted.
    #[inline]
    pub(in crate::channel) fn give(self, item: T) -> Result<(), T> {
        let line = self.line;
        mem::forget(self);
        // SAFETY: the slot is ours by the claim, which has ended here.
        let given = unsafe { line.slot.give(item) };
        // Not before: a consumer that is polled in between has not seen the item.
        line.ends.claim_ended();
        let (waker, late) = given?;
        let mut panic = None;
        if let Some(waker) = waker {
            unwind::keep_first(&mut panic, || waker.wake());
        }
        if let Some(waker) = late {
            unwind::keep_first(&mut panic, || waker.wake());
        }
        if panic.is_some() {
            unwind::resume_unless_panicking(panic);
        }
        Ok(())
    }

    /// Returns whether the consumer will not take an item.
    pub(in crate::channel) fn is_void(&self) -> bool {
        self.line.head().is_aborted()
    }

    /// Prepares for a claim that lasts: an abort then reaches the consumer.
    pub(in crate::channel) fn keep(&self) {
        self.line.ends.claimed();
        // SAFETY: the slot is ours by the claim.
        unsafe { self.line.slot.keep() };
        if self.is_void() {
            // An abort before `keep` has found no waker.
            let mut wakers = Wakers::new();
            wakers.add(self.line.slot.late.take());
            wakers.fire_and_resume();
        }
    }
}

impl<T> Claim<'_, T> {
    /// Returns a claim that borrows nothing. `line` must be that of the claim.
    pub(in crate::channel) fn into_owned(self, line: &Arc<Line<T>>) -> OwnedClaim<T> {
        // Whoever gives into the slot of another line would have no right to.
        assert!(ptr::eq(self.line, &**line), "the line of the claim");
        let owned = OwnedClaim { line: line.clone(), owed: true };
        mem::forget(self);
        owned
    }
}

impl<T> Drop for Claim<'_, T> {
    fn drop(&mut self) {
        let mut wakers = Wakers::new();
        // SAFETY: the slot is ours by the claim, which ends here.
        unsafe { self.line.slot.release(&mut wakers) };
        self.line.ends.claim_ended();
        wakers.fire_and_resume();
    }
}

/// A claim that owns its line.
pub(in crate::channel) struct OwnedClaim<T> {
    line: Arc<Line<T>>,
    /// Whether the slot is still ours.
    owed: bool,
}

impl<T> OwnedClaim<T> {
    /// Returns the claim, the first time.
    pub(in crate::channel) fn take(&mut self) -> Option<Claim<'_, T>> {
        // Made only if it is owed: its drop gives the slot up.
        mem::take(&mut self.owed).then(|| Claim { line: &self.line })
    }
}

impl<T> Drop for OwnedClaim<T> {
    fn drop(&mut self) {
        drop(self.take());
    }
}

impl<T> fmt::Debug for OwnedClaim<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OwnedClaim(..)")
    }
}

impl<T> fmt::Debug for Claim<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Claim(..)")
    }
}
