//! A value set at most once and readable from every thread, without a lock and without `std`.

use crate::sync::{AtomicPtr, Ordering};
use alloc::boxed::Box;
use core::{marker::PhantomData, ptr};

/// An initially empty cell; [`OnceLock`](std::sync::OnceLock) without waiting.
#[derive(Debug)]
pub(crate) struct OnceBox<T> {
    value: AtomicPtr<T>,
    owned: PhantomData<Box<T>>,
}

// SAFETY: the cell owns its value, and sending the cell sends it.
unsafe impl<T: Send> Send for OnceBox<T> {}
// SAFETY: threads share `&T` (hence `Sync`), and any of them may move a `T` in (hence `Send`).
unsafe impl<T: Send + Sync> Sync for OnceBox<T> {}

impl<T> OnceBox<T> {
    pub(crate) fn new() -> Self {
        OnceBox { value: AtomicPtr::new(ptr::null_mut()), owned: PhantomData }
    }

    /// Sets the value, or returns it to the caller if there is one already.
    pub(crate) fn set(&self, value: T) -> Result<(), T> {
        let new = Box::into_raw(Box::new(value));
        // Release: a thread that reads the pointer sees the value.
        match self.value.compare_exchange(
            ptr::null_mut(),
            new,
            Ordering::Release,
            Ordering::Relaxed,
        ) {
            Ok(_) => Ok(()),
            // SAFETY: `new` came from `Box::into_raw` above and was not published.
            Err(_) => Err(*unsafe { Box::from_raw(new) }),
        }
    }

    pub(crate) fn get(&self) -> Option<&T> {
        let value = self.value.load(Ordering::Acquire);
        // SAFETY: null, or published by `set` and neither changed nor freed before `drop`.
        unsafe { value.as_ref() }
    }
}

impl<T> Drop for OnceBox<T> {
    fn drop(&mut self) {
        let value = self.value.load(Ordering::Acquire);
        if !value.is_null() {
            // SAFETY: published by `set`, which made it with `Box::into_raw`; `&mut self` says
            // that no reference from `get` is left.
            drop(unsafe { Box::from_raw(value) });
        }
    }
}

#[cfg(all(test, not(anyscope_loom)))]
mod tests {
    use super::*;

    #[test]
    fn the_first_value_stays() {
        let cell = OnceBox::new();
        assert_eq!(cell.get(), None);
        assert_eq!(cell.set(Box::new(1)), Ok(()));
        assert_eq!(cell.set(Box::new(2)), Err(Box::new(2)));
        assert_eq!(cell.get().map(|n| **n), Some(1));
    }
}
