//! Bounded operations whose work runs on an executor.
//!
//! | file | what |
//! |---|---|
//! | [`hub`] | what the shards of an operation share: the source and the limit |
//! | [`shards`] | how many shards an operation has |
//! | [`shard`] | a child on the executor that runs a set of futures |
//! | [`op`] | a scope of shards |
//! | [`for_each_on`] | side effects |
//! | [`map_on`] | values |
//! | [`deliver`] | what an outcome becomes |
//! | [`spawn_all`] | many children of a scope at once |
//! | [`one_each`] | a child for each future, where there are few |
//! | [`outcomes`] | passes outcomes of work to the consumer |

mod deliver;
mod for_each_on;
mod hub;
mod map_on;
#[cfg(all(test, anyscope_loom))]
mod models;
mod one_each;
mod op;
mod outcomes;
mod shard;
mod shards;
mod spawn_all;

pub use deliver::{AsOutcome, Deliver, Flattened};
pub use for_each_on::{ForEachOn, TryForEachOn};
pub use map_on::MapOn;
pub use spawn_all::SpawnAll;
