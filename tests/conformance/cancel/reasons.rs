//! Why something was cancelled, and who of many (C).

use anyscope::{
    CancelReason, CancelToken, Cancelled, CancelledBy, FailFast, Grace, Instant, JoinError,
    OwnedScope, ScopeError, smol::Smol, timeout,
};
use std::{
    future::{Future, pending},
    pin::pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    task::{Context, Wake, Waker},
    time::Duration,
};
use support::{
    Hoard, Log, SECOND, Signal, Tracer, behaviour, blow_up, cause, on_drop, panic_of, poll_once,
    until_idle, yield_now,
};

/// Of a child that was cancelled.
#[track_caller]
fn cancelled<T>(outcome: Result<T, JoinError>) -> Cancelled {
    match outcome {
        Err(JoinError::Cancelled(cancelled)) => cancelled,
        Err(other) => panic!("not cancelled: {other}"),
        Ok(_) => panic!("not cancelled: it has a value"),
    }
}

/// The message, and the line where it comes from.
fn told(reason: Option<&CancelReason>) -> Option<(String, Option<u32>)> {
    let reason = reason?;
    let line = reason.asked_at().map(|at| {
        assert_eq!(at.file(), file!());
        at.line()
    });
    Some((reason.message().into(), line))
}

behaviour! {
    /// Given cancel with a reason, then handles, the token and the scope's error have the reason,
    /// and where it comes from.
    c13_reason_and_origin_reach_handles_token_and_error in [spawned, inline] |ex| {
        let log = Mutex::new(Vec::new());
        let mut line = 0;
        let result = try_open!(async |s| -> Result<(), ()> {
            let (early, tracer) = (s.token(), Tracer::new());
            let child = s.spawn(tracer.trace(pending::<Result<(), ()>>()));
            // A child that is being polled ends a little later, and this body is dropped instead.
            until_idle(&tracer, &child).await;
            line = line!() + 1;
            s.cancel("maintenance");
            let refused = s.spawn(async { Ok(()) });
            let told = [
                told(cancelled(child.await).reason()),
                told(cancelled(refused.await).reason()),
                told(early.reason()),
                told(s.token().reason()),
                told(early.checkpoint().unwrap_err().reason()),
            ];
            log.lock().unwrap().extend(told);
            pending().await
        })
        .await;
        let Err(ScopeError::Cancelled(error)) = result else { panic!("{result:?}") };
        assert_eq!(error.by(), CancelledBy::Scope);
        let expected = Some(("maintenance".into(), Some(line)));
        assert_eq!(told(error.reason()), expected);
        let log = log.into_inner().unwrap();
        assert_eq!(log, vec![expected; 5]);
    }

    /// A reason may be made beforehand: then it says where that was.
    c13_reason_says_where_it_was_made |ex| {
        let (line, reason) = (line!(), CancelReason::new(format!("{} of {}", 1, 2)));
        anyscope::scope(&ex, async |s| {
            let child = s.spawn(pending::<()>());
            s.cancel(reason.clone());
            let cancelled = cancelled(child.await);
            assert_eq!(cancelled.reason(), Some(&reason));
            assert_eq!(told(cancelled.reason()), Some(("1 of 2".into(), Some(line))));
        })
        .await;
        let written = format!("cancelled: 1 of 2 (asked for at {}:{line}:", file!());
        let error = ScopeError::<()>::Cancelled({
            let owned = OwnedScope::<_, FailFast<()>>::fail_fast(&ex);
            owned.cancel(reason.clone());
            let Err(ScopeError::Cancelled(error)) = owned.close().await else { panic!("cancelled") };
            error
        });
        assert!(error.first().is_none());
        let ScopeError::Cancelled(cancelled) = &error else { unreachable!() };
        assert!(cancelled.to_string().starts_with(&written), "{cancelled}");
        assert!(JoinError::Cancelled(cancelled.clone()).to_string().starts_with(&written));
        assert!(format!("{reason:?}").starts_with("CancelReason(1 of 2 (asked for at "));
    }

    /// The first of two reasons counts, for whoever asks.
    c13_first_reason_counts in [spawned, inline] |ex| {
        open!(async |s| {
            let (token, child) = (s.token(), s.spawn(pending::<()>()));
            s.cancel("first");
            s.cancel("second");
            s.cancel_with(&ex, Grace::Forever, "third");
            assert_eq!(cancelled(child.await).reason().unwrap().message(), "first");
            assert_eq!(token.reason().unwrap().message(), "first");
            let refused = s.spawn(async {});
            assert_eq!(cancelled(refused.await).reason().unwrap().message(), "first");
        })
        .await;
    }

    /// A child that was ended for a cause of its own has none of the scope's reasons.
    c13_reason_is_that_of_the_cause in [spawned, inline] |ex| {
        open!(async |s| {
            let [by_handle, by_name] = [(); 2].map(|()| Tracer::new());
            let handle = s.spawn(by_handle.trace(pending::<()>()));
            let named = s.spawn_named("two", by_name.trace(pending::<()>()));
            until_idle(&by_handle, &handle).await;
            until_idle(&by_name, &named).await;
            handle.abort();
            assert_eq!(s.cancel_where(|child| child.name == Some("two")), 1);
            let during_a_grace = s.spawn(pending::<()>());
            s.cancel_with(&ex, Grace::Forever, "all of you");
            during_a_grace.abort();
            s.cancel("now");
            for child in [handle, named, during_a_grace] {
                let cancelled = cancelled(child.await);
                assert_eq!((cancelled.by(), cancelled.reason()), (CancelledBy::Handle, None));
            }
        })
        .await;
    }

    /// Whoever looks at the token of a scope that nobody cancelled learns what became of it, and
    /// that nobody asked for it.
    c13_token_says_how_the_scope_came_down in [spawned, inline] |ex| {
        let ended = open!(async |s| s.token()).await;
        let late = open!(async |s| s).await.token();
        for token in [ended, late] {
            assert_eq!(told(token.reason()), Some(("its scope has ended".into(), None)));
        }
        let kept = Mutex::new(None);
        let failed = try_open!(async |s| -> Result<(), ()> {
            *kept.lock().unwrap() = Some(s.token());
            Err(())
        });
        assert!(failed.await.is_err());
        let token = kept.lock().unwrap().take().unwrap();
        assert_eq!(told(token.reason()), Some(("its scope has failed".into(), None)));
        let panicked = open!(async |s| {
            *kept.lock().unwrap() = Some(s.token());
            blow_up::<()>("body");
        });
        assert_eq!(panic_of(panicked).await, "body");
        let token = kept.lock().unwrap().take().unwrap();
        assert_eq!(told(token.reason()), Some(("its scope has failed".into(), None)));
        let mut dropped = Box::pin(open!(async |s| {
            s.spawn(pending::<()>());
            *kept.lock().unwrap() = Some(s.token());
            pending::<()>().await;
        }));
        assert!(poll_once(dropped.as_mut()).is_pending());
        let token = kept.lock().unwrap().take().unwrap();
        assert!(!token.is_cancelled());
        drop(dropped);
        assert_eq!(told(token.reason()), Some(("its scope was dropped".into(), None)));
    }

    /// The same for a deadline, which handles know as such.
    c13_deadline_is_a_cause_of_its_own in [spawned, inline] |ex| {
        open!(async |s| {
            let (token, child) = (s.token(), s.spawn(pending::<()>()));
            s.deadline(&ex, Instant::from_epoch(Duration::ZERO));
            let cancelled = cancelled(child.await);
            assert_eq!((cancelled.by(), cancelled.reason()), (CancelledBy::Deadline, None));
            assert_eq!(cancelled.to_string(), "cancelled: the deadline of its scope passed");
            assert_eq!(told(token.reason()), Some(("its deadline has passed".into(), None)));
        })
        .await;
    }

    /// Given inner and outer both cancelled, then the outermost is credited, with its reason.
    c5_reason_of_the_outermost_scope_counts in [spawned, inline] |ex| {
        let (kept, idle, ex2) = (Arc::new(Mutex::new(None)), Signal::new(), ex.clone());
        open!(async |s| {
            let (kept2, idle2, tracer) = (kept.clone(), idle.clone(), Tracer::new());
            let child = s.spawn(tracer.trace(async move {
                open!(ex2, async |s| {
                    *kept2.lock().unwrap() = Some(s);
                    idle2.fire();
                    pending::<()>().await;
                })
                .await;
            }));
            idle.wait().await;
            until_idle(&tracer, &child).await;
            let inner = kept.lock().unwrap().take().unwrap();
            inner.cancel("inner");
            s.cancel("outer");
            assert_eq!(inner.token().reason().unwrap().message(), "inner");
            assert_eq!(cancelled(child.await).reason().unwrap().message(), "outer");
        })
        .await;
    }

    /// Given children selected by name or otherwise, then only they stop, before the call
    /// returns, and the scope does not fail.
    c16_selected_children_stop_alone in [spawned, inline] |ex| {
        let log = Log::new();
        let result = try_open!(async |s| -> Result<usize, ()> {
            let mut children = Vec::new();
            for n in 0..6 {
                let (gone, tracer) = (log.on_drop(&n.to_string()), Tracer::new());
                let name = if n % 2 == 0 { "even" } else { "odd" };
                let child = s.spawn_named(name, tracer.trace(async move {
                    let _gone = gone;
                    pending::<Result<(), ()>>().await
                }));
                until_idle(&tracer, &child).await;
                children.push(child);
            }
            let mut seen = Vec::new();
            s.each_child(|child| seen.push((child.id, child.name.map(String::from))));
            let expected = children.iter().rev();
            assert!(seen.into_iter().eq(expected.map(|child| {
                (child.id(), child.name().map(String::from))
            })));
            assert_eq!(s.cancel_where(|child| child.name == Some("even")), 3);
            assert_eq!(log.events(), ["4", "2", "0"]);
            let third = children[3].id();
            assert_eq!(s.cancel_where(|child| child.id == third), 1);
            assert_eq!(log.events(), ["4", "2", "0", "3"]);
            assert_eq!(s.cancel_where(|child| child.name == Some("even")), 0);
            assert!(!s.is_cancelled());
            let mut left = Vec::new();
            s.each_child(|child| left.push(child.id));
            assert_eq!(left, [children[5].id(), children[1].id()]);
            for stopped in [4, 3, 2, 0] {
                assert_eq!(cause(children.remove(stopped).await), CancelledBy::Handle);
            }
            assert_eq!(s.cancel_where(|_| true), 2);
            Ok(s.spawn(async { Ok(7) }).value().await)
        })
        .await;
        assert_eq!(result.unwrap(), 7);
    }

    /// Given a selected child with descendants, then they go with it; and who is selected while
    /// it is polled ends after that poll.
    c16_selected_children_take_their_descendants_along with tasks in [spawned, inline] |ex| {
        let (log, idle, ex2) = (Log::new(), Signal::new(), ex.clone());
        open!(async |s| {
            let (inner_gone, outer_gone) = (log.on_drop("grandchild"), log.on_drop("child"));
            let (idle2, tracer) = (idle.clone(), Tracer::new());
            let child = s.spawn_named("child", tracer.trace(async move {
                let _gone = outer_gone;
                open!(ex2, async |s| {
                    let tracer = Tracer::new();
                    let grandchild = s.spawn(tracer.trace(async move {
                        let _gone = inner_gone;
                        pending::<()>().await;
                    }));
                    until_idle(&tracer, &grandchild).await;
                    idle2.fire();
                    pending::<()>().await;
                })
                .await;
            }));
            idle.wait().await;
            until_idle(&tracer, &child).await;
            assert_eq!(s.cancel_where(|child| child.name == Some("child")), 1);
            assert_eq!(log.events(), ["grandchild", "child"]);
            let (s2, tracer) = (s.clone(), Tracer::new());
            let itself = s.spawn_named("itself", tracer.trace(async move {
                s2.cancel_where(|child| child.name == Some("itself"));
                yield_now().await;
            }));
            assert_eq!(cause(itself.await), CancelledBy::Handle);
            assert_eq!((tracer.polls(), tracer.drops()), (1, 1));
        })
        .await;
    }

    /// A destructor that cancels the scope, while the scope is being cancelled, disturbs nobody.
    cancel_from_a_destructor_is_a_cancel in [spawned, inline] |ex| {
        let tracer = Tracer::new();
        open!(async |s| {
            let mut children = Vec::new();
            for _ in 0..3 {
                let (s2, token) = (s.clone(), s.token());
                let cancels = on_drop(move || {
                    s2.cancel("from a destructor");
                    token.cancel("from a destructor");
                });
                let child = s.spawn(tracer.trace(async move {
                    let _cancels = cancels;
                    pending::<()>().await;
                }));
                children.push(child);
            }
            while tracer.polls() < 3 {
                yield_now().await;
            }
            for child in &children {
                until_idle(&tracer, child).await;
            }
            children[0].abort();
            assert_eq!(tracer.alive(), 0);
            assert!(s.is_cancelled());
            assert_eq!(cause(children.remove(0).await), CancelledBy::Handle);
            for child in children {
                let reason = cancelled(child.await);
                assert_eq!(reason.reason().unwrap().message(), "from a destructor");
            }
        })
        .await;
    }

    /// Given a scope whose future has ended, then it cannot be entered again: a poll panics, and
    /// a handle that was kept is refused.
    c15_scope_is_not_entered_twice in [spawned, inline] |ex| {
        let mut scope = pin!(open!(async |s| s));
        let s = scope.as_mut().await;
        let message = panic_of(scope.as_mut()).await;
        assert_eq!(message, "a scope was polled after it had returned its result");
        let tracer = Tracer::new();
        assert_eq!(cause(s.spawn(tracer.trace(async {})).await), CancelledBy::Closed);
        assert_eq!((tracer.polls(), tracer.alive()), (0, 0));
        // What else is cancelled now is cancelled for nothing.
        s.cancel("too late");
        s.cancel_with(&ex, Grace::For(SECOND), "too late");
        assert!(s.is_cancelled() && s.is_closed());
        assert_eq!((s.cancel_where(|_| true), s.len()), (0, 0));
    }

    /// Nor can other futures that have ended.
    c15_time_limit_is_not_entered_twice |ex| {
        let mut limited = pin!(timeout(&ex, SECOND, async {}));
        limited.as_mut().await.unwrap();
        assert_eq!(panic_of(limited.as_mut()).await, "polled after it was ready");
        let token = CancelToken::new();
        let mut limited = pin!(token.run_until_cancelled(async {}));
        limited.as_mut().await.unwrap();
        assert_eq!(panic_of(limited.as_mut()).await, "polled after it was ready");
    }
}

/// What waits for a cancel is told in the call that makes it, before it returns.
#[test]
fn c1_who_waits_for_the_token_is_woken_in_the_call() {
    let owned = OwnedScope::new(&Hoard::new());
    let token = owned.token();
    let woken = Arc::new(Woken::default());
    let waker = Waker::from(woken.clone());
    let mut waits = [(); 2].map(|()| Box::pin(token.cancelled()));
    for wait in &mut waits {
        assert!(wait.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    }
    owned.cancel_with(&Smol, Grace::Forever, "test");
    assert_eq!(woken.0.load(SeqCst), 2);
    assert!(waits.iter_mut().all(|wait| poll_once(wait.as_mut()).is_ready()));
}

#[derive(Default)]
struct Woken(AtomicUsize);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, SeqCst);
    }
}
