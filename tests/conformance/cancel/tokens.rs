//! Tokens: requests that are handed on (C).

use anyscope::{CancelToken, CancelledBy, Grace, scope};
use std::{
    future::pending,
    pin::pin,
    sync::{
        Arc, Barrier, Mutex,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    thread,
};
use support::{Signal, Tracer, behaviour, on_drop, poll_once, until_idle, yield_now};

fn why(token: &CancelToken) -> Option<&str> {
    token.reason().map(|reason| reason.message())
}

behaviour! {

    /// Given many who wait for a token, in tasks of their own, then a cancel wakes them all.
    c1_cancel_wakes_all_who_wait in [spawned, inline] |ex| {
        let (token, tracer) = (CancelToken::new(), Tracer::new());
        let mut ended = 0;
        open!(async |s| {
            let mut children = Vec::new();
            for n in 0..20 {
                let token = if n % 2 == 0 { token.clone() } else { token.child_token() };
                children.push(s.spawn(tracer.trace(async move { token.cancelled().await })));
            }
            for child in &children {
                until_idle(&tracer, child).await;
            }
            token.cancel("test");
            for child in children {
                child.await.unwrap();
                ended += 1;
            }
            assert!(!s.is_cancelled());
        })
        .await;
        assert_eq!(ended, 20);
    }

    /// Given work that is run until a cancel, then its value counts if it comes first, or at the
    /// same time; and it is dropped before the cancel is told.
    run_until_cancelled_gives_the_value_or_drops_the_work with tasks |ex| {
        let token = CancelToken::new();
        let value = token.run_until_cancelled(async {
            yield_now().await;
            token.cancel("at the same time");
            7
        });
        assert_eq!(value.await, Ok(7));
        let tracer = Tracer::new();
        let mut late = pin!(token.run_until_cancelled(tracer.trace(pending::<()>())));
        let cancelled = late.as_mut().await.unwrap_err();
        assert_eq!((cancelled.reason(), tracer.alive()), (token.reason(), 0));
        assert_eq!(token.run_until_cancelled(async { 7 }).await, Ok(7));

        let (token, tracer) = (CancelToken::new(), Tracer::new());
        scope(&ex, async |s| {
            let (token2, tracer2, work) = (token.clone(), tracer.clone(), Tracer::new());
            let child = s.spawn(work.trace(async move {
                let dropped = token2.run_until_cancelled(tracer2.trace(pending::<()>())).await;
                (dropped.is_err(), tracer2.alive())
            }));
            until_idle(&work, &child).await;
            token.cancel("test");
            assert_eq!(child.await.unwrap(), (true, 0));
        })
        .await;
        // The second poll is that which the cancel has woken.
        assert_eq!((tracer.polls(), tracer.drops()), (2, 1));
    }

    /// Given a guard, when it is dropped, on whatever way out, then the token is cancelled, unless
    /// it was disarmed.
    drop_guard_cancels_unless_it_is_disarmed |ex| {
        let token = CancelToken::new();
        let disarmed = token.clone().drop_guard("never").disarm();
        assert!(!disarmed.is_cancelled());
        scope(&ex, async |s| {
            let (guard, tracer) = (token.child_token().drop_guard("out"), Tracer::new());
            let child = guard.disarm();
            let guard = child.clone().drop_guard("out");
            let holds = s.spawn(tracer.trace(async move {
                let _guard = guard;
                pending::<()>().await;
            }));
            until_idle(&tracer, &holds).await;
            assert!(!child.is_cancelled());
            holds.abort();
            assert_eq!((why(&child), why(&token)), (Some("out"), None));
        })
        .await;
        let line = line!() + 1;
        drop(token.clone().drop_guard("out"));
        assert_eq!(token.reason().unwrap().asked_at().unwrap().line(), line);
    }

    /// Given a token cancelled in the destructor of what a child has, while that child is being
    /// cancelled, then whoever waits for it goes on.
    cancel_of_a_token_from_a_destructor in [spawned, inline] |ex| {
        let token = CancelToken::new();
        open!(async |s| {
            let (token2, waiting) = (token.child_token(), Tracer::new());
            let waits = s.spawn(waiting.trace(async move { token2.cancelled().await }));
            until_idle(&waiting, &waits).await;
            let (token2, holding) = (token.clone(), Tracer::new());
            let cancels = on_drop(move || token2.cancel("from a destructor"));
            let holds = s.spawn(holding.trace(async move {
                let _cancels = cancels;
                pending::<()>().await;
            }));
            until_idle(&holding, &holds).await;
            holds.abort();
            assert_eq!(why(&token), Some("from a destructor"));
            waits.await.unwrap();
        })
        .await;
    }

    /// Given a child that computes, or a closure on a blocking thread, then a checkpoint ends it,
    /// and the scope waits for that.
    checkpoint_ends_what_never_waits with threads |ex| {
        let passes = Arc::new(AtomicUsize::new(0));
        scope(&ex, async |s| {
            let (token, passes2, started) = (s.token(), passes.clone(), Signal::new());
            let has_started = started.clone();
            let computes = s.spawn_blocking(move || {
                has_started.fire();
                loop {
                    token.checkpoint()?;
                    passes2.fetch_add(1, SeqCst);
                    thread::yield_now();
                }
                #[allow(unreachable_code)]
                Ok::<(), anyscope::Cancelled>(())
            });
            started.wait().await;
            s.cancel_with(&ex, Grace::Forever, "enough");
            let cancelled = computes.await.unwrap().unwrap_err();
            assert_eq!(cancelled.reason().unwrap().message(), "enough");
        })
        .await;
        let at_the_end = passes.load(SeqCst);
        thread::yield_now();
        assert_eq!(passes.load(SeqCst), at_the_end);
    }

    /// The same without a grace: a closure that has started goes on, and is told by the token.
    checkpoint_ends_a_blocking_child_of_a_cancelled_scope with threads |ex| {
        scope(&ex, async |s| {
            let (token, started) = (s.token(), Signal::new());
            let (has_started, told) = (started.clone(), Arc::new(Mutex::new(None)));
            let told2 = told.clone();
            let computes = s.spawn_blocking(move || {
                has_started.fire();
                while token.checkpoint().is_ok() {
                    thread::yield_now();
                }
                *told2.lock().unwrap() = why(&token).map(String::from);
            });
            started.wait().await;
            s.cancel("enough");
            // Its value comes when it was cancelled already.
            assert!(computes.await.is_ok_and(|()| told.lock().unwrap().is_some()));
        })
        .await;
    }
}

/// Given a token cancelled, then all of its descendants know when the call returns, and
/// nobody else does.
#[test]
fn c1_cancel_reaches_all_descendants() {
    let root = CancelToken::new();
    let [left, right] = [(); 2].map(|()| root.child_token());
    let leaves = [(); 3].map(|()| left.child_token());
    left.cancel("left");
    assert!(leaves.iter().chain([&left]).all(|token| why(token) == Some("left")));
    assert!([&root, &right].into_iter().all(|token| !token.is_cancelled()));
    root.cancel("all");
    assert_eq!([&root, &right, &left].map(why), [Some("all"), Some("all"), Some("left")]);
}

/// Given a cancelled token, then whoever asks is told, as often as he asks.
#[test]
fn c3_token_tells_as_often_as_it_is_asked() {
    smol::block_on(async {
        let token = CancelToken::new();
        assert_eq!((token.checkpoint(), why(&token)), (Ok(()), None));
        assert!(poll_once(pin!(token.cancelled())).is_pending());
        token.cancel("test");
        token.cancel("again");
        for _ in 0..3 {
            let cancelled = token.checkpoint().unwrap_err();
            assert_eq!(cancelled.by(), CancelledBy::Token);
            assert_eq!(cancelled.reason(), token.reason());
            token.cancelled().await;
            assert_eq!(why(&token.child_token().child_token()), Some("test"));
            assert_eq!(why(&token.clone()), Some("test"));
        }
    });
}

/// A wait that is dropped changes nothing, and neither does the first handle of a token.
#[test]
fn waits_and_handles_come_and_go() {
    smol::block_on(async {
        let token = CancelToken::new();
        let child = token.child_token();
        let mut first = Box::pin(child.cancelled());
        let mut second = pin!(child.cancelled());
        assert!(poll_once(first.as_mut()).is_pending());
        assert!(poll_once(second.as_mut()).is_pending());
        drop(first);
        token.clone().cancel("test");
        drop(token);
        second.await;
        assert_eq!(why(&child), Some("test"));
    });
}

/// Given a token cancelled from two threads, then one reason counts, for everybody.
#[test]
fn c2_one_of_two_reasons_counts() {
    for _ in 0..100 {
        let (token, together) = (CancelToken::new(), Barrier::new(2));
        let children = [(); 10].map(|()| token.child_token());
        thread::scope(|threads| {
            for reason in ["one", "other"] {
                let (token, together) = (&token, &together);
                threads.spawn(move || {
                    together.wait();
                    token.cancel(reason);
                });
            }
        });
        assert!(children.iter().all(|child| child.reason() == token.reason()));
    }
}

/// Given tokens whose parents have no handles any more, then the root reaches them all the same,
/// however many siblings came and went.
#[test]
fn c1_cancel_reaches_past_tokens_without_handles() {
    let root = CancelToken::new();
    let descendant = root.child_token().child_token().child_token();
    (0..1000).for_each(|_| drop(root.child_token()));
    root.cancel("test");
    assert_eq!(why(&descendant), Some("test"));
}

/// Says what it is about.
#[test]
fn tokens_and_reasons_can_be_shown() {
    let token = CancelToken::new();
    assert_eq!(format!("{token:?}"), "CancelToken { cancelled: false, reason: None }");
    let guard = token.clone().drop_guard("bye");
    assert!(format!("{guard:?}").starts_with("CancelGuard"), "{guard:?}");
    drop(guard);
    assert_eq!(format!("{token:?}"), r#"CancelToken { cancelled: true, reason: Some("bye") }"#);
    let cancelled = token.checkpoint().unwrap_err().to_string();
    assert!(cancelled.starts_with("cancelled: bye (asked for at "), "{cancelled}");
    assert!(cancelled.contains(file!()), "{cancelled}");
}
