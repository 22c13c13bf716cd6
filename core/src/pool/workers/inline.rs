//! Pools without an executor: whoever waits lets the worker go on.
//!
//! The worker is a future that is polled by all who wait for the pool: for a result, for room, for the end. When it
//! is woken, all of them are, and the first to come polls it; so it does not matter which of them gives up.

use super::{
    crew::{Closing, Crew},
    shared::Shared,
    slot::Slot,
    ticket::Host,
};
use crate::{
    sync::{AtomicBool, EventListener, LazyEvent, Ordering, on_call::OnCall},
    unwind::{self, Payload},
    waits,
};
use alloc::{boxed::Box, sync::Arc, task::Wake};
use core::{
    future::{Future, poll_fn},
    pin::Pin,
    task::{Context, Poll, Waker},
};

type Work = Pin<Box<dyn Future<Output = ()> + Send>>;

pub(super) struct Inline<J, O> {
    shared: Arc<Shared<J, O>>,
    bell: Arc<Bell>,
    is_stopped: AtomicBool,
    is_gone: AtomicBool,
}

/// The worker, and all who are woken when it is.
struct Bell {
    worker: OnCall<Option<Work>>,
    heard: LazyEvent,
}

impl Bell {
    fn ring(&self) {
        self.worker.call();
        self.heard.notify(usize::MAX);
    }
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.ring();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.ring();
    }
}

impl<J, O> Inline<J, O> {
    pub(super) fn new(shared: Arc<Shared<J, O>>, worker: Work) -> Arc<Self> {
        let bell = Bell { worker: OnCall::new(Some(worker)), heard: LazyEvent::new() };
        bell.worker.call();
        Arc::new(Inline {
            shared,
            bell: Arc::new(bell),
            is_stopped: AtomicBool::new(false),
            is_gone: AtomicBool::new(false),
        })
    }

    /// Polls the worker, if it was woken and nobody is at it.
    fn run(&self) {
        let mut panic = None;
        self.bell.worker.run(|worker| {
            unwind::keep_first(&mut panic, || self.go_on(worker));
        });
        unwind::resume_unless_panicking(panic);
    }

    /// Polls the worker. Drops it when it is done, or is to end.
    fn go_on(&self, worker: &mut Option<Work>) {
        let mut panic: Option<Payload> = None;
        let is_over = self.is_stopped.load(Ordering::Acquire) || {
            let Some(work) = worker else { return };
            let waker = Waker::from(self.bell.clone());
            let mut cx = Context::from_waker(&waker);
            let mut is_over = true;
            // One that panics is not polled again.
            unwind::keep_first(&mut panic, || is_over = work.as_mut().poll(&mut cx).is_ready());
            is_over
        };
        if is_over {
            if let Some(worker) = worker.take() {
                unwind::keep_first(&mut panic, || drop(worker));
                self.is_gone.store(true, Ordering::Release);
                unwind::keep_first(&mut panic, || self.bell.heard.notify(usize::MAX));
            }
        }
        unwind::resume_unless_panicking(panic);
    }

    /// Has the worker dropped by whoever is at it, or now.
    fn stop(&self) {
        self.is_stopped.store(true, Ordering::Release);
        self.bell.worker.call();
        self.run();
    }

    fn wait(&self, heard: &mut Option<EventListener>, cx: &mut Context<'_>) {
        // Listens before it runs the worker, so that no ring is missed.
        loop {
            let listener = heard.get_or_insert_with(|| self.bell.heard.listen());
            if Pin::new(listener).poll(cx).is_pending() {
                break;
            }
            *heard = None;
        }
        self.run();
    }
}

impl<J: Send, O: Send> Host<O> for Inline<J, O> {
    fn abort(&self, slot: &Arc<Slot<O>>, also_running: bool) {
        self.shared.abort(slot, also_running);
    }

    fn drive(&self, heard: &mut Option<EventListener>, cx: &mut Context<'_>) {
        self.wait(heard, cx);
    }
}

impl<J: Send, O: Send> Crew for Arc<Inline<J, O>> {
    fn cancel(&self) {
        self.stop();
    }

    fn close(&self) -> Closing<'_> {
        let mut heard = None;
        Box::pin(poll_fn(move |cx| {
            self.wait(&mut heard, cx);
            if self.is_gone.load(Ordering::Acquire) {
                return Poll::Ready(());
            }
            waits::waits_for_what(waits::What::InlineWorker);
            Poll::Pending
        }))
    }
}
