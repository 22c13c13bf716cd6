//! Flows in one task, against what is done to them from elsewhere.

use anyscope_core::{
    Limit, LiveLimit, flow,
    model::{Flag, block_on, check, spawn},
};

/// A limit is raised while a map goes to sleep. Fails if the map does not look at its limit again
/// after it listens, or if the limit is told before it is set.
#[test]
fn raise_or_sleep() {
    check("flow: raise or sleep", || {
        let (limit, started) = (LiveLimit::new(Limit::new(1)), Flag::default());
        let raising = limit.clone();
        let raising = spawn(move || raising.set(Limit::new(2)));
        block_on(flow::iter(0..2).for_each_concurrent(&limit, async |n| match n {
            0 => started.clone().await,
            _ => started.set(),
        }));
        raising.join();
    });
}
