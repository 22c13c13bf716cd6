//! A sleep that can be set again and again.

use crate::time::Timer;
use alloc::boxed::Box;
use core::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

/// A timer with room for one sleep.
///
/// A sleep of zero has rung at once, and a sleep of [`Duration::MAX`] never rings. The timer is not
/// asked for either, because some timers round up to their next tick.
pub(in crate::flow) struct Alarm<T: Timer> {
    timer: T,
    // In a box, allocated once, so that an operator can be taken apart after it was polled,
    // although a sleep may have to stay pinned.
    sleep: Pin<Box<Option<T::Sleep>>>,
    rung: bool,
}

/// The timer is not pinned.
impl<T: Timer> Unpin for Alarm<T> {}

impl<T: Timer> Alarm<T> {
    /// Creates an alarm that is off.
    pub(in crate::flow) fn new(timer: T) -> Self {
        Alarm { timer, sleep: Box::pin(None), rung: false }
    }

    /// Creates an alarm that has rung.
    pub(in crate::flow) fn rung(timer: T) -> Self {
        Alarm { rung: true, ..Alarm::new(timer) }
    }

    /// Returns whether a poll saw the alarm ring, and it was not set or cleared since.
    pub(in crate::flow) fn has_rung(&self) -> bool {
        self.rung
    }

    /// Returns whether the alarm has not rung, and will not unless it is set.
    pub(in crate::flow) fn is_off(&self) -> bool {
        self.sleep.is_none() && !self.rung
    }

    pub(in crate::flow) fn timer(&self) -> &T {
        &self.timer
    }

    /// Sets the alarm to ring after this time, instead of what it was set to before.
    pub(in crate::flow) fn set(&mut self, after: Duration) {
        self.rung = after.is_zero();
        self.sleep.set(match after {
            Duration::ZERO | Duration::MAX => None,
            after => Some(self.timer.sleep(after)),
        });
    }

    /// Turns the alarm off, and drops its sleep.
    pub(in crate::flow) fn clear(&mut self) {
        self.rung = false;
        self.sleep.set(None);
    }

    /// Ready once the alarm has rung, until it is set or cleared. Pending while it is off.
    pub(in crate::flow) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if let Some(sleep) = self.sleep.as_mut().as_pin_mut() {
            if sleep.poll(cx).is_ready() {
                self.sleep.set(None);
                self.rung = true;
            }
        }
        if self.rung { Poll::Ready(()) } else { Poll::Pending }
    }
}

impl<T: Timer> fmt::Debug for Alarm<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match (&*self.sleep, self.rung) {
            (Some(_), _) => "set",
            (None, true) => "rung",
            (None, false) => "off",
        })
    }
}
