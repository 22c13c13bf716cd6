//! A task without an executor. Used by the benchmarks and by the counts of instructions.

use futures_util::Stream;
use std::{
    future::Future,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
};

/// The task that polls, as its waker sees it.
pub(crate) struct Task {
    woken: Arc<Woken>,
    waker: Waker,
}

struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        // As dear as the wake of a task that is under way already.
        self.0.swap(true, Ordering::AcqRel);
    }
}

impl Task {
    pub(crate) fn new() -> Self {
        let woken = Arc::new(Woken(AtomicBool::new(false)));
        Task { waker: woken.clone().into(), woken }
    }

    /// Polls a future to its end, and calls `wake` whenever it waits.
    pub(crate) fn run<F: Future>(&self, future: F, mut wake: impl FnMut()) -> F::Output {
        let mut future = std::pin::pin!(future);
        loop {
            self.woken.0.store(false, Ordering::Relaxed);
            if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&self.waker))
            {
                return output;
            }
            self.wait(&mut wake);
        }
    }

    /// Sums up the items of a stream until it ends or there were enough, and calls `wake` whenever
    /// it waits.
    pub(crate) fn drain<S: Stream<Item = u64>>(
        &self,
        mut stream: Pin<&mut S>,
        enough: usize,
        mut wake: impl FnMut(),
    ) -> u64 {
        let (mut items, mut sum) = (0, 0_u64);
        loop {
            self.woken.0.store(false, Ordering::Relaxed);
            let cx = &mut Context::from_waker(&self.waker);
            while items < enough {
                match stream.as_mut().poll_next(cx) {
                    Poll::Ready(Some(item)) => sum = sum.wrapping_add(item),
                    Poll::Ready(None) => return sum,
                    Poll::Pending => break,
                }
                items += 1;
            }
            if items == enough {
                return sum;
            }
            self.wait(&mut wake);
        }
    }

    /// Polls a stream once, which has nothing.
    pub(crate) fn look<S: Stream>(&self, stream: Pin<&mut S>) {
        assert!(stream.poll_next(&mut Context::from_waker(&self.waker)).is_pending());
    }

    /// Goes on at once if it was woken meanwhile, as a task of an executor does.
    fn wait(&self, wake: &mut impl FnMut()) {
        if !self.woken.0.load(Ordering::Acquire) {
            wake();
            assert!(self.woken.0.load(Ordering::Acquire), "a wake was lost");
        }
    }
}
