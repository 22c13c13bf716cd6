//! Operations that drive a flow to its end.

mod collect;
mod drive;
mod fold;
mod for_each;

pub use collect::{Collect, Count, PartitionResults, Partitioned, TryCollect};
pub use drive::{Drive, Items, NextItem};
pub use fold::{Fold, TryFold};
pub use for_each::{ForEachConcurrent, TryForEachConcurrent};
