//! A hand that wakes what parks in a [`Task`](super::task::Task).
//!
//! Children must be `Send` and `'static` for some contenders, so where they park is a variable of
//! the thread. It costs every contender the same, the floor included.

use std::{
    cell::RefCell,
    future::Future,
    hint::black_box,
    pin::Pin,
    task::{Context, Poll, Waker},
};

/// Parks so many times, and multiplies once.
pub(crate) struct Child {
    id: usize,
    value: u64,
    parks: u16,
    /// One is woken at a time. No `bool`: an unused value would make it smaller in some sets.
    one: u16,
}

const _: () = assert!(size_of::<Child>() == 24);

impl Future for Child {
    type Output = u64;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<u64> {
        if self.parks > 0 {
            self.parks -= 1;
            park(self.id, cx.waker());
            return Poll::Pending;
        }
        if self.one > 0 && woken() != self.id {
            // Polled by somebody who polls them all.
            return Poll::Pending;
        }
        Poll::Ready(self.value.wrapping_mul(0x9E37_79B9_7F4A_7C15))
    }
}

/// What all children of a group do, and who wakes them.
#[derive(Clone, Copy)]
pub(crate) struct Work {
    pub(crate) parks: u16,
    pub(crate) one: bool,
}

pub(crate) const READY: Work = Work { parks: 0, one: false };
pub(crate) const YIELDS: Work = Work { parks: 3, one: false };
pub(crate) const WAKE_ONE: Work = Work { parks: 1, one: true };

impl Work {
    pub(crate) fn child(self, id: usize) -> Child {
        Child { id, value: black_box(id as u64), parks: self.parks, one: self.one.into() }
    }

    pub(crate) fn children(self, n: usize) -> impl ExactSizeIterator<Item = Child> {
        (0..n).map(move |id| self.child(id))
    }

    /// The hand that wakes them.
    pub(crate) fn wake(self, mut each: impl FnMut(usize)) {
        if self.one { wake_one(each) } else { wake_all(&mut each) }
    }
}

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
