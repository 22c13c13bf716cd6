//! Shielding and cleanup (H): finalizers.

use anyscope::{
    OwnedScope, ScopeError, block_scope, bracket, concurrent, scope, sim::Sim, try_block_scope,
    try_concurrent, try_scope,
};
use futures_lite::future::zip;
use std::{
    future::pending,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::pin,
    sync::Arc,
    time::Duration,
};
use support::{
    Log, Refusing, Signal, behaviour, blocking, blow_up, errors, on_drop, panic_of, poll_once,
    record, yield_now, yields,
};

/// Adds `event` when it has waited once.
async fn note(log: Log, event: &'static str) {
    yield_now().await;
    log.add(event);
}

/// The same for fail-fast scopes.
async fn note_ok<E>(log: Log, event: &'static str) -> Result<(), E> {
    note(log, event).await;
    Ok(())
}

behaviour! {
    /// Given finalizers A then B, then they run B, A, each once, after the body and the children,
    /// and before the scope is over.
    h10_finalizers_run_last_first_after_the_children in [spawned, inline] |ex| {
        let log = Log::new();
        open!(async |s| {
            let _body = log.on_drop("body");
            s.defer(note(log.clone(), "A"));
            s.defer(note(log.clone(), "B"));
            s.spawn(note(log.clone(), "child"));
        })
        .await;
        log.add("scope");
        let events = log.events();
        assert_eq!(events[2..], ["B", "A", "scope"]);
        assert_eq!(events.len(), 5);
    }

    /// The same if a child fails.
    h10_finalizers_run_on_failure in [spawned, inline] |ex| {
        let log = Log::new();
        let result = try_open!(async |s| -> Result<(), &'static str> {
            let log = log.clone();
            s.defer(note_ok(log, "A"));
            s.spawn(async { Err::<(), _>("broken") });
            pending().await
        })
        .await;
        assert_eq!(errors(result), ["broken"]);
        assert_eq!(log.events(), ["A"]);
    }

    /// The same if the scope is cancelled.
    h10_finalizers_run_on_cancel in [spawned, inline] |ex| {
        let log = Log::new();
        let result = try_open!(async |s| -> Result<(), &'static str> {
            let log = log.clone();
            s.defer(note_ok(log, "A"));
            s.cancel("enough");
            pending().await
        })
        .await;
        assert!(result.unwrap_err().is_cancelled());
        assert_eq!(log.events(), ["A"]);
    }

    /// The same if the body panics: the panic goes on after them.
    h10_finalizers_run_on_panic in [spawned, inline] |ex| {
        let log = Log::new();
        let message = panic_of(open!(async |s| {
            s.defer(note(log.clone(), "A"));
            blow_up::<()>("body")
        }))
        .await;
        assert_eq!((message.as_str(), log.events()), ("body", vec!["A".to_string()]));
    }

    /// Given a failing finalizer, then the others still run, and both errors are reported.
    h11_failing_finalizers_are_all_reported in [spawned, inline] |ex| {
        let log = Log::new();
        let result = try_open!(async |s| -> Result<(), &'static str> {
            let log = log.clone();
            s.on_event(record(&log));
            s.defer(async { Err::<(), _>("A") });
            s.defer(note_ok(log, "B"));
            s.defer(async { Err::<(), _>("C") });
            Err("body")
        })
        .await;
        assert_eq!(errors(result), ["body", "C", "A"]);
        assert_eq!(log.events(), ["finalizer failed", "B", "finalizer failed"]);
    }

    /// A value of the body does not hide the error of a finalizer, a cancel neither.
    h11_f8_error_of_a_finalizer_goes_before_value_and_cancel in [spawned, inline] |ex| {
        let result = try_open!(async |s| -> Result<i32, &'static str> {
            s.defer(async { Err::<(), _>("cleanup") });
            Ok(7)
        })
        .await;
        assert_eq!(errors(result), ["cleanup"]);

        let result = try_open!(async |s| -> Result<i32, &'static str> {
            s.defer(async { Err::<(), _>("cleanup") });
            s.cancel("enough");
            pending().await
        })
        .await;
        assert_eq!(errors(result), ["cleanup"]);

        // Also if the body decided the result after the cancel.
        let result = try_open!(async |s| -> Result<i32, &'static str> {
            s.defer(async { Err::<(), _>("cleanup") });
            s.cancel("enough");
            Ok(7)
        })
        .await;
        assert_eq!(errors(result), ["cleanup"]);
    }

    /// Given a panicking finalizer, then the others still run, and the panic goes on.
    h11_panicking_finalizer_leaves_the_others_alone in [spawned, inline] |ex| {
        let log = Log::new();
        let message = panic_of(open!(async |s| {
            s.on_event(record(&log));
            s.defer(note(log.clone(), "A"));
            s.defer(async { blow_up::<()>("first") });
            s.defer(async { blow_up::<()>("zeroth") });
        }))
        .await;
        assert_eq!(message, "zeroth");
        assert_eq!(log.events(), ["A", "dropped: first"]);
    }

    /// A finalizer that defers another one is followed by it.
    e55_finalizer_defers_another in [spawned, inline] |ex| {
        let log = Log::new();
        open!(async |s| {
            let (log, later) = (log.clone(), s.clone());
            s.defer(note(log.clone(), "A"));
            s.defer(async move {
                later.defer(note(log.clone(), "C"));
                log.add("B");
            });
        })
        .await;
        assert_eq!(log.events(), ["B", "C", "A"]);
    }

    /// Given an owned scope that is being closed, when a finalizer is deferred while another runs,
    /// then it runs after that one, whoever looks meanwhile.
    h10_finalizer_of_a_closing_scope_waits_for_those_before |ex| {
        let (log, started, go) = (Log::new(), Signal::new(), Signal::new());
        let scope = OwnedScope::new(&ex);
        let (ours, start, wait) = (log.clone(), started.clone(), go.wait());
        scope.defer(async move {
            start.fire();
            wait.await;
            ours.add("first");
        });
        zip(scope.close(), async {
            started.wait().await;
            scope.defer(note(log.clone(), "second"));
            assert!(poll_once(pin!(scope.close())).is_pending());
            yields(10).await;
            go.fire();
        })
        .await;
        assert_eq!(log.events(), ["first", "second"]);
    }

    /// Given acquire succeeded and a cancel arrives before use, then release runs.
    h12_released_if_cancelled_before_use in [spawned, inline] |ex| {
        let log = Log::new();
        let result = try_open!(async |s| -> Result<(), &'static str> {
            let (acquired, released) = (log.clone(), log.clone());
            let s2 = s.clone();
            let acquire = async move {
                yield_now().await;
                acquired.add("acquire");
                // In the very poll in which the resource comes.
                s2.cancel("too late");
                7
            };
            let release = async move |n: Arc<i32>| {
                note(released, "release").await;
                assert_eq!(*n, 7);
                Ok::<(), &'static str>(())
            };
            s.acquire(acquire, release).await;
            yield_now().await;
            log.add("use");
            Ok(())
        })
        .await;
        assert!(result.unwrap_err().is_cancelled());
        assert_eq!(log.events(), ["acquire", "release"]);
    }

    /// Given a cancel during acquire, then nothing is released.
    h12_not_released_if_never_acquired in [spawned, inline] |ex| {
        let log = Log::new();
        let result = try_open!(async |s| -> Result<(), &'static str> {
            let (log, s2) = (log.clone(), s.clone());
            let acquire = async move {
                s2.cancel("too early");
                pending::<i32>().await
            };
            s.acquire(acquire, async move |_| {
                log.add("release");
                Ok::<(), &'static str>(())
            })
            .await;
            Ok(())
        })
        .await;
        assert!(result.unwrap_err().is_cancelled());
        assert_eq!(log.events(), [""; 0]);
    }

    /// Given resources of an outer scope that inner ones use, then the outer finalizer runs last.
    h15_resources_outlive_inner_scopes in [spawned, inline] |ex| {
        let log = Log::new();
        open!(async |s| {
            s.defer(note(log.clone(), "outer"));
            for _ in 0..2 {
                let log = log.clone();
                s.spawn(async move {
                    concurrent(async |inner| {
                        inner.defer(note(log.clone(), "inner"));
                        inner.spawn(note(log.clone(), "used"));
                    })
                    .await;
                });
            }
        })
        .await;
        let events = log.events();
        assert_eq!((events.len(), events[4].as_str()), (5, "outer"));
    }

    /// Given `bracket`, then it releases on success and when its use panics.
    e40_bracket_releases |ex| {
        let log = Log::new();
        let release = |log: &Log| {
            let log = log.clone();
            async move |name: Arc<&'static str>| note(log, *name).await
        };
        let n = bracket(&ex, async { "one" }, async |name| name.len(), release(&log)).await;
        assert_eq!((n, log.events()), (3, vec!["one".to_string()]));
        let message = panic_of(bracket(
            &ex,
            async { "two" },
            async |_| blow_up::<()>("use"),
            release(&log),
        ))
        .await;
        assert_eq!((message.as_str(), log.events().len()), ("use", 2));
    }

    /// Given a scope that is dropped before its end, then finalizers that own what they use are
    /// handed to the executor, and run when the children and the body are gone.
    h10_dropped_scope_hands_its_finalizers_over |ex| {
        let (log, done) = (Log::new(), Signal::new());
        {
            let mut scope = pin!(scope(&ex, async |s| {
                let _body = log.on_drop("body");
                let (gone, done) = (log.on_drop("child"), done.clone());
                let last = log.clone();
                s.defer(async move {
                    note(last, "A").await;
                    done.fire();
                });
                s.defer(note(log.clone(), "B"));
                s.spawn(async move {
                    let _gone = gone;
                    pending::<()>().await;
                });
                pending::<()>().await;
            }));
            assert!(poll_once(scope.as_mut()).is_pending());
            yield_now().await;
        }
        done.wait().await;
        let mut events = log.events();
        events.retain(|event| event != "child");
        assert_eq!(events, ["body", "B", "A"]);
    }

    /// The same for one that is dropped while a finalizer is under way: it goes on where it was.
    h10_dropped_cleanup_goes_on_elsewhere |ex| {
        let (log, go_on, done) = (Log::new(), Signal::new(), Signal::new());
        {
            let mut scope = pin!(scope(&ex, async |s| {
                let (go_on, done, log) = (go_on.wait(), done.clone(), log.clone());
                s.defer(async move {
                    log.add("begin");
                    go_on.await;
                    log.add("end");
                    done.fire();
                });
            }));
            assert!(poll_once(scope.as_mut()).is_pending());
        }
        go_on.fire();
        done.wait().await;
        assert_eq!(log.events(), ["begin", "end"]);
    }

    /// Given an inline scope that is dropped, then its finalizers, which may borrow, are dropped
    /// before the drop returns, the last one first, and reported.
    h10_dropped_inline_scope_drops_its_finalizers |ex| {
        let _ = ex;
        let log = Log::new();
        {
            let mut scope = pin!(concurrent(async |s| {
                s.on_event(record(&log));
                for name in ["A", "B"] {
                    let gone = log.on_drop(name);
                    s.defer(async move {
                        let _gone = gone;
                    });
                }
                pending::<()>().await;
            }));
            assert!(poll_once(scope.as_mut()).is_pending());
        }
        assert_eq!(log.events(), ["B", "finalizer dropped", "A", "finalizer dropped"]);
    }

    /// Given a scope that has ended, when something is deferred through a leaked handle, then the
    /// executor runs it; without one it is dropped and reported.
    e55_deferred_after_the_end |ex| {
        let (log, done) = (Log::new(), Signal::new());
        let leaked = scope(&ex, async |s| s).await;
        let fire = done.clone();
        leaked.defer(async move { fire.fire() });
        done.wait().await;
        let leaked = concurrent(async |s| {
            s.on_event(record(&log));
            s
        })
        .await;
        let gone = log.on_drop("dropped");
        leaked.defer(async move {
            let _gone = gone;
        });
        assert_eq!(log.events(), ["dropped", "finalizer dropped"]);
    }

    /// Given an executor that refuses whatever it is given, then finalizers are dropped, reported,
    /// and nothing hangs.
    h10_refused_finalizers_are_reported |ex| {
        let _ = ex;
        let log = Log::new();
        {
            let mut scope = pin!(scope(&Refusing, async |s| {
                s.on_event(record(&log));
                s.defer(pending::<()>());
                pending::<()>().await;
            }));
            assert!(poll_once(scope.as_mut()).is_pending());
        }
        assert_eq!(log.events(), ["finalizer dropped"]);
    }

    /// Given an owned scope, then `close` waits for its finalizers, whoever calls it, and a drop
    /// hands them over.
    h10_owned_scope_runs_finalizers |ex| {
        let (log, go_on, done) = (Log::new(), Signal::new(), Signal::new());
        let owned = OwnedScope::new(&ex);
        let (wait, noted) = (go_on.wait(), log.clone());
        owned.defer(async move {
            wait.await;
            noted.add("closed");
        });
        let mut first = Box::pin(owned.close());
        assert!(poll_once(first.as_mut()).is_pending());
        drop(first);
        go_on.fire();
        owned.close().await;
        owned.close().await;
        assert_eq!(log.events(), ["closed"]);

        let owned = OwnedScope::new(&ex);
        let fire = done.clone();
        owned.defer(async move { fire.fire() });
        drop(owned);
        done.wait().await;
    }

    /// Given a budget of nothing, then finalizers run that need not wait, and the rest is dropped
    /// and reported: also one that never ends.
    h13_budget_of_nothing in [spawned, inline] |ex| {
        let log = Log::new();
        open!(async |s| {
            s.on_event(record(&log));
            let (first, timer) = (log.clone(), ex.clone());
            s.cleanup_budget(&timer, Duration::ZERO);
            s.defer(note(log.clone(), "never"));
            s.defer(pending::<()>());
            s.defer(async move { first.add("quick") });
        })
        .await;
        assert_eq!(log.events(), ["quick", "finalizer dropped", "finalizer dropped"]);
    }
}

blocking! {
    /// Finalizers of a `block_scope` borrow, and have run when it returns.
    h10_block_scope_finalizers_borrow |owner| {
        let (mut text, log) = (String::from("to"), Log::new());
        block_scope(owner, async |s| {
            s.defer(async { text.push_str(" be") });
            s.spawn(note(log.clone(), "child"));
        });
        assert_eq!((text.as_str(), log.events().len()), ("to be", 1));
        let failed: Result<(), ScopeError<&str>> = try_block_scope(owner, async |s| {
            s.defer(async {
                text.push('?');
                Ok::<(), &str>(())
            });
            Err("broken")
        });
        assert!(failed.is_err());
        assert_eq!(text, "to be?");
    }

    /// Also if the body panics.
    h10_block_scope_finalizers_run_on_panic |owner| {
        let mut text = String::from("to");
        let panicked = catch_unwind(AssertUnwindSafe(|| {
            block_scope(owner, async |s| {
                s.defer(async { text.push_str(" be") });
                blow_up::<()>("body")
            })
        }));
        assert!(panicked.is_err());
        assert_eq!(text, "to be");
    }
}

const SECOND: Duration = Duration::from_secs(1);

/// Given async cleanup with a budget, when it exceeds that, then it is dropped and reported; with a
/// time limit of its own, the cleanup of its siblings goes on.
#[test]
fn h13_budget_ends_cleanup() {
    Sim::new(0)
        .run(async |sim| {
            use anyscope::{Timer, timeout};

            let log = Log::new();
            concurrent(async |s| {
                s.on_event(record(&log));
                s.cleanup_budget(&sim, 3 * SECOND);
                s.defer(pending::<()>());
                s.defer(async { sim.sleep(2 * SECOND).await });
                // A budget does not begin before it is needed.
                sim.sleep(10 * SECOND).await;
            })
            .await;
            assert_eq!(sim.elapsed(), 13 * SECOND);
            assert_eq!(log.events(), ["finalizer dropped"]);

            let result = try_concurrent(async |s| {
                let sibling = log.clone();
                s.defer(note_ok(sibling, "sibling"));
                s.defer(timeout(sim.clone(), SECOND, async {
                    let _gone = on_drop(|| log.add("too slow"));
                    pending::<()>().await;
                }));
                Ok(())
            })
            .await;
            assert_eq!(errors(result).len(), 1);
            assert_eq!(log.events()[1..], ["too slow", "sibling"]);
            assert_eq!(sim.elapsed(), 14 * SECOND);
        })
        .unwrap();
}

/// Given independent finalizers in one scope of their own, then they take as long as the slowest.
#[test]
fn h14_finalizers_in_parallel() {
    Sim::new(0)
        .run(async |sim| {
            use anyscope::Timer;

            scope(&sim, async |s| {
                let timer = sim.clone();
                s.defer(concurrent(async move |c| {
                    for n in 1..=3 {
                        c.spawn(timer.sleep(n * SECOND));
                    }
                }));
            })
            .await;
            assert_eq!(sim.elapsed(), 3 * SECOND);
        })
        .unwrap();
}

/// A finalizer that never ends is no riddle.
#[test]
fn v9_deadlock_names_the_finalizer() {
    let line = line!() + 3;
    let deadlock = Sim::new(0).run(async |sim| {
        try_scope(&sim, async |s| -> Result<(), ()> {
            s.defer(pending::<Result<(), ()>>());
            Ok(())
        })
        .await
    });
    let message = deadlock.unwrap_err().to_string();
    let place = format!("the finalizer deferred at {}:{line}", file!());
    assert!(message.contains(&place), "{message}");
}
