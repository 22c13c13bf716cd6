//! The tasks that begin children which nobody awaits.

use super::{begin::Shared, queue::Queue};
use crate::{exec::Spawn, unwind};
use alloc::sync::{Arc, Weak};
use core::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

/// How many children it polls before it lets the executor run others.
const IN_A_ROW: usize = 64;

/// A task that begins children. It keeps what is shared only while it is called, so it ends
/// with the last [`Latent`](super::Latent).
pub(super) struct Host<E: Spawn + Send + Sync + 'static> {
    shared: Weak<Shared<E>>,
    /// Kept from the call to the next poll.
    called: Option<Arc<Shared<E>>>,
    number: usize,
    searches: bool,
}

impl<E: Spawn + Send + Sync + 'static> Host<E> {
    /// Makes a host that has been called.
    pub(super) fn new(shared: Arc<Shared<E>>, number: usize) -> Self {
        Host { shared: Arc::downgrade(&shared), called: Some(shared), number, searches: true }
    }

    /// Returns what is shared, unless the last `Latent` is gone.
    fn shared(&mut self) -> Option<Arc<Shared<E>>> {
        self.called.take().or_else(|| self.shared.upgrade())
    }
}

impl<E: Spawn + Send + Sync + 'static> Unpin for Host<E> {}

impl<E: Spawn + Send + Sync + 'static> Future for Host<E> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let Some(shared) = self.shared() else { return Poll::Ready(()) };
        if !self.searches {
            // Idle when it was polled last.
            let waker = cx.waker().clone();
            match shared.queue.with(|queue| queue.replace(self.number, waker)) {
                Ok(_old) => return Poll::Pending,
                Err(_called) => self.searches = true,
            }
        }
        for _ in 0..IN_A_ROW {
            let Some((entry, call)) = shared.queue.with(Queue::next) else {
                let waker = cx.waker().clone();
                match shared.queue.with(|queue| queue.park(self.number, waker)) {
                    Some(_waker) => continue,
                    None => {
                        self.searches = false;
                        return Poll::Pending;
                    }
                }
            };
            self.searches = false;
            // The child that was taken is not to suffer from a waker that panics.
            unwind::contain(|| shared.answer(call));
            let again = shared.begin(entry);
            shared.queue.with(|queue| queue.search(again));
            self.searches = true;
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

impl<E: Spawn + Send + Sync + 'static> Drop for Host<E> {
    fn drop(&mut self) {
        let Some(shared) = self.shared() else { return };
        let (number, searches) = (self.number, self.searches);
        let (call, _waker, _children) = shared.queue.with(|queue| queue.remove(number, searches));
        unwind::contain(|| shared.answer(call));
    }
}
