//! Scopes that live in a struct.

use anyscope::{CancelledBy, OwnedScope, ScopeError, Spawn};
use futures_lite::future::zip;
use std::{
    future::pending,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
};
use support::{
    Log, Signal, Tracer, behaviour, blow_up, cause, errors, is_send, panic_message, panic_of,
    poll_once, record, until_idle, yield_now,
};

type Failing = Result<(), &'static str>;

/// Something that spawns whenever it is called.
struct Server<E> {
    requests: OwnedScope<E>,
    served: Arc<AtomicUsize>,
}

impl<E: Spawn + Clone> Server<E> {
    fn accept(&self) {
        let served = self.served.clone();
        self.requests.spawn(async move {
            yield_now().await;
            served.fetch_add(1, SeqCst);
        });
    }
}

behaviour! {
    /// Given a scope in a struct, then it spawns whenever it is asked, and `close` waits for all.
    scope_in_a_struct_spawns_until_it_is_closed |ex| {
        let server = Server { requests: OwnedScope::new(&ex), served: Arc::default() };
        for _ in 0..3 {
            server.accept();
            yield_now().await;
        }
        is_send(server.requests.close()).await;
        assert_eq!(server.served.load(SeqCst), 3);
        assert!(server.requests.is_closed());
        assert_eq!((server.requests.spawned(), server.requests.len()), (3, 0));
    }

    /// `close` also waits for what children spawn after it was called, then ends the daemons.
    close_waits_for_grandchildren_and_ends_daemons |ex| {
        let (log, go) = (Log::new(), Signal::new());
        let scope = OwnedScope::new(&ex);
        let daemon = scope.spawn_daemon(pending::<()>());
        let (s2, child_log, waited) = (scope.clone(), log.clone(), go.wait());
        scope.spawn(async move {
            waited.await;
            s2.spawn(async move {
                yield_now().await;
                child_log.add("grandchild");
            });
        });
        let mut close = pin!(scope.close());
        assert!(poll_once(close.as_mut()).is_pending());
        zip(close, async { go.fire() }).await;
        log.add("closed");
        assert_eq!(log.events(), ["grandchild", "closed"]);
        assert_eq!(cause(daemon.await), CancelledBy::Finished);
    }

    /// Given a closed scope, when somebody spawns, then the child is refused, its handle says so,
    /// and so does the observer.
    spawn_after_close_is_refused_and_told |ex| {
        let (log, tracer) = (Log::new(), Tracer::new());
        let scope = OwnedScope::new(&ex);
        scope.on_event(record(&log));
        scope.close().await;
        assert_eq!(cause(scope.spawn(tracer.trace(async {})).await), CancelledBy::Closed);
        // Nobody would know of this one.
        scope.spawn(tracer.trace(async {}));
        assert_eq!((tracer.polls(), tracer.drops()), (0, 2));
        assert_eq!(log.events(), ["refused", "refused"]);
    }

    /// Given a closed scope, when it is closed again, then that returns at once.
    second_close_returns_at_once |ex| {
        let scope = OwnedScope::new(&ex);
        scope.spawn(async {});
        scope.close().await;
        assert!(poll_once(pin!(scope.close())).is_ready());
        let scope = OwnedScope::<_, anyscope::FailFast<&str>>::fail_fast(&ex);
        scope.close().await.unwrap();
        scope.close().await.unwrap();
    }

    /// Several may wait for the end.
    two_may_wait_for_the_end |ex| {
        let (go, scope) = (Signal::new(), OwnedScope::new(&ex));
        scope.spawn(go.wait());
        let (mut one, mut other) = (pin!(scope.close()), pin!(scope.close()));
        assert!(poll_once(one.as_mut()).is_pending());
        assert!(poll_once(other.as_mut()).is_pending());
        zip(zip(one, other), async { go.fire() }).await;
    }

    /// Given a `close` that is dropped before its end, then nothing has changed.
    close_that_is_dropped_changes_nothing |ex| {
        let (go, scope) = (Signal::new(), OwnedScope::new(&ex));
        let waited = go.wait();
        let child = scope.spawn(async move {
            waited.await;
            7
        });
        assert!(poll_once(pin!(scope.close())).is_pending());
        assert_eq!(scope.spawn(async { 1 }).await.unwrap(), 1);
        go.fire();
        scope.close().await;
        assert_eq!(child.await.unwrap(), 7);
    }

    /// Given a scope in a struct that is dropped, then its idle children are gone when the drop
    /// returns, and the observer is told.
    drop_cancels_and_says_so with tasks |ex| {
        let (log, tracer) = (Log::new(), Tracer::new());
        let server = Server { requests: OwnedScope::new(&ex), served: Arc::default() };
        let s = server.requests.clone();
        s.on_event(record(&log));
        let child = s.spawn(tracer.trace(pending::<()>()));
        until_idle(&tracer, &child).await;
        drop(server);
        assert_eq!((tracer.polls(), tracer.alive()), (1, 0));
        assert_eq!(log.events(), ["abandoned: 1 children, 0 running"]);
        assert_eq!(cause(child.await), CancelledBy::Scope);
        assert!(s.is_closed());
        assert_eq!(cause(s.spawn(async {}).await), CancelledBy::Closed);
    }

    /// A scope whose children have ended by themselves has nobody to abandon.
    drop_without_children_says_nothing |ex| {
        let (log, scope) = (Log::new(), OwnedScope::new(&ex));
        scope.on_event(record(&log));
        scope.spawn(async {}).await.unwrap();
        scope.close().await;
        drop(scope);
        assert!(log.events().is_empty());
    }

    /// Given a cancel, when the scope is closed, then that waits for the children to be gone, and
    /// is no failure.
    close_after_cancel_waits_for_what_is_left |ex| {
        let (scope, tracer) = (OwnedScope::new(&ex), Tracer::new());
        let child = scope.spawn(tracer.trace(pending::<()>()));
        scope.cancel("test");
        scope.close().await;
        assert_eq!(tracer.alive(), 0);
        assert_eq!(cause(child.await), CancelledBy::Scope);
    }

    /// A supervised child's panic goes to its handle, or else comes out of `close`.
    panic_that_nobody_reads_comes_out_of_close |ex| {
        let scope = OwnedScope::new(&ex);
        let read = scope.spawn(async { blow_up::<()>("read") });
        assert_eq!(panic_message(read.await), "read");
        scope.spawn(async { blow_up::<()>("unread") });
        assert_eq!(panic_of(scope.close()).await, "unread");
    }

    /// Given a fail-fast scope in which a child fails, then the others end, later ones are refused,
    /// and `close` has the error.
    first_failure_ends_a_fail_fast_scope |ex| {
        let (scope, tracer) = (OwnedScope::fail_fast(&ex), Tracer::new());
        let sibling = scope.spawn(tracer.trace(pending::<Failing>()));
        until_idle(&tracer, &sibling).await;
        scope.spawn(async { Err::<(), _>("broken") });
        assert_eq!(cause(sibling.await), CancelledBy::Scope);
        assert_eq!(tracer.alive(), 0);
        let refused = scope.spawn(async { Ok::<_, &str>(()) });
        assert_eq!(cause(refused.await), CancelledBy::Scope);
        assert_eq!(errors(scope.close().await), ["broken"]);
    }

    /// Whoever closes a failed scope after somebody else got the errors is not told that all is
    /// well.
    second_close_of_a_failed_scope_is_no_success |ex| {
        let scope = OwnedScope::fail_fast(&ex);
        scope.spawn(async { Err::<(), _>("broken") });
        assert_eq!(errors(scope.close().await), ["broken"]);
        assert!(scope.close().await.unwrap_err().is_cancelled());
    }

    /// The same if it was a finalizer that failed.
    second_close_after_a_failed_finalizer_is_no_success |ex| {
        let scope = OwnedScope::fail_fast(&ex);
        scope.defer(async { Err::<(), _>("cleanup") });
        assert_eq!(errors(scope.close().await), ["cleanup"]);
        assert!(scope.close().await.unwrap_err().is_cancelled());
    }

    /// A fail-fast scope that was cancelled says so, and one whose child panicked panics.
    fail_fast_scope_tells_how_it_ended |ex| {
        let cancelled = OwnedScope::fail_fast(&ex);
        cancelled.spawn(pending::<Failing>());
        cancelled.cancel("test");
        let Err(ScopeError::Cancelled(why)) = cancelled.close().await else { panic!("not so") };
        assert_eq!(why.by(), CancelledBy::Scope);
        let panicked = OwnedScope::fail_fast(&ex);
        panicked.spawn(async { blow_up::<Failing>("boom") });
        assert_eq!(panic_of(panicked.close()).await, "boom");
    }

    /// Given a scope that is closed inside one of its children, then a clear error, not a deadlock.
    close_inside_an_own_child_panics |ex| {
        let scope = Arc::new(OwnedScope::new(&ex));
        let inside = scope.clone();
        let child = scope.spawn(async move { inside.close().await });
        let message = panic_message(child.await);
        assert!(message.contains("waits for the end of its own scope"), "{message}");
        scope.close().await;
    }
}
