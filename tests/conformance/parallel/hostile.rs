//! Executors that lose children, and what panics at the wrong moment.

use anyscope::{CancelCause, Child, JoinError, Limit, Spawn, flow, scope};
use smol::stream::StreamExt;
use std::{
    future::pending,
    num::NonZeroUsize,
    pin::{Pin, pin},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
};
use support::{Gauge, Hoard, blow_up, panic_of, poll_once};

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
        assert_eq!(cancelled.cause(), CancelCause::Executor);
        assert!(accepted > 0 || others.is_empty());
    }
}

/// Given an executor that refuses shards, then the others do the work of `spawn_all`; without any,
/// its stream ends.
#[test]
fn refused_shards_leave_their_work_to_others() {
    for accepted in 0..4 {
        let ex = Refusing::after(accepted);
        let results = scope(&ex, async |s| {
            let futures = (0..100).map(|n| async move { n });
            s.spawn_all(futures).collect::<Vec<_>>().await
        });
        let results = smol::block_on(results);
        assert_eq!(results.len(), if accepted > 0 { 100 } else { 0 });
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
    assert_eq!(results.iter().filter(|(_, result)| result.is_err()).count(), 1);
}

/// Given an iterator that panics after some of a batch, whose destructors panic too, then a
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
    assert!(["boom", "dropped"].contains(&&*message), "{message}");
    assert_eq!(gauge.now(), 0);
}
