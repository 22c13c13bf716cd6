//! Operators that work with time.
//!
//! Each is a method of [`Flow`](super::Flow) and takes the timer first. In the diagrams a dash is a
//! second, `|` is the end, and `[ab]` are two items at the same time:
//!
//! | to | call | `ab--cd----e\|` becomes |
//! |---|---|---|
//! | report items that take too long | [`timeout_each(2)`](super::Flow::timeout_each) | `ab-!cd-!--e\|` |
//! | limit the time of the whole flow | [`deadline(5)`](super::Flow::deadline) | `ab--c[d!\|]` |
//! | end when a future is ready | [`take_until(sleep(5))`](super::Flow::take_until) | `ab--c\|` |
//! | space items out | [`throttle(3)`](super::Flow::throttle) | `a--b--c--d----e\|` |
//! | delay items | [`delay_each(2, 8)`](super::Flow::delay_each) | `--ab--cd----[e\|]` |
//! | group items | [`chunks_timeout(3, 3)`](super::Flow::chunks_timeout) | `---[ab]---[cd]---[e\|]` |
//! | keep the newest, with a gap between two | [`throttle_latest(3)`](super::Flow::throttle_latest) | `a--b--d---e\|` |
//! | keep the newest of each window | [`sample(3)`](super::Flow::sample) | `---b--d----\|` |
//! | keep the last of a burst | [`debounce(2)`](super::Flow::debounce) | `---b---d---[e\|]` |
//!
//! [`interval`](super::interval) makes a flow of the time alone: an item each period.
//!
//! The last three of the table drop items, which is their purpose. Their `try_` forms never drop an error. All
//! others yield every item, or return it from `into_parts`.
//!
//! # What they all promise
//!
//! - The source is polled before the timer: an item that comes just as a time is over is in time.
//!   (The future of [`take_until`](super::Flow::take_until) is polled before the source.)
//! - Times pass and reads that have begun continue while the consumer is busy, if it calls
//!   [`poll_progress`](super::Source::poll_progress), as the operations of this crate do. The item
//!   that comes is held, and no more items are read.
//! - Polled after the end, they report the end again and do not poll the source.
//! - When the source has ended, they hold no sleep of the timer.
//! - They are `Unpin`, and so can be taken apart, if their source is, whatever the timer: each
//!   makes one allocation for all of its sleeps.

mod alarm;
mod chunks_timeout;
mod deadline;
mod debounce;
mod delay_each;
pub(super) mod interval;
mod is_error;
mod pace;
mod sample;
mod take_until;
mod throttle;
mod throttle_latest;
mod timeout_each;

pub(super) use alarm::Alarm;
pub use chunks_timeout::ChunksTimeout;
pub use deadline::Deadline;
pub use debounce::Debounce;
pub use delay_each::DelayEach;
pub use interval::Interval;
pub use pace::{IntoPace, Pace};
pub use sample::Sample;
pub use take_until::TakeUntil;
pub use throttle::Throttle;
pub use throttle_latest::ThrottleLatest;
pub use timeout_each::TimeoutEach;
