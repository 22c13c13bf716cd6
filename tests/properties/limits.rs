//! Any order of requests, waits and drops over several limits: none is exceeded, nothing is lost, and who asks for
//! the same as one before is not served before it.

use anyscope::{
    Clock, Instant, Timer,
    limit::{Limits, LimitsPermit, Rate},
};
use proptest::{collection::vec, prelude::*, sample::subsequence};
use std::{
    future::{Future, Ready, ready},
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    task::{Context, Poll, Wake},
    time::Duration,
};

/// A clock that stands still: what is asked of the rate is never too much.
struct Still;

impl Clock for Still {
    fn now(&self) -> Instant {
        Instant::from_epoch(Duration::from_secs(1))
    }
}

impl Timer for Still {
    type Sleep = Ready<()>;

    fn sleep(&self, _: Duration) -> Ready<()> {
        ready(())
    }
}

const CAPACITY: u32 = 4;
const KEYS: usize = 4;
/// The key of the rate.
const RATE: usize = KEYS;

type Asks = Vec<(usize, u32)>;

#[derive(Clone, Debug)]
enum Step {
    /// A wait comes, and is polled once.
    Wait(Asks),
    Try(Asks),
    /// One of those who wait, or were served and have not seen it, is polled, or dropped.
    Poll(usize),
    Drop(usize),
    /// What somebody holds comes back, one of it or all.
    Refund(usize),
    Release(usize),
}

fn step() -> impl Strategy<Value = Step> {
    let asks = || {
        let keys = subsequence((0..=RATE).collect::<Vec<_>>(), 1..=3).prop_shuffle();
        (keys, vec(1..=CAPACITY, 3))
            .prop_map(|(keys, amounts)| keys.into_iter().zip(amounts).collect())
    };
    prop_oneof![
        4 => asks().prop_map(Step::Wait),
        2 => asks().prop_map(Step::Try),
        3 => (0..6usize).prop_map(Step::Poll),
        2 => (0..6usize).prop_map(Step::Drop),
        1 => (0..6usize).prop_map(Step::Refund),
        3 => (0..6usize).prop_map(Step::Release),
    ]
}

#[derive(Default)]
struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, SeqCst);
    }
}

struct Waiter {
    asks: Asks,
    is_served: bool,
    woken: Arc<Woken>,
    acquire: Pin<Box<dyn Future<Output = LimitsPermit<usize>>>>,
}

/// What there is, beside what there should be.
struct World {
    limits: Limits<usize>,
    free: [u32; KEYS],
    /// In the order in which they came.
    waiters: Vec<Waiter>,
    held: Vec<(Asks, LimitsPermit<usize>)>,
}

impl World {
    fn new() -> Self {
        let builder = (0..KEYS).fold(Limits::builder(), |b, key| b.resource(key, CAPACITY));
        let limits = builder.rate(RATE, Rate::per_second(1).burst(1_000_000)).build().unwrap();
        World { limits, free: [CAPACITY; KEYS], waiters: Vec::new(), held: Vec::new() }
    }

    fn is_there(&self, asks: &Asks) -> bool {
        asks.iter().all(|&(key, amount)| key == RATE || amount <= self.free[key])
    }

    fn take(&mut self, asks: &Asks) {
        asks.iter().filter(|(key, _)| *key != RATE).for_each(|(key, n)| self.free[*key] -= n);
    }

    fn give_back(&mut self, asks: &Asks) {
        asks.iter().filter(|(key, _)| *key != RATE).for_each(|(key, n)| self.free[*key] += n);
    }

    /// Whether somebody who is not served waits for one of these, among the first `count`.
    fn is_behind(&self, asks: &Asks, count: usize) -> bool {
        let waiting = self.waiters[..count].iter().filter(|waiter| !waiter.is_served);
        let mut keys = waiting.flat_map(|waiter| &waiter.asks);
        keys.any(|(key, _)| asks.iter().any(|(other, _)| other == key))
    }

    fn can_be_served(&self, at: usize) -> bool {
        let Waiter { asks, is_served, .. } = &self.waiters[at];
        !is_served && self.is_there(asks) && !self.is_behind(asks, at)
    }

    /// Serves all who can be. Without a clock, those who ask for the rate are only woken.
    fn serve(&mut self, has_clock: bool) {
        for at in 0..self.waiters.len() {
            let asks = self.waiters[at].asks.clone();
            if self.can_be_served(at) && (has_clock || asks.iter().all(|(key, _)| *key != RATE)) {
                self.take(&asks);
                self.waiters[at].is_served = true;
            }
        }
    }

    fn run(&mut self, step: Step) {
        match step {
            Step::Wait(asks) => {
                self.serve(true);
                let is_served = self.is_there(&asks) && !self.is_behind(&asks, self.waiters.len());
                if is_served {
                    self.take(&asks);
                }
                let acquire = self.limits.acquire(Still, asks.clone());
                let acquire = Box::pin(async { acquire.await.unwrap() });
                self.waiters.push(Waiter { asks, is_served, woken: Arc::default(), acquire });
                self.poll(self.waiters.len() - 1);
            }
            Step::Try(asks) => {
                self.serve(true);
                let possible = self.is_there(&asks) && !self.is_behind(&asks, self.waiters.len());
                let taken = self.limits.try_acquire(Still, asks.clone());
                assert_eq!(taken.is_ok(), possible);
                if let Ok(permit) = taken {
                    self.take(&asks);
                    self.held.push((asks, permit));
                }
            }
            Step::Poll(at) if at < self.waiters.len() => {
                if self.can_be_served(at) {
                    self.serve(true);
                }
                self.poll(at);
            }
            Step::Drop(at) if at < self.waiters.len() => {
                let Waiter { asks, is_served, acquire, .. } = self.waiters.remove(at);
                drop(acquire);
                if is_served {
                    self.give_back(&asks);
                }
                self.serve(true);
            }
            Step::Refund(at) if at < self.held.len() => {
                let (asks, permit) = &mut self.held[at];
                let Some((key, amount)) = asks.iter_mut().find(|(_, amount)| *amount > 0) else {
                    return;
                };
                permit.refund(Still, *key, 1).unwrap();
                *amount -= 1;
                let refunded = vec![(*key, 1)];
                self.give_back(&refunded);
                self.serve(true);
            }
            Step::Release(at) if at < self.held.len() => {
                let (asks, permit) = self.held.remove(at);
                drop(permit);
                self.give_back(&asks);
                self.serve(false);
            }
            _ => {}
        }
    }

    fn poll(&mut self, at: usize) {
        let Waiter { is_served, woken, acquire, .. } = &mut self.waiters[at];
        woken.0.store(false, SeqCst);
        let waker = woken.clone().into();
        let polled = acquire.as_mut().poll(&mut Context::from_waker(&waker));
        assert_eq!(polled.is_ready(), *is_served, "{at} is served out of turn");
        if let Poll::Ready(permit) = polled {
            let Waiter { asks, .. } = self.waiters.remove(at);
            self.held.push((asks, permit));
        }
    }

    fn check(&self) {
        assert!((0..KEYS).all(|key| self.limits.available(key) == Some(self.free[key])));
        let waiting = self.waiters.iter().filter(|waiter| !waiter.is_served);
        assert_eq!(self.limits.waiting(), waiting.count());
        for (at, waiter) in self.waiters.iter().enumerate() {
            let is_woken = waiter.woken.0.load(SeqCst);
            assert!(is_woken || !waiter.is_served && !self.can_be_served(at), "{at} sleeps on");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    /// Given any steps, then each is served in its turn, and not before; and when all is given back, all are served.
    #[test]
    fn limits_are_kept_and_everyone_is_served(steps in vec(step(), 0..60)) {
        let mut world = World::new();
        for step in steps {
            world.run(step);
            world.check();
        }
        while !world.held.is_empty() || !world.waiters.is_empty() {
            world.run(Step::Release(0));
            world.check();
            world.run(Step::Poll(0));
            world.check();
        }
    }
}
