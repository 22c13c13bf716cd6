//! Each operation is dropped at each of its suspensions, in many orders: nothing of it stays behind.

use anyscope::{
    FutureMap, Restart, When,
    channel::{Overflow, handoff, queue},
    concurrent, flow, join, joiner, race, race_ok, scope, scope_limited, scope_with,
    sim::{SimHandle, explore},
    try_join,
};
use std::{
    future::{Future, poll_fn, ready},
    num::NonZeroUsize,
    sync::atomic::{AtomicBool, Ordering::SeqCst},
    task::Poll,
};
use support::{SECOND, Tracer, yields};

/// So many orders for each number of polls.
const ORDERS: u64 = 40;

/// Drops the future that `make` makes after none of its polls, after one, and so on until it ends by itself in all
/// orders. Then all that it has traced must be gone.
fn cancelled_everywhere<F: Future>(make: impl Fn(SimHandle, Tracer) -> F + Sync) {
    for polls in 0.. {
        assert!(polls < 500, "it does not end");
        let cancelled = AtomicBool::new(false);
        explore(ORDERS, |sim| {
            let (make, cancelled) = (&make, &cancelled);
            async move {
                let tracer = Tracer::new();
                let mut future = Some(Box::pin(make(sim, tracer.clone())));
                let mut left = polls;
                poll_fn(|cx| {
                    if left == 0 {
                        cancelled.store(true, SeqCst);
                        future = None;
                        return Poll::Ready(());
                    }
                    left -= 1;
                    let poll = future.as_mut().expect("not dropped").as_mut().poll(cx);
                    if poll.is_pending() && left == 0 {
                        // Where it would wait.
                        cx.waker().wake_by_ref();
                    }
                    poll.map(drop)
                })
                .await;
                drop(future);
                assert_eq!(tracer.alive(), 0, "after {polls} polls");
            }
        });
        if !cancelled.into_inner() {
            return;
        }
    }
}

/// Something that takes a while, and whose number says how long.
async fn work(tracer: Tracer, n: u32) -> Result<u32, u32> {
    tracer.trace(yields(n as usize % 3)).await;
    if n == 4 { Err(n) } else { Ok(n) }
}

#[test]
fn groups_of_a_few_and_of_many() {
    for count in [3, 20] {
        let all = move |tracer: &Tracer| -> Vec<_> {
            (0..count).map(|n| tracer.trace(work(tracer.clone(), n))).collect()
        };
        cancelled_everywhere(|_, tracer| join(all(&tracer)));
        cancelled_everywhere(|_, tracer| try_join(all(&tracer)));
        cancelled_everywhere(|_, tracer| race(all(&tracer)));
        cancelled_everywhere(|_, tracer| race_ok(all(&tracer)));
        cancelled_everywhere(|_, tracer| join((join(all(&tracer)), race(all(&tracer)))));
    }
}

#[test]
fn waits_with_handles() {
    cancelled_everywhere(async |sim: SimHandle, tracer: Tracer| {
        let mut map = FutureMap::new();
        for n in 0..5 {
            map.replace(n, tracer.trace(work(tracer.clone(), n)));
        }
        let handle = map.handle();
        scope(&sim, async |s| {
            let more = tracer.clone();
            s.spawn(tracer.trace(async move {
                yields(1).await;
                let _ = handle.insert(9, more.trace(work(more.clone(), 9)));
            }));
            let first = map.wait(When::Count(2)).timeout(&sim, SECOND).await;
            assert!(first.done.len() <= 2);
            drop(map.wait(When::FirstError).await);
            map.as_completed().count().await
        })
        .await
    });
}

#[test]
fn joiners() {
    macro_rules! with {
        ($joiner:expr, $end:expr) => {
            cancelled_everywhere(async |sim: SimHandle, tracer: Tracer| {
                scope_with(&sim, $joiner, async |s| {
                    for n in 1..6 {
                        s.spawn(tracer.trace(work(tracer.clone(), n)));
                    }
                    yields(1).await;
                    $end
                })
                .await
            });
        };
    }
    with!(joiner::settle(), ());
    with!(joiner::fail_fast(), Ok::<(), u32>(()));
    with!(joiner::collect_errors(), Ok::<(), u32>(()));
    with!(joiner::first_ok(), ());
    with!(joiner::first_completion(), ());
    with!(joiner::quorum(NonZeroUsize::new(3).unwrap()), ());
    with!(joiner::until(|_, _| false), ());
}

#[test]
fn restarts_with_delays() {
    cancelled_everywhere(async |sim: SimHandle, tracer: Tracer| {
        let restart = Restart::on_failure(sim.clone()).backoff([SECOND; 3]);
        scope(&sim, async |s| {
            let mut runs = 0;
            s.supervise(restart, move || {
                runs += 1;
                tracer.trace(work(tracer.clone(), if runs < 3 { 4 } else { 2 }))
            })
            .await
        })
        .await
    });
}

#[test]
fn room_in_a_limited_scope() {
    cancelled_everywhere(async |sim: SimHandle, tracer: Tracer| {
        scope_limited(&sim, 2, async |s| {
            for n in 0..5 {
                let Ok(room) = s.room().await else { return };
                room.spawn(tracer.trace(work(tracer.clone(), n)));
            }
            drop(s.spawn(tracer.trace(work(tracer.clone(), 1))).await);
        })
        .await
    });
}

#[test]
fn flows_that_are_generated_and_expanded() {
    let numbers = |tracer: &Tracer| {
        let tracer = tracer.clone();
        flow::generate(async move |yielder| {
            for n in 0..4 {
                tracer.trace(yields(1)).await;
                yielder.send(n).await.unwrap();
            }
        })
    };
    let visit = |tracer: Tracer| {
        move |n: u32| {
            let below = [2 * n, 2 * n + 1].into_iter().filter(|n| *n < 8);
            let look = tracer.trace(work(tracer.clone(), n));
            async move { (look.await.is_ok(), below) }
        }
    };
    cancelled_everywhere(async |_: SimHandle, tracer: Tracer| {
        flow::expand([1], 2, visit(tracer.clone())).zip(numbers(&tracer)).count().await
    });
    cancelled_everywhere(async |_: SimHandle, tracer: Tracer| {
        let tree = flow::expand([1], 2, visit(tracer.clone())).unordered();
        tree.zip(numbers(&tracer)).count().await
    });
}

#[test]
fn first_errors_of_ordered_flows() {
    cancelled_everywhere(async |sim: SimHandle, tracer: Tracer| {
        let all = || flow::iter(0..8).map_concurrent(3, |n| tracer.trace(work(tracer.clone(), n)));
        let collected = all().try_collect::<Vec<_>>().await;
        let folded = all().try_fold(0, async |sum, n| n.map(|n| sum + n)).await;
        let theirs = tracer.clone();
        let on = flow::iter(0..8)
            .try_map_on(&sim, 3, move |n| theirs.trace(work(theirs.clone(), n)))
            .try_collect::<Vec<_>>()
            .await;
        assert_eq!((collected, folded), (Err(4), Err(4)));
        assert!(on.is_err());
    });
}

#[test]
fn channels_and_owned_permits() {
    cancelled_everywhere(async |sim: SimHandle, tracer: Tracer| {
        let (sender, mut receiver) = handoff();
        let (latest, mut events) = queue(1, Overflow::DropOldest);
        let traced = tracer.clone();
        scope(&sim, async |s| {
            s.spawn(tracer.trace(async move {
                let permit = sender.reserve_owned().await.unwrap();
                traced.trace(yields(1)).await;
                permit.send(traced.trace(ready(()))).unwrap();
                sender.send(traced.trace(ready(()))).await.unwrap();
                for _ in 0..3 {
                    let _ = latest.send(traced.trace(ready(())));
                    yields(1).await;
                }
            }));
            while receiver.recv().await.is_some() {}
            while events.recv().await.is_some() {}
        })
        .await
    });
}

#[test]
fn an_inline_scope_with_an_interval() {
    cancelled_everywhere(async |sim: SimHandle, tracer: Tracer| {
        concurrent(async |s| {
            s.spawn(tracer.trace(work(tracer.clone(), 2)));
            flow::interval(&sim, SECOND)
                .take(3)
                .map_concurrent(2, |_| tracer.trace(work(tracer.clone(), 2)))
                .count()
                .await
        })
        .await
    });
}
