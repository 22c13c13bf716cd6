//! Models of [`Sleepers`]; see `anyscope_core::model`. Work is a count without an order of its own, so
//! a model fails unless the protocol brings it. A lost wake is a thread that waits for ever.

use super::sleepers::{Sleeper, Sleepers};
use anyscope_core::model::check;
use loom::{
    sync::{
        Arc, Condvar, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
    },
    thread::{self, JoinHandle},
};

/// In place of `thread::park`: loom's unparks a thread that waits for a lock too.
#[derive(Debug)]
pub(super) struct Parker {
    is_unparked: Mutex<bool>,
    changed: Condvar,
}

impl Parker {
    pub(super) fn current() -> Self {
        Parker { is_unparked: Mutex::new(false), changed: Condvar::new() }
    }

    pub(super) fn park(&self) {
        let mut is_unparked = self.is_unparked.lock().unwrap();
        while !*is_unparked {
            is_unparked = self.changed.wait(is_unparked).unwrap();
        }
        *is_unparked = false;
    }

    pub(super) fn unpark(&self) {
        *self.is_unparked.lock().unwrap() = true;
        self.changed.notify_one();
    }
}

/// Sleepers, and the work of which they take one piece each.
struct Pool {
    sleepers: Sleepers,
    work: AtomicUsize,
}

impl Pool {
    fn new() -> Arc<Self> {
        Arc::new(Pool { sleepers: Sleepers::new(), work: AtomicUsize::new(0) })
    }

    fn push(&self) {
        self.work.fetch_add(1, Relaxed);
        self.sleepers.wake_one();
    }

    fn is_work(&self) -> bool {
        self.work.load(Relaxed) > 0
    }

    fn take(&self) -> bool {
        self.work.fetch_update(Relaxed, Relaxed, |work| work.checked_sub(1)).is_ok()
    }

    /// Waits for one piece of work or until `is_due`, as a driver does. Returns whether it has taken
    /// one.
    fn search(&self, sleeper: &Arc<Sleeper>, is_due: impl Fn() -> bool) -> bool {
        self.sleepers.begin_search();
        let found = loop {
            let found = self.take();
            if found || is_due() {
                break found;
            }
            self.sleepers.sleep(sleeper, &is_due, || self.is_work());
        };
        self.sleepers.end_search(|| self.is_work());
        found
    }
}

/// Starts a thread that takes one piece of work.
fn start_taking(pool: &Arc<Pool>) -> JoinHandle<()> {
    let pool = pool.clone();
    thread::spawn(move || assert!(pool.search(&Sleeper::current(), || false)))
}

/// One lies down while work is pushed: it sees the work, or it is woken. Fails without the look at
/// the work in `sleep`, and without one of the two fences.
#[test]
fn push_or_sleep() {
    check("sleepers: push or sleep", || {
        let pool = Pool::new();
        let taking = start_taking(&pool);
        pool.push();
        taking.join().unwrap();
    });
}

/// Two pieces for two that sleep or are about to. Whoever is woken first, or still searches, wakes
/// the other. Fails without the look at the work in `end_search`, and without the fence before it.
#[test]
fn one_wake_leads_to_the_next() {
    check("sleepers: one wake leads to the next", || {
        let pool = Pool::new();
        let taking = [(); 2].map(|()| start_taking(&pool));
        pool.push();
        pool.push();
        for taking in taking {
            taking.join().unwrap();
        }
    });
}

/// One that is woken for work may have something else to do: another one takes the work. Fails if
/// `end_search` is not called by who has found none.
#[test]
fn who_leaves_passes_the_wake_on() {
    check("sleepers: who leaves passes the wake on", || {
        let pool = Pool::new();
        let taking = start_taking(&pool);
        let (sleeper, is_due) = (Sleeper::current(), Arc::new(AtomicBool::new(false)));
        let other = {
            let (pool, sleeper, is_due) = (pool.clone(), sleeper.clone(), is_due.clone());
            thread::spawn(move || {
                pool.push();
                is_due.store(true, Relaxed);
                sleeper.unpark();
            })
        };
        if pool.search(&sleeper, || is_due.load(Relaxed)) {
            // The other one waits for some too.
            pool.push();
        }
        other.join().unwrap();
        taking.join().unwrap();
    });
}

/// All are woken when it is due, those that are about to sleep as well. Fails if `sleep` does not ask
/// whether it is due.
#[test]
fn the_end_wakes_all() {
    check("sleepers: the end wakes all", || {
        let pool = Pool::new();
        let is_due = Arc::new(AtomicBool::new(false));
        let waiting = [(); 2].map(|()| {
            let (pool, is_due) = (pool.clone(), is_due.clone());
            thread::spawn(move || pool.search(&Sleeper::current(), || is_due.load(Relaxed)))
        });
        is_due.store(true, Relaxed);
        pool.sleepers.wake_all();
        for waiting in waiting {
            assert!(!waiting.join().unwrap());
        }
    });
}
