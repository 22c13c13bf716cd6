//! The number of shards of an operation.

use crate::{exec::Spawn, limit::Capacity};
use futures_core::Stream;

/// How many more shards there are than the executor has threads, so that a shard that is held up
/// leaves no thread without work.
const SPARE: usize = 2;
/// The largest number of shards: each has a bit in a word, and all inboxes are searched for work.
const MOST: usize = if usize::BITS > 32 { 32 } else { usize::BITS as usize };

/// Returns how many shards an operation has.
pub(super) fn shards<X: Spawn, S: Stream>(exec: &X, limit: &Capacity, source: &S) -> usize {
    let useful = exec.parallelism().get().saturating_add(SPARE).min(MOST);
    // A limit that can change may be raised.
    let limit = if limit.live().is_some() { MOST } else { limit.now() };
    let items = source.size_hint().1.unwrap_or(usize::MAX);
    useful.min(limit).min(items).max(1)
}
