//! Any order of acquires, polls, drops, returns, changes of the limit and a close, against a model that does it the slow way:
//! no permit is lost or made, and whoever is first by its backlog is served first.

use anyscope::{
    LiveLimit,
    future::Acquire,
    limit::{AcquireError, Backlog, Permit, Semaphore, TryAcquireError},
};
use proptest::{collection::vec, prelude::*};
use std::{
    collections::VecDeque,
    future::Future,
    pin::Pin,
    task::{Context, Poll, Waker},
};

#[derive(Clone, Copy, Debug)]
enum Step {
    /// A wait comes, and is polled once.
    Acquire(usize),
    TryAcquire(usize),
    /// One of those who wait is polled, or dropped.
    Poll(usize),
    Drop(usize),
    /// One of the permits comes back, whole or in part, or never.
    Return(usize),
    Split(usize),
    Forget(usize),
    Limit(usize),
    Close,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => (0..5usize).prop_map(Step::Acquire),
        4 => (0..5usize).prop_map(Step::TryAcquire),
        6 => (0..8usize).prop_map(Step::Poll),
        4 => (0..8usize).prop_map(Step::Drop),
        8 => (0..8usize).prop_map(Step::Return),
        2 => (0..8usize).prop_map(Step::Split),
        1 => (0..8usize).prop_map(Step::Forget),
        3 => (1..7usize).prop_map(Step::Limit),
    ]
}

/// What the semaphore should do.
struct Model {
    limit: usize,
    in_use: usize,
    closed: bool,
    most: usize,
    newest_first: bool,
    /// Who waits: a number, and how many permits it wants.
    queue: VecDeque<(u32, usize)>,
    /// Who was given permits that it has not taken.
    granted: Vec<u32>,
}

impl Model {
    fn serve(&mut self) {
        while let Some(&(who, count)) = self.queue.front() {
            if self.in_use + count > self.limit {
                return;
            }
            self.in_use += count;
            self.granted.push(who);
            self.queue.pop_front();
        }
    }

    /// For one who would wait: it overtakes those who wait already if the newest comes first.
    fn take(&mut self, count: usize) -> Result<(), TryAcquireError> {
        let others =
            if self.newest_first { std::mem::take(&mut self.queue) } else { VecDeque::new() };
        let taken = self.try_take(count);
        if self.newest_first {
            self.queue = others;
        }
        taken
    }

    fn try_take(&mut self, count: usize) -> Result<(), TryAcquireError> {
        if count == 0 {
            return Err(TryAcquireError::Zero);
        }
        if self.closed {
            return Err(TryAcquireError::Closed);
        }
        if !self.queue.is_empty() || self.in_use + count > self.limit {
            return Err(TryAcquireError::Full);
        }
        self.in_use += count;
        Ok(())
    }
}

fn poll<'a>(future: &mut Acquire<'a>) -> Poll<Result<Permit<'a>, AcquireError>> {
    Pin::new(future).poll(&mut Context::from_waker(Waker::noop()))
}

fn run(steps: Vec<Step>, close_at: usize, most: usize, newest_first: bool) {
    let limit = LiveLimit::new(3);
    let backlog = if newest_first { Backlog::lifo(most) } else { Backlog::fifo(most) };
    let semaphore = Semaphore::with_backlog(&limit, backlog);
    let mut model = Model {
        limit: 3,
        in_use: 0,
        closed: false,
        most,
        newest_first,
        queue: VecDeque::new(),
        granted: Vec::new(),
    };
    let mut waits: Vec<(u32, usize, Acquire<'_>)> = Vec::new();
    let mut permits: Vec<Permit<'_>> = Vec::new();
    let mut numbers = 0..;
    for (at, step) in steps.into_iter().enumerate() {
        let step = if at == close_at { Step::Close } else { step };
        match step {
            Step::Acquire(count) => {
                let mut wait = semaphore.acquire_many(count);
                let polled = poll(&mut wait);
                match model.take(count) {
                    Ok(()) => {
                        let Poll::Ready(Ok(permit)) = polled else { panic!("{polled:?}") };
                        permits.push(permit);
                    }
                    Err(TryAcquireError::Full) if model.queue.len() < model.most => {
                        assert!(polled.is_pending(), "{polled:?}");
                        let number = numbers.next().unwrap();
                        match model.newest_first {
                            true => model.queue.push_front((number, count)),
                            false => model.queue.push_back((number, count)),
                        }
                        waits.push((number, count, wait));
                    }
                    Err(refused) => {
                        let Poll::Ready(Err(error)) = polled else { panic!("{polled:?}") };
                        assert_eq!(TryAcquireError::from(error), refused);
                    }
                }
            }
            Step::TryAcquire(count) => {
                match (semaphore.try_acquire_many(count), model.try_take(count)) {
                    (Ok(permit), Ok(())) => permits.push(permit),
                    (permit, expected) => assert_eq!(permit.map(drop), expected),
                }
            }
            Step::Poll(n) if n < waits.len() => {
                let (number, _, wait) = &mut waits[n];
                let number = *number;
                let granted = model.granted.iter().position(|who| *who == number);
                match (poll(wait), granted) {
                    (Poll::Ready(Ok(permit)), Some(at)) => {
                        model.granted.remove(at);
                        permits.push(permit);
                        drop(waits.remove(n));
                    }
                    (Poll::Ready(Err(AcquireError::Closed)), None) if model.closed => {
                        drop(waits.remove(n));
                    }
                    (Poll::Pending, None) if !model.closed => {}
                    (polled, granted) => panic!("{polled:?}, granted: {granted:?}"),
                }
            }
            Step::Drop(n) if n < waits.len() => {
                let (number, count, wait) = waits.remove(n);
                drop(wait);
                model.queue.retain(|(who, _)| *who != number);
                if let Some(at) = model.granted.iter().position(|who| *who == number) {
                    model.granted.remove(at);
                    model.in_use -= count;
                }
                model.serve();
            }
            Step::Return(n) if n < permits.len() => {
                let permit = permits.remove(n);
                model.in_use -= permit.count();
                drop(permit);
                model.serve();
            }
            Step::Split(n) if n < permits.len() => {
                let one = permits[n].split(1);
                permits.extend(one);
            }
            Step::Forget(n) if n < permits.len() => permits.remove(n).forget(),
            Step::Limit(to) => {
                limit.set(to);
                model.limit = to;
                model.serve();
            }
            Step::Close => {
                semaphore.close();
                model.closed = true;
                model.queue.clear();
            }
            _ => {}
        }
        assert_eq!(semaphore.in_use(), model.in_use);
        assert_eq!(semaphore.available(), model.limit.saturating_sub(model.in_use));
        assert_eq!(semaphore.is_closed(), model.closed);
        assert_eq!(semaphore.waiting(), model.queue.len());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    /// Given any program, then the semaphore does what the model does.
    #[test]
    fn a_semaphore_is_like_its_model(
        steps in vec(step(), 0..80),
        close_at in 0..200usize,
        most in prop_oneof![0..5usize, Just(usize::MAX)],
        newest_first in any::<bool>(),
    ) {
        run(steps, close_at, most, newest_first);
    }
}
