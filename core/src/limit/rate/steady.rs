//! The account of a steady rate: GCRA, the generic cell rate algorithm, on the cell of `governor`.
//!
//! The cell says until when the bucket is used up: each unit that is granted moves it by the time that
//! refills one. What is granted at once may not move it further than the time of the whole burst from
//! now. That is a token bucket, without a thread that fills it. Whether something can be granted is read
//! from the cell without a lock.
//!
//! # What is given back
//!
//! `governor` cannot take anything back, so the arithmetic is here, and only its cell is used
//! ([`InMemoryState`], atomic on every target). The difficulty: what time has refilled in the place of a
//! grant must not be given back once more. The oldest grants are refilled first. So a grant that moved
//! the cell to `at` has been refilled at `at`, or earlier by what *older* grants have given back since;
//! shortly before, a part of it has. What newer grants give back does not change that.
//!
//! A grant therefore notes where the cell would be if nothing had ever been given back. That only grows,
//! so it also says which of two grants is older.

use super::{
    Rate,
    bucket::{Mark, instant, nanos},
};
use crate::{sync::lock::Lock, time::Instant};
use alloc::collections::BTreeMap;
use core::convert::Infallible;
use governor::state::{InMemoryState, NotKeyed, StateStore};

#[derive(Debug)]
pub(crate) struct Steady {
    /// Changed while `returns` is locked.
    used_until: Cell,
    returns: Lock<Returns>,
    /// What refills one, and what refills all.
    interval: u64,
    whole: u64,
}

/// What was given back, as time.
#[derive(Debug, Default)]
struct Returns {
    /// Ever.
    sum: u128,
    /// By grants that may still have older ones that are not refilled, by their marks.
    lately: BTreeMap<u128, u128>,
}

/// With more of them, the two oldest count as one.
const MOST: usize = 64;

impl Steady {
    pub(super) fn new(rate: Rate) -> Self {
        let interval = rate.interval();
        let whole = interval * u64::from(rate.most_at_once());
        Steady {
            used_until: Cell::default(),
            returns: Lock::new(Returns::default()),
            interval,
            whole,
        }
    }

    pub(super) fn ready_at(&self, now: Instant, ahead: u64, amount: u32) -> Instant {
        let ahead = ahead.saturating_mul(self.interval);
        let used = self.used_until.get().max(nanos(now));
        let used = used.saturating_add(ahead).saturating_add(self.time_of(amount));
        instant(self.earliest(used))
    }

    #[inline]
    pub(super) fn take(&self, now: Instant, amount: u32) -> Result<Mark, Instant> {
        let (now, time) = (nanos(now), self.time_of(amount));
        self.returns.with(|returns| {
            let taken = self.used_until.update(|used| {
                let used = used.max(now).saturating_add(time);
                let at = self.earliest(used);
                if at <= now { Ok(used) } else { Err(at) }
            });
            match taken {
                Ok(at) => Ok(Mark(returns.sum + u128::from(at))),
                Err(at) => Err(instant(at)),
            }
        })
    }

    pub(super) fn charge(&self, now: Instant, amount: u32) {
        let (now, time) = (nanos(now), self.time_of(amount));
        self.returns.with(|_| self.used_until.set(|used| used.max(now).saturating_add(time)));
    }

    pub(super) fn give_back(&self, now: Instant, mark: Mark, amount: u32) {
        let now = u128::from(nanos(now));
        self.returns.with(|returns| {
            let left = returns.refilled_at(mark.0).saturating_sub(now);
            // Both fit into the cell.
            let time = left.min(u128::from(self.time_of(amount)));
            self.used_until.set(|used| used.saturating_sub(time as u64));
            returns.add(mark.0, time, now);
        });
    }

    pub(super) fn is_full(&self, now: Instant) -> bool {
        self.used_until.get() <= nanos(now)
    }

    fn time_of(&self, amount: u32) -> u64 {
        self.interval.saturating_mul(u64::from(amount))
    }

    /// When it may be used up until then, at the earliest; never if that is beyond the end of time.
    fn earliest(&self, used: u64) -> u64 {
        if used == u64::MAX { u64::MAX } else { used.saturating_sub(self.whole) }
    }
}

impl Returns {
    /// When a grant has been refilled as a whole.
    fn refilled_at(&self, mark: u128) -> u128 {
        let newer: u128 = self.lately.range(mark + 1..).map(|(_, time)| time).sum();
        mark.saturating_sub(self.sum - newer)
    }

    fn add(&mut self, mark: u128, time: u128, now: u128) {
        if time > 0 {
            self.sum += time;
            *self.lately.entry(mark).or_default() += time;
        }
        while let Some((&oldest, _)) = self.lately.first_key_value() {
            if self.refilled_at(oldest) > now {
                break;
            }
            self.lately.pop_first();
        }
        if self.lately.len() > MOST {
            // Those between the two get less back than they could, and never more.
            if let (Some((mark, time)), Some(mut next)) =
                (self.lately.pop_first(), self.lately.pop_first())
            {
                next.1 += time;
                self.lately.insert(mark, next.1);
            }
        }
    }
}

/// The cell of `governor`, zero at first.
#[derive(Debug, Default)]
struct Cell(InMemoryState);

impl Cell {
    fn get(&self) -> u64 {
        match self.update(Err::<u64, u64>) {
            Ok(value) | Err(value) => value,
        }
    }

    fn set(&self, f: impl Fn(u64) -> u64) {
        let Ok(_) = self.update(|value| Ok::<_, Infallible>(f(value)));
    }

    /// Replaces the value by that of `f`, and returns it.
    #[inline]
    fn update<E>(&self, f: impl Fn(u64) -> Result<u64, E>) -> Result<u64, E> {
        self.0.measure_and_replace(&NotKeyed::NonKey, |old| {
            let new = f(old.map_or(0, |old| old.as_u64()))?;
            Ok((new, new.into()))
        })
    }
}
