//! A task without an executor, and a hand that wakes what parks in it.
//!
//! Children must be `Send` and `'static` for some contenders, so where they park is a variable of
//! the thread. It costs every contender the same, the floor included.

use futures_util::Stream;
use std::{
    cell::RefCell,
    future::Future,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
};

/// Whoever has parked on this thread.
#[derive(Debug)]
struct Parked {
    wakers: Vec<(usize, Waker)>,
    random: u64,
    /// Whoever was woken last, and has not parked again.
    woken: usize,
}

impl Parked {
    /// Takes a random one.
    fn take(&mut self) -> Option<(usize, Waker)> {
        let len = self.wakers.len();
        if len == 0 {
            return None;
        }
        let (id, waker) = self.wakers.swap_remove(below(&mut self.random, len));
        self.woken = id;
        Some((id, waker))
    }
}

thread_local! {
    static PARKED: RefCell<Parked> =
        const { RefCell::new(Parked { wakers: Vec::new(), random: 1, woken: 0 }) };
}

/// A random number below `len`.
pub(crate) fn below(random: &mut u64, len: usize) -> usize {
    *random =
        random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    (((*random >> 32) * len as u64) >> 32) as usize
}

/// Leaves a waker for [`wake_all`] or [`wake_one`].
pub(crate) fn park(id: usize, waker: &Waker) {
    PARKED.with_borrow_mut(|parked| {
        parked.wakers.push((id, waker.clone()));
        if parked.woken == id {
            parked.woken = usize::MAX;
        }
    });
}

/// How many are parked.
pub(crate) fn parked() -> usize {
    PARKED.with_borrow(|parked| parked.wakers.len())
}

/// Who was woken last, unless it has parked again.
pub(crate) fn woken() -> usize {
    PARKED.with_borrow(|parked| parked.woken)
}

/// Drops all wakers.
pub(crate) fn forget() {
    PARKED.with_borrow_mut(|parked| parked.wakers.clear());
}

/// Wakes all that are parked, in random order.
pub(crate) fn wake_all(mut each: impl FnMut(usize)) {
    PARKED.with_borrow_mut(|parked| {
        while let Some((id, waker)) = parked.take() {
            waker.wake();
            each(id);
        }
    });
}

/// Wakes a random one.
pub(crate) fn wake_one(each: impl FnOnce(usize)) {
    PARKED.with_borrow_mut(|parked| {
        if let Some((id, waker)) = parked.take() {
            waker.wake();
            each(id);
        }
    });
}

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

    /// Goes on at once if it was woken meanwhile, as a task of an executor does.
    fn wait(&self, wake: &mut impl FnMut()) {
        if !self.woken.0.load(Ordering::Acquire) {
            wake();
            assert!(self.woken.0.load(Ordering::Acquire), "a wake was lost");
        }
    }
}
