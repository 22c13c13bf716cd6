//! How a channel ends, and for whom.

use anyscope::{
    channel::{TryRecvError, TrySendError, handoff},
    scope,
};
use std::pin::pin;
use support::{behaviour, poll_once, yields};

behaviour! {
    /// Given sends that wait when the channel is closed, then these are received, and then the end.
    b7_b10_a_close_lets_those_who_wait_through |ex| {
        for by_receiver in [false, true] {
            let (sender, mut receiver) = handoff();
            scope(&ex, async move |s| {
                let handles: Vec<_> = (0..3)
                    .map(|n| {
                        let sender = sender.clone();
                        s.spawn(async move { sender.send(n).await })
                    })
                    .collect();
                yields(20).await;
                // What had not come by then fails.
                if by_receiver { receiver.close() } else { sender.close() }
                assert_eq!(sender.send(9).await.unwrap_err().into_inner(), 9);
                assert_eq!(sender.try_send(9), Err(TrySendError::Closed(9)));
                assert!(sender.reserve().await.is_err());
                let mut received = vec![];
                while let Some(n) = receiver.recv().await {
                    received.push(n);
                }
                let mut sent = vec![];
                for (n, handle) in handles.into_iter().enumerate() {
                    match handle.await.unwrap() {
                        Ok(()) => sent.push(n),
                        Err(error) => assert_eq!(error.into_inner(), n),
                    }
                }
                received.sort();
                assert_eq!(received, sent);
                assert_eq!(receiver.recv().await, None);
                assert_eq!(receiver.try_recv(), Err(TryRecvError::Closed));
            })
            .await;
        }
    }

    /// Given the last sender dropped while a consumer waits, then it receives the end.
    b7_the_last_sender_is_the_end |ex| {
        let (sender, mut receiver) = handoff::<u32>();
        scope(&ex, async move |s| {
            let consumer = s.spawn(async move { receiver.recv().await });
            yields(10).await;
            drop(sender);
            assert_eq!(consumer.await.unwrap(), None);
        })
        .await;
    }

    /// Given the receiver dropped, then sends that wait and later ones fail with their items.
    b8_a_receiver_that_goes_hands_all_back |ex| {
        let (sender, receiver) = handoff();
        scope(&ex, async move |s| {
            let handles: Vec<_> = (0..3)
                .map(|n| {
                    let sender = sender.clone();
                    s.spawn(async move { sender.send(n).await.unwrap_err().into_inner() })
                })
                .collect();
            let permit = {
                let sender = sender.clone();
                s.spawn(async move { sender.reserve().await.is_err() })
            };
            yields(10).await;
            drop(receiver);
            for (n, handle) in handles.into_iter().enumerate() {
                assert_eq!(handle.await.unwrap(), n);
            }
            assert!(permit.await.unwrap());
            assert_eq!(sender.send(7).await.unwrap_err().into_inner(), 7);
            assert!(sender.is_closed());
        })
        .await;
    }

    /// Given one of several senders dropped, then nobody notices.
    b9_one_sender_of_many_goes_unnoticed |ex| {
        let (sender, mut receiver) = handoff();
        scope(&ex, async move |s| {
            let other = sender.clone();
            let handle = s.spawn(async move { other.send(1).await });
            yields(10).await;
            drop(sender.clone());
            yields(10).await;
            assert_eq!(receiver.recv().await, Some(1));
            handle.await.unwrap().unwrap();
            let last = s.spawn(async move { receiver.recv().await });
            yields(10).await;
            drop(sender.clone());
            sender.send(2).await.unwrap();
            assert_eq!(last.await.unwrap(), Some(2));
        })
        .await;
    }

    /// Given sends that wait when the channel is aborted, then these fail with their items, and the
    /// consumer receives the end.
    b10_an_abort_hands_all_back |ex| {
        let (sender, mut receiver) = handoff();
        scope(&ex, async move |s| {
            let handles: Vec<_> = (0..5)
                .map(|n| {
                    let sender = sender.clone();
                    s.spawn(async move { sender.send(n).await })
                })
                .collect();
            // So that there is a list of those who wait.
            yields(20).await;
            let first = receiver.recv().await.unwrap();
            sender.abort();
            for (n, handle) in handles.into_iter().enumerate() {
                match handle.await.unwrap() {
                    Ok(()) => assert_eq!(n, first),
                    Err(error) => assert_eq!(error.into_inner(), n),
                }
            }
            assert_eq!(receiver.recv().await, None);
        })
        .await;
    }

    /// Given a channel closed with an error while sends wait, then these are received, then the error,
    /// once, and then the end.
    an_error_comes_once_and_last |ex| {
        let (sender, mut receiver) = handoff::<Result<u32, &str>>();
        scope(&ex, async move |s| {
            let other = sender.clone();
            let send = s.spawn(async move { other.send(Ok(1)).await });
            let mut ours = pin!(sender.send(Ok(1)));
            assert!(poll_once(ours.as_mut()).is_pending());
            yields(10).await;
            sender.close_with(Err("disk full")).unwrap();
            assert_eq!(sender.close_with(Err("late")).unwrap_err().into_inner(), Err("late"));
            let mut received = vec![];
            while let Some(item) = receiver.recv().await {
                received.push(item);
            }
            let sent = 1 + usize::from(send.await.unwrap().is_ok());
            assert_eq!(received.len(), sent + 1);
            assert_eq!(received.pop(), Some(Err("disk full")));
            assert_eq!(ours.await, Ok(()));
            assert_eq!(receiver.recv().await, None);
        })
        .await;
    }

    /// Given a consumer that waits, when the channel is closed with an item, then it receives that,
    /// and then the end.
    a_last_item_meets_a_consumer_that_waits |ex| {
        let (sender, mut receiver) = handoff();
        scope(&ex, async move |s| {
            let all = s.spawn(async move { (receiver.recv().await, receiver.recv().await) });
            yields(10).await;
            sender.close_with("last").unwrap();
            assert_eq!(all.await.unwrap(), (Some("last"), None));
        })
        .await;
    }
}
