//! The consumer's place for one item, and who may touch it.
//!
//! The place is the consumer's until it asks. From then on it is that of one giver: of the sender that
//! takes the request out of the line, or that is given it. The giver gives it back with its last
//! step.
//!
//! | state | meaning | item and waker |
//! |---|---|---|
//! | `OPEN` | the consumer does not ask; or it asks | the consumer's; the giver's |
//! | `LATE` | as `OPEN`, asked; and there is a waker in `late` | the giver's |
//! | `FULL` | there is an item | the consumer's |
//! | `RELEASED` | the giver has nothing to give, or there will be no more items | the consumer's |
//! | `ABANDONED` | the consumer has given up | the giver's |
//!
//! `late` has the waker of a consumer that was polled again while somebody gives, or that waits for
//! a permit, which may take long. Unlike `waker`, it can be fired by those who have no part in it.

use crate::sync::{AtomicUsize, Ordering, UnsafeCell, Wakers, atomic_waker::AtomicWaker};
use core::task::Waker;

const OPEN: usize = 0;
const LATE: usize = 1;
const FULL: usize = 2;
const RELEASED: usize = 3;
const ABANDONED: usize = 4;

/// A place for one item; see the [module](self).
pub(super) struct Slot<T> {
    state: AtomicUsize,
    item: UnsafeCell<Option<T>>,
    waker: UnsafeCell<Option<Waker>>,
    pub(super) late: AtomicWaker,
}

/// What the consumer finds in a slot after it has asked.
pub(super) enum Found<T> {
    Item(T),
    Released,
    Nothing,
}

impl<T> Slot<T> {
    pub(super) fn new() -> Self {
        Slot {
            state: AtomicUsize::new(OPEN),
            item: UnsafeCell::new(None),
            waker: UnsafeCell::new(None),
            late: AtomicWaker::new(),
        }
    }

    // The consumer's side.

    /// Prepares the slot for a giver. Returns the old waker, to be dropped; there is none unless a request was
    /// taken back.
    ///
    /// # Safety
    ///
    /// The slot must be the caller's, as that of the consumer. It is when the consumer does not ask.
    #[inline]
    pub(super) unsafe fn open(&self, waker: Option<Waker>, late: bool) -> Option<Waker> {
        // What follows publishes the slot: a change of the line, or of a node.
        self.state.store(if late { LATE } else { OPEN }, Ordering::Relaxed);
        // SAFETY: promised by the caller.
        self.waker.with_mut(|place| unsafe { core::mem::replace(&mut *place, waker) })
    }

    /// Takes the waker out of a slot that nobody was given.
    ///
    /// # Safety
    ///
    /// As for [`open`](Self::open).
    pub(super) unsafe fn close(&self) -> Option<Waker> {
        // SAFETY: promised by the caller.
        self.waker.with_mut(|place| unsafe { (*place).take() })
    }

    /// Returns what the giver has left.
    ///
    /// # Safety
    ///
    /// The caller must be the consumer, and have asked.
    #[inline]
    pub(super) unsafe fn found(&self) -> Found<T> {
        // Acquire: see the item.
        match self.state.load(Ordering::Acquire) {
            FULL => {
                // SAFETY: `FULL`: the item is the consumer's.
                let item = self.item.with_mut(|place| unsafe { (*place).take() });
                Found::Item(item.expect("a slot that is full"))
            }
            RELEASED => Found::Released,
            _ => Found::Nothing,
        }
    }

    /// Tells the giver that there is a waker in `late`. Has no effect if it has given.
    pub(super) fn mark_late(&self) {
        // Release: the giver that sees this looks into `late`.
        let _ = self.state.compare_exchange(OPEN, LATE, Ordering::AcqRel, Ordering::Relaxed);
    }

    /// Returns whether the giver has not given yet.
    pub(super) fn is_out(&self) -> bool {
        matches!(self.state.load(Ordering::Acquire), OPEN | LATE)
    }

    /// Gives the slot up, to the giver. Returns false if it has given.
    ///
    /// # Safety
    ///
    /// The caller must be the consumer, and have asked, and does not ask again.
    pub(super) unsafe fn abandon(&self) -> bool {
        // Only from `OPEN` to `LATE` does the giver change it and keep it.
        [OPEN, LATE].into_iter().any(|from| {
            let to = ABANDONED;
            self.state.compare_exchange(from, to, Ordering::AcqRel, Ordering::Relaxed).is_ok()
        })
    }

    // The giver's side.

    /// Gives the item, and returns the consumer's wakers, to be fired. Returns the item if the consumer
    /// has given up.
    ///
    /// # Safety
    ///
    /// The caller must be the giver, and no more than this once.
    #[inline]
    pub(super) unsafe fn give(&self, item: T) -> Result<(Option<Waker>, Option<Waker>), T> {
        // SAFETY: the slot is the giver's, here and in the next line.
        self.item.with_mut(|place| unsafe { *place = Some(item) });
        // SAFETY: as above.
        let waker = self.waker.with_mut(|place| unsafe { (*place).take() });
        // Release: publish the item. Acquire: the waker in `late`.
        match self.state.swap(FULL, Ordering::AcqRel) {
            LATE => Ok((waker, self.late.take())),
            ABANDONED => {
                // SAFETY: `ABANDONED`: the slot stays ours.
                let item = self.item.with_mut(|place| unsafe { (*place).take() });
                Err(item.expect("given above"))
            }
            _ => Ok((waker, None)),
        }
    }

    /// Gives nothing.
    ///
    /// # Safety
    ///
    /// As for [`give`](Self::give).
    pub(super) unsafe fn release(&self, wakers: &mut Wakers) {
        // SAFETY: the slot is the giver's.
        wakers.add(self.waker.with_mut(|place| unsafe { (*place).take() }));
        if self.state.swap(RELEASED, Ordering::AcqRel) == LATE {
            wakers.add(self.late.take());
        }
    }

    /// Moves the consumer's waker to where others can fire it, as the giver will keep the slot.
    ///
    /// # Safety
    ///
    /// As for [`give`](Self::give), except that the giver gives later.
    pub(super) unsafe fn keep(&self) {
        // SAFETY: the slot is the giver's.
        let waker = self.waker.with_mut(|place| unsafe { (*place).take() });
        if let Some(waker) = waker {
            self.late.register(&waker);
            self.mark_late();
        }
    }
}
