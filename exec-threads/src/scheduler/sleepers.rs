//! Who searches for work, and who sleeps. Work never waits for a thread that sleeps, and no thread
//! is woken while another one searches.
//!
//! # Why no wake is lost
//!
//! Whoever pushes makes the work visible, then reads the counts. It wakes nobody if nobody sleeps,
//! or if somebody searches. So both must look for work after they have changed the counts:
//!
//! - who lies down is on the list first, and looks once more before it sleeps;
//! - the last one that ends a search, with or without work, looks once more, and wakes another one
//!   if there is any.
//!
//! The push and the look on one side, the change of the counts and the look on the other, have a
//! fence between them: at least one of the two sees what the other has done.
//!
//! Nobody sleeps while the lock of the list is held, and no code of a user runs inside of it.

#[cfg(anyscope_loom)]
use super::sleepers_models::Parker;
#[cfg(anyscope_loom)]
use loom::sync::{
    Arc, Mutex, MutexGuard,
    atomic::{AtomicBool, AtomicUsize, Ordering, fence},
};
use std::sync::PoisonError;
#[cfg(not(anyscope_loom))]
use std::{
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicBool, AtomicUsize, Ordering, fence},
    },
    thread::{self, Thread},
};

/// One that searches, in [`Sleepers::counts`]. One that sleeps is 1.
const SEARCHES: usize = 1 << (usize::BITS / 2);

#[derive(Debug)]
pub(crate) struct Sleepers {
    /// How many search and how many sleep. The latter, only with the lock of the list.
    counts: AtomicUsize,
    /// Whose caches are the warmest comes last, and is woken first.
    asleep: Mutex<Vec<Arc<Sleeper>>>,
}

impl Sleepers {
    pub(crate) fn new() -> Self {
        Sleepers { counts: AtomicUsize::new(0), asleep: Mutex::new(Vec::new()) }
    }

    /// Wakes one that sleeps, unless another one searches. To be called after work was pushed.
    pub(crate) fn wake_one(&self) {
        // The push comes before the look at the counts.
        fence(Ordering::SeqCst);
        if !wants_wake(self.counts.load(Ordering::Relaxed)) {
            return;
        }
        let mut asleep = self.lock();
        // Two that push at the same time wake one.
        if !wants_wake(self.counts.load(Ordering::Relaxed)) {
            return;
        }
        let Some(sleeper) = asleep.pop() else { return };
        self.counts.fetch_add(SEARCHES - 1, Ordering::SeqCst);
        sleeper.listed.store(false, Ordering::Release);
        drop(asleep);
        sleeper.unpark();
    }

    /// Wakes all that sleep.
    pub(crate) fn wake_all(&self) {
        let mut asleep = self.lock();
        let woken: Vec<_> = asleep.drain(..).collect();
        self.counts.fetch_add(woken.len() * (SEARCHES - 1), Ordering::SeqCst);
        for sleeper in &woken {
            sleeper.listed.store(false, Ordering::Release);
        }
        drop(asleep);
        for sleeper in woken {
            sleeper.unpark();
        }
    }

    /// Counts the caller among those who search.
    pub(crate) fn begin_search(&self) {
        self.counts.fetch_add(SEARCHES, Ordering::SeqCst);
    }

    /// Counts the caller out again. Wakes another one if nobody else searches and `is_work` says
    /// that there is some.
    pub(crate) fn end_search(&self, is_work: impl Fn() -> bool) {
        let before = self.counts.fetch_sub(SEARCHES, Ordering::SeqCst);
        if before / SEARCHES > 1 || before % SEARCHES == 0 {
            return;
        }
        // The change of the counts comes before the look at the work.
        fence(Ordering::SeqCst);
        if is_work() {
            self.wake_one();
        }
    }

    /// Returns whether no more than one searches.
    #[cfg(not(anyscope_loom))]
    pub(crate) fn one_searches(&self) -> bool {
        self.counts.load(Ordering::Relaxed) / SEARCHES <= 1
    }

    /// Sleeps until somebody wakes the caller, or its thread is unparked and `is_due`. Returns at
    /// once if that is so already, or if there `is_work`. The caller searches before and after.
    pub(crate) fn sleep(
        &self,
        sleeper: &Arc<Sleeper>,
        is_due: impl Fn() -> bool,
        is_work: impl Fn() -> bool,
    ) {
        let mut asleep = self.lock();
        sleeper.listed.store(true, Ordering::Relaxed);
        asleep.push(sleeper.clone());
        self.counts.fetch_sub(SEARCHES - 1, Ordering::SeqCst);
        drop(asleep);
        // The change of the counts comes before the look at the work.
        fence(Ordering::SeqCst);
        if !is_work() {
            while sleeper.listed.load(Ordering::Acquire) && !is_due() {
                sleeper.parker.park();
            }
        }
        if !sleeper.listed.load(Ordering::Acquire) {
            return;
        }
        let mut asleep = self.lock();
        if let Some(at) = asleep.iter().position(|other| Arc::ptr_eq(other, sleeper)) {
            asleep.remove(at);
            self.counts.fetch_add(SEARCHES - 1, Ordering::SeqCst);
            sleeper.listed.store(false, Ordering::Relaxed);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Arc<Sleeper>>> {
        self.asleep.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn wants_wake(counts: usize) -> bool {
    counts != 0 && counts < SEARCHES
}

/// A thread that may sleep.
#[derive(Debug)]
pub(crate) struct Sleeper {
    parker: Parker,
    /// Whether it is on the list. Written with its lock.
    listed: AtomicBool,
}

impl Sleeper {
    /// Makes one of the calling thread.
    pub(crate) fn current() -> Arc<Self> {
        Arc::new(Sleeper { parker: Parker::current(), listed: AtomicBool::new(false) })
    }

    pub(crate) fn unpark(&self) {
        self.parker.unpark();
    }
}

/// What a thread sleeps in. It may wake for no reason.
#[cfg(not(anyscope_loom))]
#[derive(Debug)]
struct Parker(Thread);

#[cfg(not(anyscope_loom))]
impl Parker {
    fn current() -> Self {
        Parker(thread::current())
    }

    /// To be called on its thread.
    fn park(&self) {
        thread::park();
    }

    fn unpark(&self) {
        self.0.unpark();
    }
}

#[cfg(all(test, not(anyscope_loom)))]
impl Sleepers {
    /// Puts on the list one that does not really sleep. Nobody else may search.
    pub(super) fn lie_down(&self, sleeper: &Arc<Sleeper>) {
        sleeper.listed.store(true, Ordering::Relaxed);
        self.lock().push(sleeper.clone());
        self.counts.fetch_add(1, Ordering::SeqCst);
    }

    /// The same for one that was woken.
    pub(super) fn lie_down_again(&self, sleeper: &Arc<Sleeper>) {
        self.end_search(|| false);
        self.lie_down(sleeper);
    }
}

#[cfg(all(test, not(anyscope_loom)))]
impl Sleeper {
    pub(super) fn sleeps(&self) -> bool {
        self.listed.load(Ordering::Acquire)
    }
}

#[cfg(all(test, not(anyscope_loom)))]
mod tests {
    use super::*;

    /// Given three that sleep, then what is pushed wakes one, and no other before that one has ended
    /// its search and there is more; where all search or nobody sleeps, nobody is woken.
    #[test]
    fn a_push_wakes_one_at_most() {
        let sleepers = Sleepers::new();
        let all = [(); 3].map(|()| Sleeper::current());
        let asleep = || all.iter().filter(|sleeper| sleeper.sleeps()).count();
        sleepers.wake_one();
        for sleeper in &all {
            sleepers.lie_down(sleeper);
        }
        sleepers.wake_one();
        assert_eq!(asleep(), 2);
        sleepers.wake_one();
        assert_eq!(asleep(), 2, "one searches");
        sleepers.end_search(|| false);
        assert_eq!(asleep(), 2, "there is no more");
        sleepers.begin_search();
        sleepers.wake_one();
        assert_eq!(asleep(), 2, "another one searches");
        sleepers.begin_search();
        sleepers.end_search(|| true);
        assert_eq!(asleep(), 2, "it still does");
        sleepers.end_search(|| true);
        assert_eq!(asleep(), 1, "nobody else searches, and there is more");
        sleepers.wake_all();
        assert_eq!(asleep(), 0);
    }

    /// Given one that lies down, when there is work or something else is due, then it does not sleep,
    /// and is on no list.
    #[test]
    fn nobody_sleeps_when_there_is_something_to_do() {
        let (sleepers, sleeper) = (Sleepers::new(), Sleeper::current());
        sleepers.begin_search();
        sleepers.sleep(&sleeper, || false, || true);
        sleepers.sleep(&sleeper, || true, || false);
        assert!(!sleeper.sleeps());
        assert!(sleepers.lock().is_empty());
        assert_eq!(sleepers.counts.load(Ordering::Relaxed), SEARCHES);
    }
}
