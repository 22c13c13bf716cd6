//! Pools without an executor: whoever waits lets the worker go on.
//!
//! The worker is a future behind a lock that is only tried. It is polled by all who wait for the pool:
//! for a result, for room, for the end. When it is woken, all of them are, and the first to come polls
//! it; so it does not matter which of them gives up.
//!
//! Two fences make sure that no ring of the bell is missed: whoever hears it tries the lock after it
//! was rung, and whoever frees the lock looks at the bell after that.

use super::{
    crew::{Closing, Crew},
    shared::Shared,
    slot::Slot,
    ticket::Host,
};
use crate::{
    sync::{AtomicBool, EventListener, LazyEvent, Ordering, fence, try_lock::TryLock},
    unwind, waits,
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
    worker: TryLock<Option<Work>>,
    bell: Arc<Bell>,
    is_stopped: AtomicBool,
    is_gone: AtomicBool,
}

/// Wakes all who wait when the worker is woken.
struct Bell {
    is_rung: AtomicBool,
    heard: LazyEvent,
}

impl Bell {
    fn ring(&self) {
        self.is_rung.store(true, Ordering::Release);
        // See the module. `notify` has a fence, too, but only when somebody listens.
        fence(Ordering::SeqCst);
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
        let bell = Bell { is_rung: AtomicBool::new(true), heard: LazyEvent::new() };
        Arc::new(Inline {
            shared,
            worker: TryLock::new(Some(worker)),
            bell: Arc::new(bell),
            is_stopped: AtomicBool::new(false),
            is_gone: AtomicBool::new(false),
        })
    }

    /// Polls the worker, if it was woken and nobody is at it.
    fn run(&self) {
        while self.bell.is_rung.load(Ordering::Acquire) || self.is_stopped.load(Ordering::Acquire) {
            fence(Ordering::SeqCst);
            let Some(gone) = self.worker.try_with(|worker| self.go_on(worker)) else { return };
            fence(Ordering::SeqCst);
            match gone {
                Ok(None) => {}
                Ok(Some(gone)) => {
                    let mut panic = None;
                    unwind::keep_first(&mut panic, || drop(gone));
                    self.is_gone.store(true, Ordering::Release);
                    unwind::keep_first(&mut panic, || self.bell.heard.notify(usize::MAX));
                    unwind::resume_unless_panicking(panic);
                }
                Err(payload) => {
                    self.stop();
                    unwind::resume_unless_panicking(Some(payload));
                }
            }
        }
    }

    /// Polls the worker. Returns it when it is done.
    fn go_on(&self, worker: &mut Option<Work>) -> Result<Option<Work>, unwind::Payload> {
        self.bell.is_rung.store(false, Ordering::Relaxed);
        // The bell that is rung from now on calls for another poll.
        fence(Ordering::SeqCst);
        if self.is_stopped.swap(false, Ordering::AcqRel) {
            return Ok(worker.take());
        }
        let Some(work) = worker else { return Ok(None) };
        let waker = Waker::from(self.bell.clone());
        let polled = unwind::catch(|| work.as_mut().poll(&mut Context::from_waker(&waker)));
        Ok(if polled?.is_ready() { worker.take() } else { None })
    }

    /// Has the worker dropped by whoever is at it, or now.
    fn stop(&self) {
        self.is_stopped.store(true, Ordering::Release);
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
            waits::waits_for(format_args!("the worker of an inline pool"));
            Poll::Pending
        }))
    }
}
