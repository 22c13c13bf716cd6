//! Either end goes away at any moment: nothing is lost, nothing comes twice.

use anyscope::{
    channel::{Receiver, Sender, handoff},
    scope,
    sim::explore,
};
use std::{
    future::{Future, poll_fn},
    panic::{AssertUnwindSafe, catch_unwind},
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    task::{Context, Poll, Waker},
};
use support::{
    alloc::{allocations, balance},
    behaviour, poll_once, yields,
};

/// Counts what is there.
#[derive(Clone, Default)]
struct Census {
    made: Arc<AtomicUsize>,
    dropped: Arc<AtomicUsize>,
}

struct Item(usize, Census);

impl Census {
    fn item(&self) -> Item {
        Item(self.made.fetch_add(1, SeqCst), self.clone())
    }
}

impl Drop for Item {
    fn drop(&mut self) {
        self.1.dropped.fetch_add(1, SeqCst);
    }
}

/// Polls a future so often, and then drops it.
async fn cancelled_after<F: Future>(polls: usize, future: F) -> Option<F::Output> {
    let mut future = Some(Box::pin(future));
    let mut left = polls;
    poll_fn(move |cx| {
        if left == 0 {
            future = None;
            return Poll::Ready(None);
        }
        left -= 1;
        match future.as_mut().unwrap().as_mut().poll(cx) {
            Poll::Ready(output) => Poll::Ready(Some(output)),
            // A wake may be far: count polls that come by themselves too.
            Poll::Pending => {
                if left == 0 {
                    cx.waker().wake_by_ref();
                }
                Poll::Pending
            }
        }
    })
    .await
}

behaviour! {
    /// Given a send that waits and is dropped, then its item is dropped with it, once, and never received.
    b6_a_cancelled_send_is_never_received |ex| {
        let census = Census::default();
        let (sender, mut receiver) = handoff();
        scope(&ex, async |s| {
            let mut gone = Box::pin(sender.send(census.item()));
            let mut back = sender.send(census.item());
            assert!(poll_once(gone.as_mut()).is_pending());
            assert!(poll_once(pin!(&mut back)).is_pending());
            let (other, item) = (sender.clone(), census.item());
            let last = s.spawn(async move { other.send(item).await.is_ok() });
            yields(10).await;
            drop(gone);
            assert_eq!(census.dropped.load(SeqCst), 1);
            assert_eq!(back.cancel().unwrap().0, 1);
            assert!(back.cancel().is_none());
            assert_eq!(receiver.recv().await.unwrap().0, 2);
            assert!(last.await.unwrap());
            assert!(receiver.try_recv().is_err());
        })
        .await;
        assert_eq!(census.made.load(SeqCst), census.dropped.load(SeqCst));
    }

    /// Given a wait of the consumer that is dropped, when an item was given to it, then the next one
    /// receives that; when none was, then it is not asked for any more.
    a_cancelled_receive_loses_nothing |ex| {
        let _ = &ex;
        let (sender, mut receiver) = handoff();
        let mut recv = Box::pin(receiver.recv());
        assert!(poll_once(recv.as_mut()).is_pending());
        sender.try_send(1).unwrap();
        drop(recv);
        assert_eq!(receiver.recv().await, Some(1));
        let mut recv = Box::pin(receiver.recv());
        assert!(poll_once(recv.as_mut()).is_pending());
        drop(recv);
        assert!(sender.try_send(2).unwrap_err().is_full());
    }

    /// Given thousands of sends that are dropped while nobody receives, then the line does not keep
    /// them, and those between them are received in order.
    those_who_have_gone_are_forgotten |ex| {
        let _ = &ex;
        let (sender, mut receiver) = handoff();
        let mut kept: Vec<_> = vec![];
        for n in 0..2000 {
            let mut send = Box::pin(sender.send(n));
            assert!(poll_once(send.as_mut()).is_pending());
            if n % 100 == 0 {
                kept.push(send);
            }
        }
        for n in (0..2000).step_by(100) {
            assert_eq!(receiver.try_recv(), Ok(n));
        }
        for send in kept {
            send.await.unwrap();
        }
        assert!(receiver.try_recv().is_err());
    }
}

/// Given one that waits, others that go behind it, and then one more, when somebody has tidied up between
/// them or not, then the order is kept.
#[test]
fn order_is_kept_when_others_have_gone() {
    for gone in 0..100 {
        for after in 1..3 {
            let (sender, mut receiver) = handoff();
            let mut first = sender.send(0);
            assert!(poll_once(pin!(&mut first)).is_pending());
            for n in 0..gone {
                assert!(poll_once(pin!(sender.send(1000 + n))).is_pending());
            }
            let mut last: Vec<_> = (1..=after).map(|n| sender.send(n)).collect();
            for send in &mut last {
                assert!(poll_once(pin!(send)).is_pending());
            }
            for n in 0..=after {
                assert_eq!(
                    poll_once(pin!(receiver.recv())),
                    Poll::Ready(Some(n)),
                    "{gone} {after}"
                );
            }
        }
    }
}

/// One producer and the consumer end after so many polls each; another producer goes on.
async fn cancelled_at(sim: anyscope::sim::SimHandle, producer: usize, consumer: usize) {
    let census = Census::default();
    let (sender, receiver) = handoff();
    let received = scope(&sim, async |s| {
        let (theirs, items) = (sender.clone(), census.clone());
        let first = s.spawn(cancelled_after(producer, send_three(theirs, items)));
        let second = s.spawn(send_three(sender, census.clone()));
        let received = s.spawn(async move {
            let mut receiver = receiver;
            let all = cancelled_after(consumer, receive_all(&mut receiver)).await;
            match all {
                Some(count) => count,
                // The rest of what had waited, and what was given in between.
                None => {
                    receiver.close();
                    receive_all(&mut receiver).await
                }
            }
        });
        let (first, second) = (first.await.unwrap(), second.await.unwrap());
        let received = received.await.unwrap();
        if let Some(first) = first {
            // Those of the consumer that was cancelled were received too, and counted by nobody.
            assert!(received <= first + second);
        }
        received
    })
    .await;
    assert!(received <= 6);
    assert_eq!(census.made.load(SeqCst), census.dropped.load(SeqCst));
}

async fn send_three(sender: Sender<Item>, census: Census) -> usize {
    let mut sent = 0;
    for n in 0..3 {
        let result = if n == 1 {
            match sender.reserve().await {
                Ok(permit) => permit.send(census.item()).map_err(drop),
                Err(_) => Err(()),
            }
        } else {
            sender.send(census.item()).await.map_err(drop)
        };
        sent += usize::from(result.is_ok());
    }
    sent
}

async fn receive_all(receiver: &mut Receiver<Item>) -> usize {
    let mut count = 0;
    while let Some(item) = receiver.recv().await {
        drop(item);
        count += 1;
    }
    count
}

/// Given two producers and a consumer, when one producer and the consumer are cancelled at each of
/// their polls, in many orders, then nobody hangs, and each item is dropped once.
#[test]
fn each_end_is_cancelled_at_each_poll() {
    for producer in 0..7 {
        for consumer in 0..8 {
            explore(60, move |sim| cancelled_at(sim, producer, consumer));
        }
    }
}

/// Given no cancel, then all that is sent is received, in many orders.
#[test]
fn all_that_is_sent_is_received_in_many_orders() {
    explore(500, async |sim| {
        let census = Census::default();
        let (sender, mut receiver) = handoff();
        scope(&sim, async |s| {
            for _ in 0..3 {
                let (sender, census) = (sender.clone(), census.clone());
                s.spawn(async move { assert_eq!(send_three(sender, census).await, 3) });
            }
            drop(sender);
            assert_eq!(receive_all(&mut receiver).await, 9);
        })
        .await;
        assert_eq!(census.dropped.load(SeqCst), 9);
    });
}

struct Grumpy;

impl std::task::Wake for Grumpy {
    fn wake(self: Arc<Self>) {
        panic!("grumpy");
    }
}

/// Given senders whose wakers panic, when their items are taken, then the consumer has the panic, and the
/// items after it; and one that gives to a consumer whose waker panics has given.
#[test]
fn a_waker_that_panics_costs_no_item() {
    let grumpy = Waker::from(Arc::new(Grumpy));
    let mut angry = Context::from_waker(&grumpy);
    for waiting in [1, 3] {
        let (sender, mut receiver) = handoff();
        let mut sends: Vec<_> = (0..waiting).map(|n| sender.send(n)).collect();
        for send in &mut sends {
            assert!(pin!(send).poll(&mut angry).is_pending());
        }
        for n in 0..waiting {
            catch_unwind(AssertUnwindSafe(|| receiver.try_recv())).unwrap_err();
            assert_eq!(receiver.try_recv(), Ok(n));
        }
        drop(sends);
        for n in 0..waiting {
            let mut send = sender.send(n);
            assert!(pin!(&mut send).poll(&mut angry).is_pending());
            let mut recv = receiver.recv();
            catch_unwind(AssertUnwindSafe(|| poll_once(pin!(&mut recv)))).unwrap_err();
            drop(recv);
            assert_eq!(poll_once(pin!(receiver.recv())), Poll::Ready(Some(n)));
        }
        let mut recv = receiver.recv();
        assert!(pin!(&mut recv).poll(&mut angry).is_pending());
        catch_unwind(AssertUnwindSafe(|| sender.try_send(9))).unwrap_err();
        assert_eq!(poll_once(pin!(recv)), Poll::Ready(Some(9)));
    }
}

/// Given a channel in use, then an item costs no allocation, whether it waits or is given at once, from
/// one sender or several; and sends that go do not pile up.
#[test]
fn an_item_costs_no_allocation() {
    let (sender, mut receiver) = handoff();
    let others: Vec<_> = (0..3).map(|_| sender.clone()).collect();
    let mut before = 0;
    for round in 0..1000 {
        let mut recv = receiver.recv();
        assert!(poll_once(pin!(&mut recv)).is_pending());
        sender.try_send(round).unwrap();
        assert_eq!(poll_once(pin!(recv)), Poll::Ready(Some(round)));
        // Several in line.
        let mut sends = [&others[0], &others[1], &others[2]].map(|sender| sender.send(round));
        for send in &mut sends {
            assert!(poll_once(pin!(send)).is_pending());
        }
        for _ in &sends {
            assert_eq!(poll_once(pin!(receiver.recv())), Poll::Ready(Some(round)));
        }
        for send in &mut sends {
            assert_eq!(poll_once(pin!(send)), Poll::Ready(Ok(())));
        }
        if round == 10 {
            before = allocations();
        }
    }
    assert_eq!(allocations(), before);

    let before = balance();
    for n in 0..10_000 {
        assert!(poll_once(pin!(sender.send(n))).is_pending());
    }
    assert!(balance() - before < 100, "{} nodes are left", balance() - before);
}

/// Given halves of items that may be sent, then they may be sent, and a sender shared.
#[test]
fn halves_go_where_their_items_may() {
    fn is_send<T: Send>(_: &T) {}
    fn is_sync<T: Sync>(_: &T) {}
    let (sender, mut receiver) = handoff::<std::cell::Cell<u8>>();
    is_send(&sender);
    is_sync(&sender);
    is_send(&receiver);
    is_send(&sender.send(std::cell::Cell::new(1)));
    is_send(&sender.reserve());
    is_send(&receiver.recv());
}
