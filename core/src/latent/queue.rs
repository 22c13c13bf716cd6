//! Children that have not begun, and which hosts are awake.
//!
//! A host is *idle*, with its waker here, or *awake*. One that is awake *searches* from when it is
//! called until it takes a child, and again when that child has been polled. While there are
//! children and nobody searches, one more host is called, up to the limit: so a child that takes long
//! holds up none of those behind it, as long as the executor has a thread for the host.

use crate::child::Child;
use alloc::{collections::VecDeque, vec::Vec};
use core::{mem, task::Waker};

/// How many entries at either end are looked at for a child that is awaited.
const NEAR: usize = 8;

/// Every so many times, a child that is awaited is left to a host: so code that awaits one child after the
/// other lets the executor run other tasks.
const DECLINED: u8 = 128;

/// A child that has not begun, or has yielded only.
pub(super) struct Entry {
    pub(super) child: Child,
    /// How often it has yielded.
    pub(super) yields: u8,
}

/// Whom to call when the lock has been released.
#[must_use = "the host has been counted as called"]
pub(super) enum Call {
    Nobody,
    Wake(Waker),
    /// A new host, of this number.
    Start(usize),
}

/// See the [module](self).
pub(super) struct Queue {
    entries: VecDeque<Entry>,
    /// The numbers and wakers of idle hosts.
    idle: Vec<(usize, Waker)>,
    awake: usize,
    /// How many hosts may be awake.
    most: usize,
    searching: usize,
    /// How many hosts were ever started.
    started: usize,
    taken: u8,
}

impl Queue {
    /// Creates a queue without children, of which at most so many hosts may be awake.
    pub(super) fn new(most: usize) -> Self {
        Queue {
            entries: VecDeque::new(),
            idle: Vec::new(),
            awake: 0,
            most,
            searching: 0,
            started: 0,
            taken: 0,
        }
    }

    /// Adds a child at the end.
    pub(super) fn push(&mut self, entry: Entry) -> Call {
        self.entries.push_back(entry);
        self.call()
    }

    /// Takes out the child at an address, if it is near one of the ends.
    pub(super) fn take(&mut self, address: *const ()) -> Option<Entry> {
        let wanted = |entry: &Entry| entry.child.address() == address;
        let at_front = self.entries.front().is_some_and(wanted);
        let found = if at_front { 0 } else { self.find(wanted)? };
        self.taken += 1;
        if self.taken == DECLINED {
            self.taken = 0;
            return None;
        }
        if at_front { self.entries.pop_front() } else { self.entries.remove(found) }
    }

    fn find(&self, wanted: impl Fn(&Entry) -> bool) -> Option<usize> {
        let last = self.entries.len().checked_sub(1)?;
        let from_back = self.entries.iter().rev().take(NEAR).position(&wanted);
        let back = from_back.map(|n| last - n);
        back.or_else(|| self.entries.iter().take(NEAR).position(wanted))
    }

    /// Takes out the first child for a host that searches.
    pub(super) fn next(&mut self) -> Option<(Entry, Call)> {
        let entry = self.entries.pop_front()?;
        self.searching -= 1;
        Some((entry, self.call()))
    }

    /// A host has polled a child, and searches again. Puts back the child if it has yielded.
    pub(super) fn search(&mut self, again: Option<Entry>) {
        self.searching += 1;
        self.entries.extend(again);
    }

    /// A host that searches becomes idle, unless there are children. Returns the waker in that case.
    pub(super) fn park(&mut self, host: usize, waker: Waker) -> Option<Waker> {
        if !self.entries.is_empty() {
            return Some(waker);
        }
        self.idle.push((host, waker));
        self.awake -= 1;
        self.searching -= 1;
        None
    }

    /// Replaces the waker of an idle host, and returns the old one. Returns `waker` as an error if the
    /// host has been called.
    pub(super) fn replace(&mut self, host: usize, waker: Waker) -> Result<Waker, Waker> {
        match self.idle.iter_mut().find(|(idle, _)| *idle == host) {
            Some((_, old)) => Ok(mem::replace(old, waker)),
            None => Err(waker),
        }
    }

    /// A host is gone. Returns whom to call instead, and what is to be dropped: its waker, and the
    /// children if there is no other host.
    pub(super) fn remove(
        &mut self,
        host: usize,
        searches: bool,
    ) -> (Call, Option<Waker>, VecDeque<Entry>) {
        let idle = self.idle.iter().position(|(idle, _)| *idle == host);
        let waker = idle.map(|at| self.idle.swap_remove(at).1);
        if waker.is_none() {
            self.awake -= 1;
            self.searching -= usize::from(searches);
        }
        if self.awake == 0 && self.idle.is_empty() {
            return (Call::Nobody, waker, mem::take(&mut self.entries));
        }
        (self.call(), waker, VecDeque::new())
    }

    /// Takes out the wakers of all idle hosts, as nothing will come any more.
    pub(super) fn close(&mut self) -> Vec<(usize, Waker)> {
        mem::take(&mut self.idle)
    }

    /// Calls a host if there are children and nobody searches.
    fn call(&mut self) -> Call {
        if self.entries.is_empty() || self.searching > 0 || self.awake >= self.most {
            return Call::Nobody;
        }
        self.awake += 1;
        self.searching += 1;
        match self.idle.pop() {
            Some((_, waker)) => Call::Wake(waker),
            None => {
                self.started += 1;
                Call::Start(self.started)
            }
        }
    }

    pub(super) fn waiting(&self) -> usize {
        self.entries.len()
    }
}
