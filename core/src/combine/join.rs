//! All of several futures.

use core::future::Future;

/// Runs all of several futures in the awaiting task, and gives their values in the order of the
/// futures.
///
/// Takes tuples of two to eight futures, of different types, and (with `alloc`) a `Vec` of futures
/// of one type.
///
/// A future that fails ends nothing: the value of the others is waited for.
///
/// # Cancel safety
///
/// Dropping it drops all futures, and the values of those that are ready.
///
/// # Panics
///
/// A panic of a future goes through. It panics when polled after it was ready.
///
/// # Cost
///
/// For a tuple, none beside its futures: nothing is allocated, and every poll of the task polls
/// all that are not ready. In a `Vec` each is polled only when its own waker has fired; one
/// allocation for up to 64 futures, and that of the values.
///
/// # Examples
///
/// ```
/// use anyscope::join;
///
/// # smol::block_on(async {
/// let (name, age) = join((async { "ann" }, async { 42 })).await;
/// assert_eq!((name, age), ("ann", 42));
/// let squares = join((1..=3).map(|n| async move { n * n }).collect::<Vec<_>>()).await;
/// assert_eq!(squares, [1, 4, 9]);
/// # });
/// ```
pub fn join<J: Join>(futures: J) -> J::Future {
    futures.into_join()
}

/// What [`join`] takes.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be joined",
    note = "`join` takes a tuple of two to eight futures, or a `Vec` of futures: `join((a, b))`"
)]
pub trait Join {
    /// The values of the futures.
    type Output;
    /// What [`join`] returns.
    type Future: Future<Output = Self::Output>;

    /// Makes one future of them.
    fn into_join(self) -> Self::Future;
}
