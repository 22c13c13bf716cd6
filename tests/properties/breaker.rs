//! Calls that succeed, fail or are cancelled, against a model of a breaker that keeps all of them.

use anyscope::{
    Clock, Instant,
    resilience::breaker::{BreakerState, CircuitBreaker},
};
use proptest::{collection::vec, prelude::*};
use std::{cell::Cell, time::Duration};

const OPEN_FOR: u64 = 10;

#[derive(Clone, Copy, Debug)]
enum Step {
    /// A call, which ends at once: failed, or not.
    Call(bool),
    /// One that ends later.
    Begin,
    /// One of those that are under way ends: failed, not failed, or cancelled.
    End(usize, Option<bool>),
    Pass(u64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => any::<bool>().prop_map(Step::Call),
        3 => Just(Step::Begin),
        4 => (0..4usize, proptest::option::of(any::<bool>())).prop_map(|(n, how)| Step::End(n, how)),
        2 => (0..2 * OPEN_FOR).prop_map(Step::Pass),
    ]
}

struct Seconds(Cell<u64>);

impl Clock for Seconds {
    fn now(&self) -> Instant {
        Instant::from_epoch(Duration::from_secs(self.0.get()))
    }
}

/// Keeps everything, and counts anew each time.
struct Model {
    window: usize,
    minimum: usize,
    rate: usize,
    probes: usize,
    state: BreakerState,
    until: u64,
    era: usize,
    ended: Vec<bool>,
    under_way: usize,
}

impl Model {
    fn change(&mut self, state: BreakerState) {
        (self.state, self.era, self.under_way) = (state, self.era + 1, 0);
        self.ended.clear();
    }

    fn enter(&mut self, now: u64) -> Option<usize> {
        if self.state == BreakerState::Open && now >= self.until {
            self.change(BreakerState::HalfOpen);
        }
        match self.state {
            BreakerState::Closed => {}
            BreakerState::HalfOpen if self.under_way + self.ended.len() < self.probes => {
                self.under_way += 1
            }
            _ => return None,
        }
        Some(self.era)
    }

    fn end(&mut self, era: usize, how: Option<bool>, now: u64) {
        if era != self.era {
            return;
        }
        if self.state == BreakerState::HalfOpen {
            self.under_way -= 1;
        }
        let Some(failed) = how else { return };
        self.ended.push(failed);
        let (last, enough) = match self.state {
            BreakerState::Closed => (self.window, self.minimum),
            _ => (self.probes, self.probes),
        };
        let judged = &self.ended[self.ended.len().saturating_sub(last)..];
        if judged.len() < enough {
            return;
        }
        let failed = judged.iter().filter(|failed| **failed).count();
        if failed * 100 >= self.rate * judged.len() {
            self.until = now + OPEN_FOR;
            self.change(BreakerState::Open);
        } else if self.state == BreakerState::HalfOpen {
            self.change(BreakerState::Closed);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    /// Given any calls, then the breaker does what the model does.
    #[test]
    fn a_breaker_is_like_its_model(
        (window, minimum) in (1..8usize).prop_flat_map(|window| (Just(window), 1..=window)),
        rate in 1..=100usize,
        probes in 1..4usize,
        steps in vec(step(), 0..80),
    ) {
        let clock = Seconds(Cell::new(0));
        let breaker = CircuitBreaker::builder()
            .window_calls(window)
            .minimum_calls(minimum)
            .failure_rate(rate as u8)
            .probes(probes)
            .open_for(Duration::from_secs(OPEN_FOR))
            .build()
            .unwrap();
        let mut model = Model {
            window,
            minimum,
            rate,
            probes,
            state: BreakerState::Closed,
            until: 0,
            era: 0,
            ended: Vec::new(),
            under_way: 0,
        };
        let mut calls = Vec::new();
        for step in steps {
            let now = clock.0.get();
            match step {
                Step::Call(_) | Step::Begin => {
                    let (entered, expected) = (breaker.try_enter(&clock), model.enter(now));
                    prop_assert_eq!(entered.is_ok(), expected.is_some());
                    if let (Ok(call), Some(era)) = (entered, expected) {
                        calls.push((call, era));
                        if let Step::Call(failed) = step {
                            let (call, era) = calls.pop().unwrap();
                            call.end(failed);
                            model.end(era, Some(failed), now);
                        }
                    }
                }
                Step::End(n, how) if n < calls.len() => {
                    let (call, era) = calls.remove(n);
                    match how {
                        Some(failed) => call.end(failed),
                        None => drop(call),
                    }
                    model.end(era, how, now);
                }
                Step::End(..) => {}
                Step::Pass(seconds) => clock.0.set(now + seconds),
            }
            prop_assert_eq!(breaker.state(), model.state);
        }
    }
}
