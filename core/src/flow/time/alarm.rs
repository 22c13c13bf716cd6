//! A sleep that is begun again and again.

use crate::time::Timer;
use core::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};
use pin_project_lite::pin_project;

pin_project! {
    /// A timer with room for one sleep.
    ///
    /// A sleep of no time has rung at once, and one of [`Duration::MAX`] never rings: neither is
    /// left to the timer, as some round up to their next tick.
    pub(in crate::flow) struct Alarm<T: Timer> {
        timer: T,
        #[pin]
        sleep: Option<T::Sleep>,
        rung: bool,
    }
}

impl<T: Timer> Alarm<T> {
    /// An alarm that is off.
    pub(in crate::flow) fn new(timer: T) -> Self {
        Alarm { timer, sleep: None, rung: false }
    }

    /// An alarm that has rung.
    pub(in crate::flow) fn rung(timer: T) -> Self {
        Alarm { timer, sleep: None, rung: true }
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
    pub(in crate::flow) fn set(self: Pin<&mut Self>, after: Duration) {
        let mut this = self.project();
        *this.rung = after.is_zero();
        this.sleep.set(match after {
            Duration::ZERO | Duration::MAX => None,
            after => Some(this.timer.sleep(after)),
        });
    }

    /// Turns it off, and releases the timer.
    pub(in crate::flow) fn clear(self: Pin<&mut Self>) {
        let mut this = self.project();
        *this.rung = false;
        this.sleep.set(None);
    }

    /// Ready once it has rung, until it is set or cleared; pending while it is off.
    pub(in crate::flow) fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut this = self.project();
        if let Some(sleep) = this.sleep.as_mut().as_pin_mut() {
            if sleep.poll(cx).is_ready() {
                this.sleep.set(None);
                *this.rung = true;
            }
        }
        if *this.rung { Poll::Ready(()) } else { Poll::Pending }
    }
}

impl<T: Timer> fmt::Debug for Alarm<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match (&self.sleep, self.rung) {
            (Some(_), _) => "set",
            (None, true) => "rung",
            (None, false) => "off",
        })
    }
}
