//! Models of a handoff; see [`crate::model`].

use super::{Receiver, Sender, handoff};
use crate::model::{Census, Flag, Probe, block_on, block_on_fresh, check, poll_once, spawn};
use alloc::{sync::Arc, task::Wake, vec::Vec};
use core::{
    pin::Pin,
    task::{Context, Poll, Waker},
};
use futures_core::Stream;

fn receive_all(mut receiver: Receiver<Probe>) -> usize {
    block_on(async {
        let mut count = 0;
        while let Some(item) = receiver.recv().await {
            item.touch();
            count += 1;
        }
        count
    })
}

/// Sends until it fails. Returns how many were taken; what came back was whole.
fn send(sender: &Sender<Probe>, items: Vec<Probe>) -> usize {
    let mut sent = 0;
    for item in items {
        match block_on(sender.send(item)) {
            Ok(()) => sent += 1,
            Err(back) => back.into_inner().touch(),
        }
    }
    sent
}

fn probes(census: &Census, count: usize) -> Vec<Probe> {
    (0..count).map(|_| census.probe()).collect()
}

/// Two threads: each item is received once, in order, and nothing is left.
#[test]
fn channel_one_producer() {
    check("channel, one producer", || {
        let census = Census::default();
        let (sender, receiver) = handoff();
        let items = probes(&census, 2);
        let producer = spawn(move || send(&sender, items));
        assert_eq!(receive_all(receiver), 2);
        assert_eq!(producer.join(), 2);
        assert_eq!(census.alive(), 0);
    });
}

/// Two producers: nobody is missed.
#[test]
fn channel_two_producers() {
    check("channel, two producers", || {
        let census = Census::default();
        let (sender, receiver) = handoff();
        let other = sender.clone();
        let (ours, theirs) = (probes(&census, 1), probes(&census, 1));
        let first = spawn(move || send(&sender, ours));
        let second = spawn(move || send(&other, theirs));
        assert_eq!(receive_all(receiver), 2);
        assert_eq!(first.join() + second.join(), 2);
        assert_eq!(census.alive(), 0);
    });
}

/// A send that waits is cancelled while the consumer is at it: the item is at exactly one end.
#[test]
fn channel_cancelled_send() {
    check("channel, a send is cancelled", || {
        let census = Census::default();
        let (sender, receiver) = handoff();
        let item = census.probe();
        let producer = spawn(move || {
            let mut send = sender.send(item);
            match poll_once(&mut send) {
                Poll::Ready(sent) => usize::from(sent.is_ok()),
                Poll::Pending => match send.cancel() {
                    Some(back) => {
                        back.touch();
                        0
                    }
                    None => 1,
                },
            }
        });
        let received = receive_all(receiver);
        assert_eq!(producer.join(), received);
        assert_eq!(census.alive(), 0);
    });
}

/// A send is polled with another waker while the consumer is at it: it is woken nevertheless.
#[test]
fn channel_fresh_wakers() {
    check("channel, fresh wakers", || {
        let census = Census::default();
        let (sender, mut receiver) = handoff();
        let item = census.probe();
        let producer = spawn(move || {
            let mut send = sender.send(item);
            if poll_once(&mut send).is_pending() {
                block_on_fresh(send).unwrap();
            }
        });
        let mut stream = Pin::new(&mut receiver);
        let mut polled = stream.as_mut().poll_next(&mut Context::from_waker(Waker::noop()));
        if polled.is_pending() {
            polled = block_on_fresh(core::future::poll_fn(|cx| stream.as_mut().poll_next(cx)))
                .map_or(Poll::Ready(None), |item| Poll::Ready(Some(item)));
        }
        let Poll::Ready(Some(item)) = polled else { panic!("an item was sent") };
        item.touch();
        drop(item);
        producer.join();
        assert_eq!(census.alive(), 0);
    });
}

/// The receiver goes away while one sends: the item comes back, or was given.
#[test]
fn channel_receiver_dropped() {
    check("channel, the receiver is dropped", || {
        let census = Census::default();
        let (sender, mut receiver) = handoff();
        let items = probes(&census, 1);
        let producer = spawn(move || send(&sender, items));
        let _ = poll_once(&mut core::pin::pin!(core::future::poll_fn(|cx| {
            Pin::new(&mut receiver).poll_next(cx)
        })));
        drop(receiver);
        producer.join();
        assert_eq!(census.alive(), 0);
    });
}

/// A wait of the consumer is dropped while one sends: the item is received later, or is in line.
#[test]
fn channel_cancelled_receive() {
    check("channel, a receive is cancelled", || {
        let census = Census::default();
        let (sender, mut receiver) = handoff();
        let items = probes(&census, 1);
        let producer = spawn(move || send(&sender, items));
        let first = poll_once(&mut receiver.recv());
        let received = usize::from(first.is_ready());
        drop(first);
        assert_eq!(received + receive_all(receiver), 1);
        assert_eq!(producer.join(), 1);
        assert_eq!(census.alive(), 0);
    });
}

/// One aborts while another sends and the consumer receives: nobody hangs, nothing is lost.
#[test]
fn channel_abort() {
    check("channel, an abort", || {
        let census = Census::default();
        let (sender, receiver) = handoff();
        let other = sender.clone();
        let items = probes(&census, 2);
        let producer = spawn(move || {
            // Two in line at once, so that one may be on the list of the consumer.
            let mut items = items.into_iter();
            let mut first = sender.send(items.next().unwrap());
            let mut second = sender.send(items.next().unwrap());
            let early = poll_once(&mut first);
            let late = poll_once(&mut second);
            let mut sent = 0;
            for (polled, send) in [(early, first), (late, second)] {
                let result = match polled {
                    Poll::Ready(result) => result,
                    Poll::Pending => block_on(send),
                };
                match result {
                    Ok(()) => sent += 1,
                    Err(back) => back.into_inner().touch(),
                }
            }
            sent
        });
        let aborter = spawn(move || other.abort());
        let received = receive_all(receiver);
        assert_eq!(producer.join(), received);
        aborter.join();
        assert_eq!(census.alive(), 0);
    });
}

/// A permit is waited for, and used, or dropped unseen: the consumer gets the item, or what is next.
#[test]
fn channel_permit() {
    check("channel, a permit", || {
        let census = Census::default();
        let (sender, receiver) = handoff();
        let (ours, theirs) = (census.probe(), census.clone());
        let reserver = sender.clone();
        let first = spawn(move || {
            let mut reserve = reserver.reserve();
            let permit = match poll_once(&mut reserve) {
                Poll::Ready(permit) => permit,
                Poll::Pending => block_on(reserve),
            };
            permit.unwrap().send(theirs.probe()).unwrap();
        });
        let second = spawn(move || send(&sender, Vec::from([ours])));
        assert_eq!(receive_all(receiver), 2);
        first.join();
        second.join();
        assert_eq!(census.alive(), 0);
    });
}

/// A permit that is owned is used or dropped on another thread, when all senders are gone: the consumer gets
/// the item and the end, or the end.
#[test]
fn channel_owned_permit() {
    for used in [true, false] {
        check("channel, a permit that outlives its senders", move || {
            let census = Census::default();
            let (sender, receiver) = handoff();
            let item = census.probe();
            let producer = spawn(move || {
                let permit = block_on(sender.reserve_owned()).unwrap();
                drop(sender);
                if used { permit.send(item).unwrap() } else { drop((permit, item)) }
            });
            assert_eq!(receive_all(receiver), usize::from(used));
            producer.join();
            assert_eq!(census.alive(), 0);
        });
    }
}

#[test]
fn channel_dropped_reserve() {
    check("channel, a wait for a permit is dropped", || {
        let census = Census::default();
        let (sender, receiver) = handoff();
        let item = census.probe();
        let producer = spawn(move || {
            let mut reserve = sender.reserve();
            let polled = poll_once(&mut reserve);
            drop(reserve);
            drop(polled);
            send(&sender, Vec::from([item]))
        });
        assert_eq!(receive_all(receiver), 1);
        producer.join();
        assert_eq!(census.alive(), 0);
    });
}

/// An abort reaches a consumer that waits for a permit: one that was waited for.
#[test]
fn channel_abort_behind_a_permit() {
    check("channel, an abort behind a permit", || {
        let census = Census::default();
        let (sender, receiver) = handoff::<Probe>();
        let consumer = spawn(move || receive_all(receiver));
        let permit = block_on(sender.reserve()).unwrap();
        sender.abort();
        assert_eq!(consumer.join(), 0);
        permit.send(census.probe()).unwrap_err().into_inner().touch();
        assert_eq!(census.alive(), 0);
    });
}

/// The same with one that met a consumer that waited, and is polled again meanwhile.
#[test]
fn channel_abort_behind_a_permit_at_once() {
    check("channel, an abort behind a permit at once", || {
        let census = Census::default();
        let (sender, mut receiver) = handoff::<Probe>();
        assert!(
            poll_once(&mut core::future::poll_fn(|cx| Pin::new(&mut receiver).poll_next(cx)))
                .is_pending()
        );
        let permit = sender.try_reserve().unwrap();
        let consumer = spawn(move || receive_all(receiver));
        sender.abort();
        assert_eq!(consumer.join(), 0);
        permit.send(census.probe()).unwrap_err().into_inner().touch();
        assert_eq!(census.alive(), 0);
    });
}

/// A permit is made of the request of a consumer that sleeps, while another thread aborts.
#[test]
fn channel_permit_and_abort() {
    check("channel, a permit and an abort", || {
        let census = Census::default();
        let (sender, mut receiver) = handoff::<Probe>();
        let flag = Flag::default();
        let woken = flag.clone();
        let waker = Waker::from(Arc::new(SetFlag(woken)));
        let polled = Pin::new(&mut receiver).poll_next(&mut Context::from_waker(&waker));
        assert!(polled.is_pending());
        let other = sender.clone();
        let aborter = spawn(move || other.abort());
        let permit = sender.try_reserve();
        // Whoever was first, the consumer is woken.
        block_on(flag);
        aborter.join();
        if let Ok(permit) = permit {
            permit.send(census.probe()).unwrap_err().into_inner().touch();
        }
        drop(receiver);
        assert_eq!(census.alive(), 0);
    });
}

struct SetFlag(Flag);

impl Wake for SetFlag {
    fn wake(self: Arc<Self>) {
        self.0.set();
    }
}

/// A channel is closed with a last item: it is received, unless an abort drops it.
#[test]
fn channel_close_with() {
    check("channel, closed with an item", || {
        let census = Census::default();
        let (sender, receiver) = handoff();
        let (last, item) = (census.probe(), census.probe());
        let other = sender.clone();
        let closer = spawn(move || usize::from(other.close_with(last).is_ok()));
        let producer = spawn(move || send(&sender, Vec::from([item])));
        let received = receive_all(receiver);
        let sent = producer.join() + closer.join();
        assert_eq!(sent, received);
        assert_eq!(census.alive(), 0);
    });
}

/// Senders that go tidy the line up while the consumer takes from it: order is kept, and the
/// consumer is woken if it came in between.
#[test]
fn channel_tidy() {
    check("channel, tidied up", || {
        let census = Census::default();
        let (sender, receiver) = handoff();
        let items = probes(&census, 3);
        let producer = spawn(move || {
            let mut sends: Vec<_> = items.into_iter().map(|item| sender.send(item)).collect();
            let mut sent = 0;
            let polled: Vec<_> = sends.iter_mut().map(poll_once).collect();
            for (n, (mut send, polled)) in sends.into_iter().zip(polled).enumerate() {
                let result = match polled {
                    Poll::Ready(result) => result,
                    Poll::Pending if n < 2 => match send.cancel() {
                        Some(back) => {
                            back.touch();
                            continue;
                        }
                        None => Ok(()),
                    },
                    Poll::Pending => block_on(send),
                };
                result.unwrap();
                sent += 1;
            }
            sent
        });
        let received = receive_all(receiver);
        assert_eq!(producer.join(), received);
        assert_eq!(census.alive(), 0);
    });
}
