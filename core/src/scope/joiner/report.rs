//! How a joiner hears of the end of children.

use crate::{
    sync::{AtomicUsize, Ordering, Wakers, atomic_waker::AtomicWaker, stack::Stack},
    unwind,
};
use alloc::{sync::Arc, vec::Vec};
use core::{
    convert::Infallible,
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};
use pin_project_lite::pin_project;

/// What children have reported, and the joiner has not heard of.
pub(super) struct Reports<O> {
    /// Which child, and its output, or none if it was dropped.
    queue: Stack<(usize, Option<O>)>,
    /// The task that polls the scope.
    pub(super) owner: AtomicWaker,
    spawned: AtomicUsize,
}

impl<O> Reports<O> {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Reports {
            queue: Stack::new(),
            owner: AtomicWaker::new(),
            spawned: AtomicUsize::new(0),
        })
    }

    /// Returns whether there are any now.
    pub(super) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// Takes all reports, in the order in which they came.
    pub(super) fn take(&self) -> Vec<(usize, Option<O>)> {
        self.queue.take()
    }

    /// Returns how many children there were: at least those of all reports taken before.
    pub(super) fn spawned(&self) -> usize {
        // Relaxed: a report was pushed after its child was counted, and taken before this.
        self.spawned.load(Ordering::Relaxed)
    }

    fn push(&self, child: usize, output: Option<O>) {
        self.queue.push((child, output));
        let mut wakers = Wakers::new();
        wakers.add(self.owner.take());
        wakers.fire_and_resume();
    }
}

pin_project! {
    /// A child whose end is reported to a [`Joiner`](super::Joiner).
    pub struct Reporting<F: Future> {
        #[pin]
        future: F,
        // Last field: a child is reported as dropped when it is gone.
        report: Report<F::Output>,
    }
}

impl<F: Future> Reporting<F> {
    pub(super) fn new(future: F, reports: &Arc<Reports<F::Output>>) -> Self {
        // Relaxed: see `spawned`.
        let child = reports.spawned.fetch_add(1, Ordering::Relaxed);
        Reporting { future, report: Report { child, reports: Some(reports.clone()) } }
    }
}

impl<F: Future> Future for Reporting<F> {
    type Output = Result<(), Infallible>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let output = ready!(this.future.poll(cx));
        if let Some(reports) = this.report.reports.take() {
            reports.push(this.report.child, Some(output));
        }
        Poll::Ready(Ok(()))
    }
}

impl<F: Future> fmt::Debug for Reporting<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reporting").field("child", &self.report.child).finish_non_exhaustive()
    }
}

/// Reports a child as dropped, unless it has reported its output.
struct Report<O> {
    child: usize,
    reports: Option<Arc<Reports<O>>>,
}

impl<O> Drop for Report<O> {
    fn drop(&mut self) {
        if let Some(reports) = self.reports.take() {
            let pushed = unwind::catch(|| reports.push(self.child, None));
            unwind::resume_unless_panicking(pushed.err());
        }
    }
}
