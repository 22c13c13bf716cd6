//! Sets and maps of futures, and of streams, are one type with a marker.

use crate::support::*;
use anyscope_core::{FixedFutureSet, FixedStreamSet, FutureMap, FutureSet, StreamMap, StreamSet};
use futures_lite::Stream;
use std::{
    future::Future,
    pin::{Pin, pin},
    task::{Context, Poll},
};

/// A future of 0, and a stream of 1 and 2.
struct Both(u32);

impl Future for Both {
    type Output = u32;

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<u32> {
        Poll::Ready(0)
    }
}

impl Stream for Both {
    type Item = u32;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<u32>> {
        self.0 += 1;
        Poll::Ready((self.0 <= 2).then_some(self.0))
    }
}

/// Given a child that is both a future and a stream, then the set decides which of them is polled.
#[test]
fn the_marker_says_what_is_polled() {
    let task = Task::new();
    let all = |set: &mut dyn FnMut() -> Poll<Option<u32>>| -> Vec<u32> {
        std::iter::from_fn(|| match set() {
            Poll::Ready(item) => item,
            Poll::Pending => panic!("it is always ready"),
        })
        .collect()
    };

    let mut set: FutureSet<_> = [Both(0)].into_iter().collect();
    assert_eq!(all(&mut || task.poll(&mut set)), [0]);
    let mut set: StreamSet<_> = [Both(0)].into_iter().collect();
    assert_eq!(all(&mut || task.poll(&mut set)), [1, 2]);
    let mut set = pin!(FixedFutureSet::<_, 1>::with_shared_waker());
    set.as_mut().try_push(Both(0)).unwrap();
    assert_eq!(all(&mut || task.poll(&mut set)), [0]);
    let mut set = pin!(FixedStreamSet::<_, 1>::with_shared_waker());
    set.as_mut().try_push(Both(0)).unwrap();
    assert_eq!(all(&mut || task.poll(&mut set)), [1, 2]);

    let mut map = FutureMap::new();
    map.replace('a', Both(0));
    assert_eq!(task.poll(&mut map), Poll::Ready(Some(('a', 0))));
    assert_eq!(task.poll(&mut map), Poll::Ready(None));
    let mut map = StreamMap::new();
    map.replace('a', Both(0));
    for item in [Some(1), Some(2), None] {
        assert_eq!(task.poll(&mut map), Poll::Ready(Some(('a', item))));
    }
    assert_eq!(task.poll(&mut map), Poll::Ready(None));
}

/// Given any of them, then `{:?}` calls it what its user does.
#[test]
fn each_is_called_by_its_alias() {
    let mut set = FutureSet::new();
    set.push(Both(0));
    assert_eq!(format!("{set:?}"), "FutureSet { len: 1, .. }");
    let mut set = StreamSet::new();
    set.push(Both(0));
    assert_eq!(format!("{set:?}"), "StreamSet { len: 1, .. }");
    let mut map = FutureMap::new();
    map.replace(7, Both(0));
    assert_eq!(format!("{map:?}"), "FutureMap { keys: [7], .. }");
    let mut map = StreamMap::new();
    map.replace(7, Both(0));
    assert_eq!(format!("{map:?}"), "StreamMap { keys: [7], .. }");
    let set = FixedFutureSet::<Both, 1>::with_shared_waker();
    assert_eq!(format!("{set:?}"), "FixedFutureSet { len: 0, .. }");
    let set = FixedStreamSet::<Both, 1>::with_shared_waker();
    assert_eq!(format!("{set:?}"), "FixedStreamSet { len: 0, .. }");
}
