//! [anyscope](https://crates.io/crates/anyscope) on a plain pool of threads, with timers and
//! blocking closures, and without a runtime.
//!
//! [`ThreadPool`] owns the threads; [`ThreadPoolHandle`] spawns on them. Timers are those
//! of `async-io`, driven by its one thread. Blocking closures run on threads of their own, which all
//! pools share: 500 at most, or as many as the environment variable `BLOCKING_MAX_THREADS` says.
//!
//! Each thread has queues of its own, and takes what others have when these are empty. What a child
//! wakes is polled in order, by turns with what was spawned. There the children of the latest poll come
//! first, in order, so a tree of children is walked in depth, and few of them have begun and not ended
//! at a time. No child is held up for good by others, whatever they spawn and however often they wake
//! themselves: after some 60 polls, a thread comes to one that waits for longest, and after
//! some 1000 to one that waits for another thread.
//!
//! # Examples
//!
//! ```
//! use anyscope::{block_scope, threads::ThreadPool};
//!
//! let pool = ThreadPool::new(2);
//! let words = ["to", "be", "or"];
//! let letters = block_scope(&pool, async |s| {
//!     let lengths = words.each_ref().map(|word| s.spawn(async move { word.len() }));
//!     let mut sum = 0;
//!     for length in lengths {
//!         sum += length.await.unwrap();
//!     }
//!     sum
//! });
//! assert_eq!(letters, 6);
//! ```

#![cfg_attr(docsrs, feature(doc_cfg))]
#![forbid(unsafe_code)]

#[cfg(not(anyscope_loom))]
mod blocking;
#[cfg(not(anyscope_loom))]
mod pool;
mod scheduler;

#[cfg(not(anyscope_loom))]
pub use pool::{Builder, Sleep, ThreadPool, ThreadPoolHandle};
