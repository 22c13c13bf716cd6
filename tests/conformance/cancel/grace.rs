//! Cancels that ask first, and drop later (C).

use anyscope::{
    CancelledBy, Clock, Grace, ScopeError, Timer, checkpoint, concurrent, scope, shield,
};
use std::{
    future::pending,
    sync::{Arc, Mutex},
    time::Duration,
};
use support::{
    HOUR, Log, SECOND, Signal, Stopwatch, Tracer, behaviour, cause, errors, on_drop, poll_once,
    simulated, until_idle, yield_now,
};

behaviour! {
    /// Given a child that ignores the cancel, then with `Grace::Forever` the scope waits for it,
    /// and its value counts.
    c17_stubborn_child_is_waited_for with virtual_time in [spawned, inline] |ex| {
        for forever in [Grace::Forever, Grace::For(Duration::MAX)] {
            let watch = Stopwatch::start(ex.clone());
            let child = open!(async |s| {
                let ex2 = ex.clone();
                let child = s.spawn(async move {
                    ex2.sleep(HOUR).await;
                    7
                });
                s.cancel_with(&ex, forever, "closing");
                assert!(s.is_cancelled() && s.token().is_cancelled());
                child
            })
            .await;
            assert_eq!((child.await.unwrap(), watch.elapsed()), (7, HOUR));
        }
    }

    /// With `Grace::For(d)` it is dropped when `d` has passed, to the moment; who has seen the
    /// token has ended before.
    c17_stubborn_child_is_dropped_when_the_grace_ends with virtual_time in [spawned, inline] |ex| {
        let (watch, log) = (Stopwatch::start(ex.clone()), Log::new());
        let (polite, stubborn) = open!(async |s| {
            let (ex2, token, tracer) = (ex.clone(), s.token(), Tracer::new());
            let polite = s.spawn(tracer.trace(async move {
                token.cancelled().await;
                let asked = token.reason().unwrap().message().to_string();
                ex2.sleep(SECOND).await;
                asked
            }));
            let (watch2, log2) = (watch.clone(), log.clone());
            let gone = on_drop(move || log2.add(format!("{:?}", watch2.elapsed())));
            let stubborn = s.spawn(async move {
                let _gone = gone;
                pending::<()>().await;
            });
            until_idle(&tracer, &polite).await;
            s.cancel_with(&ex, Grace::For(3 * SECOND), "closing");
            (polite, stubborn)
        })
        .await;
        assert_eq!((log.events(), watch.elapsed()), (vec!["3s".into()], 3 * SECOND));
        assert_eq!(polite.await.unwrap(), "closing");
        let stubborn = stubborn.await;
        assert!(stubborn.as_ref().unwrap_err().to_string().contains("closing"), "{stubborn:?}");
        assert_eq!(cause(stubborn), CancelledBy::Scope);
    }

    /// Given children that all end in time, then the grace is over with the last of them.
    c17_grace_ends_with_the_last_child with virtual_time in [spawned, inline] |ex| {
        let watch = Stopwatch::start(ex.clone());
        open!(async |s| {
            for seconds in 1..=3 {
                let ex = ex.clone();
                s.spawn(async move { ex.sleep(seconds * SECOND).await });
            }
            s.cancel_with(&ex, Grace::For(HOUR), "closing");
        })
        .await;
        assert_eq!(watch.elapsed(), 3 * SECOND);
    }

    /// Given a child in a scope that is itself in a child, polled by another task, when the outer
    /// scope asks for the end, then its `checkpoint` says so, and so does the token of its scope.
    c17_grace_is_asked_of_scopes_inside in [spawned, inline] |ex| {
        let (reached, go_on) = (Signal::new(), Signal::new());
        open!(async |s| {
            let (ex2, reached2, wait) = (ex.clone(), reached.clone(), go_on.wait());
            let child = s.spawn(scope(&ex.clone(), async move |inner| {
                let token = inner.token();
                let innermost = scope(&ex2, async move |innermost| {
                    let child = innermost.spawn(async move {
                        assert!(checkpoint().is_ok());
                        reached2.fire();
                        wait.await;
                        checkpoint()
                    });
                    child.await.unwrap()
                });
                // In a child whose scope is polled by its task, so that one of each is on the way.
                let outcome = concurrent(async |c| c.spawn(innermost).await.unwrap());
                let outcome = outcome.await;
                assert!(!inner.is_cancelled());
                (outcome, token)
            }));
            reached.wait().await;
            s.cancel_with(&ex, Grace::Forever, "closing");
            go_on.fire();
            let (outcome, token) = child.await.unwrap();
            let cancelled = outcome.unwrap_err();
            assert_eq!(cancelled.by(), CancelledBy::Scope);
            assert_eq!(cancelled.reason().unwrap().message(), "closing");
            assert_eq!(token.reason().unwrap().message(), "closing");
        })
        .await;
    }

    /// Given a scope in the body of a fail-fast one, likewise.
    c17_grace_is_asked_of_scopes_in_a_fail_fast_body in [spawned, inline] |ex| {
        let outcome = try_open!(async |s| -> Result<_, ()> {
            let (ex2, s2) = (ex.clone(), s.clone());
            let inner = scope(&ex, async move |inner| {
                let reached = Signal::new();
                let (reached2, go_on) = (reached.clone(), Signal::new());
                let wait = go_on.wait();
                let child = inner.spawn(async move {
                    reached2.fire();
                    wait.await;
                    checkpoint()
                });
                reached.wait().await;
                s2.cancel_with(&ex2, Grace::Forever, "closing");
                go_on.fire();
                child.await.unwrap()
            });
            Ok(inner.await)
        })
        .await;
        assert!(outcome.unwrap().is_err());
    }

    /// Given a shield around a scope, then its children are not asked; given one around a child, it
    /// alone is not.
    h5_shield_hides_a_grace_from_scopes_inside in [spawned, inline] |ex| {
        let (reached, go_on) = (Signal::new(), Signal::new());
        open!(async |s| {
            let (ex2, reached2, go_on2) = (ex.clone(), reached.clone(), go_on.clone());
            let child = s.spawn(async move {
                let seen = shield(scope(&ex2, async |inner| {
                    let ex3 = ex2.clone();
                    let (reached, wait) = (reached2.clone(), go_on2.wait());
                    let innermost = scope(&ex3, async move |innermost| {
                        let child = innermost.spawn(async move {
                            reached.fire();
                            wait.await;
                            checkpoint()
                        });
                        child.await.unwrap()
                    });
                    (inner.spawn(innermost).await.unwrap(), inner.token().is_cancelled())
                }))
                .await;
                let later = scope(&ex2, async |inner| inner.spawn(async { checkpoint() }).await);
                (seen, later.await.unwrap())
            });
            reached.wait().await;
            s.cancel_with(&ex, Grace::Forever, "closing");
            go_on.fire();
            let ((inside, token), later) = child.await.unwrap();
            assert!(inside.is_ok() && !token && later.is_err());
        })
        .await;
    }

    /// Given no time at all, then who waits is dropped.
    c17_grace_of_no_time_drops_who_waits in [spawned, inline] |ex| {
        let tracer = Tracer::new();
        open!(async |s| {
            let child = s.spawn(tracer.trace(pending::<()>()));
            s.cancel_with(&ex, Grace::For(Duration::ZERO), "closing");
            assert_eq!(cause(child.await), CancelledBy::Scope);
        })
        .await;
        assert_eq!(tracer.alive(), 0);
    }

    /// Given a grace, then no new child is let in: it is never polled, and its handle says why.
    c17_nobody_comes_in_during_a_grace in [spawned, inline] |ex| {
        let tracer = Tracer::new();
        open!(async |s| {
            let go = Signal::new();
            let waits = s.spawn(go.wait());
            s.cancel_with(&ex, Grace::Forever, "closing");
            let refused = s.spawn(tracer.trace(async {})).await.unwrap_err();
            assert!(refused.to_string().contains("closing"), "{refused}");
            assert_eq!(cause::<()>(Err(refused)), CancelledBy::Scope);
            go.fire();
            waits.await.unwrap();
        })
        .await;
        assert_eq!((tracer.polls(), tracer.drops()), (0, 1));
    }

    /// A cancel during a grace ends it at once; a second grace changes nothing.
    c2_second_cancel_ends_the_grace with virtual_time in [spawned, inline] |ex| {
        let watch = Stopwatch::start(ex.clone());
        let tracer = Tracer::new();
        open!(async |s| {
            let child = s.spawn(tracer.trace(pending::<()>()));
            until_idle(&tracer, &child).await;
            s.cancel_with(&ex, Grace::For(2 * SECOND), "closing");
            s.cancel_with(&ex, Grace::For(Duration::ZERO), "closing");
            s.cancel_with(&ex, Grace::Forever, "closing");
            ex.sleep(SECOND).await;
            assert_eq!(tracer.alive(), 1);
            s.cancel("now");
            assert_eq!(tracer.alive(), 0);
            let cancelled = child.await.unwrap_err();
            assert!(cancelled.to_string().contains("closing"), "{cancelled}");
        })
        .await;
        assert_eq!(watch.elapsed(), SECOND);
    }

    /// Given a cancelled scope, when a child asks again after the first time, then it is told
    /// again: at checkpoints, in waits, and by tokens made later.
    c3_child_is_told_again_and_again in [spawned, inline] |ex| {
        open!(async |s| {
            let token = s.token();
            let child = s.spawn(async move {
                token.cancelled().await;
                for _ in 0..3 {
                    token.cancelled().await;
                    let cancelled = token.checkpoint().unwrap_err();
                    assert_eq!(cancelled.by(), CancelledBy::Token);
                    assert_eq!(cancelled.reason().unwrap().message(), "closing");
                    let waits = token.child_token();
                    let waits = waits.run_until_cancelled(pending::<()>()).await;
                    assert_eq!(waits.unwrap_err(), cancelled);
                    yield_now().await;
                }
            });
            s.cancel_with(&ex, Grace::Forever, "closing");
            child.await.unwrap();
        })
        .await;
    }

    /// The body of a supervised scope goes on, that of a fail-fast one until the grace ends.
    c17_body_of_a_fail_fast_scope_has_the_grace_too with virtual_time in [spawned, inline] |ex| {
        let watch = Stopwatch::start(ex.clone());
        let ended = try_open!(async |s| -> Result<(), ()> {
            s.cancel_with(&ex, Grace::For(2 * SECOND), "closing");
            pending().await
        })
        .await;
        let Err(ScopeError::Cancelled(cancelled)) = ended else { panic!("{ended:?}") };
        assert_eq!(cancelled.reason().unwrap().message(), "closing");
        assert_eq!(watch.elapsed(), 2 * SECOND);

        let in_time = try_open!(async |s| -> Result<i32, ()> {
            let ex2 = ex.clone();
            s.spawn(async move {
                ex2.sleep(SECOND).await;
                Ok(())
            });
            s.cancel_with(&ex, Grace::For(2 * SECOND), "closing");
            ex.sleep(SECOND).await;
            Ok(7)
        })
        .await;
        assert_eq!((in_time.unwrap(), watch.elapsed()), (7, 3 * SECOND));

        let supervised = open!(async |s| {
            s.cancel_with(&ex, Grace::For(SECOND), "closing");
            ex.sleep(2 * SECOND).await;
            7
        })
        .await;
        assert_eq!((supervised, watch.elapsed()), (7, 5 * SECOND));
    }

    /// Given cancel from outside, and an error while the children end, then the error is reported.
    f8_error_of_a_child_during_the_grace_counts in [spawned, inline] |ex| {
        let result = try_open!(async |s| -> Result<(), &'static str> {
            let token = s.token();
            s.spawn(async move {
                token.cancelled().await;
                Err::<(), _>("could not save")
            });
            s.cancel_with(&ex, Grace::Forever, "closing");
            pending().await
        })
        .await;
        assert_eq!(errors(result), ["could not save"]);
    }

    /// Given cancel that asks, and the body ends without ever looking, then its value counts, and
    /// the scope says that it was cancelled.
    c6_value_of_a_body_that_never_looks_counts in [spawned, inline] |ex| {
        let result = try_open!(async |s| -> Result<_, ()> {
            s.cancel_with(&ex, Grace::Forever, "closing");
            Ok(s)
        })
        .await;
        assert!(result.unwrap().is_cancelled());
    }

    /// A daemon has the grace as well, and ends with the last of the others as ever.
    c17_daemons_have_the_grace_too with virtual_time in [spawned, inline] |ex| {
        let watch = Stopwatch::start(ex.clone());
        let daemon = open!(async |s| {
            let daemon = s.spawn_daemon(pending::<()>());
            let ex2 = ex.clone();
            s.spawn(async move { ex2.sleep(SECOND).await });
            s.cancel_with(&ex, Grace::For(HOUR), "closing");
            daemon
        })
        .await;
        assert_eq!((cause(daemon.await), watch.elapsed()), (CancelledBy::Finished, SECOND));
    }

    /// A cancelled scope that waits for a stubborn child uses no processor: its future is not
    /// polled, whatever the child does.
    c17_waiting_for_a_stubborn_child_costs_nothing with virtual_time in [spawned] |ex| {
        let tracer = Tracer::new();
        let before = Arc::new(Mutex::new(0));
        let (tracer2, before2) = (tracer.clone(), before.clone());
        tracer
            .trace(open!(async |s| {
                let ex2 = ex.clone();
                s.spawn(async move {
                    for _ in 0..1000 {
                        yield_now().await;
                        ex2.sleep(SECOND).await;
                    }
                });
                yield_now().await;
                s.cancel_with(&ex, Grace::Forever, "closing");
                *before2.lock().unwrap() = tracer2.polls();
            }))
            .await;
        // That of the cancel itself, and one at the end.
        let polls = tracer.polls() - *before.lock().unwrap();
        assert!(polls <= 1, "{polls}");
    }

    /// Where children are polled by the scope's own future, it is polled for them, and no more.
    c17_waiting_for_a_stubborn_child_costs_its_polls with virtual_time in [inline] |ex| {
        let (tracer, child) = (Tracer::new(), Tracer::new());
        tracer
            .trace(open!(async |s| {
                let ex2 = ex.clone();
                s.spawn(child.trace(async move {
                    for _ in 0..100 {
                        ex2.sleep(SECOND).await;
                    }
                }));
                s.cancel_with(&ex, Grace::Forever, "closing");
            }))
            .await;
        let (polls, most) = (tracer.polls(), child.polls() + 1);
        assert!(polls <= most, "{polls} polls, and {most} for the child");
    }
}

simulated! {
    /// Given a grace that is not needed, or a scope that is dropped in the middle of one, then no
    /// timer is left of it, and no time passes.
    c17_grace_leaves_no_timer |sim| {
        scope(&sim, async |s| {
            let token = s.token();
            s.spawn(async move { token.cancelled().await });
            s.cancel_with(&sim, Grace::For(HOUR), "closing");
        })
        .await;
        assert_eq!((sim.timers(), sim.elapsed()), (0, Duration::ZERO));
        let mut dropped = Box::pin(scope(&sim, async |s| {
            s.spawn(pending::<()>());
            s.cancel_with(&sim, Grace::For(HOUR), "closing");
        }));
        assert!(poll_once(dropped.as_mut()).is_pending());
        assert_eq!(sim.timers(), 1);
        drop(dropped);
        assert_eq!(sim.timers(), 0);
        let mut inline = Box::pin(concurrent(async |s| {
            s.spawn(pending::<()>());
            s.cancel_with(&sim, Grace::For(HOUR), "closing");
        }));
        assert!(poll_once(inline.as_mut()).is_pending());
        drop(inline);
        assert_eq!((sim.timers(), sim.elapsed()), (0, Duration::ZERO));
    }

    /// Given a stubborn child that keeps the scope waiting, then one can say which one it is.
    stubborn_child_is_named |sim| {
        scope(&sim, async |s| {
            let token = s.token();
            s.spawn_named("polite", async move { token.cancelled().await });
            s.spawn_named("stubborn", pending::<()>());
            s.cancel_with(&sim, Grace::For(HOUR), "closing");
            sim.sleep(HOUR / 2).await;
            let mut left = Vec::new();
            s.each_child(|child| left.extend(child.name.map(String::from)));
            assert_eq!(left, ["stubborn"]);
        })
        .await;
        assert_eq!(sim.elapsed(), HOUR);
    }

    /// A deadline and a grace, whichever ends first.
    c17_deadline_during_a_grace_does_not_prolong_it |sim| {
        let at = sim.now().saturating_add(5 * SECOND);
        scope(&sim, async |s| {
            s.deadline(&sim, at);
            s.spawn(pending::<()>());
            s.cancel_with(&sim, Grace::For(SECOND), "closing");
        })
        .await;
        assert_eq!((sim.timers(), sim.elapsed()), (0, SECOND));
    }
}

simulated! {
    /// The scope's own watchers are not its children: they are not shown, and not selected.
    cancel_where_leaves_deadlines_alone |sim| {
        let result = anyscope::try_scope(&sim, async |s| -> Result<(), ()> {
            s.deadline(&sim, sim.now().saturating_add(SECOND));
            s.spawn(pending::<Result<(), ()>>());
            let mut seen = 0;
            s.each_child(|_| seen += 1);
            assert_eq!((seen, s.cancel_where(|_| true)), (1, 1));
            pending().await
        })
        .await;
        assert!(result.unwrap_err().is_elapsed());
        assert_eq!(sim.elapsed(), SECOND);
    }

    /// Given a deadline that passes during a grace, then it ends the grace; the cancel came first.
    deadline_ends_a_grace |sim| {
        let result = anyscope::try_scope(&sim, async |s| -> Result<(), ()> {
            s.deadline(&sim, sim.now().saturating_add(SECOND));
            s.cancel_with(&sim, Grace::Forever, "closing");
            pending().await
        })
        .await;
        let ScopeError::Cancelled(cancelled) = result.unwrap_err() else { panic!("cancelled") };
        assert_eq!(cancelled.reason().unwrap().message(), "closing");
        assert_eq!(sim.elapsed(), SECOND);
    }

    /// Given a child that cancels the token it got from its scope, then nobody else is told, and
    /// the reason of a later cancel counts.
    c13_token_of_a_scope_is_not_shared |sim| {
        scope(&sim, async |s| {
            let (mine, others) = (s.token(), s.token());
            mine.cancel("mine");
            assert!(!others.is_cancelled() && !s.is_cancelled());
            s.cancel("real");
            assert_eq!(others.reason().unwrap().message(), "real");
            assert_eq!(mine.reason().unwrap().message(), "mine");
        })
        .await;
    }
}
