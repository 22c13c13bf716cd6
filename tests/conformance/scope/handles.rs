//! Handles of children.

use anyscope::{CancelledBy, JoinError, ScopeError, scope, try_scope};
use futures_lite::future::zip;
use std::{
    future::pending,
    panic::resume_unwind,
    pin::{Pin, pin},
    sync::{Mutex, mpsc},
    task::Poll,
    thread,
};
use support::{
    Hoard, Log, Refusing, Signal, Tracer, behaviour, blow_up, cause, errors, panic_in,
    panic_message, panic_of, poll_once, record, until_idle, yield_now,
};

type Failing = Result<(), &'static str>;

behaviour! {
    /// Given a child with a value, when `value()` is awaited, then it is the value, not a result.
    value_is_the_value_itself in [spawned, inline] |ex| {
        let sum: i32 = open!(async |s| {
            s.spawn(async { 40 }).value().await + s.spawn(async { 2 }).value().await
        })
        .await;
        assert_eq!(sum, 42);
        let length = try_open!(async |s| -> Result<usize, String> {
            Ok(s.spawn(async { Ok("seven".to_owned()) }).value().await.len())
        });
        assert_eq!(length.await.unwrap(), 5);
    }

    /// Given a child of a supervised scope that panics, when its `value()` is awaited, then the
    /// panic goes on there, and concerns nobody else.
    value_lets_the_panic_of_a_supervised_child_go_on in [spawned, inline] |ex| {
        let log = Log::new();
        let value = open!(async |s| {
            s.on_event(record(&log));
            let panics = s.spawn(async { blow_up::<()>("boom") });
            assert_eq!(panic_of(panics.value()).await, "boom");
            7
        })
        .await;
        assert_eq!(value, 7);
        assert_eq!(log.events(), ["panicked: boom"]);
    }

    /// Given a cancelled child of a scope whose body lives on, when its `value()` is awaited, then
    /// the panic names the child, its place and the cause.
    value_of_a_cancelled_child_names_child_and_cause in [spawned, inline] |ex| {
        open!(async |s| {
            let line = line!() + 1;
            let child = s.spawn_named("worker", pending::<()>());
            child.abort();
            let message = panic_of(child.value()).await;
            assert!(message.contains("`worker`"), "{message}");
            assert!(message.contains(&format!("{}:{line}:", file!())), "{message}");
            assert!(message.contains("it alone was asked to end"), "{message}");

            let line = line!() + 1;
            let child = s.spawn(pending::<()>());
            s.cancel("test");
            let message = panic_of(child.value()).await;
            assert!(message.contains(&format!("{}:{line}:", file!())), "{message}");
            assert!(message.contains("cancelled: test"), "{message}");
        })
        .await;
    }

    /// Given a scope that has failed, when the `value()` of a child is awaited outside of it, then
    /// it panics and says why; it does not hang.
    value_after_a_failed_scope_panics_and_says_why in [spawned, inline] |ex| {
        let handles = Mutex::new(None);
        let result = try_open!(async |s| -> Failing {
            let fails = s.spawn_named("fails", async { Err::<(), _>("broken") });
            let victim = s.spawn_named("victim", pending::<Failing>());
            *handles.lock().unwrap() = Some((fails, victim));
            pending().await
        })
        .await;
        assert_eq!(errors(result), ["broken"]);
        let (fails, victim) = handles.lock().unwrap().take().unwrap();
        let message = panic_of(fails.value()).await;
        assert!(message.contains("`fails`"), "{message}");
        assert!(message.contains("its scope reports the error"), "{message}");
        let message = panic_of(victim.value()).await;
        assert!(message.contains("`victim`"), "{message}");
        assert!(message.contains("its scope was cancelled"), "{message}");
    }

    /// Given a scope that is coming down, when the `value()` of a child is awaited outside of it,
    /// then it panics at once: it cannot know whether the scope will ever be down.
    value_outside_a_failing_scope_panics_at_once with threads in [spawned] |ex| {
        let handles = Mutex::new(None);
        let (leave, may_leave) = mpsc::channel::<()>();
        let mut scope = pin!(try_open!(async |s| -> Failing {
            let running = Signal::new();
            let entered = running.clone();
            s.spawn_blocking(move || {
                entered.fire();
                may_leave.recv().unwrap_err();
                Ok::<_, &str>(())
            });
            running.wait().await;
            let victim = s.spawn(pending::<Failing>());
            let fails = s.spawn(async { Err::<(), _>("broken") });
            *handles.lock().unwrap() = Some((fails, victim));
            pending().await
        }));
        loop {
            assert!(poll_once(scope.as_mut()).is_pending());
            match &*handles.lock().unwrap() {
                Some((fails, victim)) if fails.is_finished() && victim.is_finished() => break,
                _ => {}
            }
            yield_now().await;
        }
        let (fails, victim) = handles.lock().unwrap().take().unwrap();
        let message = panic_in(|| poll_once(pin!(victim.value())));
        assert!(message.contains("its scope was cancelled"), "{message}");
        let message = panic_in(|| poll_once(pin!(fails.value())));
        assert!(message.contains("its scope reports the error"), "{message}");
        drop(leave);
        assert_eq!(errors(scope.await), ["broken"]);
    }

    /// Given a handle whose outcome was taken, when its `value()` is awaited, then it panics and
    /// says so.
    value_of_a_handle_that_was_read_says_taken in [spawned, inline] |ex| {
        open!(async |s| {
            let mut child = s.spawn(async { 7 });
            assert_eq!((&mut child).await.unwrap(), 7);
            let message = panic_of(child.value()).await;
            assert!(message.contains("already taken"), "{message}");
        })
        .await;
    }

    /// Given a child whose executor refuses it: a supervised scope's handle says so, and a
    /// fail-fast scope fails before anybody asks for the value.
    child_that_is_refused_has_no_value |ex| {
        let refused = scope(&Refusing, async |s| s.spawn(async {}).await).await;
        assert_eq!(cause(refused), CancelledBy::Executor);
        let message = scope(&ex, async |s| panic_of(s.spawn_on(&Refusing, async {}).value()).await);
        assert!(message.await.contains("the executor dropped it"));
        let failed = try_scope(&ex, async |s| -> Failing {
            s.spawn_on(&Refusing, async { Ok::<_, &str>(()) }).value().await;
            unreachable!("the body is dropped here");
        });
        let Err(ScopeError::Cancelled(cancelled)) = failed.await else { panic!("not cancelled") };
        assert_eq!(cancelled.by(), CancelledBy::Executor);
    }

    /// Given a child that was never polled, or one that waits, when its `cancel()` has returned,
    /// then its future has been dropped.
    cancel_returns_when_the_child_is_gone in [spawned, inline] |ex| {
        open!(async |s| {
            for idle in [false, true] {
                let tracer = Tracer::new();
                let child = s.spawn(tracer.trace(pending::<()>()));
                if idle {
                    until_idle(&tracer, &child).await;
                }
                assert_eq!(cause(child.cancel().await), CancelledBy::Handle);
                assert_eq!(tracer.alive(), 0);
            }
        })
        .await;
    }

    /// Given a child that is done, when it is cancelled, then its outcome comes back.
    cancel_of_a_child_that_is_done_gives_its_outcome in [spawned, inline] |ex| {
        open!(async |s| {
            let value = s.spawn(async { 7 });
            let panics = s.spawn(async { blow_up::<()>("boom") });
            while !value.is_finished() || !panics.is_finished() {
                yield_now().await;
            }
            assert_eq!(value.cancel().await.unwrap(), 7);
            assert_eq!(panic_message(panics.cancel().await), "boom");
        })
        .await;
    }

    /// Given an idle child, when `cancel()` is called and its future dropped, then the child is
    /// gone all the same.
    cancel_asks_at_the_call with tasks in [spawned, inline] |ex| {
        open!(async |s| {
            let tracer = Tracer::new();
            let child = s.spawn(tracer.trace(pending::<()>()));
            until_idle(&tracer, &child).await;
            drop(child.cancel());
            assert_eq!((tracer.polls(), tracer.alive()), (1, 0));
        })
        .await;
    }

    /// A handle says whether its child has ended, without taking the outcome.
    is_finished_says_whether_the_child_has_ended in [spawned, inline] |ex| {
        open!(async |s| {
            let go = Signal::new();
            let waited = go.wait();
            let child = s.spawn(async move {
                waited.await;
                7
            });
            while go.waiting() == 0 {
                assert!(!child.is_finished());
                yield_now().await;
            }
            assert!(!child.is_finished());
            go.fire();
            while !child.is_finished() {
                yield_now().await;
            }
            assert_eq!(child.await.unwrap(), 7);
            let cancelled = s.spawn(pending::<()>());
            s.cancel("test");
            while !cancelled.is_finished() {
                yield_now().await;
            }
        })
        .await;
    }

    /// Children are numbered in the order of spawning, daemons apart from the others, whoever
    /// spawns them and whether or not others have ended.
    ids_are_unique_and_in_the_order_of_spawning in [spawned, inline] |ex| {
        open!(async |s| {
            let mut ids = Vec::new();
            for number in 0..3 {
                let child = s.spawn(async {});
                assert_eq!((child.id().number(), child.id().is_daemon()), (number, false));
                ids.push(child.id());
                let daemon = s.spawn_daemon(pending::<()>());
                assert_eq!((daemon.id().number(), daemon.id().is_daemon()), (number, true));
                ids.push(daemon.id());
            }
            let s2 = s.clone();
            let child = s.spawn(async move { s2.spawn(async {}).id() });
            assert_eq!(child.id().to_string(), "#3");
            ids.extend([child.id(), child.await.unwrap()]);
            assert_eq!(ids.last().unwrap().to_string(), "#4");
            assert_eq!(ids[1].to_string(), "daemon #0");
            let count = ids.len();
            ids.sort();
            ids.dedup();
            assert_eq!(ids.len(), count);
        })
        .await;
    }

    /// A handle shows the state of its child, its number, its name, and where it was spawned.
    debug_output_shows_what_the_handle_knows in [spawned, inline] |ex| {
        open!(async |s| {
            let tracer = Tracer::new();
            let line = line!() + 1;
            let child = s.spawn_named(format!("worker {}", 1), tracer.trace(pending::<()>()));
            assert_eq!(child.name(), Some("worker 1"));
            assert_eq!(child.spawned_at().line(), line);
            assert_eq!(child.spawned_at().file(), file!());
            until_idle(&tracer, &child).await;
            let place = child.spawned_at();
            let rest = format!(
                "id: ChildId {{ daemon: false, number: 0 }}, name: Some(\"worker 1\"), \
                 spawned_at: {place} }}"
            );
            assert_eq!(format!("{child:?}"), format!("JoinHandle {{ state: idle, {rest}"));
            child.abort();
            assert_eq!(format!("{child:?}"), format!("JoinHandle {{ state: done, {rest}"));
            assert_eq!(s.spawn(async {}).name(), None);
        })
        .await;
    }

    /// Given a child whose handle was dropped, when it finishes, then its value is dropped at once;
    /// nobody can ask for it.
    value_that_nobody_can_ask_for_is_dropped_at_completion in [spawned, inline] |ex| {
        let log = Log::new();
        open!(async |s| {
            let value = log.on_drop("value");
            s.spawn(async { value });
            while log.events().is_empty() {
                yield_now().await;
            }
            log.add("body");
        })
        .await;
        assert_eq!(log.events(), ["value", "body"]);
    }

    /// Given a finished child, when its handle is dropped, then its value is dropped with it.
    value_is_dropped_with_its_handle in [spawned, inline] |ex| {
        let log = Log::new();
        open!(async |s| {
            let value = log.on_drop("value");
            let child = s.spawn(async { value });
            while !child.is_finished() {
                yield_now().await;
            }
            log.add("body");
            drop(child);
            assert_eq!(log.events(), ["body", "value"]);
        })
        .await;
    }

    /// Given a handle that is kept longer than its scope, then it still has the outcome.
    handle_that_outlives_its_scope_has_the_outcome in [spawned, inline] |ex| {
        let (value, panics, cancelled) = open!(async |s| {
            let panics = s.spawn(async { blow_up::<()>("boom") });
            let cancelled = s.spawn_daemon(pending::<()>());
            (s.spawn(async { 7 }), panics, cancelled)
        })
        .await;
        assert!(value.is_finished() && panics.is_finished() && cancelled.is_finished());
        assert_eq!(value.await.unwrap(), 7);
        assert_eq!(panic_message(panics.await), "boom");
        assert_eq!(cause(cancelled.await), CancelledBy::Finished);
    }

    /// Given a handle that was polled by one task and then by another, then the other one is woken.
    the_task_that_polled_last_is_woken in [spawned, inline] |ex| {
        open!(async |s| {
            let go = Signal::new();
            let waited = go.wait();
            let mut child = s.spawn(async move {
                waited.await;
                7
            });
            // With a waker that does nothing.
            assert!(poll_once(Pin::new(&mut child)).is_pending());
            let (outcome, ()) = zip(child, async { go.fire() }).await;
            assert_eq!(outcome.unwrap(), 7);
        })
        .await;
    }

    /// What a panic carries arrives as it was thrown, whatever its type.
    payload_of_a_panic_arrives_whole in [spawned, inline] |ex| {
        open!(async |s| {
            let outcome = s.spawn(async { resume_unwind(Box::new(42)) }).await;
            let error: JoinError = Result::<(), _>::unwrap_err(outcome);
            assert!(error.is_panic() && !error.is_cancelled());
            let panic = error.try_into_panic().unwrap();
            assert_eq!(panic.message(), None);
            assert_eq!(panic.into_payload().downcast_ref(), Some(&42));

            let panic = s.spawn(async { blow_up::<()>("boom") }).await.unwrap_err();
            let panic = panic.try_into_panic().unwrap();
            assert_eq!(panic_of(async { panic.resume() }).await, "boom");

            let other = s.spawn(pending::<()>()).cancel().await.unwrap_err();
            assert!(other.is_cancelled() && other.try_into_panic().is_err());
        })
        .await;
    }
}

/// Given a child that is being polled on another thread, then `cancel()` waits for the end of that
/// poll, and the child's future is gone when it returns.
#[test]
fn cancel_waits_for_a_poll_in_progress() {
    let (log, hoard) = (Log::new(), Hoard::new());
    let (entered, wait_for_entry) = mpsc::channel();
    let (leave, wait_for_leave) = mpsc::channel();
    let child = Mutex::new(None);
    let mut scope = pin!(scope(&hoard, async |s| {
        let gone = log.on_drop("child");
        *child.lock().unwrap() = Some(s.spawn(async move {
            let _gone = gone;
            entered.send(()).unwrap();
            wait_for_leave.recv().unwrap();
            pending::<()>().await;
        }));
    }));
    assert!(poll_once(scope.as_mut()).is_pending());
    let mut polled = hoard.take();
    let poller = thread::spawn(move || assert!(poll_once(Pin::new(&mut polled[0])).is_ready()));
    wait_for_entry.recv().unwrap();
    assert!(poll_once(scope.as_mut()).is_pending());
    let mut cancel = pin!(child.lock().unwrap().take().unwrap().cancel());
    assert!(poll_once(cancel.as_mut()).is_pending());
    assert!(log.events().is_empty());
    leave.send(()).unwrap();
    let outcome = smol::block_on(cancel);
    assert_eq!(log.events(), ["child"]);
    assert_eq!(cause(outcome), CancelledBy::Handle);
    poller.join().unwrap();
    assert_eq!(poll_once(scope.as_mut()), Poll::Ready(()));
}

/// What went wrong is told in words.
#[test]
fn join_errors_say_what_went_wrong() {
    smol::block_on(scope(&anyscope::smol::Smol, async |s| {
        let message = |outcome: Result<(), JoinError>| outcome.unwrap_err().to_string();
        let cancelled = s.spawn(pending::<()>()).cancel().await;
        assert_eq!(message(cancelled), "cancelled: it alone was asked to end");
        let panicked = s.spawn(async { blow_up::<()>("boom") }).await;
        let line = line!() - 1;
        let place = format!("(spawned at {}:{line}:", file!());
        let panicked = message(panicked);
        assert!(panicked.starts_with("child panicked: boom (spawned at "), "{panicked}");
        assert!(panicked.contains(&place), "{panicked}");
        let named = s.spawn_named("worker", async { blow_up::<()>("boom") }).await.unwrap_err();
        let place = format!("spawned at {}:{}:", file!(), line!() - 1);
        for told in [named.to_string(), format!("{named:?}")] {
            assert!(told.contains("`worker`") && told.contains(&place), "{told}");
            assert!(told.contains("boom"), "{told}");
        }
        let panic = named.try_into_panic().unwrap();
        assert_eq!(panic.message(), Some("boom"));
        let mut taken = s.spawn(async {});
        (&mut taken).await.unwrap();
        assert_eq!(message(taken.await), "the outcome was already taken from this handle");
    }));
}
