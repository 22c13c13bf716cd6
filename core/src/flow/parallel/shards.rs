//! How many shards an operation has.

use crate::{exec::Spawn, limit::Capacity};
use futures_core::Stream;

/// How many more shards there are than the executor runs at the same time, so that one that is
/// held up leaves no thread without work.
const SPARE: usize = 2;
/// A bit for each in a word, and a handful of words to look at.
const MOST: usize = if usize::BITS > 32 { 32 } else { usize::BITS as usize };

/// How many shards an operation has.
pub(super) fn shards<X: Spawn, S: Stream>(exec: &X, limit: &Capacity, source: &S) -> usize {
    let useful = exec.parallelism().get().saturating_add(SPARE).min(MOST);
    // A limit that changes may well be raised.
    let limit = if limit.live().is_some() { MOST } else { limit.now() };
    let items = source.size_hint().1.unwrap_or(usize::MAX);
    useful.min(limit).min(items).max(1)
}
