//! What do many children of one task cost?
//!
//! [`FutureSet`] and its peers with children that are ready at once, that are woken in random order
//! three times each, and of which one at a time is woken; dropping them while they are parked; and
//! joining few. Each cost is that of a child's whole life: pushing it, polling it, its output, and
//! its share of the set.
//!
//! - `cargo bench --bench set` runs criterion, with charts of cost against size in
//!   `target/criterion`.
//! - `cargo bench --bench set -- --ratios` takes turns and prints tables: the
//!   figures of `RESULTS.md`. A word after it picks groups by name: `-- --ratios drop`.

mod support;

use anyscope::{FutureSet, join};
use futures_concurrency::future::{FutureGroup, Join};
use futures_lite::future::zip;
use futures_util::Stream;
use std::{
    cell::Cell,
    future::Future,
    hint::black_box,
    pin::{Pin, pin},
    task::{Context, Poll, Waker},
    time::{Duration, Instant},
};
use support::{
    group::{self, Group, Row, floor, own, peer, timed},
    parked::{Child, READY, WAKE_ONE, Work, YIELDS, forget, parked},
    task::Task,
};
use tokio::{
    runtime::{Builder, Runtime},
    task::{JoinSet, yield_now},
};

#[global_allocator]
static ALLOCATOR: support::Counting = support::Counting;

/// A set that gives the outputs of its children as they come.
fn set<S: Stream<Item = u64>>(
    work: Work,
    new: impl Fn(usize) -> S,
) -> impl Fn(usize, u64) -> Duration {
    move |n, iterations| {
        let task = Task::new();
        timed(iterations, || {
            let set = pin!(new(n));
            task.drain(set, usize::MAX, || work.wake(|_| {}))
        })
    }
}

/// A future that gives all outputs at once.
fn all<F: Future>(work: Work, new: impl Fn(usize) -> F) -> impl Fn(usize, u64) -> Duration {
    move |n, iterations| {
        let task = Task::new();
        timed(iterations, || task.run(new(n), || work.wake(|_| {})))
    }
}

/// The rows of anyscope.
fn own_rows<'a>(work: Work) -> Vec<Row<'a>> {
    vec![
        own(
            "FutureSet",
            set(work, move |n| {
                let mut set = FutureSet::new();
                for child in work.children(n) {
                    set.push(child);
                }
                set
            }),
        ),
        own("join of a Vec", all(work, move |n| join(work.children(n).collect::<Vec<_>>()))),
    ]
}

fn rows<'a>(work: Work, runtime: &'a Runtime) -> Vec<Row<'a>> {
    // Looks at all children for each that was woken.
    let scanned = if work.one { |n| n <= 10_000 } else { |_| true };
    let mut rows = vec![floor("floor: a Vec, and a queue of indices", by_hand(work))];
    rows.extend(own_rows(work));
    rows.extend([
        peer("futures-buffered FuturesUnorderedBounded", set(work, buffered_bounded(work))),
        peer("futures-buffered FuturesUnordered", set(work, buffered_unordered(work))),
        peer(
            "futures-buffered join_all",
            all(work, move |n| futures_buffered::join_all(work.children(n))),
        ),
        peer("unicycle FuturesUnordered", set(work, unicycle(work))),
        peer("futures-util FuturesUnordered", set(work, util_unordered(work))),
        peer(
            "futures-util join_all",
            all(work, move |n| futures_util::future::join_all(work.children(n))),
        ),
        peer(
            "futures-concurrency Vec::join",
            all(work, move |n| work.children(n).collect::<Vec<_>>().join()),
        )
        .at(scanned),
        peer("futures-concurrency FutureGroup", set(work, concurrency_group(work))).at(scanned),
        peer("tokio JoinSet, current thread", join_set(work, runtime)),
    ]);
    rows
}

fn by_hand(work: Work) -> impl Fn(usize, u64) -> Duration {
    move |n, iterations| {
        let cx = &mut Context::from_waker(Waker::noop());
        timed(iterations, || {
            let mut children: Vec<_> = work.children(n).collect();
            let mut woken: Vec<_> = (0..n).collect();
            let mut sum = 0_u64;
            loop {
                for &id in &woken {
                    if let Poll::Ready(output) = Pin::new(&mut children[id]).poll(cx) {
                        sum = sum.wrapping_add(output);
                    }
                }
                woken.clear();
                work.wake(|id| woken.push(id));
                if woken.is_empty() {
                    return sum;
                }
            }
        })
    }
}

fn buffered_bounded(
    work: Work,
) -> impl Fn(usize) -> futures_buffered::FuturesUnorderedBounded<Child> {
    move |n| {
        let mut set = futures_buffered::FuturesUnorderedBounded::new(n);
        for child in work.children(n) {
            set.push(child);
        }
        set
    }
}

fn buffered_unordered(work: Work) -> impl Fn(usize) -> futures_buffered::FuturesUnordered<Child> {
    move |n| {
        let mut set = futures_buffered::FuturesUnordered::new();
        for child in work.children(n) {
            set.push(child);
        }
        set
    }
}

fn unicycle(work: Work) -> impl Fn(usize) -> unicycle::FuturesUnordered<Child> {
    move |n| {
        let mut set = unicycle::FuturesUnordered::new();
        for child in work.children(n) {
            set.push(child);
        }
        set
    }
}

fn util_unordered(work: Work) -> impl Fn(usize) -> futures_util::stream::FuturesUnordered<Child> {
    move |n| work.children(n).collect()
}

fn concurrency_group(work: Work) -> impl Fn(usize) -> FutureGroup<Child> {
    move |n| {
        let mut set = FutureGroup::new();
        for child in work.children(n) {
            set.insert(child);
        }
        set
    }
}

fn join_set(work: Work, runtime: &Runtime) -> impl Fn(usize, u64) -> Duration {
    async fn run(work: Work, n: usize) -> u64 {
        let mut set: JoinSet<u64> = work.children(n).collect();
        let mut sum = 0_u64;
        while work.parks > 0 && !set.is_empty() {
            yield_now().await;
            while let Some(output) = set.try_join_next() {
                sum = sum.wrapping_add(output.unwrap());
            }
            if parked() == set.len() {
                work.wake(|_| {});
            }
        }
        while let Some(output) = set.join_next().await {
            sum = sum.wrapping_add(output.unwrap());
        }
        sum
    }

    move |n, iterations| timed(iterations, || runtime.block_on(run(work, n)))
}

/// How many children are dropped in one iteration, in one set or several.
const DROPPED: usize = 10_000;

/// Has something to drop.
struct Dropping(Child);

thread_local! {
    static DROPS: Cell<usize> = const { Cell::new(0) };
}

impl Future for Dropping {
    type Output = u64;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<u64> {
        Pin::new(&mut self.0).poll(cx)
    }
}

impl Drop for Dropping {
    fn drop(&mut self) {
        DROPS.set(DROPS.get() + 1);
    }
}

fn dropping(id: usize) -> Dropping {
    Dropping(WAKE_ONE.child(id))
}

fn child(id: usize) -> Child {
    WAKE_ONE.child(id)
}

/// Times only the drop.
fn drop_of<S: Stream>(new: impl Fn(usize) -> S) -> impl Fn(usize, u64) -> Duration {
    move |n, iterations| {
        let cx = &mut Context::from_waker(Waker::noop());
        let mut time = Duration::ZERO;
        for _ in 0..iterations {
            let mut sets: Vec<_> = (0..DROPPED / n).map(|_| Box::pin(new(n))).collect();
            for set in &mut sets {
                while parked() < n {
                    assert!(set.as_mut().poll_next(cx).is_pending());
                }
                forget();
            }
            let start = Instant::now();
            drop(sets);
            time += start.elapsed();
        }
        time
    }
}

/// The rows of anyscope.
fn own_drop_rows<'a, F: Future<Output = u64> + 'a>(child: fn(usize) -> F) -> Vec<Row<'a>> {
    vec![own(
        "FutureSet",
        drop_of(move |n| {
            let mut set = FutureSet::new();
            for id in 0..n {
                set.push(child(id));
            }
            set
        }),
    )]
}

fn drop_rows<F: Future<Output = u64> + Send + 'static>(
    child: fn(usize) -> F,
    runtime: &Runtime,
) -> Vec<Row<'_>> {
    let mut rows = own_drop_rows(child);
    rows.extend([
        peer(
            "futures-buffered FuturesUnorderedBounded",
            drop_of(move |n| {
                let mut set = futures_buffered::FuturesUnorderedBounded::new(n);
                for id in 0..n {
                    set.push(child(id));
                }
                set
            }),
        ),
        peer(
            "unicycle FuturesUnordered",
            drop_of(move |n| {
                let mut set = unicycle::FuturesUnordered::new();
                for id in 0..n {
                    set.push(child(id));
                }
                set
            }),
        ),
        peer(
            "futures-util FuturesUnordered",
            drop_of(move |n| {
                (0..n).map(child).collect::<futures_util::stream::FuturesUnordered<_>>()
            }),
        ),
        peer(
            "futures-concurrency FutureGroup",
            drop_of(move |n| {
                let mut set = FutureGroup::new();
                for id in 0..n {
                    set.insert(child(id));
                }
                set
            }),
        ),
        peer("tokio JoinSet::shutdown, current thread", move |n, iterations| {
            runtime.block_on(shut_down(child, n, iterations))
        }),
    ]);
    rows
}

async fn shut_down<F: Future<Output = u64> + Send + 'static>(
    child: fn(usize) -> F,
    n: usize,
    iterations: u64,
) -> Duration {
    let mut time = Duration::ZERO;
    for _ in 0..iterations {
        for _ in 0..DROPPED / n {
            let mut set: JoinSet<u64> = (0..n).map(child).collect();
            while parked() < n {
                yield_now().await;
            }
            forget();
            let start = Instant::now();
            set.shutdown().await;
            time += start.elapsed();
        }
    }
    time
}

/// How many joins are one iteration.
const JOINS: usize = 1000;

/// One join of two futures, or of ten.
fn joins<A: Future, B: Future>(
    work: Work,
    two: impl Fn([Child; 2]) -> A,
    ten: impl Fn([Child; 10]) -> B,
) -> impl Fn(usize, u64) -> Duration {
    move |n, iterations| {
        let task = Task::new();
        timed(iterations, || {
            for _ in 0..JOINS {
                if n == 2 {
                    let join = two(std::array::from_fn(|id| work.child(id)));
                    drop(black_box(task.run(join, || work.wake(|_| {}))));
                } else {
                    let join = ten(std::array::from_fn(|id| work.child(id)));
                    drop(black_box(task.run(join, || work.wake(|_| {}))));
                }
            }
        })
    }
}

macro_rules! join_ten {
    ($($join:ident)::+!) => {
        |[a, b, c, d, e, f, g, h, i, j]| async {
            $($join)::+!(a, b, c, d, e, f, g, h, i, j)
        }
    };
}

/// The rows of anyscope.
fn own_join_rows<'a>(work: Work) -> Vec<Row<'a>> {
    let ten = |ten: [Child; 10]| join(Vec::from(ten));
    vec![own("join of a tuple, of a Vec", joins(work, |[a, b]| join((a, b)), ten))]
}

fn join_rows<'a>(work: Work) -> Vec<Row<'a>> {
    let mut rows = vec![floor(
        "floor: one after the other",
        joins(
            work,
            |[a, b]| async { a.await.wrapping_add(b.await) },
            |all| async {
                let mut sum = 0_u64;
                for child in all {
                    sum = sum.wrapping_add(child.await);
                }
                sum
            },
        ),
    )];
    rows.extend(own_join_rows(work));
    rows.extend([
        peer(
            "futures-util join!",
            joins(
                work,
                |[a, b]| async { futures_util::join!(a, b) },
                join_ten!(futures_util::join!),
            ),
        ),
        peer(
            "tokio::join!",
            joins(work, |[a, b]| async { tokio::join!(a, b) }, join_ten!(tokio::join!)),
        ),
        peer(
            "futures-lite zip",
            joins(
                work,
                |[a, b]| zip(a, b),
                |[a, b, c, d, e, f, g, h, i, j]| {
                    let five = zip(zip(zip(a, b), zip(c, d)), e);
                    zip(five, zip(zip(zip(f, g), zip(h, i)), j))
                },
            ),
        ),
        peer(
            "futures-concurrency tuple join",
            joins(
                work,
                |[a, b]| (a, b).join(),
                |[a, b, c, d, e, f, g, h, i, j]| (a, b, c, d, e, f, g, h, i, j).join(),
            ),
        ),
        peer("futures-concurrency array join", joins(work, |two| two.join(), |ten| ten.join())),
        peer(
            "futures-util join_all",
            joins(work, futures_util::future::join_all, futures_util::future::join_all),
        ),
        peer(
            "futures-buffered join_all",
            joins(work, futures_buffered::join_all, futures_buffered::join_all),
        ),
    ]);
    rows
}

fn main() {
    const SIZES: &[usize] = &[10, 100, 1000, 10_000, 100_000];
    let runtime = Builder::new_current_thread().build().unwrap();
    let of_children = |name, rows| Group {
        name,
        size: "N",
        each: "child",
        sizes: SIZES,
        items: |n| n,
        growth: Some((100, 100_000)),
        counted: 1000,
        rows,
    };
    let of_drops = |name, rows| Group {
        items: |_| DROPPED,
        sizes: &[100, 10_000],
        growth: None,
        counted: 10_000,
        ..of_children(name, rows)
    };
    let of_joins = |name, rows| Group {
        name,
        size: "futures",
        each: "join",
        sizes: &[2, 10],
        items: |_| JOINS,
        growth: None,
        counted: 2,
        rows,
    };
    group::main(&[
        of_children("ready at once", rows(READY, &runtime)),
        of_children("three yields, woken in random order", rows(YIELDS, &runtime)),
        of_children("wake one of N", rows(WAKE_ONE, &runtime)),
        of_drops("drop parked children", drop_rows(dropping, &runtime)),
        of_drops("drop parked children that have nothing to drop", drop_rows(child, &runtime)),
        of_joins("join, ready at once", join_rows(READY)),
        of_joins("join, yields once", join_rows(Work { parks: 1, one: false })),
    ]);
}
