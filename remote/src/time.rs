//! A timer and a clock without their types, and how long to wait before asking again.

use crate::engine::{EngineError, ErrorKind};
use anyscope_core::{Clock, Instant, Timer};
use std::{future::Future, pin::Pin, sync::Arc, time::Duration};

pub(crate) type Sleep = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Any timer and clock.
#[derive(Clone)]
pub(crate) struct Time(Arc<dyn Erased>);

trait Erased: Send + Sync {
    fn sleeping(&self, duration: Duration) -> Sleep;
    fn moment(&self) -> Instant;
}

impl<T: Timer<Sleep: Send + 'static> + Clock + Send + Sync> Erased for T {
    fn sleeping(&self, duration: Duration) -> Sleep {
        Box::pin(Timer::sleep(self, duration))
    }

    fn moment(&self) -> Instant {
        Clock::now(self)
    }
}

impl Time {
    pub(crate) fn new<T: Timer<Sleep: Send + 'static> + Clock + Clone + Send + Sync + 'static>(
        time: &T,
    ) -> Self {
        Time(Arc::new(time.clone()))
    }
}

impl Timer for Time {
    type Sleep = Sleep;

    fn sleep(&self, duration: Duration) -> Sleep {
        self.0.sleeping(duration)
    }
}

impl Clock for Time {
    fn now(&self) -> Instant {
        self.0.moment()
    }
}

/// Delays that double, from 10 ms on, each with a jitter of a half up or down.
pub(crate) struct Backoff<'a> {
    time: &'a Time,
    next: Duration,
    most: Duration,
}

const FIRST: Duration = Duration::from_millis(10);
const MOST: Duration = Duration::from_secs(2);
/// For what passes soon.
const SOON: Duration = Duration::from_millis(100);

impl<'a> Backoff<'a> {
    pub(crate) fn new(time: &'a Time) -> Self {
        Backoff { time, next: FIRST, most: MOST }
    }

    /// For what was refused for this reason: a queue that is full has room as soon as a job has ended.
    pub(crate) fn after(&mut self, error: &EngineError) {
        self.most = if error.kind() == ErrorKind::Full { SOON } else { MOST };
    }

    pub(crate) fn reset(&mut self) {
        self.next = FIRST;
    }

    /// Returns the next delay.
    pub(crate) fn delay(&mut self) -> Duration {
        let delay = self.next.min(self.most);
        self.next = (delay * 2).min(self.most);
        // By the clock: different on each machine, and the same in each run of a simulation.
        let now = self.time.now().since_epoch().as_nanos() as u64;
        let random = now
            .wrapping_mul(0x9e37_79b9_7f4a_7c15)
            .rotate_left(31)
            .wrapping_mul(0xbf58_476d_1ce4_e5b9);
        delay / 2 + delay.mul_f64((random >> 11) as f64 / (1_u64 << 53) as f64)
    }

    pub(crate) async fn wait(&mut self) {
        let delay = self.delay();
        self.time.sleep(delay).await;
    }
}
