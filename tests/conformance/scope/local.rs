//! Scopes whose children are not `Send`: the main promises of scope lifetime, failure and
//! cancellation (S, F, C), on executors of one thread and inside the scope's own future.

use anyscope::{CancelledBy, JoinError, Ready, ScopeError, StartError, scope_local};
use std::{
    cell::{Cell, RefCell},
    future::pending,
    pin::pin,
    rc::Rc,
};
use support::{
    Log, Signal, Tracer, blow_up, cause, drive_until, errors, local_behaviour, panic_message,
    panic_of, poll_once, record, until_idle, yield_now,
};

type Failing = Result<(), &'static str>;

/// An error that stays on its thread.
type LocalError = Rc<str>;

local_behaviour! {
    /// Children share what is not `Send`, return it, and fail with it.
    children_need_not_be_send in [spawned, inline] |ex| {
        let sum = Rc::new(Cell::new(0));
        let shared = open!(async |s| {
            for n in 1..=3 {
                let sum = sum.clone();
                s.spawn(async move {
                    yield_now().await;
                    sum.set(sum.get() + n);
                });
            }
            let shared = sum.clone();
            s.spawn(async move { shared }).await.unwrap()
        })
        .await;
        assert!(Rc::ptr_eq(&shared, &sum));
        assert_eq!(sum.get(), 6);
        let result = try_open!(async |s| -> Result<(), LocalError> {
            s.spawn(async { Err::<(), _>(LocalError::from("broken")) }).value().await;
            unreachable!("the body is dropped here");
        });
        assert_eq!(&*errors(result.await)[0], "broken");
    }

    /// Given a body that returns while children run, then the scope completes after the last one,
    /// and after those that they spawn.
    s1_s3_scope_waits_for_children_and_grandchildren in [spawned, inline] |ex| {
        let (log, go) = (Log::new(), Signal::new());
        let mut scope = pin!(open!(async |s| {
            let (s2, log, waited) = (s.clone(), log.clone(), go.wait());
            s.spawn(async move {
                waited.await;
                s2.spawn(async move {
                    yield_now().await;
                    log.add("grandchild");
                });
            });
        }));
        assert!(poll_once(scope.as_mut()).is_pending());
        go.fire();
        scope.await;
        log.add("scope");
        assert_eq!(log.events(), ["grandchild", "scope"]);
    }

    /// Given a scope that is closed or cancelled, then children are never polled.
    s4_s6_child_that_comes_too_late_is_never_polled in [spawned, inline] |ex| {
        let tracer = Tracer::new();
        let s = open!(async |s| {
            s.cancel("test");
            assert_eq!(cause(s.spawn(tracer.trace(async {})).await), CancelledBy::Scope);
            s
        })
        .await;
        assert_eq!(cause(s.spawn(tracer.trace(async {})).await), CancelledBy::Closed);
        assert_eq!((tracer.polls(), tracer.drops()), (0, 2));
    }

    /// A handle gives its outcome once, and a dropped one leaves its child alone.
    s9_s10_handles_are_those_of_other_scopes in [spawned, inline] |ex| {
        let log = Log::new();
        open!(async |s| {
            let mut child = s.spawn_named("worker", async { Rc::new(7) });
            assert_eq!(child.name(), Some("worker"));
            assert_eq!(*(&mut child).await.unwrap(), 7);
            assert!(matches!(child.await, Err(JoinError::Taken)));
            assert_eq!(*s.spawn(async { Rc::new(8) }).value().await, 8);
            let log = log.clone();
            s.spawn(async move {
                yield_now().await;
                log.add("child");
            });
        })
        .await;
        assert_eq!(log.events(), ["child"]);
    }

    /// Given nested scopes, when the inner completes, then its children are gone.
    s11_children_of_an_inner_scope_are_gone_first in [spawned, inline] |ex| {
        let log = Log::new();
        open!(async |outer| {
            open!(async |inner| {
                let gone = log.on_drop("child");
                inner.spawn(async move {
                    let _gone = gone;
                    yield_now().await;
                });
            })
            .await;
            log.add("outer body");
            drop(outer);
        })
        .await;
        assert_eq!(log.events(), ["child", "outer body"]);
    }

    /// Given a scope that is dropped, then all children are gone when the drop returns, then the
    /// body; on one thread nobody else can be polling them.
    s12_s13_drop_of_the_scope_drops_children_first in [spawned, inline] |ex| {
        let (log, tracer, idle) = (Log::new(), Tracer::new(), Signal::new());
        let mut scope = Box::pin(open!(async |s| {
            let _gone = log.on_drop("body");
            let gone = log.on_drop("child");
            let child = s.spawn(tracer.trace(async move {
                let _gone = gone;
                pending::<()>().await;
            }));
            until_idle(&tracer, &child).await;
            idle.fire();
            pending::<()>().await;
        }));
        drive_until(scope.as_mut(), &idle).await;
        drop(scope);
        assert_eq!(log.events(), ["child", "body"]);
        yield_now().await;
        assert_eq!((tracer.polls(), tracer.alive()), (1, 0));
    }

    /// A child that awaits its own handle panics instead of waiting for ever.
    s14_child_that_awaits_its_own_handle_panics in [spawned, inline] |ex| {
        let message = panic_of(open!(async |s| {
            let (own, go) = (Rc::new(RefCell::new(None)), Signal::new());
            let (slot, waited) = (own.clone(), go.wait());
            let child = s.spawn(async move {
                waited.await;
                let own: anyscope::LocalJoinHandle<'_, ()> = slot.borrow_mut().take().unwrap();
                drop(own.await);
            });
            *own.borrow_mut() = Some(child);
            go.fire();
        }))
        .await;
        assert!(message.contains("awaits its own handle"), "{message}");
    }

    /// Given daemons, then they end with the other children, which is no error.
    s15_daemons_end_with_the_scope in [spawned, inline] |ex| {
        let (log, gone) = (Log::new(), Rc::new(Cell::new(false)));
        let result = try_open!(async |s| -> Failing {
            let (tracer, is_gone) = (Tracer::new(), gone.clone());
            let daemon = s.spawn_daemon(tracer.trace(async move {
                let _gone = support::on_drop(|| is_gone.set(true));
                pending::<Failing>().await
            }));
            until_idle(&tracer, &daemon).await;
            let (log, gone) = (log.clone(), gone.clone());
            s.spawn(async move {
                yield_now().await;
                log.add(format!("child, {}", gone.get()));
                Ok::<_, &str>(())
            });
            Ok(())
        });
        assert!(result.await.is_ok());
        assert_eq!(log.events(), ["child, false"]);
        assert!(gone.get());
    }

    /// Children say when they are ready, or what kept them from it.
    s17_s18_s19_start_returns_what_the_child_signals in [spawned, inline] |ex| {
        let result = try_open!(async |s| -> Failing {
            let (port, server) = s
                .start(|ready: Ready<Rc<u16>>| async move {
                    ready.signal(Rc::new(8080));
                    yield_now().await;
                    Ok("bye")
                })
                .await
                .unwrap();
            assert_eq!((*port, server.value().await), (8080, "bye"));
            let failed = s.start(|ready: Ready<()>| async move {
                yield_now().await;
                drop(ready);
                Ok::<(), _>(())
            });
            assert!(matches!(failed.await, Err(StartError::NeverStarted)));
            // Kept elsewhere, as a `Ready` that is dropped first means that it never started.
            let kept = RefCell::new(None);
            let failed = s.start(|ready: Ready<()>| {
                *kept.borrow_mut() = Some(ready);
                async { Err::<(), _>("no port") }
            });
            assert!(matches!(failed.await, Err(StartError::Failed("no port"))));
            Ok(())
        });
        result.await.unwrap();
    }

    /// Given one child that fails, then siblings and body are gone when the error is returned.
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
        assert_eq!(log.events(), ["sibling", "body", "scope"]);
    }

    /// Given the body fails, then children are gone when its error is returned.
    f3_failure_of_the_body_ends_the_children_first in [spawned, inline] |ex| {
        let tracer = Tracer::new();
        let result = try_open!(async |s| -> Failing {
            let child = s.spawn(tracer.trace(pending::<Failing>()));
            until_idle(&tracer, &child).await;
            Err("body")
        });
        assert_eq!(errors(result.await), ["body"]);
        assert_eq!(tracer.alive(), 0);
    }

    /// A cancel is no error, and a real error goes before it.
    f7_f8_real_errors_go_before_cancels in [spawned, inline] |ex| {
        let failed = try_open!(async |s| -> Failing {
            s.spawn(pending::<Failing>());
            s.cancel("test");
            Err("cleanup")
        });
        assert_eq!(errors(failed.await), ["cleanup"]);
        let cancelled = try_open!(async |s| -> Failing {
            s.cancel("test");
            pending().await
        });
        let Err(ScopeError::Cancelled(why)) = cancelled.await else { panic!("not cancelled") };
        assert_eq!(why.by(), CancelledBy::Scope);
    }

    /// A supervised child's panic goes to its handle, and siblings run on.
    f9_panic_goes_to_the_handle in [spawned, inline] |ex| {
        let log = Log::new();
        let value = open!(async |s| {
            s.on_event(record(&log));
            let sibling = s.spawn(async {
                yield_now().await;
                7
            });
            let panicked = s.spawn(async { blow_up::<()>("boom") });
            assert_eq!(panic_message(panicked.await), "boom");
            sibling.await.unwrap()
        });
        assert_eq!(value.await, 7);
        assert_eq!(log.events(), ["panicked: boom"]);
    }

    /// A panic that no handle receives, or of any child of a fail-fast scope, or of the body, goes
    /// on when the others are gone.
    f10_f12_f18_panic_goes_on_when_all_are_gone in [spawned, inline] |ex| {
        let tracer = Tracer::new();
        let unread = open!(async |s| {
            s.spawn(tracer.trace(pending::<()>()));
            s.spawn(async { blow_up::<()>("unread") });
            pending::<()>().await;
        });
        assert_eq!(panic_of(unread).await, "unread");
        let child = try_open!(async |s| -> Failing {
            s.spawn(tracer.trace(pending::<Failing>()));
            s.spawn(async { blow_up::<Failing>("child") }).value().await;
            unreachable!("the body is dropped here");
        });
        assert_eq!(panic_of(child).await, "child");
        let body = open!(async |s| {
            s.spawn(tracer.trace(pending::<()>()));
            blow_up::<()>("body");
        });
        assert_eq!(panic_of(body).await, "body");
        assert_eq!((tracer.alive(), tracer.drops()), (0, 3));
    }

    /// Given two panics, or a panic and an error, then the first panic goes on.
    f13_f14_first_panic_wins in [spawned, inline] |ex| {
        let log = Log::new();
        let message = panic_of(try_open!(async |s| -> Failing {
            s.on_event(record(&log));
            let tracer = Tracer::new();
            let sibling = s.spawn(tracer.trace(async {
                let _second = support::on_drop(|| blow_up::<()>("second"));
                pending::<Failing>().await
            }));
            until_idle(&tracer, &sibling).await;
            s.spawn(async { blow_up::<Failing>("first") });
            pending().await
        }));
        assert_eq!(message.await, "first");
        assert_eq!(log.events(), ["panicked: first", "panicked: second", "dropped: second"]);
        let message = panic_of(try_open!(async |s| -> Failing {
            let tracer = Tracer::new();
            let sibling = s.spawn(tracer.trace(async {
                let _panic = support::on_drop(|| blow_up::<()>("panic"));
                pending::<Failing>().await
            }));
            until_idle(&tracer, &sibling).await;
            Err("error")
        }));
        assert_eq!(message.await, "panic");
    }

    /// Given a cancel, then children and grandchildren are gone when it returns, also if called
    /// twice; the body goes on.
    c1_c2_cancel_drops_all_before_it_returns in [spawned, inline] |ex| {
        let (log, ex2) = (Log::new(), ex.clone());
        open!(async |s| {
            let (outer_gone, inner_gone) = (log.on_drop("child"), log.on_drop("grandchild"));
            let idle = Signal::new();
            let inner_idle = idle.clone();
            let tracer = Tracer::new();
            let child = s.spawn(tracer.trace(async move {
                let _gone = outer_gone;
                scope_local(&ex2, async |s| {
                    let tracer = Tracer::new();
                    let grandchild = s.spawn(tracer.trace(async move {
                        let _gone = inner_gone;
                        pending::<()>().await;
                    }));
                    until_idle(&tracer, &grandchild).await;
                    inner_idle.fire();
                    pending::<()>().await;
                })
                .await;
            }));
            idle.wait().await;
            until_idle(&tracer, &child).await;
            s.cancel("test");
            s.cancel("test");
            assert_eq!(log.events(), ["grandchild", "child"]);
            assert_eq!(cause(child.await), CancelledBy::Scope);
        })
        .await;
    }

    /// Given cancel of an inner scope, then the outer one goes on.
    c4_outer_scope_goes_on_after_a_cancelled_inner_one in [spawned, inline] |ex| {
        let value = open!(async |outer| {
            let inner = try_open!(async |s| -> Failing {
                s.spawn(pending::<Failing>());
                s.cancel("test");
                pending().await
            });
            assert!(inner.await.unwrap_err().is_cancelled());
            outer.spawn(async { 7 }).await.unwrap()
        });
        assert_eq!(value.await, 7);
    }

    /// Given cancel and a body that does not wait any more, then its value counts.
    c6_value_of_a_body_that_waits_no_more_counts in [spawned, inline] |ex| {
        let result = try_open!(async |s| -> Result<Rc<i32>, &'static str> {
            s.spawn(pending::<Failing>());
            s.cancel("test");
            Ok(Rc::new(7))
        });
        assert_eq!(*result.await.unwrap(), 7);
    }

    /// Given cancel of one handle, then only that child ends, at once.
    c16_cancel_of_a_handle_ends_that_child_only in [spawned, inline] |ex| {
        open!(async |s| {
            let (tracer, go) = (Tracer::new(), Signal::new());
            let sibling = s.spawn(go.wait());
            let child = s.spawn(tracer.trace(pending::<()>()));
            until_idle(&tracer, &child).await;
            child.abort();
            assert_eq!(tracer.alive(), 0);
            assert_eq!(cause(child.await), CancelledBy::Handle);
            assert!(!sibling.is_finished() && !s.is_cancelled());
            go.fire();
            sibling.await.unwrap();
        })
        .await;
    }

    /// Children of a local scope may run on another executor of the same thread.
    child_on_another_local_executor_belongs_to_the_scope in [spawned] |ex| {
        let other = anyscope::smol::SmolLocal::new();
        let shared = Rc::new(Cell::new(0));
        let scope = open!(async |s| {
            let shared = shared.clone();
            s.spawn_on(&other.handle(), async move { shared.set(7) });
        });
        other.run(scope).await;
        assert_eq!(shared.get(), 7);
        let refused = open!(async |s| {
            let gone = anyscope::smol::SmolLocal::new().handle();
            s.spawn_on(&gone, async {}).await
        });
        assert_eq!(cause(refused.await), CancelledBy::Executor);
    }
}

/// Children of a `concurrent_local` scope borrow what is around it.
#[test]
fn inline_local_children_borrow() {
    let (words, longest) = (vec!["to", "be", "or not"], Cell::new(""));
    let mut lengths = Vec::new();
    smol::block_on(anyscope::concurrent_local(async |s| {
        s.spawn(async { longest.set(words.iter().max_by_key(|word| word.len()).unwrap()) });
        s.spawn(async { lengths.extend(words.iter().map(|word| word.len())) });
    }));
    assert_eq!((longest.get(), lengths), ("or not", vec![2, 2, 6]));
}
