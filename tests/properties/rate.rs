//! Any order of requests, waits, gifts and pauses: a rate is never exceeded, nothing is lost, and those who wait
//! are served in order.

use anyscope::{
    Clock, Instant, Timer,
    limit::{Rate, RateGrant, RateLimit},
};
use proptest::{collection::vec, prelude::*};
use std::{
    future::Future,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::SeqCst},
    },
    task::{Context, Poll, Wake},
    time::Duration,
};

/// Shows nanoseconds.
#[derive(Clone, Default)]
struct Hand(Arc<AtomicU64>);

impl Hand {
    fn nanos(&self) -> u64 {
        self.0.load(SeqCst)
    }
}

impl Clock for Hand {
    fn now(&self) -> Instant {
        Instant::from_epoch(Duration::from_nanos(self.nanos()))
    }
}

impl Timer for Hand {
    type Sleep = Sleep;

    fn sleep(&self, duration: Duration) -> Sleep {
        Sleep(self.clone(), self.now().saturating_add(duration))
    }
}

struct Sleep(Hand, Instant);

impl Future for Sleep {
    type Output = ();

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        if self.0.now() >= self.1 { Poll::Ready(()) } else { Poll::Pending }
    }
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Pause(u64),
    Try(u32),
    Wait(u32),
    /// Polls one of those who wait, or drops it.
    Poll(usize),
    Drop(usize),
    /// Gives back so much of a grant.
    Refund(usize, u32),
    Settle(usize, u32),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => (0..400_u64).prop_map(Step::Pause),
        3 => (1..9_u32).prop_map(Step::Try),
        3 => (1..9_u32).prop_map(Step::Wait),
        3 => any::<usize>().prop_map(Step::Poll),
        1 => any::<usize>().prop_map(Step::Drop),
        1 => (any::<usize>(), 0..9_u32).prop_map(|(n, unused)| Step::Refund(n, unused)),
        1 => (any::<usize>(), 0..12_u32).prop_map(|(n, used)| Step::Settle(n, used)),
    ]
}

fn rate() -> impl Strategy<Value = Rate> {
    let numbers = || (1..9_u32, 50..500_u64);
    prop_oneof![
        (numbers(), 1..9_u32).prop_map(|((count, per), burst)| Rate::new(
            count,
            Duration::from_nanos(per)
        )
        .burst(burst)),
        numbers().prop_map(|(count, per)| Rate::window(count, Duration::from_nanos(per))),
    ]
}

/// What was granted, when, and how much of it was used as far as is known.
struct Used {
    at: u64,
    amount: u64,
    grant: Option<RateGrant>,
}

struct Waiter {
    amount: u32,
    woken: Arc<Woken>,
    acquire: Pin<Box<dyn Future<Output = RateGrant>>>,
}

#[derive(Default)]
struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, SeqCst);
    }
}

struct World {
    hand: Hand,
    rate: Rate,
    limit: RateLimit,
    used: Vec<Used>,
    waiters: Vec<Waiter>,
}

impl World {
    fn new(rate: Rate) -> Self {
        let (hand, limit) = (Hand::default(), RateLimit::new(rate));
        World { hand, rate, limit, used: Vec::new(), waiters: Vec::new() }
    }

    fn granted(&mut self, grant: RateGrant) {
        let amount = grant.amount().into();
        self.used.push(Used { at: self.hand.nanos(), amount, grant: Some(grant) });
    }

    fn run(&mut self, step: Step) {
        let most = self.rate.most_at_once();
        match step {
            Step::Pause(nanos) => drop(self.hand.0.fetch_add(nanos, SeqCst)),
            Step::Try(amount) => {
                let waited = !self.waiters.is_empty();
                match self.limit.try_acquire_many(&self.hand, amount) {
                    Ok(grant) => {
                        assert!(amount <= most);
                        assert!(!waited || self.limit.waiting() == 0, "it passed others");
                        self.granted(grant);
                    }
                    Err(anyscope::limit::TryRateError::NotYet(not_yet)) => {
                        assert!(
                            amount <= most
                                && (self.limit.waiting() > 0 || not_yet.at > self.hand.now())
                        );
                    }
                    Err(_) => assert!(amount > most),
                }
            }
            Step::Wait(amount) => {
                let amount = amount.min(most);
                let acquire = self.limit.acquire_many(self.hand.clone(), amount);
                let acquire = Box::pin(async { acquire.await.unwrap() });
                let woken = Arc::default();
                self.waiters.push(Waiter { amount, woken, acquire });
                self.poll(self.waiters.len() - 1);
            }
            Step::Poll(n) if !self.waiters.is_empty() => self.poll(n % self.waiters.len()),
            Step::Drop(n) if !self.waiters.is_empty() => {
                let at = n % self.waiters.len();
                drop(self.waiters.remove(at));
            }
            Step::Refund(n, unused) if !self.used.is_empty() => {
                let at = n % self.used.len();
                let used = &mut self.used[at];
                if let Some(grant) = used.grant.take() {
                    used.amount -= u64::from(unused.min(grant.amount()));
                    grant.refund(&self.hand, unused);
                }
            }
            Step::Settle(n, amount) if !self.used.is_empty() => {
                let at = n % self.used.len();
                let used = &mut self.used[at];
                if let Some(grant) = used.grant.take() {
                    used.amount = used.amount.min(amount.into());
                    grant.settle(&self.hand, amount);
                }
            }
            _ => {}
        }
    }

    fn poll(&mut self, at: usize) {
        let Waiter { woken, acquire, .. } = &mut self.waiters[at];
        woken.0.store(false, SeqCst);
        let waker = woken.clone().into();
        if let Poll::Ready(grant) = acquire.as_mut().poll(&mut Context::from_waker(&waker)) {
            // Those before it were served before.
            assert!(self.waiters[..at].iter().all(|w| w.woken.0.load(SeqCst)), "it passed others");
            let waiter = self.waiters.remove(at);
            assert_eq!(grant.amount(), waiter.amount);
            self.granted(grant);
        }
    }

    /// As an executor does.
    fn poll_woken(&mut self) {
        let woken = |waiter: &Waiter| waiter.woken.0.load(SeqCst);
        while let Some(at) = self.waiters.iter().position(woken) {
            self.poll(at);
        }
    }

    /// In no span of time more than the rate has.
    fn check(&self) {
        let (count, per) = (u64::from(self.rate.count()), self.rate.per().as_nanos() as u64);
        let burst = u64::from(self.rate.most_at_once());
        let window = self.rate == Rate::window(self.rate.count(), self.rate.per());
        let mut used: Vec<_> = self.used.iter().collect();
        used.sort_by_key(|used| used.at);
        for (n, first) in used.iter().enumerate() {
            let mut sum = 0;
            for last in &used[n..] {
                sum += last.amount;
                let span = last.at - first.at;
                if !window {
                    assert!(sum * per <= burst * per + span * count, "{sum} in {span}");
                } else if span < per {
                    assert!(sum <= count, "{sum} in {span}");
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    /// Given any steps, then never more than `burst + rate * t` was used in any span of time, or in a
    /// window than its count; and when all wait long enough, all are served in the order in which they came.
    #[test]
    fn a_rate_is_kept_and_everyone_is_served(rate in rate(), steps in vec(step(), 0..60)) {
        let mut world = World::new(rate);
        for step in steps {
            world.run(step);
            world.poll_woken();
        }
        let waiting = world.waiters.len();
        for _ in 0..waiting {
            // Long enough for what is owed, too.
            world.hand.0.fetch_add(1_000_000, SeqCst);
            if !world.waiters.is_empty() {
                world.poll(0);
                world.poll_woken();
            }
        }
        prop_assert_eq!((world.waiters.len(), world.limit.waiting()), (0, 0));
        world.check();
    }

    /// Given grants that are all given back at once, in any order, then it is as if nothing was.
    #[test]
    fn what_is_given_back_at_once_is_all_there(rate in rate(), amounts in vec(1..9_u32, 0..20), seed: u64) {
        let mut world = World::new(rate);
        world.hand.0.store(1000, SeqCst);
        amounts.into_iter().for_each(|amount| world.run(Step::Try(amount)));
        let mut seed = seed as usize;
        while !world.used.is_empty() {
            let used = world.used.remove(seed % world.used.len());
            seed = seed.rotate_right(5);
            used.grant.unwrap().refund(&world.hand, u32::MAX);
        }
        world.limit.try_acquire_many(&world.hand, rate.most_at_once()).unwrap();
    }

    /// Given a request that is refused, then it is granted at the moment that was told, and not a moment
    /// before.
    #[test]
    fn the_moment_is_exact(rate in rate(), amounts in vec((1..9_u32, 0..100_u64), 1..20)) {
        let world = World::new(rate);
        for (amount, pause) in amounts {
            let amount = amount.min(rate.most_at_once());
            world.hand.0.fetch_add(pause, SeqCst);
            if let Err(anyscope::limit::TryRateError::NotYet(not_yet)) =
                world.limit.try_acquire_many(&world.hand, amount)
            {
                let at = not_yet.at.since_epoch().as_nanos() as u64;
                world.hand.0.store(at - 1, SeqCst);
                prop_assert!(world.limit.try_acquire_many(&world.hand, amount).is_err());
                world.hand.0.store(at, SeqCst);
                prop_assert!(world.limit.try_acquire_many(&world.hand, amount).is_ok());
            }
        }
    }
}
