//! Sets, what is done with one, and waits for it.

use super::{
    Rows,
    peers::{in_turn, join_set, runtime},
};
use crate::{
    by_hand::ByHand,
    meter::{counted, counted_in_task, part_counted},
    own::{self},
    work::{Child, Kind, Never, Task, Yields, children, forget, parked, wake},
};
use anyscope::BlockOn;
use futures_util::{Stream, StreamExt, stream};
use std::{
    future::Future,
    hint::black_box,
    pin::{Pin, pin},
    task::{Context, Poll, Waker},
};

/// A child's whole life: pushing it, polling it, its output, and its share of the set.
pub(super) fn sets<K: Kind>(rows: &mut Rows, name: &str, sizes: &[usize]) {
    for &n in sizes {
        rows.path(format!("set/{name}/{n}"))
            .floor(move || set_by_hand::<K>(n))
            .own(move || set::<K, _>(n, |n| own::future_set(children::<K>(n))))
            .peer("futures-buffered FuturesUnorderedBounded", move || {
                set::<K, _>(n, buffered_bounded::<K>);
            })
            .peer("futures-buffered FuturesUnordered", move || {
                set::<K, _>(n, buffered_unordered::<K>)
            })
            .peer("futures-util FuturesUnordered", move || set::<K, _>(n, util_unordered::<K>));
    }
}

fn set<K: Kind, S: Stream<Item = u64>>(n: usize, new: impl Fn(usize) -> S) {
    let task = Task::new();
    counted(n, || task.drain(pin!(new(n)), usize::MAX, || wake::<K>(|_| {})));
}

fn set_by_hand<K: Kind>(n: usize) {
    let cx = &mut Context::from_waker(Waker::noop());
    counted(n, || {
        let mut children: Vec<_> = children::<K>(n).collect();
        let mut woken: Vec<_> = (0..n).collect();
        let mut sum = 0_u64;
        loop {
            for &id in &woken {
                if let Poll::Ready(output) = Pin::new(&mut children[id]).poll(cx) {
                    sum = sum.wrapping_add(output);
                }
            }
            woken.clear();
            wake::<K>(|id| woken.push(id));
            if woken.is_empty() {
                return sum;
            }
        }
    });
}

fn buffered_bounded<K: Kind>(n: usize) -> futures_buffered::FuturesUnorderedBounded<Child<K>> {
    let mut set = futures_buffered::FuturesUnorderedBounded::new(n);
    for child in children(n) {
        set.push(child);
    }
    set
}

fn buffered_unordered<K: Kind>(n: usize) -> futures_buffered::FuturesUnordered<Child<K>> {
    let mut set = futures_buffered::FuturesUnordered::new();
    for child in children(n) {
        set.push(child);
    }
    set
}

fn util_unordered<K: Kind>(n: usize) -> stream::FuturesUnordered<Child<K>> {
    children(n).collect()
}

/// One of N that are parked is woken, polled and parks again.
pub(super) fn cycles(rows: &mut Rows, sizes: &[usize]) {
    for &n in sizes {
        rows.path(format!("set/wake, poll, park/{n}"))
            .floor(move || cycle_by_hand(n))
            .own(move || cycle(n, |n| own::future_set(children::<Never>(n))))
            .peer("futures-buffered FuturesUnorderedBounded", move || {
                cycle(n, buffered_bounded::<Never>);
            })
            .peer("futures-util FuturesUnordered", move || cycle(n, util_unordered::<Never>));
    }
}

/// Waiting for some of N: one after the other, or all at once.
pub(super) fn waits(rows: &mut Rows, name: &str, work: fn(usize) -> Yields) {
    for n in [100, 10_000] {
        let mut path = |path: &str, own: fn(Works) -> Pin<Box<dyn Future<Output = u64>>>| {
            rows.path(format!("{path}/{name}/{n}"))
                .floor(move || ByHand.block_on(counted_in_task(n, || in_turn(n, work))))
                .own(move || ByHand.block_on(counted_in_task(n, || own(works(n, work)))))
                .peer("futures-util FuturesUnordered", move || {
                    ByHand.block_on(counted_in_task(n, || util_next(works(n, work))));
                })
                .peer("JoinSet", move || {
                    let runtime = runtime();
                    let once = counted_in_task(n, move || join_set(n, work));
                    runtime.block_on(runtime.spawn(once)).unwrap();
                });
        };
        path("wait/set/first", |works| Box::pin(own::set_wait_first(works)));
        path("wait/set/all", |works| Box::pin(own::set_wait_all(works)));
        path("wait/set/as_completed", |works| Box::pin(own::set_as_completed(works)));
        path("wait/map/first", |works| Box::pin(own::map_wait_first(works)));
        path("wait/map/as_completed", |works| Box::pin(own::map_as_completed(works)));
    }
}

type Works = std::iter::Map<std::ops::Range<usize>, fn(usize) -> Yields>;

fn works(n: usize, work: fn(usize) -> Yields) -> Works {
    (0..n).map(work)
}

async fn util_next(works: Works) -> u64 {
    let mut set: stream::FuturesUnordered<_> = works.collect();
    let mut sum = 0_u64;
    while let Some(output) = set.next().await {
        sum = sum.wrapping_add(output);
    }
    sum
}

const CYCLES: usize = 1000;

fn cycle<S: Stream>(n: usize, new: impl Fn(usize) -> S) {
    let task = Task::new();
    let mut set = pin!(new(n));
    while parked() < n {
        task.look(set.as_mut());
    }
    counted(CYCLES, || {
        for _ in 0..CYCLES {
            wake::<Never>(|_| {});
            task.look(set.as_mut());
        }
    });
}

fn cycle_by_hand(n: usize) {
    let cx = &mut Context::from_waker(Waker::noop());
    let mut children: Vec<_> = children::<Never>(n).collect();
    for child in &mut children {
        assert!(Pin::new(child).poll(cx).is_pending());
    }
    counted(CYCLES, || {
        for _ in 0..CYCLES {
            let mut woken = 0;
            wake::<Never>(|id| woken = id);
            assert!(Pin::new(&mut children[woken]).poll(cx).is_pending());
        }
    });
}

/// Only the drop of a set of parked children.
pub(super) fn drops(rows: &mut Rows, sizes: &[usize]) {
    for &n in sizes {
        rows.path(format!("set/drop of parked/{n}"))
            .floor(move || {
                part_counted(n, || children::<Dropping>(n).map(Drops).collect::<Vec<_>>(), drop);
            })
            .own(move || dropped(n, |n| own::future_set(children::<Dropping>(n).map(Drops))))
            .peer("futures-buffered FuturesUnorderedBounded", move || {
                dropped(n, |n| {
                    let mut set = futures_buffered::FuturesUnorderedBounded::new(n);
                    for child in children::<Dropping>(n).map(Drops) {
                        set.push(child);
                    }
                    set
                });
            })
            .peer("futures-util FuturesUnordered", move || {
                dropped(n, |n| {
                    children::<Dropping>(n).map(Drops).collect::<stream::FuturesUnordered<_>>()
                });
            });
    }
}

type Dropping = Never;

/// Has something to drop.
struct Drops(Child<Dropping>);

impl Future for Drops {
    type Output = u64;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<u64> {
        Pin::new(&mut self.0).poll(cx)
    }
}

impl Drop for Drops {
    fn drop(&mut self) {
        black_box(&mut self.0);
    }
}

fn dropped<S: Stream>(n: usize, new: impl Fn(usize) -> S) {
    let task = Task::new();
    let prepare = || {
        let mut set = Box::pin(new(n));
        while parked() < n {
            task.look(set.as_mut());
        }
        forget();
        set
    };
    part_counted(n, prepare, drop);
}
