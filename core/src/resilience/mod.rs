//! What is done about work that fails, or takes too long.
//!
//! | to | use |
//! |---|---|
//! | try again | [`retry`](retry()), with a [`RetryBudget`] for all that is around it |
//! | do again what has succeeded | [`repeat`] |
//! | ask twice when the first answer is late | [`hedge`](hedge()) |
//! | make no calls while they fail | [`CircuitBreaker`] |
//! | keep one service from taking everything | [`Bulkhead`] |
//! | do something else instead | [`with_fallback`] |
//! | ask once for all who want the same | [`SingleFlight`] |
//!
//! In which order they go around a call, and why, is in [a page of its
//! own](https://github.com/anyscope/anyscope/blob/main/docs/book/when-things-fail.md).
//!
//! Those that may call more than once take a closure that makes the future, so in a flow it goes into the closure there:
//!
//! ```
//! use anyscope::{exponential, flow, resilience::retry, smol::Smol};
//! use std::time::Duration;
//!
//! # smol::block_on(async {
//! let fetch = async |n: u32| if n % 2 == 1 { Ok(n) } else { Err("even") };
//! let policy = exponential(Duration::from_micros(1), Duration::from_micros(9)).take(2);
//!
//! // Each item on its own: a failure keeps its place.
//! let fetched: Vec<_> = flow::iter([1, 2, 3])
//!     .map_concurrent(10, |n| retry(&Smol, policy.clone(), move || fetch(n)))
//!     .collect()
//!     .await;
//! assert_eq!(fetched[0], Ok(1));
//! assert_eq!(fetched[1].as_ref().unwrap_err().made, 3);
//! # });
//! ```

pub mod breaker;
mod bulkhead;
mod fallback;
pub mod hedge;
mod repeat;
pub mod retry;
#[cfg(any(all(feature = "std", not(anyscope_loom)), all(test, anyscope_loom)))]
mod single_flight;

pub use breaker::CircuitBreaker;
pub use bulkhead::{Bulkhead, BulkheadError};
pub use fallback::{WithFallback, with_fallback};
pub use hedge::{Hedge, HedgeDelay, Percentile, hedge};
pub use repeat::{Repeat, repeat};
pub use retry::{Attempts, Failure, GaveUp, Retry, RetryBudget, retry};
#[cfg(all(feature = "std", not(anyscope_loom)))]
pub use single_flight::{Flying, SingleFlight};
