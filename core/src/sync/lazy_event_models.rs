//! Models of [`LazyEvent`] itself; see [`crate::model`]. What is waited for is a [`Flag`] without an order
//! of its own, so a model fails unless the event brings it.

use super::lazy_event::LazyEvent;
use crate::model::{Thread, block_on, check, poll_once, spawn};
use alloc::sync::Arc;
use core::{
    future::{Future, poll_fn},
    pin::Pin,
    sync::atomic::AtomicBool,
    task::Poll,
};
use loom::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// An event, and what it announces.
struct Announced<const N: usize> {
    event: LazyEvent,
    flags: [AtomicUsize; N],
}

impl<const N: usize> Announced<N> {
    fn new() -> Arc<Self> {
        Arc::new(Announced {
            event: LazyEvent::new(),
            flags: [(); N].map(|()| AtomicUsize::new(0)),
        })
    }

    fn announce(&self, flag: usize, count: usize) {
        self.flags[flag].store(1, Relaxed);
        self.event.notify(count);
    }

    fn is_seen(&self, flag: usize) -> bool {
        self.flags[flag].load(Relaxed) == 1
    }

    async fn wait_for(&self, flag: usize) {
        while !self.is_seen(flag) {
            let listener = self.event.listen();
            if !self.is_seen(flag) {
                listener.await;
            }
        }
    }
}

/// Somebody begins to listen while a change is announced: it is seen, or the listener fires.
/// Fails without one of the two fences of `listen` and `collect`.
#[test]
fn listen_or_notify() {
    check("event: listen or notify", || {
        let announced = Announced::<1>::new();
        let theirs = announced.clone();
        let notifying = spawn(move || theirs.announce(0, 1));
        block_on(announced.wait_for(0));
        notifying.join();
    });
}

/// Two listen while a change is announced to all. Who finds the queue taken is let in by the other.
/// Fails if the combiner forgets that something was left.
#[test]
fn listen_or_listen_or_notify() {
    check("event: listen or listen or notify", || {
        let announced = Announced::<1>::new();
        let listening = [announced.clone(), announced.clone()].map(|theirs| {
            spawn(move || match &*theirs {
                theirs if theirs.is_seen(0) => {}
                theirs => block_on(theirs.wait_for(0)),
            })
        });
        announced.announce(0, usize::MAX);
        listening.into_iter().for_each(Thread::join);
    });
}

/// Two changes are announced, each to one: the only listener waits for both.
#[test]
fn notify_or_notify() {
    check("event: notify or notify", || {
        let announced = Announced::<2>::new();
        let notifying = [0, 1].map(|flag| {
            let theirs = announced.clone();
            spawn(move || theirs.announce(flag, 1))
        });
        block_on(async {
            announced.wait_for(0).await;
            announced.wait_for(1).await;
        });
        notifying.into_iter().for_each(Thread::join);
    });
}

/// The same where the listener does not listen again before it looks: as it counts as notified for
/// both, it sees both. Fails if `unseen` is only read by who notifies.
#[test]
fn notify_or_notify_or_look() {
    check("event: notify or notify or look", || {
        let announced = Announced::<2>::new();
        let mut listener = announced.event.listen();
        // Without an order of its own, in a model.
        let done = Arc::new([(); 2].map(|()| AtomicBool::new(false)));
        let notifying = [0, 1].map(|flag| {
            let (theirs, done) = (announced.clone(), done.clone());
            spawn(move || {
                theirs.announce(flag, 1);
                done[flag].store(true, Relaxed);
            })
        });
        block_on(poll_fn(|cx| {
            let done = [0, 1].map(|flag| done[flag].load(Relaxed));
            Pin::new(&mut listener).poll(cx).map(|()| {
                assert!([0, 1].iter().all(|flag| !done[*flag] || announced.is_seen(*flag)));
            })
        }));
        notifying.into_iter().for_each(Thread::join);
    });
}

/// A listener leaves while one is notified: the other one is, if it was this one. Fails if a
/// notification that was not seen is not passed on.
#[test]
fn leave_or_notify() {
    check("event: leave or notify", || {
        let announced = Announced::<1>::new();
        let first = announced.event.listen();
        let mut second = announced.event.listen();
        let theirs = announced.clone();
        let notifying = spawn(move || theirs.announce(0, 1));
        drop(first);
        block_on(&mut second);
        assert!(announced.is_seen(0));
        notifying.join();
    });
}

/// A listener leaves while all are notified, and the place of another one is taken from the queue
/// meanwhile.
#[test]
fn leave_or_leave_or_notify() {
    check("event: leave or leave or notify", || {
        let announced = Announced::<1>::new();
        let [first, second] = [(); 2].map(|()| announced.event.listen());
        let mut third = announced.event.listen();
        let leaving = spawn(move || drop(first));
        let theirs = announced.clone();
        let notifying = spawn(move || theirs.announce(0, 2));
        drop(second);
        block_on(&mut third);
        assert!(announced.is_seen(0));
        leaving.join();
        notifying.join();
        let mut next = announced.event.listen();
        assert_eq!(poll_once(&mut next), Poll::Pending);
        announced.event.notify(1);
        assert_eq!(poll_once(&mut next), Poll::Ready(()));
    });
}
