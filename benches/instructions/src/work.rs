//! What children and sources do, and the hand that wakes them.
//!
//! Nothing here allocates once it is warm, and nothing is random but the order of wakes, which is
//! the same in every run.

pub(crate) use crate::task::Task;
use futures_util::Stream;
use std::{
    cell::{Cell, RefCell},
    future::Future,
    hint::black_box,
    marker::PhantomData,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll, Waker},
};

const FACTOR: u64 = 0x9E37_79B9_7F4A_7C15;

/// What all children of a row do. A type, so that rows do not share code: what is inlined in one
/// must not depend on another.
pub(crate) trait Kind: Send + Sync + 'static {
    /// How often a child parks before it is ready.
    const PARKS: u16;
    /// One is woken at a time, and not all.
    const ONE: bool = false;
}

pub(crate) struct Ready;
pub(crate) struct ParksOnce;
pub(crate) struct ParksThrice;
pub(crate) struct WakeOne;
pub(crate) struct Never;

impl Kind for Ready {
    const PARKS: u16 = 0;
}

impl Kind for ParksOnce {
    const PARKS: u16 = 1;
}

impl Kind for ParksThrice {
    const PARKS: u16 = 3;
}

impl Kind for WakeOne {
    const PARKS: u16 = 1;
    const ONE: bool = true;
}

impl Kind for Never {
    const PARKS: u16 = u16::MAX;
    const ONE: bool = true;
}

/// Parks, and multiplies once.
pub(crate) struct Child<K> {
    id: usize,
    value: u64,
    parks: u16,
    kind: PhantomData<K>,
}

impl<K: Kind> Child<K> {
    pub(crate) fn new(id: usize) -> Self {
        Child { id, value: black_box(id as u64), parks: black_box(K::PARKS), kind: PhantomData }
    }
}

impl<K> Unpin for Child<K> {}

impl<K: Kind> Future for Child<K> {
    type Output = u64;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<u64> {
        if self.parks > 0 {
            // The last one is for good.
            self.parks -= u16::from(self.parks < u16::MAX);
            park(self.id, cx.waker());
            return Poll::Pending;
        }
        if K::ONE && PARKED.with_borrow(|parked| parked.woken) != self.id {
            // Polled by somebody who polls them all.
            return Poll::Pending;
        }
        Poll::Ready(self.value.wrapping_mul(FACTOR))
    }
}

pub(crate) fn children<K: Kind>(n: usize) -> impl ExactSizeIterator<Item = Child<K>> {
    (0..black_box(n)).map(Child::new)
}

/// Yields so many times, and multiplies once.
pub(crate) struct Yields {
    value: u64,
    yields: u64,
    factor: u64,
}

impl Future for Yields {
    type Output = u64;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<u64> {
        if self.yields > 0 {
            self.yields -= 1;
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(self.value.wrapping_mul(self.factor))
    }
}

pub(crate) fn ready(n: usize) -> Yields {
    Yields { value: black_box(n as u64), yields: 0, factor: FACTOR }
}

pub(crate) fn yields(n: usize) -> Yields {
    Yields { yields: 1, ..ready(n) }
}

/// Waits for good, and nobody has its waker.
#[derive(Default)]
pub(crate) struct Waits {
    polled: bool,
}

thread_local! {
    static WAITING: Cell<usize> = const { Cell::new(0) };
}

/// How many wait, since the last call.
pub(crate) fn take_waiting() -> usize {
    WAITING.take()
}

impl Future for Waits {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        if !self.polled {
            self.polled = true;
            WAITING.set(WAITING.get() + 1);
        }
        Poll::Pending
    }
}

/// Whoever has parked.
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
fn below(random: &mut u64, len: usize) -> usize {
    *random =
        random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    (((*random >> 32) * len as u64) >> 32) as usize
}

/// Leaves a waker for [`wake`].
fn park(id: usize, waker: &Waker) {
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

/// Drops all wakers.
pub(crate) fn forget() {
    PARKED.with_borrow_mut(|parked| parked.wakers.clear());
}

/// Wakes all that are parked, in random order, or a random one.
pub(crate) fn wake<K: Kind>(mut each: impl FnMut(usize)) {
    PARKED.with_borrow_mut(|parked| {
        while let Some((id, waker)) = parked.take() {
            waker.wake();
            each(id);
            if K::ONE {
                break;
            }
        }
    });
}

/// What a source waits for.
#[derive(Default)]
struct Inbox {
    items: Cell<u32>,
    waker: RefCell<Option<Waker>>,
}

impl Inbox {
    fn give(&self, items: u32) {
        assert_eq!(self.items.replace(items), 0, "was not polled when it was woken");
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }
}

/// Multiplies for each item.
pub(crate) struct Source<A> {
    inbox: Rc<Inbox>,
    value: u64,
    factor: u64,
    arrival: PhantomData<A>,
}

impl<A> Unpin for Source<A> {}

impl<A: Arrival> Stream for Source<A> {
    type Item = u64;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<u64>> {
        let items = self.inbox.items.get();
        if items > 0 {
            self.inbox.items.set(items - 1);
            self.value = self.value.wrapping_mul(self.factor);
            return Poll::Ready(Some(self.value));
        }
        match &mut *self.inbox.waker.borrow_mut() {
            Some(waker) => waker.clone_from(cx.waker()),
            empty => *empty = Some(cx.waker().clone()),
        }
        Poll::Pending
    }
}

/// When sources are given items. A type, as [`Kind`].
pub(crate) trait Arrival: 'static {
    /// Each source is given a few, in random order; or else one source is given one.
    const BURSTS: bool;
}

pub(crate) struct Bursts;
pub(crate) struct Sparse;

impl Arrival for Bursts {
    const BURSTS: bool = true;
}

impl Arrival for Sparse {
    const BURSTS: bool = false;
}

const BURST: u32 = 4;

/// Gives sources their items.
pub(crate) struct Hand {
    inboxes: Vec<Rc<Inbox>>,
    random: u64,
}

impl Hand {
    pub(crate) fn new(k: usize) -> Self {
        Hand { inboxes: (0..k).map(|_| Rc::default()).collect(), random: 1 }
    }

    pub(crate) fn sources<A: Arrival>(&self) -> Vec<Source<A>> {
        let source = |inbox: &Rc<Inbox>| Source {
            inbox: inbox.clone(),
            value: black_box(1),
            factor: FACTOR,
            arrival: PhantomData,
        };
        self.inboxes.iter().map(source).collect()
    }

    /// Called when all wait. Answers who was given something, if it was one.
    pub(crate) fn give<A: Arrival>(&mut self) -> usize {
        let k = self.inboxes.len();
        if A::BURSTS {
            for last in (0..k).rev() {
                self.inboxes.swap(last, below(&mut self.random, last + 1));
                self.inboxes[last].give(BURST);
            }
            return 0;
        }
        let one = below(&mut self.random, k);
        self.inboxes[one].give(1);
        one
    }
}
