//! The place that one holds.

use super::shares::Shares;
use crate::{
    limit::line::{Book, Line},
    sync::Arc,
    time::Instant,
};
use core::{fmt, time::Duration};

/// A place in one part of a [`Partitioned`](super::Partitioned) limit, until it is dropped.
///
/// See [`Partitioned`](super::Partitioned).
#[must_use = "the place is free again when this is dropped"]
pub struct PartitionPermit<K> {
    line: Arc<Line<Shares<K>>>,
    part: usize,
}

impl<K> PartitionPermit<K> {
    pub(super) fn new(line: Arc<Line<Shares<K>>>, part: usize) -> Self {
        PartitionPermit { line, part }
    }

    /// Returns the key of the part.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::limit::Partitioned;
    ///
    /// let limit = Partitioned::builder(10).share("live", 7).share("batch", 3).build()?;
    /// let held = ["live", "batch"].map(|key| limit.try_acquire(key).unwrap());
    /// assert_eq!(held.each_ref().map(|permit| *permit.key()), ["live", "batch"]);
    /// # Ok::<(), anyscope::limit::InvalidPartitions>(())
    /// ```
    pub fn key(&self) -> &K {
        &self.line.book.parts[self.part].0
    }
}

impl<K> Drop for PartitionPermit<K> {
    fn drop(&mut self) {
        let no_time = Instant::from_epoch(Duration::ZERO);
        self.line.change(None, |shares, taken| shares.give_back(taken, &self.part, (), no_time));
    }
}

impl<K: fmt::Debug> fmt::Debug for PartitionPermit<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("PartitionPermit").field(self.key()).finish()
    }
}
