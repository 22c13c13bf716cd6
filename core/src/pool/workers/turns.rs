//! Whose turn it is, while fewer jobs may run than there are workers.
//!
//! Among the jobs whose worker is free, the one that was submitted first is begun first, whoever's it is. So a worker
//! that has always something to do keeps none of the others waiting for ever.
//!
//! A worker that is told looks for a job once, and whoever has looked has the next ones told: so when nobody is
//! told, nothing is left that could be begun. One that looks while idle ones with older jobs would use up the room leaves it to them.

use super::state::State;
use crate::sync::Wakers;

impl<J, O> State<J, O> {
    /// Whether the limit is what keeps workers from jobs.
    #[inline]
    pub(super) fn is_limited(&self) -> bool {
        self.limit.now() < self.desks.len()
    }

    /// How many jobs more may run.
    pub(super) fn room(&self) -> usize {
        self.limit.now().saturating_sub(self.running)
    }

    /// Whether a worker that is free may begin the job of this number.
    #[inline]
    pub(super) fn is_its_turn(&self, index: usize, number: u64) -> bool {
        if !self.is_limited() {
            return true;
        }
        let others = self.desks.iter().enumerate().filter(|(other, _)| *other != index);
        let is_before = |first| first < number;
        let before =
            others.filter(|(_, desk)| desk.is_idle() && desk.first().is_some_and(is_before));
        before.count() < self.room()
    }

    /// Has those look who may begin something now.
    pub(super) fn limit_changed(&mut self, wakers: &mut Wakers) {
        match self.is_limited() {
            true => self.call_next(wakers),
            // From now on nobody calls others.
            false => self.tell_all(wakers),
        }
    }

    #[inline]
    pub(super) fn call_next_if_limited(&mut self, wakers: &mut Wakers) {
        if self.is_limited() {
            self.call_next(wakers);
        }
    }

    /// Tells as many workers to look for a job as there is room for, those with the oldest jobs.
    pub(super) fn call_next(&mut self, wakers: &mut Wakers) {
        let called = self.desks.iter().filter(|desk| desk.is_idle() && desk.is_told).count();
        // If those who are called do not take them, they call others.
        let mut shared = self.shared.iter().skip(called).map(|entry| entry.number).peekable();
        for _ in called..self.room() {
            let uncalled = || self.desks.iter().enumerate().filter(|(_, desk)| desk.is_uncalled());
            let own = uncalled().filter_map(|(at, desk)| Some((desk.first()?, at))).min();
            let next = match (own, shared.peek()) {
                (Some((own, at)), Some(&number)) if own < number => Some(at),
                (Some((_, at)), None) => Some(at),
                (_, None) => None,
                (_, Some(_)) => {
                    shared.next();
                    // One that has no jobs of its own, if there is one.
                    uncalled().min_by_key(|(_, desk)| desk.queue.len()).map(|(at, _)| at)
                }
            };
            let Some(at) = next else { return };
            self.desks[at].tell(wakers);
        }
    }
}
