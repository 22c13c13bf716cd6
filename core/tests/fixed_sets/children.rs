//! What comes out of a set, and in which order.

use crate::child::{Child, Count, Knobs, names, next, polls};
use anyscope_core::{FixedFutureSet, FixedStreamSet, WakeSlots};
use futures_core::Stream;
use std::{
    pin::pin,
    rc::Rc,
    task::{Poll, Waker},
};

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
