//! Models of a semaphore; see [`crate::model`].

use super::{AcquireError, Backlog, Semaphore};
use crate::{
    limit::LiveLimit,
    model::{Census, Probe, Thread, block_on, check, poll_once, spawn},
};
use alloc::sync::Arc;
use core::{
    sync::atomic::{AtomicUsize, Ordering},
    task::Poll,
};

/// What only the holder of the one permit may touch. A model fails if two do, or if one does not see what the other did.
struct Guarded {
    semaphore: Semaphore,
    probe: Probe,
    used: AtomicUsize,
}

impl Guarded {
    fn new() -> Arc<Self> {
        let probe = Census::default().probe();
        Arc::new(Guarded { semaphore: Semaphore::new(1), probe, used: AtomicUsize::new(0) })
    }

    fn touch(&self) {
        self.probe.touch();
        self.used.fetch_add(1, Ordering::Relaxed);
    }

    async fn use_once(&self) {
        let permit = self.semaphore.acquire().await.expect("open");
        self.touch();
        drop(permit);
    }

    fn used(&self) -> usize {
        assert_eq!((self.semaphore.in_use(), self.semaphore.available()), (0, 1));
        self.used.load(Ordering::Relaxed)
    }
}

/// A permit comes back while another thread begins to wait for it. Fails if `QUEUED` is set after the permits were counted, or if
/// a permit comes back without a look at it.
#[test]
fn semaphore_acquire_or_release() {
    check("semaphore: acquire or release", || {
        let guarded = Guarded::new();
        let theirs = guarded.clone();
        let other = spawn(move || block_on(theirs.use_once()));
        block_on(guarded.use_once());
        other.join();
        assert_eq!(guarded.used(), 2);
    });
}

/// The permit comes back while two threads wait.
#[test]
fn semaphore_acquire_or_acquire_or_release() {
    check("semaphore: acquire or acquire or release", || {
        let guarded = Guarded::new();
        let permit = guarded.semaphore.try_acquire().expect("free");
        let theirs = guarded.clone();
        let other = spawn(move || block_on(theirs.use_once()));
        guarded.touch();
        drop(permit);
        block_on(guarded.use_once());
        other.join();
        assert_eq!(guarded.used(), 3);
    });
}

/// Who waits is dropped while the permit comes back: it goes to the next, or is free. Fails if a permit that was given to
/// one that is gone is not given back.
#[test]
fn semaphore_leave_or_release() {
    check("semaphore: leave or release", || {
        let guarded = Guarded::new();
        let permit = guarded.semaphore.try_acquire_owned().expect("free");
        let mut first = guarded.semaphore.acquire_owned();
        let mut second = guarded.semaphore.acquire_owned();
        assert!(poll_once(&mut first).is_pending());
        assert!(poll_once(&mut second).is_pending());
        let other = spawn(move || drop(first));
        drop(permit);
        drop(block_on(second).expect("open"));
        other.join();
        assert_eq!(guarded.used(), 0);
    });
}

/// The last who waits is dropped while the permit comes back.
#[test]
fn semaphore_the_last_leaves_or_release() {
    check("semaphore: the last leaves or release", || {
        let guarded = Guarded::new();
        let permit = guarded.semaphore.try_acquire_owned().expect("free");
        let mut last = guarded.semaphore.acquire_owned();
        assert!(poll_once(&mut last).is_pending());
        let other = spawn(move || drop(last));
        drop(permit);
        other.join();
        assert_eq!(guarded.used(), 0);
        assert!(guarded.semaphore.try_acquire().is_ok());
    });
}

/// It is closed while somebody begins to wait.
#[test]
fn semaphore_close_or_acquire() {
    check("semaphore: close or acquire", || {
        let guarded = Guarded::new();
        let permit = guarded.semaphore.try_acquire().expect("free");
        let theirs = guarded.semaphore.clone();
        let other = spawn(move || theirs.close());
        let failed = block_on(guarded.semaphore.acquire()).err();
        assert_eq!(failed, Some(AcquireError::Closed));
        other.join();
        drop(permit);
        assert_eq!(guarded.used(), 0);
    });
}

/// Many are asked for while they come back one by one.
#[test]
fn semaphore_many_or_release_and_release() {
    check("semaphore: many or release and release", || {
        let semaphore = Semaphore::new(2);
        let permits = [semaphore.try_acquire_owned(), semaphore.try_acquire_owned()];
        let others = permits.map(|permit| spawn(move || drop(permit)));
        let both = block_on(semaphore.acquire_many(2)).expect("open");
        assert_eq!(semaphore.available(), 0);
        drop(both);
        others.into_iter().for_each(Thread::join);
        assert_eq!(semaphore.available(), 2);
    });
}

/// A wait that was granted is polled by another task: its waker is that of the last poll.
#[test]
fn semaphore_a_new_waker_or_release() {
    check("semaphore: a new waker or release", || {
        let semaphore = Semaphore::new(1);
        let permit = semaphore.try_acquire_owned().expect("free");
        let mut waits = semaphore.acquire();
        assert_eq!(poll_once(&mut waits).map(drop), Poll::Pending);
        let other = spawn(move || drop(permit));
        drop(block_on(waits).expect("open"));
        other.join();
        assert_eq!(semaphore.available(), 1);
    });
}

/// A live limit is changed by two threads at the same time, and raised once more after that. Fails if the semaphore keeps
/// a listener that has fired, and drops one that has not.
#[test]
fn semaphore_raise_or_raise_and_raise() {
    check("semaphore: raise or raise, and raise", || {
        let limit = LiveLimit::new(1);
        let semaphore = Semaphore::new(&limit);
        let mut waits = semaphore.acquire_many_owned(4);
        assert!(poll_once(&mut waits).is_pending());
        let theirs = limit.clone();
        let other = spawn(move || theirs.set(2));
        limit.set(3);
        other.join();
        assert!(poll_once(&mut waits).is_pending());
        limit.set(4);
        assert!(poll_once(&mut waits).is_ready());
    });
}

/// A permit comes back while another thread asks for it that may not wait. Fails if it is refused and nobody has the permit.
#[test]
fn semaphore_no_backlog_or_release() {
    check("semaphore: no backlog or release", || {
        let semaphore = Semaphore::with_backlog(1, Backlog::fifo(0));
        let permit = semaphore.try_acquire_owned().expect("free");
        let theirs = semaphore.clone();
        let other = spawn(move || match block_on(theirs.acquire()) {
            Ok(permit) => drop(permit),
            Err(error) => assert_eq!(error, AcquireError::Full),
        });
        drop(permit);
        other.join();
        assert_eq!((semaphore.in_use(), semaphore.waiting()), (0, 0));
        assert!(semaphore.try_acquire().is_ok());
    });
}

/// A second one comes in front of one who waits, while the permit comes back. Fails if the one behind is lost.
#[test]
fn semaphore_in_front_or_release() {
    check("semaphore: in front or release", || {
        let semaphore = Semaphore::with_backlog(1, Backlog::lifo(2));
        let permit = semaphore.try_acquire_owned().expect("free");
        let mut first = alloc::boxed::Box::pin(semaphore.acquire());
        assert!(poll_once(&mut first).is_pending());
        let theirs = semaphore.clone();
        let other = spawn(move || drop(block_on(theirs.acquire()).expect("open")));
        drop(permit);
        drop(block_on(first).expect("open"));
        other.join();
        assert_eq!((semaphore.in_use(), semaphore.waiting()), (0, 0));
    });
}
