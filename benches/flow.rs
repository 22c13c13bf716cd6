//! What does a bounded map over a million items cost?
//!
//! Items are multiplied by futures, at most 50 or 1000 of them at a time, and summed up: in the
//! awaiting task, and by tasks of an executor. And what does it cost to spawn ten thousand children
//! at once?
//!
//! - `cargo bench --bench flow` runs criterion, with charts in `target/criterion`.
//! - `cargo bench --bench flow -- --ratios` takes turns and prints tables: the
//!   figures of `RESULTS.md`. A word after it picks groups by name: `-- --ratios inline`.
//!
//! All pools have two threads. The loop that feeds them is a task of theirs.

mod support;

use anyscope::{Limit, Spawn, flow, scope, spawn_fn, tokio::TokioHandle};
use async_executor::{Executor, Task as Handle};
use futures_buffered::BufferedStreamExt;
use futures_concurrency::concurrent_stream::ConcurrentStream;
use futures_concurrency::stream::StreamExt as _;
use futures_lite::future::block_on;
use futures_util::{Stream, StreamExt, stream};
use smol::lock::Semaphore as SmolSemaphore;
use std::{
    cell::Cell,
    future::Future,
    hint::black_box,
    num::NonZeroUsize,
    pin::{Pin, pin},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll},
    time::{Duration, Instant},
};
use support::{
    group::{self, Group, Row, floor, own, peer, timed},
    task::Task,
};
use tokio::{
    runtime::{Builder, Runtime},
    sync::Semaphore,
    task::{JoinHandle, JoinSet},
};

#[global_allocator]
static ALLOCATOR: support::Counting = support::Counting;

type Pool = Arc<Executor<'static>>;

/// How many items are an iteration in one task, and how many if each is spawned.
const ITEMS: usize = 1_000_000;
const SPAWNED: usize = 100_000;

/// Yields so many times, and multiplies once.
struct Work {
    value: u64,
    yields: u64,
    factor: u64,
}

const _: () = assert!(size_of::<Work>() == 24);

impl Future for Work {
    type Output = u64;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<u64> {
        if self.yields > 0 {
            self.yields -= 1;
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(self.value.wrapping_mul(self.factor))
    }
}

/// What is done with an item. Not a pointer, so that it can be inlined.
trait Map: Fn(usize) -> Work + Copy + Send + Sync + 'static {}

impl<M: Fn(usize) -> Work + Copy + Send + Sync + 'static> Map for M {}

fn ready(n: usize) -> Work {
    Work { value: black_box(n as u64), yields: 0, factor: 0x9E37_79B9_7F4A_7C15 }
}

fn yields(n: usize) -> Work {
    Work { yields: 1, ..ready(n) }
}

/// A stream of outputs.
fn summed<S: Stream<Item = u64>>(new: impl Fn(usize) -> S) -> impl Fn(usize, u64) -> Duration {
    move |limit, iterations| {
        let task = Task::new();
        timed(iterations, || task.drain(pin!(new(limit)), usize::MAX, || ()))
    }
}

/// An operation that adds the outputs up itself.
fn adding(new: impl AsyncFn(usize, &Cell<u64>)) -> impl Fn(usize, u64) -> Duration {
    move |limit, iterations| {
        let task = Task::new();
        timed(iterations, || {
            let sum = Cell::new(0);
            task.run(new(limit, &sum), || ());
            sum.get()
        })
    }
}

fn add(sum: &Cell<u64>, output: u64) {
    sum.set(sum.get().wrapping_add(output));
}

fn at_most(limit: usize) -> Limit {
    Limit::try_from(limit).unwrap()
}

/// The rows of anyscope.
fn own_inline_rows<'a>(map: impl Map) -> Vec<Row<'a>> {
    vec![
        own(
            "map, in order",
            summed(move |limit| {
                flow::iter(0..ITEMS).map_concurrent(at_most(limit), map).into_stream()
            }),
        ),
        own(
            "map, unordered",
            summed(move |limit| {
                flow::iter(0..ITEMS).map_concurrent(at_most(limit), map).unordered().into_stream()
            }),
        ),
        own(
            "map and fold, in order",
            adding(async move |limit, sum| {
                let mapped = flow::iter(0..ITEMS).map_concurrent(at_most(limit), map);
                mapped.fold((), async |(), output| add(sum, output)).await;
            }),
        ),
        own(
            "for_each",
            adding(async move |limit, sum| {
                let each = async |n| add(sum, map(n).await);
                flow::iter(0..ITEMS).for_each_concurrent(at_most(limit), each).await;
            }),
        ),
    ]
}

fn inline_rows<'a>(map: impl Map) -> Vec<Row<'a>> {
    let mut rows = vec![floor(
        "floor: then, one after the other",
        summed(move |_| stream::iter(0..ITEMS).then(map)),
    )];
    rows.extend(own_inline_rows(map));
    rows.extend([
        peer(
            "futures-buffered buffered_ordered",
            summed(move |limit| stream::iter(0..ITEMS).map(map).buffered_ordered(limit)),
        ),
        peer(
            "futures-buffered buffered_unordered",
            summed(move |limit| stream::iter(0..ITEMS).map(map).buffered_unordered(limit)),
        ),
        peer(
            "futures-buffered for_each_concurrent",
            adding(async move |limit, sum| {
                let each = async |n| add(sum, map(n).await);
                BufferedStreamExt::for_each_concurrent(stream::iter(0..ITEMS), limit, each).await;
            }),
        ),
        peer(
            "futures-util buffered",
            summed(move |limit| stream::iter(0..ITEMS).map(map).buffered(limit)),
        ),
        peer(
            "futures-util buffer_unordered",
            summed(move |limit| stream::iter(0..ITEMS).map(map).buffer_unordered(limit)),
        ),
        peer(
            "futures-util for_each_concurrent",
            adding(async move |limit, sum| {
                let each = async |n| add(sum, map(n).await);
                StreamExt::for_each_concurrent(stream::iter(0..ITEMS), limit, each).await;
            }),
        ),
        peer(
            "futures-concurrency co().limit().for_each",
            adding(async move |limit, sum| {
                let limited = stream::iter(0..ITEMS).co().limit(NonZeroUsize::new(limit));
                limited.for_each(async |n| add(sum, map(n).await)).await;
            }),
        ),
    ]);
    rows
}

/// How long so many iterations take, in a task of an executor.
async fn timed_in_task<F: Future>(iterations: u64, once: impl Fn() -> F) -> Duration {
    let start = Instant::now();
    for _ in 0..iterations {
        black_box(once().await);
    }
    start.elapsed()
}

/// Something that a task of a runtime does.
fn on_runtime<'a, F: Future<Output: Send> + Send + 'static>(
    runtime: &'a Runtime,
    once: impl Fn(usize) -> F + Clone + Send + Sync + 'static,
) -> impl Fn(usize, u64) -> Duration + 'a {
    move |limit, iterations| {
        let once = once.clone();
        let task = timed_in_task(iterations, move || once(limit));
        runtime.block_on(runtime.spawn(task)).unwrap()
    }
}

/// Something that a task of an executor does.
fn on_executor<'a, F: Future<Output: Send> + Send + 'static>(
    executor: &'a Pool,
    once: impl Fn(Pool, usize) -> F + Copy + Send + Sync + 'static,
) -> impl Fn(usize, u64) -> Duration + 'a {
    move |limit, iterations| {
        let own = executor.clone();
        let task = async move { timed_in_task(iterations, || once(own.clone(), limit)).await };
        block_on(executor.spawn(task))
    }
}

/// The rows of anyscope.
fn own_tokio_rows(runtime: &Runtime, map: impl Map) -> Vec<Row<'_>> {
    let exec = TokioHandle::from(runtime.handle().clone());
    let [a, b, c] = [(); 3].map(|()| exec.clone());
    vec![
        own("for_each_on", on_runtime(runtime, move |limit| for_each_on(a.clone(), limit, map))),
        own("map_on, in order", on_runtime(runtime, move |limit| map_on(b.clone(), limit, map))),
        own(
            "map_on, unordered",
            on_runtime(runtime, move |limit| map_on_unordered(c.clone(), limit, map)),
        ),
    ]
}

/// The rows of anyscope.
fn own_executor_rows(executor: &Pool, map: impl Map) -> Vec<Row<'_>> {
    fn exec(executor: Pool) -> impl Spawn + Clone + Send + Sync + 'static {
        spawn_fn(move |child| executor.spawn(child).detach())
    }

    vec![
        own("for_each_on", on_executor(executor, move |e, limit| for_each_on(exec(e), limit, map))),
        own("map_on, in order", on_executor(executor, move |e, limit| map_on(exec(e), limit, map))),
        own(
            "map_on, unordered",
            on_executor(executor, move |e, limit| map_on_unordered(exec(e), limit, map)),
        ),
    ]
}

async fn for_each_on(exec: impl Spawn + Clone, limit: usize, map: impl Map) {
    let each = move |n| async move {
        black_box(map(n).await);
    };
    flow::iter(0..SPAWNED).for_each_on(&exec, at_most(limit), each).await.unwrap();
}

async fn map_on(exec: impl Spawn + Clone, limit: usize, map: impl Map) -> u64 {
    let mapped = flow::iter(0..SPAWNED).map_on(&exec, at_most(limit), map);
    mapped.fold(0_u64, async |sum, output| sum.wrapping_add(output.unwrap())).await
}

async fn map_on_unordered(exec: impl Spawn + Clone, limit: usize, map: impl Map) -> u64 {
    let mapped = flow::iter(0..SPAWNED).map_on(&exec, at_most(limit), map).unordered();
    mapped.fold(0_u64, async |sum, output| sum.wrapping_add(output.unwrap())).await
}

fn tokio_rows(runtime: &Runtime, map: impl Map) -> Vec<Row<'_>> {
    let mut rows = own_tokio_rows(runtime, map);
    rows.extend([
        peer("channel + workers", on_runtime(runtime, move |limit| tokio_workers(limit, map))),
        peer("JoinSet, by its length", on_runtime(runtime, move |limit| join_set(limit, map))),
        peer("JoinSet + Semaphore", on_runtime(runtime, move |limit| semaphore(limit, map))),
        peer(
            "map(spawn), futures-util buffered",
            on_runtime(runtime, move |limit| total(tokio_handles(map).buffered(limit))),
        ),
        peer(
            "map(spawn), futures-util buffer_unordered",
            on_runtime(runtime, move |limit| total(tokio_handles(map).buffer_unordered(limit))),
        ),
        peer(
            "map(spawn), futures-buffered buffered_unordered",
            on_runtime(runtime, move |limit| total(tokio_handles(map).buffered_unordered(limit))),
        ),
    ]);
    rows
}

fn tokio_handles(map: impl Map) -> impl Stream<Item = Unwrapped> + Send {
    stream::iter(0..SPAWNED).map(move |n| Unwrapped(tokio::spawn(map(n))))
}

/// A handle of a task that does not panic.
struct Unwrapped(JoinHandle<u64>);

impl Future for Unwrapped {
    type Output = u64;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<u64> {
        Pin::new(&mut self.0).poll(cx).map(Result::unwrap)
    }
}

async fn total(outputs: impl Stream<Item = u64>) -> u64 {
    outputs.fold(0, async |sum: u64, output| sum.wrapping_add(output)).await
}

async fn tokio_workers(limit: usize, map: impl Map) -> u64 {
    let (sender, items) = async_channel::bounded(limit);
    let mut workers = JoinSet::new();
    for _ in 0..limit {
        workers.spawn(worker(items.clone(), map));
    }
    for n in 0..SPAWNED {
        sender.send(n).await.unwrap();
    }
    drop(sender);
    workers.join_all().await.into_iter().fold(0, u64::wrapping_add)
}

async fn worker(items: async_channel::Receiver<usize>, map: impl Map) -> u64 {
    let mut sum = 0_u64;
    while let Ok(n) = items.recv().await {
        sum = sum.wrapping_add(map(n).await);
    }
    sum
}

async fn join_set(limit: usize, map: impl Map) -> u64 {
    let mut set = JoinSet::new();
    let mut sum = 0_u64;
    for n in 0..SPAWNED {
        if set.len() == limit {
            sum = sum.wrapping_add(set.join_next().await.unwrap().unwrap());
        }
        set.spawn(map(n));
    }
    while let Some(output) = set.join_next().await {
        sum = sum.wrapping_add(output.unwrap());
    }
    sum
}

async fn semaphore(limit: usize, map: impl Map) -> u64 {
    let semaphore = Arc::new(Semaphore::new(limit));
    let mut set = JoinSet::new();
    let mut sum = 0_u64;
    for n in 0..SPAWNED {
        let permit = semaphore.clone().acquire_owned().await.unwrap();
        set.spawn(async move {
            let output = map(n).await;
            drop(permit);
            output
        });
        while let Some(output) = set.try_join_next() {
            sum = sum.wrapping_add(output.unwrap());
        }
    }
    while let Some(output) = set.join_next().await {
        sum = sum.wrapping_add(output.unwrap());
    }
    sum
}

fn executor_rows(executor: &Pool, map: impl Map) -> Vec<Row<'_>> {
    let mut rows = own_executor_rows(executor, map);
    rows.extend([
        peer(
            "channel + workers",
            on_executor(executor, move |executor, limit| workers(executor, limit, map)),
        ),
        peer(
            "spawn + Semaphore",
            on_executor(executor, move |executor, limit| permits(executor, limit, map)),
        ),
        peer(
            "map(spawn), futures-util buffered",
            on_executor(executor, move |executor, limit| {
                total(handles(executor, map).buffered(limit))
            }),
        ),
        peer(
            "map(spawn), futures-util buffer_unordered",
            on_executor(executor, move |executor, limit| {
                total(handles(executor, map).buffer_unordered(limit))
            }),
        ),
        peer(
            "map(spawn), futures-buffered buffered_unordered",
            on_executor(executor, move |executor, limit| {
                total(handles(executor, map).buffered_unordered(limit))
            }),
        ),
    ]);
    rows
}

fn handles(executor: Pool, map: impl Map) -> impl Stream<Item = Handle<u64>> + Send {
    stream::iter(0..SPAWNED).map(move |n| executor.spawn(map(n)))
}

async fn workers(executor: Pool, limit: usize, map: impl Map) -> u64 {
    let (sender, items) = async_channel::bounded(limit);
    let workers: Vec<_> = (0..limit).map(|_| executor.spawn(worker(items.clone(), map))).collect();
    for n in 0..SPAWNED {
        sender.send(n).await.unwrap();
    }
    drop(sender);
    let mut sum = 0_u64;
    for worker in workers {
        sum = sum.wrapping_add(worker.await);
    }
    sum
}

async fn permits(executor: Pool, limit: usize, map: impl Map) -> u64 {
    let semaphore = Arc::new(SmolSemaphore::new(limit));
    let sum = Arc::new(AtomicU64::new(0));
    for n in 0..SPAWNED {
        let permit = semaphore.acquire_arc().await;
        let sum = sum.clone();
        let task = async move {
            sum.fetch_add(map(n).await, Ordering::Relaxed);
            drop(permit);
        };
        executor.spawn(task).detach();
    }
    for _ in 0..limit {
        semaphore.acquire_arc().await.forget();
    }
    sum.load(Ordering::Relaxed)
}

/// How many children are spawned at once.
const CHILDREN: usize = 10_000;

/// The rows of anyscope.
fn own_spawn_rows(runtime: &Runtime) -> Vec<Row<'_>> {
    let exec = TokioHandle::from(runtime.handle().clone());
    let [a, b] = [exec.clone(), exec];
    vec![
        own("spawn_all", on_runtime(runtime, move |n| spawn_all(a.clone(), n))),
        own("scope, spawn + await", on_runtime(runtime, move |n| spawn_each(b.clone(), n))),
    ]
}

async fn spawn_all(exec: TokioHandle, n: usize) -> u64 {
    scope(&exec, async |s| {
        let mut results = s.spawn_all((0..n).map(ready));
        let mut sum = 0_u64;
        while let Some((_, output)) = results.next().await {
            sum = sum.wrapping_add(output.unwrap());
        }
        sum
    })
    .await
}

async fn spawn_each(exec: TokioHandle, n: usize) -> u64 {
    scope(&exec, async |s| {
        let handles: Vec<_> = (0..n).map(|n| s.spawn(ready(n))).collect();
        let mut sum = 0_u64;
        for handle in handles {
            sum = sum.wrapping_add(handle.await.unwrap());
        }
        sum
    })
    .await
}

fn spawn_rows(runtime: &Runtime) -> Vec<Row<'_>> {
    async fn join_set(n: usize) -> u64 {
        let mut set: JoinSet<u64> = (0..n).map(ready).collect();
        let mut sum = 0_u64;
        while let Some(output) = set.join_next().await {
            sum = sum.wrapping_add(output.unwrap());
        }
        sum
    }

    async fn handles(n: usize) -> u64 {
        let handles: Vec<_> = (0..n).map(|n| tokio::spawn(ready(n))).collect();
        let mut sum = 0_u64;
        for handle in handles {
            sum = sum.wrapping_add(handle.await.unwrap());
        }
        sum
    }

    let mut rows = own_spawn_rows(runtime);
    rows.extend([
        peer("JoinSet", on_runtime(runtime, join_set)),
        peer("spawn + await", on_runtime(runtime, handles)),
    ]);
    rows
}

fn main() {
    let runtime = Builder::new_multi_thread().worker_threads(2).build().unwrap();
    let executor = support::executor_of_two_threads();
    let inline = |name, rows| Group {
        name,
        size: "limit",
        each: "item",
        sizes: &[50, 1000],
        items: |_| ITEMS,
        growth: None,
        counted: 1000,
        rows,
    };
    let spawned = |name, rows| Group { items: |_| SPAWNED, ..inline(name, rows) };
    group::main(&[
        inline("inline, ready at once", inline_rows(ready)),
        inline("inline, yields once", inline_rows(yields)),
        spawned("tokio, ready at once", tokio_rows(&runtime, ready)),
        spawned("tokio, yields once", tokio_rows(&runtime, yields)),
        spawned("async-executor, ready at once", executor_rows(&executor, ready)),
        spawned("async-executor, yields once", executor_rows(&executor, yields)),
        Group {
            name: "spawn many at once on tokio",
            size: "children",
            each: "child",
            sizes: &[CHILDREN],
            items: |n| n,
            growth: None,
            counted: CHILDREN,
            rows: spawn_rows(&runtime),
        },
    ]);
}
