//! What a map on an executor makes of an outcome.

use crate::{
    child::{JoinError, Panic},
    scope::ScopeError,
};
use alloc::vec::Vec;
use core::{convert::Infallible, fmt};

/// Makes an item of the outcome of a piece of work whose output is a `T`.
///
/// Implemented for [`AsOutcome`] and [`Flattened`] only.
///
/// See [`map_on`](crate::flow::Flow::map_on) and [`try_map_on`](crate::flow::Flow::try_map_on).
pub trait Deliver<T>: Sealed {
    /// The items of the flow.
    type Item;

    /// What is resumed instead of yielding an item: [`Panic`], or [`Infallible`].
    type Panic;

    #[doc(hidden)]
    fn deliver(outcome: Result<T, JoinError>) -> Result<Self::Item, Self::Panic>;

    #[doc(hidden)]
    fn resume(panic: Self::Panic) -> !;
}

/// Outcomes as they are: of a [`map_on`](crate::flow::Flow::map_on).
pub enum AsOutcome {}

/// Results of fallible work: of a [`try_map_on`](crate::flow::Flow::try_map_on).
pub enum Flattened {}

mod sealed {
    pub trait Sealed {}

    impl Sealed for super::AsOutcome {}
    impl Sealed for super::Flattened {}
}
use sealed::Sealed;

impl<T> Deliver<T> for AsOutcome {
    type Item = Result<T, JoinError>;
    type Panic = Infallible;

    #[inline(always)]
    fn deliver(outcome: Result<T, JoinError>) -> Result<Self::Item, Infallible> {
        Ok(outcome)
    }

    fn resume(panic: Infallible) -> ! {
        match panic {}
    }
}

impl<T, E> Deliver<Result<T, E>> for Flattened {
    type Item = Result<T, ScopeError<E>>;
    type Panic = Panic;

    fn deliver(outcome: Result<Result<T, E>, JoinError>) -> Result<Self::Item, Panic> {
        match outcome {
            Ok(result) => {
                Ok(result.map_err(|first| ScopeError::Failed { first, rest: Vec::new() }))
            }
            Err(JoinError::Cancelled(cancelled)) => Ok(Err(ScopeError::Cancelled(cancelled))),
            Err(JoinError::Panicked(panic)) => Err(panic),
            Err(JoinError::Failed | JoinError::Taken) => {
                unreachable!("ends of handles, not of work")
            }
        }
    }

    fn resume(panic: Panic) -> ! {
        panic.resume()
    }
}

impl fmt::Debug for AsOutcome {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {}
    }
}

impl fmt::Debug for Flattened {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {}
    }
}
