//! Shielding and cleanup (H): shields.

use anyscope::{
    CancelledBy, JoinError, OwnedScope, Timer, checkpoint, concurrent, deadline, join, scope,
    shield, shield_with, sim::Sim, timeout, try_concurrent,
};
use std::{
    future::{Future, pending},
    pin::{Pin, pin},
    sync::{Arc, Mutex},
    time::Duration,
};
use support::{
    Log, Signal, Tracer, behaviour, cause, errors, on_drop, poll_once, until_idle, yield_now,
};

behaviour! {
    /// Given a shield, when the scope is cancelled, then what is awaited inside goes on, and the
    /// value of the child counts.
    h1_shield_keeps_a_cancel_off in [spawned, inline] |ex| {
        let (started, go_on, log) = (Signal::new(), Signal::new(), Log::new());
        let got = open!(async |s| {
            let (start, wait, inside) = (started.clone(), go_on.wait(), log.clone());
            let child = s.spawn(async move {
                shield(async {
                    start.fire();
                    wait.await;
                    yield_now().await;
                    inside.add("inside");
                })
                .await;
                7
            });
            started.wait().await;
            s.cancel("too early");
            assert!(s.is_cancelled() && !child.is_finished());
            go_on.fire();
            child.await
        })
        .await;
        assert_eq!((got.unwrap(), log.events()), (7, vec!["inside".to_string()]));
    }

    /// The same if a sibling fails: the scope waits for the shield before it returns the error.
    h1_shield_keeps_a_failure_off in [spawned, inline] |ex| {
        let (started, go_on, log) = (Signal::new(), Signal::new(), Log::new());
        let result = try_open!(async |s| -> Result<(), &'static str> {
            let (start, wait, log) = (started.clone(), go_on.wait(), log.clone());
            s.spawn(async move {
                shield(async {
                    start.fire();
                    wait.await;
                    log.add("inside");
                })
                .await;
                pending::<Result<(), &str>>().await
            });
            let (started, go_on) = (started.wait(), go_on.clone());
            s.spawn(async move {
                started.await;
                // Later than the failure, if that is dealt with at once.
                let _fire = on_drop(move || go_on.fire());
                Err::<(), _>("broken")
            });
            pending().await
        })
        .await;
        assert_eq!((errors(result), log.events()), (vec!["broken"], vec!["inside".to_string()]));
    }

    /// The body of a fail-fast scope can be shielded too.
    h1_shield_in_a_body in [spawned, inline] |ex| {
        let log = Log::new();
        let result = try_open!(async |s| -> Result<(), &'static str> {
            let _gone = log.on_drop("body");
            shield(async {
                s.cancel("not yet");
                yield_now().await;
                yield_now().await;
                log.add("inside");
            })
            .await;
            log.add("outside");
            yield_now().await;
            unreachable!("dropped where it waits next");
        })
        .await;
        assert!(result.unwrap_err().is_cancelled());
        assert_eq!(log.events(), ["inside", "outside", "body"]);
    }

    /// Given a shield around a scope, when that scope is cancelled, then its children are.
    h2_shield_does_not_protect_from_cancels_inside in [spawned, inline] |ex| {
        open!(async |s| {
            s.spawn(async {
                shield(concurrent(async |inner| {
                    let child = inner.spawn(pending::<()>());
                    yield_now().await;
                    inner.cancel("inside");
                    assert_eq!(cause(child.await), CancelledBy::Scope);
                }))
                .await;
            })
            .await
            .unwrap();
        })
        .await;
    }

    /// Given a cancel that came during a shield, when the shield ends, then the child ends where
    /// it waits next; `checkpoint` knows it at once.
    h3_cancel_takes_effect_after_the_shield in [spawned, inline] |ex| {
        let (started, go_on, log) = (Signal::new(), Signal::new(), Log::new());
        let child = open!(async |s| {
            let (start, wait, log) = (started.clone(), go_on.wait(), log.clone());
            let child = s.spawn(async move {
                let _gone = log.on_drop("child");
                shield(async {
                    start.fire();
                    wait.await;
                    assert!(checkpoint().is_ok());
                })
                .await;
                let cancelled = checkpoint().unwrap_err();
                assert_eq!(cancelled.reason().unwrap().message(), "too early");
                assert!(checkpoint().is_err());
                log.add("outside");
                pending::<()>().await;
            });
            started.wait().await;
            s.cancel("too early");
            go_on.fire();
            child.await
        })
        .await;
        let Err(JoinError::Cancelled(cancelled)) = child else { panic!("{child:?}") };
        assert_eq!(cancelled.reason().unwrap().message(), "too early");
        assert_eq!(log.events(), ["outside", "child"]);
    }

    /// Given a cancel that waits for a shield, when the shield ends while the child is parked, as
    /// somebody else has it, then the child is woken and dropped at once.
    h4_shield_that_ends_elsewhere_wakes_the_child with tasks in [spawned, inline] |ex| {
        type Boxed = Pin<Box<dyn Future<Output = ()> + Send>>;
        let elsewhere: Arc<Mutex<Option<Boxed>>> = Arc::default();
        let tracer = Tracer::new();
        open!(async |s| {
            let taken = elsewhere.clone();
            let child = s.spawn(tracer.trace(async move {
                let mut up: Boxed = Box::pin(shield(pending()));
                assert!(poll_once(up.as_mut()).is_pending());
                *taken.lock().unwrap() = Some(up);
                pending::<()>().await;
            }));
            until_idle(&tracer, &child).await;
            s.cancel("behind a shield");
            assert_eq!(tracer.drops(), 0);
            let up = elsewhere.lock().unwrap().take();
            drop(up);
            assert_eq!(cause(child.await), CancelledBy::Scope);
            assert_eq!((tracer.polls(), tracer.drops()), (1, 1));
        })
        .await;
    }

    /// Given children spawned into a scope inside a shield, then an outer cancel does not reach
    /// them.
    h5_children_inside_a_shield_are_shielded in [spawned, inline] |ex| {
        let (started, go_on, log) = (Signal::new(), Signal::new(), Log::new());
        open!(async |s| {
            let (start, wait, log) = (started.clone(), go_on.wait(), log.clone());
            s.spawn(async move {
                shield(concurrent(async |inner| {
                    inner.spawn(async {
                        start.fire();
                        wait.await;
                        assert!(checkpoint().is_ok());
                        log.add("inner child");
                    });
                }))
                .await;
            });
            started.wait().await;
            s.cancel("outside");
            go_on.fire();
        })
        .await;
        assert_eq!(log.events(), ["inner child"]);
    }

    /// Given a shield around `spawn` only, then it does not shield the child.
    h6_shield_around_spawn_does_not_shield_the_child in [spawned, inline] |ex| {
        open!(async |s| {
            let child = shield(async { s.spawn(pending::<()>()) }).await;
            s.cancel("at once");
            assert_eq!(cause(child.await), CancelledBy::Scope);
        })
        .await;
    }

    /// Given "is cancelled" asked inside a shield, then no; asked through the scope, yes.
    h7_inside_a_shield_nothing_asks_for_the_end in [spawned, inline] |ex| {
        open!(async |s| {
            let s2 = s.clone();
            s.spawn(async move {
                shield(async {
                    s2.cancel("asked");
                    assert!(checkpoint().is_ok() && s2.is_cancelled());
                })
                .await;
                assert!(checkpoint().is_err());
            })
            .await
            .unwrap();
        })
        .await;
        assert!(checkpoint().is_ok());
    }

    /// Given a shield with a restored region, then only that can be cancelled, and what follows it
    /// is shielded again.
    h8_only_the_restored_region_can_be_cancelled in [spawned, inline] |ex| {
        let log = Log::new();
        open!(async |s| {
            let (s2, log) = (s.clone(), log.clone());
            let child = s.spawn(shield_with(async move |restore| {
                yield_now().await;
                restore.run(yield_now()).await;
                s2.cancel("asked");
                yield_now().await;
                log.add("shielded");
                let _gone = log.on_drop("restored");
                restore.run(pending::<()>()).await;
                unreachable!("cancelled there");
            }));
            assert_eq!(cause(child.await), CancelledBy::Scope);
        })
        .await;
        assert_eq!(log.events(), ["shielded", "restored"]);
    }

    /// The same if the region is over before the cancel comes.
    h8_after_the_restored_region_the_shield_is_up_again in [spawned, inline] |ex| {
        let (started, go_on) = (Signal::new(), Signal::new());
        open!(async |s| {
            let (start, wait) = (started.clone(), go_on.wait());
            let child = s.spawn(shield_with(async move |restore| {
                restore.run(yield_now()).await;
                start.fire();
                wait.await;
                7
            }));
            started.wait().await;
            s.cancel("too late");
            go_on.fire();
            assert_eq!(child.await.unwrap(), 7);
        })
        .await;
    }

    /// Given regions at the same time or one in another, all of which wait, then a cancel finds the
    /// child without a shield.
    h8_restored_regions_at_once_can_be_cancelled in [spawned, inline] |ex| {
        for nested in [false, true] {
            let (started, log) = (Signal::new(), Log::new());
            open!(async |s| {
                let (start, log) = (started.clone(), log.clone());
                let child = s.spawn(shield_with(async move |restore| {
                    let _gone = log.on_drop("dropped");
                    let wait = async {
                        start.fire();
                        pending::<()>().await;
                    };
                    if nested {
                        restore.run(restore.run(wait)).await;
                    } else {
                        join((restore.run(pending::<()>()), restore.run(wait))).await;
                    }
                }));
                started.wait().await;
                s.cancel("asked");
                assert_eq!(cause(child.await), CancelledBy::Scope);
            })
            .await;
            assert_eq!(log.events(), ["dropped"]);
        }
    }

    /// Given regions that overlap, then the shield is down until the last of them ends, and up from
    /// then on.
    h8_the_last_restored_region_counts in [spawned, inline] |ex| {
        for after in [false, true] {
            let (started, go_on) = (Signal::new(), Signal::new());
            open!(async |s| {
                let (start, wait) = (started.clone(), go_on.wait());
                let child = s.spawn(shield_with(async move |restore| {
                    let short = restore.run(restore.run(yield_now()));
                    let long = restore.run(async {
                        for _ in 0..3 {
                            yield_now().await;
                        }
                        if !after {
                            start.fire();
                            pending::<()>().await;
                        }
                    });
                    join((short, long)).await;
                    start.fire();
                    wait.await;
                    7
                }));
                started.wait().await;
                s.cancel("asked");
                go_on.fire();
                assert_eq!(child.await.ok(), after.then_some(7));
            })
            .await;
        }
    }

    /// Given a region that begins after its shield, or ends after it, then it is no region any
    /// more: the child can be cancelled, and other shields of it hold.
    h8_a_restored_region_after_its_shield_changes_nothing in [spawned, inline] |ex| {
        for late_end in [false, true] {
            let (started, go_on, log) = (Signal::new(), Signal::new(), Log::new());
            open!(async |s| {
                let (start, wait, log) = (started.clone(), go_on.wait(), log.clone());
                let child = s.spawn(async move {
                    let (restore, open) = shield_with(async |restore| {
                        let mut open = Box::pin(restore.run(pending::<()>()));
                        assert!(!late_end || poll_once(open.as_mut()).is_pending());
                        (restore, open)
                    })
                    .await;
                    if late_end {
                        drop(open);
                    } else {
                        restore.run(yield_now()).await;
                    }
                    shield(async {
                        start.fire();
                        wait.await;
                        log.add("shielded");
                    })
                    .await;
                    let _gone = log.on_drop("dropped");
                    restore.run(pending::<()>()).await;
                });
                started.wait().await;
                s.cancel("asked");
                go_on.fire();
                assert_eq!(cause(child.await), CancelledBy::Scope);
            })
            .await;
            assert_eq!(log.events(), ["shielded", "dropped"]);
        }
    }

    /// Given a region that another child runs, then it opens the shield of the child that has it.
    h8_a_restored_region_elsewhere_opens_the_shield |ex| {
        let (owned, log) = (OwnedScope::new(&ex), Log::new());
        let (send, begun) = (Arc::new(Mutex::new(None)), Signal::new());
        let (keep, start, gone) = (send.clone(), begun.clone(), log.clone());
        let shielded = owned.spawn(shield_with(async move |restore| {
            let _gone = gone.on_drop("dropped");
            *keep.lock().unwrap() = Some(restore);
            start.fire();
            pending::<()>().await;
        }));
        begun.wait().await;
        owned.cancel("waits for the shield");
        assert!(log.events().is_empty());
        let restore = send.lock().unwrap().take().unwrap();
        let other = OwnedScope::new(&ex);
        let opening = other.spawn(async move { restore.run(pending::<()>()).await });
        assert_eq!(cause(shielded.await), CancelledBy::Scope);
        assert_eq!(log.events(), ["dropped"]);
        drop(other);
        assert_eq!(cause(opening.await), CancelledBy::Scope);
    }

    /// Given a cancel of one child, then it waits for the shield, and returns when that is over.
    c20_cancel_of_a_child_waits_for_its_shield in [spawned, inline] |ex| {
        let (started, go_on, log) = (Signal::new(), Signal::new(), Log::new());
        open!(async |s| {
            let (start, wait, inside) = (started.clone(), go_on.wait(), log.clone());
            let child = s.spawn(async move {
                let _gone = inside.on_drop("dropped");
                shield(async {
                    start.fire();
                    wait.await;
                    inside.add("cleaned up");
                })
                .await;
                pending::<()>().await;
            });
            started.wait().await;
            let mut cancel = pin!(child.cancel());
            assert!(poll_once(cancel.as_mut()).is_pending());
            go_on.fire();
            assert_eq!(cause(cancel.await), CancelledBy::Handle);
            assert_eq!(log.events(), ["cleaned up", "dropped"]);
        })
        .await;
    }

    /// Given a shield that lets cancels through, when it has ended or was dropped, with such a part in
    /// it or without, then the child can be cancelled where it waits next.
    h8_shield_that_lets_cancels_through_is_down_when_it_is_gone in [spawned, inline] |ex| {
        for (opens, ends) in [(false, false), (false, true), (true, false), (true, true)] {
            let tracer = Tracer::new();
            open!(async |s| {
                let child = s.spawn(tracer.trace(async move {
                    let mut up = Box::pin(shield_with(async move |restore| {
                        match (opens, ends) {
                            (true, true) => restore.run(yield_now()).await,
                            (true, false) => restore.run(pending()).await,
                            (false, true) => {}
                            (false, false) => pending().await,
                        }
                    }));
                    if ends {
                        up.await;
                    } else {
                        assert!(poll_once(up.as_mut()).is_pending());
                        drop(up);
                    }
                    pending::<()>().await;
                }));
                until_idle(&tracer, &child).await;
                s.cancel("test");
                assert_eq!(cause(child.await), CancelledBy::Scope);
            })
            .await;
        }
    }

    /// Given a part that lets cancels through and is polled before its shield is, when the part is
    /// dropped behind the shield, then the shield is up until its end, and down from then on.
    h8_a_restored_region_before_its_shield_changes_nothing in [spawned, inline] |ex| {
        let (tracer, go) = (Tracer::new(), Signal::new());
        open!(async |s| {
            let wait = go.wait();
            let child = s.spawn(tracer.trace(async move {
                let mut early = None;
                let mut up = Box::pin(shield_with(|restore| {
                    early = Some(Box::pin(restore.run(pending::<()>())));
                    wait
                }));
                let mut early = early.unwrap();
                assert!(poll_once(early.as_mut()).is_pending());
                assert!(poll_once(up.as_mut()).is_pending());
                drop(early);
                up.await;
                pending::<()>().await;
            }));
            until_idle(&tracer, &child).await;
            s.cancel("behind a shield");
            assert_eq!(tracer.drops(), 0);
            go.fire();
            assert_eq!(cause(child.await), CancelledBy::Scope);
        })
        .await;
    }

    /// Given a scope future that is dropped, then shields do not count.
    shields_do_not_outlive_the_scope with tasks |ex| {
        let (owned, tracer) = (OwnedScope::new(&ex), Tracer::new());
        let child = owned.spawn(tracer.trace(shield(pending::<()>())));
        until_idle(&tracer, &child).await;
        owned.cancel("waits for the shield");
        assert_eq!(tracer.drops(), 0);
        drop(owned);
        assert_eq!((cause(child.await), tracer.drops()), (CancelledBy::Scope, 1));

        let tracer = Tracer::new();
        {
            let mut inline = pin!(concurrent(async |s| {
                s.spawn(tracer.trace(shield(pending::<()>())));
                shield(pending::<()>()).await;
            }));
            assert!(poll_once(inline.as_mut()).is_pending());
            assert_eq!(tracer.polls(), 1);
        }
        assert_eq!(tracer.drops(), 1);
    }

    /// A daemon is given the time to end what it shields.
    daemon_behind_a_shield_is_waited_for in [spawned, inline] |ex| {
        let (started, log) = (Signal::new(), Log::new());
        open!(async |s| {
            let (start, log) = (started.clone(), log.clone());
            s.spawn_daemon(async move {
                shield(async {
                    start.fire();
                    for _ in 0..3 {
                        yield_now().await;
                    }
                    log.add("flushed");
                })
                .await;
                pending::<()>().await;
            });
            started.wait().await;
        })
        .await;
        assert_eq!(log.events(), ["flushed"]);
    }

    /// A shield outside of all scopes does nothing, and one that panics is down.
    shields_elsewhere_do_no_harm in [spawned, inline] |ex| {
        assert_eq!(shield(async { 7 }).await, 7);
        open!(async |s| {
            let child = s.spawn(shield(async { panic!("inside") }));
            assert!(child.await.unwrap_err().is_panic());
        })
        .await;
    }
}

const SECOND: Duration = Duration::from_secs(1);

/// Given nested deadlines, then the earliest one counts, but a shield hides those around it.
#[test]
fn t4_shield_hides_deadlines_around_it() {
    Sim::new(0)
        .run(async |sim| {
            let start = sim.elapsed();
            let result = try_concurrent(async |s| -> Result<(), ()> {
                use anyscope::Clock;

                s.deadline(&sim, sim.now().saturating_add(2 * SECOND));
                shield(async {
                    // Not hidden: it is inside.
                    let inside = sim.now().saturating_add(3 * SECOND);
                    assert!(deadline(sim.clone(), inside, pending::<()>()).await.is_err());
                    sim.sleep(SECOND).await;
                })
                .await;
                assert_eq!(sim.elapsed() - start, 4 * SECOND);
                pending().await
            })
            .await;
            assert!(result.unwrap_err().is_elapsed());
            assert_eq!(sim.elapsed() - start, 4 * SECOND);
        })
        .unwrap();
}

/// Given a shield, when the deadline of a scope inside passes, then that scope ends; and the same
/// for a time limit.
#[test]
fn h2_deadline_inside_a_shield_counts() {
    Sim::new(0)
        .run(async |sim| {
            scope(&sim, async |s| {
                let timer = sim.clone();
                s.spawn(shield(async move {
                    use anyscope::Clock;

                    let result = try_concurrent(async |inner| -> Result<(), ()> {
                        inner.deadline(&timer, timer.now().saturating_add(SECOND));
                        pending().await
                    })
                    .await;
                    assert!(result.unwrap_err().is_elapsed());
                    assert!(timeout(timer.clone(), SECOND, pending::<()>()).await.is_err());
                }))
                .await
                .unwrap();
            })
            .await;
            assert_eq!(sim.elapsed(), 2 * SECOND);
        })
        .unwrap();
}
