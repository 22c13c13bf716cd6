//! Flows inside the work of flows.

use crate::support::{Owned, check, greet, spawned};
use anyscope::{Limit, flow, join};
use std::sync::atomic::{AtomicUsize, Ordering};

const TWO: Limit = Limit::new(2);

#[test]
fn for_each_in_for_each() {
    spawned(|Owned { names, prefix }| async move {
        let (names, prefix) = (&names, &prefix);
        let count = AtomicUsize::new(0);
        flow::iter(names.iter())
            .for_each_concurrent(TWO, async |name| {
                flow::iter(name.split('o'))
                    .for_each_concurrent(TWO, async |part| {
                        flow::iter([part, name])
                            .for_each_concurrent(TWO, async |part| {
                                drop(greet(prefix, part).await);
                                count.fetch_add(1, Ordering::Relaxed);
                            })
                            .await;
                    })
                    .await;
            })
            .await;
        assert_eq!(count.into_inner(), 10);
    });
}

#[test]
fn async_blocks() {
    spawned(|Owned { names, prefix }| async move {
        let (names, prefix) = (&names, &prefix);
        let all: Vec<usize> = flow::iter(names.iter())
            .map_concurrent(TWO, |name| async move {
                flow::iter(name.split('o'))
                    .map_concurrent(TWO, |part| async move { greet(prefix, part).await + name })
                    .fold(0, |sum, part| async move { sum + part.len() })
                    .await
            })
            .unordered()
            .collect()
            .await;
        assert_eq!(all.len(), 3);
    });
}

#[test]
fn fallible() {
    spawned(|Owned { names, .. }| async move {
        let names = &names;
        let all: Result<Vec<Vec<&str>>, String> = flow::iter(names.iter())
            .map_concurrent(TWO, async |name| {
                flow::iter(name.split('o'))
                    .map_concurrent(TWO, async |part| check(part).await.map(|_| part))
                    .try_collect()
                    .await
            })
            .try_collect()
            .await;
        assert_eq!(all.unwrap(), [vec!["ann"], vec!["b", "b"], vec!["cle", ""]]);
    });
}

#[test]
fn in_drive() {
    spawned(|Owned { names, prefix }| async move {
        let (names, prefix) = (&names, &prefix);
        let all = flow::iter(names.iter())
            .prefetch(TWO)
            .drive(async |mut items| {
                let mut count = 0;
                while let Some(name) = items.next().await {
                    count += flow::iter(name.split('o'))
                        .map_concurrent(TWO, async |part| greet(prefix, part).await)
                        .filter(|part| !part.is_empty())
                        .count()
                        .await;
                }
                count
            })
            .await;
        assert_eq!(all, 5);
    });
}

#[test]
fn in_join() {
    spawned(|Owned { names, prefix }| async move {
        let (names, prefix) = (&names, &prefix);
        flow::iter(names.iter())
            .for_each_concurrent(TWO, async |name| {
                let one = flow::iter(name.split('o'))
                    .map_concurrent(TWO, async |part| greet(prefix, part).await);
                let two = flow::iter(name.split('o')).for_each_concurrent(TWO, async |_| ());
                let (one, ()) = join((one.collect::<Vec<_>>(), two)).await;
                drop(one);
            })
            .await;
    });
}
