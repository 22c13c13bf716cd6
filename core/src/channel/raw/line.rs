//! The line of waiting senders, and the one word that says who waits for whom.
//!
//! | `head` | meaning |
//! |---|---|
//! | null | nobody waits |
//! | `WANTED` | the consumer waits: who changes this to null has its slot |
//! | an address | senders wait: a stack of nodes, the last that came on top |
//! | with `LONG` | more than one waits, or one that asks for the slot: the list is needed |
//! | with `LISTED` | somebody else than the consumer has moved nodes to the list |
//! | with `CLOSED` | nobody may join; those who wait are served |
//! | with `CLOSED`, `ABORTED` | nobody may join, nobody is served |
//!
//! That the consumer waits and that a sender waits are states of one word, so neither can miss the
//! other, and none that comes later overtakes.
//!
//! A single node is taken off by the consumer as it is. Of several, it moves the stack, turned round, to
//! the list `waiting`, from which it takes one after the other. Others work on that list too, when
//! many senders have gone, or all are refused. It is on a [desk](Desk): nobody waits for it, and no
//! user code runs while it is taken.

use super::{node::Node, slot::Slot, waiting::Waiting};
use crate::{
    sync::{AtomicPtr, AtomicUsize, Ordering, Wakers, desk::Desk},
    waits::ends::Ends,
};
use core::ptr::{self, NonNull};

pub(super) const WANTED: usize = 1;
const CLOSED: usize = 2;
const ABORTED: usize = 4;
const LONG: usize = 8;
pub(super) const LISTED: usize = 16;
const BITS: usize = WANTED | CLOSED | ABORTED | LONG | LISTED;

/// Requests to whoever holds the list.
const REFUSE: usize = 2;
pub(super) const CALL: usize = 4;

/// With fewer senders gone, nobody tidies up. Models could not come so far.
const FEW: usize = if cfg!(anyscope_loom) { 1 } else { 32 };

/// What both ends share.
pub(in crate::channel) struct Line<T> {
    head: AtomicPtr<Node<T>>,
    pub(super) slot: Slot<T>,
    pub(super) waiting: Desk<Waiting<T>>,
    /// How many nodes on the line belong to senders that have gone. May be below zero for a moment.
    gone: AtomicUsize,
    /// How many of these make somebody tidy up.
    too_many: AtomicUsize,
    pub(in crate::channel) senders: AtomicUsize,
    /// Who is at its ends, for whoever watches.
    pub(in crate::channel) ends: Ends,
}

// SAFETY: items and wakers move from one thread to another, as the states of slot and nodes say;
// none is ever shared.
unsafe impl<T: Send> Send for Line<T> {}
// SAFETY: as above.
unsafe impl<T: Send> Sync for Line<T> {}

/// What is in `head`.
pub(super) struct Head<T>(*mut Node<T>);

impl<T> Clone for Head<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Head<T> {}

impl<T> Head<T> {
    pub(super) fn bits(self) -> usize {
        self.0.addr() & BITS
    }

    pub(super) fn node(self) -> *mut Node<T> {
        self.0.map_addr(|addr| addr & !BITS)
    }

    pub(super) fn is_wanted(self) -> bool {
        self.bits() & WANTED != 0
    }

    pub(super) fn is_closed(self) -> bool {
        self.bits() & CLOSED != 0
    }

    pub(super) fn is_aborted(self) -> bool {
        self.bits() & ABORTED != 0
    }

    /// The same without nodes, and with `LISTED` or without.
    pub(super) fn emptied(self, listed: usize) -> *mut Node<T> {
        self.0.map_addr(|addr| addr & (CLOSED | ABORTED) | listed)
    }
}

impl<T> Line<T> {
    pub(in crate::channel) fn new() -> Self {
        Line {
            head: AtomicPtr::new(ptr::null_mut()),
            slot: Slot::new(),
            waiting: Desk::new(Waiting::new()),
            gone: AtomicUsize::new(0),
            too_many: AtomicUsize::new(FEW),
            senders: AtomicUsize::new(1),
            ends: Ends::new(),
        }
    }

    pub(in crate::channel) fn is_closed(&self) -> bool {
        self.head().is_closed()
    }

    pub(super) fn head(&self) -> Head<T> {
        Head(self.head.load(Ordering::Acquire))
    }

    /// Changes the head. Acquire: the slot, or the nodes. Release: our node, or the slot.
    pub(super) fn change(&self, from: Head<T>, to: *mut Node<T>) -> Result<(), Head<T>> {
        self.head
            .compare_exchange(from.0, to, Ordering::AcqRel, Ordering::Acquire)
            .map(drop)
            .map_err(Head)
    }

    /// Takes the request of a consumer that waits. Whoever gets true has the slot.
    pub(super) fn take_request(&self, head: Head<T>) -> Result<(), Head<T>> {
        debug_assert!(head.is_wanted());
        self.change(head, ptr::null_mut())
    }

    /// Joins the line.
    ///
    /// # Safety
    ///
    /// `node` must be of a box that the caller gives up if this succeeds.
    pub(super) unsafe fn join(
        &self,
        head: Head<T>,
        node: NonNull<Node<T>>,
        close: bool,
    ) -> Result<(), Head<T>> {
        debug_assert!(!head.is_wanted() && !head.is_closed());
        // SAFETY: the node is not on a list yet.
        unsafe { node.as_ref().set_next(head.node()) };
        // SAFETY: the node is still the caller's.
        let long = !head.node().is_null() || unsafe { node.as_ref() }.asks();
        let bits = if long { LONG } else { 0 } | if close { CLOSED } else { 0 };
        let bits = bits | head.bits() & LISTED;
        self.change(head, node.as_ptr().map_addr(|addr| addr | bits))
    }

    /// Closes the line if it is open. If the consumer waits, collects its waker.
    pub(in crate::channel) fn close(&self, wakers: &mut Wakers) -> bool {
        self.ends.closes();
        let mut head = self.head();
        while !head.is_closed() {
            let to = head.0.map_addr(|addr| addr & !WANTED | CLOSED);
            match self.change(head, to) {
                Ok(()) => {
                    if head.is_wanted() {
                        // SAFETY: the request was taken by us, with the slot.
                        unsafe { self.slot.release(wakers) };
                    }
                    return true;
                }
                Err(now) => head = now,
            }
        }
        false
    }

    /// Closes the line for an item that the caller gives to the consumer which waits.
    pub(super) fn close_wanted(&self, head: Head<T>) -> Result<(), Head<T>> {
        debug_assert!(head.is_wanted());
        self.change(head, ptr::null_mut::<Node<T>>().map_addr(|_| CLOSED))
    }

    /// Closes the line and refuses all who wait. Returns an item for which nobody waits.
    #[must_use = "an item is dropped last"]
    pub(in crate::channel) fn abort(&self, wakers: &mut Wakers) -> Option<T> {
        self.ends.closes();
        let mut head = self.head();
        loop {
            if head.is_aborted() {
                return None;
            }
            let to = ptr::null_mut::<Node<T>>().map_addr(|_| CLOSED | ABORTED);
            match self.change(head, to) {
                Ok(()) => break,
                Err(now) => head = now,
            }
        }
        if head.is_wanted() {
            // SAFETY: the request was taken by us, with the slot.
            unsafe { self.slot.release(wakers) };
        }
        let (mut left, mut called, mut late) = (None, Wakers::new(), None);
        // The list first, which has those who came before.
        self.waiting.work(
            REFUSE,
            |waiting| waiting.refuse(wakers, &mut left),
            |requests, waiting| self.serve(requests, waiting, &mut called, &mut late),
        );
        wakers.append(called);
        let mut stack = Waiting::new();
        stack.append_reversed(head.node());
        stack.refuse(wakers, &mut left);
        // A consumer that waits for a permit.
        wakers.add(self.slot.late.take());
        left
    }

    /// Takes back the request of a consumer that waits. Returns false if somebody was faster.
    pub(super) fn take_back(&self) -> bool {
        let head = self.head();
        head.is_wanted() && self.change(head, ptr::null_mut()).is_ok()
    }

    /// Counts a sender that has left its node on the line, and tidies up when there are many.
    pub(super) fn count_gone(&self) {
        let gone = self.gone.fetch_add(1, Ordering::Relaxed).wrapping_add(1);
        if gone < self.too_many.load(Ordering::Relaxed) || gone > usize::MAX / 2 {
            return;
        }
        let (mut called, mut left) = (Wakers::new(), None);
        self.waiting.work(
            0,
            |waiting| {
                let mut head = self.head();
                while !head.node().is_null() {
                    match self.change(head, head.emptied(LISTED)) {
                        Ok(()) => {
                            waiting.append_reversed(head.node());
                            break;
                        }
                        Err(now) => head = now,
                    }
                }
                let (kept, freed) = waiting.tidy();
                self.gone.fetch_sub(freed, Ordering::Relaxed);
                // So that a look at each is paid for by as many that have gone.
                self.too_many.store(kept.max(FEW), Ordering::Relaxed);
            },
            |requests, waiting| self.serve(requests, waiting, &mut called, &mut left),
        );
        called.fire_and_resume();
    }

    /// Counts a node that was found on the line after its sender had gone.
    pub(super) fn count_freed(&self, stayed: bool) {
        if stayed {
            self.gone.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// Does what was asked for by those who found the list taken.
    pub(super) fn serve(
        &self,
        requests: usize,
        waiting: &mut Waiting<T>,
        wakers: &mut Wakers,
        left: &mut Option<T>,
    ) {
        if requests & REFUSE != 0 {
            waiting.refuse(wakers, left);
        }
        if requests & CALL != 0 {
            wakers.add(self.slot.late.take());
        }
    }
}

/// What is left is of senders that have gone, of one that left an item, or forgotten.
impl<T> Drop for Line<T> {
    fn drop(&mut self) {
        let (mut wakers, mut left) = (Wakers::new(), None);
        let mut stack = Waiting::new();
        stack.append_reversed(self.head().node());
        self.waiting.work(0, |waiting| waiting.refuse(&mut wakers, &mut left), |_, _| ());
        stack.refuse(&mut wakers, &mut left);
    }
}
