//! Keeping words that different threads write apart.

/// A word that shares its cache line with nothing that comes after it.
///
/// Padded, not aligned: memory that is aligned to more than two words takes allocators longer.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct Line<T>(pub(crate) T, [usize; 7]);

impl<T> Line<T> {
    pub(crate) const fn new(word: T) -> Self {
        Line(word, [0; 7])
    }
}
