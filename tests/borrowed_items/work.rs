//! Work on items.

use crate::support::{Owned, check, greet, spawned};
use anyscope::{Limit, flow};
use std::sync::Mutex;

const TWO: Limit = Limit::new(2);

#[test]
fn for_each_async_closure() {
    spawned(|Owned { names, .. }| async move {
        let names = &names;
        let seen = Mutex::new(0);
        let look = |n: usize| *seen.lock().unwrap() += n;
        flow::iter(names.iter()).for_each_concurrent(TWO, async |name| look(name.len())).await;
        assert_eq!(seen.into_inner().unwrap(), 10);
    });
}

#[test]
fn for_each_async_block() {
    spawned(|Owned { names, prefix }| async move {
        let (names, prefix) = (&names, &prefix);
        flow::iter(names.iter())
            .for_each_concurrent(TWO, |name| async move { drop(greet(prefix, name).await) })
            .await;
    });
}

#[test]
fn for_each_of_slices() {
    spawned(|Owned { names, prefix }| async move {
        let (names, prefix) = (&names, &prefix);
        let parts: Vec<&str> = names.iter().map(|name| &name[1..]).collect();
        flow::iter(parts)
            .for_each_concurrent(TWO, async |part| drop(greet(prefix, part).await))
            .await;
    });
}

#[test]
fn for_each_of_literals() {
    spawned(|_| async move {
        flow::iter(["a", "b"])
            .for_each_concurrent(TWO, async |part| drop(greet("x", part).await))
            .await;
        flow::iter(["a", "b"])
            .for_each_concurrent(TWO, |part| async move { drop(greet("x", part).await) })
            .await;
    });
}

#[test]
fn for_each_of_references_in_tuples() {
    spawned(|Owned { names, prefix }| async move {
        let (names, prefix) = (&names, &prefix);
        flow::iter(names.iter().enumerate())
            .for_each_concurrent(TWO, async |(_, name)| drop(greet(prefix, name).await))
            .await;
    });
}

#[test]
fn for_each_of_mutable_references() {
    spawned(|Owned { prefix, .. }| async move {
        let prefix = &prefix;
        let mut own = Owned::new().names;
        flow::iter(own.iter_mut())
            .for_each_concurrent(TWO, async |name| *name = greet(prefix, name).await)
            .await;
        assert_eq!(own[0], "dear ann");
    });
}

#[test]
fn for_each_of_a_function() {
    spawned(|Owned { names, .. }| async move {
        let names = &names;
        #[allow(clippy::ptr_arg, reason = "what the items are")]
        async fn look(name: &String) {
            drop(greet("", name).await);
        }
        flow::iter(names.iter()).for_each_concurrent(TWO, look).await;
    });
}

#[test]
fn try_for_each_async_closure() {
    spawned(|Owned { names, .. }| async move {
        let names = &names;
        let result = flow::iter(names.iter())
            .try_for_each_concurrent(TWO, async |name| check(name).await.map(drop))
            .await;
        assert!(result.is_err());
    });
}

#[test]
fn try_for_each_async_block() {
    spawned(|Owned { names, .. }| async move {
        let names = &names;
        let result = flow::iter(names.iter())
            .try_for_each_concurrent(TWO, |name| async move { check(name).await.map(drop) })
            .await;
        assert!(result.is_err());
    });
}

#[test]
fn map_async_closure() {
    spawned(|Owned { names, prefix }| async move {
        let (names, prefix) = (&names, &prefix);
        let all: Vec<String> = flow::iter(names.iter())
            .map_concurrent(TWO, async |name| greet(prefix, name).await)
            .collect()
            .await;
        assert_eq!(all, ["dear ann", "dear bob", "dear cleo"]);
    });
}

#[test]
fn map_async_block() {
    spawned(|Owned { names, prefix }| async move {
        let (names, prefix) = (&names, &prefix);
        let all: Vec<String> = flow::iter(names.iter())
            .map_concurrent(TWO, |name| async move { greet(prefix, name).await })
            .collect()
            .await;
        assert_eq!(all.len(), 3);
    });
}

#[test]
fn map_to_borrowed() {
    spawned(|Owned { names, .. }| async move {
        let names = &names;
        let all: Vec<&str> =
            flow::iter(names.iter()).map_concurrent(TWO, async |name| &name[1..]).collect().await;
        assert_eq!(all, ["nn", "ob", "leo"]);
    });
}

#[test]
fn map_unordered() {
    spawned(|Owned { names, prefix }| async move {
        let (names, prefix) = (&names, &prefix);
        let all: Vec<String> = flow::iter(names.iter())
            .map_concurrent(TWO, async |name| greet(prefix, name).await)
            .unordered()
            .window(TWO)
            .collect()
            .await;
        assert_eq!(all.len(), 3);
    });
}

#[test]
fn map_of_map() {
    spawned(|Owned { names, prefix }| async move {
        let (names, prefix) = (&names, &prefix);
        let all: Vec<usize> = flow::iter(names.iter())
            .map_concurrent(TWO, async |name| &name[1..])
            .map_concurrent(TWO, async |name| greet(prefix, name).await)
            .map_concurrent(TWO, |name| async move { name.len() })
            .collect()
            .await;
        assert_eq!(all, [7, 7, 8]);
    });
}

#[test]
fn map_weighted() {
    spawned(|Owned { names, prefix }| async move {
        let (names, prefix) = (&names, &prefix);
        let all: Vec<String> = flow::iter(names.iter())
            .map_weighted(TWO, |name| name.len(), async |name| greet(prefix, name).await)
            .collect()
            .await;
        assert_eq!(all.len(), 3);
        let all: Vec<&str> = flow::iter(names.iter())
            .map_weighted(TWO, |name| name.len(), |name| async move { name.as_str() })
            .collect()
            .await;
        assert_eq!(all.len(), 3);
    });
}

#[test]
fn map_with() {
    spawned(|Owned { names, prefix }| async move {
        let (names, prefix) = (&names, &prefix);
        let connect = || (prefix, Vec::new());
        let all: Vec<&str> = flow::iter(names.iter())
            .map_with(TWO, connect, async |(prefix, mut sent): (&String, Vec<_>), name| {
                sent.push(name);
                drop(greet(prefix, name).await);
                ((prefix, sent), name.as_str())
            })
            .collect()
            .await;
        assert_eq!(all.len(), 3);
        let all: Vec<usize> = flow::iter(names.iter())
            .map_with(TWO, Vec::new, |mut sent, name| async move {
                sent.push(name);
                (sent, name.len())
            })
            .collect()
            .await;
        assert_eq!(all.len(), 3);
    });
}

#[test]
fn on_undelivered() {
    spawned(|Owned { names, prefix }| async move {
        let (names, prefix) = (&names, &prefix);
        let lost = Mutex::new(0);
        let all: Vec<String> = flow::iter(names.iter())
            .map_concurrent(TWO, async |name| greet(prefix, name).await)
            .on_undelivered(|name| *lost.lock().unwrap() += name.len())
            .collect()
            .await;
        assert_eq!(all.len(), 3);
    });
}

#[test]
fn caught() {
    spawned(|Owned { names, prefix }| async move {
        let (names, prefix) = (&names, &prefix);
        let all = flow::iter(names.iter())
            .map_concurrent(TWO, async |name| greet(prefix, name).await)
            .catch_unwind()
            .collect::<Vec<_>>()
            .await;
        assert_eq!(all.len(), 3);
        let all = flow::iter(names.iter())
            .map_with(TWO, Vec::new, |mut sent, name| async move {
                sent.push(name);
                (sent, name)
            })
            .catch_unwind()
            .on_undelivered(drop)
            .collect::<Vec<_>>()
            .await;
        assert_eq!(all.len(), 3);
    });
}

#[test]
fn buffered() {
    spawned(|Owned { names, prefix }| async move {
        let (names, prefix) = (&names, &prefix);
        let all: Vec<String> =
            flow::iter(names.iter().map(|name| greet(prefix, name))).buffered(TWO).collect().await;
        assert_eq!(all.len(), 3);
        let all: Vec<String> =
            flow::iter(names.iter().map(|name| async move { greet(prefix, name).await }))
                .buffered(TWO)
                .collect()
                .await;
        assert_eq!(all.len(), 3);
    });
}

#[test]
fn buffered_unordered() {
    spawned(|Owned { names, prefix }| async move {
        let (names, prefix) = (&names, &prefix);
        let all: Vec<String> = flow::iter(names.iter().map(async |name| greet(prefix, name).await))
            .buffered(TWO)
            .unordered()
            .collect()
            .await;
        assert_eq!(all.len(), 3);
        let all: Vec<&str> = flow::iter(names.iter().map(|name| async move { name.as_str() }))
            .buffered(TWO)
            .unordered()
            .collect()
            .await;
        assert_eq!(all.len(), 3);
    });
}

#[test]
fn buffered_of_a_flow() {
    spawned(|Owned { names, prefix }| async move {
        let (names, prefix) = (&names, &prefix);
        let all: Vec<String> =
            flow::iter(names.iter()).map(|name| greet(prefix, name)).buffered(TWO).collect().await;
        assert_eq!(all.len(), 3);
        let all: Vec<&str> = flow::iter(names.iter())
            .map(|name| async move { name.as_str() })
            .buffered(TWO)
            .unordered()
            .catch_unwind()
            .filter_ok()
            .collect()
            .await;
        assert_eq!(all.len(), 3);
    });
}

#[test]
fn arguments_with_types() {
    spawned(|Owned { names, prefix }| async move {
        let (names, prefix) = (&names, &prefix);
        flow::iter(names.iter())
            .for_each_concurrent(TWO, async |name: &String| drop(greet(prefix, name).await))
            .await;
        flow::iter(names.iter())
            .for_each_concurrent(
                TWO,
                |name: &String| async move { drop(greet(prefix, name).await) },
            )
            .await;
        let all: Vec<String> = flow::iter(names.iter())
            .map_concurrent(TWO, async |name: &String| greet(prefix, name).await)
            .map_concurrent(TWO, |name: String| async move { name })
            .collect()
            .await;
        assert_eq!(all.len(), 3);
    });
}

#[test]
fn changes_of_captured_state() {
    spawned(|Owned { names, prefix }| async move {
        let (names, prefix) = (&names, &prefix);
        let mut calls = 0;
        flow::iter(names.iter())
            .for_each_concurrent(TWO, |name| {
                calls += 1;
                async move { drop(greet(prefix, name).await) }
            })
            .await;
        assert_eq!(calls, 3);
    });
}

#[test]
fn in_functions() {
    async fn greet_all<'a>(names: impl IntoIterator<Item = &'a String>, prefix: &str) -> usize {
        flow::iter(names)
            .map_concurrent(TWO, async |name| greet(prefix, name).await)
            .unordered()
            .count()
            .await
    }
    async fn map_all<T, U>(items: &[T], f: impl AsyncFn(&T) -> U) -> Vec<U> {
        flow::iter(items).map_concurrent(TWO, |item| f(item)).collect().await
    }
    fn boxed<'a>(
        names: &'a [String],
        prefix: &'a str,
    ) -> std::pin::Pin<Box<dyn Future<Output = ()> + Send + 'a>> {
        Box::pin(
            flow::iter(names)
                .filter(|name| name.len() < 4)
                .for_each_concurrent(TWO, async move |name| drop(greet(prefix, name).await)),
        )
    }
    spawned(|Owned { names, prefix }| async move {
        let (names, prefix) = (&names, &prefix);
        assert_eq!(greet_all(names, prefix).await, 3);
        boxed(names, prefix).await;
    });
    let lengths = map_all(&["a", "bb"], async |name| name.len());
    assert_eq!(smol::block_on(lengths), [1, 2]);
}

#[test]
fn expand_of_references() {
    spawned(|Owned { names, prefix }| async move {
        let (names, prefix) = (&names, &prefix);
        let walk = flow::expand(names.iter(), TWO, async |name: &String| {
            let next = names.iter().skip_while(|other| *other != name).nth(1);
            (greet(prefix, name).await, next)
        });
        let all: Vec<_> = walk.unordered().map(|greeting| greeting.len()).collect().await;
        assert!(all.len() >= names.len());
    });
}

#[test]
fn expand_of_slices() {
    spawned(|Owned { names, .. }| async move {
        let all = names.concat();
        let walk = flow::expand([all.as_str()], TWO, |part| async move {
            let middle = part.len() / 2;
            let (left, right) = part.split_at(middle);
            smol::future::yield_now().await;
            (
                part.len(),
                [left, right].into_iter().filter(move |half| middle > 0 && !half.is_empty()),
            )
        });
        let count = walk.window(8).newest_first().fold(0, async |sum, n| sum + n).await;
        assert!(count > all.len());
    });
}
