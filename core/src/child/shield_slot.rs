//! Where a child has its shields.

use crate::{
    cancel::shields::Shields,
    sync::{Arc, UnsafeCell},
};
use core::{mem, task::Waker};

/// Where the shields of a child are, if there ever were any. It belongs to whoever polls or ends
/// the child.
pub(crate) struct ShieldSlot(UnsafeCell<Option<Arc<Shields>>>);

impl ShieldSlot {
    pub(super) fn new() -> Self {
        ShieldSlot(UnsafeCell::new(None))
    }

    /// Calls `f` with what is in the slot.
    ///
    /// # Safety
    ///
    /// The slot is the caller's.
    pub(super) unsafe fn with(&self, f: &mut dyn FnMut(&mut Option<Arc<Shields>>)) {
        // Not with a reference into the slot, whatever `f` does.
        // SAFETY: promised by the caller.
        let mut shields = self.0.with_mut(|slot| unsafe { (*slot).take() });
        f(&mut shields);
        // SAFETY: as above.
        drop(self.0.with_mut(|slot| unsafe { mem::replace(&mut *slot, shields) }));
    }

    /// # Safety
    ///
    /// The slot is the caller's.
    pub(super) unsafe fn is_up(&self) -> bool {
        // SAFETY: promised by the caller.
        self.0.with(|slot| unsafe { (*slot).as_ref().is_some_and(|shields| shields.is_up()) })
    }

    /// # Safety
    ///
    /// The slot is the caller's.
    pub(super) unsafe fn is_up_after(&self, waker: &Waker) -> bool {
        // SAFETY: promised by the caller.
        self.0.with(|slot| unsafe {
            (*slot).as_ref().is_some_and(|shields| shields.is_up_after(waker))
        })
    }

    /// Lets go of the waker, whose destructor may panic.
    ///
    /// # Safety
    ///
    /// The slot is the caller's.
    pub(super) unsafe fn clear(&self) {
        // SAFETY: promised by the caller.
        drop(self.0.with_mut(|slot| unsafe { (*slot).take() }));
    }
}
