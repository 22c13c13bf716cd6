//! A second request when the first is slow.

use anyscope::{
    Clock, Grace, Instant, Timer,
    context::Context,
    resilience::{Percentile, RetryBudget, hedge},
    scope,
    smol::Smol,
};
use std::{
    cell::Cell,
    future::{Pending, pending, ready},
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    task::Poll,
    time::Duration,
};
use support::{
    SECOND, Stopwatch, Tracer, alloc::allocations, behaviour, blow_up, on_drop, panic_in, panic_of,
    poll_once, yield_now, yields,
};

/// What each request does: it takes so many seconds, and succeeds or not.
type Plan = &'static [(u64, Result<u32, u32>)];

behaviour! {
    /// Given requests that take so long, then the next one is made when the one before is late or has failed,
    /// and the first success is there at its time; all others are gone then.
    the_first_success_wins with virtual_time |ex| {
        const LONG: u64 = 1000;
        // (plan, at most, result, seconds, requests)
        type Row = (Plan, usize, Result<u32, &'static [u32]>, u64, usize);
        let rows: [Row; 12] = [
            (&[(1, Ok(1))], 2, Ok(1), 1, 1),
            (&[(2, Ok(1)), (LONG, Ok(2))], 2, Ok(1), 2, 1),
            (&[(5, Ok(1)), (1, Ok(2))], 2, Ok(2), 3, 2),
            (&[(3, Ok(1)), (2, Ok(2))], 2, Ok(1), 3, 2),
            (&[(1, Err(1)), (1, Ok(2))], 2, Ok(2), 2, 2),
            (&[(1, Err(1)), (1, Err(2))], 2, Err(&[1, 2]), 2, 2),
            (&[(5, Err(1)), (1, Err(2))], 2, Err(&[2, 1]), 5, 2),
            (&[(LONG, Ok(1)), (LONG, Ok(2)), (1, Ok(3))], 3, Ok(3), 5, 3),
            (&[(LONG, Ok(1)), (1, Err(2)), (1, Ok(3))], 3, Ok(3), 4, 3),
            (&[(7, Ok(1))], 1, Ok(1), 7, 1),
            (&[(7, Err(1))], 0, Err(&[1]), 7, 1),
            (&[(0, Err(1)), (0, Err(2)), (0, Ok(3))], 9, Ok(3), 0, 3),
        ];
        for (row, (plan, most, expected, seconds, count)) in rows.into_iter().enumerate() {
            let (watch, tracer) = (Stopwatch::start(ex.clone()), Tracer::new());
            let (made, timer) = (AtomicUsize::new(0), &ex);
            let ask = || {
                let (takes, result) = plan[made.fetch_add(1, SeqCst)];
                tracer.trace(async move {
                    if takes > 0 {
                        timer.sleep(Duration::from_secs(takes)).await;
                    }
                    result
                })
            };
            let mut asking = pin!(hedge(&ex, 2 * SECOND, ask).at_most(most));
            let result = asking.as_mut().await;
            assert_eq!(tracer.alive(), 0, "row {row}");
            assert_eq!(result.map_err(|failed| failed.errors), expected.map_err(<[_]>::to_vec), "row {row}");
            assert_eq!(watch.elapsed().as_secs(), seconds, "row {row}");
            assert_eq!(made.load(SeqCst), count, "row {row}");
            let again = panic_in(|| poll_once(asking.as_mut()));
            assert!(again.contains("polled after it was ready"));
        }
    }

    /// Given no delay, then all requests are made at once; given an endless one, then there is one.
    a_delay_may_be_nothing_or_endless |ex| {
        for (delay, count) in [(Duration::ZERO, 3), (Duration::MAX, 1)] {
            let made = AtomicUsize::new(0);
            let ask = || {
                made.fetch_add(1, SeqCst);
                async { yields(20).await; Ok::<_, ()>(()) }
            };
            hedge(&ex, delay, ask).at_most(3).await.unwrap();
            assert_eq!(made.load(SeqCst), count);
        }
    }

    /// Given a budget, passed or in the context, then each further request takes from it, and there is none
    /// when it is used up: what is under way continues.
    a_further_request_takes_from_the_budget |ex| {
        for passed in [false, true] {
            for (most, count) in [(0, 1), (1, 2), (5, 4)] {
                let (budget, made) = (RetryBudget::new(most), AtomicUsize::new(0));
                let ask = || {
                    made.fetch_add(1, SeqCst);
                    async { yields(20).await; Ok::<_, ()>(()) }
                };
                let asking = hedge(&ex, Duration::ZERO, ask).at_most(4);
                match passed {
                    true => asking.budget(&budget).await.unwrap(),
                    false => Context::new().with(budget.clone()).around(asking).await.unwrap(),
                }
                assert_eq!(made.load(SeqCst), count);
                assert_eq!(budget.available(), most + 1 - count);
            }
        }
    }

    /// Given a child that is asked to end, then no further request is made, and the one under way counts.
    no_request_is_made_in_a_grace with virtual_time |ex| {
        let (timer, made) = (ex.clone(), Arc::new(AtomicUsize::new(0)));
        let count = made.clone();
        let value = scope(&ex, async |s| {
            let s2 = s.clone();
            let child = s.spawn(async move {
                let ask = || {
                    let sleep = timer.sleep(5 * SECOND);
                    count.fetch_add(1, SeqCst);
                    async { sleep.await; Ok::<_, ()>(7) }
                };
                s2.cancel_with(&timer, Grace::Forever, "enough");
                hedge(&timer, SECOND, ask).await
            });
            child.await.unwrap()
        })
        .await;
        assert_eq!((value.unwrap(), made.load(SeqCst)), (7, 1));
    }

    /// Given a percentile, then it learns how long successes take, and is the delay.
    a_percentile_learns with virtual_time |ex| {
        let (usual, timer) = (Percentile::new(95, 10 * SECOND), &ex);
        for _ in 0..32 {
            let ask = || async {
                timer.sleep(SECOND).await;
                Ok::<_, ()>(())
            };
            hedge(timer, &usual, ask).await.unwrap();
        }
        let learnt = usual.get();
        assert!(learnt >= SECOND && learnt <= SECOND * 17 / 16, "{learnt:?}");
        let count = AtomicUsize::new(0);
        let slow = || {
            let takes = if count.fetch_add(1, SeqCst) == 0 { 100 * SECOND } else { SECOND };
            async move { timer.sleep(takes).await; Ok::<_, ()>(()) }
        };
        let watch = Stopwatch::start(ex.clone());
        hedge(timer, &usual, slow).await.unwrap();
        assert_eq!(count.load(SeqCst), 2);
        // Some timers have ticks of a millisecond.
        let late = watch.elapsed() - learnt - SECOND;
        assert!(late <= Duration::from_millis(1), "{late:?}");
    }

    /// Given a function, a request or a destructor of a loser that panics, then the panic propagates when all
    /// is gone.
    panics_propagate |ex| {
        for place in 0..4 {
            let (tracer, made) = (Tracer::new(), Cell::new(0));
            let at = |here: usize| if here == place { blow_up::<()>("here") };
            let ask = || {
                made.set(made.get() + 1);
                let request = made.get();
                if request == 2 {
                    at(0);
                }
                let bomb = on_drop(move || if place == 1 && request == 1 { blow_up("here") });
                tracer.trace(async move {
                    let _bomb = bomb;
                    match request {
                        1 => {
                            yield_now().await;
                            at(2);
                            pending().await
                        }
                        _ => {
                            yields(20).await;
                            at(3);
                            Ok::<(), ()>(())
                        }
                    }
                })
            };
            let mut asking = Box::pin(hedge(&ex, Duration::ZERO, ask));
            assert_eq!(panic_of(asking.as_mut()).await, "here", "{place}");
            let again = panic_in(|| poll_once(asking.as_mut()));
            assert!(again.contains("polled after it was ready"), "{again}");
            drop(asking);
            assert_eq!(tracer.alive(), 0);
        }
    }
}

/// Given a hedge that is dropped after each number of polls, then nothing is left.
#[test]
fn a_drop_leaves_nothing() {
    for polls in 0..6 {
        let tracer = Tracer::new();
        let ask = || tracer.trace(pending::<Result<(), ()>>());
        {
            let mut asking = pin!(hedge(&Smol, Duration::ZERO, ask).at_most(3));
            for _ in 0..polls {
                assert!(poll_once(asking.as_mut()).is_pending());
            }
        }
        assert_eq!((tracer.alive(), tracer.drops()), (0, if polls == 0 { 0 } else { 3 }));
    }
}

/// Given a first request that is ready at once, then nothing is allocated, and neither clock nor timer is
/// touched.
#[test]
fn a_first_request_at_once_costs_nothing() {
    struct Untouched;
    impl Clock for Untouched {
        fn now(&self) -> Instant {
            panic!("the clock was read")
        }
    }
    impl Timer for Untouched {
        type Sleep = Pending<()>;
        fn sleep(&self, _: Duration) -> Pending<()> {
            panic!("it slept")
        }
    }
    let before = allocations();
    let mut asking = pin!(hedge(Untouched, SECOND, || ready(Ok::<_, ()>(7))));
    assert!(matches!(poll_once(asking.as_mut()), Poll::Ready(Ok(7))));
    assert_eq!(allocations(), before);
}
