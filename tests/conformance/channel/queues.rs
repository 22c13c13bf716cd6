//! Queues with room: those of others as sources and sinks of a flow, and ours, which drops by a rule.

use anyscope::{
    channel::{Overflow, QueueReceiver, QueueSender, TryRecvError, queue},
    flow, scope,
    sim::{SimHandle, explore},
};
use futures_lite::StreamExt;
use std::{cell::Cell, pin::pin, task::Poll};
use support::{
    alloc::allocations,
    behaviour,
    hostile::{Bomb, Spy},
    panics::{blow_up, panic_in},
    poll_once, yields,
};

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

    /// Given an `async-broadcast`, then a flow is sent into it, and each of its receivers is a flow of all
    /// items.
    a_broadcast_is_several_sources_and_a_sink |ex| {
        let (sender, receiver) = async_broadcast::broadcast(3);
        scope(&ex, async move |s| {
            let other = receiver.clone();
            let sums = [receiver, other].map(|receiver| {
                s.spawn(async move {
                    flow::stream(receiver).fold(0, async |sum, n| sum + n).await
                })
            });
            flow::iter(0..100).for_each(async |n| {
                sender.broadcast_direct(n).await.unwrap();
            })
            .await;
            drop(sender);
            for sum in sums {
                assert_eq!(sum.await.unwrap(), (0..100).sum());
            }
        })
        .await;
    }

    /// Given a queue of three that drops the oldest, and a consumer that waits, when ten come at once, then
    /// it sees the first and the last three, and whoever sent has what was dropped, each once.
    b11_b14_the_oldest_is_dropped |ex| {
        let _ = &ex;
        let (sender, mut receiver) = queue(3, Overflow::DropOldest);
        let mut first = Box::pin(receiver.recv());
        assert!(poll_once(first.as_mut()).is_pending());
        let dropped: Vec<_> = (0..10).filter_map(|n| sender.send(n).unwrap()).collect();
        drop(sender);
        assert_eq!(dropped, [1, 2, 3, 4, 5, 6]);
        assert_eq!(first.as_mut().await, Some(0));
        drop(first);
        assert_eq!(flow::source(receiver).collect::<Vec<_>>().await, [7, 8, 9]);
    }

    /// Given one that drops the newest, then the consumer sees the first and the next three.
    b12_b14_the_newest_is_dropped |ex| {
        let _ = &ex;
        let (sender, mut receiver) = queue(3, Overflow::DropNewest);
        let mut first = Box::pin(receiver.recv());
        assert!(poll_once(first.as_mut()).is_pending());
        let dropped: Vec<_> = (0..10).filter_map(|n| sender.send(n).unwrap()).collect();
        drop(sender);
        assert_eq!(dropped, [4, 5, 6, 7, 8, 9]);
        assert_eq!(first.as_mut().await, Some(0));
        drop(first);
        assert_eq!(flow::source(receiver).collect::<Vec<_>>().await, [1, 2, 3]);
    }

    /// Given room for one that keeps the latest, then a producer never waits, and the consumer sees
    /// the latest; or what all have been merged into.
    b13_b14_the_latest_is_kept |ex| {
        let _ = &ex;
        let (sender, mut receiver) = queue(1, Overflow::DropOldest);
        let dropped: Vec<_> = (0..5).filter_map(|n| sender.send(n).unwrap()).collect();
        assert_eq!(dropped, [0, 1, 2, 3]);
        assert_eq!(receiver.recv().await, Some(4));
        for n in 1..=4 {
            sender.send_or_merge(n, |kept, new| kept * 10 + new).unwrap();
        }
        assert_eq!(receiver.recv().await, Some(1234));
        assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty));
    }

    /// Given two buffers of a flow, one after the other, and a consumer that is busy, then they hold as much
    /// as one of both sizes.
    b15_buffers_add_up |ex| {
        let _ = &ex;
        for (a, b) in [(1, 1), (2, 3), (3, 2), (5, 1)] {
            let pulled = Cell::new(0);
            let items = || {
                pulled.set(0);
                flow::iter(0..100).inspect(|_| pulled.set(pulled.get() + 1))
            };
            let two = items().prefetch(a).prefetch(b).drive(async |mut items| {
                assert_eq!(items.next().await, Some(0));
                yields(50).await;
                pulled.get()
            });
            let two = two.await;
            let one = items().prefetch(a + b).drive(async |mut items| {
                assert_eq!(items.next().await, Some(0));
                yields(50).await;
                pulled.get()
            });
            // And the one that the consumer has.
            assert_eq!([two, one.await], [a + b + 1; 2]);
        }
    }

    /// Given a queue that drops behind a buffer, then the buffer holds nothing back: its rule is
    /// that of both.
    b15_a_queue_that_drops_overrides_a_buffer_before_it |ex| {
        scope(&ex, async move |s| {
            let (sender, mut receiver) = queue(3, Overflow::DropOldest);
            let mut first = Box::pin(receiver.recv());
            assert!(poll_once(first.as_mut()).is_pending());
            s.spawn(async move {
                let send = async |n| {
                    let _ = sender.send(n).unwrap();
                };
                flow::iter(0..100).prefetch(10).for_each(send).await;
            })
            .await
            .unwrap();
            assert_eq!(first.as_mut().await, Some(0));
        drop(first);
            assert_eq!(flow::source(receiver).collect::<Vec<_>>().await, [97, 98, 99]);
        })
        .await;
    }

    /// Given a queue at rest, then its numbers add up; its peak stays when it is drained.
    b16_statistics_add_up |ex| {
        scope(&ex, async move |s| {
            let (sender, mut receiver) = queue(4, Overflow::DropOldest);
            let handles: Vec<_> = (0..3)
                .map(|_| {
                    let sender = sender.clone();
                    s.spawn(async move {
                        for n in 0..7 {
                            let _ = sender.send(n).unwrap();
                            yields(n % 2).await;
                        }
                    })
                })
                .collect();
            // As many as are there at the end, if none is taken before.
            for _ in 0..4 {
                receiver.recv().await.unwrap();
            }
            for handle in handles {
                handle.await.unwrap();
            }
            let status = sender.status();
            assert_eq!((status.sent, status.received, status.waiting), (21, 4, false));
            assert_eq!(status.sent, status.received + status.dropped + status.len as u64);
            let peak = status.peak;
            assert!(status.len <= peak && peak <= 5, "{status:?}");
            while receiver.try_recv().is_ok() {}
            assert_eq!((receiver.status().len, receiver.status().peak), (0, peak));

            let mut recv = Box::pin(receiver.recv());
            assert!(poll_once(recv.as_mut()).is_pending());
            assert!(sender.status().waiting);
            drop(recv);
            assert!(!sender.status().waiting);
            drop(receiver);
            assert!(sender.status().closed);
        })
        .await;
    }

    /// Given the last sender dropped, then the rest is received, and the end; given the receiver dropped,
    /// then sends hand back their items.
    b7_b8_either_end_may_go |ex| {
        scope(&ex, async move |s| {
            let (sender, mut receiver) = queue(3, Overflow::DropOldest);
            sender.send(1).unwrap();
            let other = sender.clone();
            drop(sender);
            assert_eq!(receiver.recv().await, Some(1));
            let consumer = s.spawn(async move { (receiver.recv().await, receiver) });
            yields(10).await;
            drop(other);
            let (last, mut receiver) = consumer.await.unwrap();
            assert_eq!((last, receiver.recv().await), (None, None));

            let (sender, receiver) = queue(3, Overflow::DropOldest);
            drop(receiver);
            assert_eq!(sender.send(1).unwrap_err().into_inner(), 1);
            let merged = sender.send_or_merge(2, |_, _| unreachable!("nothing is there"));
            assert_eq!(merged.unwrap_err().into_inner(), 2);
        })
        .await;
    }

    /// Given a consumer that is told of an item and then dropped, then the next call receives it.
    a_cancelled_receive_of_a_queue_loses_nothing |ex| {
        let _ = &ex;
        let (sender, mut receiver) = queue(1, Overflow::DropOldest);
        let mut recv = Box::pin(receiver.recv());
        assert!(poll_once(recv.as_mut()).is_pending());
        sender.send(1).unwrap();
        drop(recv);
        // It takes no room, and is not dropped for others.
        sender.send(2).unwrap();
        assert_eq!(sender.send(3).unwrap(), Some(2));
        assert_eq!((receiver.recv().await, receiver.recv().await), (Some(1), Some(3)));
    }
}

async fn produce(sender: QueueSender<usize>, polls: usize) -> u64 {
    let mut dropped = 0;
    for n in 0..polls {
        dropped += u64::from(sender.send(n).unwrap().is_some());
        yields(1).await;
    }
    dropped
}

/// Polls so often. One wait in two is dropped at once.
async fn consume(mut receiver: QueueReceiver<usize>, polls: usize) -> QueueReceiver<usize> {
    for n in 0..polls {
        let mut recv = pin!(receiver.recv());
        if poll_once(recv.as_mut()).is_pending() && n % 2 == 0 {
            yields(1).await;
        }
    }
    receiver
}

async fn cancelled_at(sim: SimHandle, overflow: Overflow, producer: usize, consumer: usize) {
    scope(&sim, async |s| {
        let (sender, receiver) = queue(2, overflow);
        let producers = [producer, 3].map(|n| s.spawn(produce(sender.clone(), n)));
        let mut receiver = s.spawn(consume(receiver, consumer)).await.unwrap();
        let mut dropped = 0;
        for producer in producers {
            dropped += producer.await.unwrap();
        }
        drop(sender);
        let mut rest = 0;
        while receiver.recv().await.is_some() {
            rest += 1;
        }
        let status = receiver.status();
        assert_eq!((status.dropped, status.sent), (dropped, producer as u64 + 3));
        assert_eq!(status.received + status.dropped, status.sent);
        assert!(status.received >= rest);
    })
    .await;
}

/// Given a consumer and two producers, each of whom ends after any number of polls, then each item is received,
/// dropped or left behind, once, in many orders.
#[test]
fn each_end_of_a_queue_is_cancelled_at_each_poll() {
    for overflow in [Overflow::DropOldest, Overflow::DropNewest] {
        for (producer, consumer) in (0..4).flat_map(|p| (0..6).map(move |c| (p, c))) {
            explore(40, move |sim| cancelled_at(sim, overflow, producer, consumer));
        }
    }
}

/// Given wakers that panic when they are cloned, fired or dropped, then no item is lost.
#[test]
fn a_hostile_waker_costs_a_queue_no_item() {
    for bomb in [Bomb::Clone, Bomb::Wake, Bomb::Drop] {
        let (sender, mut receiver) = queue(1, Overflow::DropOldest);
        let spy = Spy::new();
        let mut recv = Box::pin(receiver.recv());
        if matches!(bomb, Bomb::Clone) {
            spy.arm(Some(bomb));
            panic_in(|| {
                let _ = spy.poll(recv.as_mut());
            });
            spy.arm(None);
            sender.send(1).unwrap();
        } else {
            assert!(spy.poll(recv.as_mut()).is_pending());
            spy.arm(Some(bomb));
            let sent = panic_in(|| match bomb {
                Bomb::Wake => {
                    let _ = sender.send(1);
                }
                // A second waker takes the place of the first.
                _ => {
                    assert!(poll_once(recv.as_mut()).is_pending());
                    sender.send(1).unwrap();
                    blow_up("contained")
                }
            });
            assert_eq!(sent.contains("contained"), matches!(bomb, Bomb::Drop), "{sent}");
            spy.arm(None);
        }
        assert_eq!(poll_once(recv.as_mut()), Poll::Ready(Some(1)));
        drop(recv);
        assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty));
    }
}

/// Given a merge that panics, then both items are gone and the queue goes on; given one that uses the
/// queue, then it does not wait for itself.
#[test]
fn a_merge_may_panic_and_may_use_its_queue() {
    let (sender, mut receiver) = queue(1, Overflow::DropOldest);
    sender.send(1).unwrap();
    assert_eq!(panic_in(|| sender.send_or_merge(2, |_, _| blow_up("merge")).unwrap()), "merge");
    assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty));
    sender.send(1).unwrap();
    let mut once = true;
    sender
        .send_or_merge(2, |kept, new| {
            if std::mem::take(&mut once) {
                sender.send(4).unwrap();
            }
            kept + new
        })
        .unwrap();
    assert_eq!(receiver.try_recv(), Ok(7));
    let status = sender.status();
    assert_eq!(status.received + status.dropped, status.sent);
}

/// Given a queue in use, then an item costs no allocation.
#[test]
fn an_item_of_a_queue_costs_no_allocation() {
    let (sender, receiver) = queue(8, Overflow::DropOldest);
    let mut items = pin!(flow::source(receiver).into_stream());
    let mut round = || {
        assert!(poll_once(pin!(items.next())).is_pending());
        for n in 0..20 {
            let _ = sender.send(n);
        }
        assert_eq!(poll_once(pin!(items.next())), Poll::Ready(Some(0)));
        assert_eq!(poll_once(pin!(items.next())), Poll::Ready(Some(12)));
        while poll_once(pin!(items.next())).is_ready() {}
        sender.send(0).unwrap();
        assert_eq!(poll_once(pin!(items.next())), Poll::Ready(Some(0)));
    };
    round();
    let before = allocations();
    (0..100).for_each(|_| round());
    assert_eq!(allocations(), before);
}
