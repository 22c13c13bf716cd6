//! Maps and sets as flows.

use crate::{after, when};
use anyscope::{FutureMap, FutureSet, scope};
use std::future::pending;
use support::{Log, SECOND, Signal, Stopwatch, Tracer, behaviour, until, yield_now};

behaviour! {
    /// Given futures that end in another order, then their outputs come in order of completion,
    /// each with its own key.
    w11_as_completed_yields_in_order_of_completion |_ex| {
        let mut map = FutureMap::new();
        let mut set = FutureSet::new();
        for (key, yields) in [("c", 2), ("a", 0), ("d", 3), ("b", 1)] {
            map.insert(key, after(yields, yields)).unwrap();
            set.push(after(yields, yields));
        }
        let keys = map.as_completed().collect::<Vec<_>>().await;
        assert_eq!(keys, [("a", 0), ("b", 1), ("c", 2), ("d", 3)]);
        assert_eq!(set.as_completed().collect::<Vec<_>>().await, [0, 1, 2, 3]);
    }

    /// Given a consumer that leaves early, then the rest is dropped before the flow is gone.
    w12_leaving_early_drops_the_rest |_ex| {
        let traced = Tracer::new();
        let mut set = FutureSet::new();
        for n in 0..10 {
            set.push(traced.trace(after(n, n)));
        }
        let first = set.as_completed().take(3).collect::<Vec<_>>().await;
        assert_eq!((first, traced.alive()), (vec![0, 1, 2], 0));
    }

    /// The same with children of a scope: it waits for what the rest does.
    w12_leaving_early_waits_for_cancelled_children |ex| {
        let log = Log::new();
        scope(&ex, async |s| {
            let mut map = FutureMap::new();
            for n in 0..3 {
                let (turn, gone) = (yields_or_never(n), log.on_drop("gone"));
                let child = s.spawn(async move {
                    let _gone = gone;
                    turn.await;
                });
                map.insert(n, async move { child.value().await }).unwrap();
            }
            let mut completed = map.as_completed().into_stream();
            let first = futures_lite::StreamExt::next(&mut completed).await;
            assert_eq!(first, Some((0, ())));
            drop(completed);
            s.cancel("left");
        })
        .await;
        assert_eq!(log.events(), ["gone"; 3]);
    }

    /// Given a consumer that takes its time, then the futures run on meanwhile.
    w11_futures_run_while_the_consumer_is_busy with virtual_time |ex| {
        let watch = Stopwatch::start(ex.clone());
        let mut map = FutureMap::new();
        for n in 1..=3 {
            let (first, second) = (ex.clone(), ex.clone());
            map.insert(n, async move {
                first.sleep(n * SECOND).await;
                second.sleep(n * SECOND).await;
            })
            .unwrap();
        }
        let mut seen = 0;
        map.as_completed()
            .drive(async |mut completed| {
                while completed.next().await.is_some() {
                    ex.sleep(5 * SECOND).await;
                    seen += 1;
                }
            })
            .await;
        // The first after 2 seconds, and then five for each.
        assert_eq!((seen, watch.elapsed()), (3, 17 * SECOND));
    }

    /// Given a handle, when futures are added while the flow is consumed, then they come too, also
    /// after nothing was left for a moment; the flow ends with the last handle.
    w13_futures_are_added_while_the_flow_runs |ex| {
        scope(&ex, async |s| {
            let mut map = FutureMap::new();
            let handle = map.handle();
            map.insert(0, after(1, 0)).unwrap();
            let log = Log::new();
            let consumed = log.clone();
            s.spawn(async move {
                map.as_completed()
                    .for_each(|(key, value)| {
                        assert_eq!(key, value);
                        consumed.add(key.to_string());
                        std::future::ready(())
                    })
                    .await;
                consumed.add("end");
            });
            for n in 1..4 {
                until(|| log.events().len() == n).await;
                (0..3).for_each(|_| assert_eq!(log.events().len(), n));
                handle.clone().insert(n, after(n, n)).unwrap();
            }
            until(|| log.events().len() == 4).await;
            yield_now().await;
            assert_eq!(log.events().len(), 4);
            drop(handle);
            until(|| log.events().len() == 5).await;
            assert_eq!(log.events(), ["0", "1", "2", "3", "end"]);
        })
        .await;
    }

    /// Given a consumer that has a handle itself, then `close` ends the flow once it is empty, and
    /// what was added before comes.
    w13_close_ends_the_flow |_ex| {
        let mut set = FutureSet::new();
        let handle = set.handle();
        handle.push(after(2, 1)).unwrap();
        let mut sum = 0;
        set.as_completed()
            .drive(async |mut completed| {
                while let Some(n) = completed.next().await {
                    sum += n;
                    match n {
                        1 => handle.push(after(1, 10)).unwrap(),
                        _ => handle.close(),
                    }
                    if n == 10 {
                        assert!(handle.is_closed() && handle.push(after(0, 100)).is_err());
                    }
                }
            })
            .await;
        assert_eq!(sum, 11);
    }

    /// Given a flow of an empty map, then it ends at once, and again.
    w4_as_completed_of_nothing_is_empty |_ex| {
        let map = FutureMap::<u8, std::future::Ready<u8>>::new();
        let mut empty = map.as_completed().into_stream();
        for _ in 0..3 {
            assert_eq!(futures_lite::StreamExt::next(&mut empty).await, None);
        }
    }
}

/// Ends at once for 0, or else never.
async fn yields_or_never(n: usize) {
    match n {
        0 => yield_now().await,
        _ => pending().await,
    }
}

behaviour! {
    /// Given an output that waits in the map while the consumer is busy, when a signal follows,
    /// then nothing is lost.
    w11_what_is_done_early_comes_later |_ex| {
        let go = Signal::new();
        let mut set = FutureSet::new();
        set.push(when(&go, 0));
        (1..5).for_each(|n| set.push(after(n, n)));
        let mut all = Vec::new();
        set.as_completed()
            .drive(async |mut completed| {
                while let Some(n) = completed.next().await {
                    support::yields(10).await;
                    all.push(n);
                    if n == 4 {
                        go.fire();
                    }
                }
            })
            .await;
        assert_eq!(all, [1, 2, 3, 4, 0]);
    }
}
