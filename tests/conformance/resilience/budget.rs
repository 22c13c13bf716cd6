//! All retries together take from one budget.

use anyscope::{
    context::Context,
    resilience::{Attempts, GaveUp, RetryBudget, retry},
    scope,
};
use std::{
    future::ready,
    iter,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};
use support::{SECOND, behaviour};

const AT_ONCE: Duration = Duration::ZERO;

behaviour! {
    /// Given three layers of retries, each in a scope of its own on the executor, when there is a budget in
    /// the context, then their retries add up and do not multiply.
    nested_retries_add_up |ex| {
        for (budget, calls) in [(None, 27), (Some(0), 1), (Some(1), 2), (Some(6), 7), (Some(100), 27)] {
            let called = Arc::new(AtomicUsize::new(0));
            let layers = {
                let (ex, called) = (ex.clone(), called.clone());
                async move {
                    let inner = || {
                        let (ex, called) = (ex.clone(), called.clone());
                        async move {
                            scope(&ex, async |s| {
                                let timer = ex.clone();
                                let call = move || {
                                    called.fetch_add(1, SeqCst);
                                    ready(Err::<(), _>("down"))
                                };
                                s.spawn(async move { retry(&timer, [AT_ONCE; 2], call).await })
                                    .await
                                    .unwrap()
                            })
                            .await
                        }
                    };
                    let middle = || {
                        let ex = ex.clone();
                        async move { retry(&ex, [AT_ONCE; 2], inner).await }
                    };
                    retry(&ex, [AT_ONCE; 2], middle).await
                }
            };
            let failed: Attempts<Attempts<Attempts<&str>>> = match budget {
                None => layers.await,
                Some(most) => Context::new().with(RetryBudget::new(most)).around(layers).await,
            }
            .unwrap_err();
            assert_eq!(called.load(SeqCst), calls, "{budget:?}");
            let used_up = budget.is_none_or(|most| most >= 26);
            assert_eq!(failed.why == GaveUp::UsedUp, used_up);
        }
    }

    /// Given a budget that is passed, then that of the context is left alone; clones are one budget.
    a_budget_that_is_passed_comes_first |ex| {
        let (around, own) = (RetryBudget::new(5), RetryBudget::new(3).percent(50));
        let work = || ready(Err::<(), _>("down"));
        let failed = async {
            retry(&ex, iter::repeat(AT_ONCE), work).budget(&own.clone()).await.unwrap_err()
        };
        let failed = Context::new().with(around.clone()).around(failed).await;
        assert_eq!((failed.why.clone(), failed.made), (GaveUp::Budget, 4));
        assert_eq!((around.available(), own.available()), (5, 0));
        assert_eq!(failed.to_string(), "gave up after 4 attempts, as the retry budget is used up: down");
        // A retry that is not made takes nothing.
        let one = retry(&ex, [AT_ONCE; 1], work).budget(&around).await;
        assert_eq!((one.unwrap_err().why, around.available()), (GaveUp::UsedUp, 4));
        let none = retry(&ex, [AT_ONCE; 9], work).budget(&around).when(|_, _| false).await;
        assert_eq!((none.unwrap_err().why, around.available()), (GaveUp::NotRetried, 4));
    }

    /// Given a part of a retry for each first attempt, then so many of all calls are retried.
    calls_pay_for_retries |ex| {
        let (budget, calls) = (RetryBudget::new(10).percent(20), AtomicUsize::new(0));
        for _ in 0..1000 {
            let work = || {
                calls.fetch_add(1, SeqCst);
                ready(Err::<(), _>(()))
            };
            let _ = retry(&ex, [AT_ONCE; 3], work).budget(&budget).await;
        }
        // The first deposits find the bucket full.
        assert!((1200..=1210).contains(&calls.load(SeqCst)), "{calls:?}");
    }

    /// Given retries that time puts in, then there are so many each second, and no more are saved up than
    /// there is room for.
    time_puts_in_retries with virtual_time |ex| {
        let budget = RetryBudget::new(4).per_second(2);
        let drain = || (0..100).filter(|_| budget.withdraw(&ex)).count();
        assert_eq!(drain(), 4);
        for (millis, retries) in [(0, 0), (499, 0), (1, 1), (1000, 2), (1500, 3), (3_600_000, 4)] {
            anyscope::Timer::sleep(&ex, Duration::from_millis(millis)).await;
            assert_eq!(drain(), retries, "{millis}");
        }
        anyscope::Timer::sleep(&ex, SECOND / 4).await;
        budget.deposit();
        assert_eq!(drain(), 0);
    }
}

/// Given a budget that many threads take from at the same time, then it gives what it has, no more and no less.
#[test]
fn threads_take_what_there_is() {
    let budget = RetryBudget::new(1000);
    let taken: usize = std::thread::scope(|s| {
        let takers: Vec<_> = (0..4)
            .map(|_| {
                s.spawn(|| (0..500).filter(|_| budget.withdraw(&anyscope::smol::Smol)).count())
            })
            .collect();
        takers.into_iter().map(|taker| taker.join().unwrap()).sum()
    });
    assert_eq!((taken, budget.available()), (1000, 0));
}

/// Given numbers as large as there are, then nothing overflows.
#[test]
fn large_numbers_saturate() {
    let budget = RetryBudget::new(usize::MAX).percent(u32::MAX).per_second(u32::MAX);
    budget.deposit();
    assert!(budget.withdraw(&anyscope::smol::Smol));
    assert!(budget.available() > 0);
    assert!(!RetryBudget::new(0).percent(100).withdraw(&anyscope::smol::Smol));
}
