//! What a pool has, and what it leaves behind.

use crate::limit::Limit;

/// What a [`ResourcePool`](super::ResourcePool) has at one moment.
///
/// Every resource that was created is counted once: it is `idle`, `lent` or `destroying`, or it was
/// `destroyed` or `taken`.
///
/// See [`ResourcePool::status`](super::ResourcePool::status).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Status {
    /// How many may be lent at once.
    pub max: Limit,
    /// How many are used by nobody.
    pub idle: usize,
    /// How many have a guard, or are being [recycled](super::Manage::recycle) to be lent.
    pub lent: usize,
    /// How many are being [created](super::Manage::create). They are not among the `created` ones.
    pub creating: usize,
    /// How many are being [destroyed](super::Manage::destroy).
    pub destroying: usize,
    /// How many calls wait for a place.
    pub waiting: usize,
    /// How many were made since the pool was built.
    pub created: u64,
    /// How many have ended.
    pub destroyed: u64,
    /// How many were [taken](super::Guard::take) out of the pool.
    pub taken: u64,
    /// Whether the pool lends no more.
    pub closed: bool,
}

/// What a [`close`](super::ResourcePool::close) has left at the end of its grace. Nothing, if it had
/// all the time that it needed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct CloseReport {
    /// How many resources are still lent. Each is destroyed when its guard is dropped.
    pub lent: usize,
    /// How many are still being created. Each is destroyed when it has been.
    pub creating: usize,
    /// How many are still being destroyed.
    pub destroying: usize,
}

impl CloseReport {
    /// Returns whether nothing is left.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::pool::resources::CloseReport;
    ///
    /// /// What the program says as it ends.
    /// fn last_words(report: CloseReport) -> String {
    ///     if report.is_clean() { "bye".into() } else { format!("{} connections are lent", report.lent) }
    /// }
    ///
    /// assert_eq!(last_words(CloseReport::default()), "bye");
    /// ```
    pub fn is_clean(&self) -> bool {
        self.lent == 0 && self.creating == 0 && self.destroying == 0
    }

    /// What both have left.
    pub(super) fn and(self, other: Self) -> Self {
        CloseReport {
            lent: self.lent + other.lent,
            creating: self.creating + other.creating,
            destroying: self.destroying + other.destroying,
        }
    }
}
