//! What a wait returns.

use alloc::vec::Vec;
use core::{error::Error, fmt};

/// What a wait has gathered, and how it ended.
///
/// Returned by the [`wait`](super::PollMap::wait) of a map, with `(key, output)` pairs, or of a
/// set, with outputs. What is not done is where it was: in the set or map.
///
/// # Examples
///
/// ```
/// use anyscope::{FutureMap, Waited, When, smol::Smol};
/// use std::{future::pending, time::Duration};
///
/// # smol::block_on(async {
/// let mut map = FutureMap::new();
/// map.replace("stuck", pending::<()>());
/// let Waited { done, timed_out, .. } =
///     map.wait(When::All).timeout(&Smol, Duration::from_millis(1)).await;
/// assert!(done.is_empty() && timed_out);
/// assert!(map.contains_key("stuck"));
/// # });
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "what is done is not in the map any more"]
#[non_exhaustive]
pub struct Waited<I> {
    /// What is done, in order of completion.
    pub done: Vec<I>,
    /// Whether the condition of the wait was met. If neither this nor `timed_out`, then nothing
    /// was left to wait for.
    pub met: bool,
    /// Whether the time of the wait ran out first.
    pub timed_out: bool,
}

impl<I> Waited<I> {
    /// Returns what is done if the condition was met.
    ///
    /// # Errors
    ///
    /// Returns what is done in an [`Unmet`] if the condition was not met.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{FutureSet, When};
    /// use std::future::ready;
    ///
    /// # smol::block_on(async {
    /// let mut set: FutureSet<_> = [ready(1), ready(2)].into_iter().collect();
    /// assert_eq!(set.wait(When::Count(1)).await.require(), Ok(vec![1]));
    /// assert_eq!(set.wait(When::Count(2)).await.require().unwrap_err().done, [2]);
    /// # });
    /// ```
    pub fn require(self) -> Result<Vec<I>, Unmet<I>> {
        let Waited { done, met, timed_out } = self;
        if met { Ok(done) } else { Err(Unmet { done, timed_out }) }
    }
}

/// A wait has ended without its condition being met: an error of [`Waited::require`].
///
/// # Examples
///
/// ```
/// use anyscope::{FutureSet, When};
///
/// # smol::block_on(async {
/// let mut empty = FutureSet::<std::future::Ready<()>>::new();
/// let error = empty.wait(When::First).await.require().unwrap_err();
/// assert_eq!(error.to_string(), "nothing done, and nothing left to wait for");
/// # });
/// ```
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Unmet<I> {
    /// What is done, in order of completion.
    pub done: Vec<I>,
    /// Whether time ran out. If not, nothing was left to wait for.
    pub timed_out: bool,
}

// Without the outputs: people read `{:?}` of an error, and many outputs have none.
impl<I> fmt::Debug for Unmet<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Unmet")
            .field("done", &self.done.len())
            .field("timed_out", &self.timed_out)
            .finish()
    }
}

impl<I> fmt::Display for Unmet<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.done.len() {
            0 => f.write_str("nothing done")?,
            done => write!(f, "{done} done")?,
        }
        f.write_str(match self.timed_out {
            true => " when time ran out",
            false => ", and nothing left to wait for",
        })
    }
}

impl<I> Error for Unmet<I> {}
