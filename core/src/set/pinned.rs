//! Elements of a pinned slice, and of a `Vec`.

#[cfg(feature = "alloc")]
use crate::unwind::{self, Payload};
#[cfg(feature = "alloc")]
use alloc::vec::Vec;
#[cfg(feature = "alloc")]
use core::mem;
use core::pin::Pin;

/// Returns an element of a pinned slice, pinned with it.
#[inline]
pub(crate) fn element<T>(slice: Pin<&mut [T]>, place: usize) -> Pin<&mut T> {
    // SAFETY: the element is part of the slice, which is pinned, so it does not move either. It is
    // dropped in place with the slice, and nothing here moves out of it. A slice is `Unpin` only if
    // its elements are.
    unsafe { slice.map_unchecked_mut(|slice| &mut slice[place]) }
}

/// Returns all elements of a pinned slice, pinned with it.
#[inline]
pub(crate) fn elements<T>(slice: Pin<&mut [T]>) -> impl ExactSizeIterator<Item = Pin<&mut T>> {
    // SAFETY: nothing is moved out of the slice here, and the iterator yields no more than the
    // references that are pinned below.
    let slice = unsafe { slice.get_unchecked_mut() };
    // SAFETY: as in `element`.
    slice.iter_mut().map(|element| unsafe { Pin::new_unchecked(element) })
}

/// Values pinned where a `Vec` has them. It does not grow.
#[cfg(feature = "alloc")]
#[derive(Debug)]
pub struct PinnedVec<T>(Vec<T>);

/// What is pinned is not in it.
#[cfg(feature = "alloc")]
impl<T> Unpin for PinnedVec<T> {}

#[cfg(feature = "alloc")]
impl<T> PinnedVec<T> {
    pub(crate) fn new(values: Vec<T>) -> Self {
        PinnedVec(values)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    #[inline]
    pub(crate) fn iter_mut(&mut self) -> impl ExactSizeIterator<Item = Pin<&mut T>> {
        // SAFETY: the `Vec` is private, and nothing here moves a value: it neither grows nor shrinks
        // its memory, and values are dropped in place, by `clear` or with the `Vec`.
        self.0.iter_mut().map(|value| unsafe { Pin::new_unchecked(value) })
    }

    /// Drops all values, also when some destructors panic: the first panic is kept.
    #[inline]
    pub(crate) fn clear(&mut self, first: &mut Option<Payload>) {
        if !mem::needs_drop::<T>() {
            return self.0.clear();
        }
        while !self.0.is_empty() {
            // Once, unless a destructor panics.
            unwind::keep_first(first, || {
                while let Some(last) = self.0.len().checked_sub(1) {
                    self.0.truncate(last);
                }
            });
        }
    }
}
