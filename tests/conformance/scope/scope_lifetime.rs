//! Scope lifetime (S).

use anyscope::{CancelledBy, JoinError, JoinHandle, Ready, StartError, concurrent, scope};
use std::{
    future::{Future, pending},
    pin::{Pin, pin},
    sync::{Arc, Mutex, mpsc},
    task::Poll,
    thread,
};
use support::{
    Hoard, Log, Signal, Tracer, alloc, behaviour, blow_up, cause, drive_until, panic_message,
    panic_of, poll_once, record, until_idle, yield_now,
};

behaviour! {
    /// Given a scope whose body returns while children run, when the scope is awaited, then it
    /// completes only after the last child.
    s1_scope_waits_for_last_child in [spawned, inline] |ex| {
        let (log, go) = (Log::new(), Signal::new());
        open!(async |s| {
            for n in 0..3 {
                let (log, go) = (log.clone(), go.clone());
                s.spawn(async move {
                    go.wait().await;
                    yield_now().await;
                    log.add(format!("child {n}"));
                });
            }
            log.add("body");
            go.fire();
        })
        .await;
        log.add("scope");
        let mut events = log.events();
        assert_eq!(events.remove(0), "body");
        assert_eq!(events.pop().unwrap(), "scope");
        events.sort();
        assert_eq!(events, ["child 0", "child 1", "child 2"]);
    }

    /// Given an empty scope, when awaited, then it completes with the body's value without
    /// spawning, with at most one allocation.
    s2_empty_scope_returns_its_value_with_one_allocation in [spawned, inline] |ex| {
        let before = alloc::allocations();
        let mut scope = pin!(open!(async |s| (7, s)));
        let Poll::Ready((value, s)) = poll_once(scope.as_mut()) else { panic!("not ready") };
        assert!(alloc::allocations() - before <= 1);
        assert_eq!((value, s.spawned()), (7, 0));

        let before = alloc::allocations();
        let mut scope = pin!(try_open!(async |s| Ok::<_, String>((7, s))));
        let Poll::Ready(Ok((value, s))) = poll_once(scope.as_mut()) else { panic!("not ready") };
        assert!(alloc::allocations() - before <= 1);
        assert_eq!((value, s.spawned()), (7, 0));
    }

    /// Given a child that spawns a grandchild on the same scope after the body ended, then the
    /// scope also waits for the grandchild.
    s3_scope_waits_for_a_grandchild_spawned_after_the_body_ended in [spawned, inline] |ex| {
        let (log, go) = (Log::new(), Signal::new());
        let mut scope = pin!(open!(async |s| {
            let (s2, log, go) = (s.clone(), log.clone(), go.clone());
            s.spawn(async move {
                go.wait().await;
                s2.spawn(async move {
                    yield_now().await;
                    log.add("grandchild");
                });
            });
        }));
        assert!(poll_once(scope.as_mut()).is_pending());
        // The body waits for nothing, so it has ended.
        go.fire();
        scope.await;
        log.add("scope");
        assert_eq!(log.events(), ["grandchild", "scope"]);
    }

    /// Given a completed scope, when `spawn` is called through a leaked handle, then it fails with
    /// "closed", the future is dropped unpolled, nothing leaks.
    s4_spawn_through_a_leaked_handle_is_refused in [spawned, inline] |ex| {
        let s = open!(async |s| s).await;
        assert!(s.is_closed());
        let tracer = Tracer::new();
        let before = alloc::balance();
        let refused = s.spawn(tracer.trace(async {}));
        assert!(refused.is_finished());
        assert_eq!(cause(refused.await), CancelledBy::Closed);
        let refused = s.spawn_named("late", tracer.trace(async {}));
        assert_eq!(cause(refused.await), CancelledBy::Closed);
        let refused = s.spawn_daemon(tracer.trace(async {}));
        assert_eq!(cause(refused.await), CancelledBy::Closed);
        s.spawn(tracer.trace(async {}));
        let kept = Mutex::new(None);
        let refused = s.start(|ready: Ready<()>| {
            *kept.lock().unwrap() = Some(ready);
            tracer.trace(async {})
        });
        let Err(StartError::Cancelled(refused)) = refused.await else { panic!("started") };
        assert_eq!(refused.by(), CancelledBy::Closed);
        drop(kept);
        assert_eq!((tracer.polls(), tracer.drops()), (0, 5));
        assert_eq!(alloc::balance(), before);
        assert_eq!(s.len(), 0);
    }

    /// The same through the handle of a scope that was dropped.
    s4_spawn_into_a_dropped_scope_is_refused in [spawned, inline] |ex| {
        let (kept, tracer) = (Mutex::new(None), Tracer::new());
        let mut scope = Box::pin(open!(async |s| {
            *kept.lock().unwrap() = Some(s);
            pending::<()>().await;
        }));
        assert!(poll_once(scope.as_mut()).is_pending());
        drop(scope);
        let s = kept.into_inner().unwrap().unwrap();
        assert!(s.is_closed());
        assert_eq!(cause(s.spawn(tracer.trace(async {})).await), CancelledBy::Closed);
        assert_eq!((tracer.polls(), tracer.drops()), (0, 1));
    }

    /// The same for the ways to spawn that only a spawned scope has.
    s4_no_executor_is_asked_after_the_end in [spawned] |ex| {
        let (hoard, tracer) = (Hoard::new(), Tracer::new());
        let s = open!(async |s| s).await;
        let refused = s.spawn_on(&hoard, tracer.trace(async {}));
        assert_eq!(cause(refused.await), CancelledBy::Closed);
        assert!(hoard.take().is_empty());
        let refused = s.spawn_blocking(|| unreachable!());
        assert_eq!(cause::<()>(refused.await), CancelledBy::Closed);
        assert_eq!((tracer.polls(), tracer.drops()), (0, 1));
    }

    /// Given a scope cancelled before a child's first poll, then that child is never polled and
    /// its handle reports Cancelled.
    s6_child_of_a_cancelled_scope_is_never_polled in [spawned, inline] |ex| {
        let tracer = Tracer::new();
        open!(async |s| {
            s.cancel("test");
            let refused = s.spawn(tracer.trace(async {}));
            // Not later, when somebody finds the time.
            assert_eq!(tracer.drops(), 1);
            assert_eq!(cause(refused.await), CancelledBy::Scope);
            let refused = s.spawn_daemon(tracer.trace(async {}));
            assert_eq!(cause(refused.await), CancelledBy::Scope);
        })
        .await;
        assert_eq!((tracer.polls(), tracer.drops()), (0, 2));
    }

    /// The same if the child was spawned before the cancel, and its executor is late.
    s6_child_cancelled_before_its_first_poll_is_never_polled |ex| {
        let (hoard, tracer) = (Hoard::new(), Tracer::new());
        scope(&hoard, async |s| {
            let late = s.spawn(tracer.trace(async {}));
            s.cancel("test");
            assert_eq!(tracer.drops(), 1);
            hoard.hand_over(&ex);
            assert_eq!(cause(late.await), CancelledBy::Scope);
        })
        .await;
        concurrent(async |s| {
            let late = s.spawn(tracer.trace(async {}));
            s.cancel("test");
            assert_eq!(tracer.drops(), 2);
            assert_eq!(cause(late.await), CancelledBy::Scope);
        })
        .await;
        assert_eq!((tracer.polls(), tracer.alive()), (0, 0));
    }

    /// Given the handle of a finished child, when awaited twice, then the second await says
    /// "taken".
    s9_second_await_of_a_handle_says_taken in [spawned, inline] |ex| {
        open!(async |s| {
            let mut done = s.spawn(async { 7 });
            assert_eq!((&mut done).await.unwrap(), 7);
            assert!(matches!((&mut done).await, Err(JoinError::Taken)));
            assert!(matches!(done.cancel().await, Err(JoinError::Taken)));

            let mut panicked = s.spawn(async { blow_up::<()>("boom") });
            assert_eq!(panic_message((&mut panicked).await), "boom");
            assert!(matches!((&mut panicked).await, Err(JoinError::Taken)));

            let mut cancelled = s.spawn(pending::<()>());
            cancelled.abort();
            assert_eq!(cause((&mut cancelled).await), CancelledBy::Handle);
            assert!(matches!(cancelled.await, Err(JoinError::Taken)));
        })
        .await;
    }

    /// Given the handle of a finished child, when awaited by two tasks, then one gets the outcome
    /// and the other "taken".
    s9_two_tasks_that_share_a_handle_share_one_value in [spawned, inline] |ex| {
        open!(async |s| {
            let go = Signal::new();
            let waited = go.wait();
            let child = s.spawn(async move {
                waited.await;
                7
            });
            let child = Arc::new(smol::lock::Mutex::new(child));
            let waiters = [(); 2].map(|()| {
                let child = child.clone();
                s.spawn(async move { (&mut *child.lock().await).await })
            });
            go.fire();
            let [one, other] = waiters;
            match (one.await.unwrap(), other.await.unwrap()) {
                (Ok(7), Err(JoinError::Taken)) | (Err(JoinError::Taken), Ok(7)) => {}
                outcomes => panic!("{outcomes:?}"),
            }
        })
        .await;
    }

    /// Given a dropped child handle, then the child keeps running until the scope ends.
    s10_dropping_a_handle_lets_the_child_run_on in [spawned, inline] |ex| {
        let (log, tracer, go) = (Log::new(), Tracer::new(), Signal::new());
        open!(async |s| {
            let (log, waited) = (log.clone(), go.wait());
            s.spawn(tracer.trace(async move {
                waited.await;
                log.add("child");
            }));
            while go.waiting() == 0 {
                assert_eq!(tracer.drops(), 0);
                yield_now().await;
            }
            assert_eq!(tracer.drops(), 0);
            go.fire();
        })
        .await;
        assert_eq!(log.events(), ["child"]);
    }

    /// Given nested scopes, when the inner completes, then its children are gone before the outer
    /// body continues.
    s11_children_of_an_inner_scope_are_gone_before_the_outer_body_goes_on
        in [spawned, inline] |ex| {
        let log = Log::new();
        open!(async |outer| {
            open!(async |inner| {
                for _ in 0..3 {
                    let gone = log.on_drop("child");
                    inner.spawn(async move {
                        let _gone = gone;
                        yield_now().await;
                    });
                }
            })
            .await;
            log.add("outer body");
            drop(outer);
        })
        .await;
        assert_eq!(log.events(), ["child", "child", "child", "outer body"]);
    }

    /// Given a scope future dropped mid-flight, then every child future is dropped before `drop`
    /// returns and none is polled again.
    s12_dropping_the_future_drops_every_child_first in [inline] |ex| {
        let (log, tracer, go) = (Log::new(), Tracer::new(), Signal::new());
        let mut scope = Box::pin(open!(async |s| {
            let _gone = log.on_drop("body");
            for _ in 0..3 {
                let (gone, waited) = (log.on_drop("child"), go.wait());
                s.spawn(tracer.trace(async move {
                    let _gone = gone;
                    waited.await;
                }));
            }
            pending::<()>().await;
        }));
        assert!(poll_once(scope.as_mut()).is_pending());
        assert_eq!((tracer.polls(), tracer.alive()), (3, 3));
        drop(scope);
        assert_eq!(tracer.alive(), 0);
        assert_eq!(log.events(), ["child", "child", "child", "body"]);
        // What is left of them is woken for nothing.
        go.fire();
        yield_now().await;
        assert_eq!(tracer.polls(), 3);
    }

    /// Given a spawned scope dropped mid-flight, then cancel is requested on every child exactly
    /// once and a debug hook fires.
    s13_dropped_scope_cancels_each_child_once_and_says_so with tasks in [spawned] |ex| {
        let (log, idle) = (Log::new(), Signal::new());
        let tracers = [(); 3].map(|()| Tracer::new());
        let handles = Mutex::new(Vec::new());
        let mut scope = Box::pin(open!(async |s| {
            let _gone = log.on_drop("body");
            assert!(s.on_event(record(&log)));
            for tracer in &tracers {
                let child = s.spawn(tracer.trace(pending::<()>()));
                until_idle(tracer, &child).await;
                handles.lock().unwrap().push(child);
            }
            idle.fire();
            pending::<()>().await;
        }));
        drive_until(scope.as_mut(), &idle).await;
        drop(scope);
        for tracer in &tracers {
            assert_eq!((tracer.polls(), tracer.drops()), (1, 1));
        }
        assert_eq!(log.events(), ["abandoned: 3 children, 0 running", "body"]);
        for child in handles.into_inner().unwrap() {
            assert_eq!(cause(child.await), CancelledBy::Scope);
        }
    }

    /// A scope that is dropped when all children have ended has abandoned nobody.
    s13_nothing_is_said_about_a_scope_without_children in [spawned, inline] |ex| {
        let log = Log::new();
        let body_is_waiting = Signal::new();
        let mut scope = Box::pin(open!(async |s| {
            s.on_event(record(&log));
            s.spawn(async {}).await.unwrap();
            while !s.is_empty() {
                yield_now().await;
            }
            body_is_waiting.fire();
            pending::<()>().await;
        }));
        drive_until(scope.as_mut(), &body_is_waiting).await;
        drop(scope);
        assert!(log.events().is_empty());
        open!(async |s| s.on_event(record(&log))).await;
        assert!(log.events().is_empty());
    }

    /// Given a scope used from the wrong place (a join inside the child), then a clear error, not
    /// a deadlock.
    s14_child_that_awaits_its_own_handle_panics_and_names_the_place in [spawned, inline] |ex| {
        let line = line!() + 6;
        let message = panic_of(open!(async |s| {
            let own = Arc::new(Mutex::new(None::<JoinHandle<'_, ()>>));
            let go = Signal::new();
            let child = {
                let (own, waited) = (own.clone(), go.wait());
                s.spawn(async move {
                    waited.await;
                    let own = own.lock().unwrap().take().unwrap();
                    drop(own.await);
                })
            };
            *own.lock().unwrap() = Some(child);
            go.fire();
        }))
        .await;
        assert!(message.contains("awaits its own handle"), "{message}");
        assert!(message.contains(&format!("{}:{line}:", file!())), "{message}");
    }

    /// The same for the whole scope, awaited inside one of its children.
    s14_scope_awaited_inside_its_own_child_panics_and_names_the_place in [spawned] |ex| {
        type Slot = Arc<Mutex<Option<Pin<Box<dyn Future<Output = ()> + Send>>>>>;
        let (slot, go) = (Slot::default(), Signal::new());
        let kept = Arc::new(Mutex::new(None));
        let line = line!() + 5;
        let future = {
            let (slot, waited, kept) = (slot.clone(), go.wait(), kept.clone());
            open!(move |s| {
                let in_slot = slot.clone();
                let child = s.spawn(async move {
                    waited.await;
                    let own = in_slot.lock().unwrap().take().unwrap();
                    own.await;
                });
                *kept.lock().unwrap() = Some(child);
                async {}
            })
        };
        *slot.lock().unwrap() = Some(Box::pin(future));
        go.fire();
        let child = kept.lock().unwrap().take().unwrap();
        let message = panic_message(child.await);
        assert!(message.contains("waits for the end of its own scope"), "{message}");
        assert!(message.contains(&format!("{}:{line}:", file!())), "{message}");
    }

    /// Given a second join of a scope, then a clear error, not a deadlock.
    s14_scope_polled_after_its_end_panics in [spawned, inline] |ex| {
        let mut scope = pin!(open!(async |_s| 7));
        assert_eq!(scope.as_mut().await, 7);
        let message = panic_of(scope.as_mut()).await;
        assert!(message.contains("after it had returned its result"), "{message}");
    }

    /// Scopes of all kinds nest in each other, and each waits for its own children.
    scopes_of_all_kinds_nest |ex| {
        let (log, ex2) = (Log::new(), ex.clone());
        let log2 = log.clone();
        let sum = scope(&ex, async |s| {
            let child = s.spawn(async move {
                let words = ["to", "be", "or"];
                concurrent(async |s| {
                    let lengths = words.each_ref().map(|word| s.spawn(async { word.len() }));
                    let mut sum = 0;
                    for length in lengths {
                        let length = length.await.unwrap();
                        sum += scope(&ex2, async |s| s.spawn(async move { length }).await)
                            .await
                            .unwrap();
                    }
                    let gone = log2.on_drop("innermost");
                    s.spawn(async move {
                        let _gone = gone;
                        yield_now().await;
                    });
                    sum
                })
                .await
            });
            child.await.unwrap()
        })
        .await;
        log.add("outermost");
        assert_eq!(sum, 6);
        assert_eq!(log.events(), ["innermost", "outermost"]);
    }
}

/// Nothing pretends to have waited: a child that is being polled when its scope is dropped goes
/// right after that poll, and the hook says so.
#[test]
fn s13_child_that_is_being_polled_outlives_the_drop_for_that_poll_only() {
    let (log, hoard) = (Log::new(), Hoard::new());
    let (entered, wait_for_entry) = mpsc::channel();
    let (leave, wait_for_leave) = mpsc::channel();
    let mut scope = Box::pin(scope(&hoard, async |s| {
        s.on_event(record(&log));
        let gone = log.on_drop("running");
        s.spawn(async move {
            let _gone = gone;
            entered.send(()).unwrap();
            wait_for_leave.recv().unwrap();
            pending::<()>().await;
        });
        let gone = log.on_drop("idle");
        s.spawn(async move {
            let _gone = gone;
            pending::<()>().await;
        });
        pending::<()>().await;
    }));
    assert!(poll_once(scope.as_mut()).is_pending());
    let mut children = hoard.take();
    let poller = thread::spawn(move || {
        assert!(poll_once(Pin::new(&mut children[0])).is_ready());
        // The other one is an empty shell.
        assert!(poll_once(Pin::new(&mut children[1])).is_ready());
    });
    wait_for_entry.recv().unwrap();
    drop(scope);
    assert_eq!(log.events(), ["idle", "abandoned: 2 children, 1 running"]);
    leave.send(()).unwrap();
    poller.join().unwrap();
    assert_eq!(log.events()[2..], ["running"]);
}
