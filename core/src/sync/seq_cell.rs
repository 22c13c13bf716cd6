//! A few words that one thread writes and any thread reads, without a wait.
//!
//! A sequence lock without the lock: there is one writer at a time. The version is odd while the words are being
//! written; a reader that sees an odd version, or another one after it has read the words, has met a write. All
//! words are atomics, with a fence on either side, as in Boehm, "Can seqlocks get along with programming language
//! memory models?" (MSPC 2012), figure 6.

use crate::sync::{AtomicU64, AtomicUsize, Ordering, fence};

/// `N` words that are written and read as one; see the [module](self).
#[derive(Debug)]
pub(crate) struct SeqCell<const N: usize> {
    version: AtomicUsize,
    words: [AtomicU64; N],
}

impl<const N: usize> SeqCell<N> {
    pub(crate) fn new() -> Self {
        SeqCell { version: AtomicUsize::new(0), words: core::array::from_fn(|_| AtomicU64::new(0)) }
    }

    /// Writes the words. If two threads write at once, readers may see a mixture.
    #[inline]
    pub(crate) fn write(&self, words: [u64; N]) {
        self.write_after(self.version.load(Ordering::Relaxed), words);
    }

    /// Writes the words for the so manieth time, counted from one, for whoever knows that. As [`write`](Self::write).
    #[inline]
    pub(crate) fn write_nth(&self, write: usize, words: [u64; N]) {
        self.write_after(write.wrapping_sub(1).wrapping_mul(2), words);
    }

    #[inline]
    fn write_after(&self, version: usize, words: [u64; N]) {
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
    pub(crate) fn read(&self) -> Option<[u64; N]> {
        self.read_if(|version| version % 2 == 0)
    }

    /// Reads the words if they are those of this write, counted from one, and the next has not begun.
    pub(crate) fn read_nth(&self, write: usize) -> Option<[u64; N]> {
        self.read_if(|version| version == write.wrapping_mul(2))
    }

    fn read_if(&self, is_right: impl FnOnce(usize) -> bool) -> Option<[u64; N]> {
        let version = self.version.load(Ordering::Acquire);
        if !is_right(version) {
            return None;
        }
        let words = core::array::from_fn(|at| self.words[at].load(Ordering::Relaxed));
        fence(Ordering::Acquire);
        (self.version.load(Ordering::Relaxed) == version).then_some(words)
    }
}
