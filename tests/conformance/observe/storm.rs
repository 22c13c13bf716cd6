//! Snapshots in a storm of children that begin and end on many threads.

use anyscope::{BlockOn, observe::tree::Tree, scope, threads::ThreadPool};
use std::{
    collections::HashSet,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};
use support::{Signal, yields};

/// Given children that stay and many that come and go, with scopes of their own, when snapshots are taken on other threads, then each has
/// those that stay once, and nobody twice.
#[test]
fn o20_nobody_who_stays_is_missed_or_seen_twice() {
    const STAY: usize = 20;
    const ROUNDS: usize = 300;
    let (tree, go, pool) = (Tree::new(), Signal::new(), ThreadPool::new(4));
    let (over, stays) = (AtomicBool::new(false), Arc::new(AtomicBool::new(false)));
    let looks = Arc::new(AtomicUsize::new(0));
    std::thread::scope(|threads| {
        let lookers: Vec<_> = (0..2)
            .map(|_| {
                threads.spawn(|| {
                    while !over.load(Ordering::SeqCst) {
                        let before = stays.load(Ordering::SeqCst);
                        let now = tree.snapshot();
                        let all_stayed = before && stays.load(Ordering::SeqCst);
                        let names: Vec<_> =
                            now.children().filter_map(|child| child.name()).collect();
                        let once: HashSet<_> = names.iter().copied().collect();
                        assert_eq!(names.len(), once.len(), "twice:\n{now}");
                        assert!(!all_stayed || once.len() == STAY, "missed:\n{now}");
                        for scope in now.all_scopes() {
                            let ids: HashSet<_> =
                                scope.children.iter().map(|child| child.id).collect();
                            assert_eq!(ids.len(), scope.children.len(), "twice:\n{now}");
                        }
                        looks.fetch_add(usize::from(all_stayed), Ordering::SeqCst);
                    }
                })
            })
            .collect();
        let (outer, inner, below) = (pool.handle(), pool.handle(), pool.handle());
        let (end, staying, looked) = (go.clone(), stays.clone(), looks.clone());
        pool.block_on(tree.watch(scope(&outer, async move |s| {
            for n in 0..STAY {
                s.spawn_named(format!("stays {n}"), end.wait());
            }
            staying.store(true, Ordering::SeqCst);
            for round in 0..100 * ROUNDS {
                // As long as nobody has looked often enough.
                if round >= ROUNDS && looked.load(Ordering::SeqCst) >= 10 {
                    break;
                }
                let below = below.clone();
                scope(&inner, async move |s| {
                    for n in 0..8 {
                        let below = below.clone();
                        s.spawn(async move {
                            yields(n % 3).await;
                            if n % 4 == 0 {
                                scope(&below, async |s| drop(s.spawn(yields(1)))).await;
                            }
                        });
                    }
                })
                .await;
            }
            staying.store(false, Ordering::SeqCst);
            end.fire();
        })));
        over.store(true, Ordering::SeqCst);
        for looker in lookers {
            looker.join().unwrap();
        }
    });
    assert!(looks.load(Ordering::SeqCst) >= 10);
    assert!(tree.snapshot().scopes.is_empty());
}
