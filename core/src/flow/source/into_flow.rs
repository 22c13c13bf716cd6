//! The types that can be passed as a flow.

use super::{Flow, FromStream, Source};
use futures_core::Stream;

/// A value that converts into a [`Flow`]: a flow, or any stream.
///
/// Operations on several sources accept both, side by side. A stream is wrapped by
/// [`flow::stream`](crate::flow::stream()). Pass a [`Source`] of your own as
/// [`flow::source(s)`](crate::flow::source()), because otherwise it counts as a plain stream; and
/// an iterator as [`flow::iter(i)`](crate::flow::iter()).
///
/// # Examples
///
/// ```
/// use anyscope::flow::{Flow, IntoFlow, Source};
///
/// /// For a flow, and for a stream of whatever crate.
/// fn evens(numbers: impl IntoFlow<Item = u32>) -> Flow<impl Source<Item = u32>> {
///     numbers.into_flow().filter(|n| n % 2 == 0)
/// }
///
/// # smol::block_on(async {
/// let numbers = smol::stream::iter([1, 2, 3, 4]);
/// assert_eq!(evens(numbers).collect::<Vec<_>>().await, [2, 4]);
/// # });
/// ```
pub trait IntoFlow {
    /// The type of the items.
    type Item;
    /// The source of the flow.
    type Source: Source<Item = Self::Item>;

    /// Converts into a flow.
    fn into_flow(self) -> Flow<Self::Source>;
}

impl<S: Source> IntoFlow for Flow<S> {
    type Item = S::Item;
    type Source = S;

    fn into_flow(self) -> Flow<S> {
        self
    }
}

impl<S: Stream> IntoFlow for S {
    type Item = S::Item;
    type Source = FromStream<S>;

    fn into_flow(self) -> Flow<FromStream<S>> {
        crate::flow::stream(self)
    }
}
