//! Panics in polls, destructors and wakers.

use crate::child::{Child, Knobs, drops, forget_wakers, message, names, next, polls};
use anyscope_core::{FixedFutureSet, WakeSlots};
use std::{
    future::Future,
    panic::{AssertUnwindSafe, catch_unwind, panic_any},
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll, Wake, Waker},
};

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
