//! Work on an executor, whose items live as long as the program.

use crate::support::{check, greet, spawned};
use anyscope::{Limit, flow, scope, smol::Smol};
use smol::stream::StreamExt;

const TWO: Limit = Limit::new(2);
const NAMES: [&str; 3] = ["ann", "bob", "cleo"];

#[test]
fn for_each_on() {
    spawned(|_| async move {
        flow::iter(NAMES)
            .for_each_on(&Smol, TWO, |name| async move { drop(greet("", name).await) })
            .await
            .unwrap();
        flow::iter(NAMES)
            .map(|name| (name, name))
            .for_each_on(&Smol, TWO, async |(_, name)| drop(greet("", name).await))
            .await
            .unwrap();
    });
}

#[test]
fn try_for_each_on() {
    spawned(|_| async move {
        flow::iter(NAMES)
            .try_for_each_on(&Smol, TWO, |name| async move { check(name).await.map(drop) })
            .await
            .unwrap_err();
        flow::iter(NAMES)
            .try_for_each_on(&Smol, TWO, async |name| check(name).await.map(drop).map_err(|_| name))
            .await
            .unwrap_err();
    });
}

#[test]
fn map_on() {
    spawned(|_| async move {
        let all: Result<Vec<&str>, _> =
            flow::iter(NAMES).map_on(&Smol, TWO, async |name| name).try_collect().await;
        assert_eq!(all.unwrap(), NAMES);
        let all: Result<Vec<_>, _> = flow::iter(NAMES)
            .map(|name| (name, name))
            .map_on(&Smol, TWO, |(name, _)| async move { greet("", name).await })
            .unordered()
            .prefetch(TWO)
            .try_collect()
            .await;
        assert_eq!(all.unwrap().len(), 3);
    });
}

#[test]
fn map_on_with_flows_inside() {
    spawned(|_| async move {
        let all: Result<Vec<&str>, _> = flow::iter(NAMES)
            .map_on(&Smol, TWO, |name| flow::iter([name]).fold("", |_, name| async move { name }))
            .try_collect()
            .await;
        assert_eq!(all.unwrap(), NAMES);
    });
}

#[test]
fn spawn_all() {
    spawned(|_| async move {
        let count = scope(&Smol, async |s| {
            let all = s.spawn_all(NAMES.iter().map(|name| async move { greet("", name).await }));
            all.count().await
        })
        .await;
        assert_eq!(count, 3);
    });
}
