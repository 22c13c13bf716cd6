//! What a server can do, in real time.

use super::site::mix;
use std::{
    cmp::Reverse,
    collections::BinaryHeap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

/// How many requests are served at the same time, and how long one takes.
pub(crate) struct Capacity {
    pub(crate) most: usize,
    pub(crate) takes: Duration,
    /// How long until half of it is lost, and until that is back.
    pub(crate) period: Duration,
}

impl Capacity {
    /// `at` so long after the start.
    pub(crate) fn at(&self, at: Duration) -> usize {
        let is_low = at.as_nanos() / self.period.as_nanos() % 2 == 1;
        if is_low { self.most.div_ceil(2) } else { self.most }
    }
}

/// So many workers and a queue before them. Up to half as many may wait without harm; with more than that everything takes
/// longer. What finds twice as many waiting is rejected, and that costs a little too.
pub(crate) struct Service {
    pub(crate) capacity: Capacity,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// When each worker will have done what it was given; the first one first.
    workers: BinaryHeap<Reverse<Duration>>,
    /// When each request that was admitted will be done.
    admitted: BinaryHeap<Reverse<Duration>>,
    requests: u64,
}

/// When there is an answer, since the start.
pub(super) enum Answer {
    Page(Duration),
    Rejection(Duration),
}

impl Service {
    pub(crate) fn new(capacity: Capacity) -> Self {
        Service { capacity, state: Mutex::default() }
    }

    /// A request comes in. Whoever asked may go away: the work is done all the same.
    pub(super) fn admit(&self, now: Duration) -> Answer {
        let capacity = self.capacity.at(now);
        let state = &mut *self.state.lock().unwrap_or_else(PoisonError::into_inner);
        // Workers that go finish what they were given.
        while state.workers.len() > capacity {
            state.workers.pop();
        }
        while state.workers.len() < capacity {
            state.workers.push(Reverse(now));
        }
        while state.admitted.peek().is_some_and(|Reverse(done)| *done <= now) {
            state.admitted.pop();
        }
        state.requests += 1;
        let waiting = state.admitted.len().saturating_sub(capacity);
        let is_full = waiting >= 2 * capacity;
        let takes = if is_full {
            self.capacity.takes / 10
        } else {
            let above = waiting.saturating_sub(capacity / 2) as f64 / capacity as f64;
            self.capacity.takes.mul_f64(spread(state.requests) * (1.0 + above))
        };
        let Reverse(free) = state.workers.pop().expect("a worker");
        let done = free.max(now) + takes;
        state.workers.push(Reverse(done));
        if is_full {
            return Answer::Rejection(now + takes);
        }
        state.admitted.push(Reverse(done));
        Answer::Page(done)
    }
}

/// From 0.8 to 1.2.
fn spread(number: u64) -> f64 {
    0.8 + 0.4 * (mix(number) % 1000) as f64 / 1000.0
}
