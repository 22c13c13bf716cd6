//! What a rendezvous is: who meets whom, and in which order.

use anyscope::{
    Limit,
    channel::{TryRecvError, TrySendError, handoff},
    flow, scope,
};
use std::{
    pin::pin,
    sync::{Arc, Mutex},
};
use support::{Signal, behaviour, poll_once, yields};

behaviour! {
    /// Given a send and no consumer that waits, then it is done when the item is taken, and not before.
    b1_a_send_is_done_when_the_item_is_taken |ex| {
        let (sender, mut receiver) = handoff();
        scope(&ex, async move |s| {
            let sent = Signal::new();
            let fire = sent.clone();
            s.spawn(async move {
                sender.send(1).await.unwrap();
                fire.fire();
            });
            yields(20).await;
            assert!(!sent.has_fired());
            assert_eq!(receiver.recv().await, Some(1));
            sent.wait().await;
        })
        .await;
    }

    /// Given a consumer that waits, when an item is sent, then it belongs to that wait, and a second
    /// one does not.
    b2_an_item_belongs_to_the_wait_that_it_meets |ex| {
        let _ = &ex;
        let (sender, mut receiver) = handoff();
        assert_eq!(sender.try_send(0), Err(TrySendError::Full(0)));
        let mut recv = receiver.recv();
        assert!(poll_once(pin!(&mut recv)).is_pending());
        assert_eq!(sender.try_send(1), Ok(()));
        assert_eq!(sender.try_send(2), Err(TrySendError::Full(2)));
        let mut late = pin!(sender.send(3));
        assert!(poll_once(late.as_mut()).is_pending());
        assert_eq!(recv.await, Some(1));
        assert_eq!(receiver.try_recv(), Ok(3));
        assert_eq!(late.await, Ok(()));
        assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty));
    }

    /// Given senders that wait, among them some for a permit, then they are served in the order in
    /// which they came.
    b4_senders_are_served_in_order |ex| {
        let (sender, mut receiver) = handoff();
        let mut sends: Vec<_> = (0..5).map(|n| sender.send(n)).collect();
        let mut reserve = sender.reserve();
        let mut behind: Vec<_> = (6..10).map(|n| sender.send(n)).collect();
        for send in &mut sends {
            assert!(poll_once(pin!(send)).is_pending());
        }
        assert!(poll_once(pin!(&mut reserve)).is_pending());
        for send in &mut behind {
            assert!(poll_once(pin!(send)).is_pending());
        }
        scope(&ex, async |s| {
            let all = s.spawn(async move {
                let mut all = vec![];
                for _ in 0..10 {
                    all.push(receiver.recv().await.unwrap());
                }
                all
            });
            reserve.await.unwrap().send(5).unwrap();
            assert_eq!(all.await.unwrap(), (0..10).collect::<Vec<_>>());
        })
        .await;
        for send in sends.into_iter().chain(behind) {
            assert_eq!(send.await, Ok(()));
        }
    }

    /// Given many producers, then each item is received once, and those of a producer in their
    /// order.
    each_item_of_each_producer_is_received_once |ex| {
        const ITEMS: usize = 200;
        let (sender, receiver) = handoff();
        let theirs = ex.clone();
        let all = scope(&ex, async move |s| {
            for producer in 0..4 {
                let sender = sender.clone();
                s.spawn(async move {
                    for n in 0..ITEMS {
                        sender.send((producer, n)).await.unwrap();
                        if n % 7 == producer {
                            yields(1).await;
                        }
                    }
                });
            }
            drop(sender);
            let consumer = scope(&theirs, async move |inner| {
                inner.spawn(flow::source(receiver).collect::<Vec<_>>()).await.unwrap()
            });
            consumer.await
        })
        .await;
        assert_eq!(all.len(), 4 * ITEMS);
        for producer in 0..4 {
            let ours = all.iter().filter(|(p, _)| *p == producer).map(|(_, n)| *n);
            assert!(ours.eq(0..ITEMS));
        }
    }

    /// Given a flow of a receiver whose consumer is busy, when the receiver has asked for an item,
    /// then a send is done although nobody polls for one, and the item is the next.
    a_receiver_stays_awake_while_its_flow_is_busy |ex| {
        let (sender, receiver) = handoff();
        scope(&ex, async move |s| {
            let (busy, go_on) = (Signal::new(), Signal::new());
            let seen = Arc::new(Mutex::new(vec![]));
            let (theirs, wait, log) = (busy.clone(), go_on.clone(), seen.clone());
            let consumer = s.spawn(async move {
                // Two at a time: the second read has begun when the first item is under way, and
                // it goes on when the item is not wanted.
                flow::source(receiver)
                    .map_concurrent(Limit::new(2), async |n| {
                        theirs.fire();
                        wait.wait().await;
                        n
                    })
                    .for_each(async |n| log.lock().unwrap().push(n))
                    .await;
            });
            sender.send(1).await.unwrap();
            busy.wait().await;
            sender.send(2).await.unwrap();
            go_on.fire();
            sender.send(3).await.unwrap();
            drop(sender);
            consumer.await.unwrap();
            assert_eq!(*seen.lock().unwrap(), [1, 2, 3]);
        })
        .await;
    }
}
