//! Flows of flows: flattened, or the latest of them.

use super::{
    ONE, TWO,
    sources::{all, channels, go_on, keep, slow},
};
use anyscope::{Limit, flow};
use futures_lite::{
    StreamExt,
    stream::{self, Boxed},
};
use std::{cell::Cell, pin::pin, task::Poll};
use support::{Gauge, Log, behaviour, poll_once};

behaviour! {
    /// Given a limit n, then n inner flows are open at once, and never more.
    m13_flatten_holds_its_limit |ex| {
        let _ = &ex;
        for limit in [1, 3, 70] {
            let gauge = Gauge::new();
            let open = |n: usize| {
                let inside = gauge.enter();
                slow(0..n % 5).map(move |item| {
                    keep(&inside);
                    (n, item)
                })
            };
            let flow = flow::iter(0..200).flat_map(Limit::new(limit), open);
            let mut came = all(flow).await;
            assert_eq!((gauge.peak(), gauge.now()), (limit, 0));
            came.sort_unstable();
            let union = (0..200).flat_map(|n| (0..n % 5).map(move |item| (n, item)));
            assert_eq!(came, union.collect::<Vec<_>>());
        }
    }

    /// At the limit the outer flow is not asked, so that no inner one waits to be started.
    m14_flatten_does_not_pull_at_the_limit |ex| {
        let _ = &ex;
        let (taken, (senders, sources)) = (Cell::new(0), channels(4));
        let outer = flow::iter(sources.into_iter().inspect(|_| taken.set(taken.get() + 1)));
        let mut flow = pin!(outer.flatten(TWO).into_stream());
        assert!(poll_once(pin!(flow.next())).is_pending());
        senders[0].try_send(1).unwrap();
        assert_eq!(flow.next().await, Some(1));
        go_on(flow.as_mut()).await;
        assert_eq!((taken.get(), flow.open()), (2, 2));
        senders[0].close();
        assert!(poll_once(pin!(flow.next())).is_pending());
        assert_eq!((taken.get(), flow.open()), (3, 2));
        drop(senders);
        assert_eq!(flow.next().await, None);
        assert_eq!(taken.get(), 4);
    }

    /// When the outer flow has ended, the inner ones run to their end.
    m16_inner_flows_outlive_the_outer |ex| {
        let _ = &ex;
        let (log, (senders, sources)) = (Log::new(), channels(3));
        let gone = log.on_drop("outer");
        let outer = sources.into_iter().inspect(move |_| keep(&gone));
        let mut flow = pin!(flow::iter(outer).flatten(Limit::Unbounded).into_stream());
        assert!(poll_once(pin!(flow.next())).is_pending());
        assert_eq!(log.events(), ["outer"]);
        for (n, sender) in senders.iter().enumerate() {
            sender.try_send(n).unwrap();
            assert_eq!(flow.next().await, Some(n));
        }
        drop(senders);
        assert_eq!(flow.next().await, None);
    }

    /// Given an outer flow that fails, then that is noticed when there is room for another inner
    /// one, and all that is open is dropped before the error is there.
    m17_error_of_the_outer_flow_ends_all |ex| {
        let _ = &ex;
        let log = Log::new();
        let (senders, sources) = channels(2);
        let inner = sources.into_iter().map(|source| {
            let gone = log.on_drop("inner");
            Ok(source.map(move |item| {
                keep(&gone);
                Ok(item)
            }))
        });
        let outer = flow::iter(inner.chain([Err("broken")]));
        let mut flow = pin!(outer.try_flatten(TWO).into_stream());
        assert!(poll_once(pin!(flow.next())).is_pending());
        senders[0].try_send(7).unwrap();
        assert_eq!(flow.next().await, Some(Ok(7)));
        senders[0].close();
        assert_eq!(flow.next().await, Some(Err("broken")));
        assert_eq!(log.events(), ["inner", "inner"]);
        assert_eq!(flow.next().await, None);
    }

    /// Given a limit of one, then it is concatenation: one is asked for when the one before has
    /// ended, and nothing happens before it is asked for an item.
    m19_flatten_of_one_is_concatenation |ex| {
        let _ = &ex;
        let log = Log::new();
        let open = |n: usize| {
            log.add(format!("open {n}"));
            let closed = log.on_drop(&format!("close {n}"));
            slow(0..2).map(move |item| {
                keep(&closed);
                10 * n + item
            })
        };
        let mut flow = pin!(flow::iter(0..3).flat_map(ONE, open).into_stream());
        go_on(flow.as_mut()).await;
        assert!(log.events().is_empty());
        for n in [0, 1, 10, 11, 20, 21] {
            assert_eq!(flow.next().await, Some(n));
            go_on(flow.as_mut()).await;
            log.add(format!("item {n}"));
        }
        assert_eq!(flow.next().await, None);
        let one = |n: usize| {
            let items = [10 * n, 10 * n + 1].map(|n| format!("item {n}"));
            let [first, second] = items;
            [format!("open {n}"), first, second, format!("close {n}")]
        };
        assert_eq!(log.events(), (0..3).flat_map(one).collect::<Vec<_>>());
    }

    /// Without sources, all of them end at once.
    m20_nothing_ends_at_once |ex| {
        let _ = &ex;
        let none = || Vec::<Boxed<()>>::new();
        assert_eq!(poll_once(pin!(all(flow::merge(none())))), Poll::Ready(vec![]));
        assert_eq!(poll_once(pin!(all(flow::merge_all(none()).until_any_ends()))), Poll::Ready(vec![]));
        assert_eq!(poll_once(pin!(all(flow::merge::<[Boxed<()>; 0]>([])))), Poll::Ready(vec![]));
        assert_eq!(poll_once(pin!(all(flow::iter(none()).flatten(TWO)))), Poll::Ready(vec![]));
        assert_eq!(poll_once(pin!(all(flow::iter(none()).switch()))), Poll::Ready(vec![]));
        let (keys, merge) = flow::merge_keyed::<u8, flow::sources::FromStream<Boxed<()>>>();
        drop(keys);
        assert!(poll_once(pin!(all(merge))).is_ready());
    }

    /// The inner flow before is gone when the next one is first polled.
    m21_switch_drops_before_it_polls |ex| {
        let _ = &ex;
        let (log, (senders, outer)) = (Log::new(), smol::channel::unbounded());
        let open = |n: usize| {
            let (log, closed) = (log.clone(), log.on_drop(&format!("drop {n}")));
            stream::poll_fn(move |_| {
                keep(&closed);
                log.add(format!("poll {n}"));
                Poll::<Option<()>>::Pending
            })
        };
        let mut flow = pin!(flow::stream(outer).switch_map(open).into_stream());
        for n in 0..3 {
            senders.try_send(n).unwrap();
            assert!(poll_once(pin!(flow.next())).is_pending());
        }
        let events = ["poll 0", "drop 0", "poll 1", "drop 1", "poll 2"];
        assert_eq!(log.events(), events);
    }

    /// When the outer flow ends, the last inner one goes on; when an inner one ends, the outer one
    /// is waited for.
    m22_switch_ends_with_the_last |ex| {
        let _ = &ex;
        let (outer_end, outer) = smol::channel::unbounded();
        let (inner_end, inner) = smol::channel::unbounded();
        let mut flow = pin!(flow::stream(outer).switch().into_stream());
        outer_end.try_send(stream::once(1).boxed()).unwrap();
        assert_eq!(flow.next().await, Some(1));
        assert!(poll_once(pin!(flow.next())).is_pending());
        outer_end.try_send(inner.boxed()).unwrap();
        outer_end.close();
        assert!(poll_once(pin!(flow.next())).is_pending());
        inner_end.try_send(2).unwrap();
        assert_eq!(flow.next().await, Some(2));
        inner_end.close();
        assert_eq!(flow.next().await, None);
    }

    /// An outer flow that is always ready does not hold the task, nor starve the inner ones.
    switch_with_an_endless_outer_flow_yields |ex| {
        let _ = &ex;
        let endless = flow::iter(0..).switch_map(|n| stream::once(n).boxed());
        let came: Vec<_> = endless.into_stream().take(3).collect().await;
        assert!(came.windows(2).all(|two| two[0] < two[1]));
    }
}
