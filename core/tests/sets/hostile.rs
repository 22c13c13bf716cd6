//! Code of others that panics, and destructors that do more than they should.

use crate::support::*;
use anyscope_core::{FutureMap, FutureSet, StreamSet};
use std::{
    panic::{AssertUnwindSafe, catch_unwind, panic_any, resume_unwind},
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    task::{Context, Poll, Wake, Waker},
};

type Boxed = Pin<Box<dyn Future<Output = u32>>>;

/// Counts drops, and panics at some of them.
fn dropping(set: &mut FutureSet<Boxed>, drops: &Arc<AtomicUsize>, panics: &'static [usize]) {
    for n in 0..100 {
        let drops = drops.clone();
        set.push(Box::pin(Child {
            poll: |_: &mut Context<'_>| Poll::Pending,
            drop: move || {
                drops.fetch_add(1, Relaxed);
                if panics.contains(&n) {
                    panic!("destructor of {n}");
                }
            },
        }));
    }
}

/// Given futures of which two panic when dropped, when the set is dropped, then all are dropped,
/// and the first panic goes on.
#[test]
fn a_panic_in_a_destructor_spares_nobody_on_drop() {
    let drops = Arc::default();
    let mut set = FutureSet::new();
    dropping(&mut set, &drops, &[3, 70]);
    assert_eq!(panic_of(|| drop(set)), "destructor of 3");
    assert_eq!(drops.load(Relaxed), 100);
}

/// The same when the set is cleared, which can be used further.
#[test]
fn a_panic_in_a_destructor_spares_nobody_on_clear() {
    let drops = Arc::default();
    let mut set = FutureSet::new();
    dropping(&mut set, &drops, &[3, 70]);
    assert_eq!(panic_of(|| set.clear()), "destructor of 3");
    assert_eq!((drops.load(Relaxed), set.len()), (100, 0));
    set.push(Box::pin(std::future::ready(1)));
    assert_eq!(Task::new().poll(&mut set), Poll::Ready(Some(1)));
}

/// The same while the thread unwinds: no abort.
#[test]
fn a_panic_in_a_destructor_while_unwinding_is_swallowed() {
    let drops = Arc::default();
    let message = panic_of(|| {
        let mut set = FutureSet::new();
        dropping(&mut set, &drops, &[3, 70]);
        panic!("the body");
    });
    assert_eq!((message.as_str(), drops.load(Relaxed)), ("the body", 100));
}

/// Given a future that is ready and panics when it is dropped, then the panic goes through the
/// poll; the others stay.
#[test]
fn a_panic_in_a_destructor_on_completion() {
    let mut set: FutureSet<Boxed> = FutureSet::new();
    set.push(Box::pin(Child {
        poll: |_: &mut Context<'_>| Poll::Ready(1),
        drop: || panic!("when done"),
    }));
    set.push(Box::pin(std::future::ready(2)));
    let task = Task::new();
    // Boxed futures are dropped by the set, not by the poll.
    assert_eq!(panic_of(|| task.poll(&mut set)), "when done");
    assert_eq!(set.len(), 1);
    assert_eq!(task.poll(&mut set), Poll::Ready(Some(2)));
    assert_eq!(task.poll(&mut set), Poll::Ready(None));
}

/// Given a future that panics in its poll, and again when it is dropped, then the first panic goes
/// through the poll, and the future is gone.
#[test]
fn a_panic_in_a_poll_goes_through_and_the_set_goes_on() {
    let drops = Arc::new(AtomicUsize::new(0));
    let counted = drops.clone();
    let mut set: FutureSet<Boxed> = FutureSet::new();
    set.push(Box::pin(Child {
        poll: |_: &mut Context<'_>| panic!("in the poll"),
        drop: move || {
            counted.fetch_add(1, Relaxed);
            panic!("in the destructor");
        },
    }));
    set.push(Box::pin(std::future::ready(2)));
    let task = Task::new();
    assert_eq!(panic_of(|| task.poll(&mut set)), "in the poll");
    assert_eq!((drops.load(Relaxed), set.len()), (1, 1));
    assert_eq!(task.poll(&mut set), Poll::Ready(Some(2)));
}

struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        panic!("payload");
    }
}

/// Given panics whose payloads panic when they are dropped, then the set drops everyone.
#[test]
fn payloads_that_panic() {
    let mut set: StreamSet<Child<(), Box<dyn FnMut()>>> = StreamSet::new();
    let drops = Arc::new(AtomicUsize::new(0));
    for _ in 0..3 {
        let drops = drops.clone();
        set.push(Child {
            poll: (),
            drop: Box::new(move || {
                drops.fetch_add(1, Relaxed);
                panic_any(Bomb);
            }),
        });
    }
    let payload = catch_unwind(AssertUnwindSafe(|| drop(set))).unwrap_err();
    assert_eq!(drops.load(Relaxed), 3);
    assert!(payload.is::<Bomb>());
    std::mem::forget(payload);
}

/// Given futures that wake all their siblings as they go, when they are cleared, dropped or done,
/// then nobody is polled who is gone.
#[test]
fn destructors_that_wake_siblings() {
    let wakers: Arc<Mutex<Vec<Waker>>> = Arc::default();
    let child = |ready: bool| {
        let (known, woken) = (wakers.clone(), wakers.clone());
        Child {
            poll: move |cx: &mut Context<'_>| {
                known.lock().unwrap().push(cx.waker().clone());
                if ready { Poll::Ready(1) } else { Poll::Pending }
            },
            drop: move || {
                woken.lock().unwrap().iter().for_each(Waker::wake_by_ref);
            },
        }
    };
    let task = Task::new();
    let mut set: FutureSet<Boxed> = FutureSet::new();
    (0..20).for_each(|n| set.push(Box::pin(child(n == 10))));
    assert_eq!(task.poll(&mut set), Poll::Ready(Some(1)));
    settle(&task, &mut set);
    set.clear();
    // Those who go wake those who are still there, and the task with them.
    assert_eq!(task.wakes(), 1);
    assert_eq!(task.poll(&mut set), Poll::Ready(None));
    (0..20).for_each(|_| set.push(Box::pin(child(false))));
    settle(&task, &mut set);
    drop(set);
    assert_eq!(task.wakes(), 0);
    wakers.lock().unwrap().clear();
    assert_eq!(Arc::strong_count(&task), 1);
}

/// A task whose waker panics.
struct Panics;

impl Wake for Panics {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        // Without a message on the way, which would be kept.
        resume_unwind(Box::new("the waker of the task"));
    }
}

/// Given a task whose waker panics, when a future is woken, then the panic goes to who woke it,
/// nothing is leaked, and the task may be replaced.
#[test]
fn a_waker_of_the_task_that_panics() {
    let before = bytes();
    let (mut set, remotes, task) = idle_futures(10);
    let parent = Arc::new(Panics);
    {
        let waker = Waker::from(parent.clone());
        assert!(Pin::new(&mut set).poll_next(&mut Context::from_waker(&waker)).is_pending());
    }
    let waker = remotes[4].waker();
    drop(panic_of(|| waker.wake()));
    settle(&task, &mut set);
    assert_eq!(remotes[4].polls(), 1);
    remotes[4].wake();
    assert_eq!((task.wakes(), Arc::strong_count(&parent)), (1, 1));
    drop((set, remotes, task, parent));
    assert_eq!(bytes() - before, 0, "bytes are left");
}

/// A key whose order panics once it is told to.
#[derive(Clone, Debug)]
struct Key(u32, Arc<AtomicUsize>);

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl Eq for Key {}

impl PartialOrd for Key {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Key {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        if self.1.load(Relaxed) == 1 {
            panic!("in the order");
        }
        self.0.cmp(&other.0)
    }
}

/// Given keys whose order panics, then the panic goes through, and everything is still dropped.
#[test]
fn an_order_of_keys_that_panics() {
    let panics = Arc::new(AtomicUsize::new(0));
    let key = |n| Key(n, panics.clone());
    let remotes: Vec<_> = (0..9).map(|_| Remote::new()).collect();
    let mut map = FutureMap::new();
    for (n, remote) in remotes.iter().enumerate() {
        map.insert(key(n as u32), remote.clone()).unwrap();
    }
    let task = Task::new();
    settle(&task, &mut map);
    panics.store(1, Relaxed);
    let new = Remote::new();
    assert_eq!(panic_of(|| map.insert(key(20), new.clone()).is_ok()), "in the order");
    assert_eq!(panic_of(|| map.replace(key(20), new.clone())), "in the order");
    assert_eq!(panic_of(|| map.remove(&key(3))), "in the order");
    assert_eq!((map.len(), Arc::strong_count(&new.0)), (9, 1));
    remotes[3].give(3);
    assert_eq!(panic_of(|| task.poll(&mut map)), "in the order");
    drop(map);
    remotes.iter().for_each(|remote| assert_eq!(Arc::strong_count(&remote.0), 1));
}
