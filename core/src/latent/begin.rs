//! Polls a child that has not begun, and does what its answer asks for.

use super::{
    host::Host,
    queue::{Call, Entry, Queue},
};
use crate::{
    cancel::current,
    child::{Awaited, Child},
    exec::Spawn,
    sync::lock::Lock,
    unwind,
};
use alloc::{sync::Arc, task::Wake};
use core::{
    future::Future,
    pin::Pin,
    sync::atomic::{AtomicBool, Ordering},
    task::{Context, Poll, Waker},
};

/// How often a child may yield before it becomes a task.
const YIELDS: u8 = 3;

/// What a [`Latent`](super::Latent), its children and its hosts share.
pub(super) struct Shared<E> {
    pub(super) exec: E,
    pub(super) queue: Lock<Queue>,
    woken: Arc<Woken>,
    /// Of `woken`.
    waker: Waker,
}

/// What is woken while a child is being polled that has no task. A child that was polled with it is
/// polled again in any case, so a wake that comes later is not missed.
struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        // Relaxed: only the poller's own thread must see its own wake. Another thread's is a hint.
        self.0.store(true, Ordering::Relaxed);
    }
}

impl<E: Spawn + Send + Sync + 'static> Shared<E> {
    pub(super) fn new(exec: E) -> Self {
        let woken = Arc::new(Woken(AtomicBool::new(false)));
        Shared {
            queue: Lock::new(Queue::new(exec.parallelism().get())),
            exec,
            waker: woken.clone().into(),
            woken,
        }
    }

    /// Polls a child. Returns it if it has yielded and may do so again. If it waits for something, it
    /// becomes a task of the executor, which polls it once more.
    pub(super) fn begin(&self, mut entry: Entry) -> Option<Entry> {
        self.woken.0.store(false, Ordering::Relaxed);
        let poll = || Pin::new(&mut entry.child).poll(&mut Context::from_waker(&self.waker));
        // Whoever awaits the child is not around it: a shield in it would hold that as well.
        match current::alone(poll) {
            Poll::Ready(()) => None,
            Poll::Pending if self.woken.0.load(Ordering::Relaxed) && entry.yields < YIELDS => {
                entry.yields += 1;
                Some(entry)
            }
            Poll::Pending => {
                self.exec.spawn(entry.child);
                None
            }
        }
    }

    /// Calls a host.
    pub(super) fn answer(self: &Arc<Self>, call: Call) {
        match call {
            Call::Nobody => {}
            Call::Wake(waker) => waker.wake(),
            Call::Start(number) => {
                self.exec.spawn(Child::unscoped(Host::new(self.clone(), number)));
            }
        }
    }
}

impl<E: Spawn + Send + Sync + 'static> Awaited for Arc<Shared<E>> {
    fn on_await(&self, address: *const ()) {
        nested(|| {
            let Some(entry) = self.queue.with(|queue| queue.take(address)) else { return };
            let Some(again) = self.begin(entry) else { return };
            let call = self.queue.with(|queue| queue.push(again));
            self.answer(call);
        });
    }
}

impl<E> Drop for Shared<E> {
    fn drop(&mut self) {
        for (_, waker) in self.queue.with(Queue::close) {
            unwind::contain(|| waker.wake());
        }
    }
}

/// Calls `f`, unless that would nest too many polls of children on this thread's stack.
#[cfg(all(feature = "std", not(anyscope_loom)))]
fn nested(f: impl FnOnce()) {
    const MOST: u8 = 16;
    std::thread_local! {
        static DEPTH: core::cell::Cell<u8> = const { core::cell::Cell::new(0) };
    }
    let depth = DEPTH.get();
    if depth < MOST {
        DEPTH.set(depth + 1);
        let _back = unwind::Finally::new(|| DEPTH.set(depth));
        f();
    }
}

#[cfg(anyscope_loom)]
fn nested(f: impl FnOnce()) {
    f();
}

/// Without `std` there are no thread-locals that could count, so all is left to the hosts.
#[cfg(not(any(feature = "std", anyscope_loom)))]
fn nested(_: impl FnOnce()) {}
