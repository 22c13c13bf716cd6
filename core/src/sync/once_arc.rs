//! An `Arc` set at most once and readable from every thread, without an allocation of its own.

use crate::sync::{Arc, AtomicPtr, Ordering};
use core::{marker::PhantomData, ptr};

/// An initially empty cell; [`OnceBox`](super::once_box::OnceBox) for a shared value.
pub(crate) struct OnceArc<T> {
    value: AtomicPtr<T>,
    owned: PhantomData<Arc<T>>,
}

// SAFETY: sending the cell sends an `Arc<T>`.
unsafe impl<T: Send + Sync> Send for OnceArc<T> {}
// SAFETY: threads share `&T`, and any of them may move an `Arc<T>` in or take one out.
unsafe impl<T: Send + Sync> Sync for OnceArc<T> {}

impl<T> OnceArc<T> {
    pub(crate) fn new() -> Self {
        OnceArc { value: AtomicPtr::new(ptr::null_mut()), owned: PhantomData }
    }

    /// Sets the value. If there is one already, that one stays.
    pub(crate) fn set(&self, value: Arc<T>) {
        let new = Arc::into_raw(value).cast_mut();
        let null = ptr::null_mut();
        // Release: a thread that reads the pointer sees what it points to.
        if self.value.compare_exchange(null, new, Ordering::Release, Ordering::Relaxed).is_err() {
            // SAFETY: the count from `into_raw` above. The pointer was not published.
            drop(unsafe { Arc::from_raw(new) });
        }
    }

    pub(crate) fn get(&self) -> Option<&T> {
        // SAFETY: null, or a pointer from `set`, whose count is kept until `drop`.
        unsafe { self.value.load(Ordering::Acquire).as_ref() }
    }

    /// Returns the value, with a count for the caller.
    pub(crate) fn get_arc(&self) -> Option<Arc<T>> {
        let value = self.value.load(Ordering::Acquire);
        // SAFETY: not null, so it comes from `Arc::into_raw` in `set`, and the count that `self`
        // holds keeps the value alive. The count that we add is the caller's.
        (!value.is_null()).then(|| unsafe {
            Arc::increment_strong_count(value);
            Arc::from_raw(value)
        })
    }
}

impl<T> Drop for OnceArc<T> {
    fn drop(&mut self) {
        let value = self.value.load(Ordering::Acquire);
        if !value.is_null() {
            // SAFETY: the count that `set` left, given up once.
            drop(unsafe { Arc::from_raw(value) });
        }
    }
}

#[cfg(all(test, not(anyscope_loom)))]
mod tests {
    use super::*;

    #[test]
    fn the_first_value_stays_and_is_counted() {
        let (first, second) = (Arc::new(1), Arc::new(2));
        let cell = OnceArc::new();
        assert!(cell.get_arc().is_none());
        cell.set(first.clone());
        cell.set(second.clone());
        assert_eq!((cell.get(), cell.get_arc().as_deref()), (Some(&1), Some(&1)));
        assert_eq!((Arc::strong_count(&first), Arc::strong_count(&second)), (2, 1));
        drop(cell);
        assert_eq!(Arc::strong_count(&first), 1);
    }
}
