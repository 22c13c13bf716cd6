//! What keeps a child from being dropped for a while.
//!
//! A shield inside the future of a child counts in the child's [`Shields`], and in those of every
//! child around it on the same stack, as the drop of any of them would drop it. A child that goes
//! idle while the count is not zero says so in its state word; see [`child::state`](crate::child::state).

use crate::sync::{Arc, AtomicUsize, Ordering, atomic_waker::AtomicWaker};
use core::task::Waker;

/// The shields in one child, or in the body of one scope.
pub(crate) struct Shields {
    up: AtomicUsize,
    /// Whoever polls the child, while it is idle behind a shield.
    idle: AtomicWaker,
}

// Without `std` there is nobody who raises one.
#[cfg_attr(not(all(feature = "std", not(anyscope_loom))), allow(dead_code))]
impl Shields {
    pub(crate) fn new() -> Self {
        Shields { up: AtomicUsize::new(0), idle: AtomicWaker::new() }
    }

    pub(crate) fn raise(&self) {
        self.up.fetch_add(1, Ordering::Relaxed);
    }

    /// One less. If it was the last, and the child is not `running` around the caller, this is who
    /// polls the child, to be woken when the caller has done whatever else it has to do.
    #[must_use = "who waits for the end of the shield is to be woken"]
    pub(crate) fn lower(&self, running: bool) -> Option<Waker> {
        // Release: what was behind the shield happens before the drop that it kept off.
        let before = self.up.fetch_sub(1, Ordering::AcqRel);
        debug_assert!(before > 0, "lowered more often than raised");
        if before == 1 && !running { self.idle.take() } else { None }
    }

    pub(crate) fn is_up(&self) -> bool {
        self.up.load(Ordering::Acquire) > 0
    }

    /// Whether there are shields; then the end of the last one fires `waker`.
    pub(crate) fn is_up_after(&self, waker: &Waker) -> bool {
        self.is_up() && {
            self.idle.register(waker);
            // Again, as it may have ended before it could know the waker.
            self.is_up()
        }
    }
}

/// Whether a shield that some code may pass is in place.
///
/// It is not while there is an opening, of which there may be several at once, on several threads.
/// The end of the shield is an opening that is never closed. So a shield is lowered as often as it
/// is raised, whoever comes first or last.
///
/// The one who makes the first opening lowers the shield afterwards, so the shield has to be raised
/// before the last one goes. Who closes an opening therefore raises it first, and lowers it again if
/// there are others.
#[cfg_attr(not(all(feature = "std", not(anyscope_loom))), allow(dead_code))]
pub(crate) struct Openings(AtomicUsize);

#[cfg_attr(not(all(feature = "std", not(anyscope_loom))), allow(dead_code))]
impl Openings {
    pub(crate) fn new() -> Self {
        Openings(AtomicUsize::new(0))
    }

    pub(crate) fn open(&self, lower: impl FnOnce()) {
        // Acquire: after the raise of whoever closed the last opening.
        if self.0.fetch_add(1, Ordering::AcqRel) == 0 {
            lower();
        }
    }

    pub(crate) fn close(&self, raise: impl FnOnce(), lower: impl FnOnce()) {
        raise();
        // Release: whoever opens next sees the shield raised.
        if self.0.fetch_sub(1, Ordering::AcqRel) != 1 {
            lower();
        }
    }
}

/// The shields in `slot`, which are made if there are none.
#[cfg_attr(not(all(feature = "std", not(anyscope_loom))), allow(dead_code))]
pub(crate) fn in_slot(slot: &mut Option<Arc<Shields>>) -> &Arc<Shields> {
    slot.get_or_insert_with(|| Arc::new(Shields::new()))
}

/// Whether there are shields in `slot`, and one of them is up.
pub(crate) fn is_up(slot: &Option<Arc<Shields>>) -> bool {
    slot.as_ref().is_some_and(|shields| shields.is_up())
}
