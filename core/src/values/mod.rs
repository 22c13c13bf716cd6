//! Typed values that travel together, and what is put around polls because of them. Who has them
//! around, and how they reach a child, is the concern of higher rooms.
//!
//! | file | what |
//! |---|---|
//! | [`map`] | `Context`: a map from types to values, copied on write |
//! | [`hook`] | code around polls |

mod hook;
mod map;

pub use hook::Hook;
pub use map::{Context, MissingValue};
