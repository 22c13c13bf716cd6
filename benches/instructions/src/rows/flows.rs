//! Flows: maps and merges.

use super::Rows;
use crate::{
    meter::counted,
    own::{self},
    work::{Arrival, Hand, Source, Task, Yields},
};
use futures_buffered::{BufferedStreamExt, MergeBounded};
use futures_concurrency::stream::Merge;
use futures_util::{Stream, StreamExt, stream};
use std::{
    cell::Cell,
    pin::pin,
    task::{Context, Poll, Waker},
};
use tokio_stream::StreamMap;

pub(super) const LIMITS: [usize; 2] = [10, 100];

/// How many items a flow has.
pub(super) const ITEMS: usize = 10_000;

pub(super) fn maps(rows: &mut Rows, name: &str, work: impl Copy + Fn(usize) -> Yields + 'static) {
    for limit in LIMITS {
        let then = move || summed(|| stream::iter(0..ITEMS).then(work));
        let mapped = move || stream::iter(0..ITEMS).map(work);
        rows.path(format!("map/ordered/{name}/{limit}"))
            .floor(then)
            .own(move || summed(|| own::map(ITEMS, limit, work)))
            .peer("futures-buffered buffered_ordered", move || {
                summed(|| mapped().buffered_ordered(limit));
            })
            .peer("futures-util buffered", move || summed(|| mapped().buffered(limit)));
        rows.path(format!("map/unordered/{name}/{limit}"))
            .floor(then)
            .own(move || summed(|| own::map_unordered(ITEMS, limit, work)))
            .peer("futures-buffered buffered_unordered", move || {
                summed(|| mapped().buffered_unordered(limit));
            })
            .peer("futures-util buffer_unordered", move || {
                summed(|| mapped().buffer_unordered(limit));
            });
        rows.path(format!("for_each/{name}/{limit}"))
            .floor(then)
            .own(move || {
                adding(async |sum| {
                    own::for_each(ITEMS, limit, async |n| add(sum, work(n).await)).await;
                });
            })
            .peer("futures-buffered for_each_concurrent", move || {
                adding(async |sum| {
                    let each = async |n| add(sum, work(n).await);
                    let items = stream::iter(0..ITEMS);
                    BufferedStreamExt::for_each_concurrent(items, limit, each).await;
                });
            })
            .peer("futures-util for_each_concurrent", move || {
                adding(async |sum| {
                    let each = async |n| add(sum, work(n).await);
                    let items = stream::iter(0..ITEMS);
                    StreamExt::for_each_concurrent(items, limit, each).await;
                });
            });
    }
}

/// A stream of outputs.
fn summed<S: Stream<Item = u64>>(new: impl Fn() -> S) {
    let task = Task::new();
    counted(ITEMS, || task.drain(pin!(new()), usize::MAX, || ()));
}

/// An operation that adds the outputs up itself.
fn adding(new: impl AsyncFn(&Cell<u64>)) {
    let task = Task::new();
    counted(ITEMS, || {
        let sum = Cell::new(0);
        task.run(new(&sum), || ());
        sum.get()
    });
}

fn add(sum: &Cell<u64>, output: u64) {
    sum.set(sum.get().wrapping_add(output));
}

/// How many items of a merge are a round.
const MERGED: usize = 4096;

/// Merges that never end; building them does not count.
pub(super) fn merges<A: Arrival>(rows: &mut Rows, name: &str) {
    let floor = |k| move || if A::BURSTS { round_robin::<A>(k) } else { woken::<A>(k) };
    rows.path(format!("merge/array/{name}/2"))
        .floor(floor(2))
        .own(|| merge::<A, _>(2, |sources| own::merge_pair(two(sources))))
        .peer("tokio-stream merge", || {
            merge::<A, _>(2, |sources| {
                let [a, b] = two(sources);
                tokio_stream::StreamExt::merge(a, b)
            });
        })
        .peer("futures-util select", || {
            merge::<A, _>(2, |sources| {
                let [a, b] = two(sources);
                stream::select(a, b)
            });
        });
    for k in [2, 16, 256] {
        rows.path(format!("merge/all/{name}/{k}"))
            .floor(floor(k))
            .own(move || merge::<A, _>(k, own::merge_all));
        merge_peers::<A>(rows, k);
        rows.path(format!("merge/StreamSet/{name}/{k}"))
            .floor(floor(k))
            .own(move || merge::<A, _>(k, own::stream_set));
    }
}

fn merge_peers<A: Arrival>(rows: &mut Rows, k: usize) {
    rows.peer("futures-buffered MergeBounded", move || {
        merge::<A, _>(k, MergeBounded::from_iter);
    })
    .peer("tokio-stream StreamMap", move || {
        merge::<A, _>(k, |sources| {
            let mut map = StreamMap::new();
            for (key, source) in sources.into_iter().enumerate() {
                map.insert(key, source);
            }
            StreamExt::map(map, |(_, item)| item)
        });
    })
    .peer("futures-concurrency Vec::merge", move || {
        merge::<A, _>(k, Merge::merge);
    });
}

fn two<S>(sources: Vec<S>) -> [S; 2] {
    let Ok(two) = <[_; 2]>::try_from(sources) else { panic!("not two") };
    two
}

fn merge<A: Arrival, S: Stream<Item = u64>>(k: usize, new: impl Fn(Vec<Source<A>>) -> S) {
    let task = Task::new();
    let mut hand = Hand::new(k);
    let mut merge = pin!(new(hand.sources()));
    let mut drain = |items| task.drain(merge.as_mut(), items, || _ = hand.give::<A>());
    // All are polled once.
    drain(1);
    counted(MERGED, || drain(MERGED));
}

fn round_robin<A: Arrival>(k: usize) {
    const BURST: usize = 4;
    let cx = &mut Context::from_waker(Waker::noop());
    let mut hand = Hand::new(k);
    let mut sources = hand.sources::<A>();
    counted(MERGED, || {
        let mut sum = 0_u64;
        for _ in 0..MERGED / (k * BURST) {
            hand.give::<A>();
            for polls in 0..=BURST {
                for source in &mut sources {
                    match source.poll_next_unpin(cx) {
                        Poll::Ready(item) => sum = sum.wrapping_add(item.unwrap()),
                        Poll::Pending => assert_eq!(polls, BURST),
                    }
                }
            }
        }
        sum
    });
}

fn woken<A: Arrival>(k: usize) {
    let cx = &mut Context::from_waker(Waker::noop());
    let mut hand = Hand::new(k);
    let mut sources = hand.sources::<A>();
    for source in &mut sources {
        assert!(source.poll_next_unpin(cx).is_pending());
    }
    counted(MERGED, || {
        let mut sum = 0_u64;
        for _ in 0..MERGED {
            let given = hand.give::<A>();
            if let Poll::Ready(item) = sources[given].poll_next_unpin(cx) {
                sum = sum.wrapping_add(item.unwrap());
            }
            assert!(sources[given].poll_next_unpin(cx).is_pending());
        }
        sum
    });
}
