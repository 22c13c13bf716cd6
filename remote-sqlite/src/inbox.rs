//! Signals for one worker.

use anyscope_remote::{
    EngineError,
    engine::{JobId, Signal},
};
use futures_core::Stream;
use std::{
    collections::VecDeque,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
};

/// So many are kept for a worker that does not read them; then the oldest are lost. They are a hint: what counts is the outcome.
const ROOM: usize = 4096;

#[derive(Default)]
pub(crate) struct Inbox(Mutex<State>);

#[derive(Default)]
struct State {
    signals: VecDeque<JobId>,
    waker: Option<Waker>,
    /// The thread is gone.
    closed: bool,
}

impl Inbox {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn push(&self, job: JobId) {
        self.change(|state| {
            if state.signals.len() == ROOM {
                state.signals.pop_front();
            }
            state.signals.push_back(job);
        });
    }

    pub(crate) fn close(&self) {
        self.change(|state| state.closed = true);
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        let waker = {
            let mut state = self.lock();
            change(&mut state);
            state.waker.take()
        };
        // A waker is code of others, and the thread is everybody's.
        let _ = catch_unwind(AssertUnwindSafe(|| waker.map(Waker::wake)));
    }
}

pub(crate) struct Signals(pub(crate) Arc<Inbox>);

impl Stream for Signals {
    type Item = Result<(JobId, Signal), EngineError>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let waker = cx.waker().clone();
        let old = {
            let mut state = self.0.lock();
            if let Some(job) = state.signals.pop_front() {
                return Poll::Ready(Some(Ok((job, Signal::Cancel))));
            }
            if state.closed {
                return Poll::Ready(None);
            }
            state.waker.replace(waker)
        };
        drop(old);
        Poll::Pending
    }
}
