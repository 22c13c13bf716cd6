//! A budget of retries against a model of fractions.

use anyscope::{Clock, Instant, resilience::RetryBudget};
use proptest::{collection::vec, prelude::*};
use std::{cell::Cell, time::Duration};

#[derive(Clone, Copy, Debug)]
enum Step {
    Deposit(u8),
    Withdraw(u8),
    /// So many milliseconds pass.
    Wait(u32),
}

struct Hands(Cell<Duration>);

impl Clock for Hands {
    fn now(&self) -> Instant {
        Instant::from_epoch(self.0.get())
    }
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        (0..20_u8).prop_map(Step::Deposit),
        (0..20_u8).prop_map(Step::Withdraw),
        (0..5000_u32).prop_map(Step::Wait),
    ]
}

proptest! {
    /// Given any first attempts, retries and time, then there are never more retries than what there was
    /// at first and was put in; and as many as that if the bucket was not full.
    #[test]
    fn no_more_retries_than_the_budget_has(
        most in 0..20_usize,
        percent in 0..250_u32,
        per_second in 0..30_u32,
        start in prop_oneof![Just(0), Just(u64::MAX / 2_000_000), any::<u32>().prop_map(u64::from)],
        steps in vec(step(), 0..60),
    ) {
        let budget = RetryBudget::new(most).percent(percent).per_second(per_second);
        let clock = Hands(Cell::new(Duration::from_millis(start)));
        // In thousandths. Time counts from the first withdrawal on: until then, the bucket is full.
        let (cap, mut model) = (most * 1000, most * 1000);
        let (mut had, mut taken) = (cap, 0);
        let mut is_running = false;
        let mut waited = 0;
        for step in steps {
            match step {
                Step::Deposit(times) => for _ in 0..times {
                    budget.deposit();
                    had += percent as usize * 10;
                    model = cap.min(model + percent as usize * 10);
                },
                Step::Wait(millis) => {
                    clock.0.set(clock.0.get() + Duration::from_millis(millis.into()));
                    waited += millis as usize;
                }
                Step::Withdraw(times) => for _ in 0..times {
                    if is_running {
                        had += waited * per_second as usize;
                        model = cap.min(model + waited * per_second as usize);
                    }
                    (is_running, waited) = (true, 0);
                    let expected = model >= 1000;
                    prop_assert_eq!(budget.withdraw(&clock), expected);
                    if expected {
                        model -= 1000;
                        taken += 1000;
                    }
                },
            }
            prop_assert!(taken <= had);
            prop_assert_eq!(budget.available(), model / 1000);
        }
    }
}
