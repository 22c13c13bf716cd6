//! A sleep that is begun again and again.

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
/// A sleep of no time has rung at once, and one of [`Duration::MAX`] never rings: neither is
/// left to the timer, as some round up to their next tick.
pub(in crate::flow) struct Alarm<T: Timer> {
    timer: T,
    // In a box of its own, which is made once: so that what has an alarm can be taken apart, even
    // after it was polled, also where the sleeps must not be moved.
    sleep: Pin<Box<Option<T::Sleep>>>,
    rung: bool,
}

/// The timer is not pinned.
impl<T: Timer> Unpin for Alarm<T> {}

impl<T: Timer> Alarm<T> {
    /// An alarm that is off.
    pub(in crate::flow) fn new(timer: T) -> Self {
        Alarm { timer, sleep: Box::pin(None), rung: false }
    }

    /// An alarm that has rung.
    pub(in crate::flow) fn rung(timer: T) -> Self {
        Alarm { rung: true, ..Alarm::new(timer) }
    }

    /// Whether it was seen to ring, and not set since.
    pub(in crate::flow) fn has_rung(&self) -> bool {
        self.rung
    }

    /// Whether it never will ring as things are.
    pub(in crate::flow) fn is_off(&self) -> bool {
        self.sleep.is_none() && !self.rung
    }

    pub(in crate::flow) fn timer(&self) -> &T {
        &self.timer
    }

    /// Lets it ring after this time; what it was set to before is forgotten.
    pub(in crate::flow) fn set(&mut self, after: Duration) {
        self.rung = after.is_zero();
        self.sleep.set(match after {
            Duration::ZERO | Duration::MAX => None,
            after => Some(self.timer.sleep(after)),
        });
    }

    /// Turns it off, and releases the timer.
    pub(in crate::flow) fn clear(&mut self) {
        self.rung = false;
        self.sleep.set(None);
    }

    /// Ready once it has rung, until it is set or cleared; pending while it is off.
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
