//! Bounded operations whose work runs on an executor.
//!
//! | file | what |
//! |---|---|
//! | [`hub`] | what the shards of an operation share: the source, the limit |
//! | [`shard`] | a child on the executor that runs a set of futures |
//! | [`op`] | a scope of shards |
//! | [`for_each_on`] | side effects |
//! | [`map_on`] | values |
//! | [`spawn_all`] | many children of a scope at once |
//! | [`outcomes`] | outcomes of work, on their way to the consumer |

mod for_each_on;
mod hub;
mod map_on;
#[cfg(all(test, anyscope_loom))]
mod models;
mod op;
mod outcomes;
mod shard;
mod spawn_all;

pub use for_each_on::{ForEachOn, TryForEachOn};
pub use map_on::MapOn;
pub use spawn_all::SpawnAll;

use crate::{exec::Spawn, limit::Capacity};
use futures_core::Stream;

/// How many more shards there are than the executor runs at the same time, so that one that is
/// held up leaves no thread without work.
const SPARE: usize = 2;
/// A bit for each in a word, and a handful of words to look at.
const MOST: usize = if usize::BITS > 32 { 32 } else { usize::BITS as usize };

/// How many shards an operation has.
fn shards<X: Spawn, S: Stream>(exec: &X, limit: &Capacity, source: &S) -> usize {
    let useful = exec.parallelism().get().saturating_add(SPARE).min(MOST);
    // A limit that changes may well be raised.
    let limit = if limit.live().is_some() { MOST } else { limit.now() };
    let items = source.size_hint().1.unwrap_or(usize::MAX);
    useful.min(limit).min(items).max(1)
}
