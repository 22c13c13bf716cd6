//! The clock and the timer of an executor, as one type for all executors.

use crate::time::{Clock, Instant, Timer};
use alloc::boxed::Box;
use core::{future::Future, pin::Pin, time::Duration};

/// A sleep of any timer.
pub(super) type Sleep = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A clock and its timer.
pub(super) trait Time: Send + Sync {
    fn now(&self) -> Instant;

    fn sleep(&self, duration: Duration) -> Sleep;
}

impl<E> Time for E
where
    E: Timer<Sleep: Send + 'static> + Clock + Send + Sync,
{
    fn now(&self) -> Instant {
        Clock::now(self)
    }

    fn sleep(&self, duration: Duration) -> Sleep {
        Box::pin(Timer::sleep(self, duration))
    }
}
