//! Children that are made anew when they fail.

use anyscope::{Grace, Restart, ScopeError, exponential, scope, shield, smol::Smol, try_scope};
use std::{
    future::pending,
    pin::pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    task::{Context, Poll, Waker},
};
use support::{HOUR, SECOND, Tracer, behaviour, blow_up, yield_now};

/// Counts, and answers how many there were before.
fn next(count: &AtomicUsize) -> usize {
    count.fetch_add(1, SeqCst)
}

behaviour! {
    /// Given a child that fails, then panics, when it is restarted on failures, then it is made anew
    /// until it succeeds; its handle sees only that.
    a_child_is_restarted_until_it_succeeds in [spawned, inline] |ex| {
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
    the_last_failure_is_that_of_the_scope in [spawned, inline] |ex| {
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
    a_panic_of_the_function_is_one_of_the_child |ex| {
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
    a_child_that_always_fails_holds_up_nobody in [spawned, inline] |ex| {
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
    restarts_wait_for_their_delays with virtual_time |ex| {
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
    restarts_count_for_the_period with virtual_time |ex| {
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
    a_cancel_ends_the_wait_for_a_restart with virtual_time |ex| {
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
    a_child_is_not_restarted_in_a_grace with virtual_time |ex| {
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
    a_shield_holds_between_restarts with virtual_time |ex| {
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
}

/// Given a child that is dropped after each number of polls, running or waiting, then nothing is
/// left of it; and it is dropped before it is made again.
#[test]
fn a_child_is_gone_before_it_is_made_again() {
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
