//! Padding that keeps words which different threads write on different cache lines.

/// A word that shares its cache line with nothing that comes after it.
///
/// Padded, not aligned: allocators take longer for memory that is aligned to more than two words.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct CachePadded<T>(pub(crate) T, [usize; 7]);

impl<T> CachePadded<T> {
    pub(crate) const fn new(word: T) -> Self {
        CachePadded(word, [0; 7])
    }
}
