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
    Wait(Asks),
    Try(Asks),
    Drop(usize),
    Release(usize),
}

fn step() -> impl Strategy<Value = Step> {
    let asks = || {
        let keys = subsequence((0..=RATE).collect::<Vec<_>>(), 1..=3).prop_shuffle();
        (keys, vec(1..=CAPACITY, 3))
            .prop_map(|(keys, amounts)| keys.into_iter().zip(amounts).collect())
    };
    prop_oneof![
        3 => asks().prop_map(Step::Wait),
        1 => asks().prop_map(Step::Try),
        1 => any::<usize>().prop_map(Step::Drop),
        3 => any::<usize>().prop_map(Step::Release),
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
    woken: Arc<Woken>,
    acquire: Pin<Box<dyn Future<Output = LimitsPermit<usize>>>>,
}

struct World {
    limits: Limits<usize>,
    waiters: Vec<Waiter>,
    held: Vec<(Asks, LimitsPermit<usize>)>,
}

impl World {
    fn new() -> Self {
        let builder = (0..KEYS).fold(Limits::builder(), |b, key| b.resource(key, CAPACITY));
        let limits = builder.rate(RATE, Rate::per_second(1).burst(1_000_000)).build().unwrap();
        World { limits, waiters: Vec::new(), held: Vec::new() }
    }

    fn free(&self) -> [u32; KEYS] {
        let used = |key| {
            let asks = self.held.iter().flat_map(|(asks, _)| asks);
            asks.filter(|(other, _)| *other == key).map(|(_, amount)| amount).sum::<u32>()
        };
        std::array::from_fn(|key| CAPACITY.checked_sub(used(key)).expect("more than there is"))
    }

    fn run(&mut self, step: Step) {
        match step {
            Step::Wait(asks) => {
                let acquire = self.limits.acquire(Still, asks.clone());
                let acquire = Box::pin(async { acquire.await.unwrap() });
                self.waiters.push(Waiter { asks, woken: Arc::default(), acquire });
                self.poll(self.waiters.len() - 1);
            }
            Step::Try(asks) => {
                let free = self.free();
                let there = |(key, amount): &(usize, u32)| *key == RATE || *amount <= free[*key];
                let possible = asks.iter().all(there) && !overlaps(&asks, &self.waiters);
                let taken = self.limits.try_acquire(Still, asks.clone());
                assert_eq!(taken.is_ok(), possible);
                self.held.extend(taken.map(|permit| (asks, permit)));
            }
            Step::Drop(n) if !self.waiters.is_empty() => {
                let at = n % self.waiters.len();
                drop(self.waiters.remove(at));
            }
            Step::Release(n) if !self.held.is_empty() => {
                let at = n % self.held.len();
                drop(self.held.remove(at));
            }
            _ => {}
        }
    }

    fn poll(&mut self, at: usize) {
        let Waiter { woken, acquire, .. } = &mut self.waiters[at];
        woken.0.store(false, SeqCst);
        let waker = woken.clone().into();
        if let Poll::Ready(permit) = acquire.as_mut().poll(&mut Context::from_waker(&waker)) {
            let Waiter { asks, .. } = self.waiters.remove(at);
            self.held.push((asks, permit));
        }
    }

    /// In any order; then those who still wait have to.
    fn settle(&mut self) {
        let woken = |waiter: &Waiter| waiter.woken.0.load(SeqCst);
        while let Some(at) = self.waiters.iter().rposition(woken) {
            self.poll(at);
        }
        let free = self.free();
        assert!((0..KEYS).all(|key| self.limits.available(key) == Some(free[key])));
        for (at, Waiter { asks, .. }) in self.waiters.iter().enumerate() {
            let lacks = asks.iter().any(|&(key, amount)| key != RATE && amount > free[key]);
            assert!(lacks || overlaps(asks, &self.waiters[..at]), "{at} waits for nothing");
        }
        assert_eq!(self.limits.waiting(), self.waiters.len());
    }
}

fn overlaps(asks: &Asks, waiters: &[Waiter]) -> bool {
    let keys = waiters.iter().flat_map(|waiter| &waiter.asks);
    keys.into_iter().any(|(key, _)| asks.iter().any(|(other, _)| other == key))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    /// Given any steps, then exactly those wait who have to; and when all is given back, all are served.
    #[test]
    fn limits_are_kept_and_everyone_is_served(steps in vec(step(), 0..60)) {
        let mut world = World::new();
        for step in steps {
            world.run(step);
            world.settle();
        }
        while !world.held.is_empty() {
            world.run(Step::Release(0));
            world.settle();
        }
        prop_assert!(world.waiters.is_empty());
    }
}
