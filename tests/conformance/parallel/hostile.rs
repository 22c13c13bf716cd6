//! Executors that lose children, and what panics at the wrong moment.

use anyscope::{CancelledBy, Child, JoinError, Limit, ScopeError, Spawn, flow, scope};
use smol::stream::{Stream, StreamExt};
use std::{
    future::{pending, poll_fn},
    num::NonZeroUsize,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::{Pin, pin},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    task::Poll,
};
use support::{
    Gauge, Hoard, blow_up,
    hoard::unsized_hint,
    hostile::{Bomb, Spy},
    panic_of, poll_once, yield_now,
};

/// Refuses all children from a certain one on.
#[derive(Clone)]
struct Refusing {
    accepts: Arc<AtomicUsize>,
}

impl Refusing {
    fn after(children: usize) -> Self {
        Refusing { accepts: Arc::new(children.into()) }
    }
}

impl Spawn for Refusing {
    fn spawn(&self, child: Child) {
        let left = self.accepts.fetch_update(SeqCst, SeqCst, |left| left.checked_sub(1));
        if left.is_ok() {
            smol::spawn(child).detach();
        }
    }

    fn parallelism(&self) -> NonZeroUsize {
        NonZeroUsize::new(2).unwrap()
    }
}

/// Given an executor that refuses all shards, or some, then the map ends with an error that says so.
#[test]
fn refused_shards_end_the_map() {
    for accepted in 0..4 {
        let ex = Refusing::after(accepted);
        let flow = flow::iter(0..1_000_000).map_on(&ex, Limit::new(4), async |n| n);
        let outcomes = smol::block_on(flow.collect::<Vec<_>>());
        let (last, others) = outcomes.split_last().unwrap();
        let Err(JoinError::Cancelled(cancelled)) = last else { panic!("{last:?}") };
        assert_eq!(cancelled.by(), CancelledBy::Executor);
        assert!(accepted > 0 || others.is_empty());
    }
}

fn is_refusal(error: &JoinError) -> bool {
    let JoinError::Cancelled(cancelled) = error else { panic!("{error:?}") };
    cancelled.by() == CancelledBy::Executor
}

/// Given an executor that has shut down, then every operation says so.
async fn show_that_it_is_down<X: Spawn + Clone>(ex: X) {
    for ordered in [true, false] {
        for items in [0, 1, 100] {
            let flow = flow::iter(0..items).map_on(&ex, Limit::new(4), async |n| n);
            let flow = if ordered { flow } else { flow.unordered() };
            let outcomes = flow.collect::<Vec<_>>().await;
            assert!(matches!(&outcomes[..], [Err(error)] if is_refusal(error)), "{outcomes:?}");
        }
    }
    let items = || flow::iter(0..100);
    let end = items().for_each_on(&ex, Limit::new(4), async |_| ()).await;
    assert_eq!(end.unwrap_err().by(), CancelledBy::Executor);
    let end = items().try_for_each_on(&ex, Limit::new(4), async |_| Err("error")).await;
    let Err(ScopeError::Cancelled(cancelled)) = end else { panic!("{end:?}") };
    assert_eq!(cancelled.by(), CancelledBy::Executor);
    let futures = (0..100).map(|n| async move { n });
    let results: Vec<_> = scope(&ex, async |s| s.spawn_all(futures).collect().await).await;
    assert!(matches!(&results[..], [(0, Err(error))] if is_refusal(error)), "{results:?}");
}

#[test]
fn tokio_that_has_shut_down_is_named() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let owner = anyscope::tokio::TokioRuntime::from(runtime);
    let ex = owner.handle();
    drop(owner);
    smol::block_on(show_that_it_is_down(ex));
}

#[test]
fn threads_that_have_shut_down_are_named() {
    let owner = anyscope::threads::ThreadPool::new(2);
    let ex = owner.handle();
    drop(owner);
    smol::block_on(show_that_it_is_down(ex));
}

#[test]
fn simulation_that_is_over_is_named() {
    let ex = anyscope::sim::Sim::new(0).run(async |sim| sim).unwrap();
    smol::block_on(show_that_it_is_down(ex));
}

/// Given an executor that shuts down in the middle, then each item that was taken has an outcome,
/// in its place, and one more stands for the others, if there may be any.
#[test]
fn each_item_taken_has_an_outcome() {
    for items in [4, 100] {
        for ordered in [true, false] {
            let ex = Hoard::new();
            let flow = flow::iter(0..items)
                .map_on(&ex, Limit::new(4), async |n| if n % 2 == 0 { pending().await } else { n });
            let flow = if ordered { flow } else { flow.unordered() };
            let mut op = pin!(flow.collect::<Vec<_>>());
            assert!(poll_once(op.as_mut()).is_pending());
            let mut shards = ex.take();
            for shard in &mut shards {
                assert!(poll_once(Pin::new(shard)).is_pending());
            }
            drop(shards);
            let outcomes = smol::block_on(op);
            let done: Vec<_> = outcomes.iter().flatten().copied().collect();
            assert_eq!(done, [1, 3]);
            let refused = outcomes.iter().filter(|outcome| outcome.as_ref().is_err_and(is_refusal));
            assert_eq!(refused.count(), outcomes.len() - 2);
            // Whether there are more than the limit was not known yet.
            assert_eq!(outcomes.len(), 5, "{outcomes:?}");
            if ordered {
                assert!(outcomes[1].is_ok() && outcomes[3].is_ok(), "{outcomes:?}");
            }
        }
    }
}

/// Given an executor that refuses shards, then the others do the work of `spawn_all`; without any,
/// its stream says so.
#[test]
fn refused_shards_leave_their_work_to_others() {
    for accepted in 0..4 {
        let ex = Refusing::after(accepted);
        let results = scope(&ex, async |s| {
            let futures = (0..100).map(|n| async move { n });
            s.spawn_all(futures).collect::<Vec<_>>().await
        });
        let results = smol::block_on(results);
        if accepted > 0 {
            assert!(results.len() == 100 && results.iter().all(|(_, result)| result.is_ok()));
        } else {
            assert!(matches!(&results[..], [(0, Err(error))] if is_refusal(error)), "{results:?}");
        }
    }
}

/// Given an executor that drops a shard in the middle of its work, then each future has a result,
/// and the others come to the end.
#[test]
fn lost_shard_is_reported_and_not_waited_for() {
    let ex = Hoard::default();
    let mut op = pin!(scope(&ex, async |s| {
        let futures = (0..300).map(|n| async move {
            if n == 0 {
                pending::<()>().await;
            }
        });
        s.spawn_all(futures).collect::<Vec<_>>().await
    }));
    assert!(poll_once(op.as_mut()).is_pending());
    let mut shards = ex.take();
    // It takes the first future, and yields before it has done all.
    let mut lost = shards.remove(0);
    assert!(poll_once(Pin::new(&mut lost)).is_pending());
    drop(lost);
    let others = smol::spawn(async move {
        for shard in shards {
            shard.await;
        }
    });
    let results = smol::block_on(op);
    smol::block_on(others);
    let mut seen = [0; 300];
    results.iter().for_each(|(n, _)| seen[*n] += 1);
    assert!(seen.iter().all(|&times| times == 1), "{seen:?}");
    let refused =
        results.iter().filter(|(_, result)| result.as_ref().is_err_and(is_refusal)).count();
    assert_eq!((refused, results.iter().filter(|(_, result)| result.is_err()).count()), (1, 1));
}

/// Given a shard that is dropped, then the outcomes of its work that has ended come before those of
/// the work that it has lost.
#[test]
fn what_was_lost_does_not_overtake_what_has_ended() {
    let ex = Hoard::default();
    let mut op = pin!(scope(&ex, async |s| {
        let futures = (0..2).map(|n| async move { if n == 1 { pending().await } else { n } });
        s.spawn_all(unsized_hint(futures)).collect::<Vec<_>>().await
    }));
    assert!(poll_once(op.as_mut()).is_pending());
    let mut shards = ex.take();
    assert!(poll_once(Pin::new(&mut shards[0])).is_pending());
    drop(shards.remove(0));
    for shard in &mut shards {
        assert!(poll_once(Pin::new(shard)).is_ready());
    }
    let Poll::Ready(results) = poll_once(op.as_mut()) else { panic!("not over") };
    assert!(matches!(&results[..], [(0, Ok(0)), (1, Err(error))] if is_refusal(error)));
}

/// Takes all results, and counts the panics that it meets.
async fn take_all<S: Stream + Unpin>(mut results: S) -> (Vec<S::Item>, usize) {
    let (mut all, mut panics) = (Vec::new(), 0);
    loop {
        let next = poll_fn(|cx| {
            let next = catch_unwind(AssertUnwindSafe(|| results.poll_next(cx)));
            next.map_or_else(|_| Poll::Ready(Err(())), |next| next.map(Ok))
        });
        match next.await {
            Ok(Some(result)) => all.push(result),
            Ok(None) => return (all, panics),
            Err(()) => panics += 1,
        }
    }
}

/// Given an executor whose waker panics when one shard wakes another, with a piece of work in hand,
/// then each future has a result, and the others come to the end.
#[test]
fn waker_that_panics_between_two_shards_loses_no_work() {
    let (ex, spy) = (Hoard::default(), Spy::with(Bomb::Wake));
    let sleeping: Arc<Mutex<Option<Child>>> = Arc::default();
    let mut op = pin!(scope(&ex, async |s| {
        let (sleeping, spy) = (sleeping.clone(), spy.clone());
        let futures = (0..2).map(move |n| {
            if n == 0 {
                // The source is taken, so it finds nothing to do.
                let mut other = sleeping.lock().unwrap();
                assert!(spy.poll(Pin::new(other.as_mut().unwrap())).is_pending());
            }
            async move { n }
        });
        take_all(s.spawn_all(unsized_hint(futures))).await
    }));
    assert!(poll_once(op.as_mut()).is_pending());
    let mut shards = ex.take();
    *sleeping.lock().unwrap() = shards.pop();
    assert!(poll_once(Pin::new(&mut shards[0])).is_ready());
    assert_eq!(spy.wakes(), 1);
    let mut other = sleeping.lock().unwrap().take().unwrap();
    assert!(poll_once(Pin::new(&mut other)).is_ready(), "it waits for work that is lost");
    for shard in &mut shards[1..] {
        assert!(poll_once(Pin::new(shard)).is_ready());
    }
    let Poll::Ready((results, panics)) = poll_once(op.as_mut()) else { panic!("not over") };
    assert_eq!((results.len(), panics), (2, 1));
    assert!(results.iter().all(|(_, result)| result.is_err()));
}

/// The same for the waker of whoever takes the results, in the poll that ends a piece of work: its
/// result has been sent.
#[test]
fn waker_of_the_taker_that_panics_loses_no_work() {
    let (ex, spy) = (Hoard::default(), Spy::new());
    let mut op = pin!(scope(&ex, async |s| {
        let futures = (0..2).map(|n| async move {
            yield_now().await;
            n
        });
        take_all(s.spawn_all(unsized_hint(futures))).await
    }));
    assert!(spy.poll(op.as_mut()).is_pending());
    let mut shards = ex.take();
    spy.arm(Some(Bomb::Wake));
    assert!(poll_once(Pin::new(&mut shards[0])).is_ready());
    spy.arm(None);
    for shard in &mut shards[1..] {
        assert!(poll_once(Pin::new(shard)).is_ready(), "it waits for work that is lost");
    }
    let Poll::Ready((results, panics)) = spy.poll(op.as_mut()) else { panic!("not over") };
    assert!(matches!(&results[..], [(0, Ok(0)), (1, Err(_))]), "{results:?}");
    assert_eq!(panics, 1);
}

/// The same for the waker of a shard that has room again when an outcome is taken.
#[test]
fn waker_of_a_shard_that_panics_loses_no_outcome() {
    for ordered in [true, false] {
        let (ex, spy) = (Hoard::default(), Spy::new());
        let flow = flow::iter(0..2).map_on(&ex, Limit::new(1), |n| async move { n });
        let flow = if ordered { flow } else { flow.unordered() };
        let outcomes = pin!(flow.into_stream());
        let mut op = pin!(take_all(outcomes));
        assert!(poll_once(op.as_mut()).is_pending());
        let mut shards = ex.take();
        assert!(spy.poll(Pin::new(&mut shards[0])).is_pending());
        spy.arm(Some(Bomb::Wake));
        assert!(poll_once(op.as_mut()).is_pending());
        spy.arm(None);
        // The second item, and then the end of the source.
        assert!(poll_once(Pin::new(&mut shards[0])).is_pending());
        assert!(poll_once(op.as_mut()).is_pending());
        assert!(poll_once(Pin::new(&mut shards[0])).is_pending());
        let Poll::Ready((outcomes, panics)) = poll_once(op.as_mut()) else { panic!("not over") };
        assert!(matches!(&outcomes[..], [Ok(0), Ok(1)]), "{outcomes:?}");
        assert_eq!(panics, 1);
    }
}

/// Given an iterator that panics after some of a batch, whose destructors panic too, then the first
/// panic goes on, and the process too.
#[test]
fn batch_is_dropped_with_care_when_its_source_panics() {
    struct Bomb(#[allow(dead_code)] support::Inside);

    impl Drop for Bomb {
        fn drop(&mut self) {
            blow_up("dropped")
        }
    }

    let gauge = Gauge::default();
    let bombs = gauge.clone();
    let source = (0..).map(move |n| if n == 5 { blow_up("boom") } else { Bomb(bombs.enter()) });
    let op =
        flow::iter(source).for_each_on(&anyscope::smol::Smol, Limit::Unbounded, |bomb| async {
            let _bomb = bomb;
            pending().await
        });
    let message = smol::block_on(panic_of(op));
    assert_eq!(message, "boom");
    assert_eq!(gauge.now(), 0);
}
