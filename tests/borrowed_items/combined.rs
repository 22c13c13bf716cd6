//! Several flows, or other futures.

use crate::support::{NoTime, Owned, greet, spawned};
use anyscope::{
    FutureMap, FutureSet, Limit, StreamSet, flow, join, maybe, race, race_ok, try_join,
};
use smol::stream::StreamExt;
use std::{
    collections::{BTreeMap, HashMap},
    time::Duration,
};

const TWO: Limit = Limit::new(2);

#[test]
fn merge_of_tuple() {
    spawned(|Owned { names, prefix }| async move {
        let (names, prefix) = (&names, &prefix);
        let greetings =
            flow::iter(names.iter()).map_concurrent(TWO, async |name| greet(prefix, name).await);
        let lengths = flow::iter(names.iter()).map(|name| (prefix, name));
        let count = flow::merge((greetings, lengths, smol::stream::iter(names.iter())))
            .map_concurrent(TWO, async |one| one)
            .count()
            .await;
        assert_eq!(count, 9);
    });
}

#[test]
fn merge_of_streams() {
    spawned(|Owned { names, prefix }| async move {
        let (names, prefix) = (&names, &prefix);
        let greetings = smol::stream::iter(names.iter()).map(|name| (prefix, name));
        let others = smol::stream::iter(names.iter()).map(|name| &name[1..]);
        let count = flow::merge((greetings, others)).map(|one| one).count().await;
        assert_eq!(count, 6);
    });
}

#[test]
fn merge_all() {
    spawned(|Owned { names, prefix }| async move {
        let (names, prefix) = (&names, &prefix);
        let flows = names.iter().map(|name| {
            flow::iter(name.split('o'))
                .map_concurrent(TWO, async move |part| greet(prefix, part).await)
        });
        let all: Vec<_> = flow::merge_all(flows).collect().await;
        assert_eq!(all.len(), 5);
        let flows = (0..20).map(|n| flow::iter(names.iter()).map(move |name| (n, name, prefix)));
        let all: Vec<_> = flow::merge_all(flows).prefetch(TWO).collect().await;
        assert_eq!(all.len(), 60);
    });
}

#[test]
fn try_merge() {
    spawned(|Owned { names, prefix }| async move {
        let (names, prefix) = (&names, &prefix);
        let flows = [flow::iter(names.iter()).map(|name| Ok::<_, &str>((name, prefix)))];
        let all: Result<Vec<_>, &str> = flow::try_merge(flows).prefetch(TWO).try_collect().await;
        assert_eq!(all.unwrap().len(), 3);
    });
}

#[test]
fn merge_keyed() {
    spawned(|Owned { names, prefix }| async move {
        let (names, prefix) = (&names, &prefix);
        let (handle, merge) = flow::merge_keyed();
        for name in names {
            handle
                .insert(name, flow::iter(name.split('o')).map(move |part| (prefix, part)))
                .unwrap();
        }
        drop(handle);
        let all: Vec<_> = merge.filter_map(|event| event.into_item()).collect().await;
        assert_eq!(all.len(), 5);
    });
}

#[test]
fn zip() {
    spawned(|Owned { names, prefix }| async move {
        let (names, prefix) = (&names, &prefix);
        let greetings =
            flow::iter(names.iter()).map_concurrent(TWO, async |name| greet(prefix, name).await);
        let all: Vec<_> =
            flow::iter(names.iter()).map(|name| (name, prefix)).zip(greetings).collect().await;
        assert_eq!(all.len(), 3);
        let all = flow::iter(names.iter())
            .map(|name| (name, prefix))
            .zip_strict(flow::iter(names.iter()).map(|name| &name[1..]))
            .collect::<Vec<_>>()
            .await;
        assert_eq!(all.len(), 3);
    });
}

#[test]
fn flatten() {
    spawned(|Owned { names, prefix }| async move {
        let (names, prefix) = (&names, &prefix);
        let all: Vec<_> = flow::iter(names.iter())
            .map(|name| flow::iter(name.split('o')).map(move |part| (prefix, part)))
            .flatten(TWO)
            .map_concurrent(TWO, async |(prefix, part)| greet(prefix, part).await)
            .collect()
            .await;
        assert_eq!(all.len(), 5);
    });
}

#[test]
fn flat_map() {
    spawned(|Owned { names, prefix }| async move {
        let (names, prefix) = (&names, &prefix);
        let all: Vec<_> = flow::iter(names.iter())
            .flat_map(TWO, |name| {
                flow::iter(name.split('o'))
                    .map_concurrent(TWO, async move |part| greet(prefix, part).await)
            })
            .collect()
            .await;
        assert_eq!(all.len(), 5);
        let all: Vec<_> = flow::iter(names.iter())
            .flat_map(TWO, |name| {
                smol::stream::iter(name.split('o')).map(move |part| (prefix, part))
            })
            .collect()
            .await;
        assert_eq!(all.len(), 5);
    });
}

#[test]
fn try_flatten() {
    spawned(|Owned { names, prefix }| async move {
        let (names, prefix) = (&names, &prefix);
        let all: Result<Vec<_>, &str> = flow::iter(names.iter())
            .map(|name| {
                Ok(flow::iter(name.split('o')).map(move |part| Ok::<_, &str>((prefix, part))))
            })
            .try_flatten(TWO)
            .try_collect()
            .await;
        assert_eq!(all.unwrap().len(), 5);
    });
}

#[test]
fn switch() {
    spawned(|Owned { names, prefix }| async move {
        let (names, prefix) = (&names, &prefix);
        let all: Vec<_> = flow::iter(names.iter())
            .switch_map(|name| {
                flow::iter(name.split('o'))
                    .map_concurrent(TWO, async move |part| greet(prefix, part).await)
            })
            .collect()
            .await;
        assert_eq!(all.len(), 2);
        let all: Vec<_> = flow::iter(names.iter())
            .map(|name| flow::iter(name.split('o')).map(move |part| (prefix, part)))
            .switch()
            .collect()
            .await;
        assert_eq!(all.len(), 2);
    });
}

#[test]
fn joined() {
    spawned(|Owned { names, prefix }| async move {
        let (names, prefix) = (&names, &prefix);
        let look = flow::iter(names.iter())
            .for_each_concurrent(TWO, async |name| drop(greet(prefix, name).await));
        let sum = flow::iter(names.iter()).fold(0, async |sum, name| sum + name.len());
        let all = flow::iter(names.iter()).map(|name| (prefix, name)).collect::<Vec<_>>();
        let map = flow::iter(names.iter())
            .map_concurrent(TWO, |name| async move { name })
            .collect::<Vec<_>>();
        let ((), sum, all, map) = join((look, sum, all, map)).await;
        assert_eq!((sum, all.len(), map.len()), (10, 3, 3));
    });
}

#[test]
fn joined_vec() {
    spawned(|Owned { names, prefix }| async move {
        let (names, prefix) = (&names, &prefix);
        let sums: Vec<_> = names
            .iter()
            .map(|name| {
                flow::iter(name.split('o'))
                    .fold(0, async move |sum, part| sum + greet(prefix, part).await.len())
            })
            .collect();
        assert_eq!(join(sums).await.len(), 3);
        let greetings: Vec<_> =
            names.iter().map(|name| async move { greet(prefix, name).await }).collect();
        assert_eq!(join(greetings).await.len(), 3);
    });
}

#[test]
fn joined_maps() {
    spawned(|Owned { names, prefix }| async move {
        let (names, prefix) = (&names, &prefix);
        let keyed: BTreeMap<&str, _> = names
            .iter()
            .map(|name| (&name[..], async move { greet(prefix, name).await }))
            .collect();
        assert_eq!(join(keyed).await.len(), 3);
        let keyed: HashMap<&str, _> = names
            .iter()
            .map(|name| (&name[..], async move { greet(prefix, name).await }))
            .collect();
        assert_eq!(join(keyed).await.len(), 3);
        let lazily = names.iter().map(|name| greet(prefix, name));
        assert_eq!(join(lazily).await.len(), 3);
        let asleep = names.iter().map(async |name| greet(prefix, name).await);
        assert_eq!(join(asleep.collect::<Vec<_>>()).await.len(), 3);
    });
}

#[test]
fn try_joined() {
    spawned(|Owned { names, prefix }| async move {
        let (names, prefix) = (&names, &prefix);
        let call = |name| async move {
            let greeting = greet(prefix, name).await;
            if greeting.is_empty() { Err(name) } else { Ok((name, greeting)) }
        };
        let all = try_join(names.iter().map(|name| call(name)).collect::<Vec<_>>()).await;
        assert_eq!(all.unwrap().len(), 3);
        let (one, two, seen) = try_join((
            call(names[0].as_str()),
            call(names[1].as_str()),
            maybe(call(names[2].as_str())),
        ))
        .await
        .unwrap();
        assert_eq!((one.0, two.0, seen.is_some()), (&names[0][..], &names[1][..], true));
    });
}

#[test]
fn raced() {
    spawned(|Owned { names, prefix }| async move {
        let (names, prefix) = (&names, &prefix);
        let call = |name| async move { Ok::<_, &str>((name, greet(prefix, name).await)) };
        let (name, _) = race((call(names[0].as_str()), call(names[1].as_str()))).await.unwrap();
        assert_eq!(name, names[0]);
        let (name, _) = race([call(names[0].as_str()), call(names[1].as_str())]).await.unwrap();
        assert_eq!(name, names[0]);
        let (name, _) =
            race(names.iter().map(|name| call(name)).collect::<Vec<_>>()).await.unwrap().unwrap();
        assert_eq!(name, names[0]);
        let (name, _) =
            race_ok(names.iter().map(|name| call(name)).collect::<Vec<_>>()).await.unwrap();
        assert_eq!(name, names[0]);
        let nested = join((
            race_ok(names.iter().map(|name| call(name)).collect::<Box<[_]>>()),
            race(Some(call(name))),
        ));
        assert_eq!(nested.await.0.unwrap().0, name);
    });
}

#[test]
fn sets() {
    spawned(|Owned { names, prefix }| async move {
        let (names, prefix) = (&names, &prefix);
        let mut set: FutureSet<_> = names
            .iter()
            .map(|name| {
                flow::iter(name.split('o'))
                    .for_each_concurrent(TWO, async move |part| drop(greet(prefix, part).await))
            })
            .collect();
        let mut count = 0;
        while set.next().await.is_some() {
            count += greet(prefix, "").await.len() / 5;
        }
        assert_eq!(count, 3);
        let mut map = FutureMap::new();
        map.insert(
            "a",
            flow::iter(names.iter())
                .for_each_concurrent(TWO, async |name| drop(greet(prefix, name).await)),
        )
        .unwrap();
        while map.next().await.is_some() {
            drop(greet(prefix, "").await);
        }
        let mut set: StreamSet<_> = names
            .iter()
            .map(|name| flow::iter(name.split('o')).map(move |part| (prefix, part)).into_stream())
            .collect();
        while set.next().await.is_some() {
            drop(greet(prefix, "").await);
        }
    });
}

#[test]
fn parts() {
    spawned(|Owned { names, prefix }| async move {
        let (names, prefix) = (&names, &prefix);
        let made = || flow::iter(names.iter()).map(|name| (name, prefix));
        let zip = made().zip(made()).into_stream().into_parts();
        let map =
            made().map_concurrent(TWO, async |(name, _)| name.len()).into_stream().into_parts();
        let buffer = made().prefetch(TWO).into_stream().into_parts();
        let delayed = made().delay_each(NoTime, Duration::ZERO, TWO).into_stream().into_parts();
        drop(greet(prefix, "").await);
        drop((zip, map, buffer, delayed));
    });
}
