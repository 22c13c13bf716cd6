//! Scopes that block the calling thread and borrow.

use crate::support::blocking;
use anyscope::block_scope;

blocking! {
    /// Children borrow what is around the call, also mutably, and the value of the body comes back.
    children_borrow_and_the_value_comes_back |owner| {
        let words = ["to", "be", "or"];
        let mut longest = "";
        let letters = block_scope(owner, async |s| {
            s.spawn(async { longest = words.iter().max_by_key(|word| word.len()).unwrap() });
            let lengths = words.each_ref().map(|word| s.spawn(async move { word.len() }));
            let mut sum = 0;
            for length in lengths {
                sum += length.await.unwrap();
            }
            sum
        });
        assert_eq!((letters, longest), (6, "or"));
    }
}
