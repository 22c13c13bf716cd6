//! What is seen of a program from outside, while it runs.

mod details;
mod ends;
mod observer;
mod programs;
mod recorder;
mod storm;
mod tree;
mod verdict;

/// How many seeds are tried: as many as `ANYSCOPE_SEEDS` says, to look for longer by hand.
fn seeds(unless_set: u64) -> u64 {
    std::env::var("ANYSCOPE_SEEDS").map_or(unless_set, |seeds| seeds.parse().unwrap())
}
