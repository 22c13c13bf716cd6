//! Items that operators which drop or delay let pass.

/// Which items are not to be dropped or kept waiting.
pub(super) type IsError<T> = fn(&T) -> bool;
