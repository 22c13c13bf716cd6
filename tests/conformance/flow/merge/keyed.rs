//! Sources that come and go by key.

use super::sources::{all, channels, format_event, slow};
use anyscope::flow::{self, KeyedEvent};
use futures_lite::{
    StreamExt,
    stream::{self, Boxed},
};
use std::{collections::HashMap, pin::pin};
use support::{behaviour, poll_once, yield_now};

behaviour! {
    /// Sources come and go by key while they are merged, and each that goes is an event.
    keyed_sources_come_and_go |ex| {
        let _ = &ex;
        let (feeds, merge) = flow::merge_keyed();
        let mut merge = pin!(merge.into_stream());
        let mut next = async || format_event(merge.next().await);
        let (senders, mut sources) = channels(3);
        feeds.insert("c", sources.pop().unwrap()).unwrap();
        feeds.insert("b", sources.pop().unwrap()).unwrap();
        feeds.insert("a", sources.pop().unwrap()).unwrap();
        senders[1].try_send(1).unwrap();
        assert_eq!(next().await, "b: 1");
        // One that is taken is refused.
        feeds.insert("b", stream::once(9).boxed()).unwrap();
        assert_eq!(next().await, "b refused");
        feeds.replace("a", stream::once(7).boxed()).unwrap();
        assert_eq!(next().await, "a replaced");
        assert!(senders[0].is_closed());
        assert_eq!(next().await, "a: 7");
        assert_eq!(next().await, "a ended");
        feeds.insert("a", stream::once(8).boxed()).unwrap();
        assert_eq!(next().await, "a: 8");
        assert_eq!(next().await, "a ended");
        // What is not there cannot be removed.
        feeds.remove("a");
        feeds.remove("b");
        assert_eq!(next().await, "b removed");
        assert!(senders[1].is_closed());
        drop(feeds.clone());
        drop(feeds);
        senders[2].try_send(3).unwrap();
        assert_eq!(next().await, "c: 3");
        senders[2].close();
        assert_eq!(next().await, "c ended");
        assert_eq!(next().await, "end");
    }

    /// Without a source a keyed merge waits for its handles, from other tasks too; when the last
    /// one is gone it ends.
    keyed_merge_waits_for_its_handles |ex| {
        let (feeds, merge) = flow::merge_keyed::<usize, flow::sources::FromStream<Boxed<usize>>>();
        let mut merge = pin!(merge.into_stream());
        assert!(poll_once(pin!(merge.next())).is_pending());
        let came = anyscope::scope(&ex, async |s| {
            for n in 0..8 {
                let feeds = feeds.clone();
                let feed = async move {
                    for round in 0..20 {
                        yield_now().await;
                        feeds.insert(n, slow(0..round).boxed()).unwrap();
                        yield_now().await;
                        feeds.remove(n);
                    }
                };
                drop(s.spawn(feed));
            }
            drop(feeds);
            let mut open = HashMap::new();
            let mut opened = 0;
            while let Some(event) = merge.next().await {
                let key = *event.key();
                match event {
                    KeyedEvent::Item(_, item) => {
                        let next = open.entry(key).or_insert_with(|| {
                            opened += 1;
                            0
                        });
                        assert_eq!(item, *next);
                        *next += 1;
                    }
                    KeyedEvent::Ended(_) | KeyedEvent::Removed(_) => drop(open.remove(&key)),
                    KeyedEvent::Refused(..) => panic!("each was removed before"),
                    KeyedEvent::Replaced(_) => unreachable!(),
                }
            }
            assert!(open.is_empty());
            true
        });
        assert!(came.await);
    }

    /// A keyed merge that is gone refuses sources, and gives back what it had.
    keyed_merge_gives_back_what_it_has |ex| {
        let _ = &ex;
        let (feeds, merge) = flow::merge_keyed();
        let mut merge = merge.into_stream();
        feeds.insert(1, stream::once(1).boxed()).unwrap();
        assert_eq!(format_event(merge.next().await), "1: 1");
        feeds.insert(2, stream::once(2).boxed()).unwrap();
        feeds.insert(2, stream::once(3).boxed()).unwrap();
        let mut keys: Vec<_> = merge.into_parts().into_iter().map(|(key, _)| key).collect();
        keys.sort_unstable();
        assert_eq!(keys, [1, 2, 2]);
        assert!(feeds.is_closed());
        let refused = feeds.insert(4, stream::once(4).boxed()).unwrap_err();
        assert_eq!(all(flow::source(refused.0)).await, [4]);
    }
}
