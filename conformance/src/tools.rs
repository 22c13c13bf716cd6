//! What the tests are made of.

use crate::Adapter;
use anyscope_core::BlockOn;
use std::{
    future::{Future, poll_fn},
    panic,
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
        mpsc,
    },
    task::{Context, Poll, Waker},
    thread,
};

/// Runs a test on a thread of its own, and fails if it has not ended within the limit.
#[track_caller]
pub(crate) fn within<A: Adapter>(test: impl FnOnce() + Send + 'static) {
    let (over, is_over) = mpsc::channel();
    let thread = thread::spawn(move || {
        let ended = panic::catch_unwind(panic::AssertUnwindSafe(test));
        let _ = over.send(());
        ended.unwrap_or_else(|panic| panic::resume_unwind(panic));
    });
    if is_over.recv_timeout(A::LIMIT).is_err() {
        panic!(
            "this has not ended after {:?}: a child was not polled, or a wake was lost",
            A::LIMIT
        );
    }
    if let Err(panic) = thread.join() {
        panic::resume_unwind(panic);
    }
}

/// Runs a future on a new executor.
#[track_caller]
pub(crate) fn on<A: Adapter>(test: impl AsyncFnOnce(A::Handle) + Send + 'static) {
    within::<A>(move || {
        let (owner, handle) = A::start();
        owner.block_on(test(handle));
    });
}

/// Set once; whoever waits for it is woken.
#[derive(Clone, Default)]
pub(crate) struct Signal(Arc<Mutex<(bool, Vec<Waker>)>>);

impl Signal {
    pub(crate) fn set(&self) {
        let wakers = {
            let mut signal = self.0.lock().unwrap();
            signal.0 = true;
            std::mem::take(&mut signal.1)
        };
        wakers.into_iter().for_each(Waker::wake);
    }

    pub(crate) async fn wait(&self) {
        poll_fn(|cx| {
            let mut signal = self.0.lock().unwrap();
            if signal.0 {
                return Poll::Ready(());
            }
            signal.1.push(cx.waker().clone());
            Poll::Pending
        })
        .await;
    }
}

/// Lets others have their turn.
pub(crate) async fn yield_now() {
    let mut yielded = false;
    poll_fn(move |cx| {
        if yielded {
            return Poll::Ready(());
        }
        yielded = true;
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// Waits until a condition holds.
pub(crate) async fn until(condition: impl Fn() -> bool) {
    while !condition() {
        yield_now().await;
        thread::yield_now();
    }
}

/// Counts how many of it live.
#[derive(Clone, Default)]
pub(crate) struct Lives(Arc<AtomicUsize>);

pub(crate) struct Life(Lives);

impl Lives {
    pub(crate) fn begin(&self) -> Life {
        self.0.fetch_add(1, Ordering::SeqCst);
        Life(self.clone())
    }

    pub(crate) fn count(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

impl Drop for Life {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// A future that waits for ever, says that it does, and lives until it is dropped.
pub(crate) struct Waits {
    pub(crate) polled: Arc<AtomicBool>,
    pub(crate) _life: Life,
}

impl Future for Waits {
    type Output = ();

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        self.polled.store(true, Ordering::SeqCst);
        Poll::Pending
    }
}

/// Returns a future that waits for ever, and what it sets when it is polled.
pub(crate) fn waits(lives: &Lives) -> (Waits, Arc<AtomicBool>) {
    let polled = Arc::new(AtomicBool::new(false));
    (Waits { polled: polled.clone(), _life: lives.begin() }, polled)
}
