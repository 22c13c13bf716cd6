//! Flows over borrowed items compile inside a spawned task: a row for each operation.
//!
//! What is spawned has to be `Send` whatever lifetimes its parts have: the compiler forgets, while
//! it looks, how they relate. So a future or a source names the types of what it holds in type
//! parameters of its own, and never as what a closure returns; see "Borrowed items" in DESIGN.md.
//!
//! Each row is a task that owns the names and whose flow borrows them. [`support::spawned`] asks
//! for it what the `spawn` of every runtime asks, and runs it there.

mod combined;
mod items;
mod literally;
mod nested;
mod parallel;
mod retried;
mod scopes;
mod sinks;
mod support;
mod timed;
mod work;
