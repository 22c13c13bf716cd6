//! A box that anybody may put something into, and take it out of.

use crate::sync::{AtomicPtr, Ordering};
use alloc::boxed::Box;
use core::{marker::PhantomData, ptr};

/// A place for one box, without a lock.
#[derive(Debug)]
pub(crate) struct AtomicBox<T> {
    content: AtomicPtr<T>,
    owned: PhantomData<Box<T>>,
}

// SAFETY: boxes only move in and out, on whichever thread calls; no `&T` is ever handed out.
unsafe impl<T: Send> Send for AtomicBox<T> {}
// SAFETY: as above.
unsafe impl<T: Send> Sync for AtomicBox<T> {}

impl<T> AtomicBox<T> {
    pub(crate) fn new() -> Self {
        AtomicBox { content: AtomicPtr::new(ptr::null_mut()), owned: PhantomData }
    }

    /// Whether there was nothing at some moment during the call.
    pub(crate) fn is_empty(&self) -> bool {
        self.content.load(Ordering::Relaxed).is_null()
    }

    /// Whoever puts a box in after this sees what we have done before; if there is one already, the
    /// caller finds it from here on.
    pub(crate) fn synchronize(&self) {
        let null = ptr::null_mut();
        // As a write, so that whoever comes next reads it. Release: publish what came before.
        let _ = self.content.compare_exchange(null, null, Ordering::AcqRel, Ordering::Acquire);
    }

    /// Puts a box in, and takes out what was there.
    pub(crate) fn put(&self, content: Box<T>) -> Option<Box<T>> {
        self.exchange(Box::into_raw(content))
    }

    /// Takes out what is there.
    pub(crate) fn take(&self) -> Option<Box<T>> {
        if self.is_empty() {
            return None;
        }
        self.exchange(ptr::null_mut())
    }

    fn exchange(&self, new: *mut T) -> Option<Box<T>> {
        // Release: whoever takes it sees the content. Acquire: we see that of who put it in.
        let old = self.content.swap(new, Ordering::AcqRel);
        if old.is_null() {
            return None;
        }
        // SAFETY: every non-null pointer came from `Box::into_raw` in `put`, and the swap made us
        // its only owner.
        Some(unsafe { Box::from_raw(old) })
    }
}

impl<T> Drop for AtomicBox<T> {
    fn drop(&mut self) {
        drop(self.take());
    }
}
