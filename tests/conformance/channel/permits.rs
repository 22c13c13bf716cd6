//! Sending in two steps.

use anyscope::{channel::handoff, scope};
use std::pin::pin;
use support::{behaviour, poll_once, yields};

behaviour! {
    /// Given a permit, then the item that is sent with it is the next, whatever else waits.
    b17_a_permit_is_a_promise |ex| {
        let (sender, mut receiver) = handoff();
        scope(&ex, async move |s| {
            let all = s.spawn(async move {
                (receiver.recv().await, receiver.recv().await, receiver)
            });
            let permit = sender.reserve().await.unwrap();
            let other = sender.clone();
            let behind = s.spawn(async move { other.send("behind").await });
            yields(20).await;
            permit.send("promised").unwrap();
            behind.await.unwrap().unwrap();
            let (first, second, _receiver) = all.await.unwrap();
            assert_eq!((first, second), (Some("promised"), Some("behind")));
        })
        .await;
    }

    /// Given a permit that is dropped, or a wait for one that is dropped with the permit in it, then the
    /// next one in line is served.
    b17_a_permit_that_is_dropped_is_passed_on |ex| {
        for unseen in [false, true] {
            let (sender, mut receiver) = handoff();
            scope(&ex, async move |s| {
                let mut reserve = Box::pin(sender.reserve());
                assert!(poll_once(reserve.as_mut()).is_pending());
                let other = sender.clone();
                let next = s.spawn(async move { other.send(1).await });
                let mut recv = pin!(receiver.recv());
                assert!(poll_once(recv.as_mut()).is_pending());
                if unseen { drop(reserve) } else { drop(reserve.await.unwrap()) }
                assert_eq!(recv.await, Some(1));
                next.await.unwrap().unwrap();
            })
            .await;
        }
    }

    /// Given a permit, when the channel is aborted, then a consumer that waits receives the end, and the
    /// permit returns the item.
    a_permit_of_a_channel_that_has_ended_returns_the_item |ex| {
        let (sender, mut receiver) = handoff();
        scope(&ex, async move |s| {
            let consumer = s.spawn(async move { receiver.recv().await });
            let permit = sender.reserve().await.unwrap();
            sender.abort();
            assert_eq!(consumer.await.unwrap(), None);
            assert_eq!(permit.send(1).unwrap_err().into_inner(), 1);
        })
        .await;
    }
}

/// Given a permit, when the receiver is gone, then it returns the item.
#[test]
fn a_permit_without_a_receiver_returns_the_item() {
    let (sender, receiver) = handoff();
    let mut receiver = Box::pin(receiver);
    let mut polled =
        pin!(std::future::poll_fn(|cx| { futures_core::Stream::poll_next(receiver.as_mut(), cx) }));
    assert!(poll_once(polled.as_mut()).is_pending());
    let permit = sender.try_reserve().unwrap();
    drop(receiver);
    assert_eq!(permit.send(1).unwrap_err().into_inner(), 1);
}
