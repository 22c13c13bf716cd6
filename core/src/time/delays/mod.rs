//! How long to wait before each further attempt: of a [`retry`], or of a restart.
//!
//! Delays are an iterator of [`Duration`](core::time::Duration)s, so the adapters of iterators put them
//! together: `take` for how often, `chain` for what comes after, `map` for jitter.
//!
//! | file | what |
//! |---|---|
//! | [`into`](mod@into) | what may stand where delays are expected |
//! | [`exponential`](mod@exponential) | delays that double |
//! | `backon` | the delays of that crate |
//!
//! [`retry`]: https://docs.rs/anyscope/latest/anyscope/resilience/fn.retry.html

#[cfg(feature = "backon")]
mod backon;
mod exponential;
mod into;

#[cfg(feature = "backon")]
pub use backon::{Anew, Built};
pub use exponential::{Exponential, exponential};
pub use into::{IntoDelays, Iterated};
