//! Ends scopes that are nested in each other's children with a bounded stack.
//!
//! A scope that is dropped drops its children, which may own scopes, which drop theirs. Down to the
//! level [`DEEPEST`], each scope does so at once. A scope below that level leaves its children to
//! the scope at that level, which ends them before its own drop returns. So code above that level
//! sees no difference.
//!
//! Children that are left in this way must own what they use. A count of their scope keeps them, as
//! if a slow thread were dropping the scope.
//!
//! Without `std` there are no thread-locals, and every scope drops its children at once.

use super::parent::Parent;
use crate::sync::Arc;

/// Ends the children of a scope that is dropped, or leaves that to a scope further out on this
/// thread. Either way, no child can enter any more.
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

    /// How many levels use the stack. Each needs some frames of ours, and those of the destructors
    /// in between.
    const DEEPEST: usize = 64;

    std::thread_local! {
        static LEVEL: Cell<usize> = const { Cell::new(0) };
        static LEFT: Cell<Vec<Left>> = const { Cell::new(Vec::new()) };
    }

    /// A scope whose children were left to an outer scope, with a count of the scope.
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
            // Fails while the thread is ending. Then the children are dropped at once, on the stack.
            let Err(left) = change(left, |all, left| all.push(left)) else { return };
            // SAFETY: the count from `into_raw` above, which was not put on the list.
            drop(unsafe { Arc::from_raw(left.scope.cast::<S>()) });
        }
        LEVEL.set(level + 1);
        let _back = Finally::new(|| LEVEL.set(level));
        scope.abandon_children();
        if level + 1 == DEEPEST {
            while let Ok(Some(left)) = change((), |all, ()| all.pop()) {
                // SAFETY: the pointer is that of `left`, which is taken off the list once. The list
                // belongs to this thread, so this thread left it. Nothing is borrowed, as was
                // promised then.
                unsafe { (left.abandon)(left.scope) };
            }
        }
    }

    fn end<S: Parent>(scope: Arc<S>) {
        unwind::contain(|| scope.abandon_children());
        unwind::discard(scope);
    }

    /// Calls `f` with the list and `value`, or returns `value` if the list is gone.
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
