//! Elements of a pinned slice.

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
