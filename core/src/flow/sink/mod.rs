//! Operations that drive a flow to its end.

mod for_each;

pub use for_each::{ForEach, TryForEach};
