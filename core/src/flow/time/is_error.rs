//! Which items pass at once through operators that drop or delay items.

/// Returns whether an item is an error, which is neither dropped nor delayed.
pub(super) type IsError<T> = fn(&T) -> bool;
