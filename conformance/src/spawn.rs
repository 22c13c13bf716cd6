//! Children run.

use crate::{
    Adapter,
    tools::{Signal, on, until, yield_now},
};
use anyscope_core::{Spawn, scope};
use std::{
    future::Future,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
};

/// Children run to their ends, and their handles have what they return.
pub fn children_run_to_their_end<A: Adapter>() {
    on::<A>(async |exec| {
        let sum = scope(&exec, async |s| {
            let children: Vec<_> = (0..100)
                .map(|n| {
                    s.spawn(async move {
                        yield_now().await;
                        n
                    })
                })
                .collect();
            let mut sum = 0;
            for child in children {
                sum += child.value().await;
            }
            sum
        });
        assert_eq!(sum.await, 4950);
    });
}

/// A child is polled soon after `spawn`, whether or not anybody awaits it.
pub fn a_child_runs_though_nobody_awaits_it<A: Adapter>() {
    on::<A>(async |exec| {
        scope(&exec, async |s| {
            let ran = Signal::default();
            let runs = ran.clone();
            drop(s.spawn(async move { runs.set() }));
            ran.wait().await;
        })
        .await;
    });
}

/// `spawn` queues the child and returns: who spawns may hold a lock that the child wants.
pub fn spawn_does_not_poll<A: Adapter>() {
    on::<A>(async |exec| {
        scope(&exec, async |s| {
            let spawning = Arc::new((AtomicBool::new(false), thread::current().id()));
            let polled_inside = Arc::new(AtomicBool::new(false));
            for _ in 0..10 {
                let (now, inside) = (spawning.clone(), polled_inside.clone());
                spawning.0.store(true, Ordering::SeqCst);
                let child = s.spawn(async move {
                    if now.0.load(Ordering::SeqCst) && thread::current().id() == now.1 {
                        inside.store(true, Ordering::SeqCst);
                    }
                });
                spawning.0.store(false, Ordering::SeqCst);
                child.value().await;
            }
            assert!(!polled_inside.load(Ordering::SeqCst), "`spawn` polls the child: queue it");
        })
        .await;
    });
}

/// Children spawn children.
pub fn children_spawn_children<A: Adapter>() {
    fn leaves(
        exec: impl Spawn + Clone + Send + Sync + 'static,
        depth: usize,
    ) -> Pin<Box<dyn Future<Output = usize> + Send>> {
        Box::pin(async move {
            if depth == 0 {
                return 1;
            }
            let below = exec.clone();
            scope(&exec, async |s| {
                let left = s.spawn(leaves(below.clone(), depth - 1));
                let right = s.spawn(leaves(below, depth - 1));
                left.value().await + right.value().await
            })
            .await
        })
    }
    on::<A>(async |exec| assert_eq!(leaves(exec, 6).await, 64));
}

/// Children are spawned by threads that the executor knows nothing of.
pub fn children_come_from_other_threads<A: Adapter>() {
    on::<A>(async |exec| {
        scope(&exec, async |s| {
            let ran = Arc::new(AtomicUsize::new(0));
            let threads: Vec<_> = (0..4)
                .map(|_| {
                    let (s, ran) = (s.clone(), ran.clone());
                    thread::spawn(move || {
                        for _ in 0..25 {
                            let ran = ran.clone();
                            s.spawn(async move { _ = ran.fetch_add(1, Ordering::SeqCst) });
                        }
                    })
                })
                .collect();
            until(|| ran.load(Ordering::SeqCst) == 100).await;
            threads.into_iter().for_each(|thread| thread.join().unwrap());
        })
        .await;
    });
}

/// Ten thousand children at once.
pub fn many_children<A: Adapter>() {
    on::<A>(async |exec| {
        let ran = Arc::new(AtomicUsize::new(0));
        scope(&exec, async |s| {
            for _ in 0..10_000 {
                let ran = ran.clone();
                s.spawn(async move {
                    yield_now().await;
                    ran.fetch_add(1, Ordering::SeqCst);
                });
            }
        })
        .await;
        assert_eq!(ran.load(Ordering::SeqCst), 10_000, "a scope ends after its children");
    });
}
