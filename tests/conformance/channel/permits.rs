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

behaviour! {
    /// Given a permit that is owned, when all senders are gone, then its item comes before the end, from
    /// wherever it is sent.
    b17_a_permit_that_is_owned_outlives_its_senders |ex| {
        let (sender, mut receiver) = handoff();
        scope(&ex, async move |s| {
            let all = s.spawn(async move { (receiver.recv().await, receiver.recv().await) });
            let permit = sender.reserve_owned().await.unwrap();
            assert!(sender.try_reserve_owned().is_err());
            drop(sender);
            let send = s.spawn(async move {
                yields(5).await;
                permit.send("promised")
            });
            send.await.unwrap().unwrap();
            assert_eq!(all.await.unwrap(), (Some("promised"), None));
        })
        .await;
    }

    /// Given a wait for a permit that is owned, and no other sender, then the channel is open as long as it
    /// is there.
    b17_a_wait_that_is_owned_is_a_sender |ex| {
        for taken in [true, false] {
            let (sender, mut receiver) = handoff();
            scope(&ex, async move |s| {
                let mut wait = Box::pin(sender.reserve_owned());
                if taken {
                    assert!(poll_once(wait.as_mut()).is_pending());
                }
                drop(sender);
                assert!(!receiver.is_closed());
                let permit = s.spawn(async move { wait.await.unwrap().send(1) });
                assert_eq!((receiver.recv().await, receiver.recv().await), (Some(1), None));
                permit.await.unwrap().unwrap();
            })
            .await;
        }
    }

    /// Given a permit that is owned, or a wait for one, that is dropped, then the next in line is served;
    /// given an abort, then the permit returns the item.
    b17_a_permit_that_is_owned_is_passed_on |ex| {
        for unseen in [false, true] {
            let (sender, mut receiver) = handoff();
            scope(&ex, async move |s| {
                let mut reserve = Box::pin(sender.reserve_owned());
                assert!(poll_once(reserve.as_mut()).is_pending());
                let other = sender.clone();
                let next = s.spawn(async move { other.send(1).await });
                let mut recv = Box::pin(receiver.recv());
                assert!(poll_once(recv.as_mut()).is_pending());
                if unseen { drop(reserve) } else { drop(reserve.await.unwrap()) }
                assert_eq!(recv.as_mut().await, Some(1));
                next.await.unwrap().unwrap();
                drop(recv);

                let mut recv = pin!(receiver.recv());
                assert!(poll_once(recv.as_mut()).is_pending());
                let permit = sender.try_reserve_owned().unwrap();
                sender.abort();
                assert_eq!(permit.send(2).unwrap_err().into_inner(), 2);
                assert_eq!(recv.await, None);
                assert!(sender.reserve_owned().await.is_err());
            })
            .await;
        }
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
