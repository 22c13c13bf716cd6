//! Children that say when they are ready (S17 to S21).

use anyscope::{CancelledBy, Ready, StartError};
use futures_lite::future::zip;
use std::{
    future::pending,
    pin::pin,
    sync::{Arc, Mutex},
};
use support::{
    Log, Signal, Tracer, behaviour, blow_up, cause, errors, poll_once, record, yield_now,
};

behaviour! {
    /// Given `start(f)`, when the child signals ready with a value, then `start` returns it and the
    /// child moves under the target scope.
    s17_start_returns_what_the_child_signals in [spawned, inline] |ex| {
        let (log, go) = (Log::new(), Signal::new());
        let port = open!(async |s| {
            let (log, waited) = (log.clone(), go.wait());
            let (port, server) = s
                .start(|ready: Ready<u16>| async move {
                    yield_now().await;
                    ready.signal(8080);
                    waited.await;
                    log.add("served");
                    "bye"
                })
                .await
                .unwrap();
            assert!(!server.is_finished());
            // From here on it is a child like any other: the scope waits for it.
            drop(server);
            go.fire();
            port
        })
        .await;
        log.add("scope");
        assert_eq!(port, 8080);
        assert_eq!(log.events(), ["served", "scope"]);
    }

    /// The handle that comes with the value is that of the child.
    s17_start_returns_the_handle_of_the_child in [spawned, inline] |ex| {
        open!(async |s| {
            let (port, server) = s
                .start(|ready| async move {
                    ready.signal(8080);
                    yield_now().await;
                    "bye"
                })
                .await
                .unwrap();
            assert_eq!((port, server.await.unwrap()), (8080, "bye"));

            let (_, server) = s
                .start(|ready| async move {
                    ready.signal(());
                    pending::<()>().await;
                })
                .await
                .unwrap();
            assert_eq!(cause(server.cancel().await), CancelledBy::Handle);
        })
        .await;
    }

    /// A child that was ready fails as any other.
    s17_failure_of_a_child_that_was_ready_is_the_scopes in [spawned, inline] |ex| {
        let result = try_open!(async |s| -> Result<(), &'static str> {
            let (_, child) = s
                .start(|ready| async move {
                    ready.signal(());
                    yield_now().await;
                    Err::<(), _>("broken")
                })
                .await
                .unwrap();
            child.value().await;
            Ok(())
        })
        .await;
        assert_eq!(errors(result), ["broken"]);
    }

    /// Given `start(f)` where the child fails before ready, then the error comes out of `start` only
    /// and the target scope stays healthy.
    s18_error_before_ready_comes_out_of_start_only in [spawned, inline] |ex| {
        let (log, kept) = (Log::new(), Mutex::new(None));
        let result = try_open!(async |s| -> Result<i32, &'static str> {
            s.on_event(record(&log));
            let sibling_may_go = Signal::new();
            let waited = sibling_may_go.wait();
            let sibling = s.spawn(async move {
                waited.await;
                Ok(7)
            });
            let started = s
                .start(|ready: Ready<()>| {
                    *kept.lock().unwrap() = Some(ready);
                    async {
                        yield_now().await;
                        Err::<(), _>("no port")
                    }
                })
                .await;
            let Err(StartError::Failed("no port")) = started else { panic!("{started:?}") };
            sibling_may_go.fire();
            Ok(sibling.value().await)
        })
        .await;
        assert_eq!(result.unwrap(), 7);
        assert!(log.events().is_empty());
    }

    /// The same for a panic.
    s18_panic_before_ready_comes_out_of_start_only in [spawned, inline] |ex| {
        let (log, kept) = (Log::new(), Mutex::new(None));
        let result = try_open!(async |s| -> Result<i32, &'static str> {
            s.on_event(record(&log));
            let started = s
                .start(|ready: Ready<()>| {
                    *kept.lock().unwrap() = Some(ready);
                    async {
                        yield_now().await;
                        blow_up::<Result<(), _>>("no port")
                    }
                })
                .await;
            let Err(StartError::Panicked(panic)) = started else { panic!("{started:?}") };
            assert_eq!(panic.message(), Some("no port"));
            Ok(7)
        })
        .await;
        assert_eq!(result.unwrap(), 7);
        assert!(log.events().is_empty());
    }

    /// Given `start(f)` where the child returns without signalling, then `start` fails with "never
    /// started".
    s19_child_that_returns_without_a_signal_never_started in [spawned, inline] |ex| {
        let result = try_open!(async |s| -> Result<(), &'static str> {
            let started = s.start(|ready: Ready<()>| async move {
                yield_now().await;
                drop(ready);
                Ok(7)
            });
            assert!(matches!(started.await, Err(StartError::NeverStarted)));
            Ok(())
        })
        .await;
        assert!(result.is_ok());
    }

    /// A child that drops its `Ready` and runs on never started either, and is cancelled: it is
    /// gone when `start` says so.
    s19_child_that_drops_its_ready_is_cancelled in [spawned, inline] |ex| {
        let tracer = Tracer::new();
        open!(async |s| {
            let started = s
                .start(|ready: Ready<()>| {
                    tracer.trace(async move {
                        drop(ready);
                        pending::<()>().await;
                    })
                })
                .await;
            assert!(matches!(started, Err(StartError::NeverStarted)));
            assert_eq!(tracer.alive(), 0);
        })
        .await;
    }

    /// Given a scope that was cancelled, then a `start` says so, and not that the child did anything
    /// wrong: before it, or while the child gets ready.
    start_in_a_cancelled_scope_says_cancelled in [spawned, inline] |ex| {
        open!(async |s| {
            let tracer = Tracer::new();
            let (waiting, s2) = (Signal::new(), s.clone());
            let start = s.start(|ready: Ready<()>| {
                let waiting = waiting.clone();
                tracer.trace(async move {
                    waiting.fire();
                    pending::<()>().await;
                    ready.signal(());
                })
            });
            let (started, ()) = zip(start, async {
                waiting.wait().await;
                s2.cancel("enough");
            })
            .await;
            let Err(StartError::Cancelled(cancelled)) = started else { panic!("{started:?}") };
            assert_eq!(cancelled.reason().unwrap().message(), "enough");
            let late = s.start(async |ready: Ready<()>| ready.signal(())).await;
            let Err(StartError::Cancelled(cancelled)) = late else { panic!("{late:?}") };
            assert_eq!(cancelled.reason().unwrap().message(), "enough");
        })
        .await;
    }

    /// A child that is cancelled alone, before it is ready, was cancelled; and one that fails and takes
    /// its `Ready` along has failed.
    start_tells_what_came_of_the_child in [spawned, inline] |ex| {
        let result = try_open!(async |s| -> Result<(), &'static str> {
            let (waiting, s2) = (Signal::new(), s.clone());
            let start = s.start(|ready: Ready<()>| {
                let waiting = waiting.clone();
                async move {
                    waiting.fire();
                    pending::<()>().await;
                    ready.signal(());
                    Ok(())
                }
            });
            let (started, ()) = zip(start, async {
                waiting.wait().await;
                assert_eq!(s2.cancel_where(|_| true), 1);
            })
            .await;
            let Err(StartError::Cancelled(cancelled)) = started else { panic!("{started:?}") };
            assert_eq!(cancelled.by(), CancelledBy::Handle);
            let failed = s.start(|ready: Ready<()>| async move {
                yield_now().await;
                drop(ready);
                Err::<(), _>("no port")
            });
            assert!(matches!(failed.await, Err(StartError::Failed("no port"))));
            Ok(())
        })
        .await;
        assert!(result.is_ok());
    }

    /// Given a pending `start`, when the target scope's body ends, then the scope stays open until
    /// the start resolves.
    s20_pending_start_keeps_the_scope_open in [spawned, inline] |ex| {
        let (go, slot) = (Signal::new(), Mutex::new(None));
        let mut scope = pin!(open!(async |s| {
            let waited = go.wait();
            *slot.lock().unwrap() = Some(s.start(|ready| async move {
                waited.await;
                ready.signal(8080);
                "bye"
            }));
        }));
        // The body waits for nothing, so it ends in the first poll.
        assert!(poll_once(scope.as_mut()).is_pending());
        let mut start = slot.lock().unwrap().take().unwrap();
        assert!(poll_once(pin!(&mut start)).is_pending());
        yield_now().await;
        assert!(poll_once(scope.as_mut()).is_pending());
        go.fire();
        let ((), started) = zip(scope, start).await;
        let (port, server) = started.unwrap();
        assert_eq!((port, server.await.unwrap()), (8080, "bye"));
    }

    /// Given `start(f)` cancelled while waiting, then only that child is cancelled, not the whole
    /// scope.
    s21_cancelled_start_cancels_its_child_only in [spawned, inline] |ex| {
        let (tracer, go) = (Tracer::new(), Signal::new());
        let result = try_open!(async |s| -> Result<i32, &'static str> {
            let (waited, never) = (go.wait(), Signal::new());
            let sibling = s.spawn(async move {
                waited.await;
                Ok(7)
            });
            let unsignalled = never.wait();
            let mut start = Box::pin(s.start(|ready| {
                tracer.trace(async move {
                    unsignalled.await;
                    ready.signal(());
                    Ok(())
                })
            }));
            assert!(poll_once(start.as_mut()).is_pending());
            while never.waiting() == 0 {
                yield_now().await;
            }
            assert!(poll_once(start.as_mut()).is_pending());
            drop(start);
            while tracer.alive() > 0 {
                yield_now().await;
            }
            assert!(!sibling.is_finished());
            go.fire();
            Ok(sibling.value().await)
        })
        .await;
        assert_eq!(result.unwrap(), 7);
    }

    /// An idle child is gone when the drop of its start returns, and a signal that nobody waits for
    /// is dropped.
    s21_drop_of_a_start_drops_what_belongs_to_it in [spawned, inline] |ex| {
        let (log, kept) = (Log::new(), Arc::new(Mutex::new(None)));
        open!(async |s| {
            let tracer = Tracer::new();
            let slot = kept.clone();
            let mut start = Box::pin(s.start(|ready: Ready<_>| {
                *slot.lock().unwrap() = Some(ready);
                tracer.trace(pending::<()>())
            }));
            while tracer.polls() == 0 || !format!("{start:?}").contains("state: idle") {
                assert!(poll_once(start.as_mut()).is_pending());
                yield_now().await;
            }
            drop(start);
            assert_eq!(tracer.alive(), 0);
            let ready = kept.lock().unwrap().take().unwrap();
            ready.signal(log.on_drop("value"));
            assert_eq!(log.events(), ["value"]);
        })
        .await;
    }

    /// A start whose scope is cancelled ends with it; the one who waits outside learns why.
    start_in_a_scope_that_is_cancelled_says_so in [spawned, inline] |ex| {
        // Kept by somebody else, so that the child's end is not a dropped `Ready`.
        let kept = Mutex::new(None);
        let started = open!(async |s| {
            let mut start = pin!(s.start(|ready: Ready<()>| {
                *kept.lock().unwrap() = Some(ready);
                pending::<()>()
            }));
            assert!(poll_once(start.as_mut()).is_pending());
            s.cancel("test");
            start.await
        })
        .await;
        let Err(StartError::Cancelled(cancelled)) = started else { panic!("{started:?}") };
        assert_eq!(cancelled.by(), CancelledBy::Scope);
    }

    /// The signal may come from anywhere, for instance from a grandchild.
    start_takes_the_signal_from_anybody in [spawned, inline] |ex| {
        let port = open!(async |s| {
            let s2 = s.clone();
            let (port, server) = s
                .start(|ready| async move {
                    s2.spawn(async move { ready.signal(8080) }).await.unwrap();
                    "bye"
                })
                .await
                .unwrap();
            assert_eq!(server.await.unwrap(), "bye");
            port
        })
        .await;
        assert_eq!(port, 8080);
    }
}

/// What went wrong is told in words.
#[test]
fn start_errors_say_what_went_wrong() {
    let failed: StartError<String> = StartError::Failed("port is taken".into());
    assert_eq!(failed.to_string(), "child did not start: port is taken");
    let never = StartError::<String>::NeverStarted;
    assert_eq!(never.to_string(), "child did not start: it never signalled that it was ready");
    let boxed: Box<dyn std::error::Error + Send + Sync> = failed.into();
    assert!(boxed.source().is_none());
}
