//! One waiting sender: its item, its waker, and who may touch them.
//!
//! A node has two sides. The *sender's* is a future, which may be polled with another waker or go
//! away at any moment. The *queue's* takes the node off the queue, or refuses it; one thread at a
//! time does that. Neither waits for the other. Whoever comes last owns the node.
//!
//! | state | set by | item | waker | leads to |
//! |---|---|---|---|---|
//! | `WAITING` | sender, before it pushes | at rest | at rest | `UPDATING`, `LEAVING`, `TAKING`, `REFUSING` |
//! | `UPDATING` | sender | at rest | sender's | `WAITING`; by the queue `TAKING_UPDATING`, `TAKEN`, `REFUSED` |
//! | `LEAVING` | sender | sender's | sender's | `GONE`; by the queue `UNLINKED` |
//! | `TAKING` | queue | queue's | queue's | `TAKEN`; by the sender `GONE` |
//! | `TAKING_UPDATING` | queue | queue's | sender's | `TAKEN`; by the sender `TAKING` |
//! | `REFUSING` | queue | sender's | queue's | `REFUSED`; by the sender `GONE` |
//! | `TAKEN` | queue | none | none | the node is the sender's |
//! | `REFUSED` | queue | there | none | the node is the sender's |
//! | `UNLINKED` | queue | sender's | sender's | the node is the sender's |
//! | `GONE` | sender | none | none | the node is the queue's |
//! | `DETACHED` | sender, before it pushes | there | none | the node is the queue's: nobody waits |
//!
//! No user code runs in a step: items and wakers are moved, and dropped or fired by the caller.

use crate::sync::{AtomicBool, AtomicUsize, Ordering, UnsafeCell};
use alloc::boxed::Box;
use core::{ptr::NonNull, task::Waker};

const WAITING: usize = 0;
const UPDATING: usize = 1;
const LEAVING: usize = 2;
const TAKING: usize = 3;
const TAKING_UPDATING: usize = 4;
const REFUSING: usize = 5;
const TAKEN: usize = 6;
const REFUSED: usize = 7;
const UNLINKED: usize = 8;
const GONE: usize = 9;
const DETACHED: usize = 10;

/// A node; see the [module](self). Aligned so that five bits of its address are free.
#[repr(align(32))]
pub(super) struct Node<T> {
    state: AtomicUsize,
    /// Has a place of its own in the pool of its sender.
    first: bool,
    /// Asks for the slot, and has no item. Written before the node is pushed.
    asks: AtomicBool,
    /// The next of the list that the node is on. Whoever has the list has the link.
    next: UnsafeCell<*mut Node<T>>,
    item: UnsafeCell<Option<T>>,
    waker: UnsafeCell<Option<Waker>>,
}

/// What the queue's side gets of a node.
pub(super) enum Taken<T> {
    /// An item, and the waker of whoever waits.
    Item(T, Option<Waker>),
    /// The sender has the slot now; its waker.
    Asks(Option<Waker>),
    /// The sender has gone; a waker to be dropped. `stayed` if its node stayed on the queue.
    Gone { waker: Option<Waker>, stayed: bool },
}

/// How a wait of a sender stands.
pub(super) enum Stands {
    Waits,
    Taken,
    Refused,
}

/// What a sender leaves with.
pub(super) enum Left<T> {
    /// Its item, if it had one, and a waker to be dropped.
    Back(Option<T>, Option<Waker>),
    /// The item was taken, or the slot was given.
    Taken,
    /// The queue is at it: an item is taken, a slot is not given.
    InTaking,
}

impl<T> Node<T> {
    /// Makes a node; see [`Pool`](super::pool::Pool) for `first`.
    pub(super) fn new(first: bool) -> Box<Self> {
        Box::new(Node {
            first,
            state: AtomicUsize::new(WAITING),
            asks: AtomicBool::new(false),
            next: UnsafeCell::new(core::ptr::null_mut()),
            item: UnsafeCell::new(None),
            waker: UnsafeCell::new(None),
        })
    }

    pub(super) fn is_first(&self) -> bool {
        self.first
    }

    /// Fills a node that nobody else has.
    pub(super) fn fill(&mut self, item: Option<T>, waker: Option<Waker>) {
        let state = if waker.is_some() { WAITING } else { DETACHED };
        // A store, as loom's atomics have no `get_mut`.
        self.state.store(state, Ordering::Relaxed);
        self.asks.store(item.is_none(), Ordering::Relaxed);
        // SAFETY: `&mut self`, in this function and the next.
        self.item.with_mut(|place| unsafe { *place = item });
        // SAFETY: as above.
        self.waker.with_mut(|place| unsafe { *place = waker });
    }

    /// Empties a node that nobody else has.
    pub(super) fn empty(&mut self) -> (Option<T>, Option<Waker>) {
        // SAFETY: `&mut self`.
        let item = self.item.with_mut(|place| unsafe { (*place).take() });
        // SAFETY: as above.
        let waker = self.waker.with_mut(|place| unsafe { (*place).take() });
        (item, waker)
    }

    /// Returns the next node of the list.
    ///
    /// # Safety
    ///
    /// The list that the node is on must be the caller's.
    pub(super) unsafe fn next(&self) -> *mut Node<T> {
        // SAFETY: promised by the caller.
        self.next.with(|next| unsafe { *next })
    }

    /// # Safety
    ///
    /// As for [`next`](Self::next); or the node is not on a list.
    pub(super) unsafe fn set_next(&self, to: *mut Node<T>) {
        // SAFETY: promised by the caller.
        self.next.with_mut(|next| unsafe { *next = to });
    }

    /// Returns whether the node asks for the slot.
    pub(super) fn asks(&self) -> bool {
        self.asks.load(Ordering::Relaxed)
    }

    fn change(&self, from: usize, to: usize) -> Result<usize, usize> {
        // Acquire: the cells as the other side left them. Release: the cells as we leave them.
        self.state.compare_exchange(from, to, Ordering::AcqRel, Ordering::Acquire)
    }

    /// # Safety
    ///
    /// The state must give the caller the item.
    unsafe fn take_item(&self) -> Option<T> {
        // SAFETY: promised by the caller.
        self.item.with_mut(|place| unsafe { (*place).take() })
    }

    /// # Safety
    ///
    /// The state must give the caller the waker.
    unsafe fn take_waker(&self) -> Option<Waker> {
        // SAFETY: promised by the caller.
        self.waker.with_mut(|place| unsafe { (*place).take() })
    }

    // The queue's side.

    /// Takes what a node has that was taken off the queue, and gives it back to its sender, or
    /// frees it.
    ///
    /// # Safety
    ///
    /// `this` must have been on the queue, and is not used by the caller again.
    pub(super) unsafe fn take(this: NonNull<Node<T>>) -> Taken<T> {
        // SAFETY: the queue's side has not ended before the last change of state below, so the
        // node is there.
        let node = unsafe { this.as_ref() };
        let asks = node.asks();
        let mut state = WAITING;
        loop {
            let to = match state {
                WAITING => TAKING,
                UPDATING if asks => TAKEN,
                UPDATING => TAKING_UPDATING,
                LEAVING => UNLINKED,
                DETACHED | GONE => {
                    // SAFETY: the state says that the node is the queue's.
                    let mut node = unsafe { Box::from_raw(this.as_ptr()) };
                    return match node.empty() {
                        (Some(item), waker) => Taken::Item(item, waker),
                        (None, waker) => Taken::Gone { waker, stayed: true },
                    };
                }
                _ => unreachable!("a node on the queue in state {state}"),
            };
            match node.change(state, to) {
                Ok(LEAVING) => return Taken::Gone { waker: None, stayed: false },
                Ok(UPDATING) if asks => return Taken::Asks(None),
                Ok(_) => {
                    state = to;
                    break;
                }
                Err(now) => state = now,
            }
        }
        // SAFETY: `TAKING`, `TAKING_UPDATING`: the item is ours.
        let item = unsafe { node.take_item() };
        let mut waker = None;
        loop {
            if state == TAKING {
                // SAFETY: `TAKING`: the waker is ours.
                waker = unsafe { node.take_waker() };
            }
            match node.change(state, TAKEN) {
                Ok(_) => break,
                Err(GONE) => {
                    // SAFETY: the sender has gone, so the node is ours; it is empty.
                    drop(unsafe { Box::from_raw(this.as_ptr()) });
                    if item.is_none() {
                        // There is nobody to have the slot.
                        return Taken::Gone { waker, stayed: false };
                    }
                    break;
                }
                Err(now) => state = now,
            }
        }
        match item {
            Some(item) => Taken::Item(item, waker),
            None => Taken::Asks(waker),
        }
    }

    /// Refuses a node that was taken off the queue, and gives it back to its sender, or frees it.
    /// Returns the sender's waker, and an item for which nobody waits.
    ///
    /// # Safety
    ///
    /// As for [`take`](Self::take).
    pub(super) unsafe fn refuse(this: NonNull<Node<T>>) -> (Option<Waker>, Option<T>) {
        // SAFETY: as in `take`.
        let node = unsafe { this.as_ref() };
        let mut state = WAITING;
        loop {
            let to = match state {
                WAITING => REFUSING,
                UPDATING => REFUSED,
                LEAVING => UNLINKED,
                DETACHED | GONE => {
                    // SAFETY: the state says that the node is the queue's.
                    let mut node = unsafe { Box::from_raw(this.as_ptr()) };
                    let (item, waker) = node.empty();
                    return (waker, item);
                }
                _ => unreachable!("a node on the queue in state {state}"),
            };
            match node.change(state, to) {
                Ok(WAITING) => break,
                Ok(_) => return (None, None),
                Err(now) => state = now,
            }
        }
        // SAFETY: `REFUSING`: the waker is ours.
        let waker = unsafe { node.take_waker() };
        if node.change(REFUSING, REFUSED).is_err() {
            // SAFETY: the sender has gone, with its item, so the node is ours.
            drop(unsafe { Box::from_raw(this.as_ptr()) });
        }
        (waker, None)
    }

    /// Frees a node on the queue whose sender has gone. Returns whether it was so.
    ///
    /// # Safety
    ///
    /// `this` must be on the queue, which is the caller's, and is taken off it if this returns true.
    pub(super) unsafe fn free_if_gone(this: NonNull<Node<T>>) -> bool {
        // SAFETY: on the queue, so it is there.
        let gone = unsafe { this.as_ref() }.state.load(Ordering::Acquire) == GONE;
        if gone {
            // SAFETY: the state says that the node is the queue's.
            drop(unsafe { Box::from_raw(this.as_ptr()) });
        }
        gone
    }

    // The sender's side.

    /// Returns how the wait stands. The node is the caller's unless it waits.
    pub(super) fn stands(&self) -> Stands {
        match self.state.load(Ordering::Acquire) {
            TAKEN => Stands::Taken,
            REFUSED => Stands::Refused,
            _ => Stands::Waits,
        }
    }

    /// Makes `waker` the one to be fired. Returns how the wait stands then, and a waker to be dropped.
    /// If the queue is at the old one right now, this one is to be fired by the caller at once.
    pub(super) fn update(&self, waker: Waker) -> (Stands, Option<Waker>, bool) {
        match self.change(WAITING, UPDATING) {
            Ok(_) => {}
            Err(TAKEN) => return (Stands::Taken, Some(waker), false),
            Err(REFUSED) => return (Stands::Refused, Some(waker), false),
            Err(_) => return (Stands::Waits, Some(waker), true),
        }
        // SAFETY: `UPDATING`: the waker is ours.
        let old = self.waker.with_mut(|place| unsafe { (*place).replace(waker) });
        let mut state = UPDATING;
        loop {
            let to = if state == UPDATING { WAITING } else { TAKING };
            match self.change(state, to) {
                Ok(_) => return (Stands::Waits, old, false),
                Err(TAKING_UPDATING) => state = TAKING_UPDATING,
                Err(end) => {
                    // SAFETY: `TAKEN` or `REFUSED`: the node is ours.
                    let ours = unsafe { self.take_waker() };
                    let stands = if end == TAKEN { Stands::Taken } else { Stands::Refused };
                    // Every step is done; so the other one may be dropped here.
                    return (stands, ours.or(old), false);
                }
            }
        }
    }

    /// Gives up the sender's side. Returns the node if it is the caller's, and whether it stays on the
    /// queue as one that is gone.
    ///
    /// # Safety
    ///
    /// The sender's side must be the caller's, who does not use it again.
    pub(super) unsafe fn leave(this: NonNull<Node<T>>) -> (Left<T>, Option<Box<Node<T>>>, bool) {
        // SAFETY: the sender's side has not ended before the last change of state below.
        let node = unsafe { this.as_ref() };
        // SAFETY: called where the state says that the node is the sender's.
        let owned = || Some(unsafe { Box::from_raw(this.as_ptr()) });
        let mut state = node.state.load(Ordering::Acquire);
        loop {
            match state {
                WAITING => match node.change(WAITING, LEAVING) {
                    Ok(_) => {
                        // SAFETY: `LEAVING`: both are ours.
                        let item = unsafe { node.take_item() };
                        // SAFETY: as above.
                        let back = Left::Back(item, unsafe { node.take_waker() });
                        return match node.change(LEAVING, GONE) {
                            Ok(_) => (back, None, true),
                            Err(_) => (back, owned(), false),
                        };
                    }
                    Err(now) => state = now,
                },
                TAKING => match node.change(TAKING, GONE) {
                    Ok(_) => return (Left::InTaking, None, false),
                    Err(now) => state = now,
                },
                REFUSING => {
                    // SAFETY: `REFUSING`: the item is ours.
                    let back = Left::Back(unsafe { node.take_item() }, None);
                    return match node.change(REFUSING, GONE) {
                        Ok(_) => (back, None, false),
                        Err(_) => (back, owned(), false),
                    };
                }
                TAKEN => return (Left::Taken, owned(), false),
                REFUSED => {
                    // SAFETY: `REFUSED`: the node is ours.
                    return (Left::Back(unsafe { node.take_item() }, None), owned(), false);
                }
                _ => unreachable!("a sender in state {state}"),
            }
        }
    }
}

/// For models: they try every access that may come after this.
#[cfg(anyscope_loom)]
impl<T> Drop for Node<T> {
    fn drop(&mut self) {
        crate::sync::Freed::freed(&mut self.state);
    }
}
