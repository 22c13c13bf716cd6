//! Time without `std::time::Instant`: an [`Instant`] of core's own, two traits, and time limits.
//!
//! Sleeping needs a [`Timer`] only; deadlines need a [`Clock`] too. Both are values the caller
//! passes, so that everything timed can be tested in virtual time.
//!
//! | to | call |
//! |---|---|
//! | give a future so much time | [`timeout`] |
//! | give it until a moment | [`deadline`] |

mod instant;
mod timeout;
mod timer;

pub use instant::Instant;
pub use timeout::{Deadline, Elapsed, Timeout, deadline, timeout};
pub use timer::{Clock, Timer};
