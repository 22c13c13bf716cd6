//! Failure (F).

use anyscope::{ScopeError, scope};
use std::{
    future::pending,
    pin::{Pin, pin},
    sync::{Mutex, mpsc},
};
use support::{
    Hoard, Log, Signal, Tracer, behaviour, blow_up, errors, on_drop, panic_message, panic_of,
    poll_once, record, until_idle, yield_now,
};

type Failing = Result<(), &'static str>;

behaviour! {
    /// Given one child fails, then siblings and the body are cancelled before the scope returns the
    /// error.
    f1_failure_of_a_child_ends_siblings_and_body_first in [spawned, inline] |ex| {
        let log = Log::new();
        let result = try_open!(async |s| -> Failing {
            let _gone = log.on_drop("body");
            let (gone, tracer) = (log.on_drop("sibling"), Tracer::new());
            let sibling = s.spawn(tracer.trace(async move {
                let _gone = gone;
                pending::<Failing>().await
            }));
            until_idle(&tracer, &sibling).await;
            s.spawn(async { Err::<(), _>("broken") }).value().await;
            unreachable!("the body is dropped here");
        })
        .await;
        log.add("scope");
        assert_eq!(errors(result), ["broken"]);
        assert_eq!(log.events_after_any(2), ["body", "sibling", "scope"]);
    }

    /// The same for siblings that the executor has not come to, and a body that has ended.
    f1_failure_after_the_body_ended_is_the_scopes in [spawned, inline] |ex| {
        let (log, tracer) = (Log::new(), Tracer::new());
        let result = try_open!(async |s| -> Result<i32, &'static str> {
            for _ in 0..3 {
                let gone = log.on_drop("sibling");
                s.spawn(tracer.trace(async move {
                    let _gone = gone;
                    pending::<Failing>().await
                }));
            }
            s.spawn(async { Err::<(), _>("broken") });
            Ok(7)
        })
        .await;
        log.add("scope");
        assert_eq!(errors(result), ["broken"]);
        assert_eq!(log.events(), ["sibling", "sibling", "sibling", "scope"]);
        assert_eq!(tracer.alive(), 0);
    }

    /// Given the body fails, then children are cancelled and awaited, and the body's error is
    /// returned.
    f3_failure_of_the_body_ends_the_children_first in [spawned, inline] |ex| {
        let log = Log::new();
        let result = try_open!(async |s| -> Failing {
            let (gone, tracer) = (log.on_drop("child"), Tracer::new());
            let child = s.spawn(tracer.trace(async move {
                let _gone = gone;
                pending::<Failing>().await
            }));
            until_idle(&tracer, &child).await;
            Err("body")
        })
        .await;
        log.add("scope");
        assert_eq!(errors(result), ["body"]);
        assert_eq!(log.events(), ["child", "scope"]);
    }

    /// Given a sibling fails *while being cancelled*, then its error is recorded as secondary,
    /// never replaces the primary. A child can still fail then if it is being polled; where one
    /// task polls all children, none is.
    f6_error_of_a_sibling_that_is_being_cancelled_is_secondary with threads in [spawned] |ex| {
        let (entered, log) = (Signal::new(), Log::new());
        let result = try_open!(async |s| -> Failing {
            s.on_event(record(&log));
            // Hangs up when the first error has been kept, and the children are being cancelled.
            let (until_cancelled, cancelled) = mpsc::channel::<()>();
            s.spawn(async move {
                let _until_cancelled = until_cancelled;
                pending::<Failing>().await
            });
            let running = entered.clone();
            s.spawn_blocking(move || {
                running.fire();
                cancelled.recv().unwrap_err();
                Err::<(), _>("second")
            });
            entered.wait().await;
            s.spawn(async { Err::<(), _>("first") }).value().await;
            unreachable!("the body is dropped here");
        })
        .await;
        assert_eq!(errors(result), ["first", "second"]);
        assert_eq!(log.events(), ["failed", "failed"]);
    }

    /// Given siblings that merely end as Cancelled because of F1, then they contribute no error.
    f7_cancelled_siblings_contribute_no_error in [spawned, inline] |ex| {
        let log = Log::new();
        let result = try_open!(async |s| -> Failing {
            s.on_event(record(&log));
            for _ in 0..5 {
                s.spawn(pending::<Failing>());
            }
            yield_now().await;
            s.spawn(async { Err::<(), _>("broken") });
            s.spawn_daemon(pending::<Failing>());
            pending().await
        })
        .await;
        assert_eq!(errors(result), ["broken"]);
        assert_eq!(log.events(), ["failed"]);
    }

    /// Given external cancel plus a real error from cleanup, then the real error is reported.
    f8_error_of_a_child_that_runs_during_the_cancel_is_reported in [spawned, inline] |ex| {
        let result = try_open!(async |s| -> Failing {
            let s2 = s.clone();
            s.spawn(async move {
                s2.cancel("test");
                Err::<(), _>("cleanup")
            });
            pending().await
        })
        .await;
        assert_eq!(errors(result), ["cleanup"]);
    }

    /// The same if it is the body that fails after a cancel.
    f8_error_of_a_body_after_its_own_cancel_is_reported in [spawned, inline] |ex| {
        let result = try_open!(async |s| -> Failing {
            s.cancel("test");
            Err("cleanup")
        })
        .await;
        assert_eq!(errors(result), ["cleanup"]);
        let cancelled = try_open!(async |s| -> Failing {
            s.cancel("test");
            pending().await
        })
        .await;
        assert!(cancelled.unwrap_err().is_cancelled());
    }

    /// Given supervisor policy, when a child fails, then siblings run on and the failure is visible
    /// on its handle and to the failure observer.
    f9_panic_of_a_supervised_child_is_its_handles_and_the_observers in [spawned, inline] |ex| {
        let (log, go) = (Log::new(), Signal::new());
        let value = open!(async |s| {
            assert!(s.on_event(record(&log)));
            // There is one observer at most.
            assert!(!s.on_event(|_| unreachable!()));
            let waited = go.wait();
            let sibling = s.spawn(async move {
                waited.await;
                7
            });
            let failed = s.spawn(async { blow_up::<()>("boom") }).await;
            assert_eq!(panic_message(failed), "boom");
            go.fire();
            sibling.await.unwrap()
        })
        .await;
        assert_eq!(value, 7);
        assert_eq!(log.events(), ["panicked: boom"]);
    }

    /// A supervised child's `Err` is a value like any other.
    f9_error_of_a_supervised_child_disturbs_nobody in [spawned, inline] |ex| {
        let log = Log::new();
        let failed = open!(async |s| {
            s.on_event(record(&log));
            s.spawn(async { Err::<(), _>("nobody asks") });
            s.spawn(async { Err::<(), _>("broken") }).await.unwrap()
        })
        .await;
        assert_eq!(failed, Err("broken"));
        assert!(log.events().is_empty());
    }

    /// Given supervisor policy and the *body* fails, then all children are cancelled.
    f10_panic_of_a_supervised_body_ends_the_children_first in [spawned, inline] |ex| {
        let log = Log::new();
        let message = panic_of(open!(async |s| {
            let (gone, tracer) = (log.on_drop("child"), Tracer::new());
            let child = s.spawn(tracer.trace(async move {
                let _gone = gone;
                pending::<()>().await;
            }));
            until_idle(&tracer, &child).await;
            blow_up::<()>("body");
        }))
        .await;
        log.add("scope");
        assert_eq!(message, "body");
        assert_eq!(log.events(), ["child", "scope"]);
    }

    /// Given an inner scope fails inside a child, then the outer sees exactly one failure.
    f11_failure_of_an_inner_scope_is_one_failure_of_the_outer in [spawned, inline] |ex| {
        let (log, ex2) = (Log::new(), ex.clone());
        let result = try_open!(async |s| -> Result<(), ScopeError<String>> {
            s.on_event(record(&log));
            s.spawn(async move {
                try_open!(ex2, async |s| -> Result<(), String> {
                    s.spawn(pending::<Result<(), String>>());
                    s.spawn(async { Err::<(), _>("inner".to_owned()) });
                    pending().await
                })
                .await
            });
            pending().await
        })
        .await;
        let [inner] = errors(result).try_into().unwrap();
        assert_eq!(errors(Err::<(), _>(inner)), ["inner"]);
        assert_eq!(log.events(), ["failed"]);
    }

    /// Given a child panics, then siblings are cancelled and awaited before the panic resumes in
    /// the scope's poller.
    f12_panic_of_a_child_ends_siblings_and_body_first in [spawned, inline] |ex| {
        let log = Log::new();
        let message = panic_of(try_open!(async |s| -> Failing {
            let _gone = log.on_drop("body");
            let (gone, tracer) = (log.on_drop("sibling"), Tracer::new());
            let sibling = s.spawn(tracer.trace(async move {
                let _gone = gone;
                pending::<Failing>().await
            }));
            until_idle(&tracer, &sibling).await;
            let panics = s.spawn(async { blow_up::<Failing>("boom") });
            panics.value().await;
            unreachable!("the body is dropped here");
        }))
        .await;
        log.add("poller");
        assert_eq!(message, "boom");
        assert_eq!(log.events_after_any(2), ["body", "sibling", "poller"]);
    }

    /// The same in a supervised scope if no handle receives the panic.
    f12_panic_that_no_handle_receives_ends_a_supervised_scope in [spawned, inline] |ex| {
        let log = Log::new();
        let message = panic_of(open!(async |s| {
            let _gone = log.on_drop("body");
            let (gone, tracer) = (log.on_drop("sibling"), Tracer::new());
            let sibling = s.spawn(tracer.trace(async move {
                let _gone = gone;
                pending::<()>().await;
            }));
            until_idle(&tracer, &sibling).await;
            s.spawn(async { blow_up::<()>("boom") });
            pending::<()>().await;
        }))
        .await;
        log.add("poller");
        assert_eq!(message, "boom");
        assert_eq!(log.events_after_any(2), ["body", "sibling", "poller"]);
    }

    /// Given two panics, then the first payload is resumed and the second is not lost silently.
    f13_second_panic_goes_to_the_observer in [spawned, inline] |ex| {
        let log = Log::new();
        let message = panic_of(try_open!(async |s| -> Failing {
            s.on_event(record(&log));
            let tracer = Tracer::new();
            let sibling = s.spawn(tracer.trace(async {
                let _second = on_drop(|| blow_up::<()>("second"));
                pending::<Failing>().await
            }));
            until_idle(&tracer, &sibling).await;
            s.spawn(async { blow_up::<Failing>("first") });
            pending().await
        }))
        .await;
        assert_eq!(message, "first");
        assert_eq!(log.events(), ["panicked: first", "panicked: second", "dropped: second"]);
    }

    /// The same for two that nobody receives in a supervised scope, of which one is the body's.
    f13_panics_of_body_and_child_are_both_told in [spawned, inline] |ex| {
        let log = Log::new();
        let message = panic_of(open!(async |s| {
            s.on_event(record(&log));
            let tracer = Tracer::new();
            let child = s.spawn(tracer.trace(async {
                let _second = on_drop(|| blow_up::<()>("second"));
                pending::<()>().await;
            }));
            until_idle(&tracer, &child).await;
            drop(child);
            blow_up::<()>("first");
        }))
        .await;
        assert_eq!(message, "first");
        assert_eq!(log.events(), ["panicked: second", "dropped: second"]);
    }

    /// The same for a second panic that was in full swing when the first one came.
    f13_panic_of_a_sibling_that_is_being_cancelled_is_the_second with threads in [spawned] |ex| {
        let (entered, log) = (Signal::new(), Log::new());
        let message = panic_of(try_open!(async |s| -> Failing {
            s.on_event(record(&log));
            let (until_cancelled, cancelled) = mpsc::channel::<()>();
            s.spawn(async move {
                let _until_cancelled = until_cancelled;
                pending::<Failing>().await
            });
            let running = entered.clone();
            s.spawn_blocking(move || {
                running.fire();
                cancelled.recv().unwrap_err();
                blow_up::<Failing>("second")
            });
            entered.wait().await;
            s.spawn(async { blow_up::<Failing>("first") });
            pending().await
        }))
        .await;
        assert_eq!(message, "first");
        assert_eq!(log.events(), ["panicked: first", "panicked: second", "dropped: second"]);
    }

    /// Given a panic and an error, then the panic wins, also if it came later.
    f14_panic_goes_before_an_earlier_error in [spawned, inline] |ex| {
        let message = panic_of(try_open!(async |s| -> Failing {
            let tracer = Tracer::new();
            let sibling = s.spawn(tracer.trace(async {
                let _second = on_drop(|| blow_up::<()>("panic"));
                pending::<Failing>().await
            }));
            until_idle(&tracer, &sibling).await;
            Err("error")
        }))
        .await;
        assert_eq!(message, "panic");
    }

    /// Given a panic and then an error, then the error does not overwrite it.
    f14_panic_goes_before_a_later_error with threads in [spawned] |ex| {
        let (entered, log) = (Signal::new(), Log::new());
        let message = panic_of(try_open!(async |s| -> Failing {
            s.on_event(record(&log));
            let (until_cancelled, cancelled) = mpsc::channel::<()>();
            s.spawn(async move {
                let _until_cancelled = until_cancelled;
                pending::<Failing>().await
            });
            let running = entered.clone();
            s.spawn_blocking(move || {
                running.fire();
                cancelled.recv().unwrap_err();
                Err::<(), _>("error")
            });
            entered.wait().await;
            s.spawn(async { blow_up::<Failing>("panic") });
            pending().await
        }))
        .await;
        assert_eq!(message, "panic");
        assert_eq!(log.events(), ["panicked: panic", "failed"]);
    }

    /// Given errors after the scope's result is already decided, then they are dropped and counted.
    /// The value of a body that returned after a cancel decides. Where one task polls all children,
    /// none can be running then.
    f17_errors_after_the_decision_are_dropped_and_counted with threads in [spawned] |ex| {
        let (log, entered, kept) = (Log::new(), Signal::new(), Mutex::new(None));
        let (leave, may_leave) = mpsc::channel::<()>();
        let mut scope = pin!(try_open!(async |s| -> Result<i32, OnceDropped> {
            s.on_event(record(&log));
            let late = OnceDropped { _gone: Box::new(log.on_drop("error")) };
            let running = entered.clone();
            s.spawn_blocking(move || {
                running.fire();
                may_leave.recv().unwrap_err();
                Err::<(), _>(late)
            });
            entered.wait().await;
            s.cancel("test");
            *kept.lock().unwrap() = Some(s);
            Ok(7)
        }));
        while kept.lock().unwrap().is_none() {
            assert!(poll_once(scope.as_mut()).is_pending());
            yield_now().await;
        }
        // The body has returned, and the child is still at it.
        drop(leave);
        assert_eq!(scope.await.ok(), Some(7));
        let s = kept.lock().unwrap().take().unwrap();
        assert_eq!(s.late_failures(), 1);
        assert_eq!(log.events(), ["failed late", "error"]);
    }

    /// Given a failing child whose handle nobody reads, then the error still surfaces through the
    /// scope.
    f18_error_that_nobody_reads_surfaces_through_the_scope in [spawned, inline] |ex| {
        let (result, unread) = {
            let unread = Mutex::new(None);
            let result = try_open!(async |s| -> Result<i32, &'static str> {
                *unread.lock().unwrap() = Some(s.spawn(async { Err::<(), _>("broken") }));
                Ok(7)
            })
            .await;
            (result, unread)
        };
        assert_eq!(errors(result), ["broken"]);
        drop(unread);
    }

    /// The same for panics in a supervised scope: a handle that is dropped without a look gives
    /// the panic to the scope, whether it came before or after the drop.
    f18_panic_that_nobody_reads_surfaces_through_the_scope in [spawned, inline] |ex| {
        let before = panic_of(open!(async |s| {
            s.spawn(async { blow_up::<()>("dropped before") });
        }));
        assert_eq!(before.await, "dropped before");
        let after = panic_of(open!(async |s| {
            let unread = s.spawn(async { blow_up::<()>("dropped after") });
            while !unread.is_finished() {
                yield_now().await;
            }
            drop(unread);
            pending::<()>().await;
        }));
        assert_eq!(after.await, "dropped after");
    }

    /// A panic that was left in a handle until after the end has nobody to go to but the observer.
    f18_panic_in_a_handle_that_outlives_the_scope_goes_to_the_observer in [spawned, inline] |ex| {
        let log = Log::new();
        let unread = open!(async |s| {
            s.on_event(record(&log));
            s.spawn(async { blow_up::<()>("boom") })
        })
        .await;
        assert_eq!(log.events(), ["panicked: boom"]);
        drop(unread);
        assert_eq!(log.events()[1..], ["dropped: boom"]);
    }

    /// A panic in the destructor of a value that nobody can ask for is a panic of the child.
    panic_of_a_dropped_value_surfaces_through_the_scope in [spawned, inline] |ex| {
        let message = panic_of(open!(async |s| {
            s.spawn(async { on_drop(|| blow_up::<()>("value")) });
            pending::<()>().await;
        }))
        .await;
        assert_eq!(message, "value");
    }

    /// A panic of the observer counts as a panic of the scope.
    panic_of_the_observer_is_the_scopes in [spawned, inline] |ex| {
        let message = panic_of(open!(async |s| {
            s.on_event(|_| blow_up("observer"));
            drop(s.spawn(async { blow_up::<()>("boom") }).await);
            pending::<()>().await;
        }))
        .await;
        assert_eq!(message, "observer");
    }

    /// A panic of a destructor of the body surfaces when the children are gone.
    panic_of_the_bodys_destructor_surfaces_after_the_children in [spawned, inline] |ex| {
        let log = Log::new();
        let message = panic_of(open!(async |s| {
            let _bomb = on_drop(|| blow_up::<()>("destructor"));
            let gone = log.on_drop("child");
            s.spawn(async move {
                let _gone = gone;
                pending::<()>().await;
            });
        }))
        .await;
        log.add("poller");
        assert_eq!(message, "destructor");
        assert_eq!(log.events(), ["child", "poller"]);
    }
}

/// An error that tells when it is dropped.
struct OnceDropped {
    _gone: Box<dyn Send>,
}

/// In an executor that is late, a child that has panicked leaves its siblings unpolled.
#[test]
fn f12_siblings_that_were_never_polled_are_dropped_unpolled() {
    let (hoard, tracer) = (Hoard::new(), Tracer::new());
    let mut scope = pin!(panic_of(scope(&hoard, async |s| {
        s.spawn(async { blow_up::<()>("boom") });
        s.spawn(tracer.trace(pending::<()>()));
        pending::<()>().await;
    })));
    assert!(poll_once(scope.as_mut()).is_pending());
    let mut children = hoard.take();
    assert!(poll_once(Pin::new(&mut children[0])).is_ready());
    assert_eq!((tracer.polls(), tracer.alive()), (0, 0));
    assert_eq!(poll_once(scope.as_mut()), std::task::Poll::Ready("boom".into()));
}
