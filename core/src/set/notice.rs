//! An event that costs nothing while nobody has ever listened.
//!
//! [`Event::notify`] allocates its list of listeners even if there are none; a scope that ends
//! would pay for waiters that it never had.

use crate::sync::{AtomicBool, Event, EventListener, Ordering, fence};

/// An [`Event`] that is made with its first listener; see the [module](self).
#[derive(Debug)]
pub(crate) struct Notice {
    used: AtomicBool,
    event: Event,
}

impl Notice {
    pub(crate) fn new() -> Self {
        Notice { used: AtomicBool::new(false), event: Event::new() }
    }

    /// Listens from now on. Check what is waited for after this call.
    pub(crate) fn listen(&self) -> EventListener {
        self.used.store(true, Ordering::Relaxed);
        let listener = self.event.listen();
        // Pairs with the fence in `notify`: either that call sees `used`, or the check that
        // follows this call sees the change that it announces. (With anything weaker, both may
        // miss, and the listener sleeps for ever.)
        fence(Ordering::SeqCst);
        listener
    }

    /// Announces a change that was made before: to `count` listeners, of whom those that were
    /// notified before count.
    pub(crate) fn notify(&self, count: usize) {
        fence(Ordering::SeqCst);
        if self.used.load(Ordering::Relaxed) {
            self.event.notify(count);
        }
    }
}
