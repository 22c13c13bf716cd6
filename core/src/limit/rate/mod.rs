//! How often something may happen.
//!
//! | file | contents |
//! |---|---|
//! | [`rate`] | how much in how much time |
//! | [`bucket`] | what was granted and when the next can be; the two accounts: [`steady`], [`window`] |
//! | [`limit`] | the limit that callers share |
//! | [`acquire`] | the futures of those who wait, and what they get |
//! | [`keyed`] | a limit for each key |
//! | [`error`] | what cannot be granted, and what can never be |

mod acquire;
pub(crate) mod bucket;
mod error;
mod keyed;
mod limit;
#[allow(clippy::module_inception)]
mod rate;
mod steady;
mod window;

pub use acquire::{AcquireRate, AcquireRateMany, RateGrant};
pub use error::{InvalidAmount, InvalidRate, NotYet, TryRateError};
pub use keyed::KeyedRateLimit;
pub use limit::RateLimit;
pub use rate::Rate;
