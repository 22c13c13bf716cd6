//! The observers of a tree.

use super::{Observer, Subject, Who};
use crate::unwind;
use alloc::{boxed::Box, vec::Vec};
use core::sync::atomic::{AtomicBool, Ordering};

/// How many observers a tree may have: each has a mark in every child.
pub(crate) const MOST: usize = 3;

/// What each observer has returned for a scope or child.
pub(super) type Marks = [u64; MOST];

/// The observers of a tree.
#[derive(Default)]
pub(crate) struct Observers {
    all: Vec<One>,
    wants_wakes: bool,
}

struct One {
    observer: Box<dyn Observer>,
    /// It has panicked, and is not called any more.
    is_off: AtomicBool,
}

impl Observers {
    pub(crate) fn push(&mut self, observer: Box<dyn Observer>) {
        assert!(self.all.len() < MOST, "a tree has at most {MOST} observers");
        self.wants_wakes |= observer.wants_wakes();
        self.all.push(One { observer, is_off: AtomicBool::new(false) });
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// Returns how many have panicked.
    pub(crate) fn failed(&self) -> usize {
        self.all.iter().filter(|one| one.is_off.load(Ordering::Relaxed)).count()
    }

    pub(super) fn wants_wakes(&self) -> bool {
        self.wants_wakes
    }

    /// Returns whether one wants to be told of a child that begins now.
    pub(super) fn wants_children(&self) -> bool {
        let mut wanted = false;
        self.each(|_, observer| wanted = wanted || observer.wants_children());
        wanted
    }

    /// Calls `begins` of each, and returns what they return.
    pub(super) fn marks(&self, mut begins: impl FnMut(usize, &dyn Observer) -> u64) -> Marks {
        let mut marks = Marks::default();
        self.each(|index, observer| marks[index] = begins(index, observer));
        marks
    }

    /// Calls `f` with each, and with what an event is about.
    pub(super) fn tell(
        &self,
        who: Who,
        marks: &Marks,
        mut f: impl FnMut(usize, &dyn Observer, Subject),
    ) {
        self.each(|index, observer| f(index, observer, Subject { who, mark: marks[index] }));
    }

    fn each(&self, mut f: impl FnMut(usize, &dyn Observer)) {
        for (index, one) in self.all.iter().enumerate() {
            if one.is_off.load(Ordering::Relaxed) {
                continue;
            }
            if let Err(payload) = unwind::catch(|| f(index, &*one.observer)) {
                one.is_off.store(true, Ordering::Relaxed);
                unwind::discard(payload);
            }
        }
    }
}
