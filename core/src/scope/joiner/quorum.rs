//! A joiner that needs some children.

use super::Joiner;
use crate::{
    cancel::{CancelReason, Cancelled},
    scope::ScopeError,
};
use alloc::vec::Vec;
use core::{convert::Infallible, error::Error, fmt, num::NonZeroUsize, ops::ControlFlow};

/// Returns a joiner that ends the scope when `needed` children have succeeded. The result is which
/// ones, and their values, in the order in which they came.
///
/// # Errors
///
/// The result is a [`NoQuorum`] if fewer have succeeded when all have ended; also if there were
/// fewer from the beginning, as it is not known whether the body spawns more.
///
/// # Examples
///
/// ```
/// use anyscope::{concurrent_with, joiner::quorum};
/// use std::num::NonZeroUsize;
///
/// # smol::block_on(async {
/// let two = NonZeroUsize::new(2).unwrap();
/// let votes = concurrent_with(quorum(two), async |s| {
///     s.spawn(async { Ok("yes") });
///     s.spawn(async { Err("absent") });
///     s.spawn(async { Ok("yes") });
/// });
/// assert_eq!(votes.await.unwrap(), [(0, "yes"), (2, "yes")]);
/// # });
/// ```
pub fn quorum<T, E>(needed: NonZeroUsize) -> Quorum<T, E> {
    let all = NoQuorum { needed, values: Vec::new(), errors: Vec::new(), cancelled: 0 };
    Quorum { all }
}

/// Joiner of [`quorum`].
#[derive(Debug)]
pub struct Quorum<T, E> {
    all: NoQuorum<T, E>,
}

impl<T, E, B> Joiner<Result<T, E>, B> for Quorum<T, E> {
    type Output = Result<Vec<(usize, T)>, NoQuorum<T, E>>;

    fn on_completion(
        &mut self,
        child: usize,
        outcome: Result<Result<T, E>, Cancelled>,
    ) -> ControlFlow<CancelReason> {
        let all = &mut self.all;
        match outcome {
            // What comes after the last that was needed is dropped.
            Ok(Ok(_)) if all.is_reached() => {}
            Ok(Ok(value)) => all.values.push((child, value)),
            Ok(Err(error)) => all.errors.push((child, error)),
            Err(_) => all.cancelled += 1,
        }
        match all.is_reached() {
            true => ControlFlow::Break("enough children have succeeded".into()),
            false => ControlFlow::Continue(()),
        }
    }

    fn finish(self, _: Result<B, ScopeError<Infallible>>) -> Self::Output {
        if self.all.is_reached() { Ok(self.all.values) } else { Err(self.all) }
    }
}

/// Too few children of a scope with a [`quorum`] have succeeded.
///
/// # Examples
///
/// ```
/// use anyscope::{concurrent_with, joiner::quorum};
/// use std::num::NonZeroUsize;
///
/// # smol::block_on(async {
/// let two = NonZeroUsize::new(2).unwrap();
/// let votes = concurrent_with(quorum(two), async |s| {
///     for vote in [Ok("yes"), Err("abstained"), Err("away")] {
///         s.spawn(async move { vote });
///     }
/// });
/// let too_few = votes.await.unwrap_err();
/// assert_eq!(too_few.values, [(0, "yes")]);
/// assert_eq!(too_few.to_string(), "1 of 2 have succeeded; the first error: abstained");
/// # });
/// ```
#[derive(Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct NoQuorum<T, E> {
    /// How many were needed.
    pub needed: NonZeroUsize,
    /// Which children succeeded, and their values, in the order in which they came.
    pub values: Vec<(usize, T)>,
    /// Which children failed, and how, in the order in which they did.
    pub errors: Vec<(usize, E)>,
    /// How many children were cancelled.
    pub cancelled: usize,
}

impl<T, E> NoQuorum<T, E> {
    fn is_reached(&self) -> bool {
        self.values.len() >= self.needed.get()
    }
}

impl<T, E: fmt::Display> fmt::Display for NoQuorum<T, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {} have succeeded", self.values.len(), self.needed)?;
        match self.errors.first() {
            Some((_, first)) => write!(f, "; the first error: {first}"),
            None => Ok(()),
        }
    }
}

/// As [`ScopeError`], it requires no more of `E` than boxed errors have.
impl<T: fmt::Debug, E: fmt::Debug + fmt::Display> Error for NoQuorum<T, E> {}
