//! How often bars are drawn.

use crate::{Clock, Instant};
use alloc::sync::Arc;
use core::time::Duration;

/// So many drawings may come at once, after a pause.
const BURST: u32 = 20;

/// A rate of drawings, by a clock.
pub(super) struct Pace {
    pub(super) clock: Arc<dyn Clock + Send + Sync>,
    every: Duration,
    /// When the drawings there were would have ended, one after the other.
    used_until: Instant,
}

impl Pace {
    pub(super) fn new(clock: Arc<dyn Clock + Send + Sync>, every: Duration) -> Self {
        Pace { clock, every, used_until: Instant::from_epoch(Duration::ZERO) }
    }

    /// Whether there may be a drawing now, which then counts.
    pub(super) fn allows(&mut self, now: Instant) -> bool {
        let ahead = self.used_until.saturating_duration_since(now);
        let is_allowed = ahead <= self.every.saturating_mul(BURST - 1);
        if is_allowed {
            self.used_until = self.used_until.max(now).saturating_add(self.every);
        }
        is_allowed
    }
}

/// The time of the machine.
pub(super) struct WallClock;

impl Clock for WallClock {
    fn now(&self) -> Instant {
        std::time::Instant::now().into()
    }
}
