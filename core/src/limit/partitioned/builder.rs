//! Which parts there are.

use super::{InvalidPartitions, Partitioned};
use crate::limit::Limit;
use alloc::vec::Vec;

/// Makes a [`Partitioned`] limit; see [`Partitioned::builder`].
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
