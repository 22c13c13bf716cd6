//! Closures that block a thread.

use crate::{Adapter, tools::on};
use anyscope_core::{JoinError, SpawnBlocking, scope};
use std::sync::mpsc;

/// A closure runs, and its handle has what it returns.
pub fn closures_return<A: Adapter<Handle: SpawnBlocking>>() {
    on::<A>(async |exec| {
        assert_eq!(scope(&exec, async |s| s.spawn_blocking(|| 42).value().await).await, 42);
    });
}

/// A closure that blocks does not keep children from running: it has a thread of its own.
pub fn closures_do_not_hold_up_children<A: Adapter<Handle: SpawnBlocking>>() {
    on::<A>(async |exec| {
        scope(&exec, async |s| {
            let (send, receive) = mpsc::channel();
            let closure = s.spawn_blocking(move || receive.recv().unwrap());
            s.spawn(async move { send.send(7).unwrap() });
            assert_eq!(closure.value().await, 7);
        })
        .await;
    });
}

/// A closure that panics has a handle that says so.
pub fn a_closure_that_panics<A: Adapter<Handle: SpawnBlocking>>() {
    on::<A>(async |exec| {
        scope(&exec, async |s| {
            let panics = s.spawn_blocking(|| panic!("expected by this test"));
            let outcome: Result<(), JoinError> = panics.await;
            let error = outcome.unwrap_err();
            assert!(matches!(error, JoinError::Panicked(_)), "{error:?}");
            assert_eq!(s.spawn_blocking(|| 7).value().await, 7);
        })
        .await;
    });
}

/// More closures than there are threads all run.
pub fn many_closures<A: Adapter<Handle: SpawnBlocking>>() {
    on::<A>(async |exec| {
        let sum = scope(&exec, async |s| {
            let closures: Vec<_> = (0..200).map(|n| s.spawn_blocking(move || n)).collect();
            let mut sum = 0;
            for closure in closures {
                sum += closure.value().await;
            }
            sum
        });
        assert_eq!(sum.await, 19_900);
    });
}
