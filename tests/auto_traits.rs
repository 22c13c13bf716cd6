//! Which public types may move between threads, and which must not: a row for each.
//!
//! This file is its own test: if a row is wrong, it does not compile.

#![allow(dead_code)]

use anyscope::{
    flow::{
        poll_source::{self, PollSource, Schedule},
        sources::{self, Chunks},
        time::{
            ChunksTimeout, Debounce, DelayEach, Sample, TakeUntil, Throttle, ThrottleLatest,
            TimeoutEach,
        },
    },
    future::*,
    limit::{
        InvalidAmount, InvalidAsk, InvalidLimits, InvalidPartitions, InvalidRate, KeyedRateLimit,
        Limits, LimitsBuilder, LimitsPermit, NotYet, PartitionPermit, Partitioned,
        PartitionedBuilder, Rate, RateGrant, RateLimit, TryLimitsError, TryPartitionError,
        TryRateError, UnknownPartition,
        adaptive::{self, Aimd, Gradient2, Ratio, Vegas, Windowed},
    },
    pool::resources,
    set::{First, Told},
    sim::{self, Explorer, Marble, Sim, SimHandle, Sleep},
    smol::{Smol, SmolExecutor, SmolHandle, SmolLocal, SmolLocalHandle, SmolStatic},
    threads::{Builder, ThreadPool, ThreadPoolHandle},
    tokio::{TokioHandle, TokioLocal, TokioLocalHandle, TokioRuntime, WithTokio},
    *,
};
use std::{cell::Cell, rc::Rc};

/// A value that may be sent, but not shared.
type SendOnly = Cell<u8>;
/// A value that stays on its thread.
type Local = Rc<u8>;
type Body = std::future::Ready<()>;
type SendBody = std::future::Ready<SendOnly>;
type LocalBody = std::future::Ready<Local>;
/// A future that must not be moved.
type Pinned = std::marker::PhantomPinned;
/// Futures and streams that must not be moved.
type PinnedBody = Timeout<TokioHandle, Body>;
type PinnedStream = futures_lite::stream::OnceFuture<PinnedBody>;
type TryBody = std::future::Ready<Result<(), Local>>;
/// `$type` is `$bound`.
macro_rules! yes {
    ($bound:ident: $($type:ty),+ $(,)?) => {$(
        const _: fn() = || {
            fn check<T: ?Sized + $bound>() {}
            check::<$type>();
        };
    )+};
}

/// `$type` is not `$bound`: else there would be two ways to fill in the blank.
macro_rules! no {
    ($bound:ident: $($type:ty),+ $(,)?) => {$(
        const _: fn() = || {
            trait Ambiguous<A> {
                fn check() {}
            }
            impl<T: ?Sized> Ambiguous<()> for T {}
            impl<T: ?Sized + $bound> Ambiguous<u8> for T {}
            <$type as Ambiguous<_>>::check();
        };
    )+};
}

// What an executor is lent, and what a user is given.
yes!(Send: Child, JoinHandle<'_, SendOnly>, Cancel<'_, SendOnly>, Value<'_, SendOnly>);
yes!(Sync: Child, JoinHandle<'_, SendOnly>, JoinHandle<'_, Local>);
yes!(Unpin: Child, LocalChild, JoinHandle<'_, Local>, LocalJoinHandle<'_, Local>);
no!(Send: LocalChild, LocalJoinHandle<'_, ()>, JoinHandle<'_, Local>, Cancel<'_, Local>);
no!(Sync: LocalChild, LocalJoinHandle<'_, ()>);
yes!(Send: KeepAlive, JoinError, Cancelled, CancelledBy, ChildId, Panic, Limit, ZeroLimit, Instant);
yes!(Sync: KeepAlive, JoinError, Cancelled, CancelledBy, ChildId, Panic, Limit, ZeroLimit, Instant);

// Scopes: as their children.
yes!(Send: Scope<Smol>, TryScope<Smol, SendOnly>, LimitedScope<Smol>, OwnedScope<Smol>);
yes!(Sync: Scope<Smol>, TryScope<Smol, SendOnly>, LimitedScope<Smol>, OwnedScope<Smol>);
yes!(Send: Concurrent<'_>, TryConcurrent<'_, SendOnly>);
yes!(Sync: Concurrent<'_>, TryConcurrent<'_, SendOnly>);
yes!(Sync: BlockScope<'_, '_, Smol>, TryBlockScope<'_, '_, Smol, SendOnly>);
no!(Send: LocalScope<Smol>, LocalConcurrent<'_>, TryScope<Smol, Local>, TryConcurrent<'_, Local>);
no!(Sync: LocalScope<Smol>, LocalConcurrent<'_>, TryScope<Smol, Local>, TryConcurrent<'_, Local>);
yes!(Send: ScopeFuture<Body>, ConcurrentFuture<'_, Body>);
no!(Send: ScopeFuture<LocalBody>, ConcurrentFuture<'_, LocalBody>);
no!(Send: ScopeFuture<TryBody, FailFast<Local>>);
no!(Send: ScopeFuture<Body, Supervise, SameThread>, ConcurrentFuture<'_, Body, Supervise, SameThread>);
yes!(Send: Ready<SendOnly>, Start<'_, SendOnly, SendOnly>, ScopeError<SendOnly>);
no!(Send: Ready<Local>, Start<'_, Local, ()>, Start<'_, (), Local>, ScopeError<Local>);
yes!(Send: Supervise, FailFast<SendOnly>, Anywhere, TrySpawnError<SendOnly>);
no!(Send: FailFast<Local>, SameThread);

// Restarts: as the timer, the function, its future and the observer.
type RestartingWith<N> =
    Restarting<TokioHandle, OnFailure, [std::time::Duration; 0], fn() -> Body, Body, N>;
yes!(Send: Restart<TokioHandle>, Observed<SendOnly>, Unobserved, Restarted<'_, u8>);
yes!(Sync: Restart<TokioHandle>, Observed<u8>, Unobserved, Restarted<'_, u8>);
yes!(Clone: Restart<TokioHandle>, Observed<u8>, Unobserved);
yes!(Send: RestartingWith<Unobserved>, RestartingWith<Observed<SendOnly>>);
no!(Send: RestartingWith<Observed<Local>>, Restart<Rc<TokioHandle>>, Restarted<'_, SendOnly>);

// Sets: as their futures with their outputs, and keys, which they never move.
yes!(Send: FutureSet<SendBody>, StreamSet<SendOnly>, FutureMap<SendOnly, SendBody>);
yes!(Send: StreamMap<SendOnly, SendOnly>, DuplicateKey<SendOnly, SendOnly>, Keys<'_, u8>);
yes!(Sync: FutureSet<Body>, StreamSet<u8>, FutureMap<u8, Body>, StreamMap<u8, u8>, Keys<'_, u8>);
yes!(Unpin: FutureSet<PinnedBody>, StreamSet<Pinned>, FutureMap<Pinned, PinnedBody>);
yes!(Unpin: StreamMap<Pinned, Pinned>, Keys<'_, Pinned>);
no!(Send: FutureSet<LocalBody>, StreamSet<Local>, FutureMap<u8, LocalBody>, FutureMap<Local, Body>);
no!(Send: StreamMap<u8, Local>, StreamMap<Local, u8>, DuplicateKey<u8, Local>, Keys<'_, SendOnly>);
no!(Sync: FutureSet<SendBody>, StreamSet<SendOnly>, FutureMap<u8, SendBody>);
no!(Sync: FutureMap<SendOnly, Body>, StreamMap<u8, SendOnly>, StreamMap<SendOnly, u8>);
no!(Unpin: DuplicateKey<u8, Pinned>);

// Waits: as the set or map. Handles: for every thread if what they add may go there.
yes!(Send: Wait<'_, FutureMap<SendOnly, SendBody>, First>, Waited<SendOnly>, Unmet<SendOnly>);
yes!(Send: TimedWait<'_, FutureSet<SendBody>, First, TokioHandle>);
yes!(Send: Wait<'_, FutureSet<Body>, Told<First, Smol, SendOnly, Local>>);
no!(Send: Wait<'_, FutureSet<Body>, Told<First, Smol, Local, u8>>);
yes!(Send: MapHandle<SendOnly, SendBody>, SetHandle<SendBody>, InsertError<SendOnly, SendBody>);
yes!(Sync: MapHandle<SendOnly, SendBody>, SetHandle<SendBody>, ClosedSet<Body>);
yes!(Clone: MapHandle<SendOnly, SendBody>, SetHandle<SendBody>);
yes!(Unpin: Wait<'_, FutureSet<PinnedBody>, First>, MapHandle<u8, PinnedBody>);
yes!(Unpin: sources::AsCompleted<FutureSet<PinnedBody>>);
no!(Send: Wait<'_, FutureSet<LocalBody>, First>, Waited<Local>, Unmet<Local>);
no!(Send: MapHandle<u8, LocalBody>, MapHandle<Local, Body>, SetHandle<LocalBody>);
no!(Sync: MapHandle<u8, LocalBody>, SetHandle<LocalBody>);

// Cancels.
yes!(Send: CancelToken, CancelReason, CancelGuard, Grace, DeadlineHandle);
yes!(Sync: CancelToken, CancelReason, CancelGuard, Grace, DeadlineHandle);
yes!(Clone: CancelToken, CancelReason, Grace, DeadlineHandle, Cancelled);
// A second guard would cancel what the first one was to keep.
no!(Clone: CancelGuard);
yes!(Send: WaitCancelled<'_>, RunUntilCancelled<'_, Body>);
yes!(Sync: WaitCancelled<'_>, RunUntilCancelled<'_, Body>);
yes!(Unpin: WaitCancelled<'_>, CancelToken, CancelGuard);
no!(Send: RunUntilCancelled<'_, LocalBody>);
no!(Sync: RunUntilCancelled<'_, LocalBody>);
no!(Unpin: RunUntilCancelled<'_, Pinned>);

// Sets: as their children; the slots of their wakers are for everybody.
yes!(Send: FixedFutureSet<Body, 4>, FixedStreamSet<SendOnly, 4>, TryPushError<SendOnly>);
yes!(Sync: FixedFutureSet<Body, 4>, FixedStreamSet<Body, 4>, TryPushError<Body>);
yes!(Unpin: FixedFutureSet<Body, 4>, FixedStreamSet<Body, 4>, WakeSlots<1>, NoWakeSlot);
no!(Send: FixedFutureSet<LocalBody, 4>, FixedStreamSet<Local, 4>, TryPushError<Local>);
no!(Sync: FixedFutureSet<LocalBody, 4>, FixedStreamSet<SendOnly, 4>, TryPushError<SendOnly>);
no!(Unpin: FixedFutureSet<Pinned, 4>, FixedStreamSet<Pinned, 4>);
yes!(Send: WakeSlots<1>, NoWakeSlot);
yes!(Sync: WakeSlots<1>, NoWakeSlot);
// Two would count as one.
no!(Clone: FixedFutureSet<Body, 4>, FixedStreamSet<Body, 4>, WakeSlots<1>);

// Time: as the timer, its sleeps and the future.
yes!(Send: Elapsed, Timeout<Smol, Body>, Deadline<Smol, Body>, Timeout<TokioHandle, Body>);
yes!(Sync: Elapsed, Timeout<SimHandle, Body>, Deadline<SimHandle, Body>);
no!(Send: Timeout<Smol, LocalBody>, Deadline<Smol, LocalBody>, Timeout<Rc<Smol>, Body>);
no!(Sync: Timeout<Smol, LocalBody>, Deadline<Smol, LocalBody>, Timeout<Rc<Smol>, Body>);
no!(Unpin: Timeout<Smol, Pinned>, Deadline<Smol, Pinned>);

// Operators that know the time: as the source, its items and the timer; they may be moved wherever
// the source may, whatever the sleeps of the timer.
type Numbers = sources::Iter<std::vec::IntoIter<SendOnly>>;
type LocalNumbers = sources::Iter<std::vec::IntoIter<Local>>;
type PinnedNumbers = sources::FromStream<PinnedStream>;
yes!(Send: TimeoutEach<Numbers, TokioHandle>, flow::time::Deadline<Numbers, TokioHandle>, Chunks<Numbers>);
yes!(Send: TakeUntil<Numbers, Body>, ChunksTimeout<Numbers, TokioHandle>, Throttle<Numbers, TokioHandle>);
yes!(Send: ThrottleLatest<Numbers, TokioHandle>, DelayEach<Numbers, TokioHandle>, Debounce<Numbers, TokioHandle>);
yes!(Send: Sample<Numbers, TokioHandle>, PollSource<TokioHandle, fn(), SendOnly>);
no!(Send: TimeoutEach<LocalNumbers, TokioHandle>, flow::time::Deadline<LocalNumbers, TokioHandle>);
no!(Send: Chunks<LocalNumbers>, TakeUntil<LocalNumbers, Body>, TakeUntil<Numbers, LocalBody>);
no!(Send: ChunksTimeout<LocalNumbers, TokioHandle>, Throttle<LocalNumbers, TokioHandle>);
no!(Send: ThrottleLatest<LocalNumbers, TokioHandle>, DelayEach<LocalNumbers, TokioHandle>);
no!(Send: Debounce<LocalNumbers, TokioHandle>, Sample<LocalNumbers, TokioHandle>, Sample<Numbers, Rc<TokioHandle>>);
no!(Send: PollSource<TokioHandle, Local, u8>, PollSource<TokioHandle, fn(), Local>);
no!(Sync: Chunks<Numbers>, Throttle<Numbers, Smol>, PollSource<Smol, fn(), SendOnly>);
yes!(Unpin: TimeoutEach<Numbers, TokioHandle>, flow::time::Deadline<Numbers, TokioHandle>, Chunks<Numbers>);
yes!(Unpin: TakeUntil<Numbers, Body>, ChunksTimeout<Numbers, TokioHandle>, Throttle<Numbers, TokioHandle>);
yes!(Unpin: ThrottleLatest<Numbers, TokioHandle>, DelayEach<Numbers, TokioHandle>, Debounce<Numbers, TokioHandle>);
yes!(Unpin: Sample<Numbers, TokioHandle>, PollSource<TokioHandle, Pinned, Pinned>);
no!(Unpin: Throttle<PinnedNumbers, Smol>, Chunks<PinnedNumbers>, TakeUntil<Numbers, PinnedBody>);
yes!(Send: Schedule, poll_source::Adaptive, poll_source::Exponential);
yes!(Sync: Schedule, poll_source::Fixed, poll_source::Progressive);
yes!(Clone: Schedule, poll_source::Fixed, poll_source::Progressive);

// Limits are for every thread; who waits for one goes where its timer and the sleeps of it go.
yes!(Send: RateLimit, KeyedRateLimit<u8>, RateGrant, Rate, NotYet, InvalidRate);
yes!(Sync: RateLimit, KeyedRateLimit<u8>, RateGrant, InvalidAmount, TryRateError);
yes!(Clone: RateLimit, KeyedRateLimit<u8>, Rate);
yes!(Send: AcquireRate<TokioHandle>, AcquireRateMany<TokioHandle>);
no!(Send: AcquireRate<Rc<Smol>>, KeyedRateLimit<Local>);
// A key is compared by any thread that looks for another.
no!(Sync: KeyedRateLimit<SendOnly>);
yes!(Send: Limits<u8>, LimitsBuilder<SendOnly>, LimitsPermit<u8>, InvalidLimits, InvalidAsk, TryLimitsError);
yes!(Sync: Limits<u8>, LimitsPermit<u8>);
yes!(Clone: Limits<u8>);
yes!(Send: AcquireLimits<u8, TokioHandle>);
no!(Send: AcquireLimits<u8, Rc<Smol>>, Limits<SendOnly>, LimitsPermit<SendOnly>);
yes!(Send: Partitioned<u8>, PartitionedBuilder<SendOnly>, PartitionPermit<u8>, AcquirePartition<u8>);
yes!(Sync: Partitioned<u8>, PartitionPermit<u8>, InvalidPartitions, UnknownPartition, TryPartitionError);
yes!(Clone: Partitioned<u8>);
no!(Send: Partitioned<SendOnly>, PartitionPermit<SendOnly>, AcquirePartition<SendOnly>);
// What was given back twice would be granted twice.
no!(Clone: RateGrant, LimitsPermit<u8>, PartitionPermit<u8>);

// Flows: as their source, their work and its values.
type OkSource = sources::Iter<std::vec::IntoIter<Result<u8, SendOnly>>>;
type Map<Work, Value = ()> =
    sources::MapConcurrent<Numbers, sources::Call<fn(SendOnly) -> WorkOf<Work, Value>>>;
type Step<Work, Value> = Fold<Numbers, Value, fn(Value, SendOnly) -> Work, Work>;

/// Work that has a `Work` and gives a `Value`.
struct WorkOf<Work, Value>(Work, std::marker::PhantomData<fn() -> Value>);

impl<Work, Value> std::future::Future for WorkOf<Work, Value> {
    type Output = Value;

    fn poll(
        self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Value> {
        std::task::Poll::Pending
    }
}

yes!(Send: LiveLimit, Capacity, flow::Flow<Numbers>, sources::FromStream<PinnedStream>);
yes!(Sync: LiveLimit, Capacity);
yes!(Clone: LiveLimit, Capacity, flow::Flow<Numbers>, sources::MapParts<(), (), ()>);
no!(Send: flow::Flow<LocalNumbers>);
// As the algorithm, which runs on whichever thread a call ends.
yes!(Send: AdaptiveLimit<SendOnly>, adaptive::Partition<SendOnly>, adaptive::Call<SendOnly, SendOnly>);
yes!(Sync: AdaptiveLimit<SendOnly>, adaptive::Partition<SendOnly>, adaptive::Call<SendOnly, Smol>);
yes!(Clone: AdaptiveLimit<SendOnly>, adaptive::Partition<SendOnly>, Aimd, Vegas, Gradient2, Windowed<Aimd>, Ratio);
no!(Send: AdaptiveLimit<Local>, adaptive::Partition<Local>, adaptive::Call<Local, Smol>, adaptive::Call<Aimd, Local>);
no!(Sync: AdaptiveLimit<Local>, adaptive::Call<Aimd, SendOnly>);
no!(Clone: adaptive::Call<Aimd, Smol>);
yes!(Send: Measured<SendOnly, SendOnly, SendOnly, SendOnly>);
no!(Send: Measured<Local, Smol, Body, fn()>, Measured<Aimd, Local, Body, fn()>);
no!(Send: Measured<Aimd, Smol, Local, fn()>, Measured<Aimd, Smol, Body, Local>);
yes!(Unpin: AdaptiveLimit<Pinned>, Measured<Aimd, Pinned, Body, Pinned>);
no!(Unpin: Measured<Aimd, Smol, Pinned, fn()>);
yes!(Send: Map<SendOnly>, Map<(), SendOnly>, sources::MapParts<Numbers, SendOnly, SendOnly>);
no!(Send: Map<Local>, Map<(), Local>, sources::MapParts<(), Local, ()>, sources::MapParts<(), (), Local>);
no!(Send: sources::MapConcurrent<LocalNumbers, sources::Call<fn(Local) -> Body>>);
no!(Send: sources::MapConcurrent<Numbers, sources::OnUndelivered<sources::Call<fn(SendOnly) -> Body>, Box<dyn FnMut(())>>>);
no!(Sync: Map<SendOnly>, Map<(), SendOnly>, sources::MapParts<(), (), SendOnly>);
// Work is pinned in its chunk; the source is in the map.
yes!(Unpin: Map<Pinned>, sources::Iter<Pinned>);
no!(Unpin: sources::MapConcurrent<PinnedNumbers, sources::Call<fn(Result<(), Elapsed>) -> Body>>, PinnedNumbers);
yes!(Send: ForEachConcurrent<Numbers, fn(SendOnly) -> Body>);
yes!(Send: TryForEachConcurrent<Numbers, fn(SendOnly) -> std::future::Ready<Result<(), SendOnly>>>);
no!(Send: ForEachConcurrent<LocalNumbers, fn(Local) -> Body>);
no!(Send: ForEachConcurrent<Numbers, fn(SendOnly) -> WorkOf<Local, ()>>);
no!(Send: TryForEachConcurrent<Numbers, fn(SendOnly) -> WorkOf<Local, Result<(), ()>>>);
yes!(Send: Step<WorkOf<SendOnly, u8>, u8>, TryFold<Numbers, SendOnly, (), Body>);
no!(Send: Step<WorkOf<Local, u8>, u8>, Step<WorkOf<(), Local>, Local>);
no!(Send: TryFold<Numbers, Local, (), Body>, TryFold<Numbers, (), Local, Body>);
no!(Unpin: Step<WorkOf<Pinned, u8>, u8>, TryFold<Numbers, (), (), Pinned>);
yes!(Send: Collect<Numbers, Vec<SendOnly>>, TryCollect<OkSource, Vec<u8>>);
yes!(Send: Count<Numbers>, PartitionResults<OkSource, u8, SendOnly>);
yes!(Send: flow::Partitioned<u8, SendOnly>);
no!(Send: Collect<(), Vec<Local>>, TryCollect<(), Vec<Local>>, Count<Local>);
no!(Send: PartitionResults<(), Local, ()>, PartitionResults<(), (), Local>);
no!(Send: flow::Partitioned<Local, ()>, flow::Partitioned<(), Local>);
yes!(Send: Drive<Numbers, Body>, flow::Items<SendOnly>, NextItem<'_, SendOnly>);
// One takes, through `&mut`.
yes!(Sync: flow::Items<SendOnly>, NextItem<'_, SendOnly>);
yes!(Unpin: flow::Items<Pinned>, NextItem<'_, Pinned>);
no!(Send: Drive<LocalNumbers, Body>, Drive<Numbers, LocalBody>);
no!(Send: flow::Items<Local>, NextItem<'_, Local>);
no!(Sync: flow::Items<Local>, NextItem<'_, Local>);
no!(Unpin: Drive<Numbers, Pinned>);
// A second taker would take the place of the first.
no!(Clone: flow::Items<u8>);

// Retries: as the timer, the delays, the function, its future and the errors.
use resilience::{Attempts, Failure, GaveUp, RetryBudget};
type Retrying<T, F, Fut, E> = Retry<T, Exponential, F, Fut, E>;
yes!(Send: Retrying<TokioHandle, SendOnly, SendBody, SendOnly>, Attempts<SendOnly, SendOnly>);
yes!(Send: RetryBudget, GaveUp, Failure<SendOnly, SendOnly>, Exponential);
yes!(Sync: RetryBudget, GaveUp, Exponential, Attempts<u8>, Failure<u8>);
yes!(Clone: RetryBudget, GaveUp, Exponential, Attempts<u8>, Failure<u8>);
yes!(Unpin: Retrying<SimHandle, Pinned, Body, Pinned>, RetryBudget);
no!(Send: Retrying<Smol, Local, SendBody, u8>, Retrying<Smol, u8, LocalBody, u8>);
no!(Send: Retrying<Smol, u8, SendBody, Local>, Retrying<Rc<Smol>, u8, SendBody, u8>);
no!(Send: Attempts<Local>, Failure<(), Local>);
no!(Unpin: Retrying<Smol, u8, Pinned, u8>);
no!(Clone: Retrying<Smol, u8, Body, u8>);

// Repeats: as their parts, and the last value.
type Repeating<T, F, Fut, V> = Repeat<T, Exponential, F, Fut, V>;
yes!(Send: Repeating<TokioHandle, SendOnly, SendBody, SendOnly>);
yes!(Unpin: Repeating<SimHandle, Pinned, Body, Pinned>);
no!(Send: Repeating<Smol, Local, Body, u8>, Repeating<Smol, u8, LocalBody, u8>);
no!(Send: Repeating<Smol, u8, Body, Local>, Repeating<Rc<Smol>, u8, Body, u8>);
no!(Unpin: Repeating<SimHandle, u8, Pinned, u8>);
no!(Clone: Repeating<Smol, u8, Body, u8>);

// Hedges, fallbacks and shared calls: as their parts. Keys and results are seen by all who ask.
use resilience::{Percentile, SingleFlight};
type Hedging<F, Fut, E> = Hedge<TokioHandle, Percentile, F, Fut, E, SendOnly>;
type Asking<'a, K, V, F, Fut> = Flying<'a, K, V, F, Fut>;
yes!(Send: Hedging<SendOnly, SendBody, SendOnly>, Percentile, WithFallback<SendBody, SendOnly, SendBody>);
yes!(Sync: Percentile, SingleFlight<u8, u8>);
yes!(Clone: Percentile);
yes!(Send: SingleFlight<u8, u8>, Asking<'_, u8, u8, SendOnly, SendBody>);
no!(Send: Hedging<Local, SendBody, u8>, Hedging<u8, LocalBody, u8>, Hedging<u8, SendBody, Local>);
no!(Send: WithFallback<LocalBody, u8, u8>, WithFallback<u8, Local, u8>, WithFallback<u8, u8, LocalBody>);
no!(Send: Asking<'_, SendOnly, u8, u8, Body>, Asking<'_, u8, SendOnly, u8, Body>);
no!(Send: Asking<'_, u8, u8, Local, Body>, Asking<'_, u8, u8, u8, LocalBody>);
no!(Sync: SingleFlight<SendOnly, u8>, SingleFlight<u8, SendOnly>);
no!(Unpin: Hedging<u8, Pinned, u8>, Asking<'_, u8, u8, u8, Pinned>);

// Adapters.
yes!(Send: Smol, SmolExecutor, SmolHandle, SmolStatic, TokioHandle, TokioRuntime, WithTokio<Smol>);
yes!(Sync: Smol, SmolExecutor, SmolHandle, SmolStatic, TokioHandle, TokioRuntime, WithTokio<Smol>);
yes!(Send: ThreadPool, ThreadPoolHandle, Builder);
yes!(Sync: ThreadPool, ThreadPoolHandle, Builder);
no!(Send: SmolLocal, SmolLocalHandle, TokioLocal, TokioLocalHandle);
// Owners are not handed around: whoever has one may block on it, and its drop is the shutdown.
no!(Clone: SmolExecutor, SmolLocal, TokioRuntime, TokioLocal, ThreadPool);
yes!(Copy: Smol, SmolStatic);
yes!(Clone: Smol, SmolHandle, SmolLocalHandle, TokioHandle, TokioLocalHandle, ThreadPoolHandle);
no!(Send: enter::Entered);

// Operators on one item at a time, and progress: as the source and what they call.
type Items = sources::Iter<std::vec::IntoIter<SendOnly>>;
type LocalItems = sources::Iter<std::vec::IntoIter<Local>>;
type Inspected<S, F> = sources::Adapt<S, sources::Inspect<F>>;
yes!(Send: Inspected<Items, fn()>, sources::Take<Items>, sources::Prefetch<Items>);
yes!(Send: sources::FlattenIter<Items, SendOnly>, sources::ReportProgress<Items, Smol, SendOnly>);
yes!(Send: sources::CatchUnwind<SendOnly>, sources::CatchUnwindWork<Body>);
yes!(Sync: sources::Adapt<(), sources::Enumerate>, sources::Take<()>, sources::CatchUnwindWork<Body>);
no!(Send: Inspected<LocalItems, fn()>, Inspected<Items, Local>, sources::Take<LocalItems>);
no!(Send: sources::Prefetch<LocalItems>, sources::FlattenIter<Items, Local>);
no!(Send: sources::FlattenIter<LocalItems, ()>, sources::ReportProgress<LocalItems, Smol, ()>);
no!(Send: sources::ReportProgress<Items, Rc<Smol>, ()>, sources::ReportProgress<Items, Smol, Local>);
no!(Send: sources::CatchUnwind<Local>, sources::CatchUnwindWork<LocalBody>);
no!(Sync: sources::Prefetch<Items>);
yes!(Unpin: Inspected<Items, Pinned>, sources::Take<Items>, sources::Prefetch<Items>);
no!(Unpin: Inspected<Pinned, ()>, sources::Take<Pinned>, sources::CatchUnwindWork<Pinned>);
yes!(Send: observe::tree::Tree, observe::tree::Builder, observe::tree::Snapshot, observe::tree::ScopeView, observe::tree::ChildView, observe::tree::Wait, observe::tree::State, observe::tree::Verdict, observe::tree::Stuck, observe::Labelled<SendOnly>, observe::Detailed<SendOnly, SendOnly>);
yes!(Sync: observe::tree::Tree, observe::tree::Builder, observe::tree::Snapshot, observe::tree::ScopeView, observe::tree::ChildView, observe::tree::Wait, observe::tree::State, observe::tree::Verdict, observe::tree::Stuck);
yes!(Clone: observe::tree::Tree, observe::tree::Snapshot, observe::tree::Verdict, observe::tree::State);
no!(Send: observe::Labelled<Local>, observe::Detailed<Local, SendOnly>, observe::Detailed<SendOnly, Local>);
yes!(Send: observe::recorder::Recorder, observe::recorder::Builder, observe::recorder::Recording, observe::recorder::Event, observe::recorder::Life, observe::recorder::What);
yes!(Sync: observe::recorder::Recorder, observe::recorder::Builder, observe::recorder::Recording, observe::recorder::Event, observe::recorder::Life, observe::recorder::What);
yes!(Clone: observe::recorder::Recorder, observe::recorder::Recording, observe::recorder::Event, observe::recorder::Life, observe::recorder::What);
yes!(Send: resilience::breaker::CircuitBreaker, resilience::breaker::KeyedBreakers<u8>, resilience::breaker::Builder, resilience::breaker::Rejected, resilience::breaker::BreakerError<u8>, resilience::breaker::InvalidBreaker, resilience::breaker::Transition, resilience::Bulkhead, resilience::BulkheadError);
yes!(Sync: resilience::breaker::CircuitBreaker, resilience::breaker::KeyedBreakers<u8>, resilience::breaker::Builder, resilience::breaker::Rejected, resilience::breaker::BreakerError<u8>, resilience::breaker::InvalidBreaker, resilience::breaker::Transition, resilience::Bulkhead, resilience::BulkheadError);
yes!(Clone: resilience::breaker::CircuitBreaker, resilience::breaker::KeyedBreakers<u8>, resilience::Bulkhead);

// Channels: for every thread if what they carry may go there, whether it may be shared or not.
yes!(Send: channel::Sender<SendOnly>, channel::Receiver<SendOnly>, channel::Permit<'static, SendOnly>);
yes!(Send: channel::OwnedPermit<SendOnly>, channel::SendError<SendOnly>, channel::TrySendError<SendOnly>);
yes!(Send: channel::QueueSender<SendOnly>, channel::QueueReceiver<SendOnly>, channel::QueueStatus);
yes!(Send: Sending<'static, SendOnly>, Reserving<'static, SendOnly>, ReservingOwned<SendOnly>);
yes!(Send: Receiving<'static, SendOnly>, QueueReceiving<'static, SendOnly>);
yes!(Sync: channel::Sender<SendOnly>, channel::QueueSender<SendOnly>, channel::QueueReceiver<SendOnly>);
yes!(Sync: channel::Overflow, channel::QueueStatus, channel::TryRecvError, channel::SendError<u8>);
yes!(Clone: channel::Sender<SendOnly>, channel::QueueSender<SendOnly>, channel::QueueStatus);
yes!(Unpin: channel::Sender<Pinned>, channel::Receiver<Pinned>, channel::QueueReceiver<Pinned>);
yes!(Unpin: Sending<'static, Pinned>, ReservingOwned<Pinned>, QueueReceiving<'static, Pinned>);
no!(Send: channel::Sender<Local>, channel::Receiver<Local>, channel::Permit<'static, Local>);
no!(Send: channel::OwnedPermit<Local>, Sending<'static, Local>, ReservingOwned<Local>);
no!(Send: channel::QueueSender<Local>, channel::QueueReceiver<Local>, QueueReceiving<'static, Local>);
no!(Sync: channel::Sender<Local>, channel::QueueSender<Local>, channel::QueueReceiver<Local>);
no!(Clone: channel::Receiver<u8>, channel::QueueReceiver<u8>, channel::Permit<'static, u8>, channel::OwnedPermit<u8>);

yes!(Send: limit::Backlog, limit::Semaphore, limit::Permit<'static>, limit::OwnedPermit, limit::AcquireError, limit::TryAcquireError);
yes!(Sync: limit::Backlog, limit::Semaphore, limit::Permit<'static>, limit::OwnedPermit, limit::AcquireError, limit::TryAcquireError);
yes!(Clone: limit::Backlog, limit::Semaphore, limit::AcquireError, limit::TryAcquireError);
yes!(Send: future::Acquire<'static>, future::AcquireOwned);
yes!(Sync: future::Acquire<'static>, future::AcquireOwned);
yes!(Unpin: future::Acquire<'static>, future::AcquireOwned);
yes!(Send: flow::Progress, flow::NoClock, progress::Bar, progress::Bars, progress::Color);
yes!(Send: shutdown::Shutdown, shutdown::Report, shutdown::Running);
yes!(Sync: flow::Progress, flow::NoClock, progress::Bar, progress::Bars, progress::Color);
yes!(Sync: shutdown::Shutdown, shutdown::Report, shutdown::Running);
yes!(Clone: flow::Progress, flow::NoClock, progress::Bar, progress::Bars, progress::Color);
yes!(Clone: shutdown::Shutdown, shutdown::Report, shutdown::Running);

// Pools of workers: jobs and outputs are sent between threads, and never shared.
type Workers = pool::Pool<SendOnly, SendOnly>;
yes!(Send: Workers, Submit<'_, SendOnly, SendOnly>, pool::Ticket<SendOnly>);
yes!(Sync: Workers, pool::Ticket<SendOnly>);
yes!(Unpin: Workers, Submit<'_, Pinned, Pinned>, pool::Ticket<Pinned>);
no!(Send: pool::Pool<Local, ()>, Submit<'_, Local, ()>);
no!(Clone: Workers, pool::Ticket<()>);
yes!(Send: ShuttingDown<'_, TokioHandle>, ShuttingDown<'_, pool::NoTimer>);
no!(Unpin: ShuttingDown<'_, TokioHandle>);
yes!(Send: pool::Builder<Smol>, pool::InSubmitter, pool::NoTimer, pool::Call<Local>);
yes!(Sync: pool::Builder<Smol>, pool::InSubmitter, pool::NoTimer);
yes!(Send: pool::Caller<SendOnly>, pool::FnWorker<SendOnly, Local, Local, fn()>);
no!(Send: pool::Builder<Rc<Smol>>, pool::Caller<Local>, pool::FnWorker<Local, (), (), fn()>);
yes!(Send: pool::JobError, pool::PoolClosed, pool::WorkerFailed, pool::BuildError);
yes!(Sync: pool::JobError, pool::PoolClosed, pool::WorkerFailed, pool::BuildError);
yes!(Send: pool::SubmitError<SendOnly>, pool::TrySubmitError<SendOnly>);
yes!(Send: pool::Stats, pool::WorkerStats, pool::WorkerState, pool::Report, pool::Shutdown);
yes!(Sync: pool::Stats, pool::WorkerStats, pool::WorkerState, pool::Report, pool::Shutdown);
yes!(Clone: pool::Stats, pool::WorkerStats, pool::WorkerState, pool::Report, pool::Shutdown);
yes!(Clone: pool::PoolClosed, pool::WorkerFailed, pool::BuildError, pool::Strategy);
// Pools of resources: a guard as its resource, which may always be sent.
yes!(Send: pool::ResourcePool<Things>, resources::ResourcePoolBuilder<Things>, resources::Guard<Things>);
yes!(Sync: pool::ResourcePool<Things>, resources::ResourcePoolBuilder<Things>);
no!(Sync: resources::Guard<Things>);
yes!(Clone: pool::ResourcePool<Things>, pool::KeyedResourcePool<u8, Things>);
yes!(Send: pool::KeyedResourcePool<u8, Things>);
yes!(Sync: pool::KeyedResourcePool<u8, Things>);
// Keys are shared.
no!(Send: pool::KeyedResourcePool<SendOnly, Things>);
no!(Clone: resources::Guard<Things>);
yes!(Unpin: pool::ResourcePool<Things>, resources::Guard<Things>);
yes!(Send: resources::GetError<SendOnly>, resources::TryGetError<SendOnly>, resources::Order);
no!(Send: resources::GetError<Local>, resources::TryGetError<Local>);
yes!(Send: resources::Status, resources::CloseReport, compat::FromDeadpool<()>);
yes!(Sync: resources::Status, resources::CloseReport, compat::FromDeadpool<()>);
yes!(Send: compat::Measured<SendOnly>);
no!(Send: compat::Measured<Local>);
no!(Sync: compat::Measured<SendOnly>);

struct Things;

impl pool::Manage for Things {
    type Resource = SendOnly;
    type Error = Local;

    async fn create(&self) -> Result<SendOnly, Local> {
        Ok(Cell::new(0))
    }
}

// A get may be part of any task, whatever its error is.
const _: fn(&pool::ResourcePool<Things>) = |pool| {
    fn check<T: Send>(_: T) {}
    check((pool.get(), pool.try_get(), pool.close(Grace::Forever)));
};

// The simulation.
yes!(Send: Sim, SimHandle, Sleep, Marble, sim::Builder, Explorer, sim::Exhausted);
yes!(Sync: Sim, SimHandle, Sleep, Marble, sim::Builder, Explorer, sim::Exhausted);
yes!(Send: sim::Failure, sim::Parked, sim::Faults, sim::TaskId);
yes!(Sync: sim::Failure, sim::Parked, sim::Faults, sim::TaskId);
yes!(Unpin: Sleep, Marble);
yes!(Send: sim::SimStream, sim::Cable, sim::Link);
yes!(Sync: sim::SimStream, sim::Cable, sim::Link);
yes!(Unpin: sim::SimStream);
yes!(Clone: SimHandle, sim::Builder, Explorer, sim::Failure, sim::Cable);
// A run is run once.
no!(Clone: Sim, Sleep);

/// A job whose parts are `Send`, and no more.
#[derive(Default)]
struct Elsewhere(#[allow(dead_code)] SendOnly);

impl anyscope_remote::Job for Elsewhere {
    const NAME: &'static str = "elsewhere";
    type Output = SendOnly;
    type Error = SendOnly;
    type Codec = Forgetful;
}

enum Forgetful {}

impl<T: Default> anyscope_remote::Codec<T> for Forgetful {
    fn encode(_: &T) -> Result<Vec<u8>, anyscope_remote::CodecError> {
        Ok(Vec::new())
    }

    fn decode(_: &[u8]) -> Result<T, anyscope_remote::CodecError> {
        Ok(T::default())
    }
}

// Work elsewhere: whatever the engine, and whatever the executor.
type Remote = anyscope_remote::Remote<Elsewhere>;
yes!(Send: Remote, anyscope_remote::Call<Elsewhere>, anyscope_remote::Request<Elsewhere>, anyscope_remote::Workers, anyscope_remote::JobContext, anyscope_remote::Memory, anyscope_remote::memory::Link, anyscope_remote::engine::AnyEngine);
yes!(Sync: Remote, anyscope_remote::Workers, anyscope_remote::JobContext, anyscope_remote::Memory, anyscope_remote::memory::Link, anyscope_remote::engine::AnyEngine);
yes!(Clone: Remote, anyscope_remote::Workers, anyscope_remote::JobContext, anyscope_remote::Memory, anyscope_remote::memory::Link, anyscope_remote::engine::AnyEngine);
yes!(Unpin: Remote, anyscope_remote::Call<Elsewhere>);
#[cfg(unix)]
yes!(Send: anyscope_remote::ProcessPool, anyscope_remote::processes::ProcessCall<Elsewhere>, anyscope_remote::processes::Builder);
#[cfg(unix)]
yes!(Sync: anyscope_remote::ProcessPool);
#[cfg(unix)]
yes!(Unpin: anyscope_remote::processes::ProcessCall<Elsewhere>);
