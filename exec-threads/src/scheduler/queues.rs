//! Where tasks wait for a thread.

use super::{
    driver,
    local::{Ends, Local},
    sleepers::Sleepers,
};
use async_task::{Runnable, ScheduleInfo};
use crossbeam_deque::{Injector, Steal};
use std::{
    iter,
    sync::{
        PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard,
        atomic::{AtomicUsize, Ordering},
    },
};

#[derive(Debug)]
pub(crate) struct Queues {
    /// What was spawned and woken outside, and what drivers have left.
    outside: Injector<Runnable>,
    /// In the order of their names.
    drivers: RwLock<Vec<(Name, Ends)>>,
    next_name: AtomicUsize,
    pub(super) sleepers: Sleepers,
}

/// The name of a driver.
pub(super) type Name = usize;

impl Queues {
    pub(crate) fn new() -> Self {
        Queues {
            outside: Injector::new(),
            drivers: RwLock::default(),
            next_name: AtomicUsize::new(0),
            sleepers: Sleepers::new(),
        }
    }

    /// What tells this from all others.
    pub(super) fn key(&self) -> usize {
        std::ptr::from_ref(self).addr()
    }

    /// Wakes all threads that sleep, as they have something else to do.
    pub(crate) fn wake_all(&self) {
        self.sleepers.wake_all();
    }

    pub(super) fn push_spawned(&self, task: Runnable) {
        if let Err(task) = driver::push_here(self.key(), task, Local::push_spawned) {
            self.outside.push(task);
        }
        self.sleepers.wake_one();
    }

    pub(super) fn push_woken(&self, task: Runnable, info: ScheduleInfo) {
        match driver::push_here(self.key(), task, Local::push_woken) {
            // The thread has just polled it, and takes it again at once.
            Ok(was_empty) if was_empty && info.woken_while_running => return,
            Ok(_) => {}
            Err(task) => self.outside.push(task),
        }
        self.sleepers.wake_one();
    }

    /// Takes the first one that came from outside.
    pub(super) fn take_from_outside(&self) -> Option<Runnable> {
        if self.outside.is_empty() {
            return None;
        }
        until_known(|| self.outside.steal())
    }

    /// The same, and moves some more to `local`.
    pub(super) fn take_some_from_outside(&self, local: &Local) -> Option<Runnable> {
        until_known(|| local.take_from(&self.outside))
    }

    /// Takes one that another driver has, and moves some more to `local`.
    pub(super) fn steal(&self, name: Name, local: &Local) -> Option<Runnable> {
        self.take_from_others(name, |other| local.steal(other))
    }

    /// Takes one that another driver has, and that may wait there for the end of a poll.
    pub(super) fn steal_oldest(&self, name: Name) -> Option<Runnable> {
        self.take_from_others(name, Ends::oldest)
    }

    fn take_from_others(
        &self,
        name: Name,
        take: impl Fn(&Ends) -> Steal<Runnable>,
    ) -> Option<Runnable> {
        until_known(|| {
            let drivers = self.read();
            // From the next one on, so that not all go to the same.
            let (before, after) = drivers.split_at(drivers.partition_point(|it| it.0 <= name));
            let others = after.iter().chain(before).filter(|it| it.0 != name);
            others.map(|(_, other)| take(other)).collect()
        })
    }

    /// Returns whether a task waits anywhere.
    pub(super) fn is_work(&self) -> bool {
        !self.outside.is_empty() || self.read().iter().any(|(_, queue)| !queue.is_empty())
    }

    /// Makes the queues of a driver known.
    pub(super) fn add(&self, local: &Local) -> Name {
        let mut drivers = self.write();
        // With the lock, so that names are in order.
        let name = self.next_name.fetch_add(1, Ordering::Relaxed);
        drivers.push((name, local.ends()));
        name
    }

    /// Forgets the queues of a driver, and leaves to others what is in them.
    pub(super) fn remove(&self, name: Name, local: &Local) {
        self.write().retain(|it| it.0 != name);
        if local.is_empty() {
            return;
        }
        for task in iter::from_fn(|| local.next()) {
            self.outside.push(task);
        }
        self.sleepers.wake_one();
    }

    fn read(&self) -> RwLockReadGuard<'_, Vec<(Name, Ends)>> {
        self.drivers.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Vec<(Name, Ends)>> {
        self.drivers.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Tries until no other thread was faster.
fn until_known(mut steal: impl FnMut() -> Steal<Runnable>) -> Option<Runnable> {
    loop {
        match steal() {
            Steal::Success(task) => return Some(task),
            Steal::Empty => return None,
            Steal::Retry => {}
        }
    }
}
