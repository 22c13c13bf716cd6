//! What was tried, and why it ended.

use crate::{cancel::Cancelled, time::Elapsed};
use alloc::{boxed::Box, collections::VecDeque, vec::Vec};
use core::{convert::Infallible, error::Error, fmt, iter};

/// How many failures are kept at either end.
const KEPT: usize = 8;

/// The error of a [`retry`](super::retry()) that has given up: how the last attempt failed, how those
/// before it did, and why there is no further one.
///
/// `R` is what is kept of values that [`until`](super::Retry::until) rejected: the values themselves.
/// Without `until` there are none.
///
/// # Examples
///
/// ```
/// use anyscope::{resilience::{Attempts, GaveUp, retry}, smol::Smol};
/// use std::{cell::Cell, time::Duration};
///
/// # smol::block_on(async {
/// let tries = &Cell::new(0);
/// let work = || async { tries.set(tries.get() + 1); Err::<(), _>(format!("error {}", tries.get())) };
/// let error: Attempts<String> = retry(&Smol, [Duration::ZERO; 2], work).await.unwrap_err();
///
/// assert!(matches!(error.why, GaveUp::UsedUp));
/// assert_eq!(error.to_string(), "gave up after 3 attempts, as no retry is left: error 3");
/// let earlier: Vec<_> = error.earlier.iter().map(|failure| failure.to_string()).collect();
/// assert_eq!(earlier, ["error 1", "error 2"]);
/// assert_eq!(error.into_error().unwrap(), "error 3");
/// # });
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Attempts<E, R = Infallible> {
    /// How the last attempt failed. None if there was no attempt, as it was cancelled before.
    pub last: Option<Failure<E, R>>,
    /// How those before it failed.
    pub earlier: Earlier<Failure<E, R>>,
    /// How many attempts were made.
    pub made: usize,
    /// Why there is no further one.
    pub why: GaveUp,
}

impl<E, R> Attempts<E, R> {
    /// Returns the error of the last attempt, if that has ended with one.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{resilience::retry, smol::Smol};
    /// use std::time::Duration;
    ///
    /// # smol::block_on(async {
    /// let tried = retry(&Smol, [Duration::ZERO; 2], || async { Err::<u32, _>("down") }).await;
    /// let attempts = tried.unwrap_err();
    /// assert_eq!(attempts.made, 3);
    /// assert_eq!(attempts.into_error(), Some("down"));
    /// # });
    /// ```
    pub fn into_error(self) -> Option<E> {
        match self.last? {
            Failure::Failed(error) => Some(error),
            Failure::TimedOut(_) | Failure::Rejected(_) => None,
        }
    }

    /// Returns all failures that were kept, in order.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{resilience::retry, smol::Smol};
    /// use std::time::Duration;
    ///
    /// # smol::block_on(async {
    /// let down = || async { Err::<(), _>("down") };
    /// let error = retry(&Smol, [Duration::ZERO; 2], down).await.unwrap_err();
    /// let all: Vec<_> = error.failures().map(|failure| failure.to_string()).collect();
    /// assert_eq!(all, ["down", "down", "down"]);
    /// # });
    /// ```
    pub fn failures(&self) -> impl Iterator<Item = &Failure<E, R>> {
        self.earlier.iter().chain(&self.last)
    }
}

impl<E: fmt::Display, R> fmt::Display for Attempts<E, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plural = if self.made == 1 { "" } else { "s" };
        write!(f, "gave up after {} attempt{plural}, {}", self.made, self.why)?;
        match &self.last {
            Some(last) => write!(f, ": {last}"),
            None => Ok(()),
        }
    }
}

/// Requires no more of `E` than boxed errors have. The message contains that of the last error, so
/// `source` does not return that error.
impl<E: fmt::Debug + fmt::Display, R: fmt::Debug> Error for Attempts<E, R> {}

/// How one attempt of a [`retry`](super::retry()) failed.
///
/// # Examples
///
/// ```
/// use anyscope::{resilience::retry::{Failure, retry}, smol::Smol};
/// use std::time::Duration;
///
/// # smol::block_on(async {
/// // What is accepted says `until`: a page that is empty is not.
/// let tried = retry(&Smol, [Duration::ZERO], || async { Ok::<_, String>("") })
///     .until(|page| !page.is_empty())
///     .await;
/// assert_eq!(tried.unwrap_err().last, Some(Failure::Rejected("")));
/// # });
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure<E, R = Infallible> {
    /// It returned this error.
    Failed(E),
    /// It had no time left, of its own or in all, and was dropped.
    TimedOut(Elapsed),
    /// It returned this value, which [`until`](super::Retry::until) did not accept.
    Rejected(R),
}

impl<E: fmt::Display, R> fmt::Display for Failure<E, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Failed(error) => error.fmt(f),
            Failure::TimedOut(elapsed) => elapsed.fmt(f),
            Failure::Rejected(_) => f.write_str("the value was not accepted"),
        }
    }
}

/// Why a [`retry`](super::retry()) has given up.
///
/// # Examples
///
/// ```
/// use anyscope::{resilience::retry::{GaveUp, retry}, smol::Smol};
/// use std::time::Duration;
///
/// # smol::block_on(async {
/// let tried = retry(&Smol, [Duration::ZERO; 2], || async { Err::<u32, _>("down") }).await;
/// assert_eq!(tried.unwrap_err().why, GaveUp::UsedUp);
///
/// let tried = retry(&Smol, [Duration::ZERO; 2], || async { Err::<u32, _>("forbidden") })
///     .when(|error, _| *error != "forbidden")
///     .await;
/// assert_eq!(tried.unwrap_err().why, GaveUp::NotRetried);
/// # });
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum GaveUp {
    /// There is no further delay, or there were as many retries as [`times`](super::Retry::times) says.
    UsedUp,
    /// The function of [`when`](super::Retry::when) said that this error is not to be tried again.
    NotRetried,
    /// The next attempt would begin when there is no time left: by a deadline of its own, or by one of
    /// the scope around it.
    Deadline,
    /// The [`RetryBudget`](super::RetryBudget) has no retry left.
    Budget,
    /// The child or body around it is asked to end.
    Cancelled(Cancelled),
}

impl fmt::Display for GaveUp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            GaveUp::UsedUp => f.write_str("as no retry is left"),
            GaveUp::NotRetried => f.write_str("as this error is not retried"),
            GaveUp::Deadline => f.write_str("as the deadline comes before the next"),
            GaveUp::Budget => f.write_str("as the retry budget is used up"),
            GaveUp::Cancelled(cancelled) => cancelled.fmt(f),
        }
    }
}

/// Failures in order: the first 8 and the last 8 of them, so that a retry that never gives up needs
/// no more and no more memory.
///
/// See [`Attempts`].
#[derive(Clone, PartialEq)]
pub struct Earlier<F> {
    first: Vec<F>,
    /// Apart, as there are seldom any: what fails for the first time has less to set up and to drop.
    later: Option<Box<Later<F>>>,
}

/// Failures after the first ones.
#[derive(Clone, PartialEq)]
struct Later<F> {
    last: VecDeque<F>,
    omitted: usize,
}

impl<F> Earlier<F> {
    #[inline]
    pub(super) fn new() -> Self {
        Earlier { first: Vec::new(), later: None }
    }

    /// Returns the failures that were kept.
    ///
    /// # Examples
    ///
    /// See [`Attempts`].
    pub fn iter(&self) -> impl Iterator<Item = &F> {
        self.first.iter().chain(self.later.iter().flat_map(|later| &later.last))
    }

    /// Returns how many failures were not kept: those in the middle.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{resilience::retry, smol::Smol};
    /// use std::time::Duration;
    ///
    /// # smol::block_on(async {
    /// let down = || async { Err::<(), _>("down") };
    /// let error = retry(&Smol, [Duration::ZERO; 99], down).await.unwrap_err();
    /// assert_eq!((error.made, error.earlier.iter().count(), error.earlier.omitted()), (100, 16, 83));
    /// # });
    /// ```
    pub fn omitted(&self) -> usize {
        self.later.as_ref().map_or(0, |later| later.omitted)
    }

    pub(super) fn push(&mut self, failure: F) {
        if self.first.len() < KEPT {
            return self.first.push(failure);
        }
        let new = || Box::new(Later { last: VecDeque::new(), omitted: 0 });
        let later = self.later.get_or_insert_with(new);
        let gone = if later.last.len() == KEPT { later.last.pop_front() } else { None };
        later.omitted += usize::from(gone.is_some());
        later.last.push_back(failure);
    }
}

impl<F> IntoIterator for Earlier<F> {
    type Item = F;
    type IntoIter =
        iter::Chain<alloc::vec::IntoIter<F>, alloc::collections::vec_deque::IntoIter<F>>;

    fn into_iter(self) -> Self::IntoIter {
        self.first.into_iter().chain(self.later.map(|later| later.last).unwrap_or_default())
    }
}

impl<F: fmt::Debug> fmt::Debug for Earlier<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut list = f.debug_list();
        list.entries(&self.first);
        if self.omitted() > 0 {
            list.entry(&format_args!("{} more", self.omitted()));
        }
        list.entries(self.later.iter().flat_map(|later| &later.last)).finish()
    }
}
