//! Children end: by a panic, by a cancel, with their scope.

use crate::{
    Adapter,
    tools::{Lives, on, until, waits, yield_now},
};
use anyscope_core::{JoinError, scope};
use std::{
    future::{Future, poll_fn},
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::Poll,
    thread,
};

/// A child that panics has a handle that says so; its executor, and all others, live on.
pub fn a_panic_stays_in_its_child<A: Adapter>() {
    on::<A>(async |exec| {
        scope(&exec, async |s| {
            for _ in 0..10 {
                let panics = s.spawn(async {
                    yield_now().await;
                    panic!("expected by this test")
                });
                let other = s.spawn(async {
                    yield_now().await;
                    7
                });
                let outcome: Result<(), JoinError> = panics.await;
                let error = outcome.unwrap_err();
                assert!(matches!(error, JoinError::Panicked(_)), "{error:?}");
                assert_eq!(other.value().await, 7);
            }
        })
        .await;
    });
}

/// A cancel drops the futures of children that wait before it returns, without help of the executor.
pub fn a_cancel_drops_who_waits<A: Adapter>() {
    on::<A>(async |exec| {
        let lives = Lives::default();
        scope(&exec, async |s| {
            let children: Vec<_> = (0..10).map(|_| waits(&lives)).collect();
            let mut polled = Vec::new();
            let mut handles = Vec::new();
            for (child, is_polled) in children {
                handles.push(s.spawn(child));
                polled.push(is_polled);
            }
            until(|| polled.iter().all(|polled| polled.load(Ordering::SeqCst))).await;
            s.cancel("enough");
            for handle in handles {
                assert!(handle.await.unwrap_err().is_cancelled());
            }
        })
        .await;
        assert_eq!(lives.count(), 0, "a future outlives its scope");
    });
}

/// A scope that is dropped takes its waiting children with it.
pub fn a_dropped_scope_drops_who_waits<A: Adapter>() {
    on::<A>(async |exec| {
        let lives = Lives::default();
        let (child, polled) = waits(&lives);
        {
            let work = scope(&exec, async |s| s.spawn(child).await);
            let mut work = pin!(work);
            poll_fn(|cx| {
                assert!(work.as_mut().poll(cx).is_pending());
                if polled.load(Ordering::SeqCst) {
                    return Poll::Ready(());
                }
                cx.waker().wake_by_ref();
                thread::yield_now();
                Poll::Pending
            })
            .await;
        }
        until(|| lives.count() == 0).await;
    });
}

/// A destructor of a child spawns: no lock of the executor is held while a child is dropped.
pub fn a_destructor_that_spawns<A: Adapter>() {
    struct Spawns(Option<Box<dyn FnOnce() + Send>>);

    impl Drop for Spawns {
        fn drop(&mut self) {
            self.0.take().into_iter().for_each(|spawn| spawn());
        }
    }

    on::<A>(async |exec| {
        let ran = Arc::new(AtomicBool::new(false));
        scope(&exec, async |outer| {
            let (sets, spawner) = (ran.clone(), outer.clone());
            let spawns = Spawns(Some(Box::new(move || {
                spawner.spawn(async move { sets.store(true, Ordering::SeqCst) });
            })));
            scope(&exec, async |s| {
                let polled = Arc::new(AtomicBool::new(false));
                let sets = polled.clone();
                s.spawn(async move {
                    let _spawns = spawns;
                    sets.store(true, Ordering::SeqCst);
                    std::future::pending::<()>().await;
                });
                until(|| polled.load(Ordering::SeqCst)).await;
                s.cancel("now");
            })
            .await;
            until(|| ran.load(Ordering::SeqCst)).await;
        })
        .await;
    });
}

/// A child that is cancelled by itself, in its own poll, ends when that poll returns.
pub fn a_child_that_is_cancelled_while_it_runs<A: Adapter>() {
    on::<A>(async |exec| {
        let lives = Lives::default();
        let life = lives.begin();
        scope(&exec, async |s| {
            let cancels = s.clone();
            let child = s.spawn(async move {
                let _life = life;
                cancels.cancel("by its own child");
                std::future::pending::<()>().await;
            });
            assert!(child.await.unwrap_err().is_cancelled());
        })
        .await;
        assert_eq!(lives.count(), 0, "a future outlives its scope");
    });
}
