//! What one holds of several limits.

use super::{
    InvalidAsk,
    table::{Ask, Pool, Table},
};
use crate::{
    limit::{
        line::{Book, Line},
        rate::{InvalidAmount, bucket::Mark},
    },
    sync::Arc,
    time::Clock,
};
use alloc::boxed::Box;
use core::{fmt, mem};

/// What [`Limits`](super::Limits) have granted. When it is dropped, resources come back; what was used
/// of rates does not.
///
/// See [`Limits`](super::Limits).
#[must_use = "resources come back when this is dropped"]
pub struct LimitsPermit<K> {
    line: Arc<Line<Table<K>>>,
    asks: Box<[Ask]>,
    got: Box<[Option<Mark>]>,
    /// How much of each was not given back yet.
    left: Box<[u32]>,
}

impl<K> LimitsPermit<K> {
    pub(super) fn new(
        line: Arc<Line<Table<K>>>,
        asks: Box<[Ask]>,
        got: Box<[Option<Mark>]>,
    ) -> Self {
        let left = asks.iter().map(|(_, amount)| *amount).collect();
        LimitsPermit { line, asks, got, left }
    }

    /// Gives back before the end what is not needed of this key, for those who wait.
    ///
    /// Of a rate, what time has made up for meanwhile is not given back once more; see
    /// [`RateGrant::refund`](crate::limit::RateGrant::refund).
    ///
    /// # Errors
    ///
    /// Returns [`InvalidAsk`], and gives back nothing, if the permit has nothing with this key, or less of
    /// it than `unused`.
    ///
    /// # Examples
    ///
    /// See [`Limits`](super::Limits).
    ///
    /// ```
    /// use anyscope::{limit::Limits, smol::Smol};
    ///
    /// let limits = Limits::builder().resource("megabytes", 512).build()?;
    /// let mut permit = limits.try_acquire(&Smol, [("megabytes", 500)]).unwrap();
    /// permit.refund(&Smol, "megabytes", 400).unwrap(); // it is smaller than was feared
    /// assert_eq!(limits.available("megabytes"), Some(412));
    /// # Ok::<(), anyscope::limit::InvalidLimits>(())
    /// ```
    pub fn refund<Q>(&mut self, clock: impl Clock, key: Q, unused: u32) -> Result<(), InvalidAsk>
    where
        K: PartialEq<Q>,
    {
        let at = self.place_of(key)?;
        self.give_back(clock, at, unused)
    }

    /// Says how much was used of this key in the end. What is left is [given back](Self::refund), and what
    /// was used of a rate beyond it is owed: those who come later wait for it, too. Call it once for a key.
    ///
    /// # Errors
    ///
    /// Returns [`InvalidAsk`], and changes nothing, if the permit has nothing with this key, or if it is a resource and
    /// less of it was granted than `used`.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::limit::{Limits, Rate};
    ///
    /// anyscope::sim::Sim::new(7).run(async |sim| {
    ///     let limits = Limits::builder().rate("tokens", Rate::per_second(100)).build().unwrap();
    ///     let mut permit = limits.acquire(&sim, [("tokens", 10)]).await.unwrap();
    ///     permit.settle(&sim, "tokens", 110).unwrap(); // 10 too many
    ///     limits.acquire(&sim, [("tokens", 1)]).await.unwrap();
    ///     assert_eq!(sim.elapsed().as_millis(), 110);
    /// })
    /// .unwrap();
    /// ```
    pub fn settle<Q>(&mut self, clock: impl Clock, key: Q, used: u32) -> Result<(), InvalidAsk>
    where
        K: PartialEq<Q>,
    {
        let at = self.place_of(key)?;
        let left = self.left[at];
        if used <= left {
            return self.give_back(clock, at, left - used);
        }
        let (key, _) = self.asks[at];
        let Pool::Rate { .. } = &self.line.book.pools[key].1 else {
            let invalid = InvalidAmount::above(used, left);
            return Err(InvalidAsk::Amount { index: 0, invalid });
        };
        let now = clock.now();
        self.line.change(Some(now), |table, _| table.charge(key, now, used - left));
        Ok(())
    }

    fn place_of<Q>(&self, key: Q) -> Result<usize, InvalidAsk>
    where
        K: PartialEq<Q>,
    {
        let pools = &self.line.book.pools;
        let is_it = |ask: &Ask| pools[ask.0].0 == key;
        self.asks.iter().position(is_it).ok_or(InvalidAsk::UnknownKey { index: 0 })
    }

    fn give_back(&mut self, clock: impl Clock, at: usize, unused: u32) -> Result<(), InvalidAsk> {
        let Some(rest) = self.left[at].checked_sub(unused) else {
            let invalid = InvalidAmount::above(unused, self.left[at]);
            return Err(InvalidAsk::Amount { index: 0, invalid });
        };
        let now = clock.now();
        self.left[at] = rest;
        let ask = [(self.asks[at].0, unused)].into();
        let got = [self.got[at]].into();
        self.line.change(Some(now), |table, free| table.give_back(free, &ask, got, now));
        Ok(())
    }
}

/// Gives back what is left of resources, and serves those who waited for it.
impl<K> Drop for LimitsPermit<K> {
    fn drop(&mut self) {
        let (asks, left) = (mem::take(&mut self.asks), mem::take(&mut self.left));
        self.line.change(None, |table, free| {
            for (&(key, _), left) in asks.iter().zip(left) {
                if let Pool::Resource(_) = table.pools[key].1 {
                    free[key] += left;
                }
            }
        });
    }
}

impl<K: fmt::Debug> fmt::Debug for LimitsPermit<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let keys = self.asks.iter().map(|(key, _)| &self.line.book.pools[*key].0);
        f.debug_map().entries(keys.zip(&self.left)).finish()
    }
}
