//! A value that one thread at a time works on, and requests to whoever that is.
//!
//! Nobody waits: who finds the desk taken leaves a request in the same word, and whoever is at it cannot
//! leave before it has seen that.
//!
//! | word | meaning |
//! |---|---|
//! | 0 | the desk is free |
//! | `TAKEN`, and requests | a thread is at it |

use crate::sync::{AtomicUsize, Ordering, UnsafeCell};

const TAKEN: usize = 1;

/// A desk; see the [module](self).
pub(crate) struct Desk<T> {
    word: AtomicUsize,
    value: UnsafeCell<T>,
}

// SAFETY: the word lets one thread at a time use the value, so the value is sent and never shared.
unsafe impl<T: Send> Send for Desk<T> {}
// SAFETY: as above.
unsafe impl<T: Send> Sync for Desk<T> {}

impl<T> Desk<T> {
    pub(crate) fn new(value: T) -> Self {
        Desk { word: AtomicUsize::new(0), value: UnsafeCell::new(value) }
    }

    /// Works on the value, or leaves `request` (bits above the lowest; 0 for none) to whoever does.
    /// `serve` is called with the requests that were left meanwhile. Neither may run user code, nor panic.
    #[inline]
    pub(crate) fn work<R>(
        &self,
        request: usize,
        work: impl FnOnce(&mut T) -> R,
        mut serve: impl FnMut(usize, &mut T),
    ) -> Option<R> {
        let (mut work, mut done) = (Some(work), None);
        self.visit(request, |requests, value| match work.take() {
            Some(work) => done = Some(work(value)),
            None => serve(requests, value),
        });
        done
    }

    /// As [`work`](Self::work), with one function for both: first it is called with 0, then with the requests that were
    /// left. Returns false if the desk was taken.
    #[inline]
    pub(crate) fn visit(&self, request: usize, mut visit: impl FnMut(usize, &mut T)) -> bool {
        let mut word = 0;
        loop {
            let to = if word == 0 { TAKEN } else { word | request };
            // Acquire: see the value as it was left. Release: whoever takes the request sees what was
            // done before it.
            match self.word.compare_exchange(word, to, Ordering::AcqRel, Ordering::Relaxed) {
                Ok(0) => break,
                Ok(_) => return false,
                Err(now) => word = now,
            }
        }
        self.value.with_mut(|value| {
            // SAFETY: we changed the word from free to taken, so the value is ours until we change
            // it back.
            let value = unsafe { &mut *value };
            visit(0, value);
            // Release: publish the value. Acquire: see what was done before the requests.
            while self.word.compare_exchange(TAKEN, 0, Ordering::AcqRel, Ordering::Relaxed).is_err()
            {
                visit(self.word.swap(TAKEN, Ordering::AcqRel) & !TAKEN, value);
            }
        });
        true
    }
}
