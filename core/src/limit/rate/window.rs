//! The account of a window: what was granted in the last span of time.

use super::{
    Rate,
    bucket::{Mark, instant, nanos},
};
use crate::time::Instant;
use alloc::collections::VecDeque;

#[derive(Debug)]
pub(crate) struct Window {
    most: u64,
    per: u64,
    /// Moments, the oldest first, and what was granted at each.
    granted: VecDeque<(u64, u64)>,
    /// The sum of them.
    total: u64,
}

impl Window {
    pub(super) fn new(rate: Rate) -> Self {
        Window {
            most: u64::from(rate.count()),
            per: rate.per().as_nanos() as u64,
            granted: VecDeque::new(),
            total: 0,
        }
    }

    /// Exact if nothing is ahead; else not later than it will be.
    pub(super) fn ready_at(&mut self, now: Instant, ahead: u64, amount: u32) -> Instant {
        let now = nanos(now);
        self.forget(now);
        let asked = ahead.saturating_add(amount.into());
        let missing = self.total.saturating_add(asked).saturating_sub(self.most);
        if missing == 0 {
            return instant(now);
        }
        // It is granted when the last of these is over; each of them that is not granted yet is granted
        // when the one that is `most` before it is over.
        let last = missing - 1;
        let spans = missing.saturating_sub(self.total).div_ceil(self.most);
        let at =
            self.moment_of(last.saturating_sub(spans.saturating_mul(self.most))).unwrap_or(now);
        instant(at.saturating_add(spans.saturating_add(1).saturating_mul(self.per)))
    }

    /// When the one with this number was granted.
    fn moment_of(&self, number: u64) -> Option<u64> {
        let mut before = 0;
        let holds = |(_, amount): &&(u64, u64)| {
            before += amount;
            before > number
        };
        self.granted.iter().find(holds).map(|(moment, _)| *moment)
    }

    pub(super) fn take(&mut self, now: Instant, amount: u32) -> Result<Mark, Instant> {
        let at = self.ready_at(now, 0, amount);
        if at > now {
            return Err(at);
        }
        Ok(Mark(self.add(nanos(now), amount.into()).into()))
    }

    pub(super) fn charge(&mut self, now: Instant, amount: u32) {
        self.forget(nanos(now));
        self.add(nanos(now), amount.into());
    }

    pub(super) fn give_back(&mut self, mark: Mark, amount: u32) {
        let moment = |(moment, _): &(u64, u64)| u128::from(*moment);
        let Ok(place) = self.granted.binary_search_by_key(&mark.0, moment) else { return };
        let there = &mut self.granted[place].1;
        let amount = u64::from(amount).min(*there);
        *there -= amount;
        self.total -= amount;
    }

    pub(super) fn is_full(&mut self, now: Instant) -> bool {
        self.forget(nanos(now));
        self.total == 0
    }

    fn add(&mut self, now: u64, amount: u64) -> u64 {
        self.total = self.total.saturating_add(amount);
        match self.granted.back_mut() {
            // Also for a thread that read the clock a little earlier.
            Some((moment, sum)) if *moment >= now => {
                *sum = sum.saturating_add(amount);
                *moment
            }
            _ => {
                self.granted.push_back((now, amount));
                now
            }
        }
    }

    /// Forgets what is over.
    fn forget(&mut self, now: u64) {
        while let Some((moment, amount)) = self.granted.front() {
            if moment.saturating_add(self.per) > now {
                return;
            }
            self.total -= amount;
            self.granted.pop_front();
        }
    }
}
