//! Chunks that wait to be polled.

use super::chunk::{Chunk, Header, NONE};
use core::mem;

/// Chunks, linked by their `next_local`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Queue {
    pub(super) first: u32,
    pub(super) last: u32,
}

impl Queue {
    pub(super) const EMPTY: Queue = Queue { first: NONE, last: NONE };

    #[inline]
    pub(super) fn push<F>(&mut self, chunks: &[Option<Chunk<F>>], header: &Header) {
        match mem::replace(&mut self.last, header.index) {
            NONE => self.first = header.index,
            last => at(chunks, last as usize).header().next_local.set(header.index),
        }
    }
}

/// The chunk with this number.
#[inline(always)]
pub(super) fn at<F>(chunks: &[Option<Chunk<F>>], index: usize) -> Chunk<F> {
    chunks[index].expect("a chunk with children, or on a list, is not given back")
}
