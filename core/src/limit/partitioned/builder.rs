//! Which parts there are.

use super::{InvalidPartitions, Partitioned};
use crate::limit::Limit;
use alloc::vec::Vec;

/// Makes a [`Partitioned`] limit; see [`Partitioned::builder`].
///
/// See [`Partitioned`](super::Partitioned).
#[derive(Debug)]
#[must_use = "call `build`"]
pub struct PartitionedBuilder<K> {
    limit: Limit,
    shares: Vec<(K, usize)>,
}

impl<K: PartialEq> PartitionedBuilder<K> {
    pub(super) fn new(limit: Limit) -> Self {
        PartitionedBuilder { limit, shares: Vec::new() }
    }

    /// Adds a part to which so many places are guaranteed. With a share of 0 it has only what others
    /// leave.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::limit::Partitioned;
    ///
    /// let limit = Partitioned::builder(2).share("live", 1).share("batch", 0).build()?;
    /// let _live = limit.try_acquire("live").unwrap();
    /// let _batch = limit.try_acquire("batch").unwrap(); // the place that is left
    /// assert!(limit.try_acquire("batch").is_err());
    /// # Ok::<(), anyscope::limit::InvalidPartitions>(())
    /// ```
    pub fn share(mut self, key: K, guaranteed: usize) -> Self {
        self.shares.push((key, guaranteed));
        self
    }

    /// Makes the limit.
    ///
    /// # Errors
    ///
    /// Returns [`InvalidPartitions`] if two parts have the same key, or more is guaranteed than there
    /// is.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::limit::Partitioned;
    ///
    /// assert!(Partitioned::builder(10).share("live", 7).share("batch", 3).build().is_ok());
    /// assert!(Partitioned::builder(10).share("live", 7).share("batch", 4).build().is_err());
    /// ```
    pub fn build(self) -> Result<Partitioned<K>, InvalidPartitions> {
        for (index, (key, _)) in self.shares.iter().enumerate() {
            if self.shares[..index].iter().any(|(other, _)| other == key) {
                return Err(InvalidPartitions::DuplicateKey { index });
            }
        }
        let shares = self.shares.iter().map(|(_, share)| *share);
        let sum = shares.fold(0, usize::saturating_add);
        if sum > self.limit.get() {
            return Err(InvalidPartitions::SharesAboveLimit {
                shares: sum,
                limit: self.limit.get(),
            });
        }
        Ok(Partitioned::new(self.limit, self.shares))
    }
}
