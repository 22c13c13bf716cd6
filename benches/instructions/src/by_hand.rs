//! The least executor that there can be: one thread, a queue of indices, wakers that are not
//! counted. Nearly all that is counted on it is of what it runs.

use anyscope::{BlockOn, Child, Spawn};
use std::{
    cell::RefCell,
    collections::VecDeque,
    future::Future,
    num::NonZeroUsize,
    pin::{Pin, pin},
    ptr,
    task::{Context, Poll, RawWaker, RawWakerVTable, Waker},
};

/// Spawns on this thread's executor.
#[derive(Clone, Copy)]
pub(crate) struct ByHand;

struct Queue {
    children: Vec<Option<Child>>,
    free: Vec<usize>,
    woken: VecDeque<usize>,
}

thread_local! {
    static QUEUE: RefCell<Queue> = const {
        RefCell::new(Queue { children: Vec::new(), free: Vec::new(), woken: VecDeque::new() })
    };
}

/// The future that is blocked on, among the woken.
const MAIN: usize = usize::MAX;

impl Spawn for ByHand {
    fn spawn(&self, child: Child) {
        QUEUE.with_borrow_mut(|queue| {
            let index = queue.free.pop().unwrap_or_else(|| {
                queue.children.push(None);
                queue.children.len() - 1
            });
            queue.children[index] = Some(child);
            queue.woken.push_back(index);
        });
    }

    /// Not the machine's.
    fn parallelism(&self) -> NonZeroUsize {
        NonZeroUsize::new(2).unwrap()
    }
}

impl BlockOn for ByHand {
    fn block_on<F: Future>(&self, future: F) -> F::Output {
        let mut future = pin!(future);
        let waker = waker(MAIN);
        waker.wake_by_ref();
        loop {
            match next() {
                Some(MAIN) => {
                    let cx = &mut Context::from_waker(&waker);
                    if let Poll::Ready(output) = future.as_mut().poll(cx) {
                        return output;
                    }
                }
                Some(index) => poll(index),
                None => panic!("a wake was lost"),
            }
        }
    }
}

impl ByHand {
    /// Runs futures that are polled by turns, each when it is woken, to their ends.
    pub(crate) fn run_all<F: Future<Output = ()> + Unpin>(self, futures: Vec<F>) {
        let mut left = futures.len();
        let mut futures: Vec<_> = futures.into_iter().map(Some).collect();
        (0..left).for_each(wake);
        while left > 0 {
            let index = next().expect("a wake was lost");
            let Some(future) = &mut futures[index] else { continue };
            if Pin::new(future).poll(&mut Context::from_waker(&waker(index))).is_ready() {
                futures[index] = None;
                left -= 1;
            }
        }
    }

    /// Polls what is woken, until nothing is.
    pub(crate) fn run(self) {
        while let Some(index) = next() {
            poll(index);
        }
    }
}

fn next() -> Option<usize> {
    QUEUE.with_borrow_mut(|queue| queue.woken.pop_front())
}

fn poll(index: usize) {
    let taken = QUEUE.with_borrow_mut(|queue| queue.children.get_mut(index)?.take());
    // Woken twice, and gone meanwhile.
    let Some(mut child) = taken else { return };
    let waker = waker(index);
    let polled = Pin::new(&mut child).poll(&mut Context::from_waker(&waker));
    QUEUE.with_borrow_mut(|queue| match polled {
        Poll::Pending => queue.children[index] = Some(child),
        Poll::Ready(()) => queue.free.push(index),
    });
}

/// One that wakes what has this index on the thread that wakes.
fn waker(index: usize) -> Waker {
    const TABLE: RawWakerVTable = RawWakerVTable::new(
        |index| RawWaker::new(index, &TABLE),
        |index| wake(index.addr()),
        |index| wake(index.addr()),
        |_| {},
    );

    // SAFETY: the pointer is a number and is never followed; nothing is counted, so that clones
    // and drops have nothing to do; and queues are each of one thread.
    unsafe { Waker::from_raw(RawWaker::new(ptr::without_provenance(index), &TABLE)) }
}

fn wake(index: usize) {
    QUEUE.with_borrow_mut(|queue| queue.woken.push_back(index));
}
