//! The time that children have to shut down.

use core::time::Duration;

/// How long children have to shut down after they were asked to, before they are dropped.
///
/// See [`Scope::cancel_with`](crate::Scope::cancel_with).
///
/// # Examples
///
/// ```
/// use anyscope::{Grace, checkpoint, concurrent, smol::Smol};
///
/// # smol::block_on(async {
/// let saved = concurrent(async |s| {
///     let s2 = s.clone();
///     let worker = s.spawn(async move {
///         // The request does not drop the child: it sees the request and shuts down by itself.
///         s2.cancel_with(&Smol, Grace::Forever, "shutting down");
///         assert!(checkpoint().is_err());
///         "saved"
///     });
///     worker.await
/// })
/// .await;
/// assert_eq!(saved.unwrap(), "saved");
/// # });
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grace {
    /// This long. With a duration of zero, until they next wait.
    For(Duration),
    /// As long as they take.
    Forever,
}

impl Grace {
    /// Returns how long, or none if for ever.
    pub(crate) fn duration(self) -> Option<Duration> {
        match self {
            Grace::For(Duration::MAX) | Grace::Forever => None,
            Grace::For(duration) => Some(duration),
        }
    }
}
