//! Work on items in the awaiting task, with a limit on how many at a time.
//!
//! | file | what |
//! |---|---|
//! | [`methods`] | the public methods of the bounded map |
//! | [`map_concurrent`] | the bounded map |
//! | [`options`] | its order, its window, and who has what is not delivered |
//! | [`expand`](mod@expand) | work that finds more work |
//! | [`call`] | how an item becomes work, and its output a value |
//! | [`catch_unwind`] | panics of work as values |
//! | [`upstream`] | what an operation has asked its source, and the answer |

pub(super) mod call;
#[cfg(feature = "std")]
mod catch_unwind;
mod expand;
pub(super) mod map_concurrent;
mod methods;
mod options;
pub(super) mod upstream;

pub(super) use call::sealed;
pub use call::{Call, CallWeighted, CallWith, Itself, OnUndelivered, Work};
#[cfg(feature = "std")]
pub use catch_unwind::{CatchUnwind, CatchUnwindWork};
pub use expand::{Expand, ExpandParts, Found, expand};
pub use map_concurrent::{MapConcurrent, MapParts};
