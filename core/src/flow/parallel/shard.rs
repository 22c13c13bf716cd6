//! A child on the executor that runs a set of futures.

use super::{super::source::Source, hub::Hub};
use crate::{
    set::{
        budget::Budget,
        slab::{OWN_KEY, Slab},
    },
    unwind, waits,
};
use alloc::{boxed::Box, sync::Arc};
use core::{
    future::Future,
    mem,
    pin::Pin,
    task::{Context, Poll},
};
use pin_project_lite::pin_project;

/// What a shard does with the output of its work.
pub(super) trait Outlet<Fut: Future> {
    /// An error that ends the operation.
    type Error;

    /// Polls a piece of work, and takes its output. Ready when the work has ended.
    fn poll(
        &mut self,
        number: usize,
        work: Pin<&mut Fut>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), Self::Error>>;

    /// Sends the outputs that were taken.
    fn flush(&mut self);

    /// Notes that a piece of work was dropped.
    fn dropped(&mut self, number: usize);

    /// Called when the shard ends, with the number of items that were taken from the source, and
    /// whether the source is exhausted.
    fn leave(&mut self, taken: usize, exhausted: bool);
}

pin_project! {
    /// Work under way, with its place in the order of the source.
    struct Job<Fut> {
        #[pin]
        work: Fut,
        number: usize,
    }
}

/// A child on the executor; see the [hub](super::hub).
pub(super) struct Shard<S, F, Fut: Future, O: Outlet<Fut>> {
    children: Slab<Job<Fut>, true>,
    outlet: O,
    hub: Arc<Hub<S, F, Fut>>,
    number: usize,
    /// How many pieces of work have ended since the last report to the hub.
    finished: usize,
    spare: Option<Box<super::hub::Batch<Fut>>>,
    sleeps: bool,
    is_known: bool,
}

impl<S, F, Fut: Future, O: Outlet<Fut>> Shard<S, F, Fut, O> {
    pub(super) fn new(hub: Arc<Hub<S, F, Fut>>, number: usize, outlet: O) -> Self {
        let children = Slab::with_capacity(0);
        Shard {
            children,
            outlet,
            hub,
            number,
            finished: 0,
            spare: None,
            sleeps: false,
            is_known: false,
        }
    }

    fn flush(&mut self) {
        self.outlet.flush();
        self.tell();
    }

    /// Reports to the hub how many pieces of work have ended.
    fn tell(&mut self) {
        if self.finished > 0 {
            self.hub.finish(mem::take(&mut self.finished));
        }
    }

    /// Polls a piece of work for the first time. Returns an error that ends the operation.
    #[inline]
    fn start(&mut self, job: Job<Fut>) -> Result<(), O::Error> {
        // Counted first, because `start` drops work that has ended, and that may panic.
        self.finished += 1;
        let outlet = &mut self.outlet;
        let polled = self.children.start(job, |job, cx| {
            let job = job.project();
            outlet.poll(*job.number, job.work, cx)
        });
        let Poll::Ready(result) = polled else {
            self.finished -= 1;
            return Ok(());
        };
        result
    }

    /// Polls a piece of work that is under way. Returns an error that ends the operation.
    #[inline]
    fn poll_child(&mut self, key: usize) -> Result<(), O::Error> {
        // First, as it is dropped if the outlet panics.
        self.finished += 1;
        let outlet = &mut self.outlet;
        let polled = self.children.poll_with(key, |job, cx| {
            let job = job.project();
            outlet.poll(*job.number, job.work, cx)
        });
        let Some(Poll::Ready(result)) = polled else {
            self.finished -= 1;
            return Ok(());
        };
        self.children.remove(key);
        result
    }
}

impl<S, F, Fut, O> Shard<S, F, Fut, O>
where
    S: Source + Send + 'static,
    F: FnMut(S::Item) -> Fut + Send + 'static,
    Fut: Future + Send + 'static,
    O: Outlet<Fut>,
{
    fn poll_passes(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), O::Error>> {
        let mut budget = Budget::new();
        loop {
            while let Some(key) = self.children.next() {
                if key == OWN_KEY {
                    continue;
                }
                self.poll_child(key)?;
                if self.finished >= self.hub.tell_after() {
                    self.tell();
                    // Now, because the next piece of work may take long.
                    self.hub.share();
                }
                if !budget.pay_poll() {
                    return self.yield_now(cx);
                }
            }
            loop {
                // Not after each piece, which would cost more; but before we take more work.
                if self.finished >= self.hub.tell_after() || self.hub.is_inbox_empty(self.number) {
                    self.tell();
                }
                let Some((number, work)) = self.hub.next_work(self.number, &mut self.spare) else {
                    break;
                };
                self.start(Job { work, number })?;
                if !budget.pay_poll() {
                    return self.yield_now(cx);
                }
            }
            if self.children.begin_pass() {
                if !budget.pay_pass() {
                    return self.yield_now(cx);
                }
                continue;
            }
            self.flush();
            self.sleeps = true;
            self.hub.sleep(self.number);
            if self.hub.is_over() {
                return Poll::Ready(Ok(()));
            }
            if !self.hub.has_work() && self.children.park(cx) {
                return Poll::Pending;
            }
            self.sleeps = false;
            self.hub.wake_up(self.number);
            // There was work, but we may find none again: the source may be ready and yield
            // nothing.
            if !budget.pay_pass() {
                return self.yield_now(cx);
            }
        }
    }

    /// Yields to the executor.
    fn yield_now(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), O::Error>> {
        self.flush();
        waits::yields(cx.waker());
        Poll::Pending
    }
}

/// The futures are pinned in the slab.
impl<S, F, Fut: Future, O: Outlet<Fut>> Unpin for Shard<S, F, Fut, O> {}

/// Ready with an error, or when all work is done if the hub lets shards end. Otherwise the
/// operation drops it.
impl<S, F, Fut, O> Future for Shard<S, F, Fut, O>
where
    S: Source + Send + 'static,
    F: FnMut(S::Item) -> Fut + Send + 'static,
    Fut: Future + Send + 'static,
    O: Outlet<Fut>,
{
    type Output = Result<(), O::Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if !self.is_known {
            self.is_known = true;
            let waker = self.children.own_waker();
            let _ = self.hub.desks[self.number].waker.set(waker);
        }
        if mem::take(&mut self.sleeps) {
            self.hub.wake_up(self.number);
        }
        self.poll_passes(cx)
    }
}

impl<S, F, Fut: Future, O: Outlet<Fut>> Drop for Shard<S, F, Fut, O> {
    fn drop(&mut self) {
        let mut first = None;
        self.children.close();
        let keys: alloc::vec::Vec<usize> = self.children.keys().collect();
        let mut pieces = self.finished + keys.len();
        for key in keys {
            let number = self.children.get(key).map(|job| job.number);
            unwind::keep_first(&mut first, || {
                self.children.remove(key);
            });
            number.into_iter().for_each(|number| self.outlet.dropped(number));
        }
        // The spare box has work if the source has panicked.
        let boxes = [self.hub.clear_inbox(self.number), self.spare.take()];
        for (number, work) in boxes.into_iter().flatten().flat_map(|batch| *batch) {
            unwind::keep_first(&mut first, || drop(work));
            pieces += 1;
            self.outlet.dropped(number);
        }
        unwind::keep_first(&mut first, || self.outlet.flush());
        let (taken, exhausted) = self.hub.progress();
        self.outlet.leave(taken, exhausted);
        unwind::keep_first(&mut first, || self.hub.retire(self.number, pieces));
        unwind::resume_unless_panicking(first);
    }
}
