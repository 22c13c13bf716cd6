//! Any order of polls, cancels and closes at both ends of a handoff, against a model: what is sent is
//! received or handed back, once, and in the order in which the senders came.

use anyscope::{
    channel::{Overflow, Receiver, Sender, TryRecvError, handoff, queue},
    future::{Reserving, Sending},
};
use futures_core::Stream;
use proptest::{collection::vec, prelude::*};
use std::{
    collections::VecDeque,
    future::Future,
    pin::Pin,
    task::{Context, Poll, Waker},
};

#[derive(Clone, Copy, Debug)]
enum Step {
    /// A send comes to the line.
    Send,
    /// A wait for a permit does.
    Reserve,
    TrySend,
    /// One of those who wait is polled, cancelled or dropped.
    Poll(usize),
    Cancel(usize),
    Drop(usize),
    /// The consumer.
    Receive,
    /// With a wait that is dropped.
    ReceiveOnce,
    TryReceive,
    Close,
    CloseWith,
    Abort,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => Just(Step::Send),
        2 => Just(Step::Reserve),
        2 => Just(Step::TrySend),
        4 => (0..8usize).prop_map(Step::Poll),
        2 => (0..8usize).prop_map(Step::Cancel),
        2 => (0..8usize).prop_map(Step::Drop),
        8 => Just(Step::Receive),
        2 => Just(Step::ReceiveOnce),
        2 => Just(Step::TryReceive),
    ]
}

fn last() -> impl Strategy<Value = Step> {
    prop_oneof![Just(Step::Close), Just(Step::CloseWith), Just(Step::Abort)]
}

enum Wait<'a> {
    Send(Sending<'a, u32>),
    Reserve(Reserving<'a, u32>),
}

/// What has become of items. A number is that of its sender's arrival, so what is received rises.
struct Run<'a> {
    sender: &'a Sender<u32>,
    receiver: Receiver<u32>,
    waits: Vec<(u32, Wait<'a>)>,
    arrived: u32,
    aborted: bool,
    received: Vec<u32>,
    sent: Vec<u32>,
    back: Vec<u32>,
}

fn poll<F: Future + Unpin>(future: &mut F) -> Poll<F::Output> {
    Pin::new(future).poll(&mut Context::from_waker(Waker::noop()))
}

impl<'a> Run<'a> {
    fn step(&mut self, step: Step) {
        self.arrived += 1;
        let n = self.arrived;
        match step {
            Step::Send => self.wait(n, Wait::Send(self.sender.send(n))),
            Step::Reserve => self.wait(n, Wait::Reserve(self.sender.reserve())),
            Step::TrySend => match self.sender.try_send(n) {
                Ok(()) => self.sent.push(n),
                Err(error) => self.back.push(error.into_inner()),
            },
            Step::Poll(at) => {
                if let Some((n, wait)) = self.take(at) {
                    self.wait(n, wait);
                }
            }
            Step::Cancel(at) => {
                if let Some((n, Wait::Send(mut send))) = self.take(at) {
                    match send.cancel() {
                        Some(item) => self.back.push(item),
                        None => self.sent.push(n),
                    }
                }
            }
            Step::Drop(at) => drop(self.take(at)),
            Step::Receive => {
                let mut receiver = Pin::new(&mut self.receiver);
                let polled = receiver.as_mut().poll_next(&mut Context::from_waker(Waker::noop()));
                if let Poll::Ready(Some(n)) = polled {
                    self.received.push(n);
                }
            }
            Step::ReceiveOnce => {
                let polled = poll(&mut self.receiver.recv());
                if let Poll::Ready(Some(n)) = polled {
                    self.received.push(n);
                }
            }
            Step::TryReceive => self.received.extend(self.receiver.try_recv()),
            Step::Close => self.sender.close(),
            Step::CloseWith => match self.sender.close_with(n) {
                // An abort may drop it; and it may be received.
                Ok(()) => {}
                Err(error) => self.back.push(error.into_inner()),
            },
            Step::Abort => {
                self.sender.abort();
                self.aborted = true;
            }
        }
    }

    fn take(&mut self, at: usize) -> Option<(u32, Wait<'a>)> {
        (!self.waits.is_empty()).then(|| self.waits.remove(at % self.waits.len()))
    }

    /// Polls one that waits.
    fn wait(&mut self, n: u32, mut wait: Wait<'a>) {
        match &mut wait {
            Wait::Send(send) => match poll(send) {
                Poll::Ready(Ok(())) => self.sent.push(n),
                Poll::Ready(Err(error)) => self.back.push(error.into_inner()),
                Poll::Pending => {
                    assert!(!self.aborted, "it waits after an abort");
                    assert!(!self.received.contains(&n), "received, and its sender waits");
                    self.waits.push((n, wait));
                }
            },
            Wait::Reserve(reserve) => match poll(reserve) {
                Poll::Ready(Ok(permit)) => match permit.send(n) {
                    Ok(()) => self.sent.push(n),
                    Err(error) => self.back.push(error.into_inner()),
                },
                Poll::Ready(Err(_)) => {}
                Poll::Pending => {
                    assert!(!self.aborted, "it waits after an abort");
                    self.waits.push((n, wait));
                }
            },
        }
    }

    fn end(mut self) {
        while let Some((n, wait)) = self.take(0) {
            match wait {
                Wait::Send(mut send) => match send.cancel() {
                    Some(item) => self.back.push(item),
                    None => self.sent.push(n),
                },
                Wait::Reserve(reserve) => drop(reserve),
            }
        }
        self.sender.close();
        while let Poll::Ready(Some(n)) = poll(&mut self.receiver.recv()) {
            self.received.push(n);
        }
        assert_eq!(self.receiver.try_recv(), Err(TryRecvError::Closed));
        assert!(self.received.is_sorted_by(|a, b| a < b), "in order, once: {:?}", self.received);
        for n in &self.sent {
            assert!(self.received.contains(n), "{n} was sent and not received");
        }
        for n in &self.back {
            assert!(!self.received.contains(n), "{n} was handed back and received");
        }
        let mut all: Vec<_> = self.sent.iter().chain(&self.back).collect();
        all.sort();
        assert!(all.is_sorted_by(|a, b| a < b), "one has two ends");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    /// Given any steps at both ends, then what is sent is received, once and in the order of arrival, and
    /// what is handed back is not.
    #[test]
    fn what_is_sent_is_received_or_handed_back(
        steps in vec(step(), 0..60),
        last in last(),
        after in vec(step(), 0..20),
    ) {
        let (sender, receiver) = handoff();
        let mut run = Run {
            sender: &sender,
            receiver,
            waits: vec![],
            arrived: 0,
            aborted: false,
            received: vec![],
            sent: vec![],
            back: vec![],
        };
        steps.into_iter().chain([last]).chain(after).for_each(|step| run.step(step));
        run.end();
    }
}

#[derive(Clone, Copy, Debug)]
enum QueueStep {
    Send,
    Merge,
    /// Polls the consumer, which then waits.
    Receive,
    /// With a wait that is dropped.
    ReceiveOnce,
    TryReceive,
    Close,
}

fn queue_step() -> impl Strategy<Value = QueueStep> {
    prop_oneof![
        20 => Just(QueueStep::Send),
        5 => Just(QueueStep::Merge),
        10 => Just(QueueStep::Receive),
        5 => Just(QueueStep::ReceiveOnce),
        5 => Just(QueueStep::TryReceive),
        1 => Just(QueueStep::Close),
    ]
}

/// What a queue should be. Items are the numbers that were merged in them.
#[derive(Default)]
struct QueueModel {
    items: VecDeque<Vec<u32>>,
    /// The first item was given to a consumer that waited.
    given: bool,
    waiting: bool,
    closed: bool,
}

impl QueueModel {
    /// Returns the items that are dropped, or that one which cannot be sent.
    fn send(&mut self, item: Vec<u32>, room: usize, overflow: Overflow) -> Option<Vec<u32>> {
        if self.closed {
            return Some(item);
        }
        let given = usize::from(self.given);
        if !self.waiting && self.items.len() - given == room {
            if overflow == Overflow::DropNewest {
                return Some(item);
            }
            self.items.push_back(item);
            return self.items.remove(given);
        }
        self.given |= self.waiting;
        self.waiting = false;
        self.items.push_back(item);
        None
    }

    fn receive(&mut self, waits: bool) -> Poll<Option<Vec<u32>>> {
        match self.items.pop_front() {
            Some(item) => {
                self.given = false;
                Poll::Ready(Some(item))
            }
            None if self.closed => Poll::Ready(None),
            None => {
                self.waiting = waits;
                Poll::Pending
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    /// Given any steps at both ends of a queue that drops, then it does what a list would, and its numbers
    /// add up after each.
    #[test]
    fn a_queue_drops_by_its_rule(
        room in 1..4_usize,
        oldest in any::<bool>(),
        steps in vec(queue_step(), 0..80),
    ) {
        let overflow = if oldest { Overflow::DropOldest } else { Overflow::DropNewest };
        let (sender, mut receiver) = queue(room, overflow);
        let mut model = QueueModel::default();
        for (n, step) in steps.into_iter().enumerate() {
            let item = vec![n as u32];
            match step {
                QueueStep::Send => {
                    let dropped = match sender.send(item.clone()) {
                        Ok(dropped) => dropped,
                        Err(error) => Some(error.into_inner()),
                    };
                    assert_eq!(dropped, model.send(item, room, overflow));
                }
                QueueStep::Merge => {
                    let given = usize::from(model.given);
                    let full = !model.closed && !model.waiting && model.items.len() - given == room;
                    let merged = sender.send_or_merge(item.clone(), |kept, new| [kept, new].concat());
                    assert_eq!(merged.is_err(), model.closed);
                    if full {
                        model.items.back_mut().unwrap().extend(item);
                    } else {
                        let dropped = model.send(item, room, overflow);
                        assert_eq!(dropped.is_some(), model.closed);
                    }
                }
                QueueStep::Receive => {
                    let mut context = Context::from_waker(Waker::noop());
                    let polled = Pin::new(&mut receiver).poll_next(&mut context);
                    assert_eq!(polled, model.receive(true));
                }
                QueueStep::ReceiveOnce => {
                    assert_eq!(poll(&mut receiver.recv()), model.receive(false));
                }
                QueueStep::TryReceive => {
                    let received = receiver.try_recv();
                    // It leaves a request that is there.
                    let waits = model.waiting;
                    match model.receive(waits) {
                        Poll::Ready(Some(item)) => assert_eq!(received, Ok(item)),
                        Poll::Ready(None) => assert_eq!(received, Err(TryRecvError::Closed)),
                        Poll::Pending => assert_eq!(received, Err(TryRecvError::Empty)),
                    }
                }
                QueueStep::Close => {
                    sender.close();
                    model.closed = true;
                    model.waiting = false;
                }
            }
            let status = sender.status();
            assert_eq!((status.len, status.waiting), (model.items.len(), model.waiting));
            assert_eq!(status.sent, status.received + status.dropped + status.len as u64);
            assert!(status.peak >= status.len && status.peak <= room + 1);
        }
    }
}
