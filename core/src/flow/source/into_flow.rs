//! What can be taken for a flow.

use super::{Flow, FromStream, Source};
use futures_core::Stream;

/// Something that becomes a [`Flow`]: a flow, or any stream.
///
/// Operations on several sources take them in this form, so that both can be passed side by side. A
/// stream is wrapped as [`flow::stream`](crate::flow::stream()) does. A [`Source`] of your own is
/// passed as [`flow::source(s)`](crate::flow::source()), or else it is taken for a plain stream,
/// and an iterator as [`flow::iter(i)`](crate::flow::iter()).
pub trait IntoFlow {
    /// The type of its items.
    type Item;
    /// What its flow comes from.
    type Source: Source<Item = Self::Item>;

    /// The flow.
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
