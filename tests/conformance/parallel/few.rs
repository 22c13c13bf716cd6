//! `spawn_all` of futures that are too few to share: each is a child of its own.

use anyscope::{CancelledBy, JoinError, scope};
use smol::stream::{Stream, StreamExt};
use std::{
    future::{pending, poll_fn},
    panic::{AssertUnwindSafe, catch_unwind},
    pin::{Pin, pin},
    task::Poll,
};
use support::{
    Gauge, Hoard, Refusing, Signal, behaviour, blow_up, hostile::Spy, panic_of, poll_once, until,
    yields,
};

behaviour! {
    /// Given fewer futures than are shared, then each has one result, with its index, and the
    /// stream says how many are left.
    each_has_its_result |ex| {
        scope(&ex, async |s| {
            for few in 0..8 {
                let work = (0..few).map(move |n| async move {
                    yields(few - n).await;
                    n * 2
                });
                let mut results = s.spawn_all(work);
                let mut seen = vec![0; few];
                while let Some((n, result)) = results.next().await {
                    assert_eq!(result.unwrap(), n * 2);
                    seen[n] += 1;
                    let left = few - seen.iter().sum::<usize>();
                    assert_eq!(results.size_hint(), (left, Some(left)));
                }
                assert!(seen.iter().all(|&times| times == 1), "{seen:?}");
                assert!(results.next().await.is_none());
            }
        }).await;
    }

    /// Given one that panics, then its result says so, and the others go on.
    panic_is_the_result_of_one |ex| {
        scope(&ex, async |s| {
            let work = (0..5).map(|n| async move {
                yields(1).await;
                if n == 2 { blow_up("boom") }
            });
            let mut panics = Vec::new();
            let mut results = s.spawn_all(work);
            while let Some((n, result)) = results.next().await {
                if let Err(JoinError::Panicked(panic)) = result {
                    panics.push((n, panic.message().unwrap().to_owned()));
                }
            }
            assert_eq!(panics, [(2, "boom".to_owned())]);
        }).await;
    }

    /// Given an iterator that panics, then whoever reads the stream meets that before any result,
    /// and what was taken from it goes on; given nobody who reads, then it ends the scope.
    panic_of_the_iterator_is_met_where_results_are |ex| {
        let futures = || (0..4).map(|n| {
            if n == 3 { blow_up("iterator") }
            async move { n }
        });
        scope(&ex, async |s| {
            let mut results = s.spawn_all(futures());
            let first = poll_fn(|cx| {
                Poll::Ready(catch_unwind(AssertUnwindSafe(|| results.poll_next(cx))))
            });
            let payload = first.await.unwrap_err();
            assert_eq!(payload.downcast_ref::<&str>(), Some(&"iterator"));
            let mut all: Vec<_> = results.map(|(n, result)| (n, result.unwrap())).collect().await;
            all.sort_unstable();
            assert_eq!(all, [(0, 0), (1, 1), (2, 2)]);
        }).await;
        let op = scope(&ex, async |s| {
            drop(s.spawn_all(futures()));
            pending::<()>().await
        });
        assert_eq!(panic_of(op).await, "iterator");
    }

    /// Given a scope that is cancelled before or after, then each has a result that says why.
    cancel_has_a_result_for_each |ex| {
        for before in [true, false] {
            let results = scope(&ex, async |s| {
                let works = Gauge::default();
                let gauge = works.clone();
                if before {
                    s.cancel("enough");
                }
                let results = s.spawn_all((0..3).map(move |_| {
                    let inside = works.clone();
                    async move {
                        let _inside = inside.enter();
                        pending::<()>().await
                    }
                }));
                if !before {
                    until(|| gauge.now() == 3).await;
                    s.cancel("enough");
                }
                results
            }).await;
            let results: Vec<_> = results.collect().await;
            assert_eq!(results.len(), 3);
            for (_, result) in results {
                let Err(JoinError::Cancelled(cancelled)) = result else { panic!("{result:?}") };
                assert_eq!(cancelled.by(), CancelledBy::Scope);
                assert_eq!(cancelled.reason().unwrap().message(), "enough");
            }
        }
    }
}

/// Given one that is not polled, or blocks its thread, then no other waits for it.
#[test]
fn nobody_is_held_up_by_another() {
    let ex = Hoard::new();
    let mut op = pin!(scope(&ex, async |s| {
        let mut results = s.spawn_all((0..3).map(|n| async move { n }));
        results.next().await.unwrap().0
    }));
    assert!(poll_once(op.as_mut()).is_pending());
    let mut children = ex.take();
    assert_eq!(children.len(), 3);
    let mut last = children.pop().unwrap();
    assert!(poll_once(Pin::new(&mut last)).is_ready());
    // The body has the result, and ends; the scope waits for the others.
    assert!(poll_once(op.as_mut()).is_pending());
    drop(children);
    assert!(matches!(poll_once(op.as_mut()), Poll::Ready(2)));
}

/// Given an executor that refuses children, then each has a result that says so.
#[test]
fn refused_children_are_named() {
    let results = scope(&Refusing, async |s| {
        s.spawn_all((0..2).map(|n| async move { n })).collect::<Vec<_>>().await
    });
    let results = smol::block_on(results);
    assert_eq!(results.len(), 2);
    for (_, result) in results {
        let Err(JoinError::Cancelled(cancelled)) = result else { panic!("{result:?}") };
        assert_eq!(cancelled.by(), CancelledBy::Executor);
    }
}

/// Given an iterator that has more than it says, then all are spawned.
#[test]
fn size_hint_that_lies_loses_nothing() {
    struct Liar(std::ops::Range<usize>);

    impl Iterator for Liar {
        type Item = std::future::Ready<usize>;

        fn next(&mut self) -> Option<Self::Item> {
            self.0.next().map(std::future::ready)
        }

        fn size_hint(&self) -> (usize, Option<usize>) {
            (0, Some(1))
        }
    }

    let ex = anyscope::smol::Smol;
    let all = scope(&ex, async |s| s.spawn_all(Liar(0..20)).count().await);
    assert_eq!(smol::block_on(all), 20);
}

/// Given many polls of the stream, then whoever waits is woken once for an end.
#[test]
fn taker_is_woken_once_for_an_end() {
    let (ex, spy, go) = (Hoard::new(), Spy::new(), Signal::default());
    let mut op = pin!(scope(&ex, async |s| {
        let work = (0..3).map(|n| {
            let go = go.clone();
            async move {
                if n > 0 {
                    go.wait().await;
                }
            }
        });
        s.spawn_all(work.collect::<Vec<_>>()).next().await;
        pending::<()>().await
    }));
    for _ in 0..3 {
        assert!(spy.poll(op.as_mut()).is_pending());
    }
    let mut children = ex.take();
    assert!(poll_once(Pin::new(&mut children[0])).is_ready());
    assert_eq!(spy.wakes(), 1);
    assert!(spy.poll(op.as_mut()).is_pending());
    go.fire();
    for child in &mut children[1..] {
        assert!(poll_once(Pin::new(child)).is_ready());
    }
}
