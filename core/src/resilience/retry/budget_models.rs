//! Loom models of the budget.

use super::RetryBudget;
use crate::{
    model::{check, spawn},
    time::{Clock, Instant},
};
use core::time::Duration;

struct At(u64);

impl Clock for At {
    fn now(&self) -> Instant {
        Instant::from_epoch(Duration::from_secs(self.0))
    }
}

/// Two threads take what is there and what a second has put in: no more than that.
#[test]
fn time_is_put_in_once() {
    check("time is put in once", || {
        let budget = RetryBudget::new(1).per_second(1);
        assert!(budget.withdraw(&At(1)));
        let other = {
            let budget = budget.clone();
            spawn(move || usize::from(budget.withdraw(&At(2))))
        };
        let ours = usize::from(budget.withdraw(&At(2)));
        let theirs = other.join();
        assert!(ours + theirs <= 1);
        // A thread may be refused that came while the other one put it in; then it is still there.
        assert_eq!(ours + theirs + budget.available(), 1);
    });
}

/// Two first attempts, and a retry meanwhile: no part of a retry is lost or made.
#[test]
fn deposits_add_up() {
    check("deposits add up", || {
        let budget = RetryBudget::new(2).percent(50);
        assert!(budget.withdraw(&At(0)) && budget.withdraw(&At(0)));
        let other = {
            let budget = budget.clone();
            spawn(move || budget.deposit())
        };
        budget.deposit();
        let early = usize::from(budget.withdraw(&At(0)));
        other.join();
        assert_eq!(early + budget.available(), 1);
    });
}
