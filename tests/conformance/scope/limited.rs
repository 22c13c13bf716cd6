//! Scopes in which only so many children run at once.

use anyscope::{
    CancelledBy, Grace, Limit, TrySpawnError, ZeroLimit, concurrent, scope, scope_limited,
    try_scope_limited,
};
use futures_lite::future::zip;
use std::{
    future::pending,
    mem::forget,
    num::NonZeroUsize,
    pin::{Pin, pin},
    sync::Mutex,
    task::Poll,
};
use support::{
    Gauge, Hoard, Log, Signal, Tracer, behaviour, blow_up, cause, errors, hostile::Spy, panic_in,
    panic_message, poll_once, until_idle, yield_now,
};

const ONE: Limit = Limit::new(1);

type Failing = Result<(), &'static str>;

behaviour! {
    /// Given a limit n, then n children run at once, and never more.
    limit_is_reached_and_never_exceeded |ex| {
        let (gauge, full) = (Gauge::new(), Signal::new());
        let spawned = scope_limited(&ex, Limit::new(3), async |s| {
            assert_eq!(s.limit(), Limit::new(3));
            for _ in 0..12 {
                let (gauge, full) = (gauge.clone(), full.clone());
                let child = async move {
                    let _inside = gauge.enter();
                    if gauge.now() == 3 {
                        full.fire();
                    }
                    // The first three end together only.
                    full.wait().await;
                    yield_now().await;
                };
                drop(s.spawn(child).await);
            }
            s.spawned()
        })
        .await;
        assert_eq!((gauge.peak(), gauge.now(), spawned), (3, 0, 12));
    }

    /// Given as many children as may run, then `try_spawn` gives the future back, unpolled.
    try_spawn_gives_the_future_back |ex| {
        scope_limited(&ex, ONE, async |s| {
            let (holds, tracer) = (Tracer::new(), Tracer::new());
            let holder = s.try_spawn(holds.trace(pending::<()>())).unwrap();
            until_idle(&holds, &holder).await;
            let full = s.try_spawn(tracer.trace(async { 7 })).unwrap_err();
            assert!(full.is_full());
            assert_eq!(full.to_string(), "the scope runs as many children as its limit allows");
            let future = full.into_future();
            assert_eq!((tracer.polls(), tracer.alive()), (0, 1));
            // An idle child gives its place back in the call that ends it.
            holder.abort();
            assert_eq!(s.try_spawn(future).unwrap().await.unwrap(), 7);
        })
        .await;
    }

    /// Given a scope that was cancelled, or has ended, then spawning gives the future back too, and
    /// says why.
    closed_scope_gives_the_future_back |ex| {
        let tracer = Tracer::new();
        let s = scope_limited(&ex, ONE, async |s| {
            s.cancel("test");
            let closed = s.try_spawn(tracer.trace(async {})).unwrap_err();
            assert!(!closed.is_full());
            assert_eq!(closed.to_string(), "the scope was cancelled or has ended");
            let waits = s.spawn(tracer.trace(async {}));
            assert!(matches!(waits.await, Err(TrySpawnError::Closed(_))));
            s
        })
        .await;
        assert!(s.is_closed());
        assert!(matches!(s.try_spawn(tracer.trace(async {})), Err(TrySpawnError::Closed(_))));
        let waits = s.spawn(tracer.trace(async {}));
        assert!(matches!(waits.await, Err(TrySpawnError::Closed(_))));
        assert_eq!((tracer.polls(), tracer.drops()), (0, 4));
    }

    /// Given several who wait for a place, then each place goes to the one who has waited longest,
    /// also if others ask first.
    places_are_given_in_the_order_of_arrival |ex| {
        scope_limited(&ex, ONE, async |s| {
            let tracers = [(); 4].map(|()| Tracer::new());
            let holder = s.try_spawn(tracers[0].trace(pending::<()>())).unwrap();
            until_idle(&tracers[0], &holder).await;
            let mut first = Box::pin(s.spawn(tracers[1].trace(pending::<()>())));
            let mut second = Box::pin(s.spawn(tracers[2].trace(pending::<()>())));
            let mut third = Box::pin(s.spawn(tracers[3].trace(pending::<()>())));
            assert!(poll_once(first.as_mut()).is_pending());
            assert!(poll_once(second.as_mut()).is_pending());
            assert!(poll_once(third.as_mut()).is_pending());
            holder.abort();

            assert!(poll_once(third.as_mut()).is_pending());
            assert!(poll_once(second.as_mut()).is_pending());
            // Nobody gets in front of those who wait.
            assert!(s.try_spawn(async {}).unwrap_err().is_full());
            assert!(poll_once(pin!(s.spawn(async {}))).is_pending());
            let Poll::Ready(Ok(next)) = poll_once(first.as_mut()) else { panic!("not the first") };

            until_idle(&tracers[1], &next).await;
            next.abort();
            assert!(poll_once(third.as_mut()).is_pending());
            let Poll::Ready(Ok(next)) = poll_once(second.as_mut()) else { panic!("not second") };

            until_idle(&tracers[2], &next).await;
            next.abort();
            let Poll::Ready(Ok(last)) = poll_once(third.as_mut()) else { panic!("not the third") };
            last.abort();
        })
        .await;
    }

    /// Given one who is dropped while it waits, before or after a place came free for it, then the
    /// next one gets the place, and is woken.
    waiter_that_is_dropped_loses_no_place |ex| {
        for place_is_free in [false, true] {
            scope_limited(&ex, ONE, async |s| {
                let (holds, tracer) = (Tracer::new(), Tracer::new());
                let holder = s.try_spawn(holds.trace(pending::<()>())).unwrap();
                until_idle(&holds, &holder).await;
                let mut gives_up = Box::pin(s.spawn(tracer.trace(async {})));
                assert!(poll_once(gives_up.as_mut()).is_pending());
                let next = s.spawn(async { 7 });
                let (next, ()) = zip(next, async {
                    if place_is_free {
                        holder.abort();
                        drop(gives_up);
                    } else {
                        drop(gives_up);
                        holder.abort();
                    }
                })
                .await;
                assert_eq!(next.unwrap().await.unwrap(), 7);
                assert_eq!((tracer.polls(), tracer.alive()), (0, 0));
            })
            .await;
        }
    }

    /// Given one who waits for room, when the scope asks its children to end, then it is told at
    /// once, and not only when the grace is over.
    waiter_is_told_of_a_grace |ex| {
        scope_limited(&ex, ONE, async |s| {
            let (go, spy) = (Signal::new(), Spy::new());
            let holder = s.try_spawn(go.wait()).unwrap();
            let mut waits = pin!(s.spawn(async {}));
            assert!(spy.poll(waits.as_mut()).is_pending());
            s.cancel_with(&ex, Grace::Forever, "closing");
            assert_eq!(spy.wakes(), 1);
            assert!(matches!(waits.await, Err(TrySpawnError::Closed(_))));
            go.fire();
            holder.await.unwrap();
        })
        .await;
    }

    /// Given a scope whose future sleeps, beside its body or after it, when room comes free and the
    /// waiter whose turn it is was forgotten, then another one gets it.
    room_is_offered_by_a_scope_that_sleeps |ex| {
        for returns in [false, true] {
            let (go, got) = (Signal::new(), Signal::new());
            let (frees, told) = (&go, &got);
            scope(&ex, async |outer| {
                scope_limited(&ex, Limit::new(2), async |s| {
                    // One that stays, so that the scope does not end.
                    drop(s.try_spawn(told.wait()).unwrap());
                    drop(s.try_spawn(frees.wait()).unwrap());
                    let mut forgotten = Box::pin(s.spawn(async {}));
                    assert!(poll_once(forgotten.as_mut()).is_pending());
                    forget(forgotten);
                    let (s2, frees, told) = (s.clone(), frees.clone(), told.clone());
                    outer.spawn(async move {
                        let mut waits = pin!(s2.spawn(async { 7 }));
                        assert!(poll_once(waits.as_mut()).is_pending());
                        frees.fire();
                        assert_eq!(waits.await.unwrap().await.unwrap(), 7);
                        told.fire();
                    });
                    if !returns {
                        got.wait().await;
                    }
                })
                .await;
            })
            .await;
        }
    }

    /// Many who wait, of whom some give up: all others get their place.
    crowd_that_waits_gets_through |ex| {
        let gauge = Gauge::new();
        let spawned = scope_limited(&ex, Limit::new(2), async |s| {
            concurrent(async |tasks| {
                for _ in 0..4 {
                    let (s, gauge) = (&s, &gauge);
                    tasks.spawn(async move {
                        for n in 0..24 {
                            let gauge = gauge.clone();
                            let waits = s.spawn(async move {
                                let _inside = gauge.enter();
                                yield_now().await;
                            });
                            if n % 3 == 0 {
                                drop(poll_once(pin!(waits)));
                                yield_now().await;
                            } else {
                                drop(waits.await.unwrap());
                            }
                        }
                    });
                }
            })
            .await;
            s.spawned()
        })
        .await;
        assert!(gauge.peak() <= 2);
        assert!((64..=96).contains(&spawned), "{spawned}");
    }

    /// Given a child that has returned, panicked, or was cancelled, then its place is free, whether
    /// or not its handle has been read.
    place_is_free_however_its_child_ended |ex| {
        scope_limited(&ex, ONE, async |s| {
            let returned = s.spawn(async { 7 }).await.unwrap();
            let panicked = s.spawn(async { blow_up::<()>("boom") }).await.unwrap();
            let cancelled = s.spawn(pending::<()>()).await.unwrap();
            cancelled.abort();
            s.spawn(async {}).await.unwrap().await.unwrap();
            assert_eq!(returned.await.unwrap(), 7);
            assert_eq!(panic_message(panicked.await), "boom");
            assert_eq!(cause(cancelled.await), CancelledBy::Handle);
        })
        .await;
    }

    /// Given one who waits for a place in a scope that is cancelled, then it is woken, and gets its
    /// future back unpolled.
    cancel_wakes_who_waits_for_a_place |ex| {
        let tracer = Tracer::new();
        scope_limited(&ex, ONE, async |s| {
            let holder = s.try_spawn(pending::<()>()).unwrap();
            let waits = s.spawn(tracer.trace(async {}));
            let (closed, ()) = zip(waits, async { s.cancel("test") }).await;
            let Err(TrySpawnError::Closed(future)) = closed else { panic!("{closed:?}") };
            assert_eq!((tracer.polls(), tracer.alive()), (0, 1));
            drop(future);
            assert_eq!(cause(holder.await), CancelledBy::Scope);
        })
        .await;
    }

    /// Given one who waits for a place in a scope that fails, then it is dropped with the body.
    failure_drops_who_waits_for_a_place |ex| {
        let tracer = Tracer::new();
        let result = try_scope_limited(&ex, ONE, async |s| -> Failing {
            let go = Signal::new();
            let waited = go.wait();
            let fails = async move {
                waited.await;
                Err::<(), _>("broken")
            };
            drop(s.try_spawn(fails));
            let waits = s.spawn(tracer.trace(async { Ok::<_, &str>(()) }));
            drop(zip(waits, async { go.fire() }).await);
            unreachable!("the body is dropped here");
        });
        assert_eq!(errors(result.await), ["broken"]);
        assert_eq!((tracer.polls(), tracer.alive()), (0, 0));
    }

    /// Given a scope that is dropped while its body waits for a place, then all is dropped, and
    /// nothing more runs.
    drop_of_the_scope_drops_who_waits_for_a_place |ex| {
        let (log, tracer, waits) = (Log::new(), Tracer::new(), Signal::new());
        let mut scope = Box::pin(scope_limited(&ex, ONE, async |s| {
            let (gone, holds) = (log.on_drop("holder"), Tracer::new());
            let holder = s.try_spawn(holds.trace(async move {
                let _gone = gone;
                pending::<()>().await;
            }));
            until_idle(&holds, &holder.unwrap()).await;
            let _gone = log.on_drop("body");
            let mut place = pin!(s.spawn(tracer.trace(async {})));
            assert!(poll_once(place.as_mut()).is_pending());
            waits.fire();
            drop(place.await);
        }));
        support::drive_until(scope.as_mut(), &waits).await;
        drop(scope);
        assert_eq!(log.events(), ["holder", "body"]);
        assert_eq!((tracer.polls(), tracer.alive()), (0, 0));
    }

    /// Children spawn siblings under the same limit.
    children_spawn_siblings_under_the_same_limit |ex| {
        let gauge = Gauge::new();
        scope_limited(&ex, Limit::new(2), async |s| {
            let (s2, inside) = (s.clone(), gauge.clone());
            let child = s.try_spawn(async move {
                let _inside = inside.enter();
                let gauge = inside.clone();
                let sibling = s2.try_spawn(async move { drop(gauge.enter()) }).unwrap();
                assert!(s2.try_spawn(async {}).is_err() || sibling.is_finished());
                sibling.await.unwrap();
            });
            child.unwrap().await.unwrap();
        })
        .await;
        assert!(gauge.peak() <= 2);
    }

    /// Given room that was taken, then nobody else has it; and when it is dropped unused, then the
    /// next who waits has it.
    room_is_taken_before_its_child_is_made |ex| {
        scope_limited(&ex, ONE, async |s| {
            let room = s.room().await.unwrap();
            assert_eq!(s.len(), 1);
            assert!(s.try_room().unwrap_err().is_full());
            assert!(s.try_spawn(async {}).unwrap_err().is_full());
            let mut next = pin!(s.room());
            assert!(poll_once(next.as_mut()).is_pending());
            drop(room);
            let child = next.await.unwrap().spawn(async { 7 });
            assert!(s.try_room().is_err() || child.is_finished());
            assert_eq!(child.await.unwrap(), 7);
        })
        .await;
    }

    /// Given a body that has returned while a child holds room, then the scope ends when the room
    /// was used, or given back.
    a_scope_waits_for_room_that_is_held |ex| {
        for used in [true, false] {
            let (go, tracer) = (Signal::new(), Tracer::new());
            let (wait, traced) = (go.wait(), tracer.clone());
            let ended = scope_limited(&ex, Limit::new(2), async |s| {
                let theirs = s.clone();
                s.try_spawn(async move {
                    let room = theirs.room().await.unwrap();
                    wait.await;
                    if used {
                        room.spawn(traced.trace(yield_now()));
                    }
                })
                .unwrap();
            });
            zip(ended, async { go.fire() }).await;
            assert_eq!((tracer.drops(), tracer.alive()), (usize::from(used), 0));
        }
    }

    /// Given room in a scope that is cancelled, then its child is refused; and there is no more
    /// room.
    room_in_a_cancelled_scope_is_of_no_use |ex| {
        let tracer = Tracer::new();
        scope_limited(&ex, ONE, async |s| {
            let room = s.room().await.unwrap();
            s.cancel("enough");
            let child = room.spawn(tracer.trace(async {}));
            assert!(child.await.unwrap_err().is_cancelled());
            let closed = s.room().await.unwrap_err();
            assert!(!closed.is_full());
            assert_eq!(closed.to_string(), "the scope was cancelled or has ended");
            assert!(!s.try_room().unwrap_err().is_full());
        })
        .await;
        assert_eq!((tracer.polls(), tracer.alive()), (0, 0));
    }

    /// Given a limited scope, then its children have names and it has daemons, which need no room.
    a_limited_scope_names_children_and_has_daemons |ex| {
        scope_limited(&ex, Limit::new(3), async |s| {
            let daemon = s.spawn_daemon(pending::<()>());
            let stuck = pending::<()>;
            let handles = [
                s.spawn_named("first", stuck()).await.unwrap(),
                s.try_spawn_named("second", stuck()).unwrap(),
                s.room().await.unwrap().spawn_named("third", stuck()),
            ];
            assert_eq!(handles.each_ref().map(|child| child.name()), [Some("first"), Some("second"), Some("third")]);
            assert!(s.try_spawn_named("fourth", async {}).unwrap_err().is_full());
            drop((daemon, handles));
            s.cancel("done");
        })
        .await;
    }

    /// Without a limit there is always a place.
    unbounded_scope_always_has_a_place |ex| {
        let sum = scope_limited(&ex, Limit::Unbounded, async |s| {
            let children: Vec<_> =
                (0..100).map(|n| s.try_spawn(async move { n }).unwrap()).collect();
            let mut sum = 0;
            for child in children {
                sum += child.await.unwrap();
            }
            sum
        });
        assert_eq!(sum.await, 4950);
    }
}

/// A limit of zero is an error when it is made, never a hang.
#[test]
fn limit_of_zero_cannot_be_made() {
    let zero: Result<Limit, ZeroLimit> = Limit::try_from(0);
    let error: Box<dyn std::error::Error + Send + Sync> = zero.unwrap_err().into();
    assert!(error.to_string().contains("a limit of 0 would let nothing run"));
    assert!(panic_in(|| Limit::new(0)).contains("a limit of 0 would let nothing run"));
    assert_eq!(Limit::try_from(3), Ok(Limit::new(3)));
    assert_eq!(Limit::from(NonZeroUsize::MIN), ONE);
    assert_eq!((ONE.to_string(), Limit::Unbounded.to_string()), ("1".into(), "unbounded".into()));
}

/// Given two places that come free before anybody looks, then the waiter that takes the first wakes
/// the next one for the second, without the scope.
#[test]
fn two_places_at_once_are_both_told_of() {
    let (hoard, slot) = (Hoard::new(), Mutex::new(None));
    let mut scope = pin!(scope_limited(&hoard, Limit::new(2), async |s| {
        *slot.lock().unwrap() = Some(s);
        pending::<()>().await;
    }));
    assert!(poll_once(scope.as_mut()).is_pending());
    let s = slot.lock().unwrap().take().unwrap();
    (0..2).for_each(|_| drop(s.try_spawn(async {}).unwrap()));
    let (first, second) = (Spy::new(), Spy::new());
    let (mut one, mut other) = (pin!(s.spawn(async {})), pin!(s.spawn(async {})));
    assert!(first.poll(one.as_mut()).is_pending());
    assert!(second.poll(other.as_mut()).is_pending());
    for mut child in hoard.take() {
        assert!(poll_once(Pin::new(&mut child)).is_ready());
    }
    assert_eq!((first.wakes(), second.wakes()), (1, 0));
    assert!(first.poll(one.as_mut()).is_ready());
    assert_eq!(second.wakes(), 1);
    assert!(second.poll(other.as_mut()).is_ready());
}
