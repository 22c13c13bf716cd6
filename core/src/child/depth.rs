//! Ends scopes that are nested in each other's children without a stack as deep as they are.
//!
//! A scope that is dropped drops its children, which may own scopes, which drop theirs. Down to the
//! level [`DEEPEST`] each does so on the spot. A scope below that leaves its children to the scope
//! at that level, which ends them before it goes on. So from there on up, all is as if every drop
//! had been made on the spot.
//!
//! What is left in this way must own what it uses, and is kept by a count of its scope: as if a
//! slow thread were dropping that.
//!
//! Without `std` there are no thread-locals, and every drop is made on the spot.

use super::parent::Parent;
use crate::sync::Arc;

/// Ends the children of a scope that is dropped, or leaves that to a scope further out on this
/// thread. Then no child can enter any more.
///
/// # Safety
///
/// If `may_leave`, then the children of `scope` own what they use, and so does `scope`.
pub(crate) unsafe fn abandon<S: Parent>(scope: &Arc<S>, may_leave: bool) {
    // SAFETY: promised by the caller.
    unsafe { imp::abandon(scope, may_leave) }
}

#[cfg(all(feature = "std", not(anyscope_loom)))]
mod imp {
    use super::*;
    use crate::unwind::{self, Finally};
    use alloc::vec::Vec;
    use core::cell::Cell;

    /// How many levels take a stack. Each needs some frames of ours, and those of the destructors
    /// in between.
    const DEEPEST: usize = 64;

    std::thread_local! {
        static LEVEL: Cell<usize> = const { Cell::new(0) };
        static LEFT: Cell<Vec<Left>> = const { Cell::new(Vec::new()) };
    }

    /// A scope whose children are left, with a count.
    struct Left {
        scope: *const (),
        abandon: unsafe fn(*const ()),
    }

    pub(super) unsafe fn abandon<S: Parent>(scope: &Arc<S>, may_leave: bool) {
        let level = LEVEL.get();
        if may_leave && level >= DEEPEST {
            scope.registry().close(|_| {});
            let left = Left {
                scope: Arc::into_raw(scope.clone()).cast(),
                // SAFETY: the caller of this has the pointer above, once.
                abandon: |scope| unsafe { end(Arc::from_raw(scope.cast::<S>())) },
            };
            // Fails while the thread goes down. Then the stack must do.
            let Err(left) = change(left, |all, left| all.push(left)) else { return };
            // SAFETY: it was not taken.
            drop(unsafe { Arc::from_raw(left.scope.cast::<S>()) });
        }
        LEVEL.set(level + 1);
        let _back = Finally::new(|| LEVEL.set(level));
        scope.abandon_children();
        if level + 1 == DEEPEST {
            while let Ok(Some(left)) = change((), |all, ()| all.pop()) {
                // SAFETY: the pointer is that of `left`, which is taken off the list once. It is
                // the thread that left it; nothing is borrowed, as was promised then.
                unsafe { (left.abandon)(left.scope) };
            }
        }
    }

    fn end<S: Parent>(scope: Arc<S>) {
        unwind::contain(|| scope.abandon_children());
        unwind::discard(scope);
    }

    /// Changes the list, or gives back what that was to be done with.
    fn change<T, R>(value: T, f: impl FnOnce(&mut Vec<Left>, T) -> R) -> Result<R, T> {
        let mut value = Some(value);
        let changed = LEFT.try_with(|cell| {
            let mut all = cell.take();
            let result = f(&mut all, value.take().expect("taken once"));
            cell.set(all);
            result
        });
        changed.map_err(|_| value.expect("not taken"))
    }
}

#[cfg(not(all(feature = "std", not(anyscope_loom))))]
mod imp {
    use super::*;

    pub(super) unsafe fn abandon<S: Parent>(scope: &Arc<S>, _: bool) {
        scope.abandon_children();
    }
}
