//! Models of the handles of sets and maps; see [`crate::model`].

use crate::{
    FutureMap, FutureSet, InsertError,
    model::{Census, Probe, block_on, check, spawn},
};
use core::future::{Ready, ready};

/// A handle adds while the set is polled, and goes. Fails if the task is not woken for what was added or
/// for the last handle that has gone, or registers itself after it has looked.
#[test]
fn set_handle_push_or_poll() {
    check("set handle: push or poll", || {
        let mut set = FutureSet::new();
        let handle = set.handle();
        let other = spawn(move || handle.push(ready(1)).expect("the set is there"));
        assert_eq!(block_on(set.as_completed().count()), 1);
        other.join();
    });
}

/// Two handles add at the same time.
#[test]
fn set_handle_push_or_push() {
    check("set handle: push or push", || {
        let mut set = FutureSet::new();
        let handles = [set.handle(), set.handle()];
        let others = handles.map(|handle| spawn(move || handle.push(ready(1)).expect("there")));
        assert_eq!(block_on(set.as_completed().count()), 2);
        others.into_iter().for_each(|other| other.join());
    });
}

/// A handle adds while the set is dropped: what was added is dropped with it, or comes back.
/// Fails if the drop looks at what was added before it closes.
#[test]
fn set_handle_push_or_drop() {
    check("set handle: push or drop", || {
        let census = Census::default();
        let probe = census.probe();
        let mut set = FutureSet::<Ready<Probe>>::new();
        let (handle, keeps) = (set.handle(), set.handle());
        let other = spawn(move || match handle.push(ready(probe)) {
            Ok(()) => {}
            Err(refused) => refused.value.into_inner().touch(),
        });
        drop(set);
        other.join();
        assert_eq!(census.alive(), 0);
        drop(keeps);
    });
}

/// One handle closes while another one adds: what was added before that is done.
#[test]
fn set_handle_push_or_close() {
    check("set handle: push or close", || {
        let mut set = FutureSet::new();
        let (adds, closes) = (set.handle(), set.handle());
        let other = spawn(move || usize::from(adds.push(ready(1)).is_ok()));
        closes.close();
        let done = block_on(set.as_completed().count());
        assert_eq!(done, other.join());
    });
}

/// A handle and the map itself take the same key: one of them has it, and the other's future comes back.
/// Fails if the key is looked up and taken in two steps.
#[test]
fn map_handle_insert_or_insert() {
    check("map handle: insert or insert", || {
        let mut map = FutureMap::new();
        let handle = map.handle();
        let other = spawn(move || match handle.insert("key", ready(1)) {
            Ok(()) => 1,
            Err(InsertError::DuplicateKey { value, .. }) => value.into_inner() - 1,
            Err(InsertError::Closed { .. }) => unreachable!("the map is there"),
        });
        let ours = map.insert("key", ready(1)).is_ok();
        assert_eq!((usize::from(ours) + other.join(), map.len()), (1, 1));
        assert_eq!(block_on(map.as_completed().count()), 1);
    });
}
