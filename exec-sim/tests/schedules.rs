//! What tests of users look like: steps of time as a list, streams as pictures, and the examples of
//! books on concurrency with their exact times (A, E).

use anyscope_core::{CancelToken, CancelledBy, Clock, Instant, Limit, Timer, flow, scope, timeout};
use anyscope_sim::{Explorer, Failure, Faults, Sim, SimHandle, explore};
use futures_core::Stream;
use std::{
    cell::Cell,
    future::{Future, pending, poll_fn},
    pin::{Pin, pin},
    sync::{Arc, Mutex},
    task::{Context, Poll},
    time::Duration,
};

const SECOND: Duration = Duration::from_secs(1);

/// The seconds at which something happened.
#[derive(Clone, Default)]
struct Steps(Arc<Mutex<Vec<u64>>>);

impl Steps {
    fn add(&self, sim: &SimHandle) {
        self.0.lock().unwrap().push(sim.elapsed().as_secs());
    }

    fn get(&self) -> Vec<u64> {
        self.0.lock().unwrap().clone()
    }
}

/// Given any program, and a clock that jumps too far now and then, then time never goes back.
/// (Nothing can move the clock by hand, so nothing can move it back.)
#[test]
fn v3_time_never_goes_back() {
    let faults = Faults { oversleep: SECOND, late_wakes: 5, ..Faults::default() };
    for faults in [Faults::default(), faults] {
        Explorer::new(200).faults(faults).run(async |sim| {
            let last = Arc::new(Mutex::new(sim.now()));
            scope(&sim, async |s| {
                for _ in 0..5 {
                    let (sim, last) = (sim.clone(), last.clone());
                    s.spawn(async move {
                        for _ in 0..5 {
                            let nap = Duration::from_millis(sim.choose(3) as u64);
                            let due = sim.now().saturating_add(nap);
                            sim.sleep(nap).await;
                            let now = sim.now();
                            assert!(now >= due);
                            let before = std::mem::replace(&mut *last.lock().unwrap(), now);
                            assert!(before <= now);
                        }
                    });
                }
            })
            .await;
        });
    }
}

/// Given sleeps that are due at different moments, then the clock stops at each of them, runs
/// all that is due by then, and nothing that is due later. (There is no "advance by", which
/// would have to say what becomes of its last moment.)
#[test]
fn v4_the_clock_stops_at_every_moment_that_is_due() {
    const TICK: Duration = Duration::from_nanos(1);
    explore(100, async |sim| {
        let woken = Arc::new(Mutex::new(Vec::new()));
        scope(&sim, async |s| {
            for due in [3, 1, 2, 1, 0] {
                let (sim, woken) = (sim.clone(), woken.clone());
                s.spawn(async move {
                    sim.sleep(due * TICK).await;
                    woken.lock().unwrap().push(due);
                    assert_eq!(sim.elapsed(), due * TICK);
                    // Due at this moment, too: before the clock goes on.
                    sim.sleep(Duration::ZERO).await;
                    assert_eq!(sim.elapsed(), due * TICK);
                });
            }
            for (at, count) in [(0, 1), (1, 3), (2, 4), (3, 5)] {
                sim.idle().await;
                assert_eq!((sim.elapsed(), woken.lock().unwrap().len()), (at * TICK, count));
                if at < 3 {
                    sim.sleep(TICK).await;
                }
            }
        })
        .await;
        assert_eq!(*woken.lock().unwrap(), [0, 1, 1, 2, 3]);
    });
}

/// Given a timeout of an hour, then it costs two polls, and no more time than those take.
#[test]
fn v6_an_hour_costs_two_polls() {
    let polls = Cell::new(0);
    let elapsed = Sim::new(1).run(async |sim| {
        let mut limited = pin!(timeout(&sim, 3600 * SECOND, pending::<()>()));
        let result = poll_fn(|cx| {
            polls.set(polls.get() + 1);
            limited.as_mut().poll(cx)
        })
        .await;
        assert!(result.is_err());
        sim.elapsed()
    });
    assert_eq!((elapsed.unwrap(), polls.get()), (3600 * SECOND, 2));
}

/// Given daemons when the test ends, then they are cancelled without a word, and nothing is left.
#[test]
fn v15_daemons_are_cancelled_in_silence() {
    explore(100, async |sim| {
        let (steps, daemons) = (Steps::default(), Cell::new(0));
        let handles = scope(&sim, async |s| {
            let handles = [(); 3].map(|()| {
                let (sim, steps) = (sim.clone(), steps.clone());
                s.spawn_daemon(async move {
                    loop {
                        steps.add(&sim);
                        sim.sleep(2 * SECOND).await;
                    }
                })
            });
            sim.sleep(3 * SECOND).await;
            handles
        })
        .await;
        for daemon in handles {
            let cancelled = daemon.await.unwrap_err().to_string();
            assert!(cancelled.contains("a daemon ends with the other children"), "{cancelled}");
            daemons.set(daemons.get() + 1);
        }
        assert_eq!((steps.get(), daemons.get()), (vec![0, 0, 0, 2, 2, 2], 3));
        assert_eq!((sim.elapsed(), sim.timers()), (3 * SECOND, 0));
    });
}

/// The same task without a scope around it is a leak.
#[test]
fn v15_what_is_no_daemon_is_a_leak() {
    let leak = Sim::new(1).run(async |sim| {
        use anyscope_core::{Child, Spawn};
        let sim2 = sim.clone();
        sim.spawn(Child::unscoped(async move { sim2.sleep(SECOND).await }));
    });
    assert!(matches!(leak, Err(Failure::Leak { .. })), "{leak:?}");
}

/// Given work that takes time, then the list of its steps can be asserted.
#[test]
fn v16_steps_of_time_are_a_list() {
    explore(100, async |sim| {
        let steps = Steps::default();
        let (sim2, steps2) = (sim.clone(), steps.clone());
        let work = move |seconds: u32| {
            let (sim, steps) = (sim2.clone(), steps2.clone());
            async move {
                sim.sleep(seconds * SECOND).await;
                steps.add(&sim);
            }
        };
        flow::iter([1, 1, 2, 4, 2]).for_each_concurrent(Limit::new(3), work).await;
        assert_eq!(steps.get(), [1, 1, 2, 3, 5]);
    });
}

/// Two streams at once, whichever has an item; it ends when both have.
struct Merge<A, B>(A, B);

impl<A: Stream + Unpin, B: Stream<Item = A::Item> + Unpin> Stream for Merge<A, B> {
    type Item = A::Item;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<A::Item>> {
        let first = Pin::new(&mut self.0).poll_next(cx);
        if let Poll::Ready(Some(_)) = first {
            return first;
        }
        match (first, Pin::new(&mut self.1).poll_next(cx)) {
            (_, Poll::Ready(Some(item))) => Poll::Ready(Some(item)),
            (Poll::Ready(None), Poll::Ready(None)) => Poll::Ready(None),
            _ => Poll::Pending,
        }
    }
}

/// Given two diagrams that are merged, then the result is the diagram one would draw.
#[test]
fn v17_diagrams_are_merged() {
    explore(20, async |sim| {
        for (left, right, merged) in [
            ("a-c--f-|", "-b-de-g|", "abcdefg|"),
            ("ab|", "--|", "ab|"),
            ("|", "a-b|", "a-b|"),
            ("a--|", "b--|", "[ab]--|"),
            ("--[ab]|", "-c|", "-c[ab]|"),
        ] {
            let merge = Merge(sim.marble(left), sim.marble(right));
            assert_eq!(sim.draw(merge).await, merged);
        }
    });
}

/// Five jobs of a second one after the other take exactly five seconds.
#[test]
fn a04_one_after_the_other() {
    explore(20, async |sim| {
        for _ in 0..5 {
            sim.sleep(SECOND).await;
        }
        assert_eq!(sim.elapsed(), 5 * SECOND);
    });
}

/// Five at once take exactly one.
#[test]
fn a05_all_at_once() {
    explore(100, async |sim| {
        let values = scope(&sim, async |s| {
            let jobs = [0, 1, 2, 3, 4].map(|n| {
                let sim = sim.clone();
                s.spawn(async move {
                    sim.sleep(SECOND).await;
                    n
                })
            });
            let mut values = Vec::new();
            for job in jobs {
                values.push(job.await.unwrap());
            }
            values
        })
        .await;
        assert_eq!((values, sim.elapsed()), (vec![0, 1, 2, 3, 4], SECOND));
    });
}

/// A thousand jobs of a second, fifty at a time, on an executor: exactly twenty seconds.
#[test]
fn a07_bounded_work_on_an_executor_takes_exactly_as_long_as_it_must() {
    explore(10, async |sim| {
        let (now, peak) = (Arc::new(Mutex::new(0)), Arc::new(Mutex::new(0)));
        let (sim2, now2, peak2) = (sim.clone(), now.clone(), peak.clone());
        let work = move |_| {
            let (sim, now, peak) = (sim2.clone(), now2.clone(), peak2.clone());
            async move {
                let running = {
                    let mut now = now.lock().unwrap();
                    *now += 1;
                    *now
                };
                let most = running.max(*peak.lock().unwrap());
                *peak.lock().unwrap() = most;
                sim.sleep(SECOND).await;
                *now.lock().unwrap() -= 1;
            }
        };
        flow::iter(0..1000).for_each_on(&sim, Limit::new(50), work).await.unwrap();
        assert_eq!((sim.elapsed(), *peak.lock().unwrap()), (20 * SECOND, 50));
    });
}

/// Given jobs with a timeout each, then those that take too long are given up and counted, and
/// the others go on.
#[test]
fn a18_each_job_has_its_timeout() {
    explore(50, async |sim| {
        let (done, given_up) = (Cell::new(0), Cell::new(0));
        // Every fifth takes a minute.
        let job = |n: u32| {
            let takes = if n % 5 == 0 { 60 } else { 1 };
            let limited = timeout(sim.clone(), 10 * SECOND, sim.sleep(takes * SECOND));
            let (done, given_up) = (&done, &given_up);
            async move {
                let counter = if limited.await.is_ok() { done } else { given_up };
                counter.set(counter.get() + 1);
            }
        };
        flow::iter(0..20).for_each_concurrent(Limit::new(20), job).await;
        assert_eq!((done.get(), given_up.get()), (16, 4));
        assert_eq!((sim.elapsed(), sim.timers()), (10 * SECOND, 0));
    });
}

/// Sleeps that run at the same time end in the order in which they are due, not in that of their
/// begin; and of two that race the shorter one wins, in every order of tasks.
#[test]
fn e45_sleepers_wake_in_due_order() {
    explore(100, async |sim| {
        let steps = Steps::default();
        scope(&sim, async |s| {
            for seconds in [2, 1] {
                let (sim, steps) = (sim.clone(), steps.clone());
                s.spawn(async move {
                    sim.sleep(seconds * SECOND).await;
                    steps.add(&sim);
                });
            }
        })
        .await;
        assert_eq!(steps.get(), [1, 2]);

        let won = CancelToken::new();
        let winners = Mutex::new(Vec::new());
        anyscope_core::concurrent(async |s| {
            for (name, seconds) in [("slow", 2), ("fast", 1)] {
                let (won, winners, sim) = (won.clone(), &winners, sim.clone());
                s.spawn(async move {
                    let slept = won.run_until_cancelled(sim.sleep(seconds * SECOND)).await;
                    match slept {
                        Ok(()) => {
                            winners.lock().unwrap().push(name);
                            won.cancel("somebody has won");
                        }
                        Err(lost) => assert_eq!(lost.by(), CancelledBy::Token),
                    }
                });
            }
        })
        .await;
        assert_eq!(*winners.lock().unwrap(), ["fast"]);
        assert_eq!((sim.elapsed(), sim.timers()), (3 * SECOND, 0));
    });
}

/// A test that waits for something never, and one that waits for ever, are told apart from one
/// that takes long.
#[test]
fn endless_waits_are_a_verdict() {
    for (endless, at) in [(Duration::MAX, 0), (Duration::from_secs(u64::MAX), 0)] {
        let hang = Sim::new(1).run(async |sim| sim.sleep(endless).await);
        let Err(Failure::Deadlock { at: moment, .. }) = hang else { panic!("{hang:?}") };
        assert_eq!(moment, Instant::from_epoch(at * SECOND));
    }
    const CENTURY: Duration = Duration::from_secs(100 * 365 * 24 * 3600);
    assert_eq!(
        Sim::new(1)
            .run(async |sim| {
                sim.sleep(CENTURY).await;
                sim.elapsed()
            })
            .unwrap(),
        CENTURY
    );
}
