//! The end of a program, in phases.

use anyscope::{
    Grace, ScopeError, Semaphore, concurrent, observe::tree::Tree, scope, scope_limited,
    shutdown::Shutdown, try_scope,
};
use std::{
    future::pending,
    sync::{Arc, Mutex},
    thread,
};
use support::{HOUR, Log, SECOND, Stopwatch, behaviour, panic_of};

behaviour! {
    /// Given a scope in a scope, both phases, then at the first signal the inner one is asked first; the outer one is
    /// asked when the inner one has ended, its finalizers included.
    shutdown_ends_phases_in_reverse_order |ex| {
        let (shutdown, log) = (Shutdown::new(), Log::new());
        scope(&ex, async |outer| {
            shutdown.phase("outer", &outer, &ex, Grace::Forever);
            let (token, log1) = (outer.token(), log.clone());
            outer.spawn(async move {
                token.cancelled().await;
                log1.add(format!("outer: {}", token.reason().unwrap().message()));
            });
            scope(&ex, async |inner| {
                shutdown.phase("inner", &inner, &ex, Grace::Forever);
                let log1 = log.clone();
                inner.defer(async move { log1.add("finalizer of inner") });
                let (token, log1) = (inner.token(), log.clone());
                inner.spawn(async move {
                    token.cancelled().await;
                    support::yields(5).await;
                    log1.add(format!("inner: {}", token.reason().unwrap().message()));
                });
                assert_eq!(shutdown.signal("closing"), 1);
                assert!(shutdown.has_begun() && shutdown.token().is_cancelled());
                assert!(inner.is_cancelled() || !outer.is_cancelled());
            })
            .await;
        })
        .await;
        assert_eq!(log.events(), ["inner: closing", "finalizer of inner", "outer: closing"]);
    }

    /// Given a signal in the body of a scope, then its children are gone when the grace is over, and the report comes
    /// at half of it, with the names of those that are left.
    shutdown_reports_at_half_of_the_grace with virtual_time |ex| {
        let (shutdown, watch, reports) = (Shutdown::new(), Stopwatch::start(ex.clone()), Reports::default());
        let (watch2, reports2) = (watch.clone(), reports.clone());
        assert!(shutdown.on_report(move |report| {
            let names = report.running.iter().map(|child| child.name.clone().unwrap_or_default());
            reports2.add((watch2.elapsed(), report.phase.clone(), names.collect::<Vec<_>>(), report.to_string()));
        }));
        assert!(!shutdown.on_report(|_| {}));
        scope(&ex, async |s| {
            shutdown.phase("requests", &s, &ex, Grace::For(10 * SECOND));
            let (ex2, token) = (ex.clone(), s.token());
            s.spawn_named("polite", async move {
                token.cancelled().await;
                ex2.sleep(SECOND).await;
            });
            s.spawn_named("stubborn", pending::<()>());
            s.spawn(pending::<()>());
            ex.sleep(SECOND).await;
            shutdown.signal("closing");
        })
        .await;
        assert_eq!(watch.elapsed(), 11 * SECOND);
        let reports = reports.take();
        let [(at, phase, names, text)] = &reports[..] else { panic!("{reports:?}") };
        assert_eq!((*at, &**phase), (6 * SECOND, "requests"));
        assert_eq!(*names, ["", "stubborn"]);
        let start = "shutting down: 2 children of `requests` still run after 5s, and have 5s left\n  child #";
        assert!(text.starts_with(start), "{text}");
        assert!(text.contains("\n  `stubborn`, spawned at tests/conformance/cancel/shutdown.rs:"), "{text}");
    }

    /// Given a phase in a tree, whose children wait for each other, then the report says what they wait for, and who has it.
    shutdown_reports_what_is_waited_for with virtual_time |ex| {
        let (shutdown, reports, tree) = (Shutdown::new(), Reports::default(), Tree::new());
        let reports2 = reports.clone();
        shutdown.on_report(move |report| {
            reports2.add((report.tree.is_some(), report.to_string()));
        });
        let (first, second) = (Semaphore::new(1), Semaphore::new(1));
        let work = scope(&ex, async |s| {
            shutdown.phase("requests", &s, &ex, Grace::For(2 * SECOND));
            for (name, one, other) in [("a", &first, &second), ("b", &second, &first)] {
                let (one, other, ex) = (one.clone(), other.clone(), ex.clone());
                s.spawn_named(name, async move {
                    let _one = one.acquire().await.unwrap();
                    ex.sleep(SECOND).await;
                    let _other = other.acquire().await.unwrap();
                });
            }
            ex.sleep(2 * SECOND).await;
            shutdown.signal("closing");
        });
        tree.watch(work).await;
        let reports = reports.take();
        let [(true, text)] = &reports[..] else { panic!("{reports:?}") };
        for who in ["a", "b"] {
            let waits = format!("waits for 1 permit of a semaphore of 1 that child `{who}`");
            assert!(text.contains(&waits), "{text}");
        }
    }

    /// Given children that end in time, then there is no report, and no wait for the end of the grace.
    shutdown_of_polite_children_reports_nothing with virtual_time |ex| {
        let (shutdown, watch) = (Shutdown::new(), Stopwatch::start(ex.clone()));
        shutdown.on_report(|report| panic!("{report}"));
        scope(&ex, async |s| {
            shutdown.phase("workers", &s, &ex, Grace::For(HOUR));
            let (ex2, token) = (ex.clone(), s.token());
            s.spawn(async move {
                token.cancelled().await;
                ex2.sleep(SECOND).await;
            });
            shutdown.signal("closing");
        })
        .await;
        assert_eq!(watch.elapsed(), SECOND);
    }

    /// Given a second signal, then what is left is dropped at once, in this phase and in those whose turn comes.
    shutdown_is_forced_by_the_second_signal with virtual_time |ex| {
        let (shutdown, watch) = (Shutdown::new(), Stopwatch::start(ex.clone()));
        scope(&ex, async |outer| {
            shutdown.phase("outer", &outer, &ex, Grace::Forever);
            outer.spawn(pending::<()>());
            scope(&ex, async |inner| {
                shutdown.phase("inner", &inner, &ex, Grace::For(HOUR));
                inner.spawn(pending::<()>());
                shutdown.signal("closing");
                ex.sleep(SECOND).await;
                assert!(!shutdown.forced().is_cancelled());
                assert_eq!(shutdown.signal("now"), 2);
                assert_eq!(shutdown.signal("please"), 3);
                assert_eq!(shutdown.forced().reason().unwrap().message(), "now");
            })
            .await;
        })
        .await;
        assert_eq!(watch.elapsed(), SECOND);
    }

    /// Given a scope that has ended before the signal, then the one before it is asked; and one that is added later is
    /// asked at once.
    shutdown_skips_what_has_ended_and_asks_what_comes_late |ex| {
        let shutdown = Shutdown::new();
        scope(&ex, async |outer| {
            shutdown.phase("outer", &outer, &ex, Grace::Forever);
            scope(&ex, async |inner| shutdown.phase("inner", &inner, &ex, Grace::Forever)).await;
            shutdown.signal("closing");
            outer.token().cancelled().await;
            scope(&ex, async |late| {
                shutdown.phase("late", &late, &ex, Grace::Forever);
                late.token().cancelled().await;
                assert_eq!(late.token().reason().unwrap().message(), "closing");
            })
            .await;
        })
        .await;
    }

    /// Given a scope in a child, then a phase is a phase, whatever its kind: limited, fail-fast.
    shutdown_has_phases_of_each_kind with virtual_time |ex| {
        let (shutdown, watch) = (Shutdown::new(), Stopwatch::start(ex.clone()));
        scope_limited(&ex, 2, async |s| {
            shutdown.phase("limited", &s, &ex, Grace::For(SECOND));
            s.spawn(pending::<()>()).await.unwrap();
            // Its daemons take no room.
            s.spawn(pending::<()>()).await.unwrap();
            let failed = try_scope(&ex, async |t| {
                shutdown.phase("fail-fast", &t, &ex, Grace::For(SECOND));
                t.spawn(pending::<Result<(), ()>>());
                shutdown.signal("closing");
                pending::<Result<(), ()>>().await
            })
            .await;
            let Err(ScopeError::Cancelled(cancelled)) = failed else { panic!("{failed:?}") };
            assert_eq!(cancelled.reason().unwrap().message(), "closing");
            assert_eq!(watch.elapsed(), SECOND);
        })
        .await;
        assert_eq!(watch.elapsed(), 2 * SECOND);
    }

    /// Given no signal, then a phase keeps no scope open, and a shutdown may be dropped before or after it.
    shutdown_without_a_signal_changes_nothing |ex| {
        let shutdown = Shutdown::new();
        let value = scope(&ex, async |s| {
            shutdown.phase("only", &s, &ex, Grace::For(HOUR));
            drop(shutdown);
            s.spawn(async { 1 }).await.unwrap()
        })
        .await;
        assert_eq!(value, 1);
    }

    /// Given a scope that is dropped, then the phase is over.
    shutdown_goes_on_when_a_scope_is_dropped |ex| {
        let shutdown = Shutdown::new();
        scope(&ex, async |outer| {
            shutdown.phase("outer", &outer, &ex, Grace::Forever);
            concurrent(async |c| {
                let (shutdown, ex2) = (shutdown.clone(), ex.clone());
                let child = c.spawn(scope(&ex, async move |inner| {
                    shutdown.phase("inner", &inner, &ex2, Grace::Forever);
                    pending::<()>().await;
                }));
                support::yield_now().await;
                child.abort();
            })
            .await;
            shutdown.signal("closing");
            outer.token().cancelled().await;
        })
        .await;
    }

    /// Given an observer that panics, then it is the panic of a child of the phase's scope.
    shutdown_propagates_the_panic_of_an_observer with virtual_time |ex| {
        let shutdown = Shutdown::new();
        shutdown.on_report(|_| panic!("no paper"));
        let ex2 = ex.clone();
        let message = panic_of(async move {
            scope(&ex2, async |s| {
                shutdown.phase("requests", &s, &ex2, Grace::For(SECOND));
                s.spawn(pending::<()>());
                shutdown.signal("closing");
            })
            .await;
        })
        .await;
        assert_eq!(message, "no paper");
    }

    /// Given signals from another thread at any moment, then all phases end, each once it is its turn.
    shutdown_may_be_told_from_any_thread with threads |ex| {
        for round in 0..50 {
            let (shutdown, log) = (Shutdown::new(), Log::new());
            let other = shutdown.clone();
            let thread = thread::spawn(move || {
                for _ in 0..round {
                    thread::yield_now();
                }
                other.signal("closing");
            });
            scope(&ex, async |outer| {
                shutdown.phase("outer", &outer, &ex, Grace::Forever);
                scope(&ex, async |inner| {
                    shutdown.phase("inner", &inner, &ex, Grace::Forever);
                    let log = log.clone();
                    inner.defer(async move { log.add("inner") });
                    inner.token().cancelled().await;
                })
                .await;
                outer.token().cancelled().await;
                log.add("outer");
            })
            .await;
            thread.join().unwrap();
            assert_eq!(log.events(), ["inner", "outer"]);
        }
    }
}

/// What was told of reports.
struct Reports<T>(Arc<Mutex<Vec<T>>>);

impl<T> Default for Reports<T> {
    fn default() -> Self {
        Reports(Arc::default())
    }
}

impl<T> Clone for Reports<T> {
    fn clone(&self) -> Self {
        Reports(self.0.clone())
    }
}

impl<T> Reports<T> {
    fn add(&self, told: T) {
        self.0.lock().unwrap().push(told);
    }

    fn take(&self) -> Vec<T> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}
