//! A source for what can only be polled, and how often that is done.
//!
//! A future that waits is woken when there is something to see, so what has wakers needs none of
//! this, and is seen at once. Some things have none: a pin of a board, a foreign library, a file
//! that another program writes. [`poll_source`](fn@poll_source) asks those again and again:
//!
//! | schedule | waits after an empty poll | as they are by default |
//! |---|---|---|
//! | [`Adaptive`] | less after items, more after many empty polls | 10 ms, ×0.7, ×1.3 from the third, 1 to 100 ms |
//! | [`Fixed`] | always the same | 10 ms |
//! | [`Exponential`] | longer each time, until there is an item | 1 ms, ×2, to 500 ms |
//! | [`Progressive`] | as a table says, until there is an item | 1, 5, 10, 50, 100 ms, 5 polls each |
//!
//! What appears is seen after the wait that is under way, so no later than the longest one.

mod schedule;
mod source;

pub use schedule::{Adaptive, Exponential, Fixed, Progressive, Schedule};
pub use source::{PollSource, poll_source};
