//! The owner spawns too: scopes that block their thread.

use crate::{Adapter, tools::within};
use anyscope_core::{Spawn, block_scope};

/// Children of a scope that blocks its thread borrow what is on its stack.
pub fn children_that_borrow<A: Adapter<Owner: Spawn>>() {
    within::<A>(|| {
        let (owner, _handle) = A::start();
        let words = ["to", "be", "or"];
        let length = block_scope(&owner, async |s| {
            let lengths: Vec<_> =
                words.iter().map(|word| s.spawn(async move { word.len() })).collect();
            let mut sum = 0;
            for length in lengths {
                sum += length.value().await;
            }
            sum
        });
        assert_eq!(length, 6);
    });
}
