//! Several futures as one.
//!
//! | | |
//! |---|---|
//! | [`join`] | all of them, for their values |

mod join;

#[cfg(feature = "alloc")]
pub use join::JoinVec;
pub use join::{Join, Join2, Join3, Join4, Join5, Join6, Join7, Join8, join};
