//! Who waits for permits, in the order in which they came.
//!
//! Changed under a lock, so nothing here runs user code: wakers are cloned before, and fired and dropped after.

use super::Backlog;
use crate::sync::Wakers;
use alloc::vec::Vec;
use core::{mem, task::Waker};

/// No place.
const NONE: u32 = u32::MAX;

/// So many places are kept for the next who wait, so that waiting allocates nothing in the long run.
const SPARE: usize = 64;

/// The places of those who wait, and of those who were served and have not seen it; see the [module](self).
pub(super) struct Queue {
    backlog: Backlog,
    is_special: bool,
    /// How many wait.
    waiting: usize,
    places: Vec<Place>,
    /// How many places are not free.
    used: u32,
    /// A list of the free ones, by `after`.
    free: u32,
    /// A list of those who wait, by `before` and `after`.
    first: u32,
    last: u32,
}

/// On a cache line of its own, as it is used by the thread of its waiter and by that which serves it.
#[repr(align(64))]
struct Place {
    state: State,
    count: usize,
    /// Not kept up to date in the first.
    before: u32,
    after: u32,
}

enum State {
    Free,
    Waiting(Waker),
    Granted,
    Refused,
}

/// What the future of a waiter finds in its place.
pub(super) enum Found {
    /// It still waits, and is woken by the waker that was passed.
    Nothing,
    /// It still waits, and would wake somebody else.
    OtherWaker,
    Granted,
    Refused,
}

/// What the future of a waiter leaves behind.
pub(super) enum Left {
    Nothing,
    /// It was waiting, with this waker, as the first or not.
    Waiting(Waker, bool),
    Granted,
}

impl Queue {
    pub(super) fn new(backlog: Backlog) -> Self {
        let (is_special, places) = (backlog != Backlog::default(), Vec::new());
        Queue {
            backlog,
            is_special,
            waiting: 0,
            places,
            used: 0,
            free: NONE,
            first: NONE,
            last: NONE,
        }
    }

    /// Returns whether not all may wait, or not in the order in which they come.
    pub(super) fn is_special(&self) -> bool {
        self.is_special
    }

    /// Returns whether whoever comes now is the first.
    pub(super) fn next_is_first(&self) -> bool {
        self.is_empty() || self.backlog.newest_first
    }

    /// Returns whether as many wait as may.
    pub(super) fn is_full(&self) -> bool {
        self.waiting >= self.backlog.most
    }

    /// Returns how many wait.
    pub(super) fn waiting(&self) -> usize {
        self.waiting
    }

    /// Returns whether nobody waits.
    pub(super) fn is_empty(&self) -> bool {
        self.first == NONE
    }

    /// Puts a waiter in its place, which it returns: at the end, or in front.
    pub(super) fn enter(&mut self, count: usize, waker: Waker) -> u32 {
        let place = Place { state: State::Waiting(waker), count, before: self.last, after: NONE };
        let at = match self.free {
            NONE => {
                self.places.push(place);
                // So many do not fit into memory.
                (self.places.len() - 1) as u32
            }
            at => {
                let free = self.place(at);
                let next = free.after;
                *free = place;
                self.free = next;
                at
            }
        };
        self.used += 1;
        self.waiting += 1;
        match self.last {
            NONE => self.first = at,
            last => self.place(last).after = at,
        }
        self.last = at;
        if self.backlog.newest_first {
            self.put_in_front(at);
        }
        at
    }

    /// Moves the waiter that has just entered to the front.
    #[cold]
    fn put_in_front(&mut self, at: u32) {
        let first = self.first;
        if first == at {
            return;
        }
        let before = self.place(at).before;
        self.link(before, NONE);
        self.place(first).before = at;
        self.place(at).after = first;
        self.first = at;
    }

    fn place(&mut self, at: u32) -> &mut Place {
        &mut self.places[at as usize]
    }

    /// Returns how many permits the first one waits for.
    pub(super) fn asked(&self) -> Option<usize> {
        Some(self.places.get(self.first as usize)?.count)
    }

    /// Notes that the first one has its permits.
    pub(super) fn grant(&mut self, wakers: &mut Wakers) {
        self.serve(State::Granted, wakers);
    }

    /// Notes that all are refused.
    pub(super) fn refuse_all(&mut self, wakers: &mut Wakers) {
        while !self.is_empty() {
            self.serve(State::Refused, wakers);
        }
    }

    // Once for each permit that is handed on; with two callers, the compiler would make it a call.
    #[inline(always)]
    fn serve(&mut self, state: State, wakers: &mut Wakers) {
        let place = self.place(self.first);
        let after = place.after;
        if let State::Waiting(waker) = mem::replace(&mut place.state, state) {
            wakers.add(Some(waker));
        }
        self.waiting -= 1;
        self.leads(after);
    }

    /// Notes that this is the first now. Does not touch it.
    fn leads(&mut self, first: u32) {
        self.first = first;
        if first == NONE {
            self.last = NONE;
        }
    }

    /// Looks for a waiter whether it was served, and frees the place if so. If not, `new` replaces a waker that would not
    /// wake whom `waker` wakes; the one before is in its place then.
    pub(super) fn look(&mut self, at: u32, waker: &Waker, new: &mut Option<Waker>) -> Found {
        let found = match &mut self.place(at).state {
            State::Waiting(own) if own.will_wake(waker) => return Found::Nothing,
            State::Waiting(own) => match new {
                Some(new) => {
                    mem::swap(own, new);
                    return Found::Nothing;
                }
                None => return Found::OtherWaker,
            },
            State::Granted => Found::Granted,
            State::Refused | State::Free => Found::Refused,
        };
        self.free(at);
        found
    }

    /// Removes a waiter, and frees the place.
    pub(super) fn leave(&mut self, at: u32) -> Left {
        let is_first = self.first == at;
        let place = self.place(at);
        let (before, after) = (place.before, place.after);
        let left = match mem::replace(&mut place.state, State::Free) {
            State::Waiting(waker) => {
                self.waiting -= 1;
                match is_first {
                    true => self.leads(after),
                    false => self.link(before, after),
                }
                Left::Waiting(waker, is_first)
            }
            State::Granted => Left::Granted,
            State::Refused | State::Free => Left::Nothing,
        };
        self.free(at);
        left
    }

    fn link(&mut self, before: u32, after: u32) {
        self.place(before).after = after;
        match after {
            NONE => self.last = before,
            after => self.place(after).before = before,
        }
    }

    fn free(&mut self, at: u32) {
        self.used -= 1;
        if self.used == 0 && self.places.len() > SPARE {
            (self.places, self.free) = (Vec::new(), NONE);
            return;
        }
        let next = self.free;
        let place = self.place(at);
        (place.state, place.after) = (State::Free, next);
        self.free = at;
    }
}
