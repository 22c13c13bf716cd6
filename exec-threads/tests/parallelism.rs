//! What a pool says of its threads is true.

#![cfg(not(anyscope_loom))]

use anyscope_core::Spawn;
use anyscope_threads::ThreadPool;

#[test]
fn a_pool_has_as_many_threads_as_it_was_given() {
    for (threads, expected) in [(0, 1), (1, 1), (2, 2), (5, 5)] {
        let pool = ThreadPool::new(threads);
        let handle = pool.handle();
        assert_eq!((pool.parallelism().get(), handle.parallelism().get()), (expected, expected));
        drop(pool);
        // Nothing runs there any more.
        assert_eq!(handle.parallelism().get(), 1);
    }
}
