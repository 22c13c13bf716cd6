//! Operations that drive a flow.

use crate::support::{Owned, check, greet, spawned};
use anyscope::{Limit, flow};
use smol::stream::StreamExt;

const TWO: Limit = Limit::new(2);

#[test]
fn drive() {
    spawned(|Owned { names, prefix }| async move {
        let (names, prefix) = (&names, &prefix);
        let all = flow::iter(names.iter())
            .map_concurrent(TWO, async |name| (name, greet(prefix, name).await))
            .drive(async |mut items| {
                let mut length = 0;
                while let Some((name, greeting)) = items.next().await {
                    length += name.len() + greet(prefix, &greeting).await.len();
                }
                length
            })
            .await;
        assert_eq!(all, 50);
    });
}

#[test]
fn drive_async_block() {
    spawned(|Owned { names, prefix }| async move {
        let (names, prefix) = (&names, &prefix);
        let all = flow::iter(names.iter())
            .map(|name| (name, prefix))
            .drive(|mut items| async move {
                let mut length = 0;
                while let Some((name, prefix)) = items.next().await {
                    length += greet(prefix, name).await.len();
                }
                length
            })
            .await;
        assert_eq!(all, 25);
    });
}

#[test]
fn fold() {
    spawned(|Owned { names, prefix }| async move {
        let (names, prefix) = (&names, &prefix);
        let all = flow::iter(names.iter())
            .map_concurrent(TWO, async |name| (name, greet(prefix, name).await))
            .fold(0, async |sum, (name, greeting)| sum + greet(name, &greeting).await.len())
            .await;
        assert_eq!(all, 35);
        let last = flow::iter(names.iter())
            .map(|name| &name[1..])
            .fold("", |_, name| async move { name })
            .await;
        assert_eq!(last, "leo");
    });
}

#[test]
fn try_fold() {
    spawned(|Owned { names, .. }| async move {
        let names = &names;
        let all = flow::iter(names.iter())
            .try_fold(0, async |sum, name| check(name).await.map(|n| n + sum))
            .await;
        assert!(all.is_err());
    });
}

#[test]
fn collect_made_items() {
    spawned(|Owned { names, prefix }| async move {
        let (names, prefix) = (&names, &prefix);
        let all: Vec<(&str, &String)> =
            flow::iter(names.iter()).map(|name| (&name[1..], prefix)).collect().await;
        assert_eq!(all.len(), 3);
    });
}

#[test]
fn try_collect() {
    spawned(|Owned { names, .. }| async move {
        let names = &names;
        let all: Result<Vec<&String>, String> = flow::iter(names.iter())
            .map_concurrent(TWO, async |name| check(name).await.map(|_| name))
            .try_collect()
            .await;
        assert!(all.is_err());
    });
}

#[test]
fn partition_and_settle() {
    spawned(|Owned { names, .. }| async move {
        let names = &names;
        let parts = flow::iter(names.iter())
            .map_concurrent(TWO, async |name| check(name).await.map(|_| name).map_err(|_| name))
            .partition_results()
            .await;
        assert_eq!((parts.successes.len(), parts.failures.len()), (2, 1));
        let all = flow::iter(names.iter())
            .map(|name| if name.len() > 3 { Ok(name) } else { Err(name) })
            .collect::<Vec<_>>()
            .await;
        assert_eq!(all.len(), 3);
        let parts = flow::iter(names.iter())
            .map(|name| if name.len() > 3 { Ok(name) } else { Err(name) })
            .partition_results()
            .await;
        assert_eq!(parts.successes.len(), 1);
    });
}

#[test]
fn into_stream() {
    spawned(|Owned { names, prefix }| async move {
        let (names, prefix) = (&names, &prefix);
        let mut stream = std::pin::pin!(
            flow::iter(names.iter())
                .map_concurrent(TWO, async |name| greet(prefix, name).await)
                .into_stream()
        );
        let mut count = 0;
        while let Some(greeting) = stream.next().await {
            count += greet(prefix, &greeting).await.len() / greeting.len();
        }
        assert_eq!(count, 3);
    });
}

#[test]
fn boxed_stream() {
    spawned(|Owned { names, prefix }| async move {
        let (names, prefix) = (&names, &prefix);
        let mut stream = flow::iter(names.iter())
            .map_concurrent(TWO, |name| async move { greet(prefix, name).await })
            .into_stream()
            .boxed();
        assert_eq!(stream.next().await.unwrap(), "dear ann");
    });
}

#[test]
fn of_streams() {
    spawned(|Owned { names, prefix }| async move {
        let (names, prefix) = (&names, &prefix);
        let stream = smol::stream::iter(names.iter());
        flow::stream(stream)
            .for_each_concurrent(TWO, async |name| drop(greet(prefix, name).await))
            .await;
        let stream = smol::stream::iter(names.iter()).map(|name| (prefix, name));
        let all: Vec<_> = flow::stream(stream)
            .map_concurrent(TWO, |(prefix, name)| async move { greet(prefix, name).await })
            .collect()
            .await;
        assert_eq!(all.len(), 3);
        let stream = smol::stream::iter(names.iter()).then(async |name| greet(prefix, name).await);
        let all: Vec<_> =
            flow::stream(stream).map_concurrent(TWO, async |name| name.len()).collect().await;
        assert_eq!(all.len(), 3);
    });
}
