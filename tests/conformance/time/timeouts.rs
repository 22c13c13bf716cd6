//! Timeouts and deadlines (T), of single futures and of scopes.

use anyscope::{
    CancelledBy, Child, Clock, Elapsed, Instant, Limit, OwnedScope, ScopeError, Timer, deadline,
    flow, sim::Sim, smol::Smol, timeout, try_scope,
};
use std::{
    future::{Pending, pending},
    pin::{Pin, pin},
    sync::{Arc, Mutex},
    time::Duration,
};
use support::{
    HOUR, Hoard, Log, SECOND, Signal, Stopwatch, Tracer, behaviour, cause, errors, hostile::Spy,
    poll_once, simulated, yield_now,
};

/// Long ago, on every clock.
const PAST: Instant = Instant::from_epoch(Duration::ZERO);

behaviour! {
    /// Given work finishing before the deadline, then its value.
    t1_value_that_comes_in_time |ex| {
        assert_eq!(timeout(&ex, HOUR, some_work()).await, Ok(7));
        let hour = ex.now().saturating_add(HOUR);
        assert_eq!(deadline(&ex, hour, some_work()).await, Ok(7));
    }

    /// The same for a scope.
    t1_scope_that_is_done_in_time in [spawned, inline] |ex| {
        let hour = ex.now().saturating_add(HOUR);
        let (result, s) = open!(async |s| {
            let moved = s.deadline(&ex, hour);
            let child = s.spawn(some_work());
            drop(moved);
            (child.await, s)
        })
        .await;
        assert_eq!(result.unwrap(), 7);
        assert!(!s.has_elapsed() && !s.is_cancelled());
        let result = try_open!(async |s| -> Result<i32, Elapsed> {
            s.deadline(&ex, hour);
            Ok(s.spawn(async { Ok(some_work().await) }).value().await)
        })
        .await;
        assert_eq!(result.unwrap(), 7);
    }

    /// Given work that produces a value when its time is over, then the value is returned, and
    /// `expired()` is true.
    t2_value_that_comes_too_late_counts with virtual_time |ex| {
        let mut late = pin!(timeout(&ex, 2 * SECOND, async {
            ex.sleep(2 * SECOND).await;
            7
        }));
        assert_eq!((late.as_mut().await, late.expired()), (Ok(7), true));
        let at = ex.now().saturating_add(2 * SECOND);
        let mut late = pin!(deadline(&ex, at, ex.sleep(2 * SECOND)));
        assert_eq!((late.as_mut().await, late.expired()), (Ok(()), true));
        let mut in_time = pin!(timeout(&ex, 3 * SECOND, ex.sleep(2 * SECOND)));
        assert_eq!((in_time.as_mut().await, in_time.expired()), (Ok(()), false));
        let mut never = pin!(timeout(&ex, SECOND, pending::<()>()));
        assert_eq!((never.as_mut().await.is_err(), never.expired()), (true, true));
    }

    /// The same for a supervised scope: its children end at the deadline, the body goes on.
    t2_value_of_a_body_after_the_deadline_counts with virtual_time in [spawned, inline] |ex| {
        let watch = Stopwatch::start(ex.clone());
        let (value, s) = open!(async |s| {
            s.deadline(&ex, watch.at(1));
            let child = s.spawn(pending::<()>());
            assert_eq!(cause(child.await), CancelledBy::Deadline);
            assert_eq!((watch.elapsed(), s.has_elapsed()), (SECOND, true));
            ex.sleep(SECOND).await;
            (7, s)
        })
        .await;
        assert_eq!((value, watch.elapsed()), (7, 2 * SECOND));
        assert!(s.has_elapsed() && s.is_cancelled());
    }

    /// Given an error that comes with the deadline, then that error, not `Elapsed`.
    t3_error_that_comes_with_the_deadline_counts with virtual_time |ex| {
        let failed = timeout(&ex, SECOND, async {
            ex.sleep(SECOND).await;
            Err::<(), _>("mine")
        });
        assert_eq!(failed.await, Ok(Err("mine")));
    }

    /// The same for a body that ends because of the deadline.
    t3_error_of_a_body_because_of_the_deadline_counts with virtual_time in [spawned, inline] |ex| {
        let watch = Stopwatch::start(ex.clone());
        let (result, elapsed) = open!(async |s| {
            s.deadline(&ex, watch.at(1));
            s.token().cancelled().await;
            (Err::<(), _>("mine"), s.has_elapsed())
        })
        .await;
        assert_eq!((result, elapsed, watch.elapsed()), (Err("mine"), true, SECOND));
    }

    /// Given nested deadlines, then the earliest counts; and the inner one fails only what is
    /// inside of it.
    t4_nested_timeouts_take_the_earliest with virtual_time |ex| {
        let nested = async |outer: u32, inner: u32| {
            let watch = Stopwatch::start(&ex);
            let inner = timeout(&ex, inner * SECOND, pending::<()>());
            let result = timeout(&ex, outer * SECOND, inner).await;
            (result.map(|inner| inner.is_err()).map_err(drop), watch.elapsed())
        };
        assert_eq!(nested(1, 5).await, (Err(()), SECOND));
        assert_eq!(nested(5, 1).await, (Ok(true), SECOND));
    }

    /// Given nested scopes with deadlines, then the earliest counts.
    t4_nested_deadlines_take_the_earliest with virtual_time in [spawned, inline] |ex| {
        for (outer_ends, inner_ends) in [(1, 5), (5, 1)] {
            let watch = Stopwatch::start(ex.clone());
            let inner_result = Arc::new(Mutex::new(None));
            let outer = try_open!(async |s| -> Result<(), ()> {
                s.deadline(&ex, watch.at(outer_ends));
                let (ex2, watch, inner_result) = (ex.clone(), watch.clone(), inner_result.clone());
                s.spawn(async move {
                    let result = try_open!(ex2, async |s| -> Result<(), ()> {
                        s.deadline(&ex2, watch.at(inner_ends));
                        s.spawn(pending::<Result<(), ()>>());
                        pending().await
                    })
                    .await;
                    *inner_result.lock().unwrap() = Some(result);
                    Ok(())
                })
                .value()
                .await;
                Ok(())
            })
            .await;
            assert_eq!(watch.elapsed(), SECOND);
            let inner = inner_result.lock().unwrap().take();
            if outer_ends < inner_ends {
                assert!(outer.unwrap_err().is_elapsed() && inner.is_none());
            } else {
                assert!(outer.is_ok() && inner.unwrap().unwrap_err().is_elapsed());
            }
        }
    }

    /// Given several deadlines of one scope, then the earliest counts, whatever their order.
    t4_earliest_deadline_of_a_scope_counts with virtual_time in [spawned, inline] |ex| {
        for deadlines in [[3, 1, 2], [1, 2, 3]] {
            let watch = Stopwatch::start(ex.clone());
            let result = try_open!(async |s| -> Result<(), ()> {
                for seconds in deadlines {
                    s.deadline(&ex, watch.at(seconds));
                }
                pending().await
            })
            .await;
            assert!(result.unwrap_err().is_elapsed());
            assert_eq!(watch.elapsed(), SECOND);
        }
    }

    /// Given a deadline that has passed at entry, then the work is polled once, and dropped when
    /// it waits; a value that is ready counts.
    t6_deadline_in_the_past_ends_work_that_waits |ex| {
        let tracer = Tracer::new();
        assert!(timeout(&ex, Duration::ZERO, tracer.trace(pending::<()>())).await.is_err());
        assert!(deadline(&ex, PAST, tracer.trace(pending::<()>())).await.is_err());
        assert_eq!((tracer.polls(), tracer.drops()), (2, 2));
        assert_eq!(timeout(&ex, Duration::ZERO, async { 7 }).await, Ok(7));
        assert_eq!(deadline(&ex, PAST, async { 7 }).await, Ok(7));
    }

    /// The same for scopes.
    t6_deadline_in_the_past_ends_a_scope_that_waits in [spawned, inline] |ex| {
        let log = Log::new();
        let result = try_open!(async |s| -> Result<(), ()> {
            let _gone = log.on_drop("body dropped");
            s.deadline(&ex, PAST);
            let gone = log.on_drop("child dropped");
            s.spawn(async move {
                let _gone = gone;
                pending::<Result<(), ()>>().await
            });
            log.add("body waits");
            pending().await
        })
        .await;
        assert!(result.unwrap_err().is_elapsed());
        let events = log.events();
        let at = |event| events.iter().position(|other| other == event).unwrap();
        assert!(at("body waits") < at("body dropped") && events.contains(&"child dropped".into()));

        let result = try_open!(async |s| -> Result<i32, ()> {
            s.deadline(&ex, PAST);
            Ok(7)
        })
        .await;
        assert_eq!(result.unwrap(), 7);
    }

    /// Given a deadline moved while the scope runs, then the new one applies.
    t7_deadline_is_moved_both_ways with virtual_time in [spawned, inline] |ex| {
        for (moved_to, ends) in [(2, 2), (9, 9), (0, 1)] {
            let watch = Stopwatch::start(ex.clone());
            let result = try_open!(async |s| -> Result<(), ()> {
                let deadline = s.deadline(&ex, watch.at(5));
                ex.sleep(SECOND).await;
                deadline.move_to(watch.at(moved_to));
                pending().await
            })
            .await;
            assert!(result.unwrap_err().is_elapsed());
            assert_eq!(watch.elapsed(), ends * SECOND);
        }
    }

    /// The last of several moves counts, whoever makes it; and `NEVER` is no deadline.
    t7_last_move_counts with virtual_time in [spawned, inline] |ex| {
        let watch = Stopwatch::start(ex.clone());
        let result = try_open!(async |s| -> Result<(), ()> {
            let deadline = s.deadline(&ex, watch.at(2));
            deadline.move_to(PAST);
            deadline.clone().move_to(Instant::NEVER);
            ex.sleep(HOUR).await;
            let (again, soon) = (deadline.clone(), watch.at(3601));
            s.spawn(async move {
                again.move_to(soon);
                Ok(())
            });
            drop(deadline);
            pending().await
        })
        .await;
        assert!(result.unwrap_err().is_elapsed());
        assert_eq!(watch.elapsed(), HOUR + SECOND);
    }

    /// A move never un-cancels.
    t7_deadline_that_has_passed_stays_so with virtual_time in [spawned, inline] |ex| {
        let watch = Stopwatch::start(ex.clone());
        open!(async |s| {
            let deadline = s.deadline(&ex, watch.at(1));
            ex.sleep(2 * SECOND).await;
            assert!(s.has_elapsed());
            deadline.move_to(Instant::NEVER);
            yield_now().await;
            assert!(s.has_elapsed() && s.is_cancelled());
            assert_eq!(cause(s.spawn(async {}).await), CancelledBy::Scope);
        })
        .await;
    }

    /// Given a timeout built early and entered late, then the clock starts at entry.
    t8_time_begins_with_the_first_poll with virtual_time |ex| {
        let watch = Stopwatch::start(&ex);
        let in_time = timeout(&ex, 2 * SECOND, async { ex.sleep(SECOND).await });
        let too_late = timeout(&ex, 2 * SECOND, pending::<()>());
        ex.sleep(10 * SECOND).await;
        assert!(in_time.await.is_ok());
        assert_eq!(watch.elapsed(), 11 * SECOND);
        assert!(too_late.await.is_err());
        assert_eq!(watch.elapsed(), 13 * SECOND);
    }

    /// Given a timeout, then it is not a cancel: it fails the task that lets it through, and never
    /// ends it in silence.
    t10_elapsed_timeout_fails_the_task_that_ignores_it in [spawned, inline] |ex| {
        let ex2 = ex.clone();
        let result = try_open!(async |s| -> Result<(), Elapsed> {
            s.spawn(async move { timeout(&ex2, Duration::ZERO, pending::<()>()).await });
            pending().await
        })
        .await;
        let [Elapsed { .. }] = errors(result)[..] else { panic!("one error") };
        let ex2 = ex.clone();
        let child = open!(async |s| {
            s.spawn(async move { timeout(&ex2, Duration::ZERO, pending::<()>()).await }).await
        });
        assert!(child.await.unwrap().is_err());
    }

    /// The same for the deadline of an inner scope: the outer one has failed, and was not
    /// cancelled.
    t10_elapsed_scope_fails_the_one_around_it in [spawned, inline] |ex| {
        let ex2 = ex.clone();
        let result = try_open!(async |s| -> Result<(), ScopeError<()>> {
            s.spawn(async move {
                try_open!(ex2, async |s| {
                    s.deadline(&ex2, PAST);
                    pending::<Result<(), ()>>().await
                })
                .await
            });
            pending().await
        })
        .await;
        assert!(!matches!(result, Err(ScopeError::Cancelled(_) | ScopeError::Elapsed(_))));
        let [ScopeError::Elapsed(_)] = errors(result)[..] else { panic!("one error") };
    }

    /// Given a deadline over work of which some is done, then what is done is kept, and the rest
    /// says why it is not.
    t11_what_was_done_before_the_deadline_is_kept with virtual_time in [spawned, inline] |ex| {
        let watch = Stopwatch::start(ex.clone());
        let (done, elapsed) = open!(async |s| {
            s.deadline(&ex, watch.at(3).saturating_add(SECOND / 2));
            let mut children = Vec::new();
            for n in 1..=5 {
                let ex = ex.clone();
                children.push(s.spawn(async move {
                    ex.sleep(n * SECOND).await;
                    n
                }));
            }
            let mut done = Vec::new();
            for child in children {
                done.push(child.await.map_err(|error| cause::<()>(Err(error))));
            }
            (done, s.has_elapsed())
        })
        .await;
        let late = Err(CancelledBy::Deadline);
        assert_eq!((done, elapsed), (vec![Ok(1), Ok(2), Ok(3), late, late], true));
        assert_eq!(watch.elapsed(), 7 * SECOND / 2);
    }

    /// Given a deadline over bounded work, then what was started is dropped, and what was done is
    /// kept.
    t11_deadline_over_bounded_work_keeps_what_was_done with virtual_time |ex| {
        let (tracer, done) = (Tracer::new(), Mutex::new(Vec::new()));
        let work = flow::iter(0..100).for_each_concurrent(Limit::new(10), |n| {
            let (ex, done) = (&ex, &done);
            tracer.trace(async move {
                ex.sleep(SECOND).await;
                done.lock().unwrap().push(n);
            })
        });
        assert!(timeout(&ex, 5 * SECOND / 2, work).await.is_err());
        assert_eq!((tracer.drops(), tracer.alive()), (30, 0));
        let mut done = done.into_inner().unwrap();
        done.sort();
        assert!(done.into_iter().eq(0..20));
    }

    /// Given an infinite duration, or one too long for the clock, then it is no deadline.
    t14_infinite_time_is_no_limit |ex| {
        for endless in [Duration::MAX, Duration::from_secs(u64::MAX), u32::MAX * HOUR] {
            let mut timeout = pin!(timeout(&ex, endless, some_work()));
            assert_eq!((timeout.as_mut().await, timeout.expired()), (Ok(7), false));
            let at = ex.now().saturating_add(endless);
            assert_eq!(deadline(&ex, at, some_work()).await, Ok(7));
        }
    }

    /// The same for scopes.
    t14_scope_may_have_for_ever in [spawned, inline] |ex| {
        for at in [Instant::NEVER, ex.now().saturating_add(Duration::MAX)] {
            let (value, s) = open!(async |s| {
                let deadline = s.deadline(&ex, at);
                let value = s.spawn(some_work()).await.unwrap();
                deadline.move_to(Instant::NEVER);
                (value + s.spawn(some_work()).await.unwrap(), s)
            })
            .await;
            assert_eq!((value, s.has_elapsed()), (14, false));
        }
    }
}

behaviour! {
    /// A limit that will never come asks no timer.
    t14_infinite_time_costs_no_timer in [spawned, inline] |ex| {
        assert_eq!(timeout(NoTimer, Duration::MAX, some_work()).await, Ok(7));
        assert_eq!(deadline(NoTimer, Instant::NEVER, some_work()).await, Ok(7));
        open!(async |s| {
            s.deadline(&NoTimer, Instant::NEVER);
            s.spawn(some_work()).await.unwrap();
        })
        .await;
    }
}

/// A timer that nobody may ask.
#[derive(Clone, Copy)]
struct NoTimer;

impl Timer for NoTimer {
    type Sleep = Pending<()>;

    fn sleep(&self, duration: Duration) -> Pending<()> {
        panic!("asked for {duration:?}");
    }
}

impl Clock for NoTimer {
    fn now(&self) -> Instant {
        PAST
    }
}

simulated! {
    /// Given work finishing before the deadline, then no timer remains registered, although the
    /// future that had it is still there; nor does one when that is dropped.
    t1_no_timer_is_left |sim| {
        let mut done = pin!(timeout(&sim, HOUR, some_work()));
        assert_eq!((done.as_mut().await, sim.timers()), (Ok(7), 0));
        let hour = sim.now().saturating_add(HOUR);
        let mut done = pin!(deadline(&sim, hour, some_work()));
        assert_eq!((done.as_mut().await, sim.timers()), (Ok(7), 0));
        let mut dropped = Box::pin(timeout(&sim, HOUR, pending::<()>()));
        assert!(poll_once(dropped.as_mut()).is_pending());
        assert_eq!(sim.timers(), 1);
        drop(dropped);
        assert_eq!((sim.timers(), sim.elapsed()), (0, Duration::ZERO));
    }

    /// The same for the deadlines of scopes, moved ones too.
    t1_no_timer_of_a_scope_is_left |sim| {
        let hour = sim.now().saturating_add(HOUR);
        let spawned = anyscope::scope(&sim, async |s| {
            let deadline = s.deadline(&sim, hour);
            s.deadline(&sim, hour);
            sim.idle().await;
            deadline.move_to(hour.saturating_add(HOUR));
            sim.idle().await;
            assert_eq!(sim.timers(), 2);
        });
        spawned.await;
        assert_eq!((sim.timers(), sim.elapsed()), (0, Duration::ZERO));
        anyscope::concurrent(async |s| {
            s.deadline(&sim, hour);
            sim.idle().await;
            assert_eq!(sim.timers(), 1);
        })
        .await;
        assert_eq!((sim.timers(), sim.elapsed()), (0, Duration::ZERO));
    }
}

/// Given 100 000 concurrent timeouts that all complete early, then no stale timer survives.
#[test]
fn t13_a_hundred_thousand_early_timeouts_leave_nothing() {
    const MANY: usize = 100_000;
    Sim::new(1)
        .run(async |sim| {
            let go = Signal::new();
            let mut all: Vec<_> =
                (0..MANY).map(|_| Box::pin(timeout(&sim, HOUR, go.wait()))).collect();
            assert!(all.iter_mut().all(|one| poll_once(one.as_mut()).is_pending()));
            assert_eq!(sim.timers(), MANY);
            go.fire();
            for one in &mut all {
                assert_eq!(one.as_mut().await, Ok(()));
            }
            assert_eq!((sim.timers(), sim.elapsed()), (0, Duration::ZERO));
        })
        .unwrap();
}

/// Given an error of a child that is being polled when the deadline comes, then that error.
#[test]
fn t3_error_of_a_child_that_runs_when_the_deadline_comes_counts() {
    let (hoard, watcher) = (Hoard::new(), Arc::new(Mutex::new(None::<Child>)));
    let mut scope = pin!(try_scope(&hoard, async |s| -> Result<(), &'static str> {
        s.deadline(&Smol, PAST);
        let watcher = watcher.clone();
        s.spawn(async move {
            let mut watcher = watcher.lock().unwrap().take().unwrap();
            assert!(poll_once(Pin::new(&mut watcher)).is_ready());
            Err::<(), _>("mine")
        });
        pending().await
    }));
    assert!(poll_once(scope.as_mut()).is_pending());
    let [first, mut second] = <[Child; 2]>::try_from(hoard.take()).unwrap();
    *watcher.lock().unwrap() = Some(first);
    assert!(poll_once(Pin::new(&mut second)).is_ready());
    assert_eq!(errors(smol::block_on(scope)), ["mine"]);
}

/// Given a scope without a deadline, when nobody can give it one any more, then nobody watches.
#[test]
fn deadline_of_never_is_watched_while_it_can_be_moved() {
    let (hoard, spy) = (Hoard::new(), Spy::new());
    let scope = OwnedScope::new(&hoard);
    let deadline = scope.deadline(&Smol, Instant::NEVER);
    let mut watch = hoard.take().pop().unwrap();
    assert!(spy.poll(Pin::new(&mut watch)).is_pending());
    let other = deadline.clone();
    drop(deadline);
    assert_eq!(spy.wakes(), 0);
    drop(other);
    assert_eq!(spy.wakes(), 1);
    assert!(spy.poll(Pin::new(&mut watch)).is_ready());
    assert!(scope.is_empty());
}

/// Work that waits now and then.
async fn some_work() -> i32 {
    for _ in 0..3 {
        yield_now().await;
    }
    7
}
