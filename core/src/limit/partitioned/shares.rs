//! The account of a [`Partitioned`](super::Partitioned) limit.

use crate::waits::What;
use crate::{limit::line::Book, time::Instant};
use alloc::{boxed::Box, vec::Vec};
use core::iter;

/// The parts, with what is guaranteed to each. Keys are compared outside of the lock.
pub(super) struct Shares<K> {
    pub(super) parts: Vec<(K, usize)>,
}

/// What is taken.
pub(super) struct Taken {
    pub(super) limit: usize,
    pub(super) all: usize,
    pub(super) each: Box<[usize]>,
}

impl<K> Shares<K> {
    pub(super) fn none_taken(&self, limit: usize) -> Taken {
        Taken { limit, all: 0, each: self.parts.iter().map(|_| 0).collect() }
    }

    fn has_room(&self, taken: &Taken, part: usize) -> bool {
        taken.each[part] < self.parts[part].1 || taken.all < taken.limit
    }
}

impl<K> Book for Shares<K> {
    type Counts = Taken;
    /// The number of the part.
    type Ask = usize;
    type Got = ();

    fn keys(&self) -> usize {
        self.parts.len()
    }

    fn lines_of(part: &usize) -> impl Iterator<Item = usize> {
        iter::once(*part)
    }

    fn amount(_: &usize) -> u64 {
        1
    }

    fn ready_at(&self, taken: &Taken, part: &usize, now: Instant) -> Instant {
        if self.has_room(taken, *part) { now } else { Instant::NEVER }
    }

    fn take(&self, taken: &mut Taken, part: &usize, _: Instant) -> Result<(), Instant> {
        if !self.has_room(taken, *part) {
            return Err(Instant::NEVER);
        }
        taken.all += 1;
        taken.each[*part] += 1;
        Ok(())
    }

    fn is_timed(&self, _: &usize) -> bool {
        false
    }

    fn give_back(&self, taken: &mut Taken, part: &usize, (): (), _: Instant) {
        taken.all -= 1;
        taken.each[*part] -= 1;
    }

    fn what(&self) -> What {
        What::Part
    }
}
