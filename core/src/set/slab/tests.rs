//! The slab against a model, and what its interface does not let through.

use super::{OWN_KEY, Slab, Then};
use alloc::{collections::BTreeMap, rc::Rc, vec, vec::Vec};
use core::{
    cell::{Cell, RefCell},
    task::{Context, Waker},
};
use proptest::prelude::*;
use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::Wake,
};

/// A key of another slab, or none at all, names no child, also where a smaller chunk ends.
#[test]
fn a_key_that_is_none() {
    let mut slab = Slab::new();
    let key = slab.insert(5_u8);
    for other in [key + 1, key + 8, key + 63, key + 64, usize::MAX] {
        assert_eq!(slab.get(other), None);
        assert!(slab.get_pin_mut(other).is_none() && !slab.remove(other));
        assert_eq!(slab.take(other), None);
        slab.wake(other);
    }
    slab.begin_pass();
    while let Some(key) = slab.next() {
        assert!(slab.poll_with(key, |_, _| ()).is_none());
    }
    assert_eq!(slab.take(key), Some(5));
}

#[derive(Default)]
struct Task(AtomicUsize);

impl Wake for Task {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// A task may park more often than it looks, with whatever waker: it is woken once.
#[test]
fn parked_again_and_again() {
    let task = Arc::new(Task::default());
    let parent = Waker::from(task.clone());
    let mut slab = Slab::new();
    let key = slab.insert(());
    let waker = slab.poll_with(key, |_, cx| cx.waker().clone()).unwrap();
    for round in 1..4 {
        assert!(slab.park(&mut Context::from_waker(&parent)));
        assert!(slab.park(&mut Context::from_waker(Waker::noop())));
        assert!(slab.park(&mut Context::from_waker(&parent)));
        waker.wake_by_ref();
        assert!(!slab.park(&mut Context::from_waker(&parent)));
        assert!(!slab.park(&mut Context::from_waker(&parent)));
        assert_eq!(task.0.load(Ordering::Relaxed), round);
        assert!(slab.begin_pass());
        assert_eq!((slab.next(), slab.next()), (Some(key), None));
    }
}

/// A slab that sleeps for one is told of a slot by the waker of a child that is gone, as is the chunk:
/// another one with its number has less slots.
#[test]
fn told_of_a_slot_that_is_no_more() {
    let mut slab = Slab::with_capacity(32);
    let keys: Vec<_> = (0..20).map(|_| slab.insert(())).collect();
    let waker = |slab: &mut Slab<()>, key| slab.poll_with(key, |_, cx| cx.waker().clone()).unwrap();
    let stale = waker(&mut slab, keys[19]);
    waker(&mut slab, keys[0]).wake();
    assert!(slab.begin_pass());
    assert_eq!((slab.next(), slab.next()), (Some(keys[0]), None));
    let task = Arc::new(Task::default());
    assert!(slab.park(&mut Context::from_waker(&Waker::from(task.clone()))));
    slab.clear();
    stale.wake();
    assert_eq!(task.0.load(Ordering::Relaxed), 1);
    slab.shrink_to_fit();
    let key = slab.push(());
    assert!(slab.begin_pass());
    assert_eq!((slab.next(), slab.next()), (Some(key), None));
}

/// A child that is to be polled again, and one of another chunk that is woken: both are polled.
#[test]
fn polled_again_while_another_is_woken() {
    let mut slab = Slab::new();
    let keys: Vec<_> = (0..20).map(|_| slab.insert(())).collect();
    let [again, woken] = [keys[0], keys[19]];
    let waker = slab.poll_with(woken, |_, cx| cx.waker().clone()).unwrap();
    for _ in 0..3 {
        slab.wake(again);
        assert!(slab.begin_pass());
        assert_eq!(slab.poll_next(|_, _| (Then::Again, 1)), Some(1));
        assert_eq!(slab.next(), None);
        waker.wake_by_ref();
        assert!(slab.begin_pass());
        let mut polled = [slab.next(), slab.next(), slab.next()];
        polled.sort_unstable();
        assert_eq!(polled, [None, Some(again), Some(woken)]);
        assert!(!slab.begin_pass() && slab.park(&mut Context::from_waker(Waker::noop())));
    }
}

/// What is set apart is no child, and stays.
#[test]
fn a_slot_that_is_set_apart() {
    for children in [0, 1, 63, 64, 100] {
        let mut slab = Slab::<_, true>::with_capacity(children);
        let own = OWN_KEY;
        let keys: Vec<_> = (0..100).map(|_| slab.insert([7_u8; 2000])).collect();
        assert!(slab.keys().eq(keys.iter().copied()) && !keys.contains(&own));
        assert!(slab.get(own).is_none() && !slab.remove(own));
        assert!(!slab.begin_pass());
        let waker = slab.poll_own(|cx| cx.waker().clone());
        slab.clear();
        slab.shrink_to_fit();
        waker.wake();
        assert!(slab.begin_pass());
        assert_eq!((slab.next(), slab.next(), slab.len()), (Some(own), None, 0));
    }
}

#[derive(Clone, Debug)]
enum Op {
    Insert,
    /// An insert that is to be polled.
    Push,
    Remove(usize),
    /// From inside.
    Wake(usize),
    /// By the waker of a child that may be gone.
    Fire(usize),
    BeginPass,
    Next,
    /// A poll that asks for another one.
    Again,
    Park,
    Clear,
    Shrink,
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        3 => Just(Op::Insert),
        6 => Just(Op::Push),
        6 => any::<usize>().prop_map(Op::Remove),
        3 => any::<usize>().prop_map(Op::Wake),
        6 => any::<usize>().prop_map(Op::Fire),
        4 => Just(Op::BeginPass),
        12 => Just(Op::Next),
        6 => Just(Op::Again),
        3 => Just(Op::Park),
        1 => Just(Op::Clear),
        3 => Just(Op::Shrink),
    ]
}

struct Child(u64, Rc<RefCell<Vec<u64>>>);

impl Drop for Child {
    fn drop(&mut self) {
        self.1.borrow_mut().push(self.0);
    }
}

/// Whether a child is to be polled, in this pass or in the next.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Due {
    No,
    Yes,
}

fn run(ops: Vec<Op>) {
    let dropped = Rc::default();
    let task = Arc::new(Task::default());
    let parent = Waker::from(task.clone());
    let mut slab = Slab::new();
    let mut children = BTreeMap::new();
    let mut wakers: Vec<Waker> = Vec::new();
    let (serial, mut gone, mut in_pass) = (Cell::new(0), 0, false);
    // Whether the next wake may wake the task.
    let (mut listens, mut has_slept) = (false, false);
    let pick = |children: &BTreeMap<usize, (u64, Due)>, n: usize| {
        children.keys().nth(n % children.len().max(1)).copied()
    };
    for op in ops {
        match op {
            Op::Insert | Op::Push => {
                let number = serial.replace(serial.get() + 1);
                let key = slab.insert(Child(number, Rc::clone(&dropped)));
                let push = matches!(op, Op::Push);
                if push {
                    slab.wake(key);
                }
                let due = if push { Due::Yes } else { Due::No };
                assert!(children.insert(key, (number, due)).is_none(), "a key is given once");
                wakers.push(slab.poll_with(key, |_, cx| cx.waker().clone()).unwrap());
            }
            Op::Remove(n) => match pick(&children, n) {
                Some(key) => {
                    assert!(slab.remove(key));
                    children.remove(&key);
                    gone += 1;
                    assert!(!slab.remove(key));
                }
                None => assert!(slab.is_empty()),
            },
            Op::Wake(n) => {
                if let Some(key) = pick(&children, n) {
                    slab.wake(key);
                    children.get_mut(&key).unwrap().1 = Due::Yes;
                }
            }
            Op::Fire(n) => {
                if let Some(n) = n.checked_rem(wakers.len()) {
                    let waker = wakers.swap_remove(n);
                    waker.wake_by_ref();
                    // Whose it is, if that one is still there.
                    let own = children.iter_mut().find(|(key, _)| {
                        slab.poll_with(**key, |_, cx| cx.waker().will_wake(&waker)).unwrap()
                    });
                    if let Some((_, (_, due))) = own {
                        *due = Due::Yes;
                    }
                    let woken = task.0.swap(0, Ordering::Relaxed);
                    // A stale waker may belong to a chunk that is given back.
                    assert!(woken <= usize::from(listens));
                    listens &= woken == 0;
                }
            }
            Op::BeginPass => {
                if !in_pass {
                    // One that has slept may be woken once from here on, too.
                    listens = has_slept;
                    in_pass = slab.begin_pass();
                }
            }
            Op::Next => match slab.next() {
                Some(key) => {
                    assert!(in_pass);
                    let number = slab.poll_with(key, |child, _| child.0);
                    let known = children.get_mut(&key);
                    assert_eq!(number, known.as_deref().map(|(number, _)| *number));
                    if let Some((_, due)) = known {
                        *due = Due::No;
                    }
                }
                None => in_pass = false,
            },
            Op::Again => match slab.poll_next(|child, _| (Then::Again, child.0)) {
                Some(polled) => {
                    assert!(in_pass);
                    let known = children.values_mut().find(|(number, _)| *number == polled);
                    known.expect("a child of the slab").1 = Due::Yes;
                }
                None => in_pass = false,
            },
            Op::Park => {
                if !in_pass && slab.park(&mut Context::from_waker(&parent)) {
                    assert!(children.values().all(|(_, due)| *due == Due::No), "{children:?}");
                    (listens, has_slept) = (true, true);
                }
            }
            Op::Clear => {
                slab.clear();
                gone += children.len();
                children.clear();
            }
            Op::Shrink => slab.shrink_to_fit(),
        }
        assert_eq!((slab.len(), dropped.borrow().len()), (children.len(), gone));
        assert!(slab.keys().eq(children.keys().copied()));
    }
    // Whoever is due is polled by the pass that is under way and the next.
    for _ in 0..2 {
        while let Some(key) = slab.next() {
            children.entry(key).and_modify(|(_, due)| *due = Due::No);
        }
        slab.begin_pass();
    }
    while slab.next().is_some_and(|key| {
        children.entry(key).and_modify(|(_, due)| *due = Due::No);
        true
    }) {}
    assert!(children.values().all(|(_, due)| *due == Due::No), "{children:?}");
    drop(slab);
    let mut all = dropped.borrow().clone();
    all.sort_unstable();
    assert_eq!(all, (0..serial.get()).collect::<Vec<_>>(), "each is dropped once");
    wakers.into_iter().for_each(Waker::wake);
    assert_eq!(Arc::strong_count(&task), 2);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..Default::default() })]

    /// Random calls, against a map of who is there and who is due.
    #[test]
    fn random_calls(ops in prop::collection::vec(op(), 1..300)) {
        run(ops);
    }

    /// The same with phases that fill several chunks and empty them.
    #[test]
    fn random_calls_in_large(
        ops in prop::collection::vec((op(), 1..30_usize), 1..40)
    ) {
        run(ops.into_iter().flat_map(|(op, n)| std::iter::repeat_n(op, n)).collect());
    }
}
