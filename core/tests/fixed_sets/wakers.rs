//! Wakers, and the slots in which they are kept.

use crate::child::{Child, Count, Knobs, forget_wakers, names, next, polls};
use anyscope_core::{FixedFutureSet, FixedStreamSet, WakeSlots};
use futures_core::Stream;
use std::{
    future::poll_fn,
    pin::pin,
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll, Waker},
    thread,
};

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
