//! Virtual time and determinism (V).

use anyscope_core::{Clock, SpawnBlocking, Timer, scope};
use anyscope_sim::{Builder, Explorer, Failure, Faults, Sim, SimHandle, exhaust, explore};
use std::{
    collections::HashSet,
    future::{Future, pending, poll_fn},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    task::Poll,
    thread,
    time::Duration,
};

const SECOND: Duration = Duration::from_secs(1);

/// What happened, and when.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<(u64, usize)>>>);

impl Log {
    fn add(&self, sim: &SimHandle, what: usize) {
        self.0.lock().unwrap().push((sim.elapsed().as_secs(), what));
    }

    fn take(&self) -> Vec<(u64, usize)> {
        std::mem::take(&mut *self.0.lock().unwrap())
    }
}

/// Children that sleep for so many seconds each, and then say so.
async fn sleepers(sim: &SimHandle, seconds: &[u32]) -> Vec<(u64, usize)> {
    let log = Log::default();
    scope(sim, async |s| {
        for (n, &seconds) in seconds.iter().enumerate() {
            let (sim, log) = (sim.clone(), log.clone());
            s.spawn(async move {
                sim.sleep(seconds * SECOND).await;
                log.add(&sim, n);
            });
        }
    })
    .await;
    log.take()
}

fn in_order() -> Builder {
    Sim::builder()
}

#[test]
fn v1_sleeps_end_in_due_time_order_and_equal_ones_in_the_order_of_their_begin() {
    let log = in_order().build().run(async |sim| sleepers(&sim, &[3, 1, 2, 1]).await).unwrap();
    assert_eq!(log, [(1, 1), (1, 3), (2, 2), (3, 0)]);
}

#[test]
fn v1_whatever_the_order_of_tasks_nobody_wakes_early() {
    explore(200, async |sim| {
        let times: Vec<_> =
            sleepers(&sim, &[3, 1, 2, 1]).await.into_iter().map(|(at, _)| at).collect();
        assert_eq!(times, [1, 1, 2, 3]);
    });
}

#[test]
fn v2_the_clock_stands_still_while_something_can_run() {
    explore(100, async |sim| {
        scope(&sim, async |s| {
            s.spawn(sim.sleep(SECOND));
            for _ in 0..100 {
                sim.yield_now().await;
                assert_eq!(sim.elapsed(), Duration::ZERO);
            }
        })
        .await;
        assert_eq!(sim.elapsed(), SECOND);
    });
}

#[test]
fn v5_one_after_the_other_is_the_sum_and_at_once_is_the_most() {
    let elapsed = |concurrently: bool| {
        let test = async move |sim: SimHandle| {
            if concurrently {
                sleepers(&sim, &[1, 2, 3]).await;
            } else {
                for n in 1..=3 {
                    sim.sleep(n * SECOND).await;
                }
            }
            sim.elapsed()
        };
        Sim::new(1).run(test).unwrap()
    };
    assert_eq!((elapsed(true), elapsed(false)), (3 * SECOND, 6 * SECOND));
}

/// A thousand jobs of a second, fifty at a time, take twenty seconds.
#[test]
fn a07_bounded_work_takes_exactly_as_long_as_it_must() {
    use anyscope_core::{Limit, flow};

    explore(20, async |sim| {
        let sim2 = sim.clone();
        flow::iter(0..1000).for_each_concurrent(Limit::new(50), |_| sim2.sleep(SECOND)).await;
        assert_eq!(sim.elapsed(), 20 * SECOND);
    });
}

#[test]
fn v7_idle_comes_when_all_others_wait_and_before_the_clock_jumps() {
    explore(200, async |sim| {
        let log = Log::default();
        scope(&sim, async |s| {
            for n in 0..5 {
                let (sim, log) = (sim.clone(), log.clone());
                s.spawn(async move {
                    for _ in 0..n {
                        sim.yield_now().await;
                    }
                    log.add(&sim, n);
                    sim.sleep(SECOND).await;
                    log.add(&sim, n);
                });
            }
            sim.idle().await;
            assert_eq!((log.take().len(), sim.elapsed()), (5, Duration::ZERO));
        })
        .await;
        assert_eq!(log.take().len(), 5);
    });
}

#[test]
fn v8_a_task_that_only_yields_is_a_livelock() {
    let spin = in_order().max_polls(1000).build().run(async |sim| {
        loop {
            sim.yield_now().await;
        }
    });
    match spin {
        Err(Failure::Livelock { polls: 1000, tasks, .. }) => assert_eq!(tasks.len(), 1),
        other => panic!("{other:?}"),
    }
}

#[test]
fn v9_a_deadlock_names_everybody_who_waits_and_for_what() {
    let (here, hang) = (line!(), async |sim: SimHandle| {
        scope(&sim, async |s| {
            let sim2 = sim.clone();
            s.spawn_named("writer", async move { sim2.label("the lock", pending::<()>()).await });
            sim.label("the writer", pending::<()>()).await;
        })
        .await;
    });
    let failure = Sim::new(3).run(hang).unwrap_err();
    let Failure::Deadlock { tasks, .. } = &failure else { panic!("{failure}") };
    assert_eq!((tasks[0].name.as_deref(), &tasks[0].waits[..]), (None, &["the writer".into()][..]));
    assert_eq!(tasks[1].name.as_deref(), Some("writer"));
    assert_eq!(tasks[1].spawned_at.unwrap().line(), here + 3);
    assert_eq!(tasks[1].waits, ["the lock"]);
    assert!(
        failure.to_string().contains("child `writer`, spawned at exec-sim/tests/virtual_time.rs")
    );
}

#[test]
fn v10_the_same_seed_gives_the_same_order_and_others_give_others() {
    let order = |seed| Sim::new(seed).run(async |sim| sleepers(&sim, &[1; 8]).await).unwrap();
    assert_eq!(order(1), order(1));
    let orders: HashSet<_> = (0..100).map(order).collect();
    assert!(orders.len() > 90);
}

#[test]
fn v11_every_order_of_five_ready_tasks_is_reached() {
    let orders = Mutex::new(HashSet::new());
    explore(2000, async |sim| {
        let order: Vec<_> = sleepers(&sim, &[0; 5]).await.into_iter().map(|(_, n)| n).collect();
        orders.lock().unwrap().insert(order);
    });
    assert_eq!(orders.into_inner().unwrap().len(), 120);
}

#[test]
fn v11_exhaust_goes_through_every_order_once() {
    let orders = Mutex::new(Vec::new());
    let all = exhaust(10_000, async |sim| {
        let order: Vec<_> = sleepers(&sim, &[0; 3]).await.into_iter().map(|(_, n)| n).collect();
        orders.lock().unwrap().push(order);
    });
    assert!(all.complete);
    let orders = orders.into_inner().unwrap();
    assert_eq!((orders.iter().collect::<HashSet<_>>().len(), all.schedules), (6, 6));
    // The first is run twice, to see whether it is the same.
    assert_eq!((orders.len(), &orders[0]), (7, &orders[1]));
}

#[test]
fn v13_a_test_that_looks_outside_is_found_out() {
    static RUNS: AtomicU64 = AtomicU64::new(0);
    let found = std::panic::catch_unwind(|| {
        explore(10, async |sim| {
            for _ in 0..RUNS.fetch_add(1, Relaxed) {
                sim.yield_now().await;
            }
        });
    });
    let message = *found.unwrap_err().downcast::<String>().unwrap();
    assert!(message.contains("not deterministic"), "{message}");
}

#[test]
fn a_wake_from_another_thread_is_found_out() {
    let foreign = async |_: SimHandle| {
        let mut thread = None;
        poll_fn(|cx| {
            if thread.is_some() {
                return Poll::Ready(());
            }
            let waker = cx.waker().clone();
            thread::scope(|scope| drop(scope.spawn(move || waker.wake()).join()));
            thread = Some(());
            Poll::Pending
        })
        .await;
    };
    assert!(matches!(Sim::new(1).run(foreign), Err(Failure::ForeignWake { .. })));
    in_order().foreign_threads(true).build().run(foreign).unwrap();
}

#[test]
fn v14_what_is_left_behind_is_a_failure() {
    let leak = |test: fn(SimHandle)| match Sim::new(1).run(async move |sim| test(sim)) {
        Err(Failure::Leak { tasks, timers, wakers }) => (tasks.len(), timers, wakers),
        other => panic!("{other:?}"),
    };
    let task = leak(|sim| {
        use anyscope_core::{Child, Spawn};
        sim.spawn(Child::unscoped(pending()));
    });
    assert_eq!(task, (1, 0, 0));
    assert_eq!(leak(|sim| std::mem::forget(sim.sleep(SECOND))), (0, 1, 0));
    let waker = leak(|sim| {
        use anyscope_core::{Child, Spawn};
        sim.spawn(Child::unscoped(poll_fn(|cx| {
            std::mem::forget(cx.waker().clone());
            Poll::Ready(())
        })));
    });
    assert_eq!(waker, (0, 0, 1));
}

#[test]
fn sleeps_that_were_dropped_move_no_clock() {
    let elapsed = Sim::new(1).run(async |sim| {
        drop(sim.sleep(SECOND));
        sim.sleep(2 * SECOND).await;
        sim.elapsed()
    });
    assert_eq!(elapsed.unwrap(), 2 * SECOND);
}

#[test]
fn strange_durations_are_fine() {
    Sim::new(1)
        .run(async |sim| {
            sim.sleep(Duration::ZERO).await;
            assert_eq!(sim.elapsed(), Duration::ZERO);
            let never = sim.sleep(Duration::MAX);
            sim.sleep(SECOND).await;
            drop(never);
        })
        .unwrap();
    let forever = Sim::new(1).run(async |sim| sim.sleep(Duration::MAX).await);
    assert!(matches!(forever, Err(Failure::Deadlock { .. })));
}

#[test]
fn blocking_jobs_run_in_any_order_too() {
    let orders = Mutex::new(HashSet::new());
    explore(200, async |sim| {
        let log = Log::default();
        scope(&sim, async |s| {
            for n in 0..3 {
                let (sim, log) = (sim.clone(), log.clone());
                s.spawn_blocking(move || log.add(&sim, n));
            }
        })
        .await;
        orders.lock().unwrap().insert(log.take());
    });
    assert_eq!(orders.into_inner().unwrap().len(), 6);
    let _: &dyn SpawnBlocking = &Sim::new(1);
}

#[test]
fn faults_happen_and_scopes_stand_them() {
    let polls = AtomicU64::new(0);
    let faults = Faults { spurious_polls: 3, late_wakes: 3, drops: 0, oversleep: SECOND };
    Explorer::new(300).faults(faults).run(async |sim| {
        let start = sim.now();
        sleepers_counted(&sim, &polls).await;
        assert!(sim.now().saturating_duration_since(start) >= 3 * SECOND);
    });
    // Without faults it is seven in a run: one for the sleep that is over at once, and two each for
    // the others.
    assert!(polls.into_inner() > 300 * 7);

    let lost = AtomicU64::new(0);
    Explorer::new(300).faults(Faults { drops: 4, ..Faults::default() }).run(async |sim| {
        let handles = scope(&sim, async |s| {
            let handles = [(); 4].map(|()| s.spawn(sim.sleep(SECOND)));
            let mut outcomes = Vec::new();
            for handle in handles {
                outcomes.push(handle.await.is_err());
            }
            outcomes
        })
        .await;
        lost.fetch_add(handles.into_iter().filter(|lost| *lost).count() as u64, Relaxed);
    });
    assert!(lost.into_inner() > 0);
}

async fn sleepers_counted(sim: &SimHandle, polls: &AtomicU64) {
    scope(sim, async |s| {
        for seconds in 0..4 {
            let mut sleep = Box::pin(sim.sleep(seconds * SECOND));
            let (counted, count) = (Arc::new(AtomicU64::new(0)), polls);
            let counter = counted.clone();
            let child = s.spawn(poll_fn(move |cx| {
                counter.fetch_add(1, Relaxed);
                sleep.as_mut().poll(cx)
            }));
            child.await.unwrap();
            count.fetch_add(counted.load(Relaxed), Relaxed);
        }
    })
    .await;
}

/// Given a hang beside a heartbeat, which sets a timer again and again, then that is a verdict too,
/// and names who waits for what.
#[test]
fn v9_a_heartbeat_does_not_hide_a_hang() {
    let sim = Sim::builder().max_jumps(1000).build();
    let hang = sim.run(async |sim| {
        scope(&sim, async |s| {
            let timer = sim.clone();
            s.spawn_named("heartbeat", async move {
                loop {
                    timer.sleep(Duration::from_secs(1)).await;
                }
            });
            sim.label("a reply", pending::<()>()).await;
        })
        .await;
    });
    let failure = hang.unwrap_err();
    assert!(matches!(failure, Failure::Endless { jumps: 1000, .. }), "{failure}");
    let message = failure.to_string();
    assert!(message.starts_with("no end at 1000s: the clock has jumped 1000 times"), "{message}");
    assert!(message.contains("a reply") && message.contains("`heartbeat`"), "{message}");
}
