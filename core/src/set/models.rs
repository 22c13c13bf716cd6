//! Models of what is shared between threads here; see [`crate::model`].

use super::{
    notice::Notice, ready::ReadyQueue, set_once::SetOnce, stack::Stack, waker_cell::WakerCell,
};
use crate::model::{Census, Thread, block_on, block_on_fresh, check, spawn};
use alloc::{rc::Rc, sync::Arc, vec::Vec};
use core::{
    future::poll_fn,
    task::{Poll, Waker},
};
use loom::sync::atomic::{AtomicUsize, Ordering};

/// What is waited for. Read and written without any order of its own, so that a model fails
/// unless the wake brings it.
fn flag() -> Arc<AtomicUsize> {
    Arc::new(AtomicUsize::new(0))
}

fn get(flag: &AtomicUsize) -> usize {
    flag.load(Ordering::Relaxed)
}

fn set(flag: &AtomicUsize, value: usize) {
    flag.store(value, Ordering::Relaxed);
}

/// A waker is registered while it is woken: the change is seen, or the waker fires.
#[test]
fn register_or_wake() {
    check("waker cell: register or wake", || {
        let cell = Arc::new((WakerCell::new(), flag()));
        let other = cell.clone();
        let waking = spawn(move || {
            set(&other.1, 1);
            other.0.wake();
        });
        // Twice, so that there is an old waker to be replaced.
        cell.0.register(Waker::noop());
        block_on_fresh(poll_fn(|cx| {
            cell.0.register(cx.waker());
            if get(&cell.1) == 1 { Poll::Ready(()) } else { Poll::Pending }
        }));
        waking.join();
    });
}

/// The same with two changes that are announced at once.
#[test]
fn register_or_wake_or_wake() {
    check("waker cell: register or wake or wake", || {
        let cell = Arc::new((WakerCell::new(), [flag(), flag()]));
        let waking = [0, 1].map(|n| {
            let other = cell.clone();
            spawn(move || {
                set(&other.1[n], 1);
                other.0.wake();
            })
        });
        block_on_fresh(poll_fn(|cx| {
            cell.0.register(cx.waker());
            if cell.1.iter().all(|flag| get(flag) == 1) { Poll::Ready(()) } else { Poll::Pending }
        }));
        waking.into_iter().for_each(Thread::join);
    });
}

/// Waits until every flag has its value. A flag is looked at only if its node was woken.
fn consume(queue: &ReadyQueue, flags: &[Arc<AtomicUsize>], value: usize) {
    let mut keys = Vec::new();
    let mut missing: Vec<usize> = (0..flags.len()).collect();
    block_on(poll_fn(|cx| {
        loop {
            queue.drain(&mut keys);
            for key in keys.drain(..) {
                missing.retain(|&other| other != key || get(&flags[key]) != value);
            }
            if missing.is_empty() {
                return Poll::Ready(());
            }
            if queue.wait(cx) {
                return Poll::Pending;
            }
        }
    }));
}

/// Two nodes are woken while the owner goes to sleep.
#[test]
fn wake_or_wake_or_wait() {
    check("ready queue: wake or wake or wait", || {
        let queue = ReadyQueue::new();
        let flags = [flag(), flag()];
        let waking = [0, 1].map(|key| {
            let (waker, flag) = (queue.waker(key), flags[key].clone());
            spawn(move || {
                set(&flag, 1);
                waker.wake();
            })
        });
        consume(&queue, &flags, 1);
        queue.close();
        waking.into_iter().for_each(Thread::join);
        assert_eq!(Arc::strong_count(&queue), 1, "no node is left");
    });
}

/// One node is woken twice: the second wake counts, or comes before the poll that counts.
#[test]
fn wake_again_or_poll() {
    check("ready queue: wake again or poll", || {
        let queue = ReadyQueue::new();
        let flags = [flag()];
        let (waker, flag) = (queue.waker(0), flags[0].clone());
        let waking = spawn(move || {
            for value in 1..=2 {
                set(&flag, value);
                waker.wake_by_ref();
            }
        });
        consume(&queue, &flags, 2);
        queue.close();
        waking.join();
        assert_eq!(Arc::strong_count(&queue), 1);
    });
}

/// One node is woken from two threads at once: it is queued once at a time.
#[test]
fn same_wake_or_wake_or_wait() {
    check("ready queue: same wake or wake or wait", || {
        let queue = ReadyQueue::new();
        let flags = [flag()];
        let waker = queue.waker(0);
        let waking = [0, 1].map(|_| {
            let (waker, flag) = (waker.clone(), flags[0].clone());
            spawn(move || {
                flag.fetch_add(1, Ordering::Relaxed);
                waker.wake();
            })
        });
        consume(&queue, &flags, 2);
        queue.close();
        waking.into_iter().for_each(Thread::join);
        drop(waker);
        assert_eq!(Arc::strong_count(&queue), 1);
    });
}

/// The owner goes away while nodes are woken: nothing is left of the queue, whose nodes keep it.
#[test]
fn wake_or_close() {
    check("ready queue: wake or close", || {
        let queue = ReadyQueue::new();
        let weak = Arc::downgrade(&queue);
        let wakers = [queue.waker(0), queue.waker(1)];
        let waking = wakers.map(|waker| spawn(move || waker.wake()));
        queue.close();
        drop(queue);
        waking.into_iter().for_each(Thread::join);
        assert_eq!(weak.strong_count(), 0);
    });
}

/// Two push while a third takes: each value comes out once, whole, and in the order of its
/// pusher.
#[test]
fn push_or_push_or_take() {
    check("stack: push or push or take", || {
        let census = Census::default();
        let stack = Arc::new(Stack::new());
        let pushing = [0, 2].map(|first| {
            let stack = stack.clone();
            let values = [first, first + 1].map(|n| (n, census.probe()));
            spawn(move || {
                for (n, probe) in values {
                    probe.touch();
                    stack.push((n, probe));
                }
            })
        });
        let mut taken = stack.take();
        taken.iter().for_each(|(_, probe)| probe.touch());
        pushing.into_iter().for_each(Thread::join);
        taken.extend(stack.take());
        let position = |n| taken.iter().position(|(other, _)| *other == n).unwrap();
        assert!(position(0) < position(1) && position(2) < position(3) && taken.len() == 4);
        drop(taken);
        assert_eq!(census.alive(), 0);
    });
}

/// Two set a value that a third reads: one of them wins, and is seen whole.
#[test]
fn set_or_set_or_get() {
    check("set once: set or set or get", || {
        let census = Census::default();
        let cell = Rc::new(SetOnce::new());
        let setting = [0, 1].map(|_| {
            let (cell, value) = (cell.clone(), census.probe());
            spawn(move || {
                value.touch();
                cell.set(value).is_ok()
            })
        });
        if let Some(value) = cell.get() {
            value.touch();
        }
        let wins = setting.map(|setting| setting.join()).into_iter().filter(|won| *won).count();
        assert_eq!((wins, census.alive()), (1, 1));
        drop(cell);
        assert_eq!(census.alive(), 0);
    });
}

/// Somebody begins to listen while a change is announced: it is seen, or the listener fires.
#[test]
fn listen_or_notify() {
    check("notice: listen or notify", || {
        let notice = Arc::new((Notice::new(), flag()));
        let other = notice.clone();
        let notifying = spawn(move || {
            set(&other.1, 1);
            other.0.notify(1);
        });
        block_on(async {
            while get(&notice.1) == 0 {
                let listener = notice.0.listen();
                if get(&notice.1) == 0 {
                    listener.await;
                }
            }
        });
        notifying.join();
    });
}
