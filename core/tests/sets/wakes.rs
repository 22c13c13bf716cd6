//! Who is polled, and when the task is woken.

use crate::support::*;
use anyscope_core::{FutureMap, FutureSet, StreamMap, StreamSet};
use std::{
    cell::RefCell,
    future::{pending, poll_fn},
    pin::Pin,
    rc::Rc,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    task::{Context, Poll, Wake, Waker},
    thread,
};

/// Given 100 idle futures, when three are woken, then those three are polled, once each.
#[test]
fn only_who_was_woken_is_polled() {
    let (mut set, remotes, task) = idle_futures(100);
    for n in [3, 64, 99] {
        remotes[n].wake();
        remotes[n].wake();
    }
    settle(&task, &mut set);
    for (n, remote) in remotes.iter().enumerate() {
        assert_eq!(remote.polls(), usize::from([3, 64, 99].contains(&n)), "future {n}");
    }
}

/// Given a sleeping task, when many of its futures are woken, then it is woken once.
#[test]
fn a_burst_of_wakes_wakes_the_task_once() {
    let (mut set, remotes, task) = idle_futures(200);
    for round in 0..3 {
        remotes.iter().for_each(Remote::wake);
        assert_eq!(task.wakes(), 1, "round {round}");
        settle(&task, &mut set);
    }
}

/// Given a future that wakes a sibling while it is polled, then the task is not woken: it polls
/// the sibling by itself.
#[test]
fn the_task_is_not_woken_while_it_polls() {
    let sibling = Remote::new();
    let mut set: FutureSet<Pin<Box<dyn Future<Output = u32>>>> = FutureSet::new();
    set.push(Box::pin(sibling.clone()));
    let task = Task::new();
    settle(&task, &mut set);
    let mut told = false;
    let teller = sibling.clone();
    set.push(Box::pin(poll_fn(move |_| {
        if !std::mem::replace(&mut told, true) {
            teller.give(7);
        }
        Poll::Pending
    })));
    assert_eq!(task.wakes(), 0);
    assert_eq!(task.poll(&mut set), Poll::Ready(Some(7)));
    assert_eq!(task.wakes(), 0);
}

/// Given wakes after the set has returned an item, when it is not polled, then nobody is woken;
/// when it is, then nothing is missed.
#[test]
fn a_task_that_does_not_sleep_is_not_woken() {
    let (mut set, remotes, task) = idle_futures(3);
    remotes[0].give(1);
    assert_eq!((task.wakes(), task.poll(&mut set)), (1, Poll::Ready(Some(1))));
    remotes[1].give(2);
    assert_eq!((task.wakes(), task.poll(&mut set)), (0, Poll::Ready(Some(2))));
}

/// Given a task that has slept for one future after the other, when a sibling is woken while it polls, or after it was
/// given an item, then it is not woken either: what it did before makes no difference.
#[test]
fn a_habit_of_sleeping_wakes_no_task_that_does_not() {
    let (mut set, remotes, task) = idle_futures(20);
    let sleep_for = |n: usize, set: &mut FutureSet<Remote>| {
        remotes[n].give(n as u32);
        assert_eq!(task.wakes(), 1);
        assert_eq!(task.poll(set), Poll::Ready(Some(n as u32)));
        assert_eq!(task.wakes(), 0);
    };
    for n in 0..8 {
        sleep_for(n, &mut set);
        settle(&task, &mut set);
    }
    sleep_for(8, &mut set);
    remotes[9].give(9);
    assert_eq!(task.wakes(), 0, "it has an item");
    assert_eq!(task.poll(&mut set), Poll::Ready(Some(9)));
    let mut outer = FutureSet::new();
    let go: Vec<_> = (0..9).map(|_| Remote::new()).collect();
    for (n, remote) in go.iter().enumerate() {
        let (mut gate, sibling) = (remote.clone(), go[8].clone());
        outer.push(poll_fn(move |cx| {
            let polled = Pin::new(&mut gate).poll(cx);
            if n == 7 && polled.is_ready() {
                sibling.give(8);
            }
            polled
        }));
    }
    settle(&task, &mut outer);
    for (n, remote) in go.iter().enumerate().take(8) {
        remote.give(n as u32);
        assert_eq!(task.wakes(), 1);
        assert_eq!(task.poll(&mut outer), Poll::Ready(Some(n as u32)));
        assert_eq!(task.wakes(), 0, "it polls");
        if n < 7 {
            settle(&task, &mut outer);
        }
    }
    assert_eq!(task.poll(&mut outer), Poll::Ready(Some(8)));
}

/// Given a set that is polled by another task, when a future is woken, then only the new task is.
#[test]
fn the_task_that_polled_last_is_woken() {
    let (mut set, remotes, old) = idle_futures(1);
    let new = Task::new();
    settle(&new, &mut set);
    remotes[0].wake();
    assert_eq!((old.wakes(), new.wakes()), (0, 1));
    // And back, so that both ways to park have a waker of somebody else.
    settle(&old, &mut set);
    remotes[0].wake();
    assert_eq!((old.wakes(), new.wakes()), (1, 0));
}

/// Given a set that is dropped, when its wakers are used, also in other threads, then nothing
/// happens.
#[test]
fn wakers_outlive_the_set() {
    let (set, remotes, task) = idle_futures(70);
    let wakers: Vec<_> = remotes.iter().map(Remote::waker).collect();
    drop(set);
    drop(remotes);
    let copies = wakers.clone();
    let far = thread::spawn(move || copies.into_iter().for_each(Waker::wake));
    wakers.iter().for_each(Waker::wake_by_ref);
    far.join().unwrap();
    drop(wakers);
    assert_eq!(task.wakes(), 0);
    assert_eq!(Arc::strong_count(&task), 1, "nobody keeps the task");
}

/// Given a waker that was cloned in a thread of another runtime, when it is used there, then the
/// task is woken.
#[test]
fn a_waker_works_in_a_foreign_runtime() {
    let remote = Remote::new();
    let far = remote.clone();
    let mut set = FutureSet::from_iter([remote]);
    let item = smol::block_on(async {
        let mut far = Some(far);
        poll_fn(|cx| {
            let polled = Pin::new(&mut set).poll_next(cx);
            if let Some(far) = far.take() {
                let waker = far.waker();
                thread::spawn(move || {
                    smol::block_on(async {
                        smol::spawn(async move { drop(waker.clone()) }).await;
                        far.give(9);
                    })
                });
            }
            polled
        })
        .await
    });
    assert_eq!(item, Some(9));
}

/// Given a set inside of a future of another set, when an inner future is woken, then exactly the
/// way to it is polled.
#[test]
fn sets_nest() {
    let remotes: Vec<_> = (0..4).map(|_| Remote::new()).collect();
    let polls = Rc::new(RefCell::new([0; 2]));
    let mut outer: FutureSet<_> = (0..2)
        .map(|half| {
            let mut inner = FutureSet::from_iter(remotes[half * 2..][..2].iter().cloned());
            let polls = polls.clone();
            poll_fn(move |cx| {
                polls.borrow_mut()[half] += 1;
                Pin::new(&mut inner).poll_next(cx)
            })
        })
        .collect();
    let task = Task::new();
    settle(&task, &mut outer);
    remotes[3].give(5);
    assert_eq!(task.wakes(), 1);
    assert_eq!(task.poll(&mut outer), Poll::Ready(Some(Some(5))));
    assert_eq!(*polls.borrow(), [1, 2]);
    assert_eq!(remotes[2].polls(), 1);
    drop(outer);
    remotes.iter().for_each(Remote::wake);
}

/// Given a set that a future of another set owns, when that future ends, fires its wakers as it
/// goes, and the outer set goes on, then all is well.
#[test]
fn a_set_is_dropped_inside_of_a_child() {
    let inner_remote = Remote::new();
    let mut inner = Some(FutureSet::from_iter([inner_remote.clone()]));
    let mut outer = FutureSet::new();
    let go = Remote::new();
    let mut gate = go.clone();
    outer.push(poll_fn(move |cx| {
        if Pin::new(&mut gate).poll(cx).is_ready() {
            let waker = inner_remote.waker();
            drop(inner.take());
            waker.wake();
            return Poll::Ready(());
        }
        Pin::new(inner.as_mut().unwrap()).poll_next(cx).map(|_| ())
    }));
    let task = Task::new();
    settle(&task, &mut outer);
    go.give(1);
    assert_eq!(task.poll(&mut outer), Poll::Ready(Some(())));
    assert_eq!(task.poll(&mut outer), Poll::Ready(None));
}

/// An executor that polls its task inside of its wakers, with a new one for each poll.
struct Inline<S> {
    set: Mutex<Option<S>>,
    polls: AtomicUsize,
    nested: AtomicUsize,
}

struct InlineWaker<S>(Arc<Inline<S>>);

impl<S: Stream + Unpin + Send + 'static> Wake for InlineWaker<S> {
    fn wake(self: Arc<Self>) {
        self.0.run();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.0.run();
    }
}

impl<S: Stream + Unpin + Send + 'static> Inline<S> {
    fn run(self: &Arc<Self>) {
        let Some(mut set) = self.set.lock().unwrap().take() else {
            // Woken while it polls.
            self.nested.fetch_add(1, Relaxed);
            return;
        };
        self.polls.fetch_add(1, Relaxed);
        let waker = Waker::from(Arc::new(InlineWaker(self.clone())));
        let _ = Pin::new(&mut set).poll_next(&mut Context::from_waker(&waker));
        *self.set.lock().unwrap() = Some(set);
    }
}

/// Given a task that is polled inside of its own waker, with a new waker each time, when a future
/// is woken, then it parks with the new waker, and does not spin until the old one is through.
#[test]
fn a_task_may_be_polled_inside_of_its_waker() {
    let (set, remotes, _) = idle_futures(2);
    let exec = Arc::new(Inline {
        set: Mutex::new(Some(set)),
        polls: AtomicUsize::new(0),
        nested: AtomicUsize::new(0),
    });
    exec.run();
    for round in 2..6 {
        remotes[round % 2].wake();
        assert_eq!(exec.polls.load(Relaxed), round, "one poll for each wake");
        assert_eq!(exec.nested.load(Relaxed), 0, "and it sleeps");
    }
    drop(exec.set.lock().unwrap().take());
}

/// Given an empty set, map or group, then it ends at once; and goes on when something is added.
#[test]
fn m20_empty_sets_end_at_once_and_go_on() {
    let task = Task::new();
    let mut futures = FutureSet::new();
    assert_eq!(task.poll(&mut futures), Poll::Ready(None));
    futures.push(std::future::ready(1));
    assert_eq!(task.poll(&mut futures), Poll::Ready(Some(1)));
    assert_eq!(task.poll(&mut futures), Poll::Ready(None));
    let mut streams = StreamSet::new();
    assert_eq!(task.poll(&mut streams), Poll::Ready(None));
    streams.push(stream::once(1));
    assert_eq!(task.poll(&mut streams), Poll::Ready(Some(1)));
    assert_eq!(task.poll(&mut streams), Poll::Ready(None));
    assert_eq!(task.poll(&mut FutureMap::<u8, Remote>::new()), Poll::Ready(None));
    assert_eq!(task.poll(&mut StreamMap::<u8, Remote>::new()), Poll::Ready(None));
    assert_eq!(task.wakes(), 0);
}

/// Given a loop over a set that pushes while it iterates, then all values come.
#[test]
fn push_while_iterating() {
    smol::block_on(async {
        let mut set = FutureSet::new();
        set.push(std::future::ready(0));
        let mut sum = 0;
        while let Some(n) = set.next().await {
            sum += n;
            if n < 1000 {
                set.push(std::future::ready(n + 1));
            }
        }
        assert_eq!(sum, 1000 * 1001 / 2);
    });
}

/// Given a stream of the set that ends, then it is dropped at once, and the set is ended when all
/// are.
#[test]
fn m11_sets_are_fused() {
    let (mut set, remotes, task) = idle_streams(2);
    let held = Arc::strong_count;
    let state = |n: usize| held(&remotes[n].0);
    assert_eq!(state(0), 2);
    remotes[0].end();
    settle(&task, &mut set);
    assert_eq!((state(0), set.len()), (1, 1));
    remotes[1].end();
    for _ in 0..3 {
        assert_eq!(task.poll(&mut set), Poll::Ready(None));
    }
    assert!(set.is_empty());
}

/// Given two futures in a select, when the set is asked whether it is terminated, then it is while
/// it is empty.
#[test]
fn sets_say_that_they_are_terminated() {
    fn is_terminated<S: futures_core::FusedStream>(set: &S) -> bool {
        set.is_terminated()
    }
    let mut set = FutureSet::new();
    assert!(is_terminated(&set));
    set.push(pending::<()>());
    assert!(!is_terminated(&set));
    set.clear();
    assert!(is_terminated(&set));
    let mut map = StreamMap::new();
    assert!(is_terminated(&map));
    map.insert(1, stream::pending::<()>()).unwrap();
    assert!(!is_terminated(&map));
}

/// Given futures that were woken and then cleared away, when others take their slots, then the
/// stale wakes cost a poll at most.
#[test]
fn stale_wakers_disturb_nobody() {
    let (mut set, old, task) = idle_futures(8);
    let stale: Vec<_> = old.iter().map(Remote::waker).collect();
    set.clear();
    assert_eq!(task.poll(&mut set), Poll::Ready(None));
    let new: Vec<_> = (0..8).map(|_| Remote::new()).collect();
    set.extend(new.iter().cloned());
    settle(&task, &mut set);
    stale.into_iter().for_each(Waker::wake);
    settle(&task, &mut set);
    new.iter().for_each(|remote| assert!(remote.polls() <= 2));
    new[5].give(5);
    assert_eq!((task.wakes(), task.poll(&mut set)), (1, Poll::Ready(Some(5))));
}

/// Given a `next` that was polled and dropped, when the next one is awaited, then nothing is lost.
#[test]
fn a_dropped_next_loses_nothing() {
    let (mut set, remotes, _) = idle_futures(3);
    smol::block_on(async {
        assert_eq!(smol::future::poll_once(set.next()).await, None);
        remotes.iter().for_each(|remote| remote.give(1));
        drop(smol::future::poll_once(set.next()));
        assert_eq!(set.collect::<Vec<_>>().await, [1, 1, 1]);
    });
}
