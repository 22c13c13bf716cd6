//! A few words that one thread writes and any thread reads, without a wait.
//!
//! A sequence lock without the lock: there is one writer at a time. The version is odd while the words are being
//! written; a reader that sees an odd version, or another one after it has read the words, has met a write. All
//! words are atomics, with a fence on either side, as in Boehm, "Can seqlocks get along with programming language
//! memory models?" (MSPC 2012), figure 6.

use crate::sync::{AtomicUsize, Ordering, fence};

/// `N` words that are written and read as one; see the [module](self).
#[derive(Debug)]
pub(crate) struct SeqCell<const N: usize> {
    version: AtomicUsize,
    words: [AtomicUsize; N],
}

impl<const N: usize> SeqCell<N> {
    pub(crate) fn new() -> Self {
        SeqCell {
            version: AtomicUsize::new(0),
            words: core::array::from_fn(|_| AtomicUsize::new(0)),
        }
    }

    /// Writes the words. If two threads write at once, readers may see a mixture.
    #[inline]
    pub(crate) fn write(&self, words: [usize; N]) {
        let version = self.version.load(Ordering::Relaxed);
        self.version.store(version.wrapping_add(1), Ordering::Relaxed);
        // A reader that sees a word stored below sees, after its fence, this version or a later one.
        fence(Ordering::Release);
        for (word, value) in self.words.iter().zip(words) {
            word.store(value, Ordering::Relaxed);
        }
        // Release: a reader that sees this version sees the words.
        self.version.store(version.wrapping_add(2), Ordering::Release);
    }

    /// Reads the words, or returns `None` if it has met a write.
    pub(crate) fn read(&self) -> Option<[usize; N]> {
        let version = self.version.load(Ordering::Acquire);
        let words = core::array::from_fn(|at| self.words[at].load(Ordering::Relaxed));
        fence(Ordering::Acquire);
        (version % 2 == 0 && self.version.load(Ordering::Relaxed) == version).then_some(words)
    }
}
