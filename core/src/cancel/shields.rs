//! Counters that keep a child from being dropped for a while.
//!
//! A shield inside the future of a child counts in the child's [`Shields`], and in those of every
//! child around it on the same stack, as dropping any of them would drop the shielded future. A
//! child that goes idle while its count is not zero says so in its state word; see
//! [`child::state`](crate::child::state).

use crate::sync::{Arc, AtomicUsize, Ordering, atomic_waker::AtomicWaker};
use core::task::Waker;

/// The shields in one child, or in the body of one scope.
pub(crate) struct Shields {
    up: AtomicUsize,
    /// Wakes the executor of the child, while the child is idle behind a shield.
    idle: AtomicWaker,
}

// Without `std` nothing raises a shield.
#[cfg_attr(not(all(feature = "std", not(anyscope_loom))), allow(dead_code))]
impl Shields {
    pub(crate) fn new() -> Self {
        Shields { up: AtomicUsize::new(0), idle: AtomicWaker::new() }
    }

    pub(crate) fn raise(&self) {
        self.up.fetch_add(1, Ordering::Relaxed);
    }

    /// Lowers one shield. If it was the last, and the child is not `running` around the caller,
    /// returns the waker of the child's executor, for the caller to fire when all else is done.
    #[must_use = "the task that waits for the end of the shield must be woken"]
    pub(crate) fn lower(&self, running: bool) -> Option<Waker> {
        // Release: what ran behind the shield happens before the drop that the shield delayed.
        let before = self.up.fetch_sub(1, Ordering::AcqRel);
        debug_assert!(before > 0, "lowered more often than raised");
        if before == 1 && !running { self.idle.take() } else { None }
    }

    pub(crate) fn is_up(&self) -> bool {
        self.up.load(Ordering::Acquire) > 0
    }

    /// Returns whether a shield is up. If one is, lowering the last one fires `waker`.
    pub(crate) fn is_up_after(&self, waker: &Waker) -> bool {
        self.is_up() && {
            self.idle.register(waker);
            // Checked again, as the last shield may have been lowered before `waker` was
            // registered.
            self.is_up()
        }
    }
}

/// Counts the openings in a shield, which let cancels through.
///
/// The shield is down while there is an opening. There may be several at once, on several threads.
/// The end of the shield is an opening that is never closed. So a shield is lowered as often as it
/// is raised, in whatever order the openings come and go.
///
/// The thread that makes the first opening lowers the shield afterwards, so the shield has to be
/// raised before the last opening is counted out. A thread that closes an opening therefore raises
/// the shield first, and lowers it again if there are other openings.
#[cfg_attr(not(all(feature = "std", not(anyscope_loom))), allow(dead_code))]
pub(crate) struct Openings(AtomicUsize);

#[cfg_attr(not(all(feature = "std", not(anyscope_loom))), allow(dead_code))]
impl Openings {
    pub(crate) fn new() -> Self {
        Openings(AtomicUsize::new(0))
    }

    pub(crate) fn open(&self, lower: impl FnOnce()) {
        // Acquire: the raise by the thread that closed the last opening happens before our lower.
        // With a weaker order, the count of shields could fall below zero.
        if self.0.fetch_add(1, Ordering::AcqRel) == 0 {
            lower();
        }
    }

    pub(crate) fn close(&self, raise: impl FnOnce(), lower: impl FnOnce()) {
        raise();
        // Release: the thread that opens next sees the shield raised.
        if self.0.fetch_sub(1, Ordering::AcqRel) != 1 {
            lower();
        }
    }
}

/// Returns the shields in `slot`, and makes them if there are none.
#[cfg_attr(not(all(feature = "std", not(anyscope_loom))), allow(dead_code))]
pub(crate) fn in_slot(slot: &mut Option<Arc<Shields>>) -> &Arc<Shields> {
    slot.get_or_insert_with(|| Arc::new(Shields::new()))
}

/// Returns whether there are shields in `slot`, and one of them is up.
pub(crate) fn is_up(slot: &Option<Arc<Shields>>) -> bool {
    slot.as_ref().is_some_and(|shields| shields.is_up())
}
