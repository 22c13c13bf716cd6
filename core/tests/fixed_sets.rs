//! Sets of a fixed capacity.

#![cfg(not(anyscope_loom))]

use anyscope_core::{FixedFutureSet, FixedStreamSet, WakeSlots};
use futures_core::Stream;
use std::{
    cell::{Cell, RefCell},
    future::{Future, poll_fn},
    marker::PhantomPinned,
    panic::{AssertUnwindSafe, catch_unwind, panic_any},
    pin::{Pin, pin},
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
    thread,
};

/// A parent that counts how often it is woken.
#[derive(Default)]
struct Count(AtomicUsize);

impl Count {
    fn new() -> (Arc<Count>, Waker) {
        let count = Arc::new(Count::default());
        (count.clone(), Waker::from(count))
    }

    /// How often it was woken since the last call.
    fn take(&self) -> usize {
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
struct Knobs {
    name: usize,
    polls: Cell<usize>,
    drops: Cell<usize>,
    waker: RefCell<Option<Waker>>,
    /// Items that it has.
    items: Cell<usize>,
    ended: Cell<bool>,
    /// Wakes itself in each poll that is not ready.
    restless: Cell<bool>,
    panics_in_poll: Cell<bool>,
    panics_in_drop: Cell<bool>,
}

impl Knobs {
    fn new(name: usize) -> Rc<Knobs> {
        Rc::new(Knobs { name, ..Knobs::default() })
    }

    fn wake(&self) {
        self.waker.borrow().as_ref().expect("it was polled").wake_by_ref();
    }

    fn end(&self) {
        self.ended.set(true);
        self.wake();
    }
}

/// A future that gives its name, or a stream that gives it several times. It must not move.
struct Child {
    knobs: Rc<Knobs>,
    log: Rc<RefCell<Vec<usize>>>,
    address: usize,
    _pinned: PhantomPinned,
}

impl Child {
    fn new(knobs: &Rc<Knobs>) -> Child {
        Child::logging(knobs, &Rc::default())
    }

    /// One that writes its name into `log` in each poll.
    fn logging(knobs: &Rc<Knobs>, log: &Rc<RefCell<Vec<usize>>>) -> Child {
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

fn names(n: usize) -> Vec<Rc<Knobs>> {
    (0..n).map(Knobs::new).collect()
}

fn polls(children: &[Rc<Knobs>]) -> Vec<usize> {
    children.iter().map(|knobs| knobs.polls.replace(0)).collect()
}

fn drops(children: &[Rc<Knobs>]) -> Vec<usize> {
    children.iter().map(|knobs| knobs.drops.get()).collect()
}

/// What a child holds at its end is nobody's: wakers go before slots are counted.
fn forget_wakers(children: &[Rc<Knobs>]) {
    children.iter().for_each(|knobs| drop(knobs.waker.take()));
}

fn next<S: Stream>(set: &mut Pin<&mut S>, waker: &Waker) -> Poll<Option<S::Item>> {
    set.as_mut().poll_next(&mut Context::from_waker(waker))
}

fn message(panic: Box<dyn std::any::Any + Send>) -> String {
    match panic.downcast::<String>() {
        Ok(message) => *message,
        Err(panic) => panic.downcast_ref::<&str>().expect("a message").to_string(),
    }
}

/// Given futures that end in some order, then their outputs come in that order, and each is gone
/// when its output is here.
#[test]
fn outputs_come_as_futures_end() {
    static SLOTS: WakeSlots<1> = WakeSlots::new();
    let (count, waker) = Count::new();
    let children = names(3);
    let mut set = pin!(FixedFutureSet::<_, 4>::new(&SLOTS).unwrap());
    for knobs in &children {
        set.as_mut().try_push(Child::new(knobs)).unwrap();
    }
    assert_eq!((set.len(), set.is_full(), set.size_hint()), (3, false, (3, Some(3))));
    assert!(next(&mut set, &waker).is_pending());
    for (n, left) in [(1, 2), (2, 1), (0, 0)] {
        children[n].end();
        assert_eq!(count.take(), 1);
        assert_eq!(next(&mut set, &waker), Poll::Ready(Some(n)));
        assert_eq!((children[n].drops.get(), set.len()), (1, left));
        if left > 0 {
            assert!(next(&mut set, &waker).is_pending());
        }
    }
    assert_eq!(next(&mut set, &waker), Poll::Ready(None));
}

/// Given a full set, then it gives back what does not fit, unpolled; and takes it when one has
/// ended.
#[test]
fn a_full_set_gives_the_future_back() {
    static SLOTS: WakeSlots<1> = WakeSlots::new();
    let children = names(3);
    let mut set = pin!(FixedFutureSet::<_, 2>::new(&SLOTS).unwrap());
    for knobs in &children[..2] {
        set.as_mut().try_push(Child::new(knobs)).unwrap();
    }
    assert!(set.is_full());
    let error = set.as_mut().try_push(Child::new(&children[2])).unwrap_err();
    assert_eq!(error.to_string(), "the set is full");
    let refused = error.into_inner();
    assert_eq!(
        (refused.knobs.name, refused.knobs.polls.get(), refused.knobs.drops.get()),
        (2, 0, 0)
    );
    children[0].ended.set(true);
    assert_eq!(next(&mut set, Waker::noop()), Poll::Ready(Some(0)));
    set.as_mut().try_push(refused).unwrap();
    assert!(set.is_full());
}

/// Given every place that a word has bits for, then all of them work.
#[test]
fn a_set_may_be_as_wide_as_a_word() {
    const N: usize = usize::BITS as usize;
    static SLOTS: WakeSlots<1> = WakeSlots::new();
    let (count, waker) = Count::new();
    let children = names(N);
    let mut set = pin!(FixedFutureSet::<_, N>::new(&SLOTS).unwrap());
    for knobs in &children {
        set.as_mut().try_push(Child::new(knobs)).unwrap();
    }
    assert!(set.is_full() && set.as_mut().try_push(Child::new(&children[0])).is_err());
    assert!(next(&mut set, &waker).is_pending());
    // Not even now is there more to poll.
    assert_eq!((count.take(), polls(&children)), (0, vec![1; N]));
    for n in (0..N).rev() {
        children[n].end();
        assert_eq!(next(&mut set, &waker), Poll::Ready(Some(n)));
    }
    assert!(set.is_empty());
}

/// Given an empty set, then it has ended; and goes on when something is pushed.
#[test]
fn m11_an_empty_set_has_ended_and_can_go_on() {
    static SLOTS: WakeSlots<1> = WakeSlots::new();
    let shared = FixedStreamSet::<_, 1>::with_shared_waker();
    let own = FixedStreamSet::<_, 1>::new(&SLOTS).unwrap();
    for set in [shared, own] {
        let mut set = pin!(set);
        for n in 0..3 {
            assert_eq!(next(&mut set, Waker::noop()), Poll::Ready(None));
            let knobs = Knobs::new(n);
            set.as_mut().try_push(Child::new(&knobs)).unwrap();
            assert!(next(&mut set, Waker::noop()).is_pending());
            knobs.items.set(1);
            knobs.end();
            assert_eq!(next(&mut set, Waker::noop()), Poll::Ready(Some(n)));
            assert_eq!((next(&mut set, Waker::noop()), knobs.drops.get()), (Poll::Ready(None), 1));
        }
    }
}

/// Given many idle children and one that is woken, then only that one is polled.
#[test]
fn m24_only_the_woken_are_polled() {
    static SLOTS: WakeSlots<1> = WakeSlots::new();
    let (count, waker) = Count::new();
    let children = names(8);
    let mut set = pin!(FixedFutureSet::<_, 8>::new(&SLOTS).unwrap());
    for knobs in &children {
        set.as_mut().try_push(Child::new(knobs)).unwrap();
    }
    assert!(next(&mut set, &waker).is_pending());
    assert_eq!(polls(&children), [1; 8]);
    assert!(next(&mut set, &waker).is_pending());
    assert_eq!(polls(&children), [0; 8]);
    children[3].wake();
    children[3].wake();
    children[5].wake();
    assert_eq!(count.take(), 1, "the first of a burst wakes the parent");
    assert!(next(&mut set, &waker).is_pending());
    assert_eq!(polls(&children), [0, 0, 0, 1, 0, 1, 0, 0]);
    assert!(next(&mut set, &waker).is_pending());
    assert_eq!((polls(&children), count.take()), (vec![0; 8], 0));
}

/// Given a task that polls with another waker, then the latest is woken.
#[test]
fn the_latest_parent_is_woken() {
    static SLOTS: WakeSlots<1> = WakeSlots::new();
    let ((old, old_waker), (new, new_waker)) = (Count::new(), Count::new());
    let knobs = Knobs::new(0);
    let mut set = pin!(FixedFutureSet::<_, 1>::new(&SLOTS).unwrap());
    set.as_mut().try_push(Child::new(&knobs)).unwrap();
    assert!(next(&mut set, &old_waker).is_pending());
    assert!(next(&mut set, &new_waker).is_pending());
    knobs.wake();
    assert_eq!((old.take(), new.take()), (0, 1));
}

/// Given `k` streams that always have an item, then in any `n` items each has its share.
#[test]
fn m3_each_of_k_ready_streams_has_its_share() {
    static SLOTS: WakeSlots<1> = WakeSlots::new();
    let shared = FixedStreamSet::<_, 4>::with_shared_waker();
    let own = FixedStreamSet::<_, 4>::new(&SLOTS).unwrap();
    for set in [shared, own] {
        let mut set = pin!(set);
        let children = names(4);
        for knobs in &children {
            set.as_mut().try_push(Child::new(knobs)).unwrap();
        }
        // The fourth is idle, and must not change anything.
        children[..3].iter().for_each(|knobs| knobs.items.set(100));
        let items: Vec<_> = (0..60)
            .map(|_| match next(&mut set, Waker::noop()) {
                Poll::Ready(Some(item)) => item,
                _ => panic!("there is an item"),
            })
            .collect();
        for len in 1..items.len() {
            for window in items.windows(len) {
                for k in 0..3 {
                    let share = window.iter().filter(|item| **item == k).count();
                    assert!(share + 1 >= len / 3, "{k} in {window:?} of {items:?}");
                }
            }
        }
    }
}

/// Given a child that wakes itself and one that is woken once, then who is ready at the beginning
/// of a pass is polled in it, and nobody twice.
#[test]
fn who_is_ready_when_a_pass_begins_is_polled_once_in_it() {
    static SLOTS: WakeSlots<1> = WakeSlots::new();
    let children = names(3);
    let log = Rc::default();
    let mut set = pin!(FixedStreamSet::<_, 3>::new(&SLOTS).unwrap());
    for knobs in &children {
        set.as_mut().try_push(Child::logging(knobs, &log)).unwrap();
    }
    assert!(next(&mut set, Waker::noop()).is_pending());
    log.take();
    children[0].items.set(2);
    children[2].items.set(1);
    children[0].wake();
    children[2].wake();
    assert_eq!(next(&mut set, Waker::noop()), Poll::Ready(Some(0)));
    // In the middle of a pass: these wait for the next one.
    children[0].wake();
    children[1].wake();
    assert_eq!(next(&mut set, Waker::noop()), Poll::Ready(Some(2)));
    assert_eq!(*log.borrow(), [0, 2]);
    assert_eq!(next(&mut set, Waker::noop()), Poll::Ready(Some(0)));
    assert!(next(&mut set, Waker::noop()).is_pending());
    assert_eq!(*log.borrow(), [0, 2, 0, 1, 2, 0]);
}

/// Given children that only wake themselves, then a poll ends, with a wake, after two passes; and
/// in the middle of one when 64 were in vain.
#[test]
fn restless_children_do_not_hold_the_task() {
    static SLOTS: WakeSlots<2> = WakeSlots::new();
    const N: usize = usize::BITS as usize;
    let (count, waker) = Count::new();
    let children = names(N);
    let mut few = pin!(FixedFutureSet::<_, N>::new(&SLOTS).unwrap());
    children.iter().for_each(|knobs| knobs.restless.set(true));
    for knobs in &children[..3] {
        few.as_mut().try_push(Child::new(knobs)).unwrap();
    }
    for _ in 0..10 {
        assert!(next(&mut few, &waker).is_pending());
        assert_eq!(polls(&children[..3]), [2; 3]);
        assert!(count.take() > 0);
    }
    let mut many = pin!(FixedFutureSet::<_, N>::new(&SLOTS).unwrap());
    for knobs in &children {
        many.as_mut().try_push(Child::new(knobs)).unwrap();
    }
    assert!(next(&mut many, &waker).is_pending());
    assert_eq!(polls(&children), vec![1.max(64 / N); N]);
    assert!(count.take() > 0);
    // A part of a pass, and then no more than is left of 64.
    children[0].items.set(1);
    assert_eq!(next(&mut many, &waker), Poll::Ready(Some(0)));
    polls(&children);
    assert!(next(&mut many, &waker).is_pending());
    assert_eq!(polls(&children).iter().sum::<usize>(), 64.min(2 * N));
    assert!(count.take() > 0);
}

/// Given a future that panics, then it is dropped, its panic goes to who polls the set, and the
/// others go on.
#[test]
fn a_panic_ends_one_child() {
    static SLOTS: WakeSlots<1> = WakeSlots::new();
    let shared = FixedFutureSet::<_, 3>::with_shared_waker();
    let own = FixedFutureSet::<_, 3>::new(&SLOTS).unwrap();
    for set in [shared, own] {
        let mut set = pin!(set);
        let children = names(3);
        for knobs in &children {
            set.as_mut().try_push(Child::new(knobs)).unwrap();
        }
        children[1].panics_in_poll.set(true);
        // The second panic of one child has nobody to go to.
        children[1].panics_in_drop.set(true);
        let panic = catch_unwind(AssertUnwindSafe(|| next(&mut set, Waker::noop()))).unwrap_err();
        assert_eq!(message(panic), "in poll");
        assert_eq!((drops(&children), set.len()), (vec![0, 1, 0], 2));
        children[1].wake();
        assert!(next(&mut set, Waker::noop()).is_pending());
        assert_eq!(children[1].polls.get(), 1, "not polled again");
        children[0].end();
        children[2].end();
        assert_eq!(next(&mut set, Waker::noop()), Poll::Ready(Some(0)));
        assert_eq!(next(&mut set, Waker::noop()), Poll::Ready(Some(2)));
        assert_eq!(next(&mut set, Waker::noop()), Poll::Ready(None));
        assert_eq!(drops(&children), [1, 1, 1]);
    }
}

/// Given a future whose destructor panics when it has ended, then the panic comes in place of its
/// output, and its place is free.
#[test]
fn a_destructor_that_panics_at_the_end_leaves_a_free_place() {
    static SLOTS: WakeSlots<1> = WakeSlots::new();
    let children = names(2);
    let mut set = pin!(FixedFutureSet::<_, 1>::new(&SLOTS).unwrap());
    set.as_mut().try_push(Child::new(&children[0])).unwrap();
    children[0].ended.set(true);
    children[0].panics_in_drop.set(true);
    let panic = catch_unwind(AssertUnwindSafe(|| next(&mut set, Waker::noop()))).unwrap_err();
    assert_eq!((message(panic).as_str(), drops(&children)), ("in drop of 0", vec![1, 0]));
    assert_eq!(next(&mut set, Waker::noop()), Poll::Ready(None));
    children[1].ended.set(true);
    set.as_mut().try_push(Child::new(&children[1])).unwrap();
    assert_eq!(next(&mut set, Waker::noop()), Poll::Ready(Some(1)));
    assert_eq!(drops(&children), [1, 1]);
}

/// Given destructors that panic, then dropping the set drops all children, gives its slot back,
/// and the first panic goes on, unless there is one already.
#[test]
fn a_destructor_that_panics_does_not_keep_its_siblings() {
    static SLOTS: WakeSlots<1> = WakeSlots::new();
    for unwinding in [false, true] {
        let children = names(5);
        let panic = catch_unwind(AssertUnwindSafe(|| {
            let mut set = pin!(FixedFutureSet::<_, 5>::new(&SLOTS).unwrap());
            for knobs in &children {
                set.as_mut().try_push(Child::new(knobs)).unwrap();
            }
            assert!(next(&mut set, Waker::noop()).is_pending());
            children[1].panics_in_drop.set(true);
            children[3].panics_in_drop.set(true);
            forget_wakers(&children);
            if unwinding {
                panic_any("already");
            }
        }));
        let expected = if unwinding { "already" } else { "in drop of 1" };
        assert_eq!(message(panic.unwrap_err()), expected);
        assert_eq!((drops(&children), SLOTS.free()), (vec![1; 5], 1));
    }
}

/// Given wakers that outlive their set, then they do nothing, and the slot is taken until the
/// last is gone; and is as good as new then.
#[test]
fn a_waker_may_outlive_its_set() {
    static SLOTS: WakeSlots<1> = WakeSlots::new();
    let (count, waker) = Count::new();
    let children = names(2);
    {
        let mut set = pin!(FixedFutureSet::<_, 5>::new(&SLOTS).unwrap());
        for knobs in &children {
            set.as_mut().try_push(Child::new(knobs)).unwrap();
        }
        assert!(next(&mut set, &waker).is_pending());
        assert_eq!(Arc::strong_count(&count), 3);
    }
    assert_eq!(Arc::strong_count(&count), 2, "the set kept the parent, and its slot does not");
    assert_eq!(SLOTS.free(), 0);
    let error = FixedFutureSet::<Child, 5>::new(&SLOTS).unwrap_err();
    assert!(error.to_string().starts_with("no wake slot is free"));
    children[0].wake();
    assert_eq!(count.take(), 0);
    let kept = children[0].waker.take().unwrap();
    children[1].waker.take();
    let (one, other) = (kept.clone(), kept.clone());
    assert!(one.will_wake(&kept));
    drop(one);
    other.wake();
    assert_eq!(SLOTS.free(), 0);
    // On a thread that has nothing to do with any of it.
    thread::spawn(move || kept.wake()).join().unwrap();
    assert_eq!(SLOTS.free(), 1);

    let mut set = pin!(FixedFutureSet::<_, 5>::new(&SLOTS).unwrap());
    let knobs = Knobs::new(7);
    set.as_mut().try_push(Child::new(&knobs)).unwrap();
    assert!(next(&mut set, &waker).is_pending());
    assert_eq!(polls(std::slice::from_ref(&knobs)), [1], "not once more for the old wakes");
    knobs.end();
    assert_eq!((count.take(), next(&mut set, &waker)), (1, Poll::Ready(Some(7))));
}

/// Given a waker that outlives its child, then a wake polls the next child in its place in vain, no
/// more.
#[test]
fn a_waker_may_outlive_its_child() {
    static SLOTS: WakeSlots<1> = WakeSlots::new();
    let children = names(2);
    let mut set = pin!(FixedFutureSet::<_, 1>::new(&SLOTS).unwrap());
    set.as_mut().try_push(Child::new(&children[0])).unwrap();
    children[0].ended.set(true);
    assert_eq!(next(&mut set, Waker::noop()), Poll::Ready(Some(0)));
    children[0].wake();
    assert_eq!(next(&mut set, Waker::noop()), Poll::Ready(None));
    set.as_mut().try_push(Child::new(&children[1])).unwrap();
    for _ in 0..3 {
        assert!(next(&mut set, Waker::noop()).is_pending());
    }
    assert_eq!(polls(&children), [1, 1]);
    children[0].wake();
    assert!(next(&mut set, Waker::noop()).is_pending());
    assert_eq!(polls(&children), [0, 1]);
}

/// Given a set that is forgotten, then its slot stays taken, and its wakers stay harmless.
#[test]
fn a_forgotten_set_costs_its_slot() {
    static SLOTS: WakeSlots<2> = WakeSlots::new();
    let knobs = Knobs::new(0);
    let mut set = Box::pin(FixedFutureSet::<_, 1>::new(&SLOTS).unwrap());
    set.as_mut().try_push(Child::new(&knobs)).unwrap();
    assert!(set.as_mut().poll_next(&mut Context::from_waker(Waker::noop())).is_pending());
    std::mem::forget(set);
    knobs.wake();
    forget_wakers(&[knobs]);
    assert_eq!(SLOTS.free(), 1);
}

/// A slot has room for its count and no more: static memory is dear where it is needed.
#[test]
fn a_slot_has_a_byte_for_each_child() {
    assert_eq!(size_of::<WakeSlots<3>>(), 3 * usize::BITS as usize);
}

/// Given no free slot, then a small set shares the waker of its parent: each poll polls every
/// child once, and each has the latest waker.
#[test]
fn without_a_slot_children_are_polled_together() {
    static SLOTS: WakeSlots<1> = WakeSlots::new();
    let taken = FixedFutureSet::<Child, 5>::new(&SLOTS).unwrap();
    assert!(!taken.shares_waker());
    assert!(FixedFutureSet::<Child, 5>::new(&SLOTS).is_err());
    let mut set = pin!(FixedFutureSet::<_, 4>::new(&SLOTS).unwrap());
    assert!(set.shares_waker());
    let children = names(4);
    for knobs in &children {
        set.as_mut().try_push(Child::new(knobs)).unwrap();
    }
    for _ in 0..2 {
        let (count, waker) = Count::new();
        assert!(next(&mut set, &waker).is_pending());
        assert_eq!(polls(&children), [1; 4]);
        children.iter().for_each(|knobs| knobs.wake());
        assert_eq!(count.take(), 4);
    }
    // A poll that goes on in the middle of a pass also leaves its waker with all.
    children[1].ended.set(true);
    assert_eq!(next(&mut set, Waker::noop()), Poll::Ready(Some(1)));
    assert_eq!(polls(&children), [1, 1, 0, 0]);
    let (count, waker) = Count::new();
    assert!(next(&mut set, &waker).is_pending());
    assert_eq!(polls(&children), [1, 0, 1, 1]);
    [0, 2, 3].into_iter().for_each(|n| children[n].wake());
    assert_eq!(count.take(), 3);
}

/// Given a shared waker and a stream that always has an item, then one that gets an item in the
/// middle of a pass comes before it.
#[test]
fn without_a_slot_passes_are_fair_too() {
    let mut set = pin!(FixedStreamSet::<_, 3>::with_shared_waker());
    let children = names(3);
    for knobs in &children {
        set.as_mut().try_push(Child::new(knobs)).unwrap();
    }
    children[0].items.set(10);
    assert_eq!(next(&mut set, Waker::noop()), Poll::Ready(Some(0)));
    // The others are polled, idle, and a new pass begins with the first.
    assert_eq!(next(&mut set, Waker::noop()), Poll::Ready(Some(0)));
    children[2].items.set(10);
    assert_eq!(next(&mut set, Waker::noop()), Poll::Ready(Some(2)));
    assert_eq!(next(&mut set, Waker::noop()), Poll::Ready(Some(0)));
    assert_eq!(next(&mut set, Waker::noop()), Poll::Ready(Some(2)));
}

/// Given a child whose destructor wakes, when it ends or is dropped, then nothing happens but a
/// poll in vain.
#[test]
fn a_destructor_may_wake() {
    struct WakesInDrop(Option<Waker>, bool);
    impl Future for WakesInDrop {
        type Output = ();
        fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
            self.0 = Some(cx.waker().clone());
            if self.1 { Poll::Ready(()) } else { Poll::Pending }
        }
    }
    impl Drop for WakesInDrop {
        fn drop(&mut self) {
            self.0.take().unwrap().wake();
        }
    }
    static SLOTS: WakeSlots<1> = WakeSlots::new();
    {
        let mut set = pin!(FixedFutureSet::<_, 2>::new(&SLOTS).unwrap());
        set.as_mut().try_push(WakesInDrop(None, false)).unwrap();
        set.as_mut().try_push(WakesInDrop(None, true)).unwrap();
        assert_eq!(next(&mut set, Waker::noop()), Poll::Ready(Some(())));
        assert!(next(&mut set, Waker::noop()).is_pending());
    }
    assert_eq!(SLOTS.free(), 1);
}

/// Given a parent whose waker panics, then the slot is given back all the same.
#[test]
fn a_parent_that_panics_when_woken_keeps_no_slot() {
    struct Panics;
    impl Wake for Panics {
        fn wake(self: Arc<Self>) {
            panic_any("in wake");
        }
    }
    static SLOTS: WakeSlots<1> = WakeSlots::new();
    let knobs = Knobs::new(0);
    {
        let mut set = pin!(FixedFutureSet::<_, 2>::new(&SLOTS).unwrap());
        set.as_mut().try_push(Child::new(&knobs)).unwrap();
        assert!(next(&mut set, &Waker::from(Arc::new(Panics))).is_pending());
        let waker = knobs.waker.take().unwrap();
        assert!(catch_unwind(AssertUnwindSafe(|| waker.wake())).is_err());
        assert!(next(&mut set, Waker::noop()).is_pending());
        assert_eq!(polls(std::slice::from_ref(&knobs)), [2], "and the wake counts");
    }
    forget_wakers(&[knobs]);
    assert_eq!(SLOTS.free(), 1);
}

/// Given sets that come and go while other threads wake and drop what they had, then every output
/// comes, and in the end every slot is free.
#[test]
fn wakes_from_other_threads_are_not_lost() {
    static SLOTS: WakeSlots<3> = WakeSlots::new();
    let (sender, receiver) = std::sync::mpsc::channel::<(Arc<AtomicUsize>, Waker)>();
    let receiver = Arc::new(std::sync::Mutex::new(receiver));
    let threads = [0, 1].map(|_| {
        let receiver = receiver.clone();
        thread::spawn(move || {
            while let Ok((flag, waker)) = { receiver.lock().unwrap().recv() } {
                waker.wake_by_ref();
                flag.store(1, Ordering::Relaxed);
                waker.wake();
            }
        })
    });
    // Sends its waker away in each poll, and is ready when an earlier one came back.
    let ping = |sender: std::sync::mpsc::Sender<_>, n: usize| {
        let flag = Arc::new(AtomicUsize::new(0));
        let mut sent = false;
        poll_fn(move |cx| {
            if flag.load(Ordering::Relaxed) == 1 {
                return Poll::Ready(n);
            }
            if !std::mem::replace(&mut sent, true) {
                sender.send((flag.clone(), cx.waker().clone())).unwrap();
            }
            Poll::Pending
        })
    };
    let rounds = if cfg!(miri) { 3 } else { 300 };
    for round in 0..rounds {
        smol::block_on(async {
            let mut set = pin!(loop {
                // The wakers of the last set may be on their way.
                match FixedFutureSet::<_, 16>::new(&SLOTS) {
                    Ok(set) => break set,
                    Err(_) => thread::yield_now(),
                }
            });
            let (mut pushed, mut seen) = (0, [false; 40]);
            // In every other round some are left when the set is dropped.
            let wanted = if round % 2 == 0 { 40 } else { 30 };
            for _ in 0..wanted {
                while pushed < 40 && set.as_mut().try_push(ping(sender.clone(), pushed)).is_ok() {
                    pushed += 1;
                }
                let n = poll_fn(|cx| set.as_mut().poll_next(cx)).await.unwrap();
                assert!(!std::mem::replace(&mut seen[n], true));
            }
        });
    }
    drop(sender);
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    assert_eq!(SLOTS.free(), 3);
}

/// Given any sequence of pushes, wakes, ends, polls and drops, then no wake is lost, nobody is
/// polled without one, every child is dropped once, and its slot is free when the wakers are gone.
#[test]
fn nothing_is_lost_in_any_order() {
    static SLOTS: WakeSlots<1> = WakeSlots::new();
    for seed in 1..if cfg!(miri) { 20 } else { 3000 } {
        let mut state: u64 = 0x9e37_79b9_7f4a_7c15_u64.wrapping_mul(seed);
        let mut pick = |n: usize| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 33) as usize % n
        };
        let shared = seed % 3 == 0;
        let set = if shared {
            FixedStreamSet::<_, 4>::with_shared_waker()
        } else {
            FixedStreamSet::<_, 4>::new(&SLOTS).unwrap()
        };
        let mut set = Box::pin(set);
        let mut all: Vec<Rc<Knobs>> = Vec::new();
        let (mut made, mut given) = (0, 0);
        // A push, a wake or an item is worth a poll.
        let mut worth = 0;
        for _ in 0..40 {
            match pick(6) {
                0 | 1 => {
                    let knobs = Knobs::new(all.len());
                    let full = set.is_full();
                    assert_eq!(set.as_mut().try_push(Child::new(&knobs)).is_err(), full);
                    if !full {
                        all.push(knobs);
                        worth += 1;
                    }
                }
                2 | 3 if !all.is_empty() => {
                    // Maybe one that has ended long since.
                    let knobs = &all[pick(all.len())];
                    if knobs.drops.get() == 0 && !knobs.ended.get() {
                        if pick(2) == 0 {
                            knobs.items.set(knobs.items.get() + 1);
                            made += 1;
                        } else {
                            knobs.ended.set(true);
                        }
                    }
                    if knobs.waker.borrow().is_some() {
                        knobs.wake();
                        worth += 1;
                    }
                }
                _ => {
                    let (count, waker) = Count::new();
                    let polled = set.as_mut().poll_next(&mut Context::from_waker(&waker));
                    let polls: usize = polls(&all).iter().sum();
                    assert!(shared || polls <= worth, "polled for nothing");
                    worth = worth.saturating_sub(polls);
                    let mut alive = all.iter().filter(|knobs| knobs.drops.get() == 0);
                    match polled {
                        Poll::Ready(Some(_)) => {
                            given += 1;
                            worth += 1;
                        }
                        Poll::Ready(None) => assert!(set.is_empty() && alive.next().is_none()),
                        Poll::Pending => {
                            assert_eq!(count.take(), 0);
                            for knobs in alive {
                                assert_eq!((knobs.items.get(), knobs.ended.get()), (0, false));
                                knobs.wake();
                                worth += 1;
                            }
                            assert!(count.take() > 0, "somebody is there, and wakes");
                        }
                    }
                }
            }
        }
        drop(set);
        for knobs in &all {
            assert_eq!(knobs.drops.get(), 1);
            given += knobs.items.get();
        }
        forget_wakers(&all);
        assert_eq!((given, SLOTS.free()), (made, 1));
    }
}
