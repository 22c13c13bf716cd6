//! Bugs that need long stretches of one task, found by priorities (V20).

use anyscope_core::{Timer, scope};
use anyscope_sim::{Explorer, SimHandle};
use std::{
    future::Future,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering::SeqCst},
    },
    time::Duration,
};

/// How many runs either way of picking has.
const RUNS: u64 = 1500;

fn is_found<F, Fut>(explorer: Explorer, test: F) -> bool
where
    F: Fn(SimHandle) -> Fut + Sync,
    Fut: Future<Output = ()>,
{
    explorer.find_failing_seed(test).is_some()
}

/// One task makes 30 steps, the other reads at one of its 30 and writes at the next. The write is
/// lost if *all* steps of the first are between those two: depth 2.
async fn lost_between_two_steps(sim: SimHandle) {
    let (written, others) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicU32::new(0)));
    scope(&sim, async |s| {
        let (handle, count) = (sim.clone(), others.clone());
        s.spawn(async move {
            for _ in 0..30 {
                count.fetch_add(1, SeqCst);
                handle.yield_now().await;
            }
        });
        let (handle, written) = (sim.clone(), written.clone());
        s.spawn(async move {
            for step in 0..30 {
                let before = others.load(SeqCst);
                handle.yield_now().await;
                if step == 15 && before == 0 && others.load(SeqCst) == 30 {
                    written.store(1, SeqCst);
                }
            }
        });
    })
    .await;
    assert_eq!(written.load(SeqCst), 0, "lost");
}

/// Given a bug of depth 2 in two tasks of 30 steps, then priorities with one change find it, and
/// neither none nor a uniform choice does, in as many runs.
#[test]
fn v20_a_bug_of_depth_two_is_found_by_priorities_only() {
    assert!(is_found(Explorer::new(RUNS).pct(2), lost_between_two_steps));
    assert!(!is_found(Explorer::new(RUNS).pct(1), lost_between_two_steps));
    assert!(!is_found(Explorer::new(RUNS), lost_between_two_steps));
}

/// Given that bug, then it is found about as often as promised: at least once in n k runs, where n is
/// 3 and k about 65.
#[test]
fn v20_it_is_found_as_often_as_promised() {
    let found = (0..2000)
        .filter(|seed| is_found(Explorer::new(1).first_seed(*seed).pct(2), lost_between_two_steps));
    let (found, promised) = (found.count(), 2000 / (3 * 70));
    assert!(found >= promised, "{found} times, promised {promised}");
}

/// Given a seed, then the run is the same again, with its number of polls measured again.
#[test]
fn v20_a_seed_means_the_same_run() {
    let order = |seed| {
        let order = Mutex::new(Vec::new());
        Explorer::new(1).first_seed(seed).pct(3).run(async |sim| {
            let now = Arc::new(Mutex::new(Vec::new()));
            scope(&sim, async |s| {
                for n in 0..4 {
                    let (sim, now) = (sim.clone(), now.clone());
                    s.spawn(async move {
                        for _ in 0..5 {
                            now.lock().unwrap().push(n);
                            sim.yield_now().await;
                        }
                    });
                }
            })
            .await;
            *order.lock().unwrap() = now.lock().unwrap().clone();
        });
        order.into_inner().unwrap()
    };
    let orders: Vec<_> = (0..20).map(order).collect();
    assert_eq!(orders, (0..20).map(order).collect::<Vec<_>>());
    let mut different = orders.clone();
    different.sort();
    different.dedup();
    assert!(different.len() > 15);
    // Long stretches: with at most two changes, and five that end.
    assert!(
        orders.iter().all(|order| order.windows(2).filter(|pair| pair[0] != pair[1]).count() <= 6)
    );
}

/// Given tasks that wait for another one in a loop, then the other one runs all the same.
#[test]
fn v20_who_waits_in_a_loop_gives_way() {
    Explorer::new(300).pct(3).max_polls(20_000).run(async |sim| {
        let open = Arc::new(AtomicU32::new(0));
        scope(&sim, async |s| {
            for _ in 0..3 {
                let (sim, open) = (sim.clone(), open.clone());
                s.spawn(async move {
                    while open.load(SeqCst) == 0 {
                        sim.yield_now().await;
                    }
                });
            }
            let sim = sim.clone();
            s.spawn(async move {
                sim.sleep(Duration::ZERO).await;
                sim.yield_now().await;
                open.store(1, SeqCst);
            });
        })
        .await;
    });
}

#[test]
fn strange_depths() {
    assert!(catch_unwind(AssertUnwindSafe(|| Explorer::new(1).pct(0))).is_err());
    for depth in [1, 2, usize::MAX] {
        Explorer::new(10).pct(depth).run(async |_| {});
        Explorer::new(10).pct(depth).run(async |sim| sim.yield_now().await);
    }
}
