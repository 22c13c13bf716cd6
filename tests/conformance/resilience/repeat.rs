//! What has succeeded is done again: how often, when, and until what.

use anyscope::{Grace, resilience::repeat, scope, shield};
use std::{
    future::{Ready, ready},
    iter,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};
use support::{
    HOUR, SECOND, Stopwatch, Tracer, behaviour, blow_up, panic_in, panic_of, poll_once, yield_now,
    yields,
};

const AT_ONCE: Duration = Duration::ZERO;

/// Counts its calls, and fails from so many on.
fn works(times: usize) -> impl FnMut() -> Ready<Result<usize, usize>> + Clone {
    let calls = Arc::new(AtomicUsize::new(0));
    move || {
        let call = calls.fetch_add(1, SeqCst) + 1;
        ready(if call > times { Err(call) } else { Ok(call) })
    }
}

behaviour! {
    /// Given a schedule, then there is one run more than it has delays, and the last value is
    /// returned; unless a run fails, which is the last.
    as_many_runs_as_delays_and_one |ex| {
        for delays in [0, 1, 5] {
            assert_eq!(repeat(&ex, vec![AT_ONCE; delays], works(9)).await, Ok(delays + 1));
        }
        assert_eq!(repeat(&ex, iter::repeat(AT_ONCE), works(4)).await, Err(5));
        assert_eq!(repeat(&ex, [AT_ONCE; 3], works(0)).await, Err(1));
    }

    /// Given delays, then runs begin when they are over, counted from the end of the run before.
    each_run_has_its_time with virtual_time |ex| {
        let (watch, times) = (Stopwatch::start(ex.clone()), Mutex::new(vec![]));
        let work = || {
            times.lock().unwrap().push(watch.elapsed().as_secs());
            let sleep = ex.sleep(SECOND);
            async { sleep.await; Ok::<_, ()>(()) }
        };
        let schedule = iter::repeat_n(2 * SECOND, 2).chain([AT_ONCE, 5 * SECOND]);
        assert_eq!(repeat(&ex, schedule, work).await, Ok(()));
        assert_eq!(*times.lock().unwrap(), [0, 3, 6, 7, 13]);
        assert_eq!(watch.elapsed(), 14 * SECOND);
    }

    /// Given work that succeeds at once for ever, without a delay, then others of its task have
    /// their turn.
    repeats_at_once_hold_up_nobody |ex| {
        let others = yields(20);
        let endless = repeat(&ex, iter::repeat(AT_ONCE), works(usize::MAX));
        anyscope::race((async { assert!(endless.await.is_err()) }, others)).await;
    }

    /// Given a child in the middle of a delay, however long, or of a run, when its scope is cancelled
    /// with a grace, then it ends with the value that it has; behind a shield it goes on.
    a_cancel_ends_it_with_its_last_value with virtual_time in [spawned, inline] |ex| {
        for delay in [HOUR, Duration::MAX, AT_ONCE] {
            let (watch, log) = (Stopwatch::start(ex.clone()), Arc::new(Mutex::new(vec![])));
            open!(async |s| {
                for shielded in [false, true] {
                    let (timer, watch, log) = (ex.clone(), watch.clone(), log.clone());
                    s.spawn(async move {
                        let counter = &Mutex::new(0);
                        let work = || async {
                            // A second each, so that the cancel is in a run, if there is no delay.
                            if delay == AT_ONCE { timer.sleep(2 * SECOND).await; }
                            *counter.lock().unwrap() += 1;
                            Ok::<_, ()>(*counter.lock().unwrap())
                        };
                        let value = match shielded {
                            false => repeat(&timer, iter::repeat(delay), work).await,
                            true => shield(repeat(&timer, [5 * SECOND], work)).await,
                        };
                        let at = watch.elapsed().as_secs();
                        log.lock().unwrap().push((shielded, value.unwrap(), at));
                    });
                }
                ex.sleep(SECOND).await;
                s.cancel_with(&ex, Grace::For(HOUR), "enough");
            })
            .await;
            let mut log = log.lock().unwrap().clone();
            log.sort();
            match delay {
                AT_ONCE => assert_eq!(log, [(false, 1, 2), (true, 2, 9)]),
                _ => assert_eq!(log, [(false, 1, 1), (true, 2, 5)]),
            }
        }
    }

    /// Given a child that is to end already, then there is one run anyway.
    one_run_when_it_is_to_end |ex| {
        let timer = ex.clone();
        let value = scope(&ex, async |s| {
            let s2 = s.clone();
            let child = s.spawn(async move {
                s2.cancel_with(&timer, Grace::Forever, "enough");
                repeat(&timer, [AT_ONCE; 3], works(9)).await
            });
            child.await.unwrap()
        })
        .await;
        assert_eq!(value, Ok(1));
    }

    /// Given a deadline of the scope around, then no delay is begun that would end then or later.
    the_deadline_of_the_scope_counts with virtual_time |ex| {
        for (delay, runs) in [(5, 1), (4, 2), (2, 3), (4000, 1)] {
            let watch = Stopwatch::start(ex.clone());
            let timer = ex.clone();
            let value = scope(&ex, async |s| {
                s.deadline(&timer, watch.at(5));
                let work = repeat(timer.clone(), iter::repeat(delay * SECOND), works(9));
                s.spawn(work).await.unwrap()
            })
            .await;
            assert_eq!(value, Ok(runs));
            assert_eq!(watch.elapsed(), (runs as u32 - 1) * delay * SECOND);
        }
    }

    /// Given code of the user's that panics, wherever, then the panic propagates, nothing is left, and
    /// a further poll says so.
    panics_propagate |ex| {
        struct Value(bool);
        impl Drop for Value {
            fn drop(&mut self) {
                if self.0 { blow_up::<()>("here") }
            }
        }
        for place in 0..4 {
            let tracer = Tracer::new();
            let at = |here: usize| if here == place { blow_up::<()>("here") };
            let work = || {
                at(0);
                tracer.trace(async {
                    at(1);
                    yield_now().await;
                    // A value that makes room for the next one.
                    Ok::<_, ()>(Value(place == 2))
                })
            };
            let delays = (0..3).map(|n| { if n == 1 { at(3) } AT_ONCE });
            let mut repeating = Box::pin(repeat(&ex, delays, work));
            let panicked = panic_of(async {
                // Otherwise it would be dropped in the test.
                repeating.as_mut().await.map(std::mem::forget)
            })
            .await;
            assert_eq!(panicked, "here");
            let again = panic_in(|| poll_once(repeating.as_mut()).map_ok(std::mem::forget));
            assert!(again.contains("polled after it was ready"), "{again}");
            // The last one is still there, and is dropped with the future.
            if place == 2 { std::mem::forget(repeating) } else { drop(repeating) }
            assert_eq!(tracer.alive(), 0);
        }
    }
}
