//! Limited scopes whose limit changes while they run.

use anyscope::{
    AdaptiveLimit, Limit, LiveLimit, limit::adaptive::Aimd, scope_limited, try_scope_limited,
};
use std::{future::pending, pin::pin, task::Poll};
use support::{
    Gauge, Hoard, Signal, Tracer, behaviour, hostile::Spy, poll_once, until_idle, yield_now,
};

behaviour! {
    /// Given children that wait for room, when the limit is raised, then as many as there is room for get
    /// it, although nobody has ended.
    a9_raising_the_limit_wakes_who_waits |ex| {
        let limit = LiveLimit::new(1);
        let (gauge, full, done) = (Gauge::new(), Signal::new(), Signal::new());
        scope_limited(&ex, &limit, async |s| {
            assert_eq!(s.limit(), Limit::new(1));
            let spawner = s.clone();
            let child = || {
                let (gauge, full, done) = (gauge.clone(), full.clone(), done.clone());
                async move {
                    let _inside = gauge.enter();
                    if gauge.now() == 4 {
                        full.fire();
                    }
                    done.wait().await;
                }
            };
            let children = [(); 4].map(|()| child());
            // Not one of those that count.
            let spawns = s.spawn_daemon(async move {
                for child in children {
                    drop(spawner.spawn(child).await);
                }
            });
            while gauge.now() < 1 {
                yield_now().await;
            }
            limit.set(4);
            full.wait().await;
            assert_eq!((gauge.now(), s.limit()), (4, Limit::new(4)));
            spawns.await.unwrap();
            assert!(s.try_spawn(async {}).unwrap_err().is_full());
            done.fire();
        })
        .await;
        assert_eq!((gauge.peak(), gauge.now()), (4, 0));
    }

    /// Given as many waiters as a raise makes room for, and one more, then each of them is woken by the
    /// raise itself, and the one more is not.
    a9_a_raise_makes_room_for_so_many |ex| {
        let limit = LiveLimit::new(1);
        try_scope_limited(&ex, limit.clone(), async |s| {
            let tracer = Tracer::new();
            let holder = s.try_spawn(tracer.trace(pending::<Result<(), ()>>())).unwrap();
            until_idle(&tracer, &holder).await;
            let spies = [(); 4].map(|()| Spy::new());
            let mut waits = [(); 4].map(|()| s.room());
            for (spy, wait) in spies.iter().zip(&mut waits) {
                assert!(spy.poll(pin!(wait)).is_pending());
            }
            limit.set(4);
            assert_eq!(spies.each_ref().map(Spy::wakes), [1, 1, 1, 0]);
            let rooms = waits.each_mut().map(|wait| poll_once(pin!(wait)));
            assert_eq!(rooms.each_ref().map(Poll::is_ready), [true, true, true, false]);
            drop(rooms);
            assert_eq!(poll_once(pin!(&mut waits[3])).map(|room| room.is_ok()), Poll::Ready(true));
            holder.abort();
            Ok(())
        })
        .await
        .unwrap();
    }

    /// Given a limit that was lowered below what runs, then nobody is cancelled, and nobody gets room
    /// before fewer run.
    a8_b18_a_lowered_limit_gives_no_room_until_fewer_run |ex| {
        let limit = LiveLimit::new(3);
        scope_limited(&ex, &limit, async |s| {
            let tracers = [(); 3].map(|()| Tracer::new());
            let mut running = vec![];
            for tracer in &tracers {
                running.push(s.try_spawn(tracer.trace(pending::<()>())).unwrap());
                until_idle(tracer, running.last().unwrap()).await;
            }
            let mut waits = pin!(s.room());
            assert!(poll_once(waits.as_mut()).is_pending());
            limit.set(1);
            for tracer in &tracers {
                assert_eq!(tracer.alive(), 1);
                assert!(poll_once(waits.as_mut()).is_pending());
                assert!(s.try_spawn(async {}).unwrap_err().is_full());
                running.remove(0).abort();
            }
            assert!(waits.await.is_ok());
        })
        .await;
    }

    /// Given a limit that ends, then nobody waits; given one that comes back, then they do.
    a_limit_may_end_and_come_back |ex| {
        let limit = LiveLimit::new(Limit::Unbounded);
        scope_limited(&ex, &limit, async |s| {
            let rooms = [(); 9].map(|()| s.try_room().unwrap());
            limit.set(1);
            assert!(s.try_room().unwrap_err().is_full());
            let mut waits = pin!(s.room());
            assert!(poll_once(waits.as_mut()).is_pending());
            drop(rooms);
            let room = waits.await.unwrap();
            let mut waits = pin!(s.room());
            assert!(poll_once(waits.as_mut()).is_pending());
            limit.set(Limit::Unbounded);
            drop((waits.await.unwrap(), room));
        })
        .await;
    }

    /// Given children that hold all places and wait for room, then the limit may be raised, so nobody
    /// panics; raised, they go on.
    a_raise_ends_a_jam |ex| {
        let (limit, tracer) = (LiveLimit::new(1), Tracer::new());
        scope_limited(&ex, &limit, async |s| {
            let theirs = s.clone();
            let child = async move { theirs.spawn(async { 7 }).await.unwrap().await.unwrap() };
            let child = s.try_spawn(tracer.trace(child)).unwrap();
            until_idle(&tracer, &child).await;
            limit.set(2);
            assert_eq!(child.await.unwrap(), 7);
        })
        .await;
    }

    /// Given a scope that has ended, or was dropped, then a raise reaches nobody.
    a_raise_after_the_end_is_nothing |ex| {
        let limit = LiveLimit::new(1);
        let s = scope_limited(&ex, &limit, async |s| s).await;
        limit.set(2);
        assert!(!s.try_room().unwrap_err().is_full());
        let tracer = Tracer::new();
        {
            let mut scope = pin!(scope_limited(&ex, &limit, async |s| {
                s.try_spawn(tracer.trace(pending::<()>())).unwrap();
                pending::<()>().await;
            }));
            assert!(poll_once(scope.as_mut()).is_pending());
        }
        limit.set(3);
        while tracer.alive() > 0 {
            yield_now().await;
        }
    }

    /// Given an adaptive limit that is told of each child, then successes raise the limit of the scope, and
    /// who waits gets room; a dropped call lowers it; and one that was cancelled changes nothing.
    a1_a2_a6_children_tell_an_adaptive_limit |ex| {
        let adaptive = AdaptiveLimit::new(Aimd::builder().initial(2).build().unwrap());
        let (go, full, done) = (Signal::new(), Signal::new(), Signal::new());
        scope_limited(&ex, &adaptive, async |s| {
            let call = |signal: &Signal, result: Result<(), ()>| {
                let wait = signal.wait();
                adaptive.call(ex.clone(), async move {
                    wait.await;
                    result
                })
            };
            let first = s.spawn(call(&go, Ok(()))).await.unwrap();
            let second = s.spawn(call(&done, Ok(()))).await.unwrap();
            while adaptive.in_flight() < 2 {
                yield_now().await;
            }
            assert!(s.try_room().unwrap_err().is_full());
            go.fire();
            first.await.unwrap().unwrap();
            // Both places were in use: one more.
            assert_eq!(s.limit(), Limit::new(3));
            let rooms = (s.room().await.unwrap(), s.room().await.unwrap());
            assert!(s.try_room().unwrap_err().is_full());
            drop(rooms);

            // An error says nothing, nor does a cancel.
            let failed = s.spawn(call(&go, Err(()))).await.unwrap();
            assert_eq!(failed.await.unwrap(), Err(()));
            let cancelled = s.spawn(call(&full, Ok(()))).await.unwrap();
            while adaptive.in_flight() < 2 {
                yield_now().await;
            }
            assert!(cancelled.cancel().await.unwrap_err().is_cancelled());
            assert_eq!((adaptive.in_flight(), s.limit()), (1, Limit::new(3)));
            second.abort();
            adaptive.start(ex.clone()).dropped();
            assert_eq!(s.limit(), Limit::new(2));
        })
        .await;
        assert_eq!(adaptive.in_flight(), 0);
    }
}

/// Given a child that waits for room, when the limit is raised, then its task is woken before the raise
/// returns, though nobody polls the scope.
#[test]
fn a9_a_raise_wakes_before_it_returns() {
    let (hoard, limit) = (Hoard::new(), LiveLimit::new(1));
    let scope = scope_limited(&hoard, &limit, async |s| {
        let theirs = s.clone();
        s.try_spawn(async move { theirs.room().await.is_ok() }).unwrap().await.unwrap()
    });
    let (mut scope, owner, task) = (pin!(scope), Spy::new(), Spy::new());
    assert!(owner.poll(scope.as_mut()).is_pending());
    let mut child = pin!(hoard.take().pop().unwrap());
    assert!(task.poll(child.as_mut()).is_pending());
    assert_eq!(task.wakes(), 0);
    limit.set(2);
    assert_eq!(task.wakes(), 1);
    assert!(task.poll(child.as_mut()).is_ready());
    assert_eq!(owner.poll(scope.as_mut()), Poll::Ready(true));
}
