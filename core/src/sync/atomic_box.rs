//! A place for one box, which any thread may fill and empty.

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

    /// Synchronizes with the other side. A thread that puts a box in after this call sees what the
    /// caller did before it; a box that is in already is found by the caller afterwards.
    pub(crate) fn synchronize(&self) {
        let null = ptr::null_mut();
        // A write, so that the next thread reads it. Release: publish what the caller did before.
        // With a plain load, the next thread could put its box in without seeing that.
        let _ = self.content.compare_exchange(null, null, Ordering::AcqRel, Ordering::Acquire);
    }

    /// Puts a box in, and returns the box that was there.
    pub(crate) fn put(&self, content: Box<T>) -> Option<Box<T>> {
        self.exchange(Box::into_raw(content))
    }

    /// Takes out the box that is there.
    pub(crate) fn take(&self) -> Option<Box<T>> {
        if self.is_empty() {
            return None;
        }
        self.exchange(ptr::null_mut())
    }

    fn exchange(&self, new: *mut T) -> Option<Box<T>> {
        // Release: the thread that takes the new box sees its content. Acquire: we see the content
        // of the old box.
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
