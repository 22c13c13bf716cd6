//! A service of some capacity, in virtual time.

use anyscope::{Timer, sim::SimHandle};
use std::{cell::RefCell, cmp::Reverse, collections::BinaryHeap, time::Duration};

/// How long it takes to hear that there is no room.
const ROUND_TRIP: Duration = Duration::from_millis(10);

/// So many workers and a queue before them. What finds the queue full is rejected, and that costs a
/// worker a little time too.
pub(crate) struct Service {
    sim: SimHandle,
    state: RefCell<State>,
}

struct State {
    /// When each worker will have done what it was given; the first one first.
    workers: BinaryHeap<Reverse<Duration>>,
    /// When each call that was admitted will be done.
    calls: BinaryHeap<Reverse<Duration>>,
    takes: Duration,
    random: u64,
}

/// There was no room.
#[derive(Debug)]
pub(crate) struct Rejected;

impl Service {
    pub(crate) fn new(sim: &SimHandle, capacity: usize, takes: Duration, seed: u64) -> Self {
        let workers = (0..capacity).map(|_| Reverse(Duration::ZERO)).collect();
        let state = State { workers, calls: BinaryHeap::new(), takes, random: seed };
        Service { sim: sim.clone(), state: RefCell::new(state) }
    }

    /// Sets how long a call takes, of those that come from now on.
    pub(crate) fn set_takes(&self, takes: Duration) {
        self.state.borrow_mut().takes = takes;
    }

    /// Sets how many workers there are. Those that go finish what they were given.
    pub(crate) fn set_capacity(&self, capacity: usize) {
        let now = self.sim.elapsed();
        let workers = &mut self.state.borrow_mut().workers;
        while workers.len() > capacity {
            workers.pop();
        }
        while workers.len() < capacity {
            workers.push(Reverse(now));
        }
    }

    /// One call.
    pub(crate) async fn call(&self) -> Result<(), Rejected> {
        let done = self.state.borrow_mut().admit(self.sim.elapsed());
        match done {
            Some(done) => {
                self.sim.sleep(done.saturating_sub(self.sim.elapsed())).await;
                Ok(())
            }
            None => {
                self.sim.sleep(ROUND_TRIP).await;
                Err(Rejected)
            }
        }
    }
}

impl State {
    /// When it will be done; `None` if there is no room.
    fn admit(&mut self, now: Duration) -> Option<Duration> {
        while self.calls.peek().is_some_and(|Reverse(done)| *done <= now) {
            self.calls.pop();
        }
        let queue = self.workers.len() * 2 / 5;
        let is_full = self.calls.len() >= self.workers.len() + queue;
        let takes = if is_full { self.takes / 50 } else { self.takes.mul_f64(self.spread()) };
        let Reverse(free) = self.workers.pop().expect("a worker");
        let done = free.max(now) + takes;
        self.workers.push(Reverse(done));
        if is_full {
            return None;
        }
        self.calls.push(Reverse(done));
        Some(done)
    }

    /// From 0.8 to 1.2.
    fn spread(&mut self) -> f64 {
        // xorshift64, of a state that is never zero.
        let mut x = self.random | 1 << 63;
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        self.random = x;
        0.8 + 0.4 * (x >> 11) as f64 / (1_u64 << 53) as f64
    }
}
