//! Joiners that need one child.

use super::Joiner;
use crate::{
    cancel::{CancelReason, Cancelled},
    scope::ScopeError,
};
use alloc::vec::Vec;
use core::{convert::Infallible, error::Error, fmt, ops::ControlFlow};

/// Returns a joiner that ends the scope with the first child that succeeds. The result is which one
/// that was, and its value.
///
/// Of several that succeed before the scope is polled, the first in time counts.
///
/// # Errors
///
/// The result is a [`NoneOk`] with all errors if no child has succeeded, also if there was none.
///
/// # Examples
///
/// ```
/// use anyscope::{concurrent_with, joiner::first_ok};
///
/// # smol::block_on(async {
/// let none = concurrent_with(first_ok::<(), _>(), async |s| {
///     s.spawn(async { Err("mirror 1 is down") });
///     s.spawn(async { Err("mirror 2 is down") });
/// })
/// .await
/// .unwrap_err();
/// assert_eq!(none.errors, [(0, "mirror 1 is down"), (1, "mirror 2 is down")]);
/// # });
/// ```
pub fn first_ok<T, E>() -> FirstOk<T, E> {
    FirstOk { value: None, none: NoneOk { errors: Vec::new(), cancelled: 0 } }
}

/// Joiner of [`first_ok`].
#[derive(Debug)]
pub struct FirstOk<T, E> {
    value: Option<(usize, T)>,
    none: NoneOk<E>,
}

impl<T, E, B> Joiner<Result<T, E>, B> for FirstOk<T, E> {
    type Output = Result<(usize, T), NoneOk<E>>;

    fn on_completion(
        &mut self,
        child: usize,
        outcome: Result<Result<T, E>, Cancelled>,
    ) -> ControlFlow<CancelReason> {
        match outcome {
            Ok(Ok(value)) => {
                self.value = self.value.take().or(Some((child, value)));
                return ControlFlow::Break("another child was first".into());
            }
            Ok(Err(error)) => self.none.errors.push((child, error)),
            Err(_) => self.none.cancelled += 1,
        }
        ControlFlow::Continue(())
    }

    fn finish(self, _: Result<B, ScopeError<Infallible>>) -> Self::Output {
        self.value.ok_or(self.none)
    }
}

/// No child of a scope with [`first_ok`] has succeeded.
///
/// # Examples
///
/// ```
/// use anyscope::{concurrent_with, joiner::first_ok};
///
/// # smol::block_on(async {
/// let none = concurrent_with(first_ok(), async |s| {
///     for mirror in ["a", "b"] {
///         s.spawn(async move { Err::<u32, _>(format!("{mirror} is down")) });
///     }
/// });
/// let none = none.await.unwrap_err();
/// assert_eq!(none.errors, [(0, "a is down".to_owned()), (1, "b is down".to_owned())]);
/// assert_eq!(none.to_string(), "a is down (and 1 more)");
/// # });
/// ```
#[derive(Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct NoneOk<E> {
    /// Which children failed, and how, in the order in which they did.
    pub errors: Vec<(usize, E)>,
    /// How many children were cancelled.
    pub cancelled: usize,
}

impl<E> NoneOk<E> {
    /// Returns whether there was no child at all.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{concurrent_with, joiner::first_ok};
    ///
    /// # smol::block_on(async {
    /// let none = concurrent_with(first_ok::<(), &str>(), async |_| {}).await.unwrap_err();
    /// assert!(none.is_empty()); // there was nothing to ask
    /// # });
    /// ```
    pub fn is_empty(&self) -> bool {
        self.errors.is_empty() && self.cancelled == 0
    }
}

impl<E: fmt::Display> fmt::Display for NoneOk<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.errors[..] {
            [] if self.is_empty() => f.write_str("no child was spawned that could succeed"),
            [] => write!(f, "all children were cancelled, {} of them", self.cancelled),
            [(_, error)] => error.fmt(f),
            [(_, first), rest @ ..] => write!(f, "{first} (and {} more)", rest.len()),
        }
    }
}

/// As [`ScopeError`], it requires no more of `E` than boxed errors have.
impl<E: fmt::Debug + fmt::Display> Error for NoneOk<E> {}

/// Returns a joiner that ends the scope with the first child that ends. The result is which one
/// that was, and its output; or `None` if all were cancelled, or there was none.
///
/// # Examples
///
/// ```
/// use anyscope::{concurrent_with, joiner::first_completion};
/// use std::future::pending;
///
/// # smol::block_on(async {
/// let first = concurrent_with(first_completion(), async |s| {
///     s.spawn(pending());
///     s.spawn(async { "done" });
/// });
/// assert_eq!(first.await, Some((1, "done")));
/// # });
/// ```
pub fn first_completion<O>() -> FirstCompletion<O> {
    FirstCompletion { output: None }
}

/// Joiner of [`first_completion`].
#[derive(Debug)]
pub struct FirstCompletion<O> {
    output: Option<(usize, O)>,
}

impl<O, B> Joiner<O, B> for FirstCompletion<O> {
    type Output = Option<(usize, O)>;

    fn on_completion(
        &mut self,
        child: usize,
        outcome: Result<O, Cancelled>,
    ) -> ControlFlow<CancelReason> {
        let Ok(output) = outcome else { return ControlFlow::Continue(()) };
        self.output = self.output.take().or(Some((child, output)));
        ControlFlow::Break("another child was first".into())
    }

    fn finish(self, _: Result<B, ScopeError<Infallible>>) -> Self::Output {
        self.output
    }
}
