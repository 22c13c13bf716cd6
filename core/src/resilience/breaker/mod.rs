//! Circuit breakers: calls that fail are not made for a while.
//!
//! | file | contents |
//! |---|---|
//! | `handle` | what users hold |
//! | `builder` | when it opens, and for how long |
//! | `machine` | the states, and what leads from one to the next |
//! | `window` | the last calls, counted |
//! | `admission` | a call that was let through |
//! | `error` | why a call was not, and bad settings |
//! | `keyed` | one breaker for each key |

mod admission;
mod builder;
mod error;
mod handle;
mod keyed;
mod machine;
#[cfg(all(test, anyscope_loom))]
mod models;
mod window;

pub use admission::Admission;
pub use builder::Builder;
pub use error::{BreakerError, InvalidBreaker, Rejected};
pub use handle::CircuitBreaker;
pub use keyed::KeyedBreakers;
pub use machine::{BreakerState, Transition};
