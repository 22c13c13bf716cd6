//! The lines, and who is served.
//!
//! Whoever asks for several keys stands in the line of each. One is served who is the first in all of
//! them, the one who came first before the others. The one who came first of all is first in all of its
//! lines, so it waits for returns and for time only, and never for those behind it: no order of keys
//! makes a deadlock, and no one starves. Those who ask for other keys pass.

use super::book::Book;
use crate::{
    sync::{Arc, Wakers, atomic_waker::AtomicWaker},
    time::Instant,
};
use alloc::{
    boxed::Box,
    collections::{BTreeMap, BTreeSet},
};

/// What is under the lock.
pub(super) struct Desk<B: Book> {
    pub(super) counts: B::Counts,
    /// The latest moment that any caller has told.
    now: Instant,
    /// Whether the present caller has told one. Who gives back a resource has no clock.
    timed: bool,
    /// How many have come. The number of each is how many came before.
    numbers: u64,
    /// The numbers of those who wait, for each key.
    lines: Box<[BTreeSet<u64>]>,
    /// Those who wait, and those who were served and have not seen it.
    people: BTreeMap<u64, Person<B>>,
    /// How many wait, and the sum of what they wait for.
    pub(super) waiting: usize,
    pub(super) asked: u64,
}

/// One who waits, or has not seen yet that it was served.
struct Person<B: Book> {
    ask: B::Ask,
    /// Its future has the other count, so the waker itself is never dropped here.
    waker: Arc<AtomicWaker>,
    state: State<B::Got>,
}

enum State<G> {
    /// The first of all its lines can be served at this moment; the others are told when they are
    /// first. [`Instant::NEVER`] if no timer is needed.
    Waits(Instant),
    Served(G),
}

impl<B: Book> Desk<B> {
    pub(super) fn new(book: &B, counts: B::Counts) -> Self {
        Desk {
            counts,
            now: Instant::from_epoch(core::time::Duration::ZERO),
            timed: false,
            numbers: 0,
            lines: (0..book.keys()).map(|_| BTreeSet::new()).collect(),
            people: BTreeMap::new(),
            waiting: 0,
            asked: 0,
        }
    }

    /// It is now this late, or later; or the caller does not know.
    pub(super) fn tell(&mut self, now: Option<Instant>) {
        self.timed = now.is_some();
        self.now = now.map_or(self.now, |now| self.now.max(now));
    }

    /// Serves one who has just come and does not wait.
    pub(super) fn take_now(&mut self, book: &B, ask: &B::Ask) -> Result<B::Got, Instant> {
        if B::lines_of(ask).any(|key| !self.lines[key].is_empty()) {
            return Err(Instant::NEVER);
        }
        book.take(&mut self.counts, ask, self.now)
    }

    /// Puts one into its lines, and returns its number.
    pub(super) fn enter(&mut self, ask: B::Ask, waker: Arc<AtomicWaker>) -> u64 {
        let number = self.numbers;
        self.numbers += 1;
        for key in B::lines_of(&ask) {
            self.lines[key].insert(number);
        }
        self.waiting += 1;
        self.asked += B::amount(&ask);
        let state = State::Waits(Instant::NEVER);
        self.people.insert(number, Person { ask, waker, state });
        number
    }

    /// Serves all who can be served, and tells those in front when they can be. `me` looks by itself, and
    /// need not be woken.
    pub(super) fn serve(&mut self, book: &B, me: Option<u64>, wakers: &mut Wakers) {
        let firsts = self.lines.iter().filter_map(|line| line.first().copied());
        let mut firsts: BTreeSet<u64> = firsts.collect();
        while let Some(number) = firsts.pop_first() {
            let Some(person) = self.people.get_mut(&number) else { continue };
            let lines = &mut self.lines;
            if B::lines_of(&person.ask).any(|key| lines[key].first() != Some(&number)) {
                continue;
            }
            let taken = if self.timed || !book.is_timed(&person.ask) {
                book.take(&mut self.counts, &person.ask, self.now)
            } else {
                // Else it would be taken before it is. It is woken, and takes it by its own clock.
                Err(book.ready_at(&self.counts, &person.ask, self.now))
            };
            match taken {
                Ok(got) => {
                    self.waiting -= 1;
                    self.asked -= B::amount(&person.ask);
                    for key in B::lines_of(&person.ask) {
                        lines[key].remove(&number);
                        firsts.extend(lines[key].first());
                    }
                    person.state = State::Served(got);
                    if me != Some(number) {
                        wakers.add(person.waker.take());
                    }
                }
                Err(at) => {
                    let before = core::mem::replace(&mut person.state, State::Waits(at));
                    let same = matches!(before, State::Waits(before) if before == at);
                    if !same && me != Some(number) {
                        wakers.add(person.waker.take());
                    }
                }
            }
        }
    }

    /// Removes one who was served, with what it got.
    ///
    /// # Errors
    ///
    /// Returns the moment for its timer, if it still waits.
    pub(super) fn look(&mut self, number: u64) -> Result<(B::Ask, B::Got), Instant> {
        let person = self.people.remove(&number).expect("only its future removes it");
        match person {
            Person { ask, state: State::Served(got), .. } => Ok((ask, got)),
            Person { state: State::Waits(at), .. } => {
                self.people.insert(number, person);
                Err(at)
            }
        }
    }

    /// Removes one who waits no longer, and takes back what it was served with.
    pub(super) fn leave(&mut self, book: &B, number: u64) {
        let Person { ask, state, .. } =
            self.people.remove(&number).expect("only its future removes it");
        match state {
            State::Served(got) => book.give_back(&mut self.counts, &ask, got, self.now),
            State::Waits(_) => {
                self.waiting -= 1;
                self.asked -= B::amount(&ask);
                for key in B::lines_of(&ask) {
                    self.lines[key].remove(&number);
                }
            }
        }
    }
}
