//! Merging, flattening, switching and zipping: the group "Merge / flatten / switch".

use anyscope::{
    Limit,
    flow::{self, Flow, KeyedEvent, OneOf2, Source, UnequalLengths},
};
use futures_lite::{
    Stream, StreamExt,
    stream::{self, Boxed},
};
use std::{
    cell::Cell,
    collections::HashMap,
    future::poll_fn,
    pin::{Pin, pin},
    task::Poll,
};
use support::{Gauge, Log, Tracer, behaviour, panic_in, poll_once, simulated, yield_now};

const ONE: Limit = Limit::new(1);
const TWO: Limit = Limit::new(2);
/// Numbers of sources: polled by hand, and with wakers of their own in one chunk and in several.
const SIZES: [usize; 6] = [1, 2, 8, 9, 64, 200];

behaviour! {
    /// Merging with a source that is empty changes nothing, on either side.
    m1_merge_with_empty_is_identity |ex| {
        let _ = &ex;
        for place in [0, 1] {
            let mut sources = vec![slow(0..20), slow(0..0)];
            sources.swap(0, place);
            assert_eq!(all(flow::merge(sources)).await, (0..20).collect::<Vec<_>>());
        }
        let left = all(flow::merge((slow(0..5), stream::empty::<()>()))).await;
        let right = all(flow::merge((stream::empty::<()>(), slow(0..5)))).await;
        assert_eq!(left, (0..5).map(OneOf2::First).collect::<Vec<_>>());
        assert_eq!(right, (0..5).map(OneOf2::Second).collect::<Vec<_>>());
    }

    /// Every item comes once, and those of each source in their order.
    m2_order_of_each_source_is_kept |ex| {
        let _ = &ex;
        for count in SIZES {
            let sources = (0..count).map(|k| slow(100 * k..100 * k + k % 7));
            let mut came = all(flow::merge_all(sources)).await;
            for k in 0..count {
                let of_k: Vec<_> = came.iter().copied().filter(|n| n / 100 == k).collect();
                assert_eq!(of_k, (100 * k..100 * k + k % 7).collect::<Vec<_>>());
            }
            came.sort_unstable();
            let union = (0..count).flat_map(|k| 100 * k..100 * k + k % 7);
            assert_eq!(came, union.collect::<Vec<_>>());
        }
    }

    /// Given k sources that are always ready, then each gives at least floor(N/k) - 1 of any N
    /// items.
    m3_always_ready_sources_take_turns |ex| {
        let _ = &ex;
        for k in SIZES {
            let sources = (0..k).map(|n| stream::repeat(n).boxed());
            let came: Vec<_> = flow::merge_all(sources).into_stream().take(7 * k).collect().await;
            for window in (1..7).flat_map(|n| came.windows(n * k + k / 2)) {
                let mut given = vec![0; k];
                window.iter().for_each(|n| given[*n] += 1);
                let least = *given.iter().min().unwrap();
                assert!(least + 1 >= window.len() / k, "{least} of {} with {k}", window.len());
            }
        }
        let pair = flow::merge((stream::repeat(0), stream::repeat(1))).into_stream();
        let came: Vec<_> = pair.take(10).map(OneOf2::into_inner).collect().await;
        assert_eq!(came, [0, 1].repeat(5));
    }

    /// A biased merge takes from the first source that has an item, also if a later one had it
    /// before.
    m4_biased_merge_takes_the_first |ex| {
        let _ = &ex;
        for k in SIZES {
            let sources = (0..k).map(|n| stream::iter([n, n]));
            let came = all(flow::merge_all(sources).biased()).await;
            assert_eq!(came, (0..k).flat_map(|n| [n, n]).collect::<Vec<_>>());
        }
        for k in [3, 20] {
            let (senders, sources) = channels(k);
            let mut merge = pin!(flow::merge(sources).biased().into_stream());
            assert!(poll_once(pin!(merge.next())).is_pending());
            for n in (0..k).rev() {
                senders[n].try_send(n).unwrap();
            }
            for n in 0..k {
                assert_eq!(merge.next().await, Some(n));
                if n == 1 {
                    senders[0].try_send(0).unwrap();
                    assert_eq!(merge.next().await, Some(0));
                }
            }
            assert!(poll_once(pin!(merge.next())).is_pending());
        }
    }

    /// While the consumer is busy, at most one item of each source is held, and none is lost.
    m5_one_item_of_each_source_is_held |ex| {
        let _ = &ex;
        for k in [2, 20] {
            let taken: Vec<_> = (0..k).map(|_| Cell::new(0)).collect();
            // Each wakes us for its next item at once.
            let sources = (0..k).map(|n| {
                let taken = &taken;
                stream::poll_fn(move |cx| {
                    taken[n].set(taken[n].get() + 1);
                    cx.waker().wake_by_ref();
                    Poll::Ready((taken[n].get() <= 50).then_some((n, taken[n].get())))
                })
            });
            let mut merge = pin!(flow::merge_all(sources).into_stream());
            let mut given = vec![0; k];
            while let Some((n, number)) = merge.next().await {
                given[n] += 1;
                assert_eq!(number, given[n]);
                for _ in 0..3 {
                    go_on(merge.as_mut()).await;
                }
                for n in 0..k {
                    assert!(taken[n].get() <= given[n] + 1);
                }
            }
            assert_eq!(given, vec![50; k]);
        }
    }

    /// A source is not asked for its next item before the one before was consumed.
    m6_next_item_is_not_asked_for_ahead |ex| {
        let _ = &ex;
        for k in [2, 20] {
            let taken = Cell::new(0);
            let source = |_| {
                stream::poll_fn(|_| {
                    taken.set(taken.get() + 1);
                    Poll::Ready(Some(()))
                })
            };
            let mut merge = pin!(flow::merge_all((0..k).map(source)).into_stream());
            for n in 1..100 {
                merge.next().await;
                go_on(merge.as_mut()).await;
                assert_eq!(taken.get(), n);
            }
        }
    }

    /// A merge until any source ends delivers what was taken ahead, and drops the others; so does
    /// one until a certain source ends.
    m7_merge_ends_early |ex| {
        let _ = &ex;
        for (k, one) in [(3, false), (20, false), (3, true), (20, true)] {
            let (log, (senders, sources)) = (Log::new(), channels(k));
            let sources = sources.into_iter().enumerate().map(|(n, source)| {
                let gone = log.on_drop("gone");
                source.map(move |item| {
                    keep(&gone);
                    (n, item)
                })
            });
            let merge = flow::merge_all(sources);
            let merge = if one { merge.until_ends(1) } else { merge.until_any_ends() };
            let mut merge = pin!(merge.into_stream());
            assert!(poll_once(pin!(merge.next())).is_pending());
            if one {
                // That of another source does not count.
                senders[0].close();
                assert!(poll_once(pin!(merge.next())).is_pending());
                assert_eq!(log.events().len(), 1);
            }
            // Taken ahead, and then another one ends.
            senders[k - 1].try_send(7).unwrap();
            go_on(merge.as_mut()).await;
            senders[1].close();
            let mut left = vec![];
            while let Some(item) = merge.next().await {
                left.push(item);
            }
            assert_eq!(left, [(k - 1, 7)]);
            assert_eq!(log.events().len(), k);
        }
    }

    /// Given a source that hangs, then the others flow; and it is dropped with the merge.
    m8_hanging_source_does_not_stop_others |ex| {
        let _ = &ex;
        for k in [2, 20] {
            let log = Log::new();
            let gone = log.on_drop("hanging");
            let hanging = stream::poll_fn(move |_| {
                keep(&gone);
                Poll::<Option<usize>>::Pending
            });
            let mut sources: Vec<_> = (1..k).map(slow_one).collect();
            sources.push(hanging.boxed());
            let came: Vec<_> = flow::merge(sources).into_stream().take(k - 1).collect().await;
            assert_eq!((came.len(), log.events()), (k - 1, vec!["hanging".to_string()]));
        }
    }

    /// Given a source that fails, then the others are dropped before the error is there.
    m10_first_error_drops_the_others |ex| {
        let _ = &ex;
        for k in [2, 20] {
            let log = Log::new();
            let source = |n| {
                let gone = log.on_drop("gone");
                slow(0..n + 2).map(move |item| {
                    keep(&gone);
                    if item == 1 && n == k / 2 { Err("broken") } else { Ok(item) }
                })
            };
            let mut merge = pin!(flow::try_merge((0..k).map(source).collect::<Vec<_>>()).into_stream());
            let error = loop {
                match merge.next().await.expect("an error first") {
                    Ok(_) => assert!(log.events().len() < k),
                    Err(error) => break error,
                }
            };
            assert_eq!((error, log.events().len()), ("broken", k));
            assert!(merge.next().await.is_none());
        }
        let pair = (slow(0..3).map(Ok::<_, u8>), stream::once(Err::<(), _>(7)));
        let came = all(flow::try_merge(pair)).await;
        assert_eq!(came.last(), Some(&Err(7)));
    }

    /// After the end, or an error, no source is polled any more.
    m11_merge_is_fused |ex| {
        let _ = &ex;
        for k in SIZES {
            let polls = Cell::new(0);
            let source = |n: usize| {
                let mut left = n + 1;
                let polls = &polls;
                stream::poll_fn(move |_| {
                    polls.set(polls.get() + 1);
                    assert!(left > 0, "polled after its end");
                    left -= 1;
                    Poll::Ready((left > 0).then_some(Ok::<_, ()>(n)))
                })
            };
            let mut merge = pin!(flow::merge_all((0..k).map(source)).into_stream());
            while merge.next().await.is_some() {}
            let until = polls.get();
            let mut failed = pin!(flow::merge_all((0..k).map(|_| stream::poll_fn(|_| {
                polls.set(polls.get() + 1);
                Poll::Ready(Some(Err::<(), _>(())))
            }))).until_error().into_stream());
            assert_eq!(failed.next().await, Some(Err(())));
            assert_eq!(polls.get(), until + 1);
            for _ in 0..3 {
                assert!(merge.next().await.is_none());
                assert!(failed.next().await.is_none());
                go_on(merge.as_mut()).await;
            }
            assert_eq!(polls.get(), until + 1);
        }
    }

    /// A source that ends because its own work was cancelled ends only itself.
    m12_cancelled_source_ends_only_itself |ex| {
        let _ = &ex;
        for k in [2, 20] {
            let (senders, sources) = channels(k);
            let mut merge = pin!(flow::merge(sources).into_stream());
            senders[1].try_send(1).unwrap();
            assert_eq!(merge.next().await, Some(1));
            senders[1].close();
            for n in (0..k).filter(|n| *n != 1) {
                senders[n].try_send(n).unwrap();
                assert_eq!(merge.next().await, Some(n));
            }
            drop(senders);
            assert_eq!(merge.next().await, None);
        }
    }

    /// A panic of one source goes through; the others may be polled on, and it is gone.
    panic_of_a_source_leaves_the_others |ex| {
        let _ = &ex;
        for k in [2, 20] {
            let tracer = Tracer::new();
            let source = |n| {
                let alive = tracer.trace(std::future::ready(()));
                let mut polled = 0;
                stream::poll_fn(move |_| {
                    keep(&alive);
                    polled += 1;
                    if n == 1 {
                        std::panic::resume_unwind(Box::new("broken"));
                    }
                    Poll::Ready((polled < 3).then_some(n))
                })
            };
            let mut merge = pin!(flow::merge_all((0..k).map(source)).into_stream());
            assert_eq!(poll_once(pin!(merge.next())), Poll::Ready(Some(0)));
            panic_in(|| _ = poll_once(pin!(merge.next())));
            assert_eq!(tracer.alive(), k - 1);
            assert_eq!(merge.count().await, 2 * (k - 1) - 1);
        }
    }

    /// A half-read source of a merge goes on while the consumer has no room: a lock that it holds
    /// is needed by the work.
    half_read_source_goes_on_at_the_limit |ex| {
        let _ = &ex;
        for k in [2, 20] {
            let (lock, done) = (smol::lock::Mutex::new(()), Cell::new(0));
            let mut sources = vec![holding(&lock, 100).boxed_local()];
            sources.extend((1..k).map(|n| stream::once(n).boxed_local()));
            let work = |_| async {
                drop(lock.lock().await);
                done.set(done.get() + 1);
            };
            flow::merge(sources).for_each_concurrent(ONE, work).await;
            assert_eq!(done.replace(0), k);

            let inner = [holding(&lock, 1).boxed_local(), stream::once(2).boxed_local()];
            flow::iter(inner).flatten(TWO).for_each_concurrent(ONE, work).await;
            assert_eq!(done.get(), 2);
        }
    }

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

    /// A zip stops at the end of the shorter one, and does not ask the other again; an item that
    /// was waiting for its partner is given back.
    m23_zip_stops_at_the_shortest |ex| {
        let _ = &ex;
        for (short, long) in [(0, 5), (3, 4), (3, 3)] {
            let taken = Cell::new(0);
            let counted = || flow::iter((0..long).inspect(|_| taken.set(taken.get() + 1)));
            let came = all(flow::stream(slow(0..short)).zip(counted())).await;
            assert_eq!(came, (0..short).map(|n| (n, n)).collect::<Vec<_>>());
            assert!(taken.replace(0) <= short + 1);
            let came = all(counted().zip(slow(0..short))).await;
            assert_eq!(came.len(), short);
            assert!(taken.get() <= (short + 1).min(long));
        }
        let taken = Cell::new(0);
        let counted = flow::iter((0..9).inspect(|_| taken.set(taken.get() + 1)));
        assert_eq!(all(flow::iter([1, 2]).zip(counted)).await.len(), 2);
        assert_eq!(taken.get(), 2);
        let mut zip = flow::stream(slow(0..1)).zip(flow::iter(5..9)).into_stream();
        assert_eq!(zip.next().await, Some((0, 5)));
        assert_eq!(zip.next().await, None);
        assert_eq!(zip.next().await, None);
        let parts = zip.into_parts();
        assert_eq!(parts.waiting.into_iter().map(OneOf2::into_inner).chain(all(flow::source(parts.two)).await).collect::<Vec<_>>(), [6, 7, 8]);
    }

    /// A strict zip of unequal lengths ends with an error, which has the item that is left.
    m23_strict_zip_fails_on_unequal_lengths |ex| {
        let _ = &ex;
        let zip = |one, two| all(flow::stream(slow(0..one)).zip_strict(slow(0..two)));
        assert_eq!(zip(3, 3).await, [Ok((0, 0)), Ok((1, 1)), Ok((2, 2))]);
        assert!(zip(0, 0).await.is_empty());
        for (one, two) in [(0, 1), (1, 0), (2, 9), (9, 2)] {
            let mut came = zip(one, two).await;
            let Some(Err(UnequalLengths { pairs, left, .. })) = came.pop() else { panic!("{came:?}") };
            let longer = if one < two { OneOf2::Second(one) } else { OneOf2::First(two) };
            assert_eq!((pairs, left, came.len()), (one.min(two), longer, one.min(two)));
        }
    }

    /// Given one source that is ready among ten thousand that are not, then an item costs O(1)
    /// polls.
    m24_one_among_many_costs_one_poll |ex| {
        let _ = &ex;
        const MANY: usize = 10_000;
        let (polls, (senders, sources)) = (Cell::new(0), channels(MANY));
        let counted = |mut source: Boxed<usize>| {
            let polls = &polls;
            stream::poll_fn(move |cx| {
                polls.set(polls.get() + 1);
                source.poll_next(cx)
            })
        };
        let mut merge = pin!(flow::merge_all(sources.into_iter().map(counted)).into_stream());
        // The first polls go through all of them, 64 at a time.
        while polls.get() < MANY {
            assert!(poll_once(pin!(merge.next())).is_pending());
        }
        assert!(poll_once(pin!(merge.next())).is_pending());
        assert_eq!(polls.replace(0), MANY);
        for n in 0..100 {
            senders[97 * n].try_send(n).unwrap();
            assert_eq!(merge.next().await, Some(n));
            assert!(poll_once(pin!(merge.next())).is_pending());
        }
        assert_eq!(polls.get(), 200);
    }

    /// Sources come and go by key while they are merged, and each that goes is an event.
    keyed_sources_come_and_go |ex| {
        let _ = &ex;
        let (feeds, merge) = flow::merge_keyed();
        let mut merge = pin!(merge.into_stream());
        let mut next = async || format_event(merge.next().await);
        let (senders, mut sources) = channels(3);
        feeds.insert("c", sources.pop().unwrap()).unwrap();
        feeds.insert("b", sources.pop().unwrap()).unwrap();
        feeds.insert("a", sources.pop().unwrap()).unwrap();
        senders[1].try_send(1).unwrap();
        assert_eq!(next().await, "b: 1");
        // One that is taken is refused.
        feeds.insert("b", stream::once(9).boxed()).unwrap();
        assert_eq!(next().await, "b refused");
        feeds.replace("a", stream::once(7).boxed()).unwrap();
        assert_eq!(next().await, "a replaced");
        assert!(senders[0].is_closed());
        assert_eq!(next().await, "a: 7");
        assert_eq!(next().await, "a ended");
        feeds.insert("a", stream::once(8).boxed()).unwrap();
        assert_eq!(next().await, "a: 8");
        assert_eq!(next().await, "a ended");
        // What is not there cannot be removed.
        feeds.remove("a");
        feeds.remove("b");
        assert_eq!(next().await, "b removed");
        assert!(senders[1].is_closed());
        drop(feeds.clone());
        drop(feeds);
        senders[2].try_send(3).unwrap();
        assert_eq!(next().await, "c: 3");
        senders[2].close();
        assert_eq!(next().await, "c ended");
        assert_eq!(next().await, "end");
    }

    /// Without a source a keyed merge waits for its handles, from other tasks too; when the last
    /// one is gone it ends.
    keyed_merge_waits_for_its_handles |ex| {
        let (feeds, merge) = flow::merge_keyed::<usize, flow::sources::FromStream<Boxed<usize>>>();
        let mut merge = pin!(merge.into_stream());
        assert!(poll_once(pin!(merge.next())).is_pending());
        let came = anyscope::scope(&ex, async |s| {
            for n in 0..8 {
                let feeds = feeds.clone();
                let feed = async move {
                    for round in 0..20 {
                        yield_now().await;
                        feeds.insert(n, slow(0..round).boxed()).unwrap();
                        yield_now().await;
                        feeds.remove(n);
                    }
                };
                drop(s.spawn(feed));
            }
            drop(feeds);
            let mut open = HashMap::new();
            let mut opened = 0;
            while let Some(event) = merge.next().await {
                let key = *event.key();
                match event {
                    KeyedEvent::Item(_, item) => {
                        let next = open.entry(key).or_insert_with(|| {
                            opened += 1;
                            0
                        });
                        assert_eq!(item, *next);
                        *next += 1;
                    }
                    KeyedEvent::Ended(_) | KeyedEvent::Removed(_) => drop(open.remove(&key)),
                    KeyedEvent::Refused(..) => panic!("each was removed before"),
                    KeyedEvent::Replaced(_) => unreachable!(),
                }
            }
            assert!(open.is_empty());
            true
        });
        assert!(came.await);
    }

    /// A keyed merge that is gone refuses sources, and gives back what it had.
    keyed_merge_gives_back_what_it_has |ex| {
        let _ = &ex;
        let (feeds, merge) = flow::merge_keyed();
        let mut merge = merge.into_stream();
        feeds.insert(1, stream::once(1).boxed()).unwrap();
        assert_eq!(format_event(merge.next().await), "1: 1");
        feeds.insert(2, stream::once(2).boxed()).unwrap();
        feeds.insert(2, stream::once(3).boxed()).unwrap();
        let mut keys: Vec<_> = merge.into_parts().into_iter().map(|(key, _)| key).collect();
        keys.sort_unstable();
        assert_eq!(keys, [1, 2, 2]);
        assert!(feeds.is_closed());
        let refused = feeds.insert(4, stream::once(4).boxed()).unwrap_err();
        assert_eq!(all(flow::source(refused.0)).await, [4]);
    }

    /// Nothing is lost when a merge is taken apart: what sources have taken ahead is in them.
    merge_is_taken_apart_without_loss |ex| {
        let _ = &ex;
        for k in [3, 20] {
            let (senders, sources) = channels(k);
            let mut merge = flow::merge(sources).into_stream();
            assert!(poll_once(pin!(merge.next())).is_pending());
            for (n, sender) in senders.iter().enumerate() {
                sender.try_send(n).unwrap();
            }
            go_on(Pin::new(&mut merge)).await;
            let mut left: Vec<_> =
                merge.into_parts().into_iter().filter_map(|source| source.into_parts().1).collect();
            left.sort_unstable();
            assert_eq!(left, (0..k).collect::<Vec<_>>());
        }
    }
}

simulated! {
    /// Items of two sources come when they come.
    v17_marble_merge |sim| {
        let sources = [sim.marble("a-c--f-|"), sim.marble("-b-de-g|")];
        assert_eq!(sim.draw(flow::merge(sources).into_stream()).await, "abcdefg|");
        // The same with wakers of their own.
        let mut sources = vec![sim.marble("a-c--f-|"), sim.marble("-b-de-g|")];
        sources.extend((0..10).map(|_| sim.marble("--|")));
        assert_eq!(sim.draw(flow::merge(sources).into_stream()).await, "abcdefg|");
    }

    /// A merge until any ends, drawn.
    m7_marble_until_any_ends |sim| {
        let sources = [sim.marble("a-c--f-|"), sim.marble("-b-|")];
        let merge = flow::merge(sources).until_any_ends();
        assert_eq!(sim.draw(merge.into_stream()).await, "abc|");
    }

    /// A flatten of two at a time, drawn.
    m13_marble_flatten |sim| {
        let outer = sim.marble("ABC|");
        let open = |name| match name {
            'A' => sim.marble("a--a|"),
            'B' => sim.marble("-b---b|"),
            _ => sim.marble("c--c|"),
        };
        let flow = flow::stream(outer).flat_map(TWO, open);
        // C is asked for when A has ended, in second 4, and takes a second to come.
        assert_eq!(sim.draw(flow.into_stream()).await, "a-ba-cb-c|");
    }

    /// A switch, drawn.
    m21_marble_switch |sim| {
        let outer = sim.marble("A---B---|");
        let open = |name| match name {
            'A' => sim.marble("a-a-a-a-a|"),
            _ => sim.marble("b---b---b|"),
        };
        let flow = flow::stream(outer).switch_map(open);
        assert_eq!(sim.draw(flow.into_stream()).await, "a-a-b---b---b|");
    }

    /// A zip, drawn.
    m23_marble_zip |sim| {
        let pairs = flow::stream(sim.marble("a--b--c--d--|")).zip(sim.marble("1-2-----3|"));
        // Each waits for its partner before it is asked for more.
        let drawn = pairs.into_stream().map(|(letter, number)| format!("<{letter}{number}>"));
        assert_eq!(sim.draw(drawn).await, "<a1>--<b2>-----<c3>|");
    }
}

/// All items of a flow.
async fn all<S: Source>(flow: Flow<S>) -> Vec<S::Item> {
    flow.into_stream().collect().await
}

/// Lets a flow go on as an operation at its limit does.
async fn go_on<S: Source>(mut source: Pin<&mut S>) {
    poll_fn(|cx| {
        let _ = source.as_mut().poll_progress(cx);
        Poll::Ready(())
    })
    .await
}

/// Numbers, which take their time.
fn slow(numbers: std::ops::Range<usize>) -> Boxed<usize> {
    let steps = stream::unfold(numbers, |mut numbers| async move {
        let next = numbers.next()?;
        for _ in 0..next % 3 {
            yield_now().await;
        }
        Some((next, numbers))
    });
    steps.boxed()
}

fn slow_one(n: usize) -> Boxed<usize> {
    slow(n..n + 1)
}

type Sender = smol::channel::Sender<usize>;

/// Sources that are fed by hand.
fn channels(count: usize) -> (Vec<Sender>, Vec<Boxed<usize>>) {
    let pairs = (0..count).map(|_| {
        let (sender, receiver) = smol::channel::unbounded();
        (sender, receiver.boxed())
    });
    pairs.unzip()
}

/// A stream that holds a lock while it is read.
fn holding(lock: &smol::lock::Mutex<()>, item: usize) -> impl Stream<Item = usize> {
    stream::once_future(async move {
        let _held = lock.lock().await;
        for _ in 0..5 {
            yield_now().await;
        }
        item
    })
}

fn format_event<S>(event: Option<KeyedEvent<impl std::fmt::Display, usize, S>>) -> String {
    match event {
        None => "end".into(),
        Some(KeyedEvent::Item(key, item)) => format!("{key}: {item}"),
        Some(KeyedEvent::Ended(key)) => format!("{key} ended"),
        Some(KeyedEvent::Removed(key)) => format!("{key} removed"),
        Some(KeyedEvent::Replaced(key)) => format!("{key} replaced"),
        Some(KeyedEvent::Refused(key, _)) => format!("{key} refused"),
    }
}

/// Makes a closure own what is dropped with it.
fn keep<T>(_: &T) {}
