//! Everything that is called of anyscope, in one place: what is renamed is renamed here.

use crate::{by_hand::ByHand, meter::Count, work::Waits};
use anyscope::{
    CancelToken, Clock, FutureMap, FutureSet, Instant, Limit, Semaphore, Spawn, StreamSet, Timer,
    When, block_scope, concurrent, flow,
    limit::{Limits, Rate, RateLimit},
    scope,
};
use futures_util::{Stream, StreamExt};
use std::{
    cell::Cell,
    future::Future,
    hint::black_box,
    pin::Pin,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    task::{Context, Poll},
    time::Duration,
};

fn at_most(limit: usize) -> Limit {
    Limit::try_from(limit).unwrap()
}

pub(crate) fn future_set<F: Future>(children: impl Iterator<Item = F>) -> FutureSet<F> {
    let mut set = FutureSet::new();
    for child in children {
        set.push(child);
    }
    set
}

pub(crate) fn future_map<F: Future>(children: impl Iterator<Item = F>) -> FutureMap<usize, F> {
    let mut map = FutureMap::new();
    for (key, child) in children.enumerate() {
        assert!(map.insert(key, child).is_ok());
    }
    map
}

/// One wait for each.
pub(crate) async fn set_wait_first(children: impl Iterator<Item: Future<Output = u64>>) -> u64 {
    let (mut set, mut sum) = (future_set(children), 0_u64);
    while let Ok(done) = set.wait(When::First).await.require() {
        sum = done.into_iter().fold(sum, u64::wrapping_add);
    }
    sum
}

/// One wait for all.
pub(crate) async fn set_wait_all(children: impl Iterator<Item: Future<Output = u64>>) -> u64 {
    future_set(children).wait(When::All).await.done.into_iter().fold(0, u64::wrapping_add)
}

pub(crate) async fn set_as_completed(children: impl Iterator<Item: Future<Output = u64>>) -> u64 {
    future_set(children).as_completed().fold(0_u64, async |sum, n| sum.wrapping_add(n)).await
}

pub(crate) async fn map_wait_first(children: impl Iterator<Item: Future<Output = u64>>) -> u64 {
    let (mut map, mut sum) = (future_map(children), 0_u64);
    while let Ok(done) = map.wait(When::First).await.require() {
        sum = done.into_iter().fold(sum, |sum, (_, n)| sum.wrapping_add(n));
    }
    sum
}

pub(crate) async fn map_as_completed(children: impl Iterator<Item: Future<Output = u64>>) -> u64 {
    let completed = future_map(children).as_completed();
    completed.fold(0_u64, async |sum, (_, n)| sum.wrapping_add(n)).await
}

pub(crate) fn stream_set<S: Stream>(sources: Vec<S>) -> StreamSet<S> {
    let mut set = StreamSet::new();
    for source in sources {
        set.push(source);
    }
    set
}

pub(crate) fn map<F: Future>(
    n: usize,
    limit: usize,
    f: impl FnMut(usize) -> F,
) -> impl Stream<Item = F::Output> {
    flow::iter(0..n).map_concurrent(at_most(limit), f).into_stream()
}

pub(crate) fn map_unordered<F: Future>(
    n: usize,
    limit: usize,
    f: impl FnMut(usize) -> F,
) -> impl Stream<Item = F::Output> {
    flow::iter(0..n).map_concurrent(at_most(limit), f).unordered().into_stream()
}

pub(crate) async fn for_each<F: Future<Output = ()>>(
    n: usize,
    limit: usize,
    each: impl FnMut(usize) -> F,
) {
    flow::iter(0..n).for_each_concurrent(at_most(limit), each).await;
}

pub(crate) fn merge_pair<S: Stream + Unpin>([a, b]: [S; 2]) -> impl Stream<Item = S::Item> {
    flow::merge([a, b]).into_stream()
}

pub(crate) fn merge_all<S: Stream + Unpin>(sources: Vec<S>) -> impl Stream<Item = S::Item> {
    flow::merge_all(sources).into_stream()
}

/// The parallel forms give `u64`s.
pub(crate) trait Work: Future<Output = u64> + Send + 'static {}

impl<F: Future<Output = u64> + Send + 'static> Work for F {}

pub(crate) async fn spawn_and_join<F: Work>(
    exec: &(impl Spawn + Clone),
    n: usize,
    f: impl Fn(usize) -> F,
) -> u64 {
    scope(exec, async |s| {
        let handles: Vec<_> = (0..n).map(|n| s.spawn(f(n))).collect();
        let mut sum = 0_u64;
        for handle in handles {
            sum = sum.wrapping_add(handle.await.unwrap());
        }
        sum
    })
    .await
}

/// What of [`spawn_and_join`] is counted.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Part {
    Spawn,
    Poll,
    Join,
}

pub(crate) async fn part_of_spawn_and_join<F: Work>(
    n: usize,
    f: impl Fn(usize) -> F,
    part: Option<Part>,
) {
    let count = |this| (part == Some(this)).then(|| Count::of(n));
    scope(&ByHand, async |s| {
        let mut handles = Vec::with_capacity(n);
        let counting = count(Part::Spawn);
        for n in 0..n {
            handles.push(s.spawn(f(n)));
        }
        drop(counting);
        let counting = count(Part::Poll);
        ByHand.run();
        drop(counting);
        let counting = count(Part::Join);
        for handle in handles {
            black_box(handle.await.unwrap());
        }
        drop(counting);
    })
    .await;
}

pub(crate) async fn concurrent_spawn_and_join<F: Work>(n: usize, f: impl Fn(usize) -> F) -> u64 {
    concurrent(async |s| {
        let handles: Vec<_> = (0..n).map(|n| s.spawn(f(n))).collect();
        let mut sum = 0_u64;
        for handle in handles {
            sum = sum.wrapping_add(handle.await.unwrap());
        }
        sum
    })
    .await
}

pub(crate) fn block_spawn_and_join<F: Work>(n: usize, f: impl Fn(usize) -> F) -> u64 {
    block_scope(&ByHand, async |s| {
        let handles: Vec<_> = (0..n).map(|n| s.spawn(f(n))).collect();
        let mut sum = 0_u64;
        for handle in handles {
            sum = sum.wrapping_add(handle.await.unwrap());
        }
        sum
    })
}

pub(crate) async fn empty_scope() {
    scope(&ByHand, async |s| _ = black_box(&s)).await;
}

pub(crate) async fn empty_concurrent() {
    concurrent(async |s| _ = black_box(&s)).await;
}

pub(crate) async fn spawn_all<F: Work>(n: usize, f: impl Fn(usize) -> F + Send + 'static) -> u64 {
    scope(&ByHand, async |s| {
        let mut results = s.spawn_all((0..n).map(f));
        let mut sum = 0_u64;
        while let Some((_, output)) = results.next().await {
            sum = sum.wrapping_add(output.unwrap());
        }
        sum
    })
    .await
}

/// What is done with an item in parallel.
pub(crate) trait Map<F>: Fn(usize) -> F + Copy + Send + Sync + 'static {}

impl<F, M: Fn(usize) -> F + Copy + Send + Sync + 'static> Map<F> for M {}

pub(crate) async fn for_each_on<F: Work>(n: usize, limit: usize, f: impl Map<F>) {
    let each = move |n| async move {
        black_box(f(n).await);
    };
    flow::iter(0..n).for_each_on(&ByHand, at_most(limit), each).await.unwrap();
}

pub(crate) async fn map_on<F: Work>(n: usize, limit: usize, f: impl Map<F>) -> u64 {
    let mapped = flow::iter(0..n).map_on(&ByHand, at_most(limit), f);
    mapped.fold(0_u64, async |sum, output| sum.wrapping_add(output.unwrap())).await
}

pub(crate) async fn map_on_unordered<F: Work>(n: usize, limit: usize, f: impl Map<F>) -> u64 {
    let mapped = flow::iter(0..n).map_on(&ByHand, at_most(limit), f).unordered();
    mapped.fold(0_u64, async |sum, output| sum.wrapping_add(output.unwrap())).await
}

/// Cancels children that wait. `all_wait` comes back when they do; `end`, when the executor has
/// forgotten them.
pub(crate) async fn cancel(
    exec: &(impl Spawn + Clone),
    n: usize,
    count: Option<To>,
    all_wait: impl AsyncFn(),
    end: impl AsyncFn(),
) {
    let counting = Cell::new(None);
    scope(exec, async |s| {
        for _ in 0..n {
            s.spawn(Waits::default());
        }
        all_wait().await;
        counting.set(count.map(|_| Count::of(n)));
        s.cancel("enough");
        if count == Some(To::Return) {
            counting.set(None);
        }
    })
    .await;
    end().await;
    drop(counting);
}

/// What of [`cancel`] is counted.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum To {
    Return,
    End,
}

pub(crate) const HOUR: Duration = Duration::from_secs(3600);

pub(crate) async fn timeout<F: Future>(timer: impl Timer, future: F) -> F::Output {
    let Ok(output) = anyscope::timeout(timer, HOUR, future).await else { panic!("an hour") };
    output
}

/// A retry of work that succeeds at once.
pub(crate) async fn retry<F: Future>(timer: impl Timer + Clock, work: impl Fn() -> F) -> F::Output {
    let work = || async { Ok::<_, ()>(work().await) };
    let Ok(output) = anyscope::resilience::retry(timer, [HOUR; 2], work).await else {
        panic!("it succeeds")
    };
    output
}

pub(crate) async fn permit(semaphore: &Semaphore, meanwhile: impl Future<Output = ()>) {
    let permit = semaphore.acquire().await.unwrap();
    meanwhile.await;
    drop(permit);
}

/// Once in a millisecond of [`Passing`] time, or seldom enough.
fn rate() -> Rate {
    Rate::per_second(1000)
}

pub(crate) fn rate_limit() -> RateLimit {
    RateLimit::new(rate())
}

pub(crate) fn limits() -> Limits<u32> {
    Limits::builder().resource(0, 10).rate(1, rate()).build().unwrap()
}

pub(crate) async fn rate_acquire(limit: &RateLimit) {
    black_box(limit.acquire(Passing).await);
}

pub(crate) fn rate_try_acquire(limit: &RateLimit) {
    assert!(black_box(limit.try_acquire(Passing)).is_ok());
}

pub(crate) async fn limits_acquire(limits: &Limits<u32>) {
    drop(black_box(limits.acquire(Passing, [(0, 1), (1, 1)]).await.unwrap()));
}

pub(crate) async fn throttle(items: usize) -> usize {
    flow::iter(0..items).throttle(Passing, Duration::from_millis(1)).count().await
}

pub(crate) async fn throttle_by_rate(items: usize) -> usize {
    flow::iter(0..items).throttle(Passing, rate()).count().await
}

/// A timer whose sleeps are over at once, and a clock on which a millisecond passes with each look.
pub(crate) struct Passing;

impl Clock for Passing {
    fn now(&self) -> Instant {
        static MILLIS: AtomicU64 = AtomicU64::new(0);
        // Not locked.
        MILLIS.store(MILLIS.load(Relaxed) + 1, Relaxed);
        Instant::from_epoch(Duration::from_millis(MILLIS.load(Relaxed)))
    }
}

impl Timer for Passing {
    type Sleep = std::future::Ready<()>;

    fn sleep(&self, duration: Duration) -> Self::Sleep {
        black_box(duration);
        std::future::ready(())
    }
}

/// A timer whose sleeps cost nothing.
pub(crate) struct Free;

pub(crate) struct Sleep;

impl Clock for Free {
    fn now(&self) -> Instant {
        Instant::from_epoch(black_box(HOUR))
    }
}

impl Timer for Free {
    type Sleep = Sleep;

    fn sleep(&self, duration: Duration) -> Sleep {
        black_box(duration);
        Sleep
    }
}

impl Future for Sleep {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        black_box(cx);
        Poll::Pending
    }
}

pub(crate) fn token() -> CancelToken {
    CancelToken::new().child_token()
}

pub(crate) fn is_cancelled(token: &CancelToken) -> bool {
    token.is_cancelled()
}

pub(crate) fn child_token(token: &CancelToken) -> CancelToken {
    token.child_token()
}

pub(crate) fn cancel_token(token: &CancelToken) {
    token.cancel("enough");
}
