//! What the library makes of an executor.

use crate::{
    Adapter,
    tools::{Lives, on, yield_now},
};
use anyscope_core::{OwnedScope, flow, scope_limited};
use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

/// At most as many children as a scope is limited to are in it at the same moment.
pub fn a_limited_scope_is_exact<A: Adapter>() {
    on::<A>(async |exec| {
        let (lives, most) = (Lives::default(), Arc::new(AtomicUsize::new(0)));
        scope_limited(&exec, 3, async |s| {
            for _ in 0..50 {
                let (lives, most) = (lives.clone(), most.clone());
                let spawned = s.spawn(async move {
                    let _life = lives.begin();
                    most.fetch_max(lives.count(), Ordering::SeqCst);
                    yield_now().await;
                });
                assert!(spawned.await.is_ok(), "the scope is open");
            }
        })
        .await;
        assert!(most.load(Ordering::SeqCst) <= 3);
    });
}

/// Every item is worked on, on the executor, within the limit.
pub fn bounded_work_on_the_executor<A: Adapter>() {
    on::<A>(async |exec| {
        let sum = Arc::new(AtomicUsize::new(0));
        let adds = sum.clone();
        let each = move |n| {
            let sum = adds.clone();
            async move {
                yield_now().await;
                sum.fetch_add(n, Ordering::SeqCst);
            }
        };
        flow::iter(0..1000).for_each_on(&exec, 8, each).await.unwrap();
        assert_eq!(sum.load(Ordering::SeqCst), 499_500);
    });
}

/// Outcomes of work on the executor come in the order of the items.
pub fn outcomes_in_order<A: Adapter>() {
    on::<A>(async |exec| {
        let work = async |n: usize| {
            for _ in 0..n % 5 {
                yield_now().await;
            }
            n
        };
        let outcomes = flow::iter(0..500).map_on(&exec, 8, move |n| async move { work(n).await });
        let outcomes: Vec<_> = outcomes.collect().await;
        let outcomes: Vec<_> = outcomes.into_iter().map(Result::unwrap).collect();
        assert_eq!(outcomes, (0..500).collect::<Vec<_>>());
    });
}

/// A scope in a struct: its children are there until it is closed, and then gone.
pub fn an_owned_scope<A: Adapter>() {
    on::<A>(async |exec| {
        let lives = Lives::default();
        let owned = OwnedScope::new(&exec);
        for _ in 0..10 {
            let life = lives.begin();
            owned.spawn(async move {
                yield_now().await;
                drop(life);
            });
        }
        owned.close().await;
        assert_eq!(lives.count(), 0);
    });
}
