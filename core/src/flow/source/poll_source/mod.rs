//! A source for what can only be polled, with schedules of when to poll it.
//!
//! A future is woken when it can make progress, so what fires wakers needs no schedule and is seen
//! at once. Some things fire none: a pin of a board, a foreign library, a file that another program
//! writes. [`poll_source`](fn@poll_source) polls those again and again:
//!
//! | schedule | waits after an empty poll | by default |
//! |---|---|---|
//! | [`Adaptive`] | less after items, more after many empty polls | 10 ms, ×0.7, ×1.3 from the third, 1 to 100 ms |
//! | [`Fixed`] | always the same | 10 ms |
//! | [`Exponential`] | longer each time, until there is an item | 1 ms, ×2, to 500 ms |
//! | [`Progressive`] | longer from level to level, until there is an item | 1, 5, 10, 50, 100 ms, 5 polls each |
//!
//! A new item is seen after the wait that is under way, so no later than after the longest wait.

mod schedule;
mod source;

pub use schedule::{Adaptive, Exponential, Fixed, Progressive, Schedule};
pub use source::{PollSource, poll_source};
