//! Who the events are about: a bounded number of names.
//!
//! Each has a place in a table, whose number is the mark of all events about it. When no place is free, it takes that of one
//! that has ended; of those, the hand that goes round finds the oldest first, by and large. An end only sets a flag.

use super::recording::Life;
use crate::sync::lock::Lock;
use alloc::{boxed::Box, sync::Arc, vec::Vec};
use core::sync::atomic::{AtomicBool, Ordering};

/// How many places are looked at for one that is free. More would make a begin slow when most of many live on.
const LOOKS: usize = 64;

/// Names, and where who was spawned.
pub(super) struct Lives {
    /// Whether who has this place has ended.
    ended: Box<[AtomicBool]>,
    table: Lock<Table>,
}

struct Table {
    /// With how many there were before, to put them in order.
    places: Vec<(u64, Arc<Life>)>,
    begun: u64,
    hand: usize,
}

impl Lives {
    pub(super) fn new(most: usize) -> Self {
        let ended = (0..most.max(1)).map(|_| AtomicBool::new(false)).collect();
        let table = Lock::new(Table { places: Vec::new(), begun: 0, hand: 0 });
        Lives { ended, table }
    }

    /// Finds a place for who begins, and returns its mark: 0 if there is none.
    pub(super) fn begins(&self, life: Life) -> u64 {
        let life = Arc::new(life);
        let (mark, _before) = self.table.with(|table| {
            let entry = (table.begun, life);
            table.begun += 1;
            if table.places.len() < self.ended.len() {
                table.places.push(entry);
                return (table.places.len() as u64, None);
            }
            for _ in 0..LOOKS.min(self.ended.len()) {
                let at = table.hand;
                table.hand = (at + 1) % self.ended.len();
                if self.ended[at].swap(false, Ordering::Relaxed) {
                    let before = core::mem::replace(&mut table.places[at], entry);
                    return (at as u64 + 1, Some(before));
                }
            }
            (0, Some(entry))
        });
        mark
    }

    /// Frees the place with this mark, once it is needed.
    #[inline]
    pub(super) fn ends(&self, mark: u64) {
        // Cut off on no machine: it was made from a `usize`.
        if let Some(ended) = self.ended.get((mark as usize).wrapping_sub(1)) {
            ended.store(true, Ordering::Relaxed);
        }
    }

    /// Returns all that are known, in the order in which they began.
    pub(super) fn all(&self) -> Vec<Life> {
        let mut places = self.table.with(|table| table.places.clone());
        places.sort_by_key(|(begun, _)| *begun);
        places.into_iter().map(|(_, life)| Life::clone(&life)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observers::Who;

    #[test]
    fn the_oldest_that_have_ended_go_first() {
        let lives = Lives::new(3);
        let begins = |n| {
            lives.begins(Life { who: Who::Scope(n), parent: None, name: None, spawned_at: None })
        };
        let known = || lives.all().into_iter().map(|life| life.who.scope()).collect::<Vec<_>>();
        let marks = [0, 1, 2].map(begins);
        assert_eq!((marks, begins(3), known()), ([1, 2, 3], 0, [0, 1, 2].into()));
        lives.ends(0);
        lives.ends(99);
        [1, 0].into_iter().for_each(|n| lives.ends(marks[n]));
        assert_eq!((begins(4), known()), (1, [1, 2, 4].into()));
        assert_eq!((begins(5), known()), (2, [2, 4, 5].into()));
        assert_eq!((begins(6), known()), (0, [2, 4, 5].into()));
    }
}
