//! Models of what is shared between threads here; see [`crate::model`].

use super::{
    atomic_box::AtomicBox, atomic_waker::AtomicWaker, on_call::OnCall, once_box::OnceBox,
    stack::Stack, try_lock::TryLock,
};
use crate::model::{Census, Thread, block_on_fresh, check, spawn};
use alloc::{boxed::Box, rc::Rc, sync::Arc, vec::Vec};
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
        let cell = Arc::new((AtomicWaker::new(), flag()));
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
        let cell = Arc::new((AtomicWaker::new(), [flag(), flag()]));
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
        let cell = Rc::new(OnceBox::new());
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

/// One puts boxes in while another takes them out: each comes out once, whole.
#[test]
fn put_or_take() {
    check("mailbox: put or take", || {
        let census = Census::default();
        let mailbox = Arc::new(AtomicBox::new());
        let probes = [(); 2].map(|()| census.probe());
        let theirs = mailbox.clone();
        let putting = spawn(move || {
            let mut back = Vec::new();
            for probe in probes {
                probe.touch();
                back.extend(theirs.put(Box::new(probe)));
            }
            back
        });
        let mut taken = Vec::new();
        for _ in 0..2 {
            // At once, before anything else brings what was done to it.
            taken.extend(mailbox.take().inspect(|probe| probe.touch()));
        }
        taken.extend(putting.join());
        taken.extend(mailbox.take());
        assert_eq!(taken.len(), 2);
        taken.iter().for_each(|probe| probe.touch());
        drop(taken);
        assert_eq!(census.alive(), 0);
    });
}

/// One looks after it has said something, the other puts something in: one of them sees the other.
/// Fails if the look is a load.
#[test]
fn synchronize_or_put() {
    check("mailbox: synchronize or put", || {
        let shared = Arc::new((AtomicBox::new(), flag()));
        let other = shared.clone();
        let putting = spawn(move || {
            drop(other.0.put(Box::new(())));
            get(&other.1) == 1
        });
        set(&shared.1, 1);
        shared.0.synchronize();
        let found = !shared.0.is_empty();
        assert!(putting.join() || found);
    });
}

/// Two try for a value: one at a time has it.
#[test]
fn try_or_try() {
    check("try cell: try or try", || {
        let census = Census::default();
        let cell = Arc::new(TryLock::new((census.probe(), 0)));
        let count = |cell: &TryLock<(_, i32)>| {
            let count = |(probe, n): &mut (crate::model::Probe, i32)| {
                probe.touch();
                *n += 1;
            };
            i32::from(cell.try_with(count).is_some())
        };
        let other = cell.clone();
        let other = spawn(move || count(&other) + count(&other));
        let all = count(&cell) + other.join();
        assert_eq!(cell.try_with(|(_, n)| *n), Some(all));
        drop(cell);
        assert_eq!(census.alive(), 0);
    });
}

/// Two call and run: when both have left, the work has seen what each did before its call.
#[test]
fn call_and_run_or_call_and_run() {
    check("on call: call and run, or call and run", || {
        let shared = Arc::new((OnCall::new([0; 2]), [flag(), flag()]));
        let calling = [0, 1].map(|n| {
            let shared = shared.clone();
            spawn(move || {
                set(&shared.1[n], 1);
                shared.0.call();
                run(&shared);
            })
        });
        calling.into_iter().for_each(Thread::join);
        shared.0.call();
        // Twice is once too often to see what the last one of them has seen.
        let mut seen = None;
        shared.0.run(|value| seen = Some(*value));
        assert_eq!(seen, Some([1, 1]), "a call was missed");
    });

    fn run(shared: &(OnCall<[usize; 2]>, [Arc<AtomicUsize>; 2])) {
        shared.0.run(|value| *value = shared.1.each_ref().map(|flag| get(flag)));
    }
}

/// One calls, and another one that is told of it runs: as when a task is woken by a call.
#[test]
fn call_or_run_when_told() {
    check("on call: call, or run when told", || {
        let shared = Arc::new((OnCall::new(0), [flag(), flag()]));
        let busy = shared.clone();
        let running = spawn(move || {
            busy.0.call();
            busy.0.run(|value| *value = get(&busy.1[0]));
        });
        let caller = shared.clone();
        let calling = spawn(move || {
            set(&caller.1[0], 1);
            caller.0.call();
            // The wake.
            caller.1[1].store(1, Ordering::Release);
        });
        if shared.1[1].load(Ordering::Acquire) == 1 {
            shared.0.run(|value| *value = get(&shared.1[0]));
            running.join();
            calling.join();
            shared.0.call();
            let mut seen = None;
            shared.0.run(|value| seen = Some(*value));
            assert_eq!(seen, Some(1), "a call was missed");
        } else {
            running.join();
            calling.join();
        }
    });
}
