//! The keyed forms.

use crate::support::*;
use anyscope_core::{FutureMap, StreamMap};
use std::{
    cell::Cell,
    error::Error,
    future::{poll_fn, ready},
    pin::Pin,
    rc::Rc,
    sync::Arc,
    task::Poll,
};

/// Given a key that is there, when it is inserted again, then both come back, and the first one
/// stays.
#[test]
fn a_key_is_inserted_once() {
    let mut map = FutureMap::new();
    map.insert("a", ready(1)).unwrap();
    let error = map.insert("a", ready(2)).unwrap_err();
    assert_eq!((error.key, error.value.into_inner()), ("a", 2));
    let error: Box<dyn Error> = Box::new(map.insert("a", ready(2)).unwrap_err());
    assert_eq!(error.to_string(), "the key \"a\" is in the map already");
    assert_eq!(format!("{error:?}"), "DuplicateKey { key: \"a\", .. }");
    let task = Task::new();
    assert_eq!(task.poll(&mut map), Poll::Ready(Some(("a", 1))));
    assert_eq!(task.poll(&mut map), Poll::Ready(None));
    map.insert("a", ready(3)).expect("the key is free again");
}

/// Given a stream that is replaced, then the old one is dropped at once, says nothing of its end,
/// and its waker does nothing for the new one but a poll.
#[test]
fn a_stream_is_replaced() {
    let (old, new) = (Remote::new(), Remote::new());
    let mut map = StreamMap::new();
    assert!(!map.replace(1, old.clone()));
    let task = Task::new();
    settle(&task, &mut map);
    assert!(map.replace(1, new.clone()));
    assert_eq!((Arc::strong_count(&old.0), map.len()), (1, 1));
    settle(&task, &mut map);
    old.give(1);
    settle(&task, &mut map);
    new.give(2);
    assert_eq!(task.poll(&mut map), Poll::Ready(Some((1, Some(2)))));
    new.end();
    assert_eq!(task.poll(&mut map), Poll::Ready(Some((1, None))));
    assert_eq!((task.poll(&mut map), map.len()), (Poll::Ready(None), 0));
}

/// Given a map, when keys are removed, then they are not there, their streams are dropped, and the
/// others go on.
#[test]
fn keys_are_removed() {
    let remotes: Vec<_> = (0..100).map(|_| Remote::new()).collect();
    let mut map = StreamMap::new();
    for (n, remote) in remotes.iter().enumerate() {
        map.insert(format!("{n:02}"), remote.clone()).unwrap();
    }
    let task = Task::new();
    settle(&task, &mut map);
    for n in (0..100).step_by(2) {
        let key = format!("{n:02}");
        assert!(map.contains_key(key.as_str()));
        assert!(map.remove(key.as_str()));
        assert!(!map.remove(key.as_str()) && !map.contains_key(key.as_str()));
        assert_eq!(Arc::strong_count(&remotes[n].0), 1);
    }
    let left: Vec<_> = (0..100).filter(|n| n % 2 == 1).map(|n| format!("{n:02}")).collect();
    assert!(map.keys().eq(left.iter()) && map.keys().len() == 50);
    remotes[51].give(6);
    assert_eq!(task.poll(&mut map), Poll::Ready(Some(("51".to_owned(), Some(6)))));
    map.clear();
    assert_eq!((map.len(), map.keys().next()), (0, None));
    assert_eq!(task.poll(&mut map), Poll::Ready(None));
    map.insert("51".to_owned(), Remote::new()).expect("free");
}

/// A key that counts how often it is compared.
#[derive(Clone, PartialEq, Eq)]
struct Key(u32, Rc<Cell<usize>>);

impl PartialOrd for Key {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Key {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.1.set(self.1.get() + 1);
        self.0.cmp(&other.0)
    }
}

/// Given many streams, then an item is found without comparing any keys.
#[test]
fn an_item_compares_no_keys() {
    let compared = Rc::new(Cell::new(0));
    let mut map = StreamMap::new();
    for n in 0..1000 {
        map.insert(Key(n, compared.clone()), stream::repeat(n)).unwrap_or_else(|_| panic!());
    }
    let task = Task::new();
    compared.set(0);
    for _ in 0..3000 {
        match task.poll(&mut map) {
            Poll::Ready(Some((key, item))) => assert_eq!(Some(key.0), item),
            _ => unreachable!(),
        }
    }
    assert_eq!(compared.get(), 0);
}

/// Given a future that panics, then its key is free, and a later tenant of its slot is not taken
/// for it.
#[test]
fn a_panic_frees_the_key() {
    let mut map: FutureMap<&str, Pin<Box<dyn Future<Output = u32>>>> = FutureMap::new();
    map.insert("a", Box::pin(poll_fn(|_| panic!("of a")))).unwrap();
    map.insert("b", Box::pin(ready(2))).unwrap();
    let task = Task::new();
    assert_eq!(panic_of(|| task.poll(&mut map)), "of a");
    assert!(!map.contains_key("a") && map.keys().eq(["b"].iter()));
    map.insert("c", Box::pin(ready(3))).unwrap();
    assert!(!map.remove("a"));
    map.insert("a", Box::pin(ready(1))).unwrap();
    let mut items = smol::block_on(map.collect::<Vec<_>>());
    items.sort_unstable();
    assert_eq!(items, [("a", 1), ("b", 2), ("c", 3)]);
}

/// Given a future that panics when it is removed or replaced, then its key is free, or the new
/// one's.
#[test]
fn a_panic_in_the_destructor_of_a_keyed_future() {
    let bomb = || Child { poll: step(|_| Poll::Ready(1)), drop: || panic!("of it") };
    let mut map: FutureMap<u8, Pin<Box<dyn Future<Output = u32>>>> = FutureMap::new();
    map.insert(1, Box::pin(bomb())).unwrap();
    assert_eq!(panic_of(|| map.remove(&1)), "of it");
    assert!(map.is_empty() && map.keys().next().is_none());
    map.insert(1, Box::pin(bomb())).unwrap();
    assert_eq!(panic_of(|| map.replace(1, Box::pin(ready(2)))), "of it");
    assert_eq!(Task::new().poll(&mut map), Poll::Ready(Some((1, 2))));
    map.insert(1, Box::pin(bomb())).unwrap();
    assert_eq!(panic_of(|| map.replace(1, Box::pin(ready(3)))), "of it");
    assert!(map.remove(&1) && map.is_empty(), "the new one");
    map.insert(1, Box::pin(bomb())).unwrap();
    map.insert(2, Box::pin(ready(2))).unwrap();
    assert_eq!(panic_of(|| map.clear()), "of it");
    assert!(map.is_empty() && map.keys().next().is_none());
}
