//! A limit in parts: a share is there whatever others have borrowed, and what is idle is for all.

use anyscope::{
    Limit,
    limit::{InvalidPartitions, PartitionPermit, Partitioned, TryPartitionError},
    scope,
};
use std::{
    future::Future,
    panic::catch_unwind,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    task::Poll,
};
use support::{behaviour, hostile::Spy, on_drop, poll_once, yields};

type Acquire = Pin<Box<dyn Future<Output = PartitionPermit<&'static str>>>>;

/// Six, of which three are guaranteed to `live` and two to `batch`.
fn parts() -> Partitioned<&'static str> {
    let builder = Partitioned::builder(6).share("live", 3).share("batch", 2).share("rest", 0);
    builder.build().unwrap()
}

fn acquire(limit: &Partitioned<&'static str>, key: &'static str) -> Acquire {
    let acquire = limit.acquire(key);
    Box::pin(async { acquire.await.unwrap() })
}

fn take(
    limit: &Partitioned<&'static str>,
    key: &'static str,
) -> Vec<PartitionPermit<&'static str>> {
    std::iter::from_fn(|| limit.try_acquire(key).ok()).collect()
}

/// Given a part that has borrowed all that is idle, then the others get their shares all the same, at once,
/// and the total exceeds the limit by that; and nothing new is borrowed before it is below again.
#[test]
fn a13_a_share_is_there_whatever_others_have_borrowed() {
    let limit = parts();
    let mut batch = take(&limit, "batch");
    assert_eq!((batch.len(), limit.taken()), (6, 6));
    let live = take(&limit, "live");
    assert_eq!((live.len(), limit.taken(), limit.taken_by("live")), (3, 9, Some(3)));
    assert_eq!(live[0].key(), &"live");
    // Down to the share of `batch`, and then below the limit.
    batch.truncate(3);
    assert_eq!(limit.taken(), 6);
    assert_eq!((take(&limit, "rest").len(), take(&limit, "batch").len()), (0, 0));
    batch.pop();
    assert_eq!(take(&limit, "rest").len(), 1);
    drop((batch, live));
    assert_eq!((limit.taken(), take(&limit, "rest").len()), (0, 6));
}

/// Given those who wait in several parts, then a place that becomes idle goes to the one who came first, and a
/// share that becomes free to its part, though others came before.
#[test]
fn a13_who_waits_is_served_in_order() {
    let limit = parts();
    let (mut live, mut batch) = (take(&limit, "live"), take(&limit, "batch"));
    assert_eq!((live.len(), batch.len()), (6, 2));
    let spies: Vec<_> = (0..4).map(|_| Spy::new()).collect();
    let keys = ["rest", "batch", "live", "rest"];
    let mut waiters = keys.map(|key| acquire(&limit, key));
    for (spy, waiter) in spies.iter().zip(&mut waiters) {
        assert!(spy.poll(waiter.as_mut()).is_pending());
    }
    let woken = || spies.iter().map(Spy::take_wakes).collect::<Vec<_>>();
    assert_eq!((limit.waiting(), limit.taken()), (4, 8));
    // The share of `batch`.
    batch.pop();
    assert_eq!(woken(), [0, 1, 0, 0]);
    // Not yet below the limit.
    live.truncate(4);
    assert_eq!(woken(), [0, 0, 0, 0]);
    // Now it is: the first of all. Then `live` has less than its share.
    live.pop();
    assert_eq!(woken(), [1, 0, 0, 0]);
    live.pop();
    assert_eq!(woken(), [0, 0, 1, 0]);
    for waiter in &mut waiters[..3] {
        let Poll::Ready(permit) = poll_once(waiter.as_mut()) else { panic!("it was served") };
        // The last one gets what these give back.
        drop(permit);
    }
    assert_eq!(woken(), [0, 0, 0, 1]);
    drop((waiters, live, batch));
    assert_eq!((limit.waiting(), limit.taken()), (0, 0));
}

/// Given a limit that is raised, then those who wait are served at once; and one that is lowered, then no
/// part loses its share.
#[test]
fn the_limit_is_changed() {
    let limit = parts();
    let held = take(&limit, "rest");
    let mut waiters: Vec<_> = (0..3).map(|_| acquire(&limit, "rest")).collect();
    assert!(waiters.iter_mut().all(|waiter| poll_once(waiter.as_mut()).is_pending()));
    limit.set_limit(8);
    assert_eq!((limit.taken(), limit.waiting()), (8, 1));
    limit.set_limit(1);
    drop((held, waiters));
    assert_eq!((limit.taken(), take(&limit, "rest").len()), (0, 1));
    let live = take(&limit, "live");
    assert_eq!(live.len(), 3);
    limit.set_limit(Limit::Unbounded);
    assert_eq!((0..100).map_while(|_| limit.try_acquire("rest").ok()).count(), 100);
    assert!(catch_unwind(|| parts().set_limit(0)).is_err());
}

/// Given what makes no sense, then a typed error, and no wait.
#[test]
fn bad_input() {
    let limit = parts();
    let mut unknown = Box::pin(limit.acquire("what"));
    let Poll::Ready(Err(error)) = poll_once(unknown.as_mut()) else { panic!("it waits") };
    let result = limit.try_acquire("what").map(drop);
    assert_eq!((result, limit.taken_by("what")), (Err(TryPartitionError::Unknown(error)), None));
    assert!(error.to_string().contains("share"));
    let _all = take(&limit, "rest");
    assert_eq!(limit.try_acquire("rest").map(drop), Err(TryPartitionError::Full));
    let build = |limit: usize, key| {
        let builder = Partitioned::builder(limit).share("a", 2).share(key, usize::MAX - 2);
        builder.build().map(drop)
    };
    assert!(matches!(build(2, "b"), Err(InvalidPartitions::SharesAboveLimit { limit: 2, .. })));
    assert!(matches!(build(2, "a"), Err(InvalidPartitions::DuplicateKey { index: 1, .. })));
    assert!(build(usize::MAX, "b").is_ok());
    assert!(catch_unwind(|| Partitioned::<u8>::builder(0)).is_err());
}

behaviour! {
    /// Given tasks of several parts on all threads, of which some give up, then no part ever lacks its share,
    /// and nothing is lost.
    a7_a13_many_on_all_threads |ex| {
        let limit = parts();
        let inside = Arc::new([const { AtomicUsize::new(0) }; 3]);
        scope(&ex, async |s| {
            for n in 0..60_usize {
                let (limit, inside) = (limit.clone(), inside.clone());
                s.spawn(async move {
                    let part = n % 3;
                    let key = ["live", "batch", "rest"][part];
                    let work = async {
                        for _ in 0..5 {
                            let permit = limit.acquire(key).await.unwrap();
                            let most = inside[part].fetch_add(1, SeqCst) + 1;
                            assert!(most <= 6);
                            let left = on_drop(|| {
                                inside[part].fetch_sub(1, SeqCst);
                            });
                            yields(n % 4).await;
                            drop((left, permit));
                        }
                    };
                    if n % 5 == 0 {
                        futures_lite::future::or(work, yields(n % 7)).await;
                    } else {
                        work.await;
                    }
                });
            }
        })
        .await;
        assert_eq!((limit.waiting(), limit.taken()), (0, 0));
    }
}
