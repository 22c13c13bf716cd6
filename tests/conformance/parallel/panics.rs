//! A panic goes on in whoever drives the operation, whatever it has ended on its way, and before
//! anybody is told that something was cancelled because of it.

use anyscope::{
    CancelledBy, JoinError, Limit, ScopeError,
    flow::{self, Flow, Source},
    scope,
};
use smol::stream::StreamExt;
use std::{
    future::{Future, pending, poll_fn},
    panic::{AssertUnwindSafe, catch_unwind},
    pin::{Pin, pin},
    task::{Context, Poll},
};
use support::{Gauge, Hoard, Inside, behaviour, blow_up, panic_of, poll_once, until, yields};

/// Ways to take outcomes; all but the first few give up at the first error.
const WAYS: usize = 14;

/// Takes outcomes in one of the ways. None of them may ever see that work was cancelled.
async fn consume<S>(way: usize, flow: Flow<S>)
where
    S: Source<Item = Result<usize, JoinError>>,
{
    match way {
        0 => drop(flow.collect::<Vec<_>>().await),
        1 => drop(flow.partition_results().await),
        2 => drop(flow.count().await),
        3 => drop(flow.filter_ok().collect::<Vec<_>>().await),
        4 => drop(flow.try_collect::<Vec<_>>().await),
        5 => drop(flow.fold(0, async |sum, n| sum + n.unwrap()).await),
        6 => drop(flow.try_fold(0, async |sum, n| n.map(|n| sum + n)).await),
        7 => flow.for_each_concurrent(Limit::new(2), async |n| assert!(n.is_ok())).await,
        8 => drop(flow.try_for_each_concurrent(Limit::new(2), async |n| n.map(drop)).await),
        // Only its second item, as the first one may well be there before the panic is.
        9 => drop(flow.filter(|n| !matches!(n, Ok(0))).take(1).collect::<Vec<_>>().await),
        10 => flow.drive(async |mut items| while let Some(Ok(_)) = items.next().await {}).await,
        11 => {
            let mut outcomes = pin!(flow.into_stream());
            while let Some(Ok(_)) = outcomes.next().await {}
        }
        12 => drop(flow::merge([flow]).try_collect::<Vec<_>>().await),
        13 => drop(flow.chunks(std::num::NonZeroUsize::new(2).unwrap()).collect::<Vec<_>>().await),
        _ => unreachable!(),
    }
}

/// Work that ends only for one item.
async fn stuck(n: usize, inside: Inside) -> usize {
    let _inside = inside;
    if n > 0 { pending().await } else { n }
}

/// Ready at once; panics when it is dropped.
struct Bomb(&'static str);

impl Future for Bomb {
    type Output = usize;

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<usize> {
        Poll::Ready(1)
    }
}

impl Drop for Bomb {
    fn drop(&mut self) {
        blow_up(self.0)
    }
}

behaviour! {
    /// Given a source that panics, or a function that makes work, after any number of items whose
    /// work has not ended, then the panic goes on in whoever takes outcomes, however that is done.
    panic_is_not_overtaken_by_what_it_ends |ex| {
        for at in [0, 1, 3, 17] {
            for limit in [Limit::new(18), Limit::Unbounded] {
                for way in 0..WAYS {
                    for (ordered, in_source) in [(true, true), (true, false), (false, false)] {
                        let gauge = Gauge::default();
                        let works = gauge.clone();
                        let items = (0..100).inspect(move |n| {
                            if in_source && *n == at { blow_up("boom") }
                        });
                        let flow = flow::iter(items).map_on(&ex, limit, move |n| {
                            if !in_source && n == at { blow_up("boom") }
                            stuck(n, works.enter())
                        });
                        let flow = if ordered { flow } else { flow.unordered() };
                        assert_eq!(panic_of(consume(way, flow)).await, "boom");
                        assert_eq!(gauge.now(), 0);
                    }
                }
            }
        }
    }

    /// Given a future that panics when it is dropped after its end, then that panic goes on too.
    panic_of_a_destructor_is_not_overtaken |ex| {
        for at in [1, 17] {
            for way in 0..WAYS {
                // What comes before the panic may be enough for this one.
                if way == 9 { continue }
                let flow = flow::iter(0..100).map_on(&ex, Limit::new(18), move |n| {
                    let bomb = (n == at).then(|| Bomb("boom"));
                    let mut rest = Box::pin(yields(n));
                    poll_fn(move |cx| match &bomb {
                        Some(_) => Poll::Ready(n),
                        None => rest.as_mut().poll(cx).map(|()| n),
                    })
                });
                assert_eq!(panic_of(consume(way, flow)).await, "boom");
            }
            let op = flow::iter(0..100).for_each_on(&ex, Limit::new(18), move |n| {
                let bomb = (n == at).then(|| Bomb("boom"));
                async move {
                    if let Some(bomb) = bomb {
                        bomb.await;
                    } else {
                        pending().await
                    }
                }
            });
            assert_eq!(panic_of(op).await, "boom");
        }
    }

    /// Given work that fails, and work that panics before, at the same time, or after that while
    /// the operation comes down, then the panic goes before the error, if it comes at all.
    panic_goes_before_errors |ex| {
        for first in 0..3 {
            let gauge = Gauge::default();
            let works = gauge.clone();
            let op = flow::iter(0..2).try_for_each_on(&ex, Limit::new(2), move |n| {
                let inside = works.enter();
                let gauge = works.clone();
                async move {
                    let _inside = inside;
                    until(|| gauge.ever() == 2).await;
                    match n {
                        0 => {
                            yields(usize::from(first == 1)).await;
                            Err("error")
                        }
                        _ => {
                            yields(usize::from(first == 0)).await;
                            blow_up("boom")
                        }
                    }
                }
            });
            let mut op = pin!(op);
            let end = poll_fn(|cx| {
                let end = catch_unwind(AssertUnwindSafe(|| op.as_mut().poll(cx)));
                end.map_or_else(|payload| Poll::Ready(Err(payload)), |end| end.map(Ok))
            }).await;
            match end {
                Err(payload) => assert_eq!(payload.downcast_ref::<&str>(), Some(&"boom")),
                Ok(Err(ScopeError::Failed { first: error, .. })) => assert_eq!(error, "error"),
                Ok(other) => panic!("{other:?}"),
            }
            assert_eq!(gauge.now(), 0);
        }
    }

    /// Given a closure of whoever takes outcomes that panics, then its panic is the one that goes
    /// on, and the work is dropped.
    panic_of_the_taker_goes_on |ex| {
        for way in 0..3 {
            let gauge = Gauge::default();
            let works = gauge.clone();
            let flow = flow::iter(0..100).map_on(&ex, Limit::new(5), move |n| {
                stuck(n, works.enter())
            });
            let message = match way {
                0 => panic_of(flow.fold(0, async |_, _| blow_up("taker"))).await,
                1 => panic_of(flow.for_each_concurrent(Limit::new(1), async |_| blow_up("taker"))).await,
                _ => panic_of(flow.map(|_| blow_up::<()>("taker")).count()).await,
            };
            assert_eq!(message, "taker");
            until(|| gauge.now() == 0).await;
        }
    }

    /// Given an iterator that panics after any number of futures that have not ended, then whoever
    /// reads the stream meets the panic before anything that was dropped for it; given one who does
    /// not read, then it ends the scope.
    spawn_all_panics_before_it_says_cancelled |ex| {
        for at in [0, 1, 3, 17] {
            for way in 0..4 {
                let gauge = Gauge::default();
                let op = scope(&ex, async |s| {
                    let works = gauge.clone();
                    let futures = (0..100).map(move |n| {
                        if n == at { blow_up("boom") }
                        stuck(n, works.enter())
                    });
                    let mut results = s.spawn_all(futures);
                    match way {
                        0 => while let Some((_, result)) = results.next().await {
                            result.expect("not cancelled");
                        },
                        1 => {
                            yields(9).await;
                            drop(results);
                            pending().await
                        }
                        2 => {
                            drop(results);
                            pending().await
                        }
                        _ => {
                            // Given to somebody who never reads it.
                            let read = s.spawn(async move {
                                yields(9).await;
                                drop(results);
                            });
                            let _ = read.await;
                            pending().await
                        }
                    }
                });
                assert_eq!(panic_of(op).await, "boom");
                assert_eq!(gauge.now(), 0);
            }
        }
    }

    /// Given a future of many that panics when it is dropped after its end, then whoever reads the
    /// stream meets that panic, and the others have one result each, before it or after.
    spawn_all_goes_on_after_a_panic |ex| {
        let (gauge, mut seen) = (Gauge::default(), vec![0; 50]);
        let mut panics = 0;
        scope(&ex, async |s| {
            let futures = (0..50).map(|n| {
                let inside = gauge.enter();
                let bomb = (n == 7).then(|| Bomb("boom"));
                let mut rest = Box::pin(yields(n % 3));
                poll_fn(move |cx| {
                    let _ = &inside;
                    match &bomb {
                        Some(_) => Poll::Ready(()),
                        None => rest.as_mut().poll(cx),
                    }
                })
            });
            let mut results = s.spawn_all(futures.collect::<Vec<_>>());
            loop {
                let next = poll_fn(|cx| {
                    let next = catch_unwind(AssertUnwindSafe(|| results.poll_next(cx)));
                    next.map_or_else(|payload| Poll::Ready(Err(payload)), |next| next.map(Ok))
                });
                match next.await {
                    Ok(None) => break,
                    Ok(Some((n, result))) => {
                        assert!(result.is_ok() || panics == 1, "{n}: {result:?}");
                        seen[n] += 1;
                    }
                    Err(payload) => {
                        assert_eq!(payload.downcast_ref::<&str>(), Some(&"boom"));
                        panics += 1;
                    }
                }
            }
        }).await;
        assert_eq!((panics, gauge.now()), (1, 0));
        assert!(seen.iter().all(|&times| times == 1), "{seen:?}");
    }
}

/// Given an outcome that has come, and a panic behind it, when whoever takes outcomes wants no more
/// than the one, then the panic goes on where the operation is dropped.
#[test]
fn early_exit_meets_the_panic() {
    for way in 0..4 {
        let ex = Hoard::new();
        let flow = flow::iter(0..9).map_on(&ex, Limit::new(4), |n| {
            if n == 1 {
                blow_up("boom")
            }
            async move { n }
        });
        let op = async {
            match way {
                0 => drop(flow.take(1).collect::<Vec<_>>().await),
                1 => drop(flow.into_stream().next().await),
                2 => drop(flow.drive(async |mut items| items.next().await).await),
                // It wants none at all.
                _ => {
                    let mut outcomes = Box::pin(flow.into_stream());
                    let polled = poll_once(pin!(outcomes.next())).is_pending();
                    smol::future::yield_now().await;
                    drop(outcomes);
                    assert!(polled);
                }
            }
        };
        let mut op = pin!(op);
        assert!(poll_once(op.as_mut()).is_pending());
        for mut shard in ex.take() {
            let _ = poll_once(Pin::new(&mut shard));
        }
        assert_eq!(smol::block_on(panic_of(op)), "boom", "way {way}");
    }
}

/// Given operations that are dropped with a panic that nobody has seen, then it goes on where they
/// are dropped, but not while another one goes by.
#[test]
fn dropped_operation_lets_its_panic_go_on() {
    for during_another in [false, true] {
        for fallible in [false, true] {
            let ex = Hoard::new();
            let work = |n| {
                if n == 1 {
                    blow_up("boom")
                }
                pending::<Result<(), ()>>()
            };
            let flow = flow::iter(0..9);
            let mut op: Pin<Box<dyn Future<Output = ()>>> = if fallible {
                let op = flow.try_for_each_on(&ex, Limit::new(4), work);
                Box::pin(async { op.await.unwrap() })
            } else {
                let op = flow.for_each_on(&ex, Limit::new(4), move |n| {
                    let work = work(n);
                    async { work.await.unwrap() }
                });
                Box::pin(async { op.await.unwrap() })
            };
            assert!(poll_once(op.as_mut()).is_pending());
            for mut shard in ex.take() {
                let _ = poll_once(Pin::new(&mut shard));
            }
            let dropped = catch_unwind(AssertUnwindSafe(move || {
                let _op = op;
                if during_another {
                    blow_up("another")
                }
            }));
            let message = *dropped.unwrap_err().downcast::<&str>().unwrap();
            assert_eq!(message, if during_another { "another" } else { "boom" });
        }
    }
}

/// Given a child that panics, and again when its future is dropped for it, then the first panic is
/// the one that goes on: it led to the other.
#[test]
fn first_panic_of_a_child_is_the_one() {
    let ex = anyscope::smol::Smol;
    let outcome = smol::block_on(scope(&ex, async |s| {
        let bomb = Bomb("second");
        let mut first = true;
        s.spawn(poll_fn(move |_| {
            let _ = &bomb;
            if std::mem::take(&mut first) {
                blow_up("first")
            }
            Poll::<()>::Pending
        }))
        .await
    }));
    let Err(JoinError::Panicked(panic)) = outcome else { panic!("{outcome:?}") };
    assert_eq!(panic.message(), Some("first"));
}

/// Given work that was dropped by a cancel of its scope, then its result says so.
#[test]
fn cancelled_scope_is_the_cause() {
    let ex = anyscope::smol::Smol;
    smol::block_on(scope(&ex, async |s| {
        let mut results = s.spawn_all((0..3).map(|_| pending::<()>()));
        assert!(smol::future::poll_once(results.next()).await.is_none());
        s.cancel("enough");
        while let Some((_, result)) = results.next().await {
            let Err(JoinError::Cancelled(cancelled)) = result else { panic!("{result:?}") };
            assert_eq!(cancelled.by(), CancelledBy::Scope);
            assert_eq!(cancelled.reason().unwrap().message(), "enough");
        }
    }));
}
