//! Joiners that hear all children out.

use super::Joiner;
use crate::{
    cancel::{CancelReason, Cancelled},
    scope::ScopeError,
};
use alloc::vec::Vec;
use core::{convert::Infallible, error::Error, fmt, ops::ControlFlow};

/// Returns a joiner whose result is the outcome of every child, in the order of spawning. Nothing
/// ends the scope early.
///
/// Children that were cancelled, by a deadline for instance, say so.
///
/// # Examples
///
/// ```
/// use anyscope::{concurrent_with, joiner::settle};
///
/// # smol::block_on(async {
/// let outcomes = concurrent_with(settle(), async |s| {
///     s.spawn(async {
///         smol::future::yield_now().await;
///         "slow"
///     });
///     s.spawn(async { "fast" });
/// });
/// assert_eq!(outcomes.await, [Ok("slow"), Ok("fast")]);
/// # });
/// ```
pub fn settle<O>() -> Settle<O> {
    Settle { outcomes: Vec::new() }
}

/// Joiner of [`settle`].
#[derive(Debug)]
pub struct Settle<O> {
    outcomes: Vec<Option<Result<O, Cancelled>>>,
}

impl<O, B> Joiner<O, B> for Settle<O> {
    type Output = Vec<Result<O, Cancelled>>;

    fn on_spawn(&mut self, _: usize) {
        self.outcomes.push(None);
    }

    fn on_completion(
        &mut self,
        child: usize,
        outcome: Result<O, Cancelled>,
    ) -> ControlFlow<CancelReason> {
        self.outcomes[child] = Some(outcome);
        ControlFlow::Continue(())
    }

    fn finish(self, _: Result<B, ScopeError<Infallible>>) -> Self::Output {
        // Each child has reported: the scope has ended.
        self.outcomes.into_iter().flatten().collect()
    }
}

/// Returns a joiner that ends the scope when `enough` says so of an outcome. Its result is the
/// outcome of every child, in the order of spawning; those that had not ended are cancelled.
///
/// # Examples
///
/// ```
/// use anyscope::{concurrent_with, joiner::until};
/// use std::future::pending;
///
/// # smol::block_on(async {
/// let outcomes = concurrent_with(until(|_, outcome| *outcome == Ok(2)), async |s| {
///     s.spawn(pending());
///     s.spawn(async { 2 });
/// })
/// .await;
/// assert!(outcomes[0].is_err());
/// assert_eq!(outcomes[1], Ok(2));
/// # });
/// ```
pub fn until<O, F>(enough: F) -> Until<O, F>
where
    F: FnMut(usize, &Result<O, Cancelled>) -> bool,
{
    Until { settle: settle(), enough }
}

/// Joiner of [`until`].
pub struct Until<O, F> {
    settle: Settle<O>,
    enough: F,
}

impl<O, B, F> Joiner<O, B> for Until<O, F>
where
    F: FnMut(usize, &Result<O, Cancelled>) -> bool,
{
    type Output = Vec<Result<O, Cancelled>>;

    fn on_spawn(&mut self, child: usize) {
        Joiner::<O, B>::on_spawn(&mut self.settle, child);
    }

    fn on_completion(
        &mut self,
        child: usize,
        outcome: Result<O, Cancelled>,
    ) -> ControlFlow<CancelReason> {
        let enough = (self.enough)(child, &outcome);
        let _ = Joiner::<O, B>::on_completion(&mut self.settle, child, outcome);
        match enough {
            true => ControlFlow::Break("there are enough outcomes".into()),
            false => ControlFlow::Continue(()),
        }
    }

    fn finish(self, body: Result<B, ScopeError<Infallible>>) -> Self::Output {
        self.settle.finish(body)
    }
}

impl<O, F> fmt::Debug for Until<O, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Until").finish_non_exhaustive()
    }
}

/// Returns a joiner that drops what children return. The result is the body's, or why there is
/// none.
///
/// # Examples
///
/// ```
/// use anyscope::{concurrent_with, joiner::supervise};
///
/// # smol::block_on(async {
/// let body = concurrent_with(supervise(), async |s| {
///     s.spawn(async { Err::<(), _>("lost") });
///     "done"
/// });
/// assert_eq!(body.await.unwrap(), "done");
/// # });
/// ```
pub fn supervise() -> SuperviseJoiner {
    SuperviseJoiner(())
}

/// Joiner of [`supervise`].
#[derive(Debug)]
pub struct SuperviseJoiner(());

impl<O, B> Joiner<O, B> for SuperviseJoiner {
    type Output = Result<B, ScopeError<Infallible>>;

    fn on_completion(&mut self, _: usize, _: Result<O, Cancelled>) -> ControlFlow<CancelReason> {
        ControlFlow::Continue(())
    }

    fn finish(self, body: Result<B, ScopeError<Infallible>>) -> Self::Output {
        body
    }
}

/// Returns a joiner whose result is the value of every child, in the order of spawning. The first
/// error ends the scope.
///
/// What a [`try_scope`](crate::try_scope) does, for children whose values are wanted in order.
///
/// # Errors
///
/// The result is an error if a child failed; if one was cancelled and none failed; or if the scope
/// was cancelled before its body returned.
///
/// # Examples
///
/// ```
/// use anyscope::{concurrent_with, joiner::fail_fast};
///
/// # smol::block_on(async {
/// let lines = ["1", "2"];
/// let numbers = concurrent_with(fail_fast(), async |s| {
///     for line in lines {
///         s.spawn(async move { line.parse::<u32>() });
///     }
/// });
/// assert_eq!(numbers.await.unwrap(), [1, 2]);
/// # });
/// ```
pub fn fail_fast<T, E>() -> FailFastJoiner<T, E> {
    FailFastJoiner { values: Vec::new(), errors: Vec::new(), cancelled: None }
}

/// Joiner of [`fail_fast`].
#[derive(Debug)]
pub struct FailFastJoiner<T, E> {
    values: Vec<Option<T>>,
    errors: Vec<E>,
    cancelled: Option<Cancelled>,
}

impl<T, E, B> Joiner<Result<T, E>, B> for FailFastJoiner<T, E> {
    type Output = Result<Vec<T>, ScopeError<E>>;

    fn on_spawn(&mut self, _: usize) {
        self.values.push(None);
    }

    fn on_completion(
        &mut self,
        child: usize,
        outcome: Result<Result<T, E>, Cancelled>,
    ) -> ControlFlow<CancelReason> {
        match outcome {
            Ok(Ok(value)) => self.values[child] = Some(value),
            Ok(Err(error)) => {
                self.errors.push(error);
                return ControlFlow::Break("a child has failed".into());
            }
            Err(cancelled) => self.cancelled = self.cancelled.take().or(Some(cancelled)),
        }
        ControlFlow::Continue(())
    }

    fn finish(self, body: Result<B, ScopeError<Infallible>>) -> Self::Output {
        let mut errors = self.errors.into_iter();
        if let Some(first) = errors.next() {
            return Err(ScopeError::Failed { first, rest: errors.collect() });
        }
        match body {
            Err(ScopeError::Failed { first, .. }) => match first {},
            Err(ScopeError::Cancelled(cancelled)) => return Err(ScopeError::Cancelled(cancelled)),
            Err(ScopeError::Elapsed(elapsed)) => return Err(ScopeError::Elapsed(elapsed)),
            Ok(_) => {}
        }
        match self.cancelled {
            Some(cancelled) => Err(ScopeError::Cancelled(cancelled)),
            None => Ok(self.values.into_iter().flatten().collect()),
        }
    }
}

/// Returns a joiner that runs all children to their ends, and whose result is all values or all
/// errors, the body's among them.
///
/// # Errors
///
/// The result is an [`AllErrors`] unless body and children have all succeeded.
///
/// # Examples
///
/// ```
/// use anyscope::{concurrent_with, joiner::collect_errors};
///
/// # smol::block_on(async {
/// let errors = concurrent_with(collect_errors(), async |s| {
///     s.spawn(async { Err::<(), _>("child") });
///     Err::<(), _>("body")
/// })
/// .await
/// .unwrap_err();
/// assert_eq!(errors.body, Some("body"));
/// assert_eq!(errors.children, [(0, "child")]);
/// # });
/// ```
pub fn collect_errors<T, E>() -> CollectErrors<T, E> {
    CollectErrors { values: Vec::new(), errors: Vec::new(), cancelled: 0 }
}

/// Joiner of [`collect_errors`].
#[derive(Debug)]
pub struct CollectErrors<T, E> {
    values: Vec<Option<T>>,
    errors: Vec<(usize, E)>,
    cancelled: usize,
}

impl<T, V, E> Joiner<Result<T, E>, Result<V, E>> for CollectErrors<T, E> {
    type Output = Result<(V, Vec<T>), AllErrors<E>>;

    fn on_spawn(&mut self, _: usize) {
        self.values.push(None);
    }

    fn on_completion(
        &mut self,
        child: usize,
        outcome: Result<Result<T, E>, Cancelled>,
    ) -> ControlFlow<CancelReason> {
        match outcome {
            Ok(Ok(value)) => self.values[child] = Some(value),
            Ok(Err(error)) => self.errors.push((child, error)),
            Err(_) => self.cancelled += 1,
        }
        ControlFlow::Continue(())
    }

    fn finish(self, body: Result<Result<V, E>, ScopeError<Infallible>>) -> Self::Output {
        let CollectErrors { values, errors, cancelled } = self;
        let of = |body| AllErrors { body, children: errors, cancelled };
        match body {
            Ok(Ok(value)) => {
                let all = of(None);
                if all.children.is_empty() && cancelled == 0 {
                    return Ok((value, values.into_iter().flatten().collect()));
                }
                Err(all)
            }
            Ok(Err(error)) => Err(of(Some(error))),
            Err(_) => Err(AllErrors { cancelled: cancelled + 1, ..of(None) }),
        }
    }
}

/// What has failed in a scope with [`collect_errors`].
#[derive(Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct AllErrors<E> {
    /// The error of the body.
    pub body: Option<E>,
    /// Which children failed, and how, in the order in which they did.
    pub children: Vec<(usize, E)>,
    /// How many children were cancelled. The body counts as one if it was dropped.
    pub cancelled: usize,
}

impl<E: fmt::Display> fmt::Display for AllErrors<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.children.len() + usize::from(self.body.is_some());
        match self.body.as_ref().or(self.children.first().map(|(_, error)| error)) {
            Some(first) if count == 1 => first.fmt(f),
            Some(first) => write!(f, "{first} (and {} more)", count - 1),
            None => write!(f, "{} cancelled", self.cancelled),
        }
    }
}

/// As [`ScopeError`], it requires no more of `E` than boxed errors have.
impl<E: fmt::Debug + fmt::Display> Error for AllErrors<E> {}
