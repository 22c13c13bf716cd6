//! KeySet of children, a word for each chunk.

use super::{
    chunk::MOST,
    slab::{SLOT_BITS, Slab},
};
use alloc::vec::Vec;

/// A set of keys.
///
/// To add one costs a bit, and to have all of them polled again
/// ([`wake_all`](Slab::wake_all)) one step a chunk.
#[derive(Debug, Default)]
pub(crate) struct KeySet {
    /// A bit for each slot, by the number of the chunk.
    words: Vec<usize>,
    /// The numbers of the words that are not zero.
    chunks: Vec<usize>,
}

impl KeySet {
    pub(crate) const fn new() -> Self {
        KeySet { words: Vec::new(), chunks: Vec::new() }
    }

    #[inline]
    pub(crate) fn insert(&mut self, key: usize) {
        let chunk = key >> SLOT_BITS;
        if chunk >= self.words.len() {
            self.grow(chunk);
        }
        let word = &mut self.words[chunk];
        if *word == 0 {
            self.chunks.push(chunk);
        }
        *word |= 1 << (key & (MOST - 1));
    }

    /// Takes out some key.
    pub(crate) fn pop(&mut self) -> Option<usize> {
        let chunk = *self.chunks.last()?;
        let word = &mut self.words[chunk];
        let slot = word.trailing_zeros() as usize;
        *word &= *word - 1;
        if *word == 0 {
            self.chunks.pop();
        }
        Some(chunk << SLOT_BITS | slot)
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.chunks.is_empty()
    }

    pub(crate) fn clear(&mut self) {
        for chunk in self.chunks.drain(..) {
            self.words[chunk] = 0;
        }
    }

    #[cold]
    fn grow(&mut self, chunk: usize) {
        self.words.resize(chunk + 1, 0);
    }
}

impl<F> Slab<F> {
    /// [`wake`](Self::wake) of all the keys, which are taken out.
    #[inline]
    pub(crate) fn wake_all(&mut self, keys: &mut KeySet) {
        if !keys.is_empty() {
            self.wake_chunks(keys);
        }
    }

    fn wake_chunks(&mut self, keys: &mut KeySet) {
        for chunk in keys.chunks.drain(..) {
            let slots = core::mem::take(&mut keys.words[chunk]);
            self.wake_slots(chunk, slots);
        }
    }
}
