//! Work that an executor refuses, or drops: it never counts as done.

use anyscope::{
    CancelledBy, Limit, OwnedScope, ScopeError, observe::Event, scope, try_block_scope, try_scope,
    try_scope_limited, try_scope_local,
};
use std::{
    fmt::Debug,
    future::pending,
    pin::pin,
    sync::{Arc, Mutex},
};
use support::{Hoard, Log, Refusing, behaviour, blocking, cause, poll_once, record, yield_now};

type Failing<T = ()> = Result<T, &'static str>;

/// Who cancelled a scope that was cancelled.
#[track_caller]
fn ended<T: Debug, E: Debug>(result: Result<T, ScopeError<E>>) -> CancelledBy {
    match result {
        Err(ScopeError::Cancelled(cancelled)) => cancelled.by(),
        other => panic!("not cancelled: {other:?}"),
    }
}

behaviour! {
    /// Given a fail-fast scope of any kind whose executor refuses its children, when the body returns
    /// a value in the same poll, then the scope was cancelled by its executor.
    refused_work_is_no_success |ex| {
        let spawned = try_scope(&Refusing, async |s| -> Failing<i32> {
            (0..10).for_each(|_| drop(s.spawn(async { Ok(()) })));
            Ok(7)
        });
        assert_eq!(ended(spawned.await), CancelledBy::Executor);
        let elsewhere = try_scope(&ex, async |s| -> Failing<i32> {
            s.spawn_on(&Refusing, async { Ok(()) });
            Ok(7)
        });
        assert_eq!(ended(elsewhere.await), CancelledBy::Executor);
        let daemon = try_scope(&Refusing, async |s| -> Failing<i32> {
            s.spawn_daemon(async { Ok(()) });
            Ok(7)
        });
        assert_eq!(ended(daemon.await), CancelledBy::Executor);
        let limited = try_scope_limited(&Refusing, Limit::new(1), async |s| -> Failing<i32> {
            drop(s.spawn(async { Ok(()) }).await);
            Ok(7)
        });
        assert_eq!(ended(limited.await), CancelledBy::Executor);
        let owned = OwnedScope::fail_fast(&Refusing);
        drop(owned.spawn(async { Failing::Ok(()) }));
        assert_eq!(ended(owned.close().await), CancelledBy::Executor);
    }

    /// The same if the executor drops a child after the body has returned, as it is shut down.
    work_that_is_dropped_after_the_body_is_no_success |ex| {
        let hoard = Hoard::new();
        let mut scope = pin!(try_scope(&hoard, async |s| -> Failing<i32> {
            drop(s.spawn(async { Ok(()) }));
            drop(s.spawn_on(&ex, async { Ok(()) }));
            Ok(7)
        }));
        assert!(poll_once(scope.as_mut()).is_pending());
        drop(hoard.take());
        assert_eq!(ended(scope.await), CancelledBy::Executor);
    }

    /// Given a cancelled scope, then its children were not refused, and a value of the body is the
    /// result: also if the executor drops what is left of them.
    cancelled_work_is_not_refused |ex| {
        let hoard = Hoard::new();
        let result = try_scope(&hoard, async |s| -> Failing<i32> {
            drop(s.spawn(async { Ok(()) }));
            s.cancel("enough");
            drop(hoard.take());
            drop(s.spawn_on(&ex, async { Ok(()) }));
            Ok(7)
        });
        assert_eq!(result.await.unwrap(), 7);
    }

    /// Given a supervised scope, then what was refused is for its handle and the observer to say.
    refused_work_of_a_supervised_scope_is_told |ex| {
        let log = Log::new();
        let refused = scope(&Refusing, async |s| {
            s.on_event(record(&log));
            let _ = &ex;
            s.spawn(async { 7 })
        })
        .await;
        assert_eq!((cause(refused.await), log.events()), (CancelledBy::Executor, vec!["refused".into()]));
    }

    /// Given a child of any kind of scope that panics, then the observer is told its name and place
    /// with the panic.
    observer_is_told_the_name_with_the_panic in [spawned, inline] |ex| {
        let told = Arc::new(Mutex::new(String::new()));
        let (seen, line) = (told.clone(), line!() + 7);
        open!(async |s| {
            s.on_event(move |event| {
                if let Event::Panicked { panic, .. } = event {
                    *seen.lock().unwrap() = panic.to_string();
                }
            });
            let child = s.spawn_named("worker", async { support::blow_up::<()>("boom") });
            yield_now().await;
            child.await.unwrap_err()
        })
        .await;
        let told = told.lock().unwrap().clone();
        assert!(told.starts_with("child `worker` panicked: boom (spawned at "), "{told}");
        assert!(told.contains(&format!("{}:{line}:", file!())), "{told}");
    }
}

blocking! {
    /// A scope that blocks is no different.
    refused_work_of_a_block_scope_is_no_success |owner| {
        let result = try_block_scope(owner, async |s| -> Failing<i32> {
            s.spawn_on(&Refusing, async { Ok(()) });
            Ok(7)
        });
        assert_eq!(ended(result), CancelledBy::Executor);
    }
}

/// Nor is one of a single thread.
#[test]
fn refused_work_of_a_local_scope_is_no_success() {
    let gone = anyscope::smol::SmolLocal::new().handle();
    let result = smol::block_on(try_scope_local(&gone, async |s| -> Failing<i32> {
        drop(s.spawn(pending::<Failing>()));
        Ok(7)
    }));
    assert_eq!(ended(result), CancelledBy::Executor);
}
