//! One call, and what becomes of it when it is dropped.

use super::{error::ProcessError, pool::Shared, process::Killable};
use crate::{
    Codec, CodecError, Job,
    outcome::{Last, Outcome},
};
use std::{
    fmt,
    future::Future,
    io,
    marker::PhantomData,
    mem,
    pin::Pin,
    process::ExitStatus,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
    time::Duration,
};

/// A job that waits for a process, or has one.
pub(super) struct Request {
    pub(super) job: Vec<u8>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    end: Option<End>,
    waker: Option<Waker>,
    /// What is killed if nobody waits any more.
    process: Option<Arc<Killable>>,
    dropped: bool,
}

pub(super) enum End {
    Outcome(Outcome),
    Exited(ExitStatus, String),
    TimedOut(Duration, String),
    NotStarted(io::Error),
    GivenUp,
}

impl Request {
    fn new(job: Vec<u8>) -> Arc<Self> {
        Arc::new(Request { job, state: Mutex::default() })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes who does it. Returns false if nobody waits any more.
    pub(super) fn begin(&self, process: Arc<Killable>) -> bool {
        let mut state = self.lock();
        if !state.dropped {
            state.process = Some(process);
        }
        !state.dropped
    }

    /// Notes that the process has done it, or has ended; from now on a drop does not kill it. Returns false if one has.
    pub(super) fn release(&self) -> bool {
        let mut state = self.lock();
        state.process = None;
        !state.dropped
    }

    pub(super) fn finish(&self, end: End) {
        let waker = {
            let mut state = self.lock();
            state.end = Some(end);
            state.waker.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    fn abandon(&self) {
        let mut state = self.lock();
        state.dropped = true;
        // Under the lock, so that the process does not have another job by now.
        if let Some(process) = state.process.take() {
            process.kill();
        }
    }

    pub(super) fn is_abandoned(&self) -> bool {
        self.lock().dropped
    }
}

/// Future of [`ProcessPool::call`](crate::ProcessPool::call).
#[must_use = "futures do nothing unless you `.await` or poll them"]
pub struct ProcessCall<J: Job> {
    pool: Arc<Shared>,
    step: Step,
    job: PhantomData<fn() -> J>,
}

enum Step {
    New(Result<Vec<u8>, CodecError>),
    Asked(Arc<Request>),
    Done,
}

impl<J: Job> ProcessCall<J> {
    pub(super) fn new(pool: Arc<Shared>, job: Result<Vec<u8>, CodecError>) -> Self {
        ProcessCall { pool, step: Step::New(job), job: PhantomData }
    }
}

impl<J: Job> Future for ProcessCall<J> {
    type Output = Result<J::Output, ProcessError<J::Error>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if let Step::New(_) = self.step {
            let Step::New(job) = mem::replace(&mut self.step, Step::Done) else { unreachable!() };
            let request = match job {
                Ok(job) => Request::new(job),
                Err(error) => return Poll::Ready(Err(ProcessError::Codec(error))),
            };
            self.pool.ask(&request);
            self.step = Step::Asked(request);
        }
        let Step::Asked(request) = &self.step else { panic!("polled after completion") };
        // Clones of others' wakers are made, and dropped, out of the lock.
        let waker = cx.waker().clone();
        let mut state = request.lock();
        let Some(end) = state.end.take() else {
            let old = state.waker.replace(waker);
            drop(state);
            drop(old);
            return Poll::Pending;
        };
        drop(state);
        self.step = Step::Done;
        Poll::Ready(value::<J>(end))
    }
}

impl<J: Job> Drop for ProcessCall<J> {
    fn drop(&mut self) {
        if let Step::Asked(request) = &self.step {
            request.abandon();
            self.pool.forget(request);
        }
    }
}

fn value<J: Job>(end: End) -> Result<J::Output, ProcessError<J::Error>> {
    Err(match end {
        End::Outcome(Outcome::Returned(value)) => {
            return J::Codec::decode(&value).map_err(ProcessError::Codec);
        }
        End::Outcome(Outcome::Failed(error)) => match J::Codec::decode(&error) {
            Ok(error) => ProcessError::Failed(error),
            Err(error) => ProcessError::Codec(error),
        },
        End::Outcome(Outcome::Dead { last: Last::Panicked(message), .. }) => {
            ProcessError::Panicked(message)
        }
        End::Outcome(Outcome::Dead { last: Last::Refused(why), .. }) => ProcessError::Refused(why),
        End::Outcome(_) => ProcessError::Refused("this is no outcome of a process".to_owned()),
        End::Exited(status, output) => ProcessError::Exited { status, output },
        End::TimedOut(limit, output) => ProcessError::TimedOut { limit, output },
        End::NotStarted(error) => ProcessError::NotStarted(error),
        End::GivenUp => ProcessError::GivenUp,
    })
}

impl<J: Job> fmt::Debug for ProcessCall<J> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ProcessCall({})", J::NAME)
    }
}
