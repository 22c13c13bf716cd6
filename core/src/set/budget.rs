//! How much one poll of a task does before it yields to its executor.

/// How many polls of children.
pub(crate) const POLLS: usize = 64;
/// How many passes over what was woken.
const PASSES: usize = 2;

/// What is left for one poll of a task.
///
/// Without it, children that wake themselves would hold the task for ever; and an executor that
/// has children wait once the task has done enough (tokio's budget) would have one poll of the
/// task ask all of them in vain.
#[derive(Debug)]
#[cfg_attr(not(feature = "alloc"), allow(unreachable_pub))]
pub struct Budget {
    polls: isize,
    passes: usize,
}

impl Budget {
    pub(crate) fn new() -> Self {
        Budget { polls: POLLS as isize, passes: PASSES }
    }

    /// Pays for the poll of a child: false if that was the last.
    #[inline]
    pub(crate) fn pay_poll(&mut self) -> bool {
        self.polls -= 1;
        self.polls > 0
    }

    /// Pays for a pass: false if there is none left.
    #[inline]
    pub(crate) fn pay_pass(&mut self) -> bool {
        let left = self.passes > 0;
        self.passes = self.passes.saturating_sub(1);
        left
    }

    /// Leaves nothing.
    #[cfg(feature = "alloc")]
    pub(super) fn spend(&mut self) {
        self.polls = 0;
    }

    /// Whether nothing is left.
    #[inline]
    pub(crate) fn is_spent(&self) -> bool {
        self.polls <= 0
    }
}
