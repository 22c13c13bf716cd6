//! Time without `std::time::Instant`: an [`Instant`] of core's own, two traits, and time limits.
//!
//! Sleeping needs a [`Timer`] only; deadlines need a [`Clock`] too. The caller passes both as
//! values, so everything timed can be tested in virtual time.
//!
//! | to | call |
//! |---|---|
//! | limit how long a future may take | [`timeout`] |
//! | limit it to a moment | [`deadline`] |
//! | say how long to wait before each attempt | [`exponential`], [`IntoDelays`] |

pub(crate) mod alarm;
mod delays;
mod instant;
mod timeout;
mod timer;

#[cfg(feature = "backon")]
pub use delays::{Anew, Built};
pub use delays::{Exponential, IntoDelays, Iterated, exponential};
pub use instant::Instant;
pub use timeout::{Deadline, Elapsed, Timeout, deadline, timeout};
pub use timer::{Clock, NoClock, Timer};
