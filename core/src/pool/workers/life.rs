//! The life of a worker: it is made, does jobs, fails, and is made anew.

use super::{
    error::{Failure, JobError, PoolClosed, WorkerFailed},
    shared::{Shared, panicked},
    slot::Slot,
    state::Entry,
    worker::{IntoWorker, Worker},
};
use crate::{
    child::Panic,
    scope::{Restart, Restarts},
    time::{Clock, Timer},
    unwind::{self, Payload},
    values::Context as Values,
    waits,
};
use alloc::{boxed::Box, string::String, sync::Arc};
use core::{
    convert::Infallible,
    future::{Future, poll_fn},
    pin::{Pin, pin},
    task::{Context, Poll},
    time::Duration,
};
use pin_project_lite::pin_project;

/// How the life of a worker ends, if not by a panic of a job.
pub(super) type Life = Result<Infallible, WorkerFailed>;

/// The payload with which a life ends after a panic of a job, whose own payload its ticket has.
struct JobPanicked(Option<String>);

/// Returns a future that is a worker, until the pool has no more use for it.
pub(super) fn attend<J, O, W, F, Fut, T, P, D>(
    shared: Arc<Shared<J, O>>,
    index: usize,
    restart: Restart<T, P, D>,
    make: Arc<F>,
) -> impl Future<Output = ()>
where
    W: Worker<Job = J, Output = O>,
    F: Fn(usize) -> Fut,
    Fut: Future<Output: IntoWorker<Worker = W>>,
    T: Timer + Clock,
    P: Restarts<Life>,
    D: Iterator<Item = Duration> + Clone,
{
    // Before the first poll, as there may be none.
    let present = Present { shared, index, failed: None, has_left: false };
    async move {
        let mut present = present;
        {
            let (shared, make) = (&*present.shared, &*make);
            let waker = shared.waker(index);
            let mut is_first = true;
            let lives = restart.run(|| {
                if !core::mem::take(&mut is_first) {
                    shared.restart(index);
                }
                live(shared, index, make)
            });
            let mut lives = pin!(lives);
            let ended = poll_fn(|cx| {
                waker.register(cx.waker());
                if shared.may_leave(index) {
                    return Poll::Ready(None);
                }
                match unwind::catch(|| lives.as_mut().poll(cx)) {
                    Ok(Poll::Pending) if shared.may_leave(index) => Poll::Ready(None),
                    Ok(Poll::Pending) => Poll::Pending,
                    Ok(Poll::Ready(Err(failed))) => Poll::Ready(Some(failed)),
                    Ok(Poll::Ready(Ok(never))) => match never {},
                    Err(payload) => {
                        let failure = Failure::Panicked(last_words(payload));
                        Poll::Ready(Some(WorkerFailed { index, failure }))
                    }
                }
            });
            present.failed = ended.await;
            // The state of the worker is dropped here.
        }
        present.leave();
    }
}

fn last_words(payload: Payload) -> Option<String> {
    match payload.downcast::<JobPanicked>() {
        Ok(panicked) => panicked.0,
        Err(payload) => message(payload),
    }
}

fn message(payload: Payload) -> Option<String> {
    let panic = Panic::new(payload);
    let message = panic.message().map(String::from);
    panic.discard();
    message
}

/// A worker that is there. If it is dropped before it has left, it never will.
struct Present<J, O> {
    shared: Arc<Shared<J, O>>,
    index: usize,
    failed: Option<WorkerFailed>,
    has_left: bool,
}

impl<J, O> Present<J, O> {
    fn leave(mut self) {
        self.has_left = true;
        self.shared.has_left(self.index);
        if let Some(failed) = self.failed.take() {
            self.shared.fail(failed);
        }
    }
}

impl<J, O> Drop for Present<J, O> {
    fn drop(&mut self) {
        if !self.has_left {
            self.shared.has_left(self.index);
            // Nothing new if the pool ended it.
            self.shared.close(PoolClosed::ExecutorGone, true);
        }
    }
}

/// From the start of a worker to its failure.
async fn live<J, O, W, F, Fut>(shared: &Shared<J, O>, index: usize, make: &F) -> Life
where
    W: Worker<Job = J, Output = O>,
    F: Fn(usize) -> Fut,
    Fut: Future<Output: IntoWorker<Worker = W>>,
{
    let making = unwind::catch(|| make(index));
    let made = match making {
        Ok(making) => Caught::new(making, None).await.map(IntoWorker::into_worker),
        Err(payload) => Err(payload),
    };
    let made = match made {
        Ok(made) => made.map_err(Failure::Start),
        Err(payload) => Err(Failure::StartPanicked(message(payload))),
    };
    let mut worker = made.map_err(|failure| WorkerFailed { index, failure })?;
    loop {
        let Entry { job, slot, context, .. } = poll_fn(|_| match shared.take(index) {
            Some(entry) => Poll::Ready(entry),
            None => {
                waits::waits_for_what(waits::What::Job);
                Poll::Pending
            }
        })
        .await;
        // Dropped after the job, and says how that ended.
        let running = Running { shared, slot, index, has_ended: false };
        let handling = unwind::catch(|| worker.handle(job));
        let ended = match handling {
            Ok(handling) => running.until_aborted(Caught::new(handling, context)).await,
            Err(payload) => Some(Err(payload)),
        };
        match ended {
            None => running.end(Err(JobError::Aborted)),
            Some(Ok(output)) => running.end(Ok(output)),
            Some(Err(payload)) => {
                let result = panicked(payload);
                let message = match &result {
                    Err(JobError::Panicked(panic)) => panic.message().map(String::from),
                    _ => None,
                };
                running.end(result);
                unwind::resume(Box::new(JobPanicked(message)));
            }
        }
    }
}

/// A job that runs. If it is dropped before its end, the job was.
struct Running<'s, J, O> {
    shared: &'s Shared<J, O>,
    slot: Arc<Slot<O>>,
    index: usize,
    has_ended: bool,
}

impl<J, O> Running<'_, J, O> {
    /// Returns `None`, with the job gone, if its ticket asks for that.
    async fn until_aborted<F>(&self, job: Caught<F>) -> Option<Result<O, Payload>>
    where
        F: Future<Output = O>,
    {
        let mut job = pin!(job);
        poll_fn(|cx| {
            if self.slot.is_aborted() {
                let gone = unwind::catch(|| job.as_mut().project().future.set(None));
                return Poll::Ready(gone.err().map(Err));
            }
            job.as_mut().poll(cx).map(Some)
        })
        .await
    }

    fn end(mut self, result: Result<O, JobError>) {
        self.has_ended = true;
        self.shared.end(self.index, result);
    }
}

impl<J, O> Drop for Running<'_, J, O> {
    fn drop(&mut self) {
        if !self.has_ended {
            self.shared.end(self.index, Err(JobError::Closed(self.shared.why_dropped())));
        }
    }
}

pin_project! {
    /// A future, with a context around it, whose panic is a value. It is dropped when it has ended,
    /// and a panic of its destructor is one of its own.
    struct Caught<F> {
        #[pin]
        future: Option<F>,
        context: Option<Values>,
    }
}

impl<F: Future> Caught<F> {
    fn new(future: F, context: Option<Values>) -> Self {
        Caught { future: Some(future), context }
    }
}

impl<F: Future> Future for Caught<F> {
    type Output = Result<F::Output, Payload>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let future = this.future.as_mut().as_pin_mut().expect("polled after it was ready");
        let ended = match unwind::catch(|| within(this.context.as_ref(), || future.poll(cx))) {
            Ok(Poll::Pending) => return Poll::Pending,
            Ok(Poll::Ready(output)) => Ok(output),
            Err(payload) => Err(payload),
        };
        Poll::Ready(match (ended, unwind::catch(|| this.future.set(None))) {
            (Ok(output), Err(payload)) => {
                unwind::discard(output);
                Err(payload)
            }
            (Err(payload), Err(second)) => {
                unwind::discard(second);
                Err(payload)
            }
            (ended, Ok(())) => ended,
        })
    }
}

#[cfg(all(feature = "std", not(anyscope_loom)))]
fn within<R>(context: Option<&Values>, f: impl FnOnce() -> R) -> R {
    match context {
        Some(context) => context.enter(f),
        None => f(),
    }
}

#[cfg(not(all(feature = "std", not(anyscope_loom))))]
fn within<R>(_: Option<&Values>, f: impl FnOnce() -> R) -> R {
    f()
}
