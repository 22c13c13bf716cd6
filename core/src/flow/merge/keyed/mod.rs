//! Sources that come and go while they are merged, each under a key.
//!
//! | file | what |
//! |---|---|
//! | [`merge`] | the merge, and what happens in it |
//! | [`handle`] | what inserts and removes |

mod handle;
mod merge;

pub use handle::{KeyedHandle, MergeGone};
pub use merge::{KeyedEvent, KeyedMerge, merge_keyed};
