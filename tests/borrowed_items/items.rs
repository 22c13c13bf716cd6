//! Operations on single items.

use crate::support::{Owned, check, greet, spawned};
use anyscope::{Limit, flow};
use std::{num::NonZeroUsize, task::Poll};

const TWO: Limit = Limit::new(2);
const PAIR: NonZeroUsize = NonZeroUsize::new(2).unwrap();

#[test]
fn filter() {
    spawned(|Owned { names, prefix }| async move {
        let (names, prefix) = (&names, &prefix);
        let all: Vec<String> = flow::iter(names.iter())
            .filter(|name| name.len() < prefix.len())
            .map_concurrent(TWO, async |name| greet(prefix, name).await)
            .filter(|name| name.ends_with('n'))
            .collect()
            .await;
        assert_eq!(all, ["dear ann"]);
    });
}

#[test]
fn filter_map() {
    spawned(|Owned { names, prefix }| async move {
        let (names, prefix) = (&names, &prefix);
        let all: Vec<String> = flow::iter(names.iter())
            .filter_map(|name| name.strip_prefix("b"))
            .map_concurrent(TWO, |name| async move { greet(prefix, name).await })
            .filter_map(|name| (!name.is_empty()).then_some(name))
            .collect()
            .await;
        assert_eq!(all, ["dear ob"]);
    });
}

#[test]
fn convert() {
    spawned(|Owned { names, prefix }| async move {
        let (names, prefix) = (&names, &prefix);
        let all: Vec<usize> = flow::iter(names.iter())
            .map(|name| (prefix, name))
            .map(|(prefix, name)| (&prefix[1..], &name[1..]))
            .map_concurrent(TWO, async |(prefix, name)| greet(prefix, name).await)
            .map(|name| name.len())
            .collect()
            .await;
        assert_eq!(all, [6, 6, 7]);
    });
}

#[test]
fn inspect() {
    spawned(|Owned { names, prefix }| async move {
        let (names, prefix) = (&names, &prefix);
        let mut seen = Vec::new();
        let count = flow::iter(names.iter())
            .inspect(|name| seen.push(name.len()))
            .map_concurrent(TWO, async |name| greet(prefix, name).await)
            .inspect(|name| assert!(name.starts_with(prefix)))
            .count()
            .await;
        assert_eq!((count, seen.len()), (3, 3));
    });
}

#[test]
fn chunks() {
    spawned(|Owned { names, prefix }| async move {
        let (names, prefix) = (&names, &prefix);
        let all: Vec<usize> = flow::iter(names.iter())
            .chunks(PAIR)
            .map_concurrent(TWO, async |names| greet(prefix, names[0]).await)
            .chunks(PAIR)
            .map(|names| names.len())
            .collect()
            .await;
        assert_eq!(all, [2]);
    });
}

#[test]
fn chunks_of_made_items() {
    spawned(|Owned { names, prefix }| async move {
        let (names, prefix) = (&names, &prefix);
        let count = flow::iter(names.iter())
            .map(|name| (prefix, name))
            .chunks(PAIR)
            .for_each_concurrent(
                TWO,
                |names| async move { drop(greet(names[0].0, names[0].1).await) },
            )
            .await;
        let () = count;
    });
}

#[test]
fn flatten_iter() {
    spawned(|Owned { names, prefix }| async move {
        let (names, prefix) = (&names, &prefix);
        let all: Vec<usize> = flow::iter(names.iter())
            .map(|name| name.split('o'))
            .flatten_iter()
            .map_concurrent(TWO, async |name| greet(prefix, name).await)
            .map(|name| vec![name.len()])
            .flatten_iter()
            .collect()
            .await;
        assert_eq!(all.len(), 5);
    });
}

#[test]
fn enumerate_and_take() {
    spawned(|Owned { names, prefix }| async move {
        let (names, prefix) = (&names, &prefix);
        let all: Vec<String> = flow::iter(names.iter())
            .enumerate()
            .map_concurrent(TWO, async |(_, name)| greet(prefix, name).await)
            .enumerate()
            .take(2)
            .map(|(_, name)| name)
            .collect()
            .await;
        assert_eq!(all.len(), 2);
    });
}

#[test]
fn results() {
    spawned(|Owned { names, .. }| async move {
        let names = &names;
        let mut errors = 0;
        let all: Vec<usize> = flow::iter(names.iter())
            .map_concurrent(TWO, async |name| check(name).await)
            .inspect_err(|_| errors += 1)
            .map_ok(|length| length + 1)
            .map_err(|error| error.len())
            .filter_ok()
            .collect()
            .await;
        assert_eq!(all, [4, 5]);
    });
}

#[test]
fn until_error() {
    spawned(|Owned { names, .. }| async move {
        let names = &names;
        let all: Vec<_> = flow::iter(names.iter())
            .map_concurrent(TWO, async |name| check(name).await.map(|_| name))
            .until_error()
            .chunks(PAIR)
            .collect()
            .await;
        assert_eq!(all.len(), 1);
    });
}

#[test]
fn buffer() {
    spawned(|Owned { names, prefix }| async move {
        let (names, prefix) = (&names, &prefix);
        let all: Vec<String> = flow::iter(names.iter())
            .map(|name| (prefix, name))
            .prefetch(TWO)
            .map_concurrent(TWO, async |(prefix, name)| greet(prefix, name).await)
            .prefetch(TWO)
            .collect()
            .await;
        assert_eq!(all.len(), 3);
    });
}

#[test]
fn cooperate() {
    spawned(|Owned { names, prefix }| async move {
        let (names, prefix) = (&names, &prefix);
        let mut asked = 0;
        let all: Vec<String> = flow::iter(names.iter())
            .map_concurrent(TWO, async |name| greet(prefix, name).await)
            .cooperate(|_| {
                asked += 1;
                Poll::Ready(())
            })
            .collect()
            .await;
        assert_eq!(all.len(), 3);
    });
}

#[test]
fn progress() {
    spawned(|Owned { names, .. }| async move {
        let names = &names;
        let mut told = 0;
        let count = flow::iter(names.iter())
            .map_concurrent(TWO, async |name| check(name).await)
            .try_progress(flow::NoClock, |_| told += 1)
            .progress(flow::NoClock, |_| ())
            .filter_ok()
            .count()
            .await;
        assert_eq!(count, 2);
    });
}

#[test]
fn generate() {
    spawned(|Owned { names, prefix }| async move {
        let (names, prefix) = (&names, &prefix);
        let all: Vec<String> = flow::generate(async |yielder| {
            for name in names {
                yielder.send(name).await.unwrap();
            }
        })
        .map_concurrent(TWO, async |name| greet(prefix, name).await)
        .collect()
        .await;
        assert_eq!(all, ["dear ann", "dear bob", "dear cleo"]);
        let checked = flow::try_generate(async |yielder| {
            for name in names {
                check(name).await?;
                yielder.send((prefix, name)).await.unwrap();
            }
            Ok::<_, String>(())
        });
        assert_eq!(checked.collect::<Vec<_>>().await.len(), 2);
    });
}
