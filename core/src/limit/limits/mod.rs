//! Several limits that are taken as one.
//!
//! | file | contents |
//! |---|---|
//! | [`builder`] | which limits there are |
//! | [`limits`] | asking for them |
//! | [`table`] | the account: what is free, and what one asks for |
//! | [`permit`] | what one holds |
//! | [`error`] | what cannot be built, and what cannot be asked for |

mod builder;
mod error;
#[allow(clippy::module_inception)]
mod limits;
mod permit;
mod table;

pub use builder::LimitsBuilder;
pub use error::{InvalidAsk, InvalidLimits, TryLimitsError};
pub use limits::{AcquireLimits, Limits};
pub use permit::LimitsPermit;
