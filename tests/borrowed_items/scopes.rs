//! Flows as the body of a scope, or as what one of its kin wraps.

use crate::support::{Owned, check, greet, spawned};
use anyscope::{
    CancelToken, Instant, Limit, OwnedScope, bracket, concurrent, deadline, flow, scope,
    scope_limited, shield, shield_with, smol::Smol, timeout, try_concurrent, try_scope,
};
use std::time::Duration;

const TWO: Limit = Limit::new(2);

#[test]
fn body_of_concurrent() {
    spawned(|Owned { names, prefix }| async move {
        let (names, prefix) = (&names, &prefix);
        let last = concurrent(|_| {
            flow::iter(names.iter()).map(|name| &name[1..]).fold("", |_, name| async move { name })
        });
        assert_eq!(last.await, "leo");
        let all = try_concurrent(|_| {
            flow::iter(names.iter()).try_for_each_concurrent(TWO, async |name| {
                drop(greet(prefix, name).await);
                check(name).await.map(drop)
            })
        });
        all.await.unwrap_err();
    });
}

#[test]
fn body_of_scope() {
    spawned(|Owned { names, prefix }| async move {
        let (names, prefix) = (&names, &prefix);
        let last = scope(&Smol, |_| {
            flow::iter(names.iter()).map(|name| &name[1..]).fold("", |_, name| async move { name })
        });
        assert_eq!(last.await, "leo");
        let all = try_scope(&Smol, |_| {
            flow::iter(names.iter()).try_for_each_concurrent(TWO, async |name| {
                drop(greet(prefix, name).await);
                check(name).await.map(drop).map_err(|_| ())
            })
        });
        all.await.unwrap_err();
    });
}

#[test]
fn child_of_concurrent() {
    spawned(|Owned { names, prefix }| async move {
        let (names, prefix) = (&names, &prefix);
        let count = concurrent(async |s| {
            let look = flow::iter(names.iter())
                .for_each_concurrent(TWO, async |name| drop(greet(prefix, name).await));
            let last = flow::iter(names.iter())
                .map(|name| &name[1..])
                .fold("", |_, name| async move { name });
            let last = s.spawn(last);
            s.spawn(look).await.unwrap();
            last.await.unwrap()
        });
        assert_eq!(count.await, "leo");
    });
}

#[test]
fn in_a_timeout() {
    spawned(|Owned { names, prefix }| async move {
        let (names, prefix) = (&names, &prefix);
        let last = flow::iter(names.iter())
            .map(|name| (&name[1..], prefix))
            .fold("", |_, (name, _)| async move { name });
        assert_eq!(timeout(Smol, Duration::MAX, last).await, Ok("leo"));
    });
}

#[test]
fn until_cancelled() {
    spawned(|Owned { names, prefix }| async move {
        let (names, prefix) = (&names, &prefix);
        let token = CancelToken::new();
        let last = flow::iter(names.iter())
            .map(|name| (&name[1..], prefix))
            .fold("", |_, (name, _)| async move { name });
        assert_eq!(token.run_until_cancelled(last).await.ok(), Some("leo"));
    });
}

const NAMES: [&str; 3] = ["ann", "bob", "cleo"];

#[test]
fn child_of_scope() {
    spawned(|_| async move {
        let last = scope(&Smol, async |s| {
            let last =
                flow::iter(NAMES).map(|name| &name[1..]).fold("", |_, name| async move { name });
            s.spawn(last).await.unwrap()
        });
        assert_eq!(last.await, "leo");
        let failed = try_scope(&Smol, async |s| {
            s.spawn(flow::iter(NAMES).try_for_each_concurrent(TWO, async |name| {
                check(name).await.map(drop).map_err(|_| name)
            }));
            Ok(())
        });
        failed.await.unwrap_err();
    });
}

#[test]
fn child_of_limited_scope() {
    spawned(|_| async move {
        let last = scope_limited(&Smol, TWO, async |s| {
            let last =
                || flow::iter(NAMES).map(|name| &name[1..]).fold("", |_, name| async move { name });
            s.spawn(last()).await.unwrap().await.unwrap();
            s.try_spawn(last()).unwrap().await.unwrap()
        });
        assert_eq!(last.await, "leo");
    });
}

#[test]
fn child_of_owned_scope() {
    spawned(|_| async move {
        let owned = OwnedScope::new(&Smol);
        let last = flow::iter(NAMES).map(|name| &name[1..]).fold("", |_, name| async move { name });
        assert_eq!(owned.spawn(last).await.unwrap(), "leo");
        owned.close().await;
    });
}

#[test]
fn shielded() {
    spawned(|Owned { names, prefix }| async move {
        let (names, prefix) = (&names, &prefix);
        let last = flow::iter(names.iter())
            .map(|name| (&name[1..], prefix))
            .fold("", |_, (name, _)| async move { name });
        assert_eq!(shield(last).await, "leo");
        let last = shield_with(|restore| {
            let last =
                flow::iter(names).map(String::as_str).fold("", |_, name| async move { name });
            async move { restore.run(last).await }
        });
        assert_eq!(last.await, "cleo");
    });
}

#[test]
fn until_a_moment() {
    spawned(|Owned { names, .. }| async move {
        let last = flow::iter(&names).map(String::as_str).fold("", |_, name| async move { name });
        let never = Instant::from_epoch(Duration::MAX);
        assert_eq!(deadline(Smol, never, last).await.ok(), Some("cleo"));
    });
}

#[test]
fn bracketed() {
    spawned(|Owned { names, prefix }| async move {
        let (names, prefix) = (&names, &prefix);
        let acquire = flow::iter(NAMES).fold("", |_, name| async move { name });
        let last = bracket(
            &Smol,
            acquire,
            |resource| {
                flow::iter(names).map(|name| (&name[1..], prefix)).fold("", move |_, (name, _)| {
                    let resource = resource.clone();
                    async move { &name[resource.len() - 4..] }
                })
            },
            |_| {
                flow::iter(NAMES).for_each_concurrent(TWO, async |name| drop(greet("", name).await))
            },
        );
        assert_eq!(last.await, "leo");
    });
}
