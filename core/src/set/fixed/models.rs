//! Models of wakes that come while a set is polled, changed or dropped; see [`crate::model`]. Each
//! says in which way of getting the code wrong it fails; each of these was tried.

extern crate std;

use super::{FixedFutureSet, WakeSlots};
use crate::model::{Thread, block_on_fresh, check, spawn};
use alloc::{boxed::Box, rc::Rc, sync::Arc};
use core::{
    cell::Cell,
    future::{Future, poll_fn},
    pin::{Pin, pin},
    task::{Context, Poll, Waker},
};
use futures_core::Stream;
use loom::sync::atomic::{AtomicUsize, Ordering};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Runs `model` with slots that are free before and after.
fn with_slots<const N: usize>(model: impl FnOnce(&'static WakeSlots<N>)) {
    let slots = Box::into_raw(Box::new(WakeSlots::new()));
    // SAFETY: it is freed below, when every waker is gone, as the count says.
    model(unsafe { &*slots });
    // SAFETY: made above, and nobody has it.
    let slots = unsafe { Box::from_raw(slots) };
    assert_eq!(slots.free(), N);
}

/// What a future waits for, and the waker of its first poll. The number is read and written
/// without any order of its own, so that a model fails unless the wake brings it.
#[derive(Clone, Default)]
struct Wanted {
    number: Arc<AtomicUsize>,
    waker: Rc<Cell<Option<Waker>>>,
    polls: Rc<Cell<usize>>,
}

impl Wanted {
    /// Waits until the number is `wanted`.
    fn wait(&self, wanted: usize) -> Wait {
        Wait { wanted, of: self.clone() }
    }

    /// Starts a thread that counts up to `last`, with a wake after each step.
    fn count(&self, last: usize) -> Thread<()> {
        let number = self.number.clone();
        let waker = self.waker.take().expect("polled");
        spawn(move || {
            for n in 1..=last {
                number.store(n, Ordering::Relaxed);
                if n < last {
                    waker.wake_by_ref();
                }
            }
            waker.wake();
        })
    }
}

struct Wait {
    wanted: usize,
    of: Wanted,
}

impl Future for Wait {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        this.of.polls.set(this.of.polls.get() + 1);
        if this.of.number.load(Ordering::Relaxed) == this.wanted {
            return Poll::Ready(());
        }
        let waker = this.of.waker.take();
        this.of.waker.set(Some(waker.unwrap_or_else(|| cx.waker().clone())));
        Poll::Pending
    }
}

type Set<const N: usize> = FixedFutureSet<Wait, N>;

fn push<const N: usize>(set: &mut Pin<&mut Set<N>>, wait: Wait) {
    set.as_mut().try_push(wait).expect("there is room");
}

fn poll_once<const N: usize>(set: &mut Pin<&mut Set<N>>) -> Poll<Option<()>> {
    set.as_mut().poll_next(&mut Context::from_waker(Waker::noop()))
}

/// Waits, each time with another waker, until `n` futures have ended.
fn wait_for<const N: usize>(set: &mut Pin<&mut Set<N>>, n: usize) {
    for _ in 0..n {
        assert!(block_on_fresh(poll_fn(|cx| set.as_mut().poll_next(cx))).is_some());
    }
}

/// Two children are woken while the set looks for wakes: both are polled. Fails if a drain or a
/// wake is relaxed, if the second drain is left out, and if it comes before the registration.
#[test]
fn wake_or_wake_or_drain() {
    check("fixed set: wake or wake or drain", || {
        with_slots::<1>(|slots| {
            let mut set = pin!(Set::<2>::new(slots).unwrap());
            let wanted = [Wanted::default(), Wanted::default()];
            wanted.iter().for_each(|wanted| push(&mut set, wanted.wait(1)));
            assert!(poll_once(&mut set).is_pending());
            let threads = wanted.each_ref().map(|wanted| wanted.count(1));
            wait_for(&mut set, 2);
            threads.into_iter().for_each(Thread::join);
            assert!(poll_once(&mut set) == Poll::Ready(None));
        });
    });
}

/// A child is woken twice while the set looks for wakes: the second wake counts, or comes before
/// the poll that counts. Fails if a wake is relaxed.
#[test]
fn wake_again_or_drain() {
    check("fixed set: wake again or drain", || {
        with_slots::<1>(|slots| {
            let mut set = pin!(Set::<1>::new(slots).unwrap());
            let wanted = Wanted::default();
            push(&mut set, wanted.wait(2));
            assert!(poll_once(&mut set).is_pending());
            let thread = wanted.count(2);
            wait_for(&mut set, 1);
            thread.join();
        });
    });
}

/// The set goes away while its children are woken, and while a waker is cloned: the slot is free
/// when all are gone, and not before. Fails if the set or `wake` does not release, and if a clone
/// is not counted.
#[test]
fn wake_or_wake_or_drop() {
    check("fixed set: wake or wake or drop", || {
        with_slots::<1>(|slots| {
            let wanted = [Wanted::default(), Wanted::default()];
            let mut set = Box::pin(Set::<2>::new(slots).unwrap());
            let parent = Arc::new(Parent);
            for wanted in &wanted {
                set.as_mut().try_push(wanted.wait(1)).expect("there is room");
            }
            let task = Waker::from(parent.clone());
            assert!(set.as_mut().poll_next(&mut Context::from_waker(&task)).is_pending());
            drop(task);
            let waker = wanted[1].waker.take().unwrap();
            let threads = [wanted[0].count(1), spawn(move || waker.clone().wake())];
            drop(set);
            threads.into_iter().for_each(Thread::join);
            assert_eq!(Arc::strong_count(&parent), 1, "nobody keeps the parent");
        });
    });
}

struct Parent;

impl alloc::task::Wake for Parent {
    fn wake(self: Arc<Self>) {}
}

/// A waker outlives its set, while another set wants a slot: it takes the one that is free, or that
/// of the waker when it is gone; its own wakes come. Fails if a clone is not counted.
#[test]
fn late_wake_or_new_set() {
    check("fixed set: late wake or new set", || {
        with_slots::<2>(|slots| {
            let (old, new) = (Wanted::default(), Wanted::default());
            {
                let mut set = pin!(Set::<1>::new(slots).unwrap());
                push(&mut set, old.wait(9));
                assert!(poll_once(&mut set).is_pending());
            }
            assert_eq!(slots.free(), 1);
            let late = old.count(1);
            let mut set = pin!(Set::<1>::new(slots).unwrap());
            assert!(!set.shares_waker());
            push(&mut set, new.wait(1));
            assert!(poll_once(&mut set).is_pending());
            let thread = new.count(1);
            wait_for(&mut set, 1);
            late.join();
            thread.join();
        });
    });
}

/// The same with one slot, which is used again as soon as the late waker is gone. Fails if `wake`
/// releases before it wakes, and if a claim or a release is relaxed.
#[test]
fn late_wake_or_same_slot() {
    check("fixed set: late wake or same slot", || {
        with_slots::<1>(|slots| {
            let (old, new) = (Wanted::default(), Wanted::default());
            {
                let mut set = pin!(Set::<1>::new(slots).unwrap());
                push(&mut set, old.wait(9));
                assert!(poll_once(&mut set).is_pending());
            }
            let late = old.count(1);
            let mut set = pin!(Set::<1>::new(slots).unwrap());
            let own = !set.shares_waker();
            push(&mut set, new.wait(1));
            assert!(poll_once(&mut set).is_pending());
            assert_eq!(new.polls.get(), 1, "not once more for the old wake");
            if own {
                let thread = new.count(1);
                wait_for(&mut set, 1);
                thread.join();
            }
            late.join();
            new.waker.take();
        });
    });
}

/// A child ends and another takes its place while the waker of the first is used: nothing is lost
/// for the second, which may be polled in vain.
#[test]
fn old_wake_or_push_or_wake() {
    check("fixed set: old wake or push or wake", || {
        with_slots::<1>(|slots| {
            let mut set = pin!(Set::<1>::new(slots).unwrap());
            let (old, new) = (Wanted::default(), Wanted::default());
            push(&mut set, old.wait(1));
            assert!(poll_once(&mut set).is_pending());
            let late = old.count(2);
            // Its first step is enough, or its second is too much.
            let ended = poll_once(&mut set).is_ready();
            if ended {
                push(&mut set, new.wait(1));
                assert!(poll_once(&mut set).is_pending());
                let thread = new.count(1);
                wait_for(&mut set, 1);
                thread.join();
            }
            late.join();
            old.waker.take();
        });
    });
}

/// A future that panics when polled or dropped. Here panics are not caught: this is built without
/// `std`.
struct Panics(Rc<Cell<usize>>, bool);

impl Future for Panics {
    type Output = ();

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        panic!("in poll")
    }
}

impl Drop for Panics {
    fn drop(&mut self) {
        self.0.set(self.0.get() + 1);
        assert!(!self.1, "in drop");
    }
}

/// Without `std`, a future that panics is dropped on the panic's way out. Fails without the guard.
#[test]
fn a_panic_ends_one_child_without_std() {
    let drops = Rc::new(Cell::new(0));
    let mut set = pin!(FixedFutureSet::<_, 2>::with_shared_waker());
    set.as_mut().try_push(Panics(drops.clone(), false)).ok().unwrap();
    set.as_mut().try_push(Panics(drops.clone(), false)).ok().unwrap();
    for n in 1..=2 {
        let mut cx = Context::from_waker(Waker::noop());
        assert!(catch_unwind(AssertUnwindSafe(|| set.as_mut().poll_next(&mut cx))).is_err());
        assert_eq!((drops.get(), set.len()), (n, 2 - n));
    }
}

/// Without `std`, one destructor that panics does not keep the siblings.
#[test]
fn a_destructor_that_panics_does_not_keep_its_siblings_without_std() {
    let drops = Rc::new(Cell::new(0));
    let mut set = Box::pin(FixedFutureSet::<_, 3>::with_shared_waker());
    for n in 0..3 {
        set.as_mut().try_push(Panics(drops.clone(), n == 1)).ok().unwrap();
    }
    assert!(catch_unwind(AssertUnwindSafe(|| drop(set))).is_err());
    assert_eq!(drops.get(), 3);
}
