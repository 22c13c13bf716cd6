//! What holds on every executor.

use anyscope::{JoinError, Limit, LiveLimit, ScopeError, flow, scope};
use smol::stream::StreamExt;
use std::{
    future::pending,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
    },
};
use support::{Gauge, Signal, behaviour, blow_up, panic_of, until, yields};

const LIMITS: [Limit; 5] =
    [Limit::new(1), Limit::new(2), Limit::new(3), Limit::new(50), Limit::Unbounded];

behaviour! {
    /// Given any limit and order of completion, then outcomes are those of a sequential map, in
    /// order.
    o1_outcomes_come_in_the_order_of_items |ex| {
        for limit in LIMITS {
            let work = async |n: usize| {
                yields(n * 7 % 5).await;
                n * 2
            };
            let got: Vec<_> = flow::iter(0..100).map_on(&ex, limit, work)
                .try_collect().await.unwrap();
            assert!(got.into_iter().eq((0..100).map(|n| n * 2)), "{limit}");
        }
    }

    /// Given `n` pieces of work that wait for each other, then all start.
    o2_as_many_start_as_the_limit_allows |ex| {
        for n in [1, 2, 5, 40] {
            let (gauge, go) = (Gauge::default(), Signal::default());
            let work = move |_| {
                let (gauge, go) = (gauge.clone(), go.clone());
                async move {
                    let _inside = gauge.enter();
                    if gauge.now() == n {
                        go.fire();
                    }
                    go.wait().await;
                }
            };
            flow::iter(0..n).for_each_on(&ex, Limit::new(n), work).await.unwrap();
        }
    }

    /// Given an outcome that was delivered, and no other that has come, then its room is used.
    room_of_the_last_that_was_delivered_is_used |ex| {
        for ordered in [true, false] {
            let go = Signal::default();
            let work = move |n| {
                let go = go.clone();
                async move {
                    match n {
                        0 => {}
                        8 => go.fire(),
                        _ => go.wait().await,
                    }
                    n
                }
            };
            let flow = flow::iter(0..9).map_on(&ex, Limit::new(8), work);
            let flow = if ordered { flow } else { flow.unordered() };
            let mut outcomes = pin!(flow.into_stream());
            assert_eq!(outcomes.next().await.unwrap().unwrap(), 0);
            assert_eq!(outcomes.count().await, 8);
        }
    }

    /// Given one more than the limit, then it does not start.
    o3_u3_the_limit_is_reached_and_not_exceeded |ex| {
        for limit in [1, 2, 3, 7] {
            let gauge = Gauge::default();
            let works = gauge.clone();
            let work = move |n| {
                let gauge = works.clone();
                async move {
                    let _inside = gauge.enter();
                    yields(n % 4).await;
                    // All of the limit at once, if only once.
                    if n < limit {
                        until(|| gauge.peak() == limit).await;
                    }
                }
            };
            let ops = flow::iter(0..100).map_on(&ex, Limit::new(limit), work.clone()).unordered();
            assert_eq!(ops.count().await, 100);
            assert_eq!((gauge.peak(), gauge.ever()), (limit, 100));
            flow::iter(0..100).for_each_on(&ex, Limit::new(limit), work).await.unwrap();
            assert_eq!((gauge.peak(), gauge.ever()), (limit, 200));
        }
    }

    /// Given a first piece of work that is slow, then no more are taken than the limit, although
    /// the others have ended.
    o4_a_slow_head_holds_the_window |ex| {
        let (gauge, go) = (Gauge::default(), Signal::default());
        let (works, slow) = (gauge.clone(), go.clone());
        let work = move |n| {
            drop(works.enter());
            let slow = slow.clone();
            async move {
                if n == 0 {
                    slow.wait().await;
                }
                n
            }
        };
        let mut outcomes = pin!(flow::iter(0..20).map_on(&ex, Limit::new(4), work).into_stream());
        assert!(smol::future::poll_once(outcomes.next()).await.is_none());
        until(|| gauge.ever() == 4).await;
        for _ in 0..50 {
            assert!(smol::future::poll_once(outcomes.next()).await.is_none());
            assert_eq!(gauge.ever(), 4);
            yields(1).await;
        }
        go.fire();
        for n in 0..20 {
            assert_eq!(outcomes.next().await.unwrap().unwrap(), n);
            assert!(gauge.ever() <= n + 1 + 4, "{} of {n}", gauge.ever());
        }
        assert!(outcomes.next().await.is_none());
        assert!(outcomes.next().await.is_none());
    }

    /// Given a consumer that stops asking, then what has started ends, and no more starts than the
    /// limit. Given one that awaits something else, then work goes on.
    o6_u4_u11_work_goes_on_while_nobody_asks |ex| {
        for ordered in [true, false] {
            let (gauge, ended) = (Gauge::default(), Gauge::default());
            let (works, ends) = (gauge.clone(), ended.clone());
            let work = move |n: usize| {
                drop(works.enter());
                let ended = ends.clone();
                async move {
                    yields(n).await;
                    drop(ended.enter());
                }
            };
            let flow = flow::iter(0..20).map_on(&ex, Limit::new(5), work);
            let flow = if ordered { flow } else { flow.unordered() };
            let mut outcomes = pin!(flow.into_stream());
            outcomes.next().await.unwrap().unwrap();
            until(|| ended.ever() == 6).await;
            yields(50).await;
            assert_eq!(gauge.ever(), 6);
            assert_eq!(outcomes.count().await, 19);
        }
    }

    /// Given work that panics, then its place has an error, and the rest is as it is.
    o7_a_panic_comes_in_its_place |ex| {
        let work = async |n| if n == 3 { blow_up("third") } else { n };
        let outcomes: Vec<_> = flow::iter(0..6).map_on(&ex, Limit::new(2), work)
            .collect().await;
        for (n, outcome) in outcomes.into_iter().enumerate() {
            match outcome {
                Ok(value) => assert_eq!(value, n),
                Err(JoinError::Panicked(panic)) => {
                    assert_eq!((n, panic.message()), (3, Some("third")));
                }
                Err(other) => panic!("{other:?}"),
            }
        }
    }

    /// Given no items, then the end comes at once.
    o11_nothing_ends_at_once |ex| {
        for limit in LIMITS {
            flow::iter(0..0).for_each_on(&ex, limit, async |_| ()).await.unwrap();
            let empty = smol::stream::empty::<u8>();
            assert_eq!(flow::stream(empty).map_on(&ex, limit, async |_| ()).count().await, 0);
        }
        scope(&ex, async |s| {
            let mut none = s.spawn_all(std::iter::empty::<std::future::Ready<()>>());
            assert!(none.next().await.is_none());
            assert!(none.next().await.is_none());
        }).await;
    }

    /// Given work that ends last first, then outcomes without order come last first.
    u1_outcomes_come_as_work_ends |ex| {
        let go: Arc<[Signal; 3]> = Arc::default();
        let theirs = go.clone();
        let work = move |n: usize| {
            let go = theirs[n].wait();
            async move {
                go.await;
                n
            }
        };
        let flow = flow::iter(0..3).map_on(&ex, Limit::new(3), work).unordered();
        let mut outcomes = pin!(flow.into_stream());
        for n in [2, 1, 0] {
            go[n].fire();
            assert_eq!(outcomes.next().await.unwrap().unwrap(), n);
        }
        assert!(outcomes.next().await.is_none());
    }

    /// Given any limit, then outcomes without order are a permutation, and so are those of
    /// `spawn_all` with their indices.
    u2_nothing_is_lost_or_given_twice |ex| {
        for limit in LIMITS {
            let work = async |n: usize| {
                yields(n % 3).await;
                n
            };
            let flow = flow::iter(0..300).map_on(&ex, limit, work).unordered();
            let mut got: Vec<_> = flow.try_collect().await.unwrap();
            got.sort_unstable();
            assert!(got.into_iter().eq(0..300), "{limit}");
        }
        scope(&ex, async |s| {
            let work = (0..300).map(|n| async move {
                yields(n % 3).await;
                n
            });
            let mut got: Vec<_> = s.spawn_all(work).map(|(n, result)| (n, result.unwrap()))
                .collect().await;
            got.sort_unstable();
            assert!(got.into_iter().eq((0..300).map(|n| (n, n))));
        }).await;
    }

    /// Given a piece of work that never ends, then the others come through the rest of the limit.
    u5_slow_work_takes_one_place |ex| {
        let work = async |n| if n == 0 { pending().await } else { n };
        let flow = flow::iter(0..100).map_on(&ex, Limit::new(3), work).unordered();
        let mut outcomes = pin!(flow.into_stream());
        for _ in 1..100 {
            outcomes.next().await.unwrap().unwrap();
        }
    }

    /// Given a failure, then what runs is dropped before the operation returns, and nothing starts.
    u6_o13_failure_drops_the_work_before_it_returns |ex| {
        let gauge = Gauge::default();
        let works = gauge.clone();
        let work = move |n| {
            let inside = works.enter();
            let gauge = works.clone();
            async move {
                let _inside = inside;
                if n < 4 {
                    pending().await
                }
                until(|| gauge.now() == 5).await;
                Err("broken")
            }
        };
        let result = flow::iter(0..100).try_for_each_on(&ex, Limit::new(5), work).await;
        let Err(ScopeError::Failed { first, .. }) = result else { panic!("{result:?}") };
        assert_eq!((first, gauge.now(), gauge.ever()), ("broken", 0, 5));
    }

    /// Given a panic of the work, of the source, or of what makes work, then it goes on in whoever
    /// awaits the operation, and nothing of the operation is left.
    panics_end_the_operation |ex| {
        for culprit in 0..3 {
            let gauge = Gauge::default();
            let (items, works) = (gauge.clone(), gauge.clone());
            let source = (0..100_usize).map(move |n| {
                if culprit == 0 && n == 30 { blow_up("boom") }
                (n, items.enter())
            });
            let work = move |(n, inside)| {
                if culprit == 1 && n == 30 { blow_up("boom") }
                let inside = (inside, works.enter());
                async move {
                    let _inside = inside;
                    yields(n % 3).await;
                    if culprit == 2 && n == 30 { blow_up("boom") }
                    if n % 4 == 0 { pending().await }
                }
            };
            let op = flow::iter(source.clone()).for_each_on(&ex, Limit::new(50), work.clone());
            assert_eq!(panic_of(op).await, "boom");
            assert_eq!(gauge.now(), 0);
            if culprit < 2 {
                let flow = flow::iter(source).map_on(&ex, Limit::new(50), work).unordered();
                assert_eq!(panic_of(flow.count()).await, "boom");
                assert_eq!(gauge.now(), 0);
            }
        }
    }

    /// Given a source that is woken from elsewhere now and then, then all of it comes.
    source_that_is_woken_at_any_time |ex| {
        for limit in [1, 3, 50] {
            let (send, receive) = async_channel::bounded(2);
            let gauge = Gauge::default();
            let works = gauge.clone();
            let work = move |n| {
                let inside = works.enter();
                async move {
                    let _inside = inside;
                    yields(n % 3).await;
                }
            };
            scope(&ex, async |s| {
                drop(s.spawn(async move {
                    for n in 0..60 {
                        send.send(n).await.unwrap();
                        yields(n % 5).await;
                    }
                }));
                flow::stream(receive).for_each_on(&ex, Limit::new(limit), work).await.unwrap();
            }).await;
            assert_eq!((gauge.ever(), gauge.now()), (60, 0));
            assert!(gauge.peak() <= limit);
        }
    }

    /// Given a source that wakes itself whenever it is not ready, then it is asked again, and
    /// others run meanwhile.
    source_that_wakes_itself |ex| {
        let go = Arc::new(AtomicBool::new(false));
        let late = go.clone();
        let mut left = 20;
        let source = smol::stream::poll_fn(move |cx| {
            use std::task::Poll;
            if left % 2 == 1 && !late.load(SeqCst) {
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            left -= 1;
            Poll::Ready((left > 0).then_some(left))
        });
        scope(&ex, async |s| {
            drop(s.spawn(async move {
                yields(20).await;
                go.store(true, SeqCst);
            }));
            let flow = flow::stream(source).map_on(&ex, Limit::new(3), async |n| n);
            assert_eq!(flow.count().await, 19);
        }).await;
    }

    /// Given a limit that is raised while all wait, then more starts at once; lowered, nothing
    /// starts until there is room.
    u10_the_limit_changes_while_it_is_in_use |ex| {
        let (gauge, limit) = (Gauge::default(), LiveLimit::new(Limit::new(1)));
        let go: Arc<[Signal; 2]> = Arc::default();
        let (works, theirs) = (gauge.clone(), go.clone());
        let work = move |n| {
            let (inside, go) = (works.enter(), theirs[usize::from(n > 5)].wait());
            async move {
                let _inside = inside;
                go.await;
            }
        };
        let mut op = pin!(flow::iter(0..20).for_each_on(&ex, &limit, work));
        assert!(smol::future::poll_once(op.as_mut()).await.is_none());
        until(|| gauge.now() == 1).await;
        yields(20).await;
        assert_eq!(gauge.now(), 1);
        limit.set(Limit::new(6));
        until(|| gauge.now() == 6).await;
        limit.set(Limit::new(2));
        go[0].fire();
        until(|| gauge.ever() == 8).await;
        yields(20).await;
        assert_eq!((gauge.ever(), gauge.now()), (8, 2));
        go[1].fire();
        op.await.unwrap();
        assert_eq!(gauge.ever(), 20);
    }

    /// Given a dropped operation, then nothing of it is left: also not if its source and its limit
    /// know whom to wake.
    dropped_operation_leaves_nothing |ex| {
        let gauge = Gauge::default();
        for polls in 0..12 {
            let limit = LiveLimit::new(Limit::new(2));
            let (send, receive) = async_channel::unbounded();
            for _ in 0..10 {
                send.try_send(()).unwrap();
            }
            let (kept, works) = (gauge.enter(), gauge.clone());
            let work = move |()| {
                let inside = works.enter();
                let _ = &kept;
                async move {
                    let _inside = inside;
                    yields(2).await;
                    pending::<()>().await
                }
            };
            let mut op = Box::pin(flow::stream(receive).map_on(&ex, &limit, work).into_stream());
            for _ in 0..polls {
                assert!(smol::future::poll_once(op.next()).await.is_none());
                yields(1).await;
            }
            drop(op);
            until(|| gauge.now() == 0).await;
            drop((send, limit));
        }
    }

    /// Given a dropped stream of `spawn_all`, of few futures or many, then values are dropped as they
    /// come, and a panic ends the scope as that of a child without a handle does, whether it has come
    /// before or comes later.
    dropped_results_are_given_up |ex| {
        for all in [5, 50] {
            let (gauge, ended) = (Gauge::default(), Gauge::default());
            scope(&ex, async |s| {
                let futures = (0..all).map(|n| {
                    let (inside, ended) = (gauge.enter(), ended.clone());
                    async move {
                        yields(n % 7).await;
                        drop(ended.enter());
                        inside
                    }
                });
                let results = s.spawn_all(futures.collect::<Vec<_>>());
                yields(if all == 5 { 2 } else { 5 }).await;
                drop(results);
            }).await;
            assert_eq!((gauge.now(), ended.ever()), (0, all));
        }
        for (all, waits) in [(4, 0), (4, 20), (9, 0), (9, 3), (9, 20)] {
            let op = scope(&ex, async |s| {
                let futures = (0..all).map(|n| async move {
                    if n == 3 { blow_up("boom") }
                });
                let results = s.spawn_all(futures);
                yields(waits).await;
                drop(results);
                pending::<()>().await
            });
            assert_eq!(panic_of(op).await, "boom");
        }
    }

    /// Given a scope that is cancelled, then each future that the iterator was asked for has one
    /// result, and the first of those that it was not asked for one for all of them.
    cancelled_scope_gives_each_future_one_result |ex| {
        let asked = Arc::new(AtomicUsize::new(0));
        let counted = asked.clone();
        let mut results = scope(&ex, async |s| {
            let futures = (0..).map(move |n| {
                counted.fetch_add(1, SeqCst);
                async move {
                    yields(n % 3).await;
                    if n % 2 == 0 { pending().await }
                }
            });
            let results = s.spawn_all(futures);
            until(|| asked.load(SeqCst) > 20).await;
            s.cancel("enough");
            results
        }).await;
        let mut seen = vec![0; asked.load(SeqCst) + 1];
        let mut last = None;
        while let Some((n, result)) = results.next().await {
            seen[n] += 1;
            last = Some((n, result.is_err()));
        }
        assert_eq!(last, Some((asked.load(SeqCst), true)));
        assert!(seen.iter().all(|&times| times == 1), "{seen:?}");
    }
}
