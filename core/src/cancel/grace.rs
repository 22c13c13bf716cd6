//! Time to end in good order.

use core::time::Duration;

/// How long children have to end after they were asked, before they are dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grace {
    /// So long. With no time at all, until they wait again.
    For(Duration),
    /// As long as they take.
    Forever,
}

impl Grace {
    /// How long, if that is not for ever.
    pub(crate) fn duration(self) -> Option<Duration> {
        match self {
            Grace::For(Duration::MAX) | Grace::Forever => None,
            Grace::For(duration) => Some(duration),
        }
    }
}
