//! Every row: what is counted, beside its floor and its peers.

use crate::{
    by_hand::ByHand,
    channels, groups, limits,
    meter::{Count, counted, counted_in_task, part_counted},
    own::{self, Part, To},
    work::{
        Arrival, Bursts, Child, Hand, Kind, Never, ParksOnce, ParksThrice, Ready, Source, Sparse,
        Task, Waits, WakeOne, Yields, children, forget, parked, ready, take_waiting, wake, yields,
    },
};
use anyscope::{
    BlockOn, concurrent,
    context::Context as Values,
    observe::{Observer, PollEnd, Subject, Who, recorder::Recorder, tree::Tree},
    resilience::RetryBudget,
    scope,
    smol::SmolHandle,
    tokio::TokioHandle,
    tracing::Spans,
};
use async_executor::Executor;
use futures_buffered::{BufferedStreamExt, MergeBounded};
use futures_concurrency::stream::Merge;
use futures_lite::future::block_on;
use futures_util::{Stream, StreamExt, stream};
use std::{
    cell::Cell,
    future::{Future, pending},
    hint::black_box,
    pin::{Pin, pin},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    task::{Context, Poll, Waker},
};
use tokio::{
    runtime::{Builder, Handle, Runtime},
    task::{JoinSet, yield_now},
};
use tokio_stream::StreamMap;

/// What a row stands for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Role {
    /// What the work costs when it is written by hand, without any library.
    Floor,
    Own,
    Peer,
}

pub(crate) struct Row {
    /// The hot path. One of each is our own.
    pub(crate) path: String,
    pub(crate) role: Role,
    pub(crate) name: &'static str,
    pub(crate) run: Box<dyn Fn()>,
}

#[derive(Default)]
pub(crate) struct Rows {
    all: Vec<Row>,
    path: String,
}

impl Rows {
    /// What is added from here on is one path.
    pub(crate) fn path(&mut self, path: String) -> &mut Self {
        self.path = path;
        self
    }

    pub(crate) fn add(
        &mut self,
        role: Role,
        name: &'static str,
        run: impl Fn() + 'static,
    ) -> &mut Self {
        self.all.push(Row { path: self.path.clone(), role, name, run: Box::new(run) });
        self
    }

    pub(crate) fn floor(&mut self, run: impl Fn() + 'static) -> &mut Self {
        self.add(Role::Floor, "floor", run)
    }

    pub(crate) fn own(&mut self, run: impl Fn() + 'static) -> &mut Self {
        self.add(Role::Own, "anyscope", run)
    }

    pub(crate) fn peer(&mut self, name: &'static str, run: impl Fn() + 'static) -> &mut Self {
        self.add(Role::Peer, name, run)
    }
}

pub(crate) fn all() -> Vec<Row> {
    let mut rows = Rows::default();
    sets::<Ready>(&mut rows, "ready", &[10, 100, 10_000]);
    sets::<ParksThrice>(&mut rows, "three yields", &[10, 100, 10_000]);
    sets::<WakeOne>(&mut rows, "wake one", &[1, 100, 10_000]);
    cycles(&mut rows, &[1, 100, 10_000]);
    drops(&mut rows, &[100, 10_000]);
    waits(&mut rows, "ready", ready);
    waits(&mut rows, "yields", yields);
    maps(&mut rows, "ready", ready);
    maps(&mut rows, "yields", yields);
    merges::<Bursts>(&mut rows, "bursty");
    merges::<Sparse>(&mut rows, "sparse");
    groups::rows::<Ready>(&mut rows, "ready");
    groups::rows::<ParksOnce>(&mut rows, "yields");
    spawns(&mut rows, "ready", ready);
    spawns(&mut rows, "yields", yields);
    parts(&mut rows);
    scopes(&mut rows);
    parallel(&mut rows, "ready", ready);
    parallel(&mut rows, "yields", yields);
    cancels(&mut rows);
    timeouts(&mut rows);
    retries(&mut rows);
    limits::rows(&mut rows);
    channels::rows(&mut rows);
    tokens(&mut rows);
    rows.all
}

/// A child's whole life: pushing it, polling it, its output, and its share of the set.
fn sets<K: Kind>(rows: &mut Rows, name: &str, sizes: &[usize]) {
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
fn cycles(rows: &mut Rows, sizes: &[usize]) {
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
fn waits(rows: &mut Rows, name: &str, work: fn(usize) -> Yields) {
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
fn drops(rows: &mut Rows, sizes: &[usize]) {
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

const LIMITS: [usize; 2] = [10, 100];
/// How many items a flow has.
const ITEMS: usize = 10_000;

fn maps(rows: &mut Rows, name: &str, work: impl Copy + Fn(usize) -> Yields + 'static) {
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
fn merges<A: Arrival>(rows: &mut Rows, name: &str) {
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

/// How many are spawned in one scope.
const SPAWNED: [usize; 2] = [1, 100];

fn spawns<M: own::Map<Yields>>(rows: &mut Rows, name: &str, work: M) {
    for n in SPAWNED {
        let floor = move || ByHand.block_on(counted_in_task(n, || in_turn(n, work)));
        rows.path(format!("spawn/by hand/{name}/{n}")).floor(floor).own(move || {
            ByHand.block_on(counted_in_task(n, || own::spawn_and_join(&ByHand, n, work)));
        });
        rows.path(format!("spawn/tokio current-thread/{name}/{n}"))
            .floor(floor)
            .own(move || {
                let runtime = runtime();
                let tokio = TokioHandle::from(runtime.handle().clone());
                let once = async move {
                    counted_in_task(n, || own::spawn_and_join(&tokio, n, work)).await;
                };
                runtime.block_on(runtime.spawn(once)).unwrap();
            })
            .peer("tokio::spawn", move || {
                let runtime = runtime();
                let once = counted_in_task(n, move || tokio_handles(n, work));
                runtime.block_on(runtime.spawn(once)).unwrap();
            })
            .peer("JoinSet", move || {
                let runtime = runtime();
                let once = counted_in_task(n, move || join_set(n, work));
                runtime.block_on(runtime.spawn(once)).unwrap();
            });
        rows.path(format!("spawn/async-executor/{name}/{n}"))
            .floor(floor)
            .own(move || {
                let executor = Arc::new(Executor::new());
                let handle = SmolHandle::from(&executor);
                let once = async move {
                    counted_in_task(n, || own::spawn_and_join(&handle, n, work)).await;
                };
                block_on(executor.run(executor.spawn(once)));
            })
            .peer("Executor::spawn", move || {
                let executor = Arc::new(Executor::new());
                let own = executor.clone();
                let once = async move { counted_in_task(n, || tasks(&own, n, work)).await };
                block_on(executor.run(executor.spawn(once)));
            });
        rows.path(format!("tree/spawn + join/{name}/{n}")).floor(floor).own(move || {
            let tree = Tree::new();
            let once = || tree.watch(own::spawn_and_join(&ByHand, n, work));
            ByHand.block_on(counted_in_task(n, once));
        });
        rows.path(format!("spans off/spawn + join/{name}/{n}")).floor(floor).own(move || {
            let tree = Tree::builder().observer(Spans::new()).build();
            let once = || tree.watch(own::spawn_and_join(&ByHand, n, work));
            ByHand.block_on(counted_in_task(n, once));
        });
        rows.path(format!("concurrent/spawn + join/{name}/{n}")).floor(floor).own(move || {
            ByHand.block_on(counted_in_task(n, || own::concurrent_spawn_and_join(n, work)));
        });
        rows.path(format!("block_scope/spawn + join/{name}/{n}"))
            .floor(floor)
            .own(move || counted(n, || own::block_spawn_and_join(n, work)));
    }
}

fn runtime() -> Runtime {
    Builder::new_current_thread().build().unwrap()
}

async fn in_turn(n: usize, work: impl Fn(usize) -> Yields) -> u64 {
    let mut sum = 0_u64;
    for n in 0..n {
        sum = sum.wrapping_add(work(n).await);
    }
    sum
}

async fn tokio_handles(n: usize, work: impl Fn(usize) -> Yields) -> u64 {
    let handles: Vec<_> = (0..n).map(|n| tokio::spawn(work(n))).collect();
    let mut sum = 0_u64;
    for handle in handles {
        sum = sum.wrapping_add(handle.await.unwrap());
    }
    sum
}

async fn join_set(n: usize, work: impl Fn(usize) -> Yields) -> u64 {
    let mut set = JoinSet::new();
    for n in 0..n {
        set.spawn(work(n));
    }
    let mut sum = 0_u64;
    while let Some(output) = set.join_next().await {
        sum = sum.wrapping_add(output.unwrap());
    }
    sum
}

async fn tasks(executor: &Executor<'static>, n: usize, work: impl Fn(usize) -> Yields) -> u64 {
    let tasks: Vec<_> = (0..n).map(|n| executor.spawn(work(n))).collect();
    let mut sum = 0_u64;
    for task in tasks {
        sum = sum.wrapping_add(task.await);
    }
    sum
}

/// Where the instructions of a spawn go, when the children have ended before they are awaited.
fn parts(rows: &mut Rows) {
    const N: usize = 100;
    const ROUNDS: usize = 100;
    for (name, part) in [("spawn", Part::Spawn), ("poll", Part::Poll), ("await", Part::Join)] {
        rows.path(format!("handle/{name}/{N}")).own(move || {
            for round in 0..ROUNDS {
                let part = (round >= 2).then_some(part);
                ByHand.block_on(own::part_of_spawn_and_join(N, ready, part));
            }
        });
    }
}

fn scopes(rows: &mut Rows) {
    rows.path("tree/snapshot/1000".into()).own(|| {
        const N: usize = 1000;
        let tree = Tree::new();
        ByHand.block_on(tree.watch(scope(&ByHand, async |s| {
            for _ in 0..N {
                s.spawn(pending::<()>());
            }
            ByHand.run();
            counted(N, || tree.snapshot());
            s.cancel("counted");
        })));
    });
    rows.path("recorder/event".into()).own(|| {
        const N: usize = 10_000;
        let recorder = Recorder::builder().clock(own::Free).build();
        let subject =
            Subject { who: Who::Child { scope: 1, number: 1, is_daemon: false }, mark: 0 };
        let observer: &dyn Observer = black_box(&recorder);
        // The first one makes the place for the others.
        observer.poll_begins(subject);
        counted(N, || {
            for _ in 0..N / 2 {
                observer.poll_begins(subject);
                observer.poll_ends(subject, PollEnd::Pending(None));
            }
        });
    });
    rows.path("scope/empty".into()).own(|| ByHand.block_on(counted_in_task(1, own::empty_scope)));
    rows.path("concurrent/empty".into())
        .own(|| ByHand.block_on(counted_in_task(1, own::empty_concurrent)));
}

fn parallel<M: own::Map<Yields>>(rows: &mut Rows, name: &str, work: M) {
    let floor = move |n| move || ByHand.block_on(counted_in_task(n, || in_turn(n, work)));
    for n in [1, 100, 10_000] {
        rows.path(format!("spawn_all/{name}/{n}"))
            .floor(floor(n))
            .own(move || ByHand.block_on(counted_in_task(n, || own::spawn_all(n, work))));
    }
    for limit in LIMITS {
        rows.path(format!("for_each_on/{name}/{limit}")).floor(floor(ITEMS)).own(move || {
            ByHand.block_on(counted_in_task(ITEMS, || own::for_each_on(ITEMS, limit, work)));
        });
        rows.path(format!("map_on/ordered/{name}/{limit}")).floor(floor(ITEMS)).own(move || {
            ByHand.block_on(counted_in_task(ITEMS, || own::map_on(ITEMS, limit, work)));
        });
        rows.path(format!("map_on/unordered/{name}/{limit}")).floor(floor(ITEMS)).own(move || {
            ByHand.block_on(counted_in_task(ITEMS, || own::map_on_unordered(ITEMS, limit, work)));
        });
    }
}

fn cancels(rows: &mut Rows) {
    const ROUNDS: usize = 10;
    let counting = |round| round >= 2;
    for n in [100, 10_000] {
        for (name, to) in [("call", To::Return), ("to the end", To::End)] {
            rows.path(format!("cancel/by hand, {name}/{n}")).own(move || {
                for round in 0..ROUNDS {
                    let to = counting(round).then_some(to);
                    let all_wait = async || {
                        ByHand.run();
                        assert_eq!(take_waiting(), n);
                    };
                    ByHand.block_on(own::cancel(&ByHand, n, to, all_wait, async || ByHand.run()));
                }
            });
        }
        rows.path(format!("cancel/tokio current-thread, to the end/{n}"))
            .own(move || {
                let runtime = runtime();
                let tokio = TokioHandle::from(runtime.handle().clone());
                runtime.block_on(async {
                    for round in 0..ROUNDS {
                        let to = counting(round).then_some(To::End);
                        own::cancel(&tokio, n, to, async || all_wait(n).await, no_tasks).await;
                    }
                });
            })
            .peer("JoinSet::shutdown", move || {
                runtime().block_on(async {
                    for round in 0..ROUNDS {
                        let mut set: JoinSet<()> = (0..n).map(|_| Waits::default()).collect();
                        all_wait(n).await;
                        let count = counting(round).then(|| Count::of(n));
                        set.shutdown().await;
                        drop(count);
                    }
                });
            });
    }
}

async fn all_wait(n: usize) {
    let mut waiting = 0;
    while waiting < n {
        yield_now().await;
        waiting += take_waiting();
    }
}

async fn no_tasks() {
    while Handle::current().metrics().num_alive_tasks() > 0 {
        yield_now().await;
    }
}

/// Limits that are not reached, of one piece of work after the other.
fn timeouts(rows: &mut Rows) {
    for (name, work) in [("ready", ready as fn(usize) -> Yields), ("yields", yields)] {
        let floor = move || ByHand.block_on(counted_in_task(1, || work(1)));
        rows.path(format!("timeout/free timer/{name}")).floor(floor).own(move || {
            ByHand.block_on(counted_in_task(1, || own::timeout(own::Free, work(1))));
        });
        rows.path(format!("timeout/tokio current-thread/{name}"))
            .floor(floor)
            .own(move || {
                let runtime = paused();
                let tokio = TokioHandle::from(runtime.handle().clone());
                let once = async move {
                    counted_in_task(1, || own::timeout(&tokio, work(1))).await;
                };
                runtime.block_on(runtime.spawn(once)).unwrap();
            })
            .peer("tokio::time::timeout", move || {
                let runtime = paused();
                let once = counted_in_task(1, move || tokio::time::timeout(own::HOUR, work(1)));
                runtime.block_on(runtime.spawn(once)).unwrap();
            });
    }
}

/// Work that is not tried again: by itself, in a child, and with a budget in the context.
fn retries(rows: &mut Rows) {
    for (name, work) in [("ready", ready as fn(usize) -> Yields), ("yields", yields)] {
        let floor = move || ByHand.block_on(counted_in_task(1, || work(1)));
        let once = move || counted_in_task(1, move || own::retry(own::Free, move || work(1)));
        rows.path(format!("retry/by itself/{name}")).floor(floor).own(move || {
            ByHand.block_on(once());
        });
        let in_child = move || concurrent(async move |s| s.spawn(once()).await.unwrap());
        rows.path(format!("retry/in a child/{name}")).floor(floor).own(move || {
            ByHand.block_on(in_child());
        });
        rows.path(format!("retry/with a budget around/{name}")).floor(floor).own(move || {
            let budget = RetryBudget::new(10).percent(20);
            assert!(budget.withdraw(&own::Free));
            ByHand.block_on(Values::new().with(budget).around(in_child()));
        });
    }
}

/// Time does not pass, so that it costs the same in every run.
fn paused() -> Runtime {
    Builder::new_current_thread().enable_time().start_paused(true).build().unwrap()
}

fn tokens(rows: &mut Rows) {
    const LOOKS: usize = 1000;
    rows.path("token/is_cancelled".into())
        .floor(|| {
            let flag = Box::new(AtomicBool::new(false));
            counted(LOOKS, || {
                for _ in 0..LOOKS {
                    black_box(black_box(&*flag).load(Relaxed));
                }
            });
        })
        .own(|| {
            let token = own::token();
            counted(LOOKS, || {
                for _ in 0..LOOKS {
                    black_box(own::is_cancelled(black_box(&token)));
                }
            });
        });
    rows.path("token/child, made and dropped".into()).own(|| {
        let token = own::token();
        counted(1, || own::child_token(&token));
    });
    for n in [1, 100, 10_000] {
        rows.path(format!("token/cancel of children/{n}")).own(move || {
            let tree = || {
                let token = own::token();
                let children: Vec<_> = (0..n).map(|_| own::child_token(&token)).collect();
                (token, children)
            };
            part_counted(n, tree, |(token, children)| {
                own::cancel_token(&token);
                (token, children)
            });
        });
    }
}
