//! Any order of polls, cancels and closes at both ends of a handoff, against a model: what is sent is
//! received or handed back, once, and in the order in which the senders came.

use anyscope::{
    channel::{Receiver, Sender, TryRecvError, handoff},
    future::{Reserving, Sending},
};
use futures_core::Stream;
use proptest::{collection::vec, prelude::*};
use std::{
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
