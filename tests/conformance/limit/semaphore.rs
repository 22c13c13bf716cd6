//! Permits that several callers share.

use anyscope::{
    LiveLimit, Semaphore, concurrent, flow,
    limit::{AcquireError, TryAcquireError},
    scope,
    sim::{Failure, Sim},
};
use std::{
    future::Future,
    mem,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    task::{Context, Poll, Wake, Waker},
};
use support::{
    Gauge, Log, SECOND, Stopwatch, alloc::allocations, behaviour, poll_once, yield_now, yields,
};

behaviour! {
    /// Given many children and few permits, then never more than that are in use, on any threads, and all get one.
    a7_never_more_permits_than_there_are |ex| {
        let (semaphore, gauge) = (Semaphore::new(3), Gauge::new());
        scope(&ex, async |s| {
            for n in 0..20 {
                let (semaphore, gauge) = (semaphore.clone(), gauge.clone());
                s.spawn(async move {
                    for round in 0..20 {
                        let _permit = semaphore.acquire().await.unwrap();
                        let _inside = gauge.enter();
                        yields((n + round) % 3).await;
                    }
                });
            }
        })
        .await;
        assert!(gauge.peak() <= 3, "{}", gauge.peak());
        assert_eq!((gauge.ever(), semaphore.in_use(), semaphore.available()), (400, 0, 3));
    }

    /// Given a wait for many permits at the head, then later waits for few do not overtake it, nor does `try_acquire`.
    c10_a_large_request_is_not_overtaken |_ex| {
        let (semaphore, log) = (Semaphore::new(5), Log::new());
        let mut held = vec![semaphore.try_acquire_many(2).unwrap(), semaphore.try_acquire_many(3).unwrap()];
        concurrent(async |c| {
            c.spawn(async {
                let permits = semaphore.acquire_many(5).await.unwrap();
                log.add("large");
                drop(permits);
            });
            yield_now().await;
            for _ in 0..3 {
                c.spawn(async {
                    let _permit = semaphore.acquire().await.unwrap();
                    log.add("small");
                });
            }
            yields(3).await;
            held.pop();
            yields(3).await;
            assert_eq!(semaphore.available(), 3);
            assert_eq!(semaphore.try_acquire().unwrap_err(), TryAcquireError::Full);
            assert_eq!(log.events(), [""; 0]);
            held.clear();
        })
        .await;
        assert_eq!(log.events(), ["large", "small", "small", "small"]);
    }

    /// Given waits of different sizes, then they are served in the order of their first poll.
    b4_waiters_are_served_in_order |_ex| {
        let (semaphore, log) = (Semaphore::new(4), Log::new());
        let held = semaphore.acquire_many(4).await.unwrap();
        concurrent(async |c| {
            for (name, count) in [("a", 1), ("b", 3), ("c", 2), ("d", 4), ("e", 1)] {
                let (semaphore, log) = (&semaphore, &log);
                c.spawn(async move {
                    let _permits = semaphore.acquire_many(count).await.unwrap();
                    log.add(name);
                });
                yield_now().await;
            }
            drop(held);
        })
        .await;
        assert_eq!(log.events(), ["a", "b", "c", "d", "e"]);
    }

    /// Given a wait that is dropped after it was given a permit, then the permit goes to the next; one in the middle of the
    /// queue just leaves; one at the head that wanted much lets the next in.
    c10_a_grant_survives_a_cancel |_ex| {
        let semaphore = Semaphore::new(2);
        let held = semaphore.acquire_many(2).await.unwrap();
        let mut waits: Vec<_> = [2, 1, 1].map(|count| Box::pin(semaphore.acquire_many(count))).into();
        for wait in &mut waits {
            assert!(poll_once(wait.as_mut()).is_pending());
        }
        drop(held);
        // The first has both, and does not know.
        assert_eq!(semaphore.available(), 0);
        drop(waits.remove(0));
        drop(waits.remove(0));
        let Poll::Ready(Ok(permit)) = poll_once(waits[0].as_mut()) else { panic!("it has been given one") };
        assert_eq!(semaphore.available(), 1);
        drop(permit);
        let held = semaphore.acquire().await.unwrap();
        let (mut large, mut small) = (pin!(Some(semaphore.acquire_many(2))), pin!(semaphore.acquire()));
        assert!(poll_once(large.as_mut().as_pin_mut().unwrap()).is_pending());
        assert!(poll_once(small.as_mut()).is_pending());
        large.set(None);
        assert!(poll_once(small.as_mut()).is_ready());
        drop(held);
    }

    /// Given a limit that is raised, then who waits is woken at once.
    a9_raising_the_limit_wakes_who_waits with virtual_time |ex| {
        let (limit, watch) = (LiveLimit::new(1), Stopwatch::start(ex.clone()));
        let (semaphore, gauge) = (Semaphore::new(&limit), Gauge::new());
        concurrent(async |c| {
            for _ in 0..6 {
                let (semaphore, gauge, ex) = (&semaphore, &gauge, ex.clone());
                c.spawn(async move {
                    let _permit = semaphore.acquire().await.unwrap();
                    let _inside = gauge.enter();
                    ex.sleep(10 * SECOND).await;
                });
            }
            ex.sleep(SECOND).await;
            for (most, inside) in [(2, 2), (5, 5), (5, 5), (6, 6)] {
                limit.set(most);
                ex.sleep(SECOND).await;
                assert_eq!((gauge.now(), semaphore.limit().get()), (inside, most));
            }
        })
        .await;
        assert_eq!(watch.elapsed(), 14 * SECOND);
    }

    /// Given a limit that is lowered below what is in use, then nothing is granted until usage falls under it.
    b18_lowering_the_limit_grants_nothing_until_fewer_are_used |_ex| {
        let limit = LiveLimit::new(3);
        let semaphore = Semaphore::new(&limit);
        let mut held: Vec<_> = (0..3).map(|_| semaphore.try_acquire().unwrap()).collect();
        let mut waits = pin!(semaphore.acquire());
        assert!(poll_once(waits.as_mut()).is_pending());
        limit.set(1);
        assert_eq!((semaphore.in_use(), semaphore.available()), (3, 0));
        for _ in 0..2 {
            held.pop();
            assert!(poll_once(waits.as_mut()).is_pending());
        }
        held.pop();
        assert!(poll_once(waits.as_mut()).is_ready());
    }

    /// Given a wait for more than a live limit allows now, then it waits until that is raised; a fixed limit refuses it.
    a_wait_that_can_never_end_is_an_error |_ex| {
        let fixed = Semaphore::new(2);
        let never = AcquireError::Never { asked: 3, limit: 2 };
        assert_eq!(fixed.acquire_many(3).await.unwrap_err(), never);
        assert_eq!(fixed.try_acquire_many(3).unwrap_err(), never.into());
        assert_eq!(fixed.acquire_many(0).await.unwrap_err(), AcquireError::Zero);
        assert_eq!(fixed.try_acquire_many(0).unwrap_err(), TryAcquireError::Zero);
        assert_eq!(fixed.acquire_many_owned(usize::MAX).await.unwrap_err(), AcquireError::Never { asked: usize::MAX, limit: 2 });
        let limit = LiveLimit::new(2);
        let live = Semaphore::new(&limit);
        let mut waits = pin!(live.acquire_many(3));
        assert!(poll_once(waits.as_mut()).is_pending());
        limit.set(3);
        assert!(poll_once(waits.as_mut()).is_ready());
    }

    /// Given a close, then who waits and who comes later gets an error; permits that are held stay.
    b10_close_ends_all_waits |ex| {
        let semaphore = Semaphore::new(1);
        let held = semaphore.acquire_owned().await.unwrap();
        scope(&ex, async |s| {
            let waits: Vec<_> = (0..3)
                .map(|_| {
                    let semaphore = semaphore.clone();
                    s.spawn(async move { semaphore.acquire().await.map(drop) })
                })
                .collect();
            yields(3).await;
            semaphore.close();
            semaphore.close();
            for wait in waits {
                assert_eq!(wait.await.unwrap(), Err(AcquireError::Closed));
            }
        })
        .await;
        assert!(semaphore.is_closed());
        assert_eq!(semaphore.acquire().await.unwrap_err(), AcquireError::Closed);
        assert_eq!(semaphore.try_acquire().unwrap_err(), TryAcquireError::Closed);
        assert_eq!(semaphore.in_use(), 1);
        drop(held);
        assert_eq!(semaphore.in_use(), 0);
    }

    /// Given permits that are split, forgotten and made to be owned, then each is counted once.
    permits_are_counted_once |_ex| {
        let semaphore = Semaphore::new(5);
        let mut permits = semaphore.acquire_many(4).await.unwrap();
        assert!(permits.split(0).is_none() && permits.split(4).is_none());
        let mut owned = permits.split(3).unwrap().into_owned();
        let two = owned.split(2).unwrap();
        assert_eq!((permits.count(), owned.count(), two.count(), semaphore.available()), (1, 1, 2, 1));
        permits.forget();
        owned.forget();
        drop(two);
        assert_eq!((semaphore.available(), semaphore.in_use()), (3, 2));
    }

    /// Given a semaphore with a live limit, then the limit outlives it and the other way round, and neither keeps the other's
    /// memory after a change.
    a_limit_and_its_semaphore_may_go_in_any_order |_ex| {
        let limit = LiveLimit::new(1);
        let semaphore = Semaphore::new(&limit);
        drop(limit);
        drop(semaphore.acquire().await.unwrap());
        drop(semaphore);
        let limit = LiveLimit::new(1);
        for _ in 0..3 {
            drop(Semaphore::new(&limit));
        }
        limit.set(2);
    }

    /// Given a flow whose work takes permits of another, then both limits hold.
    p03_a_semaphore_is_shared_by_flows |_ex| {
        let (semaphore, gauge) = (Semaphore::new(3), Gauge::new());
        let work = async |n: usize| {
            let _permit = semaphore.acquire().await.unwrap();
            let _inside = gauge.enter();
            yields(n % 3).await;
        };
        let flows = (
            flow::iter(0..50).for_each_concurrent(8, work),
            flow::iter(0..50).for_each_concurrent(8, work),
        );
        anyscope::join(flows).await;
        assert_eq!((gauge.peak(), gauge.ever()), (3, 100));
    }

    /// Given children that are cancelled while they wait or have been granted, on any threads, then no permit is lost.
    c10_cancelled_children_lose_no_permits |ex| {
        for round in 0..20 {
            let semaphore = Semaphore::new(2);
            scope(&ex, async |s| {
                let children: Vec<_> = (0..10)
                    .map(|n| {
                        let semaphore = semaphore.clone();
                        s.spawn(async move {
                            let _permits = semaphore.acquire_many(1 + n % 2).await.unwrap();
                            yields(n % 4).await;
                        })
                    })
                    .collect();
                yields(round % 5).await;
                children.iter().step_by(2).for_each(|child| child.abort());
            })
            .await;
            assert_eq!(semaphore.available(), 2);
        }
    }
}

/// Given a program whose children hold what the others wait for, then the verdict says for what.
#[test]
fn v9_a_deadlock_names_the_permits() {
    let failure = Sim::new(0)
        .run(async |sim| {
            let (a, b) = (Semaphore::new(1), Semaphore::new(3));
            scope(&sim, async |s| {
                for (first, second, count) in [(a.clone(), b.clone(), 3), (b, a, 1)] {
                    let name = format!("takes {count} next");
                    s.spawn_named(name, async move {
                        let _first = first.acquire().await.unwrap();
                        yields(3).await;
                        let _second = second.acquire_many(count).await.unwrap();
                    });
                }
            })
            .await;
        })
        .unwrap_err();
    assert!(matches!(failure, Failure::Deadlock { .. }), "{failure}");
    let text = failure.to_string();
    for part in ["takes 3 next", "3 permits of a semaphore of 3", "1 permit of a semaphore of 1"] {
        assert!(text.contains(part), "no `{part}` in:\n{text}");
    }
}

/// Given one task, then acquires and returns allocate nothing, and waits nothing once there have been some.
#[test]
fn acquire_and_release_allocate_nothing() {
    let semaphore = Semaphore::new(2);
    let round = || {
        let one = semaphore.try_acquire().unwrap();
        let Poll::Ready(Ok(two)) = poll_once(pin!(semaphore.acquire())) else {
            panic!("one is free")
        };
        let mut waits = [semaphore.acquire(), semaphore.acquire(), semaphore.acquire()];
        for wait in &mut waits {
            assert!(poll_once(std::pin::Pin::new(wait)).is_pending());
        }
        let [first, _, third] = &mut waits;
        drop(one);
        let Poll::Ready(Ok(permit)) = poll_once(std::pin::Pin::new(first)) else {
            panic!("it is its turn")
        };
        drop(permit);
        drop(two);
        assert!(poll_once(std::pin::Pin::new(third)).is_pending() || semaphore.in_use() > 0);
    };
    round();
    let before = allocations();
    (0..100).for_each(|_| round());
    assert_eq!(allocations() - before, 0);
    assert_eq!(semaphore.available(), 2);
}

/// A waker that does what it must not.
struct Hostile {
    semaphore: Semaphore,
    wakes: AtomicUsize,
}

impl Wake for Hostile {
    fn wake(self: Arc<Self>) {
        self.wakes.fetch_add(1, SeqCst);
        // Comes in at the middle of whatever is going on.
        drop(self.semaphore.try_acquire());
        let mut waits = self.semaphore.acquire();
        let _ = poll_once(std::pin::Pin::new(&mut waits));
        self.semaphore.look_busy();
        panic!("a waker");
    }
}

trait LookBusy {
    fn look_busy(&self);
}

impl LookBusy for Semaphore {
    fn look_busy(&self) {
        let _ = (self.available(), self.in_use(), format!("{self:?}"));
    }
}

/// Given wakers that use the semaphore and panic, then each waiter is woken, the first panic propagates, and no permit is
/// lost.
#[test]
fn hostile_wakers_lose_no_permits() {
    let semaphore = Semaphore::new(2);
    let held = [semaphore.try_acquire().unwrap(), semaphore.try_acquire().unwrap()];
    let hostile = Arc::new(Hostile { semaphore: semaphore.clone(), wakes: AtomicUsize::new(0) });
    let waker = Waker::from(hostile.clone());
    let mut waits: Vec<_> = (0..4).map(|_| Box::pin(semaphore.acquire())).collect();
    for wait in &mut waits {
        assert!(wait.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    }
    for permit in held {
        assert!(catch_unwind(AssertUnwindSafe(|| drop(permit))).is_err());
    }
    assert_eq!(hostile.wakes.load(SeqCst), 2);
    let permits: Vec<_> = waits[..2]
        .iter_mut()
        .map(|wait| match poll_once(wait.as_mut()) {
            Poll::Ready(permit) => permit.unwrap(),
            Poll::Pending => panic!("it was woken"),
        })
        .collect();
    assert_eq!((permits.len(), semaphore.in_use()), (2, 2));
    assert!(catch_unwind(AssertUnwindSafe(|| semaphore.close())).is_err());
    for wait in &mut waits[2..] {
        assert!(matches!(poll_once(wait.as_mut()), Poll::Ready(Err(AcquireError::Closed))));
    }
    drop(permits);
    assert_eq!(semaphore.in_use(), 0);
    mem::drop(waits);
    assert_eq!(Arc::strong_count(&hostile), 2, "the test's, and its waker's");
}

/// Given a thousand who wait and leave, then the queue does not keep them.
#[test]
fn waiters_that_left_are_not_kept() {
    let semaphore = Semaphore::new(1);
    let held = semaphore.try_acquire().unwrap();
    let counted = Arc::new(());
    struct Counted(#[allow(dead_code)] Arc<()>);
    impl Wake for Counted {
        fn wake(self: Arc<Self>) {}
    }
    for _ in 0..1000 {
        let waker = Waker::from(Arc::new(Counted(counted.clone())));
        let mut wait = Box::pin(semaphore.acquire());
        assert!(wait.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    }
    assert_eq!(Arc::strong_count(&counted), 1);
    drop(held);
}
