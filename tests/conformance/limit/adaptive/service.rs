//! A service of some capacity, in virtual time, and limits that find it.
//!
//! It has so many workers, and a queue before them that is 0.4 times as long. A call takes a worker
//! from 0.8 to 1.2 times as long as it is said to; one that finds the queue full is rejected at once.

use anyscope::{
    AdaptiveLimit, Timer, flow,
    limit::adaptive::{Aimd, Algorithm, Gradient2, Outcome, Ratio, Vegas, Windowed},
    sim::{Sim, SimHandle},
};
use futures_lite::future::or;
use std::{cell::RefCell, cmp::Reverse, collections::BinaryHeap, time::Duration};

const MS: Duration = Duration::from_millis(1);
/// How long a call takes at first.
const TAKES: Duration = Duration::from_millis(20);
const WINDOW: Duration = Duration::from_millis(80);

struct Service {
    sim: SimHandle,
    state: RefCell<State>,
}

struct State {
    /// When each worker is free.
    workers: BinaryHeap<Reverse<Duration>>,
    /// When each call that was let in ends.
    calls: BinaryHeap<Reverse<Duration>>,
    takes: Duration,
    random: u64,
}

impl Service {
    fn new(sim: &SimHandle, capacity: usize) -> Self {
        let workers = vec![Reverse(Duration::ZERO); capacity].into();
        // Never zero.
        let random = sim.choose(usize::MAX) as u64 | 1;
        let state = State { workers, calls: BinaryHeap::new(), takes: TAKES, random };
        Service { sim: sim.clone(), state: RefCell::new(state) }
    }

    /// A job: it is called until it is served.
    async fn call(&self) -> Result<(), ()> {
        let now = self.sim.elapsed();
        let ends = self.state.borrow_mut().admit(now);
        self.sim.sleep(ends.unwrap_or(now + MS) - now).await;
        ends.map(drop).ok_or(())
    }
}

impl State {
    fn admit(&mut self, now: Duration) -> Option<Duration> {
        while self.calls.peek().is_some_and(|ends| ends.0 <= now) {
            self.calls.pop();
        }
        if self.calls.len() >= self.workers.len() * 7 / 5 {
            return None;
        }
        let free = self.workers.pop().unwrap().0;
        let ends = free.max(now) + self.takes * self.percent() / 100;
        self.workers.push(Reverse(ends));
        self.calls.push(Reverse(ends));
        Some(ends)
    }

    /// From 80 to 120, by xorshift64.
    fn percent(&mut self) -> u32 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        80 + (self.random >> 32) as u32 % 41
    }
}

/// The limits after each window of `windows` such phases: calls take as usual, five times as long, as
/// usual again. There is always more to do than the limit allows.
fn limits(seed: u64, capacity: usize, windows: u32, algorithm: impl Algorithm) -> [Vec<usize>; 3] {
    let windowed = Windowed::builder().min_window(WINDOW).build(algorithm).unwrap();
    let adaptive = AdaptiveLimit::new(windowed);
    let limits = RefCell::new([const { Vec::new() }; 3]);
    let run = Sim::new(seed).run(async |sim| {
        let service = Service::new(&sim, capacity);
        let jobs = flow::iter(0_u64..).for_each_concurrent(&adaptive, async |_| {
            let called = adaptive.call_with(&sim, service.call(), Outcome::drop_errors);
            if called.await.is_err() {
                sim.sleep(TAKES).await;
            }
        });
        let phases = async {
            for (phase, takes) in [TAKES, 5 * TAKES, TAKES].into_iter().enumerate() {
                service.state.borrow_mut().takes = takes;
                for _ in 0..windows {
                    // It lasts twice as long as its shortest call.
                    sim.sleep(WINDOW.max(takes * 2)).await;
                    limits.borrow_mut()[phase].push(adaptive.get().get());
                }
            }
        };
        or(jobs, phases).await;
    });
    run.unwrap_or_else(|failure| panic!("{failure}"));
    limits.into_inner()
}

/// Given an algorithm, then after `settled` of each 200 windows, at most 1 of 10 is outside of 0.8 to
/// 1.5 of the capacity.
fn finds_the_capacity(name: &str, settled: usize, algorithm: impl Fn(usize) -> Box<dyn Algorithm>) {
    for capacity in [10, 40] {
        for seed in 0..3 {
            let phases = limits(seed, capacity, 200, algorithm(capacity));
            for (phase, limits) in ["usual", "slow", "usual again"].into_iter().zip(phases) {
                let is_good = |limit: &&usize| {
                    (capacity * 4..).contains(&(*limit * 5)) && **limit * 2 <= capacity * 3
                };
                let after = &limits[settled..];
                let good = after.iter().filter(is_good).count();
                assert!(
                    good * 10 >= after.len() * 9,
                    "{name}, capacity {capacity}, seed {seed}, {phase}: {limits:?}",
                );
            }
        }
    }
}

#[test]
fn a15_aimd_finds_the_capacity() {
    finds_the_capacity("aimd", 50, |_| Box::new(Aimd::default()));
}

/// It halves its limit for a probe.
#[test]
fn a15_vegas_finds_the_capacity() {
    let vegas = Vegas::builder().probe_multiplier(4).build().unwrap();
    finds_the_capacity("vegas", 100, |_| Box::new(vegas.clone()));
}

/// It gets used to a service that is slower for good as soon as its long window says so.
#[test]
fn a15_gradient2_finds_the_capacity() {
    let gradient = Gradient2::builder()
        .tolerance(Ratio::percent(120))
        .long_window(40)
        .backoff(Ratio::percent(90))
        .build()
        .unwrap();
    finds_the_capacity("gradient2", 120, |_| Box::new(gradient.clone()));
}
