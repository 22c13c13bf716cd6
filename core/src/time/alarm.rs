//! A timer that is set when something has to wait.

use super::{Instant, Timer};
use core::{future::Future, pin::Pin, task::Context, time::Duration};
use pin_project_lite::pin_project;

pin_project! {
    /// A timer that is set by the first poll of something that has to wait, and rings once.
    pub(crate) struct Alarm<T: Timer> {
        // None before it is set, and once it was stopped.
        #[pin]
        sleep: Option<T::Sleep>,
        timer: T,
    }
}

impl<T: Timer> Alarm<T> {
    pub(crate) fn new(timer: T) -> Self {
        Alarm { sleep: None, timer }
    }

    /// Returns whether the time has passed. Sets the timer if it is not set: to that of `limit`.
    pub(crate) fn poll(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        limit: impl FnOnce(&T) -> Duration,
    ) -> bool {
        let mut this = self.project();
        if this.sleep.is_none() {
            match limit(this.timer) {
                Duration::MAX => return false,
                // Not left to the timer, as some timers round up to their next tick.
                Duration::ZERO => return true,
                limit => this.sleep.set(Some(this.timer.sleep(limit))),
            }
        }
        this.sleep.as_pin_mut().is_some_and(|sleep| sleep.poll(cx).is_ready())
    }

    #[cfg(feature = "alloc")]
    pub(crate) fn timer(&self) -> &T {
        &self.timer
    }

    /// Returns whether the timer is set, and its time has passed. Nobody is woken later.
    pub(crate) fn has_rung(self: Pin<&mut Self>, cx: &mut Context<'_>) -> bool {
        let this = self.project();
        this.sleep.as_pin_mut().is_some_and(|sleep| this.timer.has_passed(sleep, cx))
    }

    /// Releases what the timer holds.
    pub(crate) fn stop(self: Pin<&mut Self>) {
        self.project().sleep.set(None);
    }
}

/// How long it is until the moment `at`; without an end if that never comes.
pub(crate) fn time_left(at: Instant, now: impl FnOnce() -> Instant) -> Duration {
    match at {
        Instant::NEVER => Duration::MAX,
        at => at.saturating_duration_since(now()),
    }
}
