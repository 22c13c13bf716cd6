//! Several futures awaited together, for all of their values.

use core::future::Future;

/// Runs several futures in the awaiting task, and returns their values in the order of the futures.
///
/// Takes tuples of two to eight futures, of different types, and (with `alloc`) a `Vec` of futures
/// of one type.
///
/// A future that returns an error does not end the others: all values are waited for.
///
/// # Cancel safety
///
/// Dropping the returned future drops all futures, and the values of those that are ready.
///
/// # Panics
///
/// A panic of a future propagates. The returned future panics if polled after it was ready.
///
/// # Cost
///
/// A tuple allocates nothing, and every poll of the task polls all of its futures that are not
/// ready. In a `Vec`, each future is polled only when its own waker has fired; that costs one
/// allocation for up to 64 futures, and one for the values.
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

/// Several futures that [`join`] takes: a tuple, or a `Vec`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be joined",
    note = "`join` takes a tuple of two to eight futures, or a `Vec` of futures: `join((a, b))`"
)]
pub trait Join {
    /// The values of the futures.
    type Output;
    /// The future that [`join`] returns.
    type Future: Future<Output = Self::Output>;

    /// Returns one future that awaits all of them.
    fn into_join(self) -> Self::Future;
}
