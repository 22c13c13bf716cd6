//! Waits that could never end: they end, or say at once what is wrong. On the simulation a hang is
//! a verdict, so each of these would fail there rather than hang.

use anyscope::{
    CancelledBy, Grace, JoinHandle, Limit, OwnedScope, ScopeError, concurrent, scope,
    scope_limited, shield, shield_with, try_scope,
};
use futures_lite::future::{block_on, zip};
use std::{
    future::{Future, pending},
    mem::forget,
    pin::{Pin, pin},
    sync::{Arc, Mutex},
    task::{Context, Waker},
};
use support::{
    HOUR, Hoard, Log, Refusing, SECOND, Signal, Stopwatch, Tracer, behaviour, cause, errors,
    panic_of, poll_once, record, simulated, until_idle, yield_now,
};

type Failing = Result<(), &'static str>;

/// A child of a fail-fast scope that waits for the end of its scope, as its value never comes.
async fn misses<T>(child: JoinHandle<'_, T>) -> Failing {
    child.value().await;
    unreachable!("there is no value");
}

behaviour! {
    /// Given an owned scope that has failed, when a value of it is awaited, then that panics and says
    /// why: whoever holds the scope is not dropped with it.
    value_beside_an_owned_scope_panics |ex| {
        let s = OwnedScope::fail_fast(&ex);
        let victim = s.spawn_named("victim", pending::<Failing>());
        let fails = s.spawn(async { Err::<(), _>("broken") });
        let message = panic_of(victim.value()).await;
        assert!(message.contains("`victim`"), "{message}");
        assert!(message.contains("its scope was cancelled"), "{message}");
        assert!(panic_of(fails.value()).await.contains("its scope reports the error"));
        assert_eq!(errors(s.close().await), ["broken"]);
    }

    /// The same for one who waits beside a scope whose future nobody polls.
    value_beside_a_scope_that_is_not_polled_panics |ex| {
        let (slot, go) = (Mutex::new(None), Signal::new());
        let mut scope = pin!(try_scope(&ex, async |s| -> Failing {
            let (victim, waits) = (s.spawn(pending::<Failing>()), go.wait());
            drop(s.spawn(async {
                waits.await;
                Err::<(), _>("broken")
            }));
            *slot.lock().unwrap() = Some(victim);
            pending().await
        }));
        assert!(poll_once(scope.as_mut()).is_pending());
        let victim = slot.lock().unwrap().take().unwrap();
        go.fire();
        while !victim.is_finished() {
            yield_now().await;
        }
        assert!(panic_of(victim.value()).await.contains("its scope was cancelled"));
        assert_eq!(errors(scope.await), ["broken"]);
    }

    /// Given a failed scope, when a value is awaited behind a shield, then that panics: the shield
    /// would wait for the end of the scope, and that for the shield. In the body ...
    value_behind_a_shield_of_the_body_panics in [spawned, inline] |ex| {
        let message = panic_of(try_open!(async |s| -> Failing {
            let victim = s.spawn(pending::<Failing>());
            drop(s.spawn(async { Err::<(), _>("broken") }));
            shield(misses(victim)).await
        }))
        .await;
        assert!(message.contains("its scope was cancelled"), "{message}");
    }

    /// ... in a child, which panics then as any other does ...
    value_behind_a_shield_of_a_child_panics in [spawned, inline] |ex| {
        let message = panic_of(try_open!(async |s| -> Failing {
            let (victim, shielded) = (s.spawn(pending::<Failing>()), Signal::new());
            let ready = shielded.clone();
            drop(s.spawn(shield(async move {
                ready.fire();
                misses(victim).await
            })));
            drop(s.spawn(async move {
                shielded.wait().await;
                Err::<(), _>("broken")
            }));
            pending().await
        }))
        .await;
        assert!(message.contains("its scope was cancelled"), "{message}");
    }

    /// ... and in a scope inside that child.
    value_in_a_scope_behind_a_shield_panics in [spawned, inline] |ex| {
        let message = panic_of(try_open!(async |s| -> Failing {
            let (victim, shielded) = (s.spawn(pending::<Failing>()), Signal::new());
            let ready = shielded.clone();
            drop(s.spawn(shield(concurrent(async move |inner| {
                inner.spawn(async move {
                    ready.fire();
                    misses(victim).await
                }).value().await
            }))));
            drop(s.spawn(async move {
                shielded.wait().await;
                Err::<(), _>("broken")
            }));
            pending().await
        }))
        .await;
        assert!(message.contains("its scope was cancelled"), "{message}");
    }

    /// Given a failed scope, when a value is awaited *beside* a shield in the same child, or where
    /// the shield lets cancels through, then who waits is dropped, never resumed.
    value_beside_a_shield_is_dropped in [spawned, inline] |ex| {
        for restored in [false, true] {
            let (shielded, go) = (Signal::new(), Signal::new());
            let result = try_open!(async |s| -> Failing {
                let (victim, ready, waits) = (s.spawn(pending::<Failing>()), shielded.clone(), go.wait());
                drop(s.spawn(async move {
                    if restored {
                        shield_with(async |restore| {
                            ready.fire();
                            restore.run(misses(victim)).await
                        })
                        .await
                    } else {
                        let shielded = shield(async {
                            ready.fire();
                            waits.await;
                        });
                        zip(shielded, misses(victim)).await.1
                    }
                }));
                let (ready, go) = (shielded.wait(), go.clone());
                drop(s.spawn(async move {
                    ready.await;
                    go.fire();
                    Err::<(), _>("broken")
                }));
                pending().await
            })
            .await;
            assert_eq!(errors(result), ["broken"]);
        }
    }

    /// Given a failed scope, when a finalizer of it awaits a value, then that panics, and the other
    /// finalizers run.
    value_in_a_finalizer_panics in [spawned, inline] |ex| {
        let log = Log::new();
        let message = panic_of(try_open!(async |s| -> Failing {
            let (victim, log) = (s.spawn(pending::<Failing>()), log.clone());
            s.defer(async move {
                log.add("ran");
                Ok::<_, &str>(())
            });
            s.defer(misses(victim));
            Err("broken")
        }))
        .await;
        assert!(message.contains("its scope was cancelled"), "{message}");
        assert_eq!(log.events(), ["ran"]);
    }

    /// Given a failed scope, when a value is awaited on a thread that is blocked, in a child, then
    /// that panics: the child ends only when the wait does.
    value_in_a_blocking_child_panics with threads in [spawned] |ex| {
        let message = panic_of(try_open!(async |s| -> Failing {
            let (victim, inside) = (s.spawn(pending::<Failing>()), Signal::new());
            let entered = inside.clone();
            drop(s.spawn_blocking(move || {
                entered.fire();
                block_on(misses(victim))
            }));
            drop(s.spawn(async move {
                inside.wait().await;
                Err::<(), _>("broken")
            }));
            pending().await
        }))
        .await;
        assert!(message.contains("its scope was cancelled"), "{message}");
    }

    /// Given a fail-fast scope in its grace, when the value of a child that was refused is awaited,
    /// then the scope fails with the reason of the grace, at once: in its body, and in a child.
    value_of_a_child_refused_in_a_grace_ends_the_grace in [spawned, inline] |ex| {
        let result = try_open!(async |s| -> Failing {
            drop(s.spawn(pending::<Failing>()));
            s.cancel_with(&ex, Grace::For(HOUR), "closing");
            misses(s.spawn(async { Ok::<_, &str>(()) })).await
        });
        let Err(ScopeError::Cancelled(cancelled)) = result.await else { panic!("not cancelled") };
        assert_eq!(cancelled.reason().unwrap().message(), "closing");
        let result = try_open!(async |s| -> Failing {
            let (s2, go) = (s.clone(), Signal::new());
            let waits = go.wait();
            drop(s.spawn(async move {
                waits.await;
                misses(s2.spawn(async { Ok::<_, &str>(()) })).await
            }));
            s.cancel_with(&ex, Grace::Forever, "closing");
            go.fire();
            pending().await
        });
        let Err(ScopeError::Cancelled(cancelled)) = result.await else { panic!("not cancelled") };
        assert_eq!(cancelled.reason().unwrap().message(), "closing");
    }

    /// A value that was refused in a grace and is awaited outside brings nothing down.
    value_of_a_child_refused_in_a_grace_panics_outside |ex| {
        let s = OwnedScope::fail_fast(&ex);
        let (go, log) = (Signal::new(), Log::new());
        let (waits, ended) = (go.wait(), log.clone());
        drop(s.spawn(async move {
            waits.await;
            ended.add("in good order");
            Ok(())
        }));
        s.cancel_with(&ex, Grace::Forever, "closing");
        let refused = s.spawn(async { Ok::<_, &str>(()) });
        assert!(panic_of(refused.value()).await.contains("closing"));
        go.fire();
        drop(s.close().await);
        assert_eq!(log.events(), ["in good order"]);
    }

    /// Given a finalizer of an owned scope that defers another, then that runs too, after those
    /// that were there before, and `close` waits for it.
    close_waits_for_a_finalizer_that_a_finalizer_defers |ex| {
        let (log, s) = (Log::new(), OwnedScope::new(&ex));
        let (inner, first, last) = (s.clone(), log.clone(), log.clone());
        s.defer(async move {
            yield_now().await;
            last.add("last of the first");
        });
        s.defer(async move {
            let nested = first.clone();
            let again = inner.clone();
            inner.defer(async move {
                yield_now().await;
                nested.add("deferred");
                again.defer(async move { nested.add("deferred by that") });
            });
            yield_now().await;
            first.add("first");
        });
        // Two who close hand over no more than one.
        zip(s.close(), s.close()).await;
        assert_eq!(log.events(), ["first", "last of the first", "deferred", "deferred by that"]);
    }

    /// Given a finalizer that closes its own scope, then that panics, as for a child.
    close_in_a_finalizer_panics |ex| {
        let s = Arc::new(OwnedScope::new(&ex));
        let weak = Arc::downgrade(&s);
        s.defer(async move {
            let s = weak.upgrade().unwrap();
            s.close().await;
        });
        let message = panic_of(s.close()).await;
        assert!(message.contains("waits for the end of its own scope"), "{message}");
    }

    /// Given a deadline or a grace whose watch the executor refuses, then the scope comes down at
    /// once, for a reason that says so, wherever its children run.
    lost_deadline_or_grace_ends_the_scope |ex| {
        for grace in [false, true] {
            let log = Log::new();
            let outcome = scope(&Refusing, async |s| {
                s.on_event(record(&log));
                let child = s.spawn_on(&ex, pending::<()>());
                if grace {
                    s.cancel_with(&ex, Grace::For(HOUR), "closing");
                } else {
                    s.deadline(&ex, ex.now().saturating_add(HOUR));
                }
                child.await
            })
            .await;
            let told = outcome.as_ref().unwrap_err().to_string();
            let expected = if grace { "closing" } else { "dropped what watched its deadline" };
            assert!(told.contains(expected), "{told}");
            assert_eq!((cause(outcome), log.events()), (CancelledBy::Scope, vec!["refused".into()]));
        }
    }

    /// The same if it is lost later; a fail-fast scope then was cancelled by its executor, unless
    /// somebody had cancelled it before.
    watch_that_is_lost_later_ends_the_scope |ex| {
        for grace in [false, true] {
            let (hoard, log) = (Hoard::new(), Log::new());
            let result = try_scope(&hoard, async |s| -> Failing {
                s.on_event(record(&log));
                let child = s.spawn_on(&ex, pending::<Failing>());
                if grace {
                    s.cancel_with(&ex, Grace::For(HOUR), "closing");
                } else {
                    s.deadline(&ex, ex.now().saturating_add(HOUR));
                }
                yield_now().await;
                drop(hoard.take());
                misses(child).await
            })
            .await;
            let Err(ScopeError::Cancelled(cancelled)) = result else { panic!("not cancelled") };
            let (cause, told) = match grace {
                true => (CancelledBy::Scope, "closing"),
                false => (CancelledBy::Executor, "the executor dropped what watched its deadline"),
            };
            assert_eq!((cancelled.by(), cancelled.reason().unwrap().message()), (cause, told));
            assert_eq!(log.events(), ["refused"]);
        }
    }

    /// A scope that ends in time has nothing to do with a watch that is lost then.
    watch_of_a_scope_that_ends_is_not_lost |ex| {
        let (hoard, log) = (Hoard::new(), Log::new());
        let result = try_scope(&hoard, async |s| -> Result<i32, &'static str> {
            s.on_event(record(&log));
            s.deadline(&ex, ex.now().saturating_add(HOUR));
            Ok(7)
        })
        .await;
        drop(hoard.take());
        assert_eq!((result.unwrap(), log.events()), (7, vec![]));
    }

    /// Given a grace, then a deadline that is set during it ends it, to the moment.
    deadline_that_is_set_in_a_grace_ends_it with virtual_time in [spawned, inline] |ex| {
        for forever in [Grace::Forever, Grace::For(HOUR)] {
            let watch = Stopwatch::start(ex.clone());
            let stubborn = open!(async |s| {
                let stubborn = s.spawn(pending::<()>());
                s.cancel_with(&ex, forever, "closing");
                s.deadline(&ex, ex.now().saturating_add(3 * SECOND));
                let moved = s.deadline(&ex, ex.now().saturating_add(5 * SECOND));
                moved.move_to(ex.now().saturating_add(SECOND));
                stubborn
            })
            .await;
            assert_eq!(watch.elapsed(), SECOND);
            assert_eq!(cause(stubborn.await), CancelledBy::Deadline);
        }
    }

    /// Given one who waits for room, is forgotten, and whose turn it is, then others get the room:
    /// who waited behind it, and who comes later.
    room_is_not_kept_for_one_who_was_forgotten |ex| {
        for forgotten in [1, 3] {
            scope_limited(&ex, Limit::new(2), async |s| {
                let tracers = [(); 2].map(|()| Tracer::new());
                let forever = s.try_spawn(tracers[0].trace(pending::<()>())).unwrap();
                let holder = s.try_spawn(tracers[1].trace(pending::<()>())).unwrap();
                until_idle(&tracers[1], &holder).await;
                for _ in 0..forgotten {
                    let mut waits = Box::pin(s.spawn(async {}));
                    assert!(poll_once(waits.as_mut()).is_pending());
                    forget(waits);
                }
                let behind = Box::pin(s.spawn(async { 7 }));
                let (behind, ()) = zip(behind, async { holder.abort() }).await;
                assert_eq!(behind.unwrap().await.unwrap(), 7);
                assert_eq!(s.spawn(async { 8 }).await.unwrap().await.unwrap(), 8);
                until_idle(&tracers[0], &forever).await;
                forever.abort();
            })
            .await;
        }
    }

    /// The same for who waits in a task of its own, and for who cannot wait: it asks twice.
    room_is_not_kept_from_other_tasks |ex| {
        scope_limited(&ex, Limit::new(1), async |s| {
            let tracer = Tracer::new();
            let holder = s.try_spawn(tracer.trace(pending::<()>())).unwrap();
            until_idle(&tracer, &holder).await;
            let mut waits = Box::pin(s.spawn(async {}));
            assert!(poll_once(waits.as_mut()).is_pending());
            forget(waits);
            let (s2, got) = (s.clone(), Signal::new());
            let told = got.clone();
            let waiter = scope(&ex, async |outer| {
                let queued = Signal::new();
                let ready = queued.clone();
                let waiter = outer.spawn(async move {
                    let mut waits = Box::pin(s2.spawn(async { 7 }));
                    assert!(poll_once(waits.as_mut()).is_pending());
                    ready.fire();
                    let child = waits.await.unwrap();
                    told.fire();
                    child.await.unwrap()
                });
                queued.wait().await;
                holder.abort();
                waiter.await.unwrap()
            });
            assert_eq!(waiter.await, 7);
            assert!(got.has_fired());
            while !s.is_empty() {
                yield_now().await;
            }
            assert!(s.try_spawn(async {}).unwrap_err().is_full());
            assert_eq!(s.try_spawn(async { 8 }).unwrap().await.unwrap(), 8);
        })
        .await;
    }
}

/// Given one who was forgotten, and a scope that nobody polls, then who asks for the second time
/// gets the room.
#[test]
fn room_of_a_scope_that_is_not_polled_is_given_to_who_asks_twice() {
    let (hoard, slot) = (Hoard::new(), Mutex::new(None));
    let mut scope = pin!(scope_limited(&hoard, Limit::new(1), async |s| {
        *slot.lock().unwrap() = Some(s.clone());
        pending::<()>().await;
    }));
    assert!(poll_once(scope.as_mut()).is_pending());
    let s = slot.lock().unwrap().take().unwrap();
    drop(s.try_spawn(async {}).unwrap());
    let mut waits = Box::pin(s.spawn(async {}));
    assert!(poll_once(waits.as_mut()).is_pending());
    forget(waits);
    let mut child = hoard.take().pop().unwrap();
    assert!(Pin::new(&mut child).poll(&mut Context::from_waker(Waker::noop())).is_ready());
    let mut next = pin!(s.spawn(async {}));
    assert!(poll_once(next.as_mut()).is_pending());
    assert!(poll_once(next.as_mut()).is_ready());
}

simulated! {
    /// What still waits, in a child of another scope that runs elsewhere, ends with the scope.
    value_in_a_scope_elsewhere_ends_with_the_scope |sim| {
        let result = try_scope(&sim, async |s| -> Failing {
            let victim = s.spawn(pending::<Failing>());
            let sim2 = sim.clone();
            drop(s.spawn(async move {
                scope(&sim2, async |inner| inner.spawn(misses(victim)).value().await).await
            }));
            yield_now().await;
            Err("broken")
        })
        .await;
        assert_eq!(errors(result), ["broken"]);
    }
}
