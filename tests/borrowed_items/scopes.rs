//! Flows as the body of a scope, or as what one of its kin wraps.

use crate::support::{Owned, check, greet, spawned};
use anyscope::{
    CancelToken, Instant, JoinHandle, Limit, OwnedScope, Policy, ScopeHandle, Supervise, bracket,
    concurrent, deadline, flow,
    kind::{ChildOf, Kind, Unlimited},
    scope, scope_limited, shield, shield_with,
    smol::Smol,
    timeout, try_concurrent, try_scope,
};
use std::{pin::Pin, time::Duration};

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

/// The futures of functions that are generic over the kind of scope are `Send` where the kind is not
/// known, and where it is.
#[test]
fn in_functions_for_every_kind() {
    async fn closed<K: Kind, P: Policy>(s: ScopeHandle<'_, K, P>) -> bool {
        s.cancel("closed");
        s.token().cancelled().await;
        s.is_cancelled()
    }

    fn boxed<'a, K>(s: ScopeHandle<'a, K>) -> Pin<Box<dyn Future<Output = bool> + Send + 'a>>
    where
        K: Kind<State: Send + Sync> + Send + Sync + 'a,
    {
        Box::pin(closed(s))
    }

    async fn sum<'a, K, F>(s: &ScopeHandle<'a, K>, children: impl Iterator<Item = F>) -> usize
    where
        K: Unlimited<Mode = anyscope::Anywhere>,
        F: Future<Output = usize> + ChildOf<'a, K, Supervise>,
    {
        let children: Vec<JoinHandle<'a, usize>> = children.map(|child| s.spawn(child)).collect();
        let mut sum = 0;
        for child in children {
            sum += child.await.unwrap();
        }
        sum
    }

    spawned(|Owned { names, prefix }| async move {
        let (names, prefix) = (&names, &prefix);
        let length = concurrent(async |s| {
            let sum = sum(&s, names.iter().map(async |name| greet(prefix, name).await.len())).await;
            assert!(boxed(s).await);
            sum
        });
        assert_eq!(length.await, 25);
        let length = scope(&Smol, async |s| {
            let names = names.clone();
            let sum = sum(&s, names.into_iter().map(async |name| name.len())).await;
            assert!(boxed(s).await);
            sum
        });
        assert_eq!(length.await, 10);
    });
}
