//! Children that tests see into, and their parent.

use futures_core::Stream;
use std::{
    cell::{Cell, RefCell},
    future::Future,
    marker::PhantomPinned,
    pin::Pin,
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
};

/// A parent that counts how often it is woken.
#[derive(Default)]
pub(crate) struct Count(AtomicUsize);

impl Count {
    pub(crate) fn new() -> (Arc<Count>, Waker) {
        let count = Arc::new(Count::default());
        (count.clone(), Waker::from(count))
    }

    /// How often it was woken since the last call.
    pub(crate) fn take(&self) -> usize {
        self.0.swap(0, Ordering::Relaxed)
    }
}

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// What a test sees of a child and does to it.
#[derive(Default)]
pub(crate) struct Knobs {
    pub(crate) name: usize,
    pub(crate) polls: Cell<usize>,
    pub(crate) drops: Cell<usize>,
    pub(crate) waker: RefCell<Option<Waker>>,
    /// Items that it has.
    pub(crate) items: Cell<usize>,
    pub(crate) ended: Cell<bool>,
    /// Wakes itself in each poll that is not ready.
    pub(crate) restless: Cell<bool>,
    pub(crate) panics_in_poll: Cell<bool>,
    pub(crate) panics_in_drop: Cell<bool>,
}

impl Knobs {
    pub(crate) fn new(name: usize) -> Rc<Knobs> {
        Rc::new(Knobs { name, ..Knobs::default() })
    }

    pub(crate) fn wake(&self) {
        self.waker.borrow().as_ref().expect("it was polled").wake_by_ref();
    }

    pub(crate) fn end(&self) {
        self.ended.set(true);
        self.wake();
    }
}

/// A future that gives its name, or a stream that gives it several times. It must not move.
pub(crate) struct Child {
    pub(crate) knobs: Rc<Knobs>,
    log: Rc<RefCell<Vec<usize>>>,
    address: usize,
    _pinned: PhantomPinned,
}

impl Child {
    pub(crate) fn new(knobs: &Rc<Knobs>) -> Child {
        Child::logging(knobs, &Rc::default())
    }

    /// One that writes its name into `log` in each poll.
    pub(crate) fn logging(knobs: &Rc<Knobs>, log: &Rc<RefCell<Vec<usize>>>) -> Child {
        Child { knobs: knobs.clone(), log: log.clone(), address: 0, _pinned: PhantomPinned }
    }

    fn step(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<usize>> {
        let address = &raw const *self as usize;
        // SAFETY: nothing is moved.
        let this = unsafe { self.get_unchecked_mut() };
        assert!(this.address == 0 || this.address == address, "moved");
        this.address = address;
        let knobs = &this.knobs;
        this.log.borrow_mut().push(knobs.name);
        knobs.polls.set(knobs.polls.get() + 1);
        *knobs.waker.borrow_mut() = Some(cx.waker().clone());
        assert!(!knobs.panics_in_poll.get(), "in poll");
        if knobs.items.get() > 0 {
            knobs.items.set(knobs.items.get() - 1);
            return Poll::Ready(Some(knobs.name));
        }
        if knobs.ended.get() {
            return Poll::Ready(None);
        }
        if knobs.restless.get() {
            cx.waker().wake_by_ref();
        }
        Poll::Pending
    }
}

impl Future for Child {
    type Output = usize;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<usize> {
        let name = self.knobs.name;
        self.step(cx).map(|_| name)
    }
}

impl Stream for Child {
    type Item = usize;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<usize>> {
        self.step(cx)
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        self.knobs.drops.set(self.knobs.drops.get() + 1);
        assert!(!self.knobs.panics_in_drop.get(), "in drop of {}", self.knobs.name);
    }
}

pub(crate) fn names(n: usize) -> Vec<Rc<Knobs>> {
    (0..n).map(Knobs::new).collect()
}

pub(crate) fn polls(children: &[Rc<Knobs>]) -> Vec<usize> {
    children.iter().map(|knobs| knobs.polls.replace(0)).collect()
}

pub(crate) fn drops(children: &[Rc<Knobs>]) -> Vec<usize> {
    children.iter().map(|knobs| knobs.drops.get()).collect()
}

/// What a child holds at its end is nobody's: wakers go before slots are counted.
pub(crate) fn forget_wakers(children: &[Rc<Knobs>]) {
    children.iter().for_each(|knobs| drop(knobs.waker.take()));
}

pub(crate) fn next<S: Stream>(set: &mut Pin<&mut S>, waker: &Waker) -> Poll<Option<S::Item>> {
    set.as_mut().poll_next(&mut Context::from_waker(waker))
}

pub(crate) fn message(panic: Box<dyn std::any::Any + Send>) -> String {
    match panic.downcast::<String>() {
        Ok(message) => *message,
        Err(panic) => panic.downcast_ref::<&str>().expect("a message").to_string(),
    }
}
