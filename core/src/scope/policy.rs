//! Policies: what the end of a child means for its scope.
//!
//! | policy | a child returns | its handle yields | a failure |
//! |---|---|---|---|
//! | [`Supervise`] | any `T` | `T` | is received by the handle, and affects nothing else |
//! | [`FailFast<E>`] | `Result<T, E>` | `T` | ends siblings and body; the scope returns it |

use super::ScopeError;
use crate::{cancel::Cancelled, sync::stack::Stack, time::Elapsed};
use core::{convert::Infallible, fmt};

/// What a scope does when a child ends. Implemented by [`Supervise`] and [`FailFast`].
///
/// Sealed for now: its methods will change when user code can implement policies.
///
/// See [`ScopeHandle`](crate::ScopeHandle), for code that is generic over it.
pub trait Policy: sealed::Sealed + Default {
    /// The error of a child of the scope.
    type Error;

    /// Whether a failure or a panic of a child, or a cancel, ends siblings and body at once.
    #[doc(hidden)]
    const FAIL_FAST: bool;

    /// Keeps the failure of a child or of the body.
    #[doc(hidden)]
    fn keep(&self, failure: Self::Error);

    /// Drops the failures kept so far.
    #[doc(hidden)]
    fn clear(&self);
}

/// A [`Policy`] that accepts children that return an `O`.
///
/// A bound of [`ScopeHandle::spawn`](crate::ScopeHandle::spawn).
#[diagnostic::on_unimplemented(
    message = "a child of this scope cannot return `{O}`",
    note = "children of a fail-fast scope (`try_scope` and its kin) return a `Result<T, E>` with the `E` of the scope: convert the error, or wrap the value in `Ok`"
)]
pub trait Accept<O>: Policy {
    /// What the handle of such a child yields.
    type Value;

    /// Separates values from failures.
    #[doc(hidden)]
    fn judge(output: O) -> Result<Self::Value, Self::Error>;
}

/// A [`Policy`] for scopes whose body returns a `B`.
///
/// A bound of [`scope`](crate::scope()) and its kin.
#[diagnostic::on_unimplemented(
    message = "the body of this scope cannot return `{B}`",
    note = "the body of a fail-fast scope (`try_scope` and its kin) returns a `Result<T, E>`"
)]
pub trait Conclude<B>: Accept<B> {
    /// What the scope returns.
    type Output;

    /// Returns the result of the scope, after everything in it has ended. `value` is `None` if the
    /// body failed, or was dropped because of a failure or because of what `ended` says.
    #[doc(hidden)]
    fn conclude(&self, value: Option<Self::Value>, ended: Ended) -> Self::Output;
}

/// How a scope ended without a value of its body.
#[derive(Debug)]
pub enum Ended {
    /// The scope was cancelled.
    Cancelled(Cancelled),
    /// The deadline of the scope passed.
    Elapsed,
}

/// Children fail independently: only the handle of a child learns how it ended.
///
/// Only a panic that no handle receives ends the scope.
///
/// See [`concurrent`](crate::concurrent()).
#[derive(Debug, Default)]
pub struct Supervise(());

/// The first failure ends the scope: siblings and body are dropped, and the scope returns the
/// failure.
///
/// See [`try_concurrent`](crate::try_concurrent()).
pub struct FailFast<E> {
    errors: Stack<E>,
}

impl<E> Default for FailFast<E> {
    fn default() -> Self {
        FailFast { errors: Stack::new() }
    }
}

impl<E> fmt::Debug for FailFast<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FailFast").field("failed", &!self.errors.is_empty()).finish()
    }
}

mod sealed {
    #[allow(unnameable_types)]
    pub trait Sealed {}
}

impl sealed::Sealed for Supervise {}
impl<E> sealed::Sealed for FailFast<E> {}

impl Policy for Supervise {
    type Error = Infallible;

    const FAIL_FAST: bool = false;

    fn keep(&self, failure: Infallible) {
        match failure {}
    }

    fn clear(&self) {}
}

impl<O> Accept<O> for Supervise {
    type Value = O;

    fn judge(output: O) -> Result<O, Infallible> {
        Ok(output)
    }
}

impl<B> Conclude<B> for Supervise {
    type Output = B;

    fn conclude(&self, value: Option<B>, _: Ended) -> B {
        value.expect("the body of a supervised scope is dropped only because of a panic")
    }
}

impl<E> Policy for FailFast<E> {
    type Error = E;

    const FAIL_FAST: bool = true;

    fn keep(&self, failure: E) {
        self.errors.push(failure);
    }

    fn clear(&self) {
        drop(self.errors.take());
    }
}

impl<T, E> Accept<Result<T, E>> for FailFast<E> {
    type Value = T;

    fn judge(output: Result<T, E>) -> Result<T, E> {
        output
    }
}

impl<T, E> Conclude<Result<T, E>> for FailFast<E> {
    type Output = Result<T, ScopeError<E>>;

    fn conclude(&self, value: Option<T>, ended: Ended) -> Self::Output {
        let mut errors = self.errors.take().into_iter();
        match (errors.next(), value) {
            (Some(first), _) => Err(ScopeError::Failed { first, rest: errors.collect() }),
            (None, Some(value)) => Ok(value),
            (None, None) => Err(match ended {
                Ended::Cancelled(cancelled) => ScopeError::Cancelled(cancelled),
                Ended::Elapsed => ScopeError::Elapsed(Elapsed::new()),
            }),
        }
    }
}
