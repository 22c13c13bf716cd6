//! Handles that add to a map while it is waited for.

use crate::{Boxed, after, when};
use anyscope::{FutureMap, FutureSet, InsertError, When, join, scope};
use futures_lite::{StreamExt, future};
use std::future::ready;
use support::{Signal, behaviour, until, yield_now, yields};

behaviour! {
    /// Given a wait for more than there are, when a handle adds what is missing, then it ends.
    w13_a_handle_adds_to_a_wait |ex| {
        scope(&ex, async |s| {
            let (go, mut map) = (Signal::new(), FutureMap::new());
            map.insert(0, when(&go, 0)).unwrap();
            let handle = map.handle();
            let others = (1..5).map(|n| {
                let handle = handle.clone();
                s.spawn(async move {
                    yields(n).await;
                    handle.insert(n, after(n, n)).unwrap();
                })
            });
            let others: Vec<_> = others.collect();
            let mut done = map.wait(When::Count(4)).await.require().unwrap();
            done.sort();
            assert_eq!(done, [(1, 1), (2, 2), (3, 3), (4, 4)]);
            go.fire();
            assert_eq!(map.wait(When::First).await.done, [(0, 0)]);
            join(others).await;
        })
        .await;
    }

    /// Given a handle, then a wait for all ends when the map is empty.
    w13_a_handle_does_not_keep_a_wait |_ex| {
        let mut map: FutureMap<_, Boxed<u8>> = FutureMap::new();
        let handle = map.handle();
        assert!(map.wait(When::All).await.met);
        assert!(!map.wait(When::First).await.met);
        handle.insert('a', after(3, 7)).unwrap();
        assert_eq!(map.wait(When::All).await.done, [('a', 7)]);
    }

    /// Given a future that adds another to its own map, then a wait for all has both.
    w13_a_future_adds_to_its_own_map |_ex| {
        let mut set: FutureSet<Boxed<u32>> = FutureSet::new();
        let handle = set.handle();
        let child = handle.clone();
        handle.push(Box::pin(async move {
            yield_now().await;
            child.push(after(2, 2)).unwrap();
            1
        }))
        .unwrap();
        assert_eq!(set.wait(When::All).await.done, [1, 2]);
        drop(set);
        assert_eq!(handle.push(after(0, 7)).unwrap_err().value.await, 7);
    }

    /// Given a key that is in the map, or that another handle has just added, then an insert is
    /// refused, and has its future back.
    w10_a_handle_refuses_a_key_twice |_ex| {
        let mut map = FutureMap::new();
        map.insert("old", ready(1)).unwrap();
        let handle = map.handle();
        handle.insert("new", ready(2)).unwrap();
        for key in ["old", "new"] {
            for handle in [&handle, &handle.clone()] {
                let error = handle.insert(key, ready(3)).unwrap_err();
                assert!(matches!(error, InsertError::DuplicateKey { .. }));
                assert_eq!(error.to_string(), format!("the key {key:?} is in the map already"));
                let (back, future) = error.into_parts();
                assert_eq!((back, future.await), (key, 3));
            }
            let error = map.insert(key, ready(4)).unwrap_err();
            assert_eq!((error.key, error.value.await), (key, 4));
            assert!(map.contains_key(key));
        }
        assert_eq!(map.len(), 2);
        assert_eq!(map.wait(When::All).await.done, [("old", 1), ("new", 2)]);
        handle.insert("old", ready(5)).unwrap();
        assert_eq!(map.next().await, Some(("old", 5)));
        handle.insert("old", ready(6)).unwrap();
        assert!(map.remove("old") && !map.contains_key("old"));
        handle.insert("old", ready(7)).unwrap();
        assert!(map.replace("old", ready(8)));
        assert!(handle.insert("old", ready(9)).is_err());
        assert_eq!(map.next().await, Some(("old", 8)));
        map.insert("more", ready(1)).unwrap();
        handle.insert("most", ready(1)).unwrap();
        map.clear();
        assert!(map.is_empty());
        handle.insert("more", ready(10)).unwrap();
        handle.insert("most", ready(11)).unwrap();
        assert_eq!(map.collect::<Vec<_>>().await, [("more", 10), ("most", 11)]);
    }

    /// Given a map that is gone, or closed, then an insert is refused, and has its future back.
    w13_a_closed_map_refuses |_ex| {
        let mut map = FutureMap::new();
        let handle = map.handle();
        handle.insert(1, ready("in time")).unwrap();
        handle.close();
        let error = handle.insert(2, ready("late")).unwrap_err();
        assert!(matches!(error, InsertError::Closed { key: 2, .. }));
        assert_eq!(error.to_string(), "the map is closed: 2 was not inserted");
        assert_eq!(error.into_parts().1.await, "late");
        map.insert(3, ready("by the owner")).unwrap();
        let done = map.wait(When::All).await.done;
        assert_eq!(done, [(3, "by the owner"), (1, "in time")]);
        drop(map);
        assert!(handle.is_closed() && handle.insert(1, ready("gone")).is_err());
    }

    /// Given a handle on another thread, when it inserts while the task sleeps, then the task is
    /// woken.
    w13_a_handle_wakes_from_elsewhere with threads |ex| {
        let mut map: FutureMap<u32, Boxed<u32>> = FutureMap::new();
        let handle = map.handle();
        let (go, stop) = (Signal::new(), Signal::new());
        map.insert(0, when(&stop, 0)).unwrap();
        let there = std::thread::spawn({
            let go = go.clone();
            move || {
                future::block_on(go.wait());
                for n in 1..100 {
                    handle.insert(n, Box::pin(ready(n))).unwrap();
                }
            }
        });
        let (waited, ()) = join((map.wait(When::Count(99)), async {
            until(|| stop.waiting() == 1).await;
            go.fire();
        }))
        .await;
        // Those that are ready at the same time come in any order: places in the set are used again.
        let mut done = waited.done;
        done.sort();
        assert!(done.into_iter().eq((1..100).map(|n| (n, n))));
        there.join().unwrap();
        drop(ex);
    }

    /// Given a future that panics, then its key is free for handles, too.
    w10_the_key_of_a_panic_is_free |_ex| {
        let mut map: FutureMap<u32, Boxed<u32>> = FutureMap::new();
        let handle = map.handle();
        handle.insert(1, Box::pin(async { panic!("planned") })).unwrap();
        let wait = support::panic_of(async { drop(map.wait(When::All).await) }).await;
        assert_eq!(wait, "planned");
        handle.insert(1, after(0, 2)).unwrap();
        assert_eq!(map.wait(When::All).await.done, [(1, 2)]);
    }
}
