//! What counts as a failure that is tried again, and who is told of it.

use super::attempts::Failure;
use core::{convert::Infallible, time::Duration};

/// Which errors are followed by a retry.
///
/// See [`when`](super::Retry::when).
pub trait Retries<E>: sealed::Sealed {
    #[doc(hidden)]
    fn retries(&mut self, error: &E, attempt: usize) -> bool;
}

/// Every error is: unless [`when`](super::Retry::when) says otherwise.
#[derive(Clone, Copy, Debug)]
pub struct EveryError(pub(super) ());

/// Those that a function chooses; see [`when`](super::Retry::when).
#[derive(Clone, Copy, Debug)]
pub struct Chosen<W>(pub(super) W);

impl<E> Retries<E> for EveryError {
    #[inline]
    fn retries(&mut self, _: &E, _: usize) -> bool {
        true
    }
}

impl<E, W: FnMut(&E, usize) -> bool> Retries<E> for Chosen<W> {
    fn retries(&mut self, error: &E, attempt: usize) -> bool {
        (self.0)(error, attempt)
    }
}

/// Which values are good enough.
///
/// See [`until`](super::Retry::until).
pub trait Accepts<V>: sealed::Sealed {
    /// What is kept of a value that is not.
    type Rejected;

    #[doc(hidden)]
    fn accepts(&mut self, value: V) -> Result<V, Self::Rejected>;
}

/// Every value is: unless [`until`](super::Retry::until) says otherwise.
#[derive(Clone, Copy, Debug)]
pub struct EveryValue(pub(super) ());

/// Those that a function accepts; see [`until`](super::Retry::until).
#[derive(Clone, Copy, Debug)]
pub struct Accepted<U>(pub(super) U);

impl<V> Accepts<V> for EveryValue {
    type Rejected = Infallible;

    #[inline]
    fn accepts(&mut self, value: V) -> Result<V, Infallible> {
        Ok(value)
    }
}

impl<V, U: FnMut(&V) -> bool> Accepts<V> for Accepted<U> {
    type Rejected = V;

    fn accepts(&mut self, value: V) -> Result<V, V> {
        if (self.0)(&value) { Ok(value) } else { Err(value) }
    }
}

/// Who is told of retries.
///
/// See [`on_retry`](super::Retry::on_retry).
pub trait Tells<E, R>: sealed::Sealed {
    #[doc(hidden)]
    fn tell(&mut self, attempt: usize, failure: &Failure<E, R>, delay: Duration);
}

/// Nobody is told of retries.
///
/// See [`on_retry`](super::Retry::on_retry).
#[derive(Clone, Copy, Debug)]
pub struct Nobody(pub(super) ());

/// A function is; see [`on_retry`](super::Retry::on_retry).
#[derive(Clone, Copy, Debug)]
pub struct Told<O>(pub(super) O);

impl<E, R> Tells<E, R> for Nobody {
    #[inline]
    fn tell(&mut self, _: usize, _: &Failure<E, R>, _: Duration) {}
}

impl<E, R, O: FnMut(usize, &Failure<E, R>, Duration)> Tells<E, R> for Told<O> {
    fn tell(&mut self, attempt: usize, failure: &Failure<E, R>, delay: Duration) {
        (self.0)(attempt, failure, delay);
    }
}

mod sealed {
    use super::*;

    #[allow(unnameable_types, reason = "sealed")]
    pub trait Sealed {}

    impl Sealed for EveryError {}
    impl<W> Sealed for Chosen<W> {}
    impl Sealed for EveryValue {}
    impl<U> Sealed for Accepted<U> {}
    impl Sealed for Nobody {}
    impl<O> Sealed for Told<O> {}
}
