//! Waits for something to happen to what is behind a lock. No waker is called under it: they are collected, and fired when it is free.

use std::{
    collections::BTreeMap,
    future::Future,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
};

#[derive(Default)]
pub(super) struct Event(Mutex<State>);

#[derive(Default)]
struct State {
    /// How often it has happened.
    happened: u64,
    next: u64,
    waiting: BTreeMap<u64, Waker>,
}

impl Event {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns a future that is ready when it has happened after this call.
    pub(super) fn listen(self: &Arc<Self>) -> Listener {
        let mut state = self.lock();
        let number = state.next;
        state.next += 1;
        Listener { seen: state.happened, number, event: self.clone() }
    }

    /// It has happened. Who waits is woken by [`Wakers::fire`].
    pub(super) fn happen(&self, wakers: &mut Wakers) {
        let mut state = self.lock();
        state.happened += 1;
        wakers.0.extend(std::mem::take(&mut state.waiting).into_values());
    }
}

pub(super) struct Listener {
    event: Arc<Event>,
    seen: u64,
    number: u64,
}

impl Future for Listener {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        // Cloned and dropped outside of the lock.
        let waker = cx.waker().clone();
        let old = {
            let mut state = self.event.lock();
            if state.happened != self.seen {
                return Poll::Ready(());
            }
            state.waiting.insert(self.number, waker)
        };
        drop(old);
        Poll::Pending
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        let waker = self.event.lock().waiting.remove(&self.number);
        drop(waker);
    }
}

/// Wakers to fire when no lock is held.
#[derive(Default)]
pub(super) struct Wakers(Vec<Waker>);

impl Wakers {
    /// Fires all of them. The first panic propagates when all have been fired.
    pub(super) fn fire(self) {
        let mut first = None;
        for waker in self.0 {
            if let Err(panic) = catch_unwind(AssertUnwindSafe(|| waker.wake())) {
                first.get_or_insert(panic);
            }
        }
        if let Some(panic) = first.filter(|_| !std::thread::panicking()) {
            resume_unwind(panic);
        }
    }
}
