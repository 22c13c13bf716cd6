//! Passes and the budget.

use crate::support::*;
use anyscope_core::{FutureSet, StreamMap, StreamSet};
use std::{
    cell::{Cell, RefCell},
    future::poll_fn,
    rc::Rc,
    task::{Context, Poll},
};

/// Given k streams that always have an item, then each gives at least ⌊N/k⌋ − 1 of any N.
#[test]
fn m3_every_window_is_fair() {
    for k in [1, 2, 3, 8, 9, 30, 65] {
        let mut set: StreamSet<_> = (0..k).map(stream::repeat).collect();
        let task = Task::new();
        let mut items = Vec::new();
        while items.len() < 6 * k + 10 {
            if let Poll::Ready(item) = task.poll(&mut set) {
                items.push(item.unwrap());
            }
        }
        assert_windows(&items, k);
    }
}

fn assert_windows(items: &[usize], k: usize) {
    for length in [1, k, k + 1, 2 * k, 3 * k + 1, 5 * k] {
        for window in items.windows(length) {
            for n in 0..k {
                let given = window.iter().filter(|item| **item == n).count();
                assert!(given + 1 >= length / k, "{k} streams: {n} gave {given} of {length}");
            }
        }
    }
}

/// Given streams of which some are woken from outside and others always ready, with idle ones
/// between, then the windows of the ready ones are fair.
#[test]
fn m3_woken_streams_do_not_overtake() {
    let idle: Vec<_> = (0..100).map(|_| Remote::new()).collect();
    let mut map = StreamMap::new();
    for (n, remote) in idle.iter().enumerate() {
        map.insert(n, remote.clone().boxed()).unwrap();
    }
    for n in 100..105 {
        map.insert(n, stream::repeat(0).boxed()).unwrap();
    }
    let task = Task::new();
    let mut items = Vec::new();
    while items.len() < 200 {
        if let Poll::Ready(item) = task.poll(&mut map) {
            let (key, _) = item.unwrap();
            if key >= 100 {
                items.push(key - 100);
            }
            if let Some(remote) = idle.get(items.len() % 7 * 13) {
                if remote.0.lock().unwrap().waker.is_some() {
                    remote.give(1);
                }
            }
        }
    }
    assert_windows(&items, 5);
}

/// Given one ready stream among 10 000 idle ones, then an item costs one poll.
#[test]
fn m24_one_of_many_costs_one_poll() {
    let (mut set, remotes, task) = idle_streams(10_000);
    for n in (0..10_000).step_by(777) {
        remotes[n].give(n as u32);
        assert_eq!(task.poll(&mut set), Poll::Ready(Some(n as u32)));
        settle(&task, &mut set);
        // The item, and the poll after it that finds nothing.
        assert_eq!(remotes[n].polls(), 2);
    }
    assert_eq!(remotes.iter().map(Remote::polls).sum::<usize>(), 0);
}

/// Given 1000 futures that are not ready, then one poll of the set polls 64 of them and has itself
/// woken; the next ones poll the rest.
#[test]
fn a_poll_is_bounded() {
    let polls = Rc::new(Cell::new(0));
    let mut set: FutureSet<_> = (0..1000)
        .map(|_| {
            let polls = polls.clone();
            poll_fn(move |_| {
                polls.set(polls.get() + 1);
                Poll::<()>::Pending
            })
        })
        .collect();
    let task = Task::new();
    for n in 1..=15 {
        assert!(task.poll(&mut set).is_pending());
        assert_eq!((polls.get(), task.wakes()), (n * 64, 1));
    }
    assert!(task.poll(&mut set).is_pending());
    assert_eq!((polls.get(), task.wakes()), (1000, 0));
}

/// The same for streams that end without an item.
#[test]
fn a_poll_of_ending_streams_is_bounded() {
    let mut set: StreamSet<_> = (0..100).map(|_| stream::empty::<()>()).collect();
    let task = Task::new();
    assert!(task.poll(&mut set).is_pending());
    assert_eq!((set.len(), task.wakes()), (36, 1));
    assert_eq!(task.poll(&mut set), Poll::Ready(None));
}

/// Given a future that wakes itself for ever, then the task is not held, and the others are polled
/// in between.
#[test]
fn a_child_that_wakes_itself_does_not_hold_the_task() {
    let polls = Rc::new(Cell::new(0));
    let other = Remote::new();
    let mut set = FutureSet::new();
    let counted = polls.clone();
    set.push(Box::pin(poll_fn(move |cx| {
        counted.set(counted.get() + 1);
        cx.waker().wake_by_ref();
        Poll::Pending
    })) as std::pin::Pin<Box<dyn Future<Output = u32>>>);
    set.push(Box::pin(other.clone()));
    let task = Task::new();
    for _ in 0..10 {
        let before = polls.get();
        assert!(task.poll(&mut set).is_pending());
        assert!(polls.get() - before <= 3);
        assert_eq!(task.wakes(), 1);
    }
    other.give(4);
    let mut rounds = 0;
    while task.poll(&mut set).is_pending() {
        rounds += 1;
        assert!(rounds < 3);
    }
}

/// Given a future that was polled in this pass, when it wakes itself, then everyone else who was
/// ready is polled before it.
#[test]
fn who_was_ready_is_polled_before_anyone_is_polled_again() {
    let order = Rc::new(RefCell::new(Vec::new()));
    let mut set: FutureSet<_> = (0..70)
        .map(|n| {
            let order = order.clone();
            poll_fn(move |cx| {
                order.borrow_mut().push(n);
                cx.waker().wake_by_ref();
                Poll::<()>::Pending
            })
        })
        .collect();
    let task = Task::new();
    for _ in 0..20 {
        assert!(task.poll(&mut set).is_pending());
    }
    for pass in order.borrow().chunks_exact(70) {
        let mut pass = pass.to_vec();
        pass.sort_unstable();
        assert_eq!(pass, (0..70).collect::<Vec<_>>());
    }
}

/// Given a future that wakes itself for ever, then one that is added while it does is polled too.
#[test]
fn a_child_that_wakes_itself_does_not_hold_up_new_ones() {
    let mut set = FutureSet::new();
    let wakes_itself = |cx: &mut Context<'_>| {
        cx.waker().wake_by_ref();
        Poll::Pending
    };
    let ready = |_: &mut Context<'_>| Poll::Ready(());
    let task = Task::new();
    set.push(poll_fn(Box::new(wakes_itself) as Box<dyn FnMut(&mut Context<'_>) -> Poll<()>>));
    assert!(task.poll(&mut set).is_pending());
    set.push(poll_fn(Box::new(ready)));
    assert!((0..2).any(|_| task.poll(&mut set).is_ready()));
}
