//! Models of the slab, its chunks and the list of those that were woken; see [`crate::model`].
//!
//! Nothing is asserted about memory: loom finds out when a [`ReadyList`](super::ready_list) is
//! leaked, which every chunk keeps, and when anything of it or of a chunk is touched once it is
//! freed.

use super::Slab;
use crate::model::{Census, Probe, Thread, block_on, block_on_fresh, check, spawn};
use alloc::{sync::Arc, task::Wake, vec::Vec};
use core::{
    future::{Future, poll_fn},
    mem,
    task::{Context, Poll, Waker},
};
use loom::sync::atomic::{AtomicUsize, Ordering};

/// What is waited for. Read and written without any order of its own, so that a model fails
/// unless the wake brings it.
fn flags<const N: usize>() -> [Arc<AtomicUsize>; N] {
    [(); N].map(|()| Arc::new(AtomicUsize::new(0)))
}

fn get(flag: &AtomicUsize) -> usize {
    flag.load(Ordering::Relaxed)
}

fn set(flag: &AtomicUsize, value: usize) {
    flag.store(value, Ordering::Relaxed);
}

/// A slab with a child for each flag: in one chunk, or each in one of its own.
fn slab(census: &Census, children: usize, apart: bool) -> (Slab<Probe>, Vec<usize>) {
    let mut slab = Slab::with_capacity(8);
    let mut keys = Vec::new();
    let mut fillers = Vec::new();
    for _ in 0..children {
        keys.push(slab.insert(census.probe()));
        let chunk = |key| key / super::chunk::MOST;
        while apart {
            let key = slab.insert(census.probe());
            if chunk(key) != chunk(keys[keys.len() - 1]) {
                slab.remove(key);
                break;
            }
            fillers.push(key);
        }
    }
    fillers.into_iter().for_each(|key| assert!(slab.remove(key)));
    (slab, keys)
}

fn waker(slab: &mut Slab<Probe>, key: usize) -> Waker {
    slab.poll_with(key, |_, cx| cx.waker().clone()).unwrap()
}

/// From here on the slab parks for one.
fn expect_one(slab: &mut Slab<Probe>, key: usize) {
    waker(slab, key).wake();
    assert!(slab.begin_pass() && slab.next() == Some(key) && slab.next().is_none());
}

/// Waits until every flag has its value. A flag is looked at only if its child was woken.
fn consume<'a>(
    slab: &'a mut Slab<Probe>,
    keys: &'a [usize],
    flags: &'a [Arc<AtomicUsize>],
    value: usize,
) -> impl Future<Output = ()> + 'a {
    let mut missing: Vec<usize> = (0..keys.len()).collect();
    poll_fn(move |cx| {
        loop {
            while let Some(key) = slab.next() {
                slab.poll_with(key, |child, _| child.touch());
                missing.retain(|&n| keys[n] != key || get(&flags[n]) != value);
            }
            if missing.is_empty() {
                return Poll::Ready(());
            }
            if !slab.begin_pass() && slab.park(cx) {
                return Poll::Pending;
            }
        }
    })
}

/// Each of two children is woken once by a thread of its own, while the owner goes to sleep.
fn wake_or_wake_or_park(name: &str, apart: bool, fresh: bool, one: bool) {
    check(name, move || {
        let census = Census::default();
        let (mut slab, keys) = slab(&census, 2, apart);
        let flags = flags::<2>();
        if one {
            expect_one(&mut slab, keys[0]);
        }
        let waking = [0, 1].map(|n| {
            let (waker, flag) = (waker(&mut slab, keys[n]), flags[n].clone());
            spawn(move || {
                set(&flag, 1);
                waker.wake();
            })
        });
        let consuming = consume(&mut slab, &keys, &flags, 1);
        if fresh {
            block_on_fresh(consuming)
        } else {
            block_on(consuming)
        }
        drop(slab);
        waking.into_iter().for_each(Thread::join);
        assert_eq!(census.alive(), 0);
    });
}

/// A child is woken while the owner goes to sleep: it is polled.
#[test]
fn wake_or_park() {
    for (name, fresh) in [("slab: wake or park", false), ("slab: wake or park, fresh", true)] {
        check(name, move || {
            let census = Census::default();
            let (mut slab, keys) = slab(&census, 1, false);
            let flags = flags::<1>();
            let (waker, flag) = (waker(&mut slab, keys[0]), flags[0].clone());
            let waking = spawn(move || {
                set(&flag, 1);
                waker.wake();
            });
            let consuming = consume(&mut slab, &keys, &flags, 1);
            if fresh {
                block_on_fresh(consuming)
            } else {
                block_on(consuming)
            }
            drop(slab);
            waking.join();
            assert_eq!(census.alive(), 0);
        });
    }
}

#[test]
fn wake_or_wake_or_park_in_one_chunk() {
    wake_or_wake_or_park("slab: wake or wake or park, one chunk", false, false, false);
}

#[test]
fn wake_or_wake_or_park_in_two_chunks() {
    wake_or_wake_or_park("slab: wake or wake or park, two chunks", true, false, false);
}

/// The waker of the task is another one each time, and the old one may just be fired.
#[test]
fn wake_or_wake_or_park_with_a_fresh_waker() {
    wake_or_wake_or_park("slab: wake or wake or park, fresh", true, true, false);
}

/// One of the two may be told in the place of the list, below the chunk of the other, or of both.
#[test]
fn wake_or_wake_or_park_for_one() {
    wake_or_wake_or_park("slab: wake or wake or park for one, one chunk", false, false, true);
    wake_or_wake_or_park("slab: wake or wake or park for one, two chunks", true, false, true);
    wake_or_wake_or_park("slab: wake or wake or park for one, fresh", true, true, true);
}

/// A child is woken again while the chunk is taken off the list: the second wake is seen, or has
/// the chunk pushed again.
#[test]
fn wake_again_or_drain() {
    for (name, fresh, one) in [
        ("slab: wake again or drain", false, false),
        ("slab: wake again or drain, fresh", true, false),
        ("slab: wake again or drain, for one", false, true),
        ("slab: wake again or drain, for one, fresh", true, true),
    ] {
        check(name, move || {
            let census = Census::default();
            let (mut slab, keys) = slab(&census, 1, false);
            let flags = flags::<1>();
            if one {
                expect_one(&mut slab, keys[0]);
            }
            let (waker, flag) = (waker(&mut slab, keys[0]), flags[0].clone());
            let waking = spawn(move || {
                for value in 1..=2 {
                    set(&flag, value);
                    waker.wake_by_ref();
                }
            });
            let consuming = consume(&mut slab, &keys, &flags, 2);
            if fresh {
                block_on_fresh(consuming)
            } else {
                block_on(consuming)
            }
            drop(slab);
            waking.join();
            assert_eq!(census.alive(), 0);
        });
    }
}

/// One child is woken from two threads at once: its chunk is on the list once at a time.
#[test]
fn same_wake_or_wake_or_park() {
    check("slab: same wake or wake or park", || {
        let census = Census::default();
        let (mut slab, keys) = slab(&census, 1, false);
        let flags = flags::<1>();
        let waking = [0, 1].map(|_| {
            let (waker, flag) = (waker(&mut slab, keys[0]), flags[0].clone());
            spawn(move || {
                flag.fetch_add(1, Ordering::Relaxed);
                waker.wake();
            })
        });
        block_on(consume(&mut slab, &keys, &flags, 2));
        drop(slab);
        waking.into_iter().for_each(Thread::join);
        assert_eq!(census.alive(), 0);
    });
}

/// Chunks are pushed one on the other while they are taken, and again.
#[test]
fn wake_again_or_wake_or_drain() {
    check("slab: wake again or wake or drain", || {
        let census = Census::default();
        let (mut slab, keys) = slab(&census, 2, true);
        let flags = flags::<2>();
        let wakers = [0, 1].map(|n| waker(&mut slab, keys[n]));
        let other = (wakers[0].clone(), flags[0].clone());
        let waking = spawn(move || {
            set(&other.1, 1);
            other.0.wake();
        });
        wakers[1].wake_by_ref();
        // Takes what is there, be it one chunk or two.
        slab.begin_pass();
        while let Some(key) = slab.next() {
            slab.wake(key);
        }
        set(&flags[1], 1);
        wakers[1].wake_by_ref();
        block_on(consume(&mut slab, &keys, &flags, 1));
        drop(slab);
        waking.join();
        drop(wakers);
        assert_eq!(census.alive(), 0);
    });
}

/// A task that notes whether it was woken.
#[derive(Default)]
struct Task(AtomicUsize);

impl Wake for Task {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// The slab goes while two threads wake its children, and the task that has it asleep.
fn wake_or_drop(name: &str, apart: bool, parked: usize, one: bool) {
    check(name, move || {
        let census = Census::default();
        let task = Arc::new(Task::default());
        let (mut slab, keys) = slab(&census, 2, apart);
        if one {
            expect_one(&mut slab, keys[0]);
        }
        let wakers = [0, 1].map(|n| waker(&mut slab, keys[n]));
        let waking = wakers.map(|waker| spawn(move || waker.wake()));
        for _ in 0..parked {
            slab.begin_pass();
            while slab.next().is_some() {}
            let parent = Waker::from(task.clone());
            slab.park(&mut Context::from_waker(&parent));
        }
        drop(slab);
        assert_eq!(census.alive(), 0, "with the slab");
        waking.into_iter().for_each(Thread::join);
        assert_eq!(Arc::strong_count(&task), 1);
        assert!(get(&task.0) <= parked, "one wake for each sleep");
    });
}

#[test]
fn wake_or_drop_awake() {
    wake_or_drop("slab: wake or drop, awake", true, 0, false);
}

#[test]
fn wake_or_drop_of_one_chunk() {
    wake_or_drop("slab: wake or drop, one chunk", false, 1, false);
}

#[test]
fn wake_or_drop_of_two_chunks() {
    wake_or_drop("slab: wake or drop, two chunks", true, 1, false);
}

#[test]
fn wake_or_drop_parked_twice() {
    wake_or_drop("slab: wake or drop, parked twice", true, 2, false);
}

#[test]
fn wake_or_drop_parked_for_one() {
    wake_or_drop("slab: wake or drop, for one, one chunk", false, 1, true);
    wake_or_drop("slab: wake or drop, for one, parked twice", true, 2, true);
}

/// The slab goes while its task is fired for the second time: the first time does not count.
#[test]
fn wake_again_or_drop() {
    check("slab: wake again or drop", || {
        let census = Census::default();
        let task = Arc::new(Task::default());
        let (mut slab, keys) = slab(&census, 1, false);
        let waker = waker(&mut slab, keys[0]);
        for round in 0..2 {
            let parent = Waker::from(task.clone());
            assert!(slab.park(&mut Context::from_waker(&parent)));
            if round == 0 {
                waker.wake_by_ref();
                assert!(slab.begin_pass() && slab.next().is_some() && slab.next().is_none());
            }
        }
        let waking = spawn(move || waker.wake());
        drop(slab);
        waking.join();
        assert_eq!((census.alive(), Arc::strong_count(&task)), (0, 1));
    });
}

/// The last waker goes while the slab does: one of them frees the chunk, once.
#[test]
fn drop_of_waker_or_drop() {
    check("slab: drop of waker or drop", || {
        let census = Census::default();
        let (mut slab, keys) = slab(&census, 1, false);
        let waker = waker(&mut slab, keys[0]);
        let dropping = spawn(move || drop(waker));
        drop(slab);
        assert_eq!(census.alive(), 0);
        dropping.join();
    });
}

/// The same with a second waker, made of the first, and all three go at once.
#[test]
fn clone_of_waker_or_drop_or_drop() {
    check("slab: clone of waker or drop or drop", || {
        let census = Census::default();
        let (mut slab, keys) = slab(&census, 1, false);
        let first = waker(&mut slab, keys[0]);
        let second = waker(&mut slab, keys[0]);
        let dropping = [
            spawn(move || {
                let third = first.clone();
                drop(first);
                third.wake();
            }),
            spawn(move || drop(second)),
        ];
        drop(slab);
        assert_eq!(census.alive(), 0);
        dropping.into_iter().for_each(Thread::join);
    });
}

/// A task that has parked twice without being woken is woken once.
#[test]
fn wake_or_park_again() {
    check("slab: wake or park again", || {
        let census = Census::default();
        let (mut slab, keys) = slab(&census, 1, false);
        let flags = flags::<1>();
        let (waker, flag) = (waker(&mut slab, keys[0]), flags[0].clone());
        let waking = spawn(move || {
            set(&flag, 1);
            waker.wake();
        });
        block_on_fresh(poll_fn(|cx| {
            loop {
                while slab.next().is_some() {
                    if get(&flags[0]) == 1 {
                        return Poll::Ready(());
                    }
                }
                // The first waker is nobody's.
                let parked = slab.park(&mut Context::from_waker(Waker::noop()));
                if parked && slab.park(cx) {
                    return Poll::Pending;
                }
                slab.begin_pass();
            }
        }));
        drop(slab);
        waking.join();
        assert_eq!(census.alive(), 0);
    });
}

/// The waker of a child that is gone fires while its slot has another one: which is polled in
/// vain, perhaps, but not forgotten.
#[test]
fn stale_wake_or_recycle() {
    check("slab: stale wake or recycle", || {
        let census = Census::default();
        let (mut slab, keys) = slab(&census, 1, false);
        let flags = flags::<1>();
        let stale = waker(&mut slab, keys[0]);
        let waking = spawn(move || stale.wake());
        assert!(slab.remove(keys[0]));
        let key = slab.insert(census.probe());
        assert_eq!(key, keys[0]);
        let (waker, flag) = (waker(&mut slab, key), flags[0].clone());
        let other = spawn(move || {
            set(&flag, 1);
            waker.wake();
        });
        block_on(consume(&mut slab, &keys, &flags, 1));
        drop(slab);
        [waking, other].into_iter().for_each(Thread::join);
        assert_eq!(census.alive(), 0);
    });
}

/// A chunk is given back while it is woken and another one is pushed: it is kept, or is on no list
/// ever after. What takes its number is woken like any other.
#[test]
fn wake_or_shrink() {
    stale_wake_or_shrink("slab: wake or shrink", false);
}

/// The same while the slab sleeps for one: what it is told of may be nobody's, or the slot of whoever has
/// the number now.
#[test]
fn wake_or_shrink_parked_for_one() {
    stale_wake_or_shrink("slab: wake or shrink, for one", true);
}

fn stale_wake_or_shrink(name: &str, one: bool) {
    check(name, move || {
        let census = Census::default();
        let (mut slab, keys) = slab(&census, 2, true);
        let flags = flags::<2>();
        if one {
            expect_one(&mut slab, keys[0]);
            assert!(slab.park(&mut Context::from_waker(Waker::noop())));
        }
        let stale = waker(&mut slab, keys[1]);
        let (first, flag) = (waker(&mut slab, keys[0]), flags[0].clone());
        let waking = [
            spawn(move || stale.wake()),
            spawn(move || {
                set(&flag, 1);
                first.wake();
            }),
        ];
        assert!(slab.remove(keys[1]));
        slab.shrink_to_fit();
        // Fills the first chunk, so that the last of them comes after it.
        let fillers: Vec<_> = (0..8).map(|_| slab.insert(census.probe())).collect();
        let keys = [keys[0], fillers[7]];
        // Woken from here, after the number was given to a new chunk.
        set(&flags[1], 1);
        waker(&mut slab, keys[1]).wake();
        block_on(consume(&mut slab, &keys, &flags, 1));
        drop(slab);
        waking.into_iter().for_each(Thread::join);
        assert_eq!(census.alive(), 0);
    });
}

/// The task sleeps while somebody else has the slab shrink: it is still woken.
#[test]
fn wake_or_shrink_asleep() {
    check("slab: wake or shrink, asleep", || {
        let census = Census::default();
        let (mut slab, keys) = slab(&census, 2, true);
        let flags = flags::<1>();
        let (waker, flag) = (waker(&mut slab, keys[0]), flags[0].clone());
        let waking = spawn(move || {
            set(&flag, 1);
            waker.wake();
        });
        let mut shrunk = false;
        let keys = keys[..1].to_vec();
        slab.remove(super::chunk::MOST);
        block_on(poll_fn(|cx| {
            loop {
                while slab.next().is_some() {
                    if get(&flags[0]) == 1 {
                        return Poll::Ready(());
                    }
                }
                if !slab.begin_pass() && slab.park(cx) {
                    if !mem::replace(&mut shrunk, true) {
                        slab.shrink_to_fit();
                    }
                    return Poll::Pending;
                }
            }
        }));
        assert_eq!(keys, slab.keys().collect::<Vec<_>>());
        drop(slab);
        waking.join();
        assert_eq!(census.alive(), 0);
    });
}
