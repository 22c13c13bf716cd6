//! The unordered bounded map (U).

use anyscope::{Limit, LiveLimit, flow};
use futures_lite::future::or;
use std::{
    future::pending,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};
use support::{Gauge, HOUR, Log, SECOND, Signal, Stopwatch, Tracer, map_behaviour, yield_now};

const ONE: Limit = Limit::new(1);
const TWO: Limit = Limit::new(2);
const THREE: Limit = Limit::new(3);

/// Long enough for everything that can happen without a wake from outside.
async fn a_while() {
    for _ in 0..50 {
        yield_now().await;
    }
}

map_behaviour! {
    /// Given jobs that take 3, 2 and 1 ms, then their values come as 1, 2, 3.
    u1_values_come_as_they_are_ready with virtual_time |ex| {
        let clock = Stopwatch::start(ex.clone());
        let timer = ex.clone();
        let work = move |n| {
            let sleep = timer.sleep(Duration::from_millis(n));
            async move {
                sleep.await;
                n
            }
        };
        let flow = map!(flow::iter([3, 2, 1]), THREE, work.clone()).unordered();
        assert_eq!(flow.collect::<Vec<_>>().await, [1, 2, 3]);
        assert_eq!(clock.elapsed(), Duration::from_millis(3));
        // With room for two, the last one starts when the second is done.
        let flow = map!(flow::iter([3, 2, 1]), TWO, work).unordered();
        assert_eq!(flow.collect::<Vec<_>>().await.len(), 3);
        assert_eq!(clock.elapsed(), Duration::from_millis(6));
    }

    /// Then the values are those of a sequential map, in some order.
    u2_values_are_a_permutation |ex| {
        for limit in [ONE, TWO, Limit::new(7), Limit::Unbounded] {
            let work = |n| async move {
                for _ in 0..n * 7 % 5 {
                    yield_now().await;
                }
                n * n
            };
            let mut values: Vec<_> = map!(flow::iter(0..50), limit, work).unordered().collect().await;
            values.sort();
            assert_eq!(values, (0..50).map(|n| n * n).collect::<Vec<_>>());
        }
    }

    /// Then as many jobs are under way as the limit allows, and at no poll more.
    u3_limit_is_reached_and_never_exceeded |ex| {
        let (gauge, full) = (Gauge::new(), Signal::new());
        let work = |n| {
            let (gauge, full) = (gauge.clone(), full.clone());
            async move {
                let _inside = gauge.enter();
                if gauge.now() == 3 {
                    full.fire();
                }
                full.wait().await;
                for _ in 0..n % 4 {
                    yield_now().await;
                }
            }
        };
        let flow = map!(flow::iter(0..20), THREE, work).unordered();
        assert_eq!(flow.collect::<Vec<_>>().await.len(), 20);
        assert_eq!((gauge.peak(), gauge.now()), (3, 0));
    }

    /// Then running, and finished but not delivered, are no more than the limit, unless a window
    /// is given.
    u4_undelivered_values_count |ex| {
        for (window, most) in [(None, 3), (Some(2), 3), (Some(6), 6)] {
            let started = Arc::new(AtomicUsize::new(0));
            let (count, seen) = (started.clone(), started.clone());
            let work = move |n: usize| {
                count.fetch_add(1, SeqCst);
                async move { n }
            };
            let mut flow = map!(flow::iter(0..20), THREE, work).unordered();
            if let Some(window) = window {
                flow = flow.window(Limit::new(window));
            }
            let all = flow.drive(async move |mut items| {
                for taken in 0..20_usize {
                    a_while().await;
                    assert_eq!(seen.load(SeqCst), 20.min(taken + most));
                    assert!(items.next().await.is_some());
                }
                assert!(items.next().await.is_none());
            });
            all.await;
        }
    }

    /// Given one job that never ends, then the other n − 1 slots keep cycling.
    u5_stuck_job_holds_up_nobody |ex| {
        let work = |n| async move {
            if n == 0 {
                pending::<()>().await;
            }
            yield_now().await;
            n
        };
        map!(flow::iter(0..), THREE, work)
            .unordered()
            .drive(async |mut items| {
                let mut values = vec![];
                for _ in 0..100 {
                    values.extend(items.next().await);
                }
                values.sort();
                assert!(values.len() == 100 && values[0] == 1 && values[99] <= 102);
            })
            .await;
    }

    /// Given a failure, then running jobs are dropped before the error is returned, and others
    /// never start.
    u6_failure_ends_what_runs |ex| {
        let (tracer, go) = (Tracer::new(), Signal::new());
        let work = |n| {
            let (go, waited) = (go.clone(), go.wait());
            tracer.trace(async move {
                match n {
                    0 => waited.await,
                    2 => go.fire(),
                    _ => pending().await,
                }
                if n == 0 { Err("broken") } else { Ok(()) }
            })
        };
        let result = map!(flow::iter(0..99), THREE, work).unordered().try_collect::<Vec<_>>();
        assert_eq!(result.await, Err("broken"));
        // The fourth took the place of the third, perhaps.
        assert!(tracer.drops() <= 4);
        assert_eq!(tracer.alive(), 0);
    }

    /// Given a source that ends at the first failure, and all outcomes asked for, then running
    /// jobs come to their end, no others start, and then the error.
    u7_failure_lets_the_rest_end |ex| {
        let (failed, started) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let asked = failed.clone();
        let source = (0..99).take_while(move |_| !asked.load(SeqCst));
        let (fails, count) = (failed.clone(), started.clone());
        let work = move |n| {
            let failed = fails.clone();
            count.fetch_add(1, SeqCst);
            async move {
                for _ in 0..n {
                    yield_now().await;
                }
                if n == 1 {
                    failed.store(true, SeqCst);
                    return Err("broken");
                }
                Ok(n)
            }
        };
        let outcomes = map!(flow::iter(source), THREE, work).unordered().collect::<Vec<_>>().await;
        assert_eq!(outcomes.len(), started.load(SeqCst));
        assert_eq!(outcomes.iter().filter(|outcome| outcome.is_err()).count(), 1);
        assert!((3..6).contains(&outcomes.len()));
    }

    /// Given a limit that is raised, then more starts at once; given one that is lowered, then
    /// what runs comes to its end, and nothing starts until less is running.
    u10_limit_changes_while_it_is_in_use |ex| {
        let (limit, gauge, go) = (LiveLimit::new(ONE), Gauge::new(), Signal::new());
        let (counted, waited, most) = (gauge.clone(), go.clone(), limit.clone());
        let work = move |n| {
            let (counted, waited, most) = (counted.clone(), waited.clone(), most.clone());
            async move {
                let _inside = counted.enter();
                assert!(counted.now() <= most.get().get());
                waited.wait().await;
                // Those that start from here on are still seen to run.
                yield_now().await;
                n
            }
        };
        let values = map!(flow::iter(0..20), &limit, work).unordered().collect::<Vec<_>>();
        let control = async {
            for (most, running) in [(1, 1), (4, 4), (6, 6), (2, 6)] {
                limit.set(Limit::new(most));
                a_while().await;
                assert_eq!(gauge.now(), running);
            }
            go.fire();
            while gauge.now() > 2 {
                yield_now().await;
            }
            for _ in 0..20 {
                assert!(gauge.now() <= 2);
                yield_now().await;
            }
            pending::<()>().await;
            vec![]
        };
        let mut values = or(values, control).await;
        values.sort();
        assert_eq!((values, gauge.peak()), ((0..20).collect(), 6));
    }

    /// Given a job that raises the limit and waits for the next job, then that one starts.
    u10_limit_is_raised_by_a_job |ex| {
        let (limit, go) = (LiveLimit::new(ONE), Signal::new());
        let control = limit.clone();
        let work = move |n| {
            let (control, go) = (control.clone(), go.clone());
            async move {
                if n == 0 {
                    yield_now().await;
                    control.set(TWO);
                    go.wait().await;
                } else {
                    go.fire();
                }
            }
        };
        let flow = map!(flow::iter(0..3), limit, work).unordered();
        assert_eq!(flow.count().await, 3);
    }

    /// Given a consumer whose body awaits something for a second, then the jobs in flight go on
    /// meanwhile.
    u11_jobs_go_on_while_the_body_waits with virtual_time |ex| {
        let clock = Stopwatch::start(ex.clone());
        let timer = ex.clone();
        let log = Log::new();
        let (done, timed) = (log.clone(), clock.clone());
        let work = move |n: u32| {
            let (sleep, done, timed) = (timer.sleep(n * SECOND), done.clone(), timed.clone());
            async move {
                sleep.await;
                done.add(format!("{n} at {}", timed.elapsed().as_secs()));
                n
            }
        };
        let timer = ex.clone();
        let taken = map!(flow::iter([1, 2, 3, 4]), Limit::new(4), work).unordered().drive(
            async move |mut items| {
                let mut taken = vec![];
                while let Some(n) = items.next().await {
                    taken.push(n);
                    timer.sleep(HOUR).await;
                }
                taken
            },
        );
        assert_eq!(taken.await, [1, 2, 3, 4]);
        assert_eq!(log.events(), ["1 at 1", "2 at 2", "3 at 3", "4 at 4"]);
        assert_eq!(clock.elapsed(), 4 * HOUR + SECOND);
    }

    /// The same for the steps of a fold.
    u11_jobs_go_on_while_a_step_waits with virtual_time |ex| {
        let clock = Stopwatch::start(ex.clone());
        let timer = ex.clone();
        let work = move |n: u32| timer.sleep(n * SECOND);
        let timer = ex.clone();
        let steps = map!(flow::iter([1, 2, 3]), THREE, work).unordered().fold(0, move |n, ()| {
            let sleep = timer.sleep(5 * SECOND);
            async move {
                sleep.await;
                n + 1
            }
        });
        assert_eq!(steps.await, 3);
        // The first after one second, then three steps.
        assert_eq!(clock.elapsed(), 16 * SECOND);
    }
}

/// Given weights and a capacity, then no more than that runs together, items start in order, and
/// one that is too heavy runs alone. In the awaiting task.
mod u9_weights {
    use super::*;
    use support::behaviour;

    behaviour! {
        sum_is_never_more_than_the_capacity |ex| {
            let _ = &ex;
            let (running, order) = (Arc::new(Mutex::new(vec![])), Arc::new(Mutex::new(vec![])));
            let weights = [1, 2, 0, 3, 1, 9, 0, 1, 1, 1, 4, 4, 2, 2, 0, 9, 9, 1];
            let values = flow::iter(weights.into_iter().enumerate())
                .map_weighted(Limit::new(4), |(_, weight)| *weight, |(n, weight)| {
                    order.lock().unwrap().push(n);
                    let sum: usize = {
                        let mut running = running.lock().unwrap();
                        running.push(weight);
                        running.iter().sum()
                    };
                    assert!(sum <= 4 || running.lock().unwrap().len() == 1, "{sum}");
                    let running = running.clone();
                    async move {
                        for _ in 0..n % 4 {
                            yield_now().await;
                        }
                        let mut running = running.lock().unwrap();
                        let at = running.iter().position(|other| *other == weight).unwrap();
                        running.remove(at);
                        weight
                    }
                })
                .unordered()
                .count()
                .await;
            assert_eq!(values, weights.len());
            assert_eq!(*order.lock().unwrap(), (0..weights.len()).collect::<Vec<_>>());
        }

        /// One that does not fit is not overtaken by one that would.
        heavy_item_is_not_overtaken |ex| {
            let _ = &ex;
            let (started, go) = (Arc::new(Mutex::new(vec![])), Signal::new());
            let count = flow::iter([2, 3, 1, 0])
                .map_weighted(Limit::new(4), |weight| *weight, |weight| {
                    started.lock().unwrap().push(weight);
                    go.wait()
                })
                .unordered()
                .count();
            let control = async {
                a_while().await;
                assert_eq!(*started.lock().unwrap(), [2]);
                go.fire();
                pending().await
            };
            assert_eq!(or(count, control).await, 4);
        }

        /// One that is heavier than the capacity waits until nothing runs, and nothing runs
        /// beside it, not even what weighs nothing.
        item_that_is_too_heavy_runs_alone |ex| {
            let _ = &ex;
            let (started, go) = (Arc::new(Mutex::new(vec![])), [Signal::new(), Signal::new()]);
            let signals = go.clone();
            let count = flow::iter([0, 9, 0])
                .map_weighted(Limit::new(4), |weight| *weight, |weight| {
                    let nth = {
                        let mut started = started.lock().unwrap();
                        started.push(weight);
                        started.len() - 1
                    };
                    let waited = signals.get(nth).map(Signal::wait);
                    async move {
                        if let Some(waited) = waited {
                            waited.await;
                        }
                    }
                })
                .unordered()
                .count();
            let control = async {
                a_while().await;
                assert_eq!(*started.lock().unwrap(), [0]);
                go[0].fire();
                a_while().await;
                assert_eq!(*started.lock().unwrap(), [0, 9]);
                go[1].fire();
                pending().await
            };
            assert_eq!(or(count, control).await, 3);
            assert_eq!(*started.lock().unwrap(), [0, 9, 0]);
        }

        /// What weighs nothing runs together, as many as the window holds.
        weightless_items_run_together |ex| {
            let _ = &ex;
            let (gauge, full) = (Gauge::new(), Signal::new());
            let count = flow::iter([0; 5])
                .map_weighted(Limit::new(1), |weight| *weight, |_| {
                    let (gauge, full) = (gauge.clone(), full.clone());
                    async move {
                        let _inside = gauge.enter();
                        if gauge.now() == 3 {
                            full.fire();
                        }
                        full.wait().await;
                    }
                })
                .window(THREE)
                .unordered()
                .count()
                .await;
            assert_eq!((count, gauge.peak()), (5, 3));
        }

        /// A live capacity: an item that waits for it starts when it is raised.
        capacity_is_raised_for_an_item_that_waits |ex| {
            let _ = &ex;
            let (limit, go) = (LiveLimit::new(TWO), Signal::new());
            let control = limit.clone();
            let count = flow::iter([1, 3])
                .map_weighted(&limit, |weight| *weight, |weight| {
                    let go = go.clone();
                    async move {
                        match weight {
                            3 => go.fire(),
                            _ => go.wait().await,
                        }
                    }
                })
                .unordered()
                .count();
            let control = async {
                a_while().await;
                assert!(!go.has_fired());
                control.set(Limit::new(4));
                pending().await
            };
            assert_eq!(or(count, control).await, 2);
        }
    }
}
