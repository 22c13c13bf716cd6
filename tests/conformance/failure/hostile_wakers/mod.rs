//! Wakers that do what they must not, over everything that keeps a waker.
//!
//! Each [`Row`] is a wait, with what ends it. A hostile waker is left with it; when the wait is over,
//! whoever else waits has been woken, nothing is stuck, nothing was lost, and all memory is free.

mod channels;
mod everywhere;
mod groups;
mod rows;
mod waker;

use anyscope::{Child, JoinError, KeepAlive, OwnedScope, Spawn, observe::Event};
use rows::{Hand, Memory, Row};
use std::{
    any::Any,
    future::Future,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    task::{Context, Poll, Wake, Waker},
    thread,
};
use support::blow_up;
use waker::{Deed, Hostile};

#[derive(Default)]
struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, SeqCst);
    }
}

/// Polls a task until it is over, with what else has to get on. False if it never is.
fn finishes(hostile: &Arc<Hostile>, run: &dyn Fn(), panics: &mut Vec<Box<dyn Any + Send>>) -> bool {
    for _ in 0..50 {
        if hostile.task.lock().unwrap().is_none() {
            return true;
        }
        if let Err(panic) = hostile.poll(Waker::noop()) {
            panics.push(panic);
        }
        run();
    }
    false
}

fn show(deed: Deed, row: Row) {
    let Row { name, waits, witness, end, unwinds, in_turn, reports, run, memory } = row;
    let what = format!("{name}, {deed:?}");
    let mut panics = Vec::new();
    let hostile = Hostile::new(deed, waits);
    let count = Arc::new(Count::default());
    let witness = witness.map(|task| Hostile::new(Deed::Poll, task));
    // First in the queue, and so the first to be woken.
    hostile.leave_waker();
    // The first may have been ended by its own poll, and the other with it.
    let witness = witness.filter(|witness| {
        witness.poll(&Waker::from(count.clone())).unwrap();
        witness.task.lock().unwrap().is_some()
    });
    if deed == Deed::PanicInClone {
        // It has panicked; the task tries again with a good waker.
        hostile.armed.store(false, SeqCst);
        hostile.leave_waker();
    }
    let ended = catch_unwind(AssertUnwindSafe(end));
    assert!(ended.is_ok() || unwinds, "{what}: whoever ended the wait has panicked");
    if deed == Deed::PanicInWake && unwinds {
        assert!(ended.is_err(), "{what}: a panic is lost");
    }
    panics.extend(ended.err());
    run();
    if deed == Deed::Poll {
        let over = hostile.task.lock().unwrap().is_none();
        assert!(over, "{what}: it was not woken when all was done");
    }
    hostile.armed.store(false, SeqCst);
    if in_turn {
        assert!(finishes(&hostile, &run, &mut panics), "{what}: it is stuck");
    }
    if let Some(witness) = &witness {
        assert!(count.0.load(SeqCst) > 0, "{what}: nobody has woken the other");
        assert!(finishes(witness, &run, &mut panics), "{what}: the other is stuck");
    }
    assert!(finishes(&hostile, &run, &mut panics), "{what}: it is stuck");
    if matches!(deed, Deed::PanicInWake | Deed::PollAndPanic) {
        assert!(hostile.panics.load(SeqCst) > 0, "{what}: nobody was woken");
        // One that has polled its task to the end before it panics is too late for the scope.
        let lost = deed == Deed::PanicInWake && reports && panics.is_empty();
        assert!(!lost, "{what}: a panic is lost");
    }
    drop((hostile, witness, run));
    assert_eq!(memory.strong_count(), 0, "{what}: something is left");
}

/// Each deed on every wait.
fn show_all(deed: Deed) {
    for rows in [rows::rows, groups::rows, channels::rows] {
        for n in 0..rows().len() {
            show(deed, rows().swap_remove(n));
        }
    }
}

#[test]
fn a_waker_panics_when_it_wakes() {
    show_all(Deed::PanicInWake);
}

#[test]
fn a_waker_panics_when_it_is_cloned() {
    show_all(Deed::PanicInClone);
}

#[test]
fn a_waker_panics_when_it_is_dropped() {
    show_all(Deed::PanicInDrop);
}

#[test]
fn a_waker_polls_its_task() {
    show_all(Deed::Poll);
}

#[test]
fn a_waker_polls_its_task_and_panics() {
    show_all(Deed::PollAndPanic);
}

#[test]
fn a_waker_wakes_others_that_panic() {
    show_all(Deed::WakeOthers);
}

#[test]
fn a_waker_drops_its_task() {
    show_all(Deed::DropTask);
}

/// What an executor wants kept, and panics when it is dropped.
#[derive(Clone, Default)]
struct KeepsBombs(Hand);

struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        if !thread::panicking() {
            blow_up::<()>("kept");
        }
    }
}

impl Spawn for KeepsBombs {
    fn spawn(&self, child: Child) {
        self.0.spawn(child);
    }

    fn spawn_keep_alive(&self, child: Child) -> Option<KeepAlive> {
        self.spawn(child);
        Some(KeepAlive::new(Bomb))
    }
}

/// Given an executor whose kept values panic when they are dropped, when others sweep them out, then
/// no poll, handle or scope panics for it, and everything is freed.
#[test]
fn what_is_kept_may_panic() {
    let memory = Memory::default();
    let exec = KeepsBombs::default();
    let scope = OwnedScope::new(&exec);
    for _ in 0..3 {
        let handles: Vec<_> = (0..1100)
            .map(|_| {
                let memory = memory.clone();
                scope.spawn(async move { memory })
            })
            .collect();
        exec.0.run();
        drop(handles);
    }
    assert_eq!((scope.len(), Arc::strong_count(&memory)), (0, 1));
    let mut close = Box::pin(scope.close());
    assert!(close.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready());
    drop(close);
    drop(scope);
}

/// Panics when it is polled and when it is dropped.
struct Twice;

impl Future for Twice {
    type Output = ();

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        blow_up("in poll")
    }
}

impl Drop for Twice {
    fn drop(&mut self) {
        blow_up("in drop")
    }
}

/// Given a child whose poll panics, and whose destructor does too, then its handle has the first
/// panic, and the observer is told of the second.
#[test]
fn the_panic_of_a_poll_is_not_replaced_by_that_of_the_destructor() {
    let exec = Hand::default();
    let scope = OwnedScope::new(&exec);
    let dropped = Arc::new(Mutex::new(Vec::new()));
    let theirs = dropped.clone();
    scope.on_event(move |event| {
        if let Event::PanicDropped { panic } = event {
            theirs.lock().unwrap().push(panic.to_string());
        }
    });
    let mut handle = scope.spawn(Twice);
    exec.run();
    let outcome = Pin::new(&mut handle).poll(&mut Context::from_waker(Waker::noop()));
    let Poll::Ready(Err(JoinError::Panicked(panic))) = outcome else { panic!("{outcome:?}") };
    assert!(panic.to_string().contains("in poll"), "{panic}");
    let dropped = dropped.lock().unwrap();
    assert!(matches!(&**dropped, [one] if one.contains("in drop")), "{dropped:?}");
}
