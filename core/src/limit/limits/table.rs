//! The account of [`Limits`](super::Limits).

use crate::waits::What;
use crate::{
    limit::{
        Rate,
        line::Book,
        rate::bucket::{Bucket, Mark},
    },
    time::Instant,
};
use alloc::{boxed::Box, vec::Vec};
use core::fmt;

/// One limit.
pub(super) enum Pool {
    /// So many. What is free is counted beside it.
    Resource(u32),
    Rate {
        rate: Rate,
        bucket: Bucket,
    },
}

/// Its number, and how much of it.
pub(super) type Ask = (usize, u32);

/// All limits, with their keys. Keys are compared outside of the lock.
pub(super) struct Table<K> {
    pub(super) pools: Vec<(K, Pool)>,
}

impl Pool {
    pub(super) fn rate(rate: Rate) -> Self {
        Pool::Rate { rate, bucket: Bucket::new(rate) }
    }

    /// The most that can ever be had at once.
    pub(super) fn most(&self) -> u32 {
        match self {
            Pool::Resource(capacity) => *capacity,
            Pool::Rate { rate, .. } => rate.most_at_once(),
        }
    }

    fn ready_at(&self, free: u32, amount: u32, now: Instant) -> Instant {
        match self {
            Pool::Resource(_) if amount <= free => now,
            Pool::Resource(_) => Instant::NEVER,
            Pool::Rate { bucket, .. } => bucket.ready_at(now, 0, amount),
        }
    }
}

impl<K> Table<K> {
    /// What is free of each resource at first; nothing is counted of rates.
    pub(super) fn counts(&self) -> Box<[u32]> {
        self.pools.iter().map(|(_, pool)| pool.most()).collect()
    }

    /// Takes so much of a rate although there may be less.
    pub(super) fn charge(&self, key: usize, now: Instant, amount: u32) {
        if let Pool::Rate { bucket, .. } = &self.pools[key].1 {
            bucket.charge(now, amount);
        }
    }
}

impl<K> Book for Table<K> {
    type Counts = Box<[u32]>;
    type Ask = Box<[Ask]>;
    /// Of each that was asked for; of resources none.
    type Got = Box<[Option<Mark>]>;

    fn keys(&self) -> usize {
        self.pools.len()
    }

    fn lines_of(asks: &Box<[Ask]>) -> impl Iterator<Item = usize> {
        asks.iter().map(|(key, _)| *key)
    }

    fn amount(_: &Box<[Ask]>) -> u64 {
        0
    }

    fn ready_at(&self, free: &Box<[u32]>, asks: &Box<[Ask]>, now: Instant) -> Instant {
        let each = asks.iter().map(|&(key, amount)| {
            let (_, pool) = &self.pools[key];
            pool.ready_at(free[key], amount, now)
        });
        each.max().unwrap_or(now)
    }

    fn is_timed(&self, asks: &Box<[Ask]>) -> bool {
        asks.iter().any(|(key, _)| matches!(self.pools[*key].1, Pool::Rate { .. }))
    }

    fn take(
        &self,
        free: &mut Box<[u32]>,
        asks: &Box<[Ask]>,
        now: Instant,
    ) -> Result<Self::Got, Instant> {
        let at = self.ready_at(free, asks, now);
        if at > now {
            return Err(at);
        }
        // No one else takes anything meanwhile, as we hold the lock.
        let take = |&(key, amount): &Ask| match &self.pools[key].1 {
            Pool::Resource(_) => {
                free[key] -= amount;
                None
            }
            Pool::Rate { bucket, .. } => bucket.take(now, amount).ok(),
        };
        Ok(asks.iter().map(take).collect())
    }

    fn give_back(&self, free: &mut Box<[u32]>, asks: &Box<[Ask]>, got: Self::Got, now: Instant) {
        for (&(key, amount), mark) in asks.iter().zip(got) {
            match (&self.pools[key].1, mark) {
                (Pool::Resource(_), _) => free[key] += amount,
                (Pool::Rate { bucket, .. }, Some(mark)) => bucket.give_back(now, mark, amount),
                (Pool::Rate { .. }, None) => {}
            }
        }
    }

    fn what(&self) -> What {
        What::Limits
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Pool::Resource(capacity) => capacity.fmt(f),
            Pool::Rate { rate, .. } => rate.fmt(f),
        }
    }
}
