//! Children that are made anew when they fail.

use anyscope::{
    Grace, LiveLimit, Restart, Restarted, ScopeError, TrySpawnError, exponential, scope,
    scope_limited, shield, smol::Smol, try_scope,
};
use std::{
    future::pending,
    pin::pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    task::{Context, Poll, Waker},
    time::Duration,
};
use support::{HOUR, SECOND, Tracer, behaviour, blow_up, yield_now};

/// Counts, and answers how many there were before.
fn next(count: &AtomicUsize) -> usize {
    count.fetch_add(1, SeqCst)
}

behaviour! {
    /// Given a child that fails, then panics, when it is restarted on failures, then it is made anew
    /// until it succeeds; its handle sees only that.
    r1_a_child_is_restarted_until_it_succeeds in [spawned, inline] |ex| {
        let runs = Arc::new(AtomicUsize::new(0));
        let (count, timer) = (runs.clone(), ex.clone());
        let value = open!(async |s| {
            let child = move || {
                let count = count.clone();
                async move {
                    yield_now().await;
                    match next(&count) {
                        0 => Err("failed"),
                        1 => blow_up("restarted"),
                        n => Ok(n),
                    }
                }
            };
            s.supervise(Restart::on_failure(timer), child).await.unwrap()
        })
        .await;
        assert_eq!((value, runs.load(SeqCst)), (Ok(2), 3));
    }

    /// Given a limit of restarts, when it is used up, then the last failure is the child's and the
    /// scope's.
    r2_the_last_failure_is_that_of_the_scope in [spawned, inline] |ex| {
        for most in [0, 1, 3] {
            let runs = Arc::new(AtomicUsize::new(0));
            let (count, timer) = (runs.clone(), ex.clone());
            let result = try_open!(async |s| {
                let child = move || {
                    let count = count.clone();
                    async move { Err::<(), _>(next(&count)) }
                };
                let restart = Restart::on_failure(timer).at_most(most, HOUR);
                s.supervise(restart, child);
                pending::<Result<(), usize>>().await
            })
            .await;
            assert!(matches!(result, Err(ScopeError::Failed { first, .. }) if first == most));
            assert_eq!(runs.load(SeqCst), most + 1);
        }
    }

    /// Given a function that panics instead of making the child, then that is a panic of the child,
    /// and the last one is resumed.
    r3_a_panic_of_the_function_is_one_of_the_child |ex| {
        let runs = Arc::new(AtomicUsize::new(0));
        let (count, timer) = (runs.clone(), ex.clone());
        let error = scope(&ex, async |s| {
            let child = move || -> std::future::Ready<()> {
                next(&count);
                blow_up("no child")
            };
            s.supervise(Restart::on_panic(timer).at_most(2, HOUR), child).await.unwrap_err()
        })
        .await;
        let payload = error.try_into_panic().unwrap().into_payload();
        assert_eq!(payload.downcast_ref(), Some(&"no child"));
        assert_eq!(runs.load(SeqCst), 3);
    }

    /// Given a child that fails at once for ever, then others of its task still run, and a cancel
    /// ends it.
    r4_a_child_that_always_fails_holds_up_nobody in [spawned, inline] |ex| {
        let (tracer, timer) = (Tracer::new(), ex.clone());
        let trace = tracer.clone();
        open!(async |s| {
            let child = move || trace.trace(async { Err::<(), _>("failed") });
            let handle = s.supervise(Restart::on_failure(timer), child);
            for _ in 0..20 {
                yield_now().await;
            }
            // A child that is being polled when it is asked to end is not made anew: its last failure
            // is then its value.
            match handle.cancel().await {
                Err(error) => assert!(error.is_cancelled()),
                Ok(value) => assert_eq!(value, Err("failed")),
            }
        })
        .await;
        assert_eq!(tracer.alive(), 0);
    }

    /// Given delays, then each restart waits for its own; they begin anew when the child has run for
    /// a whole period; when they end, so does the child.
    r5_restarts_wait_for_their_delays with virtual_time |ex| {
        let starts = Arc::new(Mutex::new(vec![]));
        let (log, timer, start) = (starts.clone(), ex.clone(), ex.now());
        let result = scope(&ex, async |_s| {
            let child = || {
                let (log, timer) = (log.clone(), timer.clone());
                async move {
                    let seconds = timer.now().saturating_duration_since(start).as_secs();
                    log.lock().unwrap().push(seconds);
                    if seconds == 7 {
                        timer.sleep(100 * SECOND).await;
                    }
                    Err::<(), _>(seconds)
                }
            };
            let delays = exponential(SECOND, 4 * SECOND).take(4);
            let restart = Restart::on_failure(timer.clone()).backoff(delays).at_most(9, 50 * SECOND);
            restart.run(child).await
        })
        .await;
        assert_eq!(*starts.lock().unwrap(), [0, 1, 3, 7, 108, 110, 114, 118]);
        assert_eq!(result, Err(118));
    }

    /// Given a limit in a period, then only restarts of that long count.
    r6_restarts_count_for_the_period with virtual_time |ex| {
        // Each run takes so long; twenty runs are enough.
        for (period, wait, runs) in [(10, 4, 3), (3, 2, 20), (3, 4, 20), (0, 0, 3), (0, 1, 20)] {
            let (count, timer) = (AtomicUsize::new(0), &ex);
            let child = async || {
                timer.sleep(wait * SECOND).await;
                if next(&count) < 19 { Err(()) } else { Ok(()) }
            };
            let restart = Restart::on_failure(timer).at_most(2, period * SECOND);
            let _ = restart.run(child).await;
            assert_eq!(count.load(SeqCst), runs, "{period} {wait}");
        }
    }

    /// Given a child that waits for its restart, when its scope is cancelled, at once or with a
    /// grace, or its deadline passes, then it is not made again.
    r7_a_cancel_ends_the_wait_for_a_restart with virtual_time |ex| {
        for way in 0..3 {
            let runs = Arc::new(AtomicUsize::new(0));
            let (count, timer, start) = (runs.clone(), ex.clone(), ex.now());
            let result = try_scope(&ex, async |s| {
                let child = move || {
                    next(&count);
                    async { Err::<(), _>("failed") }
                };
                let restart = Restart::on_failure(timer.clone()).backoff([HOUR; 9]);
                let handle = s.supervise(restart, child);
                if way == 2 {
                    s.deadline(&timer, timer.now().saturating_add(SECOND));
                }
                timer.sleep(SECOND / 2).await;
                match way {
                    0 => s.cancel("enough"),
                    1 => s.cancel_with(&timer, Grace::For(2 * SECOND), "enough"),
                    _ => {}
                }
                drop(handle);
                pending::<Result<(), &str>>().await
            })
            .await;
            assert!(result.is_err());
            assert_eq!(runs.load(SeqCst), 1);
            assert!(ex.now().saturating_duration_since(start) <= 3 * SECOND);
        }
    }

    /// Given a child that fails in a grace of its scope, then it is not made again.
    r7_a_child_is_not_restarted_in_a_grace with virtual_time |ex| {
        let runs = Arc::new(AtomicUsize::new(0));
        let (count, timer) = (runs.clone(), ex.clone());
        scope(&ex, async |s| {
            let (count, sleeper) = (count.clone(), timer.clone());
            let child = move || {
                next(&count);
                let sleep = sleeper.sleep(SECOND);
                async move {
                    sleep.await;
                    Err::<(), _>("failed")
                }
            };
            s.supervise(Restart::on_failure(timer.clone()), child);
            timer.sleep(SECOND / 2).await;
            s.cancel_with(&timer, Grace::For(10 * SECOND), "enough");
        })
        .await;
        assert_eq!(runs.load(SeqCst), 1);
    }

    /// Given a child that is shielded, then it is restarted also after a cancel, as the shield says.
    r8_a_shield_holds_between_restarts with virtual_time |ex| {
        let runs = Arc::new(AtomicUsize::new(0));
        let (count, timer) = (runs.clone(), ex.clone());
        scope(&ex, async |s| {
            let count = count.clone();
            let child = move || {
                let count = count.clone();
                async move { if next(&count) < 2 { Err(()) } else { Ok(()) } }
            };
            let restart = Restart::on_failure(timer.clone()).backoff([SECOND; 9]);
            s.spawn(shield(restart.run(child)));
            timer.sleep(SECOND / 2).await;
            s.cancel("enough");
        })
        .await;
        assert_eq!(runs.load(SeqCst), 3);
    }

    /// Given a child that waits, fails and is made again, when it is cancelled at any moment, by its handle
    /// or with its scope, at once or with a grace, then nothing is left of it, it was never there twice, it
    /// is not made again, and each restart was told before it came.
    r7_r9_r10_cancelled_at_every_await with virtual_time |ex| {
        const HALF: Duration = Duration::from_millis(500);
        for (at, way) in (0..14).flat_map(|at| (0..4).map(move |way| (at, way))) {
            let (tracer, told) = (Tracer::new(), Arc::new(AtomicUsize::new(0)));
            let (trace, count, timer) = (tracer.clone(), told.clone(), ex.clone());
            let limit = LiveLimit::new(1);
            let made = scope_limited(&ex, &limit, async |s| {
                let (trace, sleeper) = (trace.clone(), timer.clone());
                let child = move || {
                    assert_eq!(trace.alive(), 0);
                    let sleeper = sleeper.clone();
                    trace.trace(async move {
                        sleeper.sleep(HALF).await;
                        yield_now().await;
                        sleeper.sleep(HALF).await;
                        Err::<(), _>("failed")
                    })
                };
                let restart = Restart::on_failure(timer.clone()).backoff([SECOND; 99]).on_restart({
                    move |_| {
                        next(&count);
                    }
                });
                let handle = s.supervise(restart, child).await.unwrap();
                // Never at the moment at which the child does something.
                timer.sleep(at * HALF / 2 + HALF / 4).await;
                let made = tracer.drops() + tracer.alive();
                match way {
                    0 => drop(handle.cancel().await),
                    1 => handle.abort(),
                    2 => s.cancel("enough"),
                    _ => s.cancel_with(&timer, Grace::For(HOUR), "enough"),
                }
                made
            })
            .await;
            assert_eq!((tracer.alive(), tracer.drops() + tracer.alive()), (0, made), "{at} {way}");
            assert!((made..=made + 1).contains(&(told.load(SeqCst) + 1)), "{at} {way}");
        }
    }

    /// Given a function that is told of restarts, then it knows of each before its delay, with how the child
    /// has ended; and not of the last end.
    r10_an_observer_is_told_of_each_restart in [spawned, inline] |ex| {
        let log = Arc::new(Mutex::new(vec![]));
        let (told, timer, runs) = (log.clone(), ex.clone(), Arc::new(AtomicUsize::new(0)));
        let value = open!(async |s| {
            let child = move || {
                let run = next(&runs);
                async move {
                    match run {
                        0 => Err("failed"),
                        1 => blow_up("with a message"),
                        2 => std::panic::panic_any(7),
                        run => Err::<(), _>(["", "", "", "again", "the last"][run]),
                    }
                }
            };
            let delays = [Duration::ZERO; 4];
            let restart = Restart::on_failure(timer).backoff(delays).on_restart(
                move |restarted: &Restarted<'_, Result<(), &'static str>>| {
                    let panic = restarted.panic.map(String::from);
                    let output = restarted.output.copied();
                    assert!(restarted.delay.is_zero());
                    told.lock().unwrap().push((restarted.number, output, panic));
                },
            );
            s.supervise(restart, child).await.unwrap()
        })
        .await;
        assert_eq!(value, Err("the last"));
        let text = Some("with a message".into());
        let expected =
            [(1, Some(Err("failed")), None), (2, None, text), (3, None, None), (4, Some(Err("again")), None)];
        assert_eq!(*log.lock().unwrap(), expected);
    }

    /// Given a function that panics when it is told of a restart, then that is the end of the child.
    r10_a_panic_of_the_observer_is_that_of_the_child |ex| {
        let (runs, timer) = (Arc::new(AtomicUsize::new(0)), ex.clone());
        let count = runs.clone();
        let error = scope(&ex, async |s| {
            let child = move || {
                next(&count);
                async { Err::<(), ()>(()) }
            };
            let restart = Restart::on_failure(timer).on_restart(|_| blow_up("no log"));
            s.supervise(restart, child).await.unwrap_err()
        })
        .await;
        assert_eq!(error.try_into_panic().unwrap().message(), Some("no log"));
        assert_eq!(runs.load(SeqCst), 1);
    }

    /// Given a limited scope, then a child that is restarted keeps its place, in its delays too; and one that
    /// comes too late is given back unpolled.
    r11_a_restarted_child_keeps_its_place with virtual_time |ex| {
        let (timer, runs, start) = (ex.clone(), Arc::new(AtomicUsize::new(0)), ex.now());
        let s = scope_limited(&ex, 1, async |s| {
            let count = runs.clone();
            let child = move || {
                let run = next(&count);
                async move { if run < 3 { Err(run) } else { Ok(run) } }
            };
            let restart = || Restart::on_failure(timer.clone()).backoff([SECOND; 9]);
            let first = s.supervise(restart(), child.clone()).await.unwrap();
            assert!(s.try_spawn(async {}).unwrap_err().is_full());
            let second = s.supervise(restart(), child).await.unwrap();
            assert_eq!(ex.now().saturating_duration_since(start), 3 * SECOND);
            assert_eq!((first.await.unwrap(), second.await.unwrap()), (Ok(3), Ok(4)));
            s
        })
        .await;
        let child = || async { unreachable!("never made") };
        let late = s.supervise(Restart::on_panic(timer.clone()), child).await.map(drop);
        assert!(matches!(late, Err(TrySpawnError::<_>::Closed(_))));
    }
}

/// Given a child that is dropped after each number of polls, running or waiting, then nothing is
/// left of it; and it is dropped before it is made again.
#[test]
fn r9_a_child_is_gone_before_it_is_made_again() {
    for polls in 0..12 {
        let tracer = Tracer::new();
        let child = || {
            assert_eq!(tracer.alive(), 0);
            tracer.trace(async {
                yield_now().await;
                Err::<(), _>(())
            })
        };
        {
            let mut child = pin!(Restart::on_failure(Smol).run(child));
            for _ in 0..polls {
                let polled = child.as_mut().poll(&mut Context::from_waker(Waker::noop()));
                assert_eq!(polled, Poll::Pending);
            }
        }
        assert_eq!(tracer.alive(), 0);
    }
}
