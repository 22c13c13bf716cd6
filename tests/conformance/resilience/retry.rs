//! What has failed is tried again: how often, when, and until what.

use anyscope::{
    Clock, Grace, Instant, Restart, Timer, exponential, flow,
    resilience::{Attempts, Failure, GaveUp, retry},
    scope, shield,
    smol::Smol,
};
use std::{
    cell::Cell,
    future::{pending, ready},
    iter,
    pin::pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};
use support::{
    HOUR, SECOND, Signal, Stopwatch, Tracer, alloc::allocations, behaviour, blow_up, panic_in,
    panic_of, poll_once, until, yield_now, yields,
};

const AT_ONCE: Duration = Duration::ZERO;

/// Fails until it has been called so often.
fn fails(times: usize) -> impl FnMut() -> std::future::Ready<Result<usize, usize>> + Clone {
    let calls = Arc::new(AtomicUsize::new(0));
    move || {
        let call = calls.fetch_add(1, SeqCst);
        ready(if call < times { Err(call) } else { Ok(call) })
    }
}

fn errors<E: Clone>(attempts: &Attempts<E>) -> Vec<E> {
    let error = |failure: &Failure<E>| match failure {
        Failure::Failed(error) => error.clone(),
        _ => panic!("it timed out"),
    };
    attempts.failures().map(error).collect()
}

/// A timer whose clock is not to be read, and which is not to be asked to sleep.
struct Untouched;

impl Clock for Untouched {
    fn now(&self) -> Instant {
        panic!("the clock was read")
    }
}

impl Timer for Untouched {
    type Sleep = std::future::Pending<()>;

    fn sleep(&self, _: Duration) -> Self::Sleep {
        panic!("it slept")
    }
}

behaviour! {
    /// Given so many retries, then there is one attempt more than that, and the last value or all
    /// errors are returned.
    as_many_attempts_as_delays_and_one |ex| {
        assert_eq!(retry(&ex, [], fails(0)).await, Ok(0));
        for retries in [0, 1, 5] {
            let enough = retry(&ex, iter::repeat_n(AT_ONCE, retries), fails(retries)).await;
            assert_eq!(enough, Ok(retries));
            let few = retry(&ex, vec![AT_ONCE; retries], fails(retries + 1)).await.unwrap_err();
            assert_eq!((few.made, &few.why), (retries + 1, &GaveUp::UsedUp));
            assert_eq!(errors(&few), (0..=retries).collect::<Vec<_>>());
            let times = retry(&ex, iter::repeat(AT_ONCE), fails(9)).times(retries).await;
            assert_eq!(times.unwrap_err(), few);
        }
    }

    /// Given a policy that is used twice at the same time, then both runs have all its delays.
    a_policy_belongs_to_no_run |ex| {
        let policy = exponential(Duration::from_micros(1), Duration::from_micros(2)).take(3);
        let one = retry(&ex, policy.clone(), fails(9));
        let other = retry(&ex, policy, fails(9));
        let (one, other) = anyscope::join((one, other)).await;
        assert_eq!((one.unwrap_err().made, other.unwrap_err().made), (4, 4));
    }

    /// Given delays, then attempts begin when they are over, and at no other time.
    each_attempt_has_its_time with virtual_time |ex| {
        let (watch, times) = (Stopwatch::start(ex.clone()), Mutex::new(vec![]));
        let work = || {
            times.lock().unwrap().push(watch.elapsed());
            let sleep = ex.sleep(SECOND / 2);
            async { sleep.await; Err::<(), _>(()) }
        };
        let policy = [SECOND, AT_ONCE, Duration::from_millis(1)].into_iter();
        let policy = policy.chain(exponential(2 * SECOND, 3 * SECOND)).take(5);
        let told = Mutex::new(vec![]);
        let failed = retry(&ex, policy.clone(), work)
            .on_retry(|attempt, _, delay| told.lock().unwrap().push((attempt, delay)))
            .await;
        assert_eq!(failed.unwrap_err().made, 6);
        let mut begins = vec![AT_ONCE];
        policy.clone().for_each(|delay| begins.push(*begins.last().unwrap() + SECOND / 2 + delay));
        assert_eq!(*times.lock().unwrap(), begins);
        assert_eq!(*told.lock().unwrap(), (1..=5).zip(policy).collect::<Vec<_>>());
    }

    /// Given work that fails at once for ever, without a delay, then others of its task have their
    /// turn.
    retries_at_once_hold_up_nobody |ex| {
        let (tried, others) = (AtomicUsize::new(0), yields(20));
        let work = || {
            tried.fetch_add(1, SeqCst);
            ready(Err::<(), _>("failed"))
        };
        let forever = async {
            let _ = retry(&ex, iter::repeat(AT_ONCE), work).await;
        };
        anyscope::race((forever, others)).await;
        assert!((15..=25).contains(&tried.load(SeqCst)));
    }

    /// Given a predicate, then it is asked about errors with the number of the attempt, and its no is
    /// the end; what ran out of time is not its concern.
    when_says_which_errors |ex| {
        let mut asked = vec![];
        let failed = retry(&ex, iter::repeat(AT_ONCE), fails(9))
            .when(|error, attempt| {
                asked.push((*error, attempt));
                *error < 2
            })
            .await
            .unwrap_err();
        assert_eq!((failed.why, failed.made), (GaveUp::NotRetried, 3));
        assert_eq!(asked, [(0, 1), (1, 2), (2, 3)]);

        let hangs = retry(&ex, [AT_ONCE], pending::<Result<(), ()>>)
            .when(|_, _| false)
            .attempt_timeout(AT_ONCE)
            .await
            .unwrap_err();
        assert_eq!((hangs.why, hangs.made), (GaveUp::UsedUp, 2));
    }

    /// Given a check of values, then those that fail it are tried again and kept, beside errors.
    until_says_which_values |ex| {
        let calls = Cell::new(0);
        let work = || {
            calls.set(calls.get() + 1);
            ready(if calls.get() == 2 { Err("error") } else { Ok(calls.get()) })
        };
        let mut told = 0;
        let value = retry(&ex, iter::repeat(AT_ONCE), work)
            .until(|value| *value >= 4)
            .on_retry(|_, failure, _| {
                told += 1;
                assert_eq!(*failure == Failure::Failed("error"), told == 2);
            })
            .await;
        assert_eq!((value, told), (Ok(4), 3));

        calls.set(0);
        let failed = retry(&ex, [AT_ONCE; 2], work).until(|_| false).await.unwrap_err();
        let all = [Failure::Rejected(1), Failure::Failed("error"), Failure::Rejected(3)];
        assert!(failed.failures().eq(&all));
        assert!(failed.to_string().ends_with("no retry is left: the value was not accepted"));
    }

    /// Given a limit for attempts, then one that takes longer is gone before the delay, and one that is
    /// ready in the nick of time counts.
    attempts_have_a_time_of_their_own with virtual_time |ex| {
        let (watch, tracer, calls) = (Stopwatch::start(ex.clone()), Tracer::new(), Cell::new(0));
        let work = || {
            calls.set(calls.get() + 1);
            let takes = if calls.get() < 3 { HOUR } else { SECOND };
            let sleep = ex.sleep(takes);
            tracer.trace(async move { sleep.await; Ok::<_, ()>(takes) })
        };
        let value = retry(&ex, [SECOND; 5], work)
            .attempt_timeout(2 * SECOND)
            .on_retry(|_, failure, _| {
                assert!(matches!(failure, Failure::TimedOut(_)));
                assert_eq!(tracer.alive(), 0);
            })
            .await;
        assert_eq!((value, watch.elapsed()), (Ok(SECOND), 7 * SECOND));
    }

    /// Given a limit for all of it, then no delay is begun that would end then or later, and an
    /// attempt that is under way is dropped at that moment.
    all_attempts_have_a_deadline with virtual_time |ex| {
        // (each takes, delay, ends after, attempts)
        for (takes, delay, ends, made) in [(0, 3, 9, 4), (0, 5, 5, 2), (4, 3, 10, 2), (30, 1, 10, 1), (3, 4, 10, 2)] {
            let watch = Stopwatch::start(ex.clone());
            let (timer, tracer) = (&ex, Tracer::new());
            let work = || tracer.trace(async move {
                timer.sleep(takes * SECOND).await;
                Err::<(), _>(())
            });
            let policy = iter::repeat(delay * SECOND);
            let failed = retry(&ex, policy.clone(), work).within(10 * SECOND).await.unwrap_err();
            assert_eq!((&failed.why, failed.made), (&GaveUp::Deadline, made), "{takes} {delay}");
            assert_eq!((watch.elapsed(), tracer.alive()), (ends * SECOND, 0));
            let failed_at = retry(&ex, policy, work).deadline(watch.at(10 + ends)).await.unwrap_err();
            assert_eq!(failed_at, failed);
        }
    }

    /// Given no time at all, then there is one attempt, which is polled once.
    without_time_there_is_one_attempt |ex| {
        let past = Instant::from_epoch(AT_ONCE);
        assert_eq!(retry(&ex, [SECOND], fails(0)).deadline(past).await, Ok(0));
        assert_eq!(retry(&ex, [SECOND], fails(0)).within(AT_ONCE).await, Ok(0));
        let (tracer, polls) = (Tracer::new(), AtomicUsize::new(0));
        let work = || tracer.trace(std::future::poll_fn(|_| {
            polls.fetch_add(1, SeqCst);
            std::task::Poll::<Result<(), ()>>::Pending
        }));
        let failed = retry(&ex, [AT_ONCE], work).deadline(past).await.unwrap_err();
        assert_eq!((failed.why, failed.made, polls.load(SeqCst)), (GaveUp::Deadline, 1, 1));
        assert!(matches!(failed.last, Some(Failure::TimedOut(_))));
        let unlimited = retry(&ex, [AT_ONCE; 3], fails(3));
        let unlimited = unlimited.deadline(Instant::NEVER).attempt_timeout(Duration::MAX);
        assert_eq!(unlimited.await, Ok(3));
        assert_eq!(retry(&ex, [AT_ONCE; 3], fails(3)).within(Duration::MAX).await, Ok(3));
    }

    /// Given a child that is asked to end, then there is no attempt, and the error says who asked.
    nothing_is_tried_when_it_is_to_end |ex| {
        let timer = ex.clone();
        let (first, second) = scope(&ex, async |s| {
            let s2 = s.clone();
            let child = s.spawn(async move {
                s2.cancel_with(&timer, Grace::Forever, "enough");
                let first = retry(&timer, [AT_ONCE], fails(0)).await.unwrap_err();
                let second = shield(retry(&timer, [AT_ONCE], fails(1))).await;
                (first, second)
            });
            child.await.unwrap()
        })
        .await;
        let GaveUp::Cancelled(cancelled) = &first.why else { panic!("{first:?}") };
        assert_eq!(cancelled.reason().unwrap().message(), "enough");
        assert_eq!((first.made, &first.last), (0, &None));
        assert!(first.to_string().starts_with("gave up after 0 attempts, cancelled: enough"));
        // Behind a shield nobody asks.
        assert_eq!(second, Ok(1));
    }

    /// Given a child in the middle of a delay, however long, when its scope is cancelled with a grace, then
    /// the delay ends at that moment, also in scopes inside; behind a shield it does not.
    a_cancel_ends_a_delay with virtual_time in [spawned, inline] |ex| {
        for delay in [HOUR, Duration::MAX] {
            let (watch, log) = (Stopwatch::start(ex.clone()), Arc::new(Mutex::new(vec![])));
            open!(async |s| {
                for way in 0..3 {
                    let (timer, watch, log) = (ex.clone(), watch.clone(), log.clone());
                    s.spawn(async move {
                        let long = || retry(timer.clone(), [delay], fails(1));
                        let short = || retry(timer.clone(), [5 * SECOND], fails(1));
                        let value = match way {
                            0 => long().await,
                            1 => scope(&timer, async |s| s.spawn(long()).await.unwrap()).await,
                            _ => shield(short()).await,
                        };
                        log.lock().unwrap().push((way, value.is_ok(), watch.elapsed().as_secs()));
                    });
                }
                ex.sleep(SECOND).await;
                s.cancel_with(&ex, Grace::For(HOUR), "enough");
            })
            .await;
            let mut log = log.lock().unwrap().clone();
            log.sort();
            assert_eq!(log, [(0, false, 1), (1, false, 1), (2, true, 5)]);
        }
    }

    /// Given a child that waits for its restart, when its scope is cancelled with a grace, then it ends
    /// at that moment.
    a_cancel_ends_the_delay_of_a_restart with virtual_time |ex| {
        let (watch, timer) = (Stopwatch::start(ex.clone()), ex.clone());
        let failed = scope(&ex, async |s| {
            let restart = Restart::on_failure(timer.clone()).backoff([HOUR]);
            let child = s.supervise(restart, || ready(Err::<(), _>("failed")));
            timer.sleep(SECOND).await;
            s.cancel_with(&timer, Grace::For(HOUR), "enough");
            child.await.unwrap()
        })
        .await;
        assert_eq!((failed, watch.elapsed()), (Err("failed"), SECOND));
    }

    /// Given a deadline of the scope around, or of one around that, then no delay is begun that would
    /// end then or later; unless that was moved, or there is a shield.
    the_deadline_of_the_scope_counts with virtual_time |ex| {
        // (deadline, moved to, delay, gives up)
        for (at, to, delay, gives_up) in
            [(5, 5, 5, true), (5, 5, 4, false), (5, 9, 5, false), (9, 3, 5, true), (5, 5, 4000, true)]
        {
            for nested in [false, true] {
                let (watch, timer) = (Stopwatch::start(ex.clone()), ex.clone());
                let value = scope(&ex, async |s| {
                    // Another one, later.
                    s.deadline(&timer, watch.at(HOUR.as_secs() as u32));
                    let deadline = s.deadline(&timer, watch.at(at));
                    deadline.move_to(watch.at(to));
                    let work = retry(timer.clone(), [delay * SECOND], fails(1));
                    let inside = timer.clone();
                    let child = s.spawn(async move {
                        match nested {
                            false => work.await,
                            true => scope(&inside, async |s| s.spawn(work).await.unwrap()).await,
                        }
                    });
                    child.await.unwrap()
                })
                .await;
                match gives_up {
                    true => {
                        assert_eq!(value.unwrap_err().why, GaveUp::Deadline);
                        assert_eq!(watch.elapsed(), AT_ONCE);
                    }
                    false => {
                        assert_eq!(value, Ok(1));
                        assert_eq!(watch.elapsed(), delay * SECOND);
                    }
                }
            }
        }
        let (watch, timer) = (Stopwatch::start(ex.clone()), ex.clone());
        let shielded = scope(&ex, async |s| {
            s.deadline(&timer, watch.at(1));
            let timer = timer.clone();
            let _ = s.spawn(async move {
                shield(async move {
                    assert_eq!(retry(&timer, [2 * SECOND], fails(1)).await, Ok(1));
                })
                .await;
            })
            .await;
            watch.elapsed()
        })
        .await;
        assert_eq!(shielded, 2 * SECOND);
    }

    /// Given a deadline that is over with its scope, then it does not bound what comes after.
    a_deadline_is_gone_with_its_scope with virtual_time |ex| {
        let watch = Stopwatch::start(ex.clone());
        let timer = ex.clone();
        let value = scope(&ex, async |s| {
            let timer2 = timer.clone();
            let at = watch.at(1);
            let child = s.spawn(async move {
                scope(&timer2, async |s| { s.deadline(&timer2, at); }).await;
                retry(&timer2, [2 * SECOND], fails(1)).await
            });
            child.await.unwrap()
        })
        .await;
        assert_eq!(value, Ok(1));
    }

    /// Given items of a flow that are retried each on its own, then each result has the place of its item.
    results_have_the_places_of_their_items |ex| {
        let tries = Mutex::new([0; 20]);
        let results: Vec<_> = flow::iter(0..20)
            .map_concurrent(5, |n| {
                let (tries, ex) = (&tries, &ex);
                retry(ex, [AT_ONCE; 3], move || async move {
                    yield_now().await;
                    let mut tries = tries.lock().unwrap();
                    tries[n] += 1;
                    if tries[n] > n % 6 { Ok(n) } else { Err(n) }
                })
            })
            .collect()
            .await;
        for (n, result) in results.into_iter().enumerate() {
            match n % 6 {
                0..=3 => assert_eq!(result, Ok(n)),
                _ => assert_eq!(errors(&result.unwrap_err()), [n; 4]),
            }
        }
    }

    /// Given code of the user's that panics, wherever, then the panic propagates, nothing is left, and
    /// a further poll says so.
    panics_propagate |ex| {
        for place in 0..5 {
            let tracer = Tracer::new();
            let at = |here: usize| if here == place { blow_up::<()>("here") };
            let work = || {
                at(0);
                tracer.trace(async {
                    at(1);
                    yield_now().await;
                    if place == 4 { Ok(1) } else { Err("failed") }
                })
            };
            let mut retrying = Box::pin(
                retry(&ex, [AT_ONCE; 3], work)
                    .when(|_, _| { at(2); true })
                    .until(|_| { at(4); true })
                    .on_retry(|_, _, _| at(3)),
            );
            assert_eq!(panic_of(retrying.as_mut()).await, "here");
            let again = panic_in(|| poll_once(retrying.as_mut()));
            assert!(again.contains("polled after it was ready"), "{again}");
            drop(retrying);
            assert_eq!(tracer.alive(), 0);
        }
    }

    /// Given a destructor of an attempt that panics, then that propagates, and nothing hangs.
    a_panic_of_a_destructor_propagates |ex| {
        struct Bomb;
        impl Drop for Bomb {
            fn drop(&mut self) {
                blow_up::<()>("in the destructor");
            }
        }
        let work = || {
            let bomb = Bomb;
            async move {
                let _bomb = &bomb;
                pending::<Result<(), ()>>().await
            }
        };
        let message = panic_of(retry(&ex, [AT_ONCE], work).attempt_timeout(AT_ONCE)).await;
        assert_eq!(message, "in the destructor");
    }

    /// Given a child in a retry that is cancelled, in an attempt or in a delay, then all of it is gone.
    a_cancelled_child_leaves_nothing |ex| {
        for in_delay in [false, true] {
            let (tracer, begun, timer) = (Tracer::new(), Signal::new(), ex.clone());
            let (trace, signal) = (tracer.clone(), begun.clone());
            scope(&ex, async |s| {
                let child = s.spawn(async move {
                    let work = || {
                        let signal = signal.clone();
                        trace.trace(async move {
                            signal.fire();
                            if in_delay { Err::<(), _>(()) } else { pending().await }
                        })
                    };
                    retry(&timer, [HOUR], work).await
                });
                begun.wait().await;
                if in_delay {
                    until(|| tracer.alive() == 0).await;
                }
                match child.cancel().await {
                    Err(error) => assert!(error.is_cancelled(), "{error}"),
                    // It was about to plan its delay, and found the cancel.
                    Ok(Err(attempts)) => {
                        assert!(in_delay && matches!(attempts.why, GaveUp::Cancelled(_)));
                    }
                    Ok(Ok(())) => panic!("no attempt succeeds"),
                }
            })
            .await;
            assert_eq!(tracer.alive(), 0);
        }
    }
}

/// Given a retry that is dropped after each number of polls, then nothing is left of it, and an attempt is
/// gone before the next one is made.
#[test]
fn an_attempt_is_gone_before_the_next() {
    for polls in 0..12 {
        let tracer = Tracer::new();
        let work = || {
            assert_eq!(tracer.alive(), 0);
            tracer.trace(async {
                yield_now().await;
                Err::<(), _>(())
            })
        };
        {
            let mut retrying = pin!(retry(&Smol, iter::repeat(AT_ONCE), work));
            for _ in 0..polls {
                assert!(poll_once(retrying.as_mut()).is_pending());
            }
        }
        assert_eq!(tracer.alive(), 0);
    }
}

/// Given a first attempt that succeeds, at once or later, then nothing is allocated, and neither clock nor
/// timer is touched; a failure needs them only for what was asked.
#[test]
fn a_success_costs_nothing() {
    let before = allocations();
    let mut ready_at_once = pin!(retry(Untouched, [HOUR; 3], || ready(Ok::<_, ()>(7))));
    assert_eq!(poll_once(ready_at_once.as_mut()), std::task::Poll::Ready(Ok(7)));
    let mut later = pin!(retry(Untouched, [HOUR; 3], || async {
        yield_now().await;
        Ok::<_, ()>(7)
    }));
    assert!(poll_once(later.as_mut()).is_pending());
    assert_eq!(poll_once(later.as_mut()), std::task::Poll::Ready(Ok(7)));
    assert_eq!(allocations(), before);

    let mut failing = pin!(retry(Untouched, [AT_ONCE; 2], fails(9)));
    assert!(poll_once(failing.as_mut()).is_pending());
    assert!(poll_once(failing.as_mut()).is_pending());
    assert!(poll_once(failing.as_mut()).is_ready());
}

/// Given a retry that fails a million times, then it keeps the first few and the last few failures.
#[test]
fn failures_need_bounded_memory() {
    let calls = Cell::new(0_u32);
    let work = || {
        calls.set(calls.get() + 1);
        ready(Err::<(), _>(calls.get()))
    };
    const RETRIES: usize = 1_000_000;
    let retrying = retry(&Smol, iter::repeat(AT_ONCE), work).times(RETRIES);
    let failed = futures_lite::future::block_on(retrying).unwrap_err();
    assert_eq!((failed.made, failed.earlier.omitted()), (RETRIES + 1, RETRIES - 16));
    let first = 1..=8;
    let last = RETRIES as u32 - 7..=RETRIES as u32 + 1;
    assert_eq!(errors(&failed), first.chain(last).collect::<Vec<_>>());
    assert!(format!("{failed:?}").contains("999984 more"));
}

/// Given a retry, then it can be sent where its parts can, and what its error says converts into a box.
#[test]
fn it_is_as_its_parts_are() {
    fn sent<T: Send>(value: T) -> T {
        value
    }
    let work = || async { Err::<(), String>("down".into()) };
    let failed = futures_lite::future::block_on(sent(retry(&Smol, [], work)));
    let boxed: Box<dyn std::error::Error + Send + Sync> = failed.unwrap_err().into();
    assert_eq!(boxed.to_string(), "gave up after 1 attempt, as no retry is left: down");
}
