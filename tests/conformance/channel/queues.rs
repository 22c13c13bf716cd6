//! Queues with room are those of others: as sources and sinks of a flow, with each rule of overflow.

use anyscope::{flow, scope};
use support::behaviour;

behaviour! {
    /// Given an `async-channel`, then its receiver is a flow, and a flow is sent into it.
    a_queue_is_a_source_and_a_sink |ex| {
        let (sender, receiver) = async_channel::bounded(3);
        scope(&ex, async move |s| {
            s.spawn(async move {
                flow::iter(0..100).for_each(async |n| sender.send(n).await.unwrap()).await;
            });
            let sum = flow::stream(receiver).fold(0, async |sum, n| sum + n).await;
            assert_eq!(sum, (0..100).sum());
        })
        .await;
    }

    /// Given a queue of three that drops the oldest, when ten come at once, then the consumer sees the
    /// last three, and what was dropped is handed out, each once.
    b11_b14_the_oldest_is_dropped |ex| {
        let _ = &ex;
        let (sender, receiver) = async_channel::bounded(3);
        let dropped: Vec<_> = (0..10).filter_map(|n| sender.force_send(n).unwrap()).collect();
        drop(sender);
        assert_eq!(dropped, [0, 1, 2, 3, 4, 5, 6]);
        assert_eq!(flow::stream(receiver).collect::<Vec<_>>().await, [7, 8, 9]);
    }

    /// Given a queue of three that drops the newest, then the consumer sees the first three.
    b12_b14_the_newest_is_dropped |ex| {
        let _ = &ex;
        let (sender, receiver) = async_channel::bounded(3);
        let dropped: Vec<_> =
            (0..10).filter_map(|n| sender.try_send(n).err().map(|e| e.into_inner())).collect();
        drop(sender);
        assert_eq!(dropped, [3, 4, 5, 6, 7, 8, 9]);
        assert_eq!(flow::stream(receiver).collect::<Vec<_>>().await, [0, 1, 2]);
    }

    /// Given room for one that keeps the latest, then a producer never waits, and the consumer sees
    /// the latest.
    b13_b14_the_latest_is_kept |ex| {
        let _ = &ex;
        let (sender, receiver) = async_channel::bounded(1);
        let dropped: Vec<_> = (0..5).filter_map(|n| sender.force_send(n).unwrap()).collect();
        assert_eq!(dropped, [0, 1, 2, 3]);
        assert_eq!(receiver.recv().await, Ok(4));
    }
}
