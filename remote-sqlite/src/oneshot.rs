//! One answer, from the thread of the database to whoever waits for it.

use anyscope_remote::EngineError;
use std::{
    future::Future,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
};

struct Slot<T> {
    answer: Option<T>,
    waker: Option<Waker>,
    /// The other half is gone.
    closed: bool,
}

struct Shared<T>(Mutex<Slot<T>>);

impl<T> Shared<T> {
    fn lock(&self) -> MutexGuard<'_, Slot<T>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub(crate) struct Sender<T>(Arc<Shared<T>>);

/// To whoever asked.
pub(crate) type Reply<T> = Sender<Result<T, EngineError>>;

/// Ready with the answer, or with none if there never will be one.
pub(crate) struct Receiver<T>(Arc<Shared<T>>);

pub(crate) fn oneshot<T>() -> (Sender<T>, Receiver<T>) {
    let slot = Slot { answer: None, waker: None, closed: false };
    let shared = Arc::new(Shared(Mutex::new(slot)));
    (Sender(shared.clone()), Receiver(shared))
}

impl<T> Sender<T> {
    /// Returns the answer if nobody waits for it any more.
    pub(crate) fn send(self, answer: T) -> Result<(), T> {
        let mut slot = self.0.lock();
        if slot.closed {
            return Err(answer);
        }
        slot.answer = Some(answer);
        Ok(())
    }

    /// Whether nobody waits any more.
    pub(crate) fn is_closed(&self) -> bool {
        self.0.lock().closed
    }
}

/// Wakes whoever waits: with an answer, or for good.
impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        let waker = {
            let mut slot = self.0.lock();
            slot.closed = true;
            slot.waker.take()
        };
        // A waker is code of others, and the thread is everybody's.
        let _ = catch_unwind(AssertUnwindSafe(|| waker.map(Waker::wake)));
    }
}

impl<T> Receiver<T> {
    /// Ends the wait. Returns an answer that has come meanwhile.
    pub(crate) fn close(&self) -> Option<T> {
        let mut slot = self.0.lock();
        slot.closed = true;
        slot.answer.take()
    }
}

impl<T> Future for Receiver<T> {
    type Output = Option<T>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        // Cloned and dropped outside of the lock.
        let waker = cx.waker().clone();
        let old = {
            let mut slot = self.0.lock();
            if let Some(answer) = slot.answer.take() {
                return Poll::Ready(Some(answer));
            }
            if slot.closed {
                return Poll::Ready(None);
            }
            slot.waker.replace(waker)
        };
        drop(old);
        Poll::Pending
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        drop(self.close());
    }
}
