//! Merging: the group "Merge / flatten / switch".

mod flatten;
mod keyed;
mod marbles;
mod sources;
mod zip;

use anyscope::{
    Limit,
    flow::{self, OneOf2},
};
use futures_lite::{
    StreamExt,
    stream::{self, Boxed},
};
use sources::{all, channels, go_on, holding, keep, slow, slow_one};
use std::{
    cell::Cell,
    pin::{Pin, pin},
    task::Poll,
};
use support::{Log, Tracer, behaviour, panic_in, poll_once};

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
