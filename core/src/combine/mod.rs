//! Several futures awaited as one.
//!
//! | function | awaits |
//! |---|---|
//! | [`join`] | all of them, and returns all values |

mod join;
mod tuple;
#[cfg(feature = "alloc")]
mod vec;

pub use join::{Join, join};
pub use tuple::{Join2, Join3, Join4, Join5, Join6, Join7, Join8};
#[cfg(feature = "alloc")]
pub use vec::JoinVec;
