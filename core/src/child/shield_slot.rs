//! The slot of a child that holds its shields.

use crate::{
    cancel::shields::Shields,
    sync::{Arc, UnsafeCell},
};
use core::{mem, task::Waker};

/// The shields of a child, if there ever were any. The slot belongs to the thread that polls or
/// ends the child.
pub(crate) struct ShieldSlot(UnsafeCell<Option<Arc<Shields>>>);

impl ShieldSlot {
    pub(super) fn new() -> Self {
        ShieldSlot(UnsafeCell::new(None))
    }

    /// Calls `f` with what is in the slot.
    ///
    /// # Safety
    ///
    /// The caller owns the slot.
    pub(super) unsafe fn with(&self, f: &mut dyn FnMut(&mut Option<Arc<Shields>>)) {
        // `f` may run user code, so no reference into the slot is held during the call.
        // SAFETY: promised by the caller.
        let mut shields = self.0.with_mut(|slot| unsafe { (*slot).take() });
        f(&mut shields);
        // SAFETY: as above.
        drop(self.0.with_mut(|slot| unsafe { mem::replace(&mut *slot, shields) }));
    }

    /// Returns whether there never were any.
    ///
    /// # Safety
    ///
    /// The caller owns the slot.
    pub(super) unsafe fn is_empty(&self) -> bool {
        // SAFETY: promised by the caller.
        self.0.with(|slot| unsafe { (*slot).is_none() })
    }

    /// Returns whether a shield is up.
    ///
    /// # Safety
    ///
    /// The caller owns the slot.
    pub(super) unsafe fn is_up(&self) -> bool {
        // SAFETY: promised by the caller.
        self.0.with(|slot| unsafe { (*slot).as_ref().is_some_and(|shields| shields.is_up()) })
    }

    /// Returns whether a shield is up after a poll with `waker`; see [`Shields::is_up_after`].
    ///
    /// # Safety
    ///
    /// The caller owns the slot.
    pub(super) unsafe fn is_up_after(&self, waker: &Waker) -> bool {
        // SAFETY: promised by the caller.
        self.0.with(|slot| unsafe {
            (*slot).as_ref().is_some_and(|shields| shields.is_up_after(waker))
        })
    }

    /// Drops the child's share of the shields, and with it a waker, whose destructor may panic.
    ///
    /// # Safety
    ///
    /// The caller owns the slot.
    pub(super) unsafe fn clear(&self) {
        // SAFETY: promised by the caller.
        drop(self.0.with_mut(|slot| unsafe { (*slot).take() }));
    }
}
