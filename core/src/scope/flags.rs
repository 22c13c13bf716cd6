//! The flags of a scope. None is ever cleared but `ORPHANED`.

/// The body must not be polled again.
pub(super) const STOPPED: usize = 1 << 0;
/// A cancel was asked for.
pub(super) const CANCELLED: usize = 1 << 1;
/// The executor refused a child of a fail-fast scope, or lost its deadline: there is work that
/// was not done, so a value of the body does not count.
pub(super) const REFUSED: usize = 1 << 2;
/// The body returned a value after a cancel: later failures no longer count.
pub(super) const DECIDED: usize = 1 << 3;
/// The scope has ended.
pub(super) const ENDED: usize = 1 << 4;
/// The owner is gone and has left its count to the last child.
pub(super) const ORPHANED: usize = 1 << 5;
/// The children were cancelled, for whatever reason.
pub(super) const SWEPT: usize = 1 << 6;
/// The cancel was that of a deadline.
pub(super) const ELAPSED: usize = 1 << 7;
/// The children own what they use. Set when the scope is made.
pub(super) const OWNING: usize = 1 << 8;
