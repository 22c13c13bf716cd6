//! Sources that come and go while they are merged, each under a key.
//!
//! | file | what |
//! |---|---|
//! | [`merge`] | the merge, and its events |
//! | [`handle`] | the handle that inserts and removes sources |

mod handle;
mod merge;

pub use handle::{KeyedHandle, MergeGone};
pub use merge::{KeyedEvent, KeyedMerge, merge_keyed};
