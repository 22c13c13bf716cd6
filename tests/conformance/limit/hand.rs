//! A clock that a test sets by hand.

use anyscope::{Clock, Instant, Timer};
use std::{
    future::Future,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering::SeqCst},
    },
    task::{Context, Poll},
    time::Duration,
};

/// Shows milliseconds. Its sleeps wake no one: whoever waits has to be polled.
#[derive(Clone, Default)]
pub(crate) struct Hand(Arc<State>);

#[derive(Default)]
struct State {
    now: AtomicU64,
    sleeps: AtomicUsize,
    ever: AtomicUsize,
}

impl Hand {
    pub(crate) fn set(&self, millis: u64) {
        self.0.now.store(millis, SeqCst);
    }

    pub(crate) fn moment(millis: u64) -> Instant {
        Instant::from_epoch(Duration::from_millis(millis))
    }

    /// How many sleeps there are.
    pub(crate) fn sleeps(&self) -> usize {
        self.0.sleeps.load(SeqCst)
    }

    /// How many there ever were.
    pub(crate) fn sleeps_ever(&self) -> usize {
        self.0.ever.load(SeqCst)
    }
}

impl Clock for Hand {
    fn now(&self) -> Instant {
        Hand::moment(self.0.now.load(SeqCst))
    }
}

impl Timer for Hand {
    type Sleep = HandSleep;

    fn sleep(&self, duration: Duration) -> HandSleep {
        self.0.sleeps.fetch_add(1, SeqCst);
        self.0.ever.fetch_add(1, SeqCst);
        HandSleep { hand: self.clone(), until: self.now().saturating_add(duration) }
    }
}

pub(crate) struct HandSleep {
    hand: Hand,
    until: Instant,
}

impl Future for HandSleep {
    type Output = ();

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        if self.hand.now() >= self.until { Poll::Ready(()) } else { Poll::Pending }
    }
}

impl Drop for HandSleep {
    fn drop(&mut self) {
        self.hand.0.sleeps.fetch_sub(1, SeqCst);
    }
}
