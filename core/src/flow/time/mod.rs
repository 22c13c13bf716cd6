//! Operators that know the time.
//!
//! Each is a method of [`Flow`](super::Flow), and takes the timer first. In the pictures a dash is
//! a second, `|` the end, and `[ab]` two things at the same moment:
//!
//! | to | call | `ab--cd----e\|` becomes |
//! |---|---|---|
//! | notice that items take too long | [`timeout_each(2)`](super::Flow::timeout_each) | `ab-!cd-!--e\|` |
//! | have so much time for all of it | [`deadline(5)`](super::Flow::deadline) | `ab--c[d!\|]` |
//! | end when something else happens | [`take_until(sleep(5))`](super::Flow::take_until) | `ab--c\|` |
//! | space items out | [`throttle(3)`](super::Flow::throttle) | `a--b--c--d----e\|` |
//! | yield them later | [`delay_each(2, 8)`](super::Flow::delay_each) | `--ab--cd----[e\|]` |
//! | have them in groups | [`chunks_timeout(3, 3)`](super::Flow::chunks_timeout) | `---[ab]---[cd]---[e\|]` |
//! | have the newest, now and then | [`throttle_latest(3)`](super::Flow::throttle_latest) | `a--b--d---e\|` |
//! | have the newest, in fixed windows | [`sample(3)`](super::Flow::sample) | `---b--d----\|` |
//! | have the last of a burst | [`debounce(2)`](super::Flow::debounce) | `---b---d---[e\|]` |
//!
//! The last three drop items, which is what they are for; their `try_` forms never drop an error.
//! All others yield every item, or return it from `into_parts`.
//!
//! # What they all promise
//!
//! - The source is asked before the timer: what is there at a moment counts as having come in time.
//!   (A future of [`take_until`](super::Flow::take_until) is asked before the source.)
//! - Time and reads that have begun go on while the consumer is busy with something else, if it
//!   calls [`poll_progress`](super::Source::poll_progress), as operations of this crate do. What
//!   comes of it is held, and nothing more is read then.
//! - After the end they are polled in vain: they report the end again, and the source is left alone.
//! - When the source has ended, no sleep is left with the timer.
//! - They may be moved, and so be taken apart, whenever their source may, whatever the timer: each
//!   makes one allocation for all of its sleeps.

mod alarm;
mod chunks_timeout;
mod deadline;
mod debounce;
mod delay_each;
mod is_error;
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
pub use sample::Sample;
pub use take_until::TakeUntil;
pub use throttle::Throttle;
pub use throttle_latest::ThrottleLatest;
pub use timeout_each::TimeoutEach;
