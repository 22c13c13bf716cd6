//! The last values that one thread has pushed, read by any thread meanwhile.
//!
//! Whoever pushes never waits, and allocates nothing. Each slot is a [`SeqCell`], and a reader knows which of its writes has the
//! value that it looks for: if that is over, it was overtaken. Slots are written in turn, so a reader goes from the newest value
//! back until it is overtaken, or at the oldest that may be there. What it has then are the last values, without a gap.
//!
//! The writer counts for itself, and reads nothing of what it shares. (It would cost nothing; but loom, of whoever reads a word
//! before it writes to it, tries no order with the reads of others.)

use super::seq_cell::SeqCell;
use crate::sync::{Arc, AtomicU64, Ordering};
use alloc::{boxed::Box, vec::Vec};

/// Allocates a ring for at least so many values, and returns its two sides.
pub(crate) fn ring<const N: usize>(least: usize) -> (Writer<N>, Reader<N>) {
    let slots = (0..least.max(1).next_power_of_two()).map(|_| SeqCell::new()).collect();
    let ring = Arc::new(Ring { slots, pushed: AtomicU64::new(0) });
    (Writer { ring: ring.clone(), next: 0 }, Reader { ring })
}

/// Pushes values.
#[derive(Debug)]
pub(crate) struct Writer<const N: usize> {
    ring: Arc<Ring<N>>,
    /// The number of the next value.
    next: u64,
}

/// Reads the last values.
#[derive(Debug)]
pub(crate) struct Reader<const N: usize> {
    ring: Arc<Ring<N>>,
}

/// What was read.
#[derive(Debug)]
pub(crate) struct Last<const N: usize> {
    /// How many values were pushed before these.
    pub(crate) lost: u64,
    /// The last values, the oldest first.
    pub(crate) values: Vec<[u64; N]>,
}

#[derive(Debug)]
struct Ring<const N: usize> {
    /// A power of two of them.
    slots: Box<[SeqCell<N>]>,
    /// How many values were pushed.
    pushed: AtomicU64,
}

impl<const N: usize> Writer<N> {
    /// Pushes a value, and returns its number.
    #[inline]
    pub(crate) fn push(&mut self, value: [u64; N]) -> u64 {
        let number = self.next;
        self.next += 1;
        let (slot, write) = self.ring.place(number);
        slot.write_nth(write, value);
        // Release: a reader that sees this count sees the write.
        self.ring.pushed.store(self.next, Ordering::Release);
        number
    }
}

impl<const N: usize> Reader<N> {
    /// Returns how many values were pushed.
    pub(crate) fn pushed(&self) -> u64 {
        self.ring.pushed.load(Ordering::Acquire)
    }

    /// Returns the value with this number, if it is there and not overwritten yet.
    pub(crate) fn get(&self, number: u64) -> Option<[u64; N]> {
        let (slot, write) = self.ring.place(number);
        slot.read_nth(write)
    }

    /// Returns the last values.
    pub(crate) fn last(&self) -> Last<N> {
        let pushed = self.pushed();
        let oldest = pushed.saturating_sub(self.ring.slots.len() as u64);
        let mut values: Vec<_> =
            (oldest..pushed).rev().map_while(|number| self.get(number)).collect();
        values.reverse();
        Last { lost: pushed - values.len() as u64, values }
    }
}

impl<const N: usize> Ring<N> {
    /// Returns in which slot the value with this number is, and which of its writes it is.
    #[inline]
    fn place(&self, number: u64) -> (&SeqCell<N>, usize) {
        let slots = self.slots.len();
        // Both are cut off where that is shorter: of the first, the lowest bits count; the other wraps around, as versions do.
        let (at, before) = (number as usize, (number >> slots.trailing_zeros()) as usize);
        (&self.slots[at & (slots - 1)], before.wrapping_add(1))
    }
}

#[cfg(all(test, not(anyscope_loom)))]
mod tests {
    use super::*;

    #[test]
    fn the_last_are_there_and_the_others_are_counted() {
        let (mut writer, reader) = ring(3);
        assert_eq!((reader.last().lost, reader.last().values.len()), (0, 0));
        (0..3).for_each(|n| assert_eq!(writer.push([n, n]), n));
        assert_eq!(
            (reader.last().lost, reader.last().values),
            (0, [[0, 0], [1, 1], [2, 2]].into())
        );
        (3..11).for_each(|n| _ = writer.push([n, n]));
        let last = reader.last();
        assert_eq!((last.lost, last.values), (7, (7..11).map(|n| [n, n]).collect()));
        assert_eq!((reader.get(6), reader.get(7), reader.get(11)), (None, Some([7, 7]), None));
    }
}
