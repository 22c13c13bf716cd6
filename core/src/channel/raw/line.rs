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
//! the list `waiting`, from which it takes one after the other. Others work on that list too, when many senders have gone, or all are refused. It is
//! behind a lock that nobody waits for: who finds it taken leaves a request, and whoever holds it looks at
//! the requests after it has freed the lock. No user code runs while it is taken.

use super::{
    node::{Node, Taken},
    slot::Slot,
    waiting::Waiting,
};
use crate::sync::{AtomicPtr, AtomicUsize, Ordering, Wakers, fence, try_lock::TryLock};
use alloc::vec::Vec;
use core::{
    ptr::{self, NonNull},
    task::Waker,
};

const WANTED: usize = 1;
const CLOSED: usize = 2;
const ABORTED: usize = 4;
const LONG: usize = 8;
const LISTED: usize = 16;
const BITS: usize = WANTED | CLOSED | ABORTED | LONG | LISTED;

/// Requests to whoever holds the list.
const REFUSE: usize = 1;
const CALL: usize = 2;

/// With fewer senders gone, nobody tidies up.
const FEW: usize = 32;

/// What both ends share.
pub(in crate::channel) struct Line<T> {
    head: AtomicPtr<Node<T>>,
    pub(super) slot: Slot<T>,
    waiting: TryLock<Waiting<T>>,
    requests: AtomicUsize,
    /// How many nodes on the line belong to senders that have gone. May be below zero for a moment.
    gone: AtomicUsize,
    /// How many of these make somebody tidy up.
    too_many: AtomicUsize,
    pub(in crate::channel) senders: AtomicUsize,
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
    fn bits(self) -> usize {
        self.0.addr() & BITS
    }

    fn node(self) -> *mut Node<T> {
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
    fn emptied(self, listed: usize) -> *mut Node<T> {
        self.0.map_addr(|addr| addr & (CLOSED | ABORTED) | listed)
    }
}

/// What the consumer gets of a line that is short.
pub(super) enum First<T> {
    Taken(Taken<T>),
    Asked,
    /// Somebody came in between. The waker was not used.
    NotAsked(Waker),
}

/// What the consumer gets of the line.
pub(super) enum Look<T> {
    Item(T),
    /// The slot is out: the consumer waits.
    Asked,
    /// There will be no more items.
    End,
    /// Look again with a waker.
    NeedsWaker,
    /// Look again when the waker is in `late`.
    NeedsLate,
}

impl<T> Line<T> {
    pub(in crate::channel) fn new() -> Self {
        Line {
            head: AtomicPtr::new(ptr::null_mut()),
            slot: Slot::new(),
            waiting: TryLock::new(Waiting::new()),
            requests: AtomicUsize::new(0),
            gone: AtomicUsize::new(0),
            too_many: AtomicUsize::new(FEW),
            senders: AtomicUsize::new(1),
        }
    }

    pub(in crate::channel) fn is_closed(&self) -> bool {
        self.head().is_closed()
    }

    pub(super) fn head(&self) -> Head<T> {
        Head(self.head.load(Ordering::Acquire))
    }

    /// Changes the head. Acquire: the slot, or the nodes. Release: our node, or the slot.
    fn change(&self, from: Head<T>, to: *mut Node<T>) -> Result<(), Head<T>> {
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
        let mut left = None;
        let mut stack = Waiting::new();
        stack.append_reversed(head.node());
        // The list first, which has those who came before.
        self.requests.fetch_or(REFUSE, Ordering::AcqRel);
        self.serve(wakers, &mut left);
        stack.refuse(wakers, &mut left);
        // A consumer that waits for a permit.
        wakers.add(self.slot.late.take());
        left
    }

    /// Takes the one sender that waits, if there is just one with an item, or asks if there is none
    /// and `waker` says how. `None` if that is not all there is to it.
    ///
    /// # Safety
    ///
    /// The caller must be the consumer, who does not ask, and has left nothing on the list.
    #[inline]
    pub(super) unsafe fn look_first(
        &self,
        waker: impl FnOnce() -> Option<Waker>,
    ) -> Option<First<T>> {
        let head = self.head();
        if head.bits() != 0 {
            return None;
        }
        if let Some(node) = NonNull::new(head.node()) {
            self.change(head, ptr::null_mut()).ok()?;
            // SAFETY: it was on the line, from which we took it.
            return Some(First::Taken(unsafe { Node::take(node) }));
        }
        let mut waker = Some(waker()?);
        let mut unused = Vec::new();
        // SAFETY: promised by the caller.
        if unsafe { self.ask(head, &mut waker, &mut unused) } {
            return Some(First::Asked);
        }
        waker.map(First::NotAsked)
    }

    /// Puts the request of the consumer into an empty line.
    ///
    /// # Safety
    ///
    /// The caller must be the consumer, who does not ask. There is nothing on the list.
    #[inline]
    unsafe fn ask(
        &self,
        head: Head<T>,
        waker: &mut Option<Waker>,
        unused: &mut Vec<Waker>,
    ) -> bool {
        // SAFETY: promised by the caller.
        unused.extend(unsafe { self.slot.open(waker.take(), false) });
        let asked = self.change(head, ptr::null_mut::<Node<T>>().map_addr(|_| WANTED)).is_ok();
        if !asked {
            // SAFETY: as above; nobody was given the slot.
            *waker = unsafe { self.slot.close() };
        }
        asked
    }

    /// Takes what a node has.
    ///
    /// # Safety
    ///
    /// As for [`Node::take`].
    unsafe fn take(
        &self,
        node: NonNull<Node<T>>,
        wakers: &mut Wakers,
        unused: &mut Vec<Waker>,
    ) -> Option<Look<T>> {
        // SAFETY: promised by the caller.
        match unsafe { Node::take(node) } {
            Taken::Item(item, waker) => {
                wakers.add(waker);
                Some(Look::Item(item))
            }
            Taken::Asks(waker) => {
                wakers.add(waker);
                Some(Look::Asked)
            }
            Taken::Gone { waker, stayed } => {
                unused.extend(waker);
                self.count_freed(stayed);
                None
            }
        }
    }

    /// Looks for what is next. `None` if somebody else is at the list. Otherwise also returns whether
    /// there is something left on the list.
    ///
    /// # Safety
    ///
    /// The caller must be the consumer, who does not ask.
    pub(super) unsafe fn look(
        &self,
        waker: &mut Option<Waker>,
        late: bool,
        wakers: &mut Wakers,
        unused: &mut Vec<Waker>,
    ) -> Option<(Look<T>, bool)> {
        let look = self.waiting.try_with(|waiting| {
            // SAFETY: promised by the caller.
            let look = unsafe { self.look_on(waiting, waker, late, wakers, unused) };
            (look, !waiting.first.is_null())
        })?;
        self.serve(wakers, &mut None);
        Some(look)
    }

    /// # Safety
    ///
    /// As for [`look`](Self::look).
    unsafe fn look_on(
        &self,
        waiting: &mut Waiting<T>,
        waker: &mut Option<Waker>,
        late: bool,
        wakers: &mut Wakers,
        unused: &mut Vec<Waker>,
    ) -> Look<T> {
        loop {
            let head = self.head();
            if head.is_aborted() {
                return Look::End;
            }
            let Some(first) = NonNull::new(waiting.first) else {
                if !head.node().is_null() || head.bits() & LISTED != 0 {
                    if self.change(head, head.emptied(0)).is_ok() {
                        waiting.append_reversed(head.node());
                    }
                    continue;
                }
                if head.is_closed() {
                    return Look::End;
                }
                if waker.is_none() {
                    return Look::NeedsWaker;
                }
                // SAFETY: promised by the caller.
                if unsafe { self.ask(head, waker, unused) } {
                    return Look::Asked;
                }
                continue;
            };
            // SAFETY: the node is on the list, which is ours.
            if unsafe { first.as_ref() }.asks() {
                if !late {
                    return Look::NeedsLate;
                }
                // SAFETY: promised by the caller.
                unused.extend(unsafe { self.slot.open(None, true) });
            }
            waiting.pop();
            // SAFETY: popped.
            if let Some(look) = unsafe { self.take(first, wakers, unused) } {
                return look;
            }
        }
    }

    /// Asks whoever holds the list to wake the consumer, whose waker is in `late`.
    pub(super) fn call_back(&self) {
        self.requests.fetch_or(CALL, Ordering::AcqRel);
        // Pairs with the fence in `serve`: we try the lock again after this.
        fence(Ordering::SeqCst);
    }

    /// Takes back the request of a consumer that waits. Returns false if somebody was faster.
    pub(super) fn take_back(&self) -> bool {
        let head = self.head();
        head.is_wanted() && self.change(head, ptr::null_mut()).is_ok()
    }

    /// Counts a sender that has left its node on the line, and tidies up when there are many.
    pub(super) fn count_gone(&self, wakers: &mut Wakers) {
        let gone = self.gone.fetch_add(1, Ordering::Relaxed).wrapping_add(1);
        if gone < self.too_many.load(Ordering::Relaxed) || gone > usize::MAX / 2 {
            return;
        }
        let tidied = self.waiting.try_with(|waiting| {
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
        });
        if tidied.is_some() {
            self.serve(wakers, &mut None);
        }
    }

    /// Counts a node that was found on the line after its sender had gone.
    pub(super) fn count_freed(&self, stayed: bool) {
        if stayed {
            self.gone.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// Does what was asked for by those who found the list taken. Everyone who has held the list
    /// calls this after it.
    fn serve(&self, wakers: &mut Wakers, left: &mut Option<T>) {
        loop {
            // Pairs with itself, and with the one in `call_back`: of one who frees the lock and then
            // looks for requests, and one who leaves a request and then tries the lock, one sees
            // the other.
            fence(Ordering::SeqCst);
            if self.requests.load(Ordering::Relaxed) == 0 {
                return;
            }
            let served = self.waiting.try_with(|waiting| {
                let requests = self.requests.swap(0, Ordering::AcqRel);
                if requests & REFUSE != 0 {
                    waiting.refuse(wakers, left);
                }
                requests
            });
            match served {
                Some(requests) if requests & CALL != 0 => wakers.add(self.slot.late.take()),
                Some(_) => {}
                None => return,
            }
        }
    }
}

/// What is left is of senders that have gone, of one that left an item, or forgotten.
impl<T> Drop for Line<T> {
    fn drop(&mut self) {
        let (mut wakers, mut left) = (Wakers::new(), None);
        let mut stack = Waiting::new();
        stack.append_reversed(self.head().node());
        self.waiting.try_with(|waiting| waiting.refuse(&mut wakers, &mut left));
        stack.refuse(&mut wakers, &mut left);
    }
}
