//! What is dropped when a poll panics.

use super::{chunk::Chunk, slab::Slab};
use crate::unwind;
use core::ptr::{self, NonNull};

/// Drops a child whose first poll panics.
pub(super) struct DropPlace<F>(pub(super) NonNull<F>);

impl<F> Drop for DropPlace<F> {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: made by `start`, for a child that the slab does not know of.
        unsafe { drop_place(self.0) };
    }
}

/// Drops a child whose poll panics.
pub(super) struct DropChild<'a, F, const OWN: bool> {
    pub(super) slab: &'a mut Slab<F, OWN>,
    pub(super) chunk: Chunk<F>,
    pub(super) slot: usize,
}

impl<F, const OWN: bool> Drop for DropChild<'_, F, OWN> {
    #[inline]
    fn drop(&mut self) {
        drop_child(self.slab, self.chunk, self.slot);
    }
}

// Apart from the guards, so that these lie in registers and not in memory.

#[cold]
#[inline(never)]
fn drop_child<F, const OWN: bool>(slab: &mut Slab<F, OWN>, chunk: Chunk<F>, slot: usize) {
    slab.forget(chunk, slot);
    // SAFETY: the slot had a child, which the slab does not know any more.
    unsafe { drop_place(chunk.slot(slot)) };
}

/// Drops a child, whose destructor may panic too.
///
/// # Safety
///
/// There is one, and nobody knows of it.
#[cold]
#[inline(never)]
unsafe fn drop_place<F>(place: NonNull<F>) {
    // SAFETY: promised by the caller.
    unwind::contain(|| unsafe { ptr::drop_in_place(place.as_ptr()) });
}

/// Has the slab forget children of a chunk when they have been dropped, or when the destructor of one of
/// them panics: then those up to that one.
pub(super) struct DropChildren<'a, F, const OWN: bool> {
    pub(super) slab: &'a mut Slab<F, OWN>,
    pub(super) chunk: Chunk<F>,
    pub(super) children: usize,
    /// Those that were not yet named by `next`.
    pub(super) left: usize,
}

impl<F, const OWN: bool> DropChildren<'_, F, OWN> {
    /// The child to be dropped next.
    #[inline(always)]
    pub(super) fn next(&mut self) -> Option<NonNull<F>> {
        if self.left == 0 {
            return None;
        }
        let slot = self.left.trailing_zeros() as usize;
        self.left &= self.left - 1;
        Some(self.chunk.slot(slot))
    }
}

impl<F, const OWN: bool> Drop for DropChildren<'_, F, OWN> {
    fn drop(&mut self) {
        self.slab.vacate_all(self.chunk, self.children & !self.left);
    }
}
