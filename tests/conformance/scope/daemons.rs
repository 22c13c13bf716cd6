//! Children that do not keep their scope open (S15).

use anyscope::{CancelledBy, scope};
use std::{
    future::pending,
    pin::{Pin, pin},
    sync::{Arc, Mutex, mpsc},
    task::Poll,
    thread,
};
use support::{
    Hoard, Log, Signal, Tracer, behaviour, blow_up, cause, errors, panic_of, poll_once, record,
    until_idle, yield_now,
};

type Failing = Result<(), &'static str>;

behaviour! {
    /// Given daemons only, when the body and all ordinary children are done, then daemons are
    /// cancelled and awaited, and not before.
    s15_daemons_end_after_body_and_children in [spawned, inline] |ex| {
        let log = Log::new();
        let daemon = open!(async |s| {
            let (gone, tracer, go) = (log.on_drop("daemon"), Tracer::new(), Signal::new());
            let daemon = s.spawn_daemon(tracer.trace(async move {
                let _gone = gone;
                pending::<()>().await;
            }));
            until_idle(&tracer, &daemon).await;
            let (waited, child_log) = (go.wait(), log.clone());
            s.spawn(async move {
                waited.await;
                yield_now().await;
                child_log.add("child");
            });
            log.add("body");
            go.fire();
            daemon
        })
        .await;
        log.add("scope");
        assert_eq!(log.events(), ["body", "child", "daemon", "scope"]);
        assert_eq!(cause(daemon.await), CancelledBy::Finished);
    }

    /// Their cancel is no error, and no event.
    s15_end_of_a_daemon_is_no_error in [spawned, inline] |ex| {
        let log = Log::new();
        let result = try_open!(async |s| -> Result<i32, &'static str> {
            s.on_event(record(&log));
            let unread = s.spawn_daemon(pending::<Failing>());
            s.spawn_daemon(pending::<Failing>());
            drop(unread);
            Ok(7)
        })
        .await;
        assert_eq!(result.unwrap(), 7);
        assert!(log.events().is_empty());
    }

    /// A daemon that ends by itself has a value, like any other child.
    daemon_that_ends_by_itself_has_a_value in [spawned, inline] |ex| {
        let value = open!(async |s| s.spawn_daemon(async { 7 }).await.unwrap()).await;
        assert_eq!(value, 7);
    }

    /// A daemon that fails before the end fails the scope, like any other child.
    failure_of_a_daemon_is_the_scopes in [spawned, inline] |ex| {
        let result = try_open!(async |s| -> Failing {
            s.spawn_daemon(async { Err::<(), _>("broken") });
            pending().await
        });
        assert_eq!(errors(result.await), ["broken"]);
        let message = panic_of(open!(async |s| {
            s.spawn_daemon(async { blow_up::<()>("boom") });
            pending::<()>().await;
        }));
        assert_eq!(message.await, "boom");
    }

    /// A panic of a daemon on its way out is not lost.
    panic_in_the_destructor_of_a_daemon_surfaces in [spawned, inline] |ex| {
        let message = panic_of(open!(async |s| {
            let tracer = Tracer::new();
            let daemon = s.spawn_daemon(tracer.trace(async {
                let _bomb = support::on_drop(|| blow_up::<()>("destructor"));
                pending::<()>().await;
            }));
            until_idle(&tracer, &daemon).await;
        }));
        assert_eq!(message.await, "destructor");
    }

    /// What a daemon spawns while others keep the scope open is waited for; what it spawns when it
    /// is being ended is refused.
    daemon_spawns_until_its_scope_has_ended in [spawned, inline] |ex| {
        let (log, refused) = (Log::new(), Arc::new(Mutex::new(None)));
        open!(async |s| {
            let (s2, s3, log, refused) = (s.clone(), s.clone(), log.clone(), refused.clone());
            let spawned = Signal::new();
            let has_spawned = spawned.clone();
            s.spawn_daemon(async move {
                let _late = support::on_drop(move || {
                    *refused.lock().unwrap() = Some(s3.spawn(async {}));
                });
                s2.spawn(async move {
                    yield_now().await;
                    log.add("spawned by a daemon");
                });
                has_spawned.fire();
                pending::<()>().await;
            });
            spawned.wait().await;
        })
        .await;
        assert_eq!(log.events(), ["spawned by a daemon"]);
        let refused = refused.lock().unwrap().take().unwrap();
        assert_eq!(cause(refused.await), CancelledBy::Closed);
    }
}

/// Given a daemon that is being polled on another thread when all else is done, then the scope
/// waits for it.
#[test]
fn s15_daemon_that_is_being_polled_is_awaited() {
    let (log, hoard) = (Log::new(), Hoard::new());
    let (entered, wait_for_entry) = mpsc::channel();
    let (leave, wait_for_leave) = mpsc::channel();
    let mut scope = pin!(scope(&hoard, async |s| {
        let gone = log.on_drop("daemon");
        s.spawn_daemon(async move {
            let _gone = gone;
            entered.send(()).unwrap();
            wait_for_leave.recv().unwrap();
            pending::<()>().await;
        });
        let mut yielded = false;
        std::future::poll_fn(|_| match std::mem::replace(&mut yielded, true) {
            true => Poll::Ready(()),
            false => Poll::Pending,
        })
        .await;
    }));
    assert!(poll_once(scope.as_mut()).is_pending());
    let mut daemon = hoard.take();
    let poller = thread::spawn(move || assert!(poll_once(Pin::new(&mut daemon[0])).is_ready()));
    wait_for_entry.recv().unwrap();
    // The body ends in this poll.
    assert!(poll_once(scope.as_mut()).is_pending());
    assert!(log.events().is_empty());
    leave.send(()).unwrap();
    smol::block_on(scope);
    assert_eq!(log.events(), ["daemon"]);
    poller.join().unwrap();
}
