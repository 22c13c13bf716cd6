//! Work made of items, so many pieces at a time, in the awaiting task.
//!
//! | file | what |
//! |---|---|
//! | [`methods`] | the bounded map, as users call it |
//! | [`map_concurrent`] | the bounded map |
//! | [`call`] | how an item becomes work, and work a value |
//! | [`catch_unwind`] | panics of work as values |
//! | [`upstream`] | what an operation has asked its source, and how that has answered |

pub(super) mod call;
#[cfg(feature = "std")]
mod catch_unwind;
pub(super) mod map_concurrent;
mod methods;
pub(super) mod upstream;

pub(super) use call::sealed;
pub use call::{Call, CallWeighted, CallWith, Itself, OnUndelivered, Work};
#[cfg(feature = "std")]
pub use catch_unwind::{CatchUnwind, CatchUnwindWork};
pub use map_concurrent::{MapConcurrent, MapParts};
