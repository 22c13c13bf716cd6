//! Models of a breaker; see [`crate::model`].

use super::{BreakerState, Builder, CircuitBreaker};
use crate::{
    model::{block_on, check, spawn},
    time::{Clock, Instant, Timer},
};
use core::{
    future::{Pending, pending},
    time::Duration,
};

/// Time stands still.
#[derive(Clone, Copy)]
struct Still;

impl Clock for Still {
    fn now(&self) -> Instant {
        Instant::from_epoch(Duration::from_secs(1))
    }
}

impl Timer for Still {
    type Sleep = Pending<()>;

    fn sleep(&self, _: Duration) -> Pending<()> {
        pending()
    }
}

/// Opens at the first failure, for the time given.
fn open(open_for: Duration) -> CircuitBreaker {
    let builder = Builder::new().window_calls(1).minimum_calls(1).open_for(open_for);
    let breaker = builder.build().expect("these settings are valid");
    breaker.try_enter(&Still).expect("it is closed").failure();
    assert_eq!(breaker.state(), BreakerState::Open);
    breaker
}

/// A breaker is reset while another thread begins to wait for it. Fails if that looks before it listens.
#[test]
fn breaker_wait_or_reset() {
    check("breaker: wait or reset", || {
        let breaker = open(Duration::MAX);
        let theirs = breaker.clone();
        let other = spawn(move || block_on(theirs.ready(&Still)));
        breaker.reset();
        other.join();
    });
}

/// The only probe is cancelled, or ends, while another thread begins to wait for one. Fails if a place that is free is not told.
#[test]
fn breaker_wait_or_end_of_a_probe() {
    for cancelled in [true, false] {
        check("breaker: wait or end of a probe", move || {
            let breaker = open(Duration::ZERO);
            let probe = breaker.try_enter(&Still).expect("it is time for a probe");
            let theirs = breaker.clone();
            let other = spawn(move || block_on(theirs.enter(&Still)).success());
            if cancelled {
                drop(probe);
            } else {
                probe.success();
            }
            other.join();
            assert_eq!(breaker.state(), BreakerState::Closed);
        });
    }
}

/// A call fails and opens the breaker while another one is let in, which was not when it looked first. Fails if that reads no time
/// then.
#[test]
fn breaker_opens_while_one_enters() {
    check("breaker: enter or open", || {
        let builder = Builder::new().window_calls(1).minimum_calls(1).open_for(Duration::ZERO);
        let breaker = builder.build().expect("these settings are valid");
        let theirs = breaker.clone();
        let other = spawn(move || theirs.try_enter(&Still).is_ok());
        breaker.try_enter(&Still).expect("it is closed, or it is time for a probe").failure();
        assert!(other.join(), "an open breaker whose time is over lets one in");
    });
}
