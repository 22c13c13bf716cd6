//! Time, for tests in which it is virtual.

use anyscope::{Clock, Instant};
use std::time::Duration;

pub const SECOND: Duration = Duration::from_secs(1);
pub const HOUR: Duration = Duration::from_secs(3600);

/// Measures time on the clock of an executor.
#[derive(Clone)]
pub struct Stopwatch<C> {
    clock: C,
    start: Instant,
}

impl<C: Clock> Stopwatch<C> {
    /// Measures from now on.
    pub fn start(clock: C) -> Self {
        let start = clock.now();
        Stopwatch { clock, start }
    }

    /// How much time has passed.
    pub fn elapsed(&self) -> Duration {
        self.clock.now().saturating_duration_since(self.start)
    }

    /// The moment so many seconds after the start.
    pub fn at(&self, seconds: u32) -> Instant {
        self.start.saturating_add(seconds * SECOND)
    }
}
