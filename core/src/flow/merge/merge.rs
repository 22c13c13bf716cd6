//! The merge of several sources.

use super::{
    Boxed, TryItem,
    sealed::{self, Ends},
};
use crate::flow::{
    item::until_error::UntilError,
    source::{Flow, Source, into_flow::IntoFlow},
};
use alloc::vec::Vec;
use core::{
    fmt,
    pin::Pin,
    task::{Context, Poll},
};
use futures_core::{FusedStream, Stream};
use pin_project_lite::pin_project;

/// Merges several sources: yields each item as soon as its source has it.
///
/// ```text
/// a        a---c-----f-|
/// b        -b-----d|
/// merge    ab--c--d--f-|
/// ```
///
/// `sources` are flows or streams (see [`IntoFlow`]): a tuple of two to eight, whose items may
/// have different types and are yielded as [`OneOf2`](super::OneOf2) to [`OneOf8`](super::OneOf8);
/// or an array or a [`Vec`] of one type. The items of each source keep their order. The merge ends
/// when all sources have ended, at once if there is none; see
/// [`until_any_ends`](Flow::until_any_ends). A source is dropped when it has ended.
///
/// While the consumer is busy, the sources continue the work that they have begun. Each holds at
/// most the items that it takes ahead itself: for a plain stream, one item. The merge holds none.
///
/// # Cancel safety
///
/// Dropping the merge drops the sources, with the items that they have taken ahead.
/// [`into_parts`](Merge::into_parts) returns them instead.
///
/// # Panics
///
/// Propagates a panic of a source. That source is dropped, and the others may be polled.
///
/// # Fairness
///
/// Sources are polled in turn: of any N items, each of k sources that are always ready yields at
/// least ⌊N/k⌋ − 1. See also [`biased`](Flow::biased).
///
/// # Cost
///
/// Up to eight sources are polled with the waker of the task, and each wake polls all of them. The
/// merge allocates only the vector of the sources, if there is one, and one block of memory when
/// the sources first continue while the consumer is busy.
///
/// Of more than eight sources, each has a waker of its own and is polled only when that has fired:
/// O(1) per item and per wake, whatever their number.
///
/// # Examples
///
/// ```
/// use anyscope::flow::{self, OneOf2};
/// use smol::stream;
///
/// # smol::block_on(async {
/// let readings = flow::iter([20.5, 21.0]);
/// let updates = stream::iter(["on"]); // a stream works as well
/// let all: Vec<_> = flow::merge((readings, updates)).collect().await;
/// assert_eq!(all, [OneOf2::First(20.5), OneOf2::Second("on"), OneOf2::First(21.0)]);
/// # });
/// ```
#[doc(alias = "select")]
pub fn merge<I: IntoMerge>(sources: I) -> Flow<Merge<I::Inputs>> {
    crate::flow::source(Merge { inputs: sources.into_inputs() })
}

/// Merges all flows or streams of an iterator, as [`merge`] of a vector.
///
/// # Examples
///
/// ```
/// use anyscope::flow;
///
/// # smol::block_on(async {
/// let sources = (0..3).map(|n| flow::iter([n, n + 10]));
/// let all: Vec<_> = flow::merge_all(sources).collect().await;
/// assert_eq!(all, [0, 1, 2, 10, 11, 12]);
/// # });
/// ```
#[doc(alias = "select_all")]
pub fn merge_all<I>(sources: I) -> Flow<Merge<Boxed<<I::Item as IntoFlow>::Source>>>
where
    I: IntoIterator<Item: IntoFlow>,
{
    merge(sources.into_iter().collect::<Vec<_>>())
}

/// Merges sources whose items are results, up to the first error.
///
/// ```text
/// a            a---c-----f-|
/// b            -b-----X
/// try_merge    ab--c--X      the error, and the end
/// ```
///
/// As [`merge`] with [`until_error`](Flow::until_error): the other sources are dropped, then the
/// error is yielded as the last item. Values of a tuple are yielded as `Result<OneOf2<A, B>, E>`.
///
/// # Examples
///
/// ```
/// use anyscope::flow;
///
/// # smol::block_on(async {
/// let sources = [flow::iter(vec![Ok(1), Ok(2)]), flow::iter(vec![Err("broken")])];
/// let all: Vec<_> = flow::try_merge(sources).collect().await;
/// assert_eq!(all, [Ok(1), Err("broken")]);
/// # });
/// ```
pub fn try_merge<I>(sources: I) -> Flow<UntilError<Merge<I::Inputs>>>
where
    I: IntoMerge<Item: TryItem>,
{
    merge(sources).until_error()
}

impl<I: Inputs> Flow<Merge<I>> {
    /// Ends as soon as any source has ended, instead of when all have.
    ///
    /// The other sources are then polled once more, so that items that they have taken ahead are
    /// yielded. Then they are dropped.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::flow;
    ///
    /// # smol::block_on(async {
    /// let sources = [flow::iter(vec![1, 2, 3, 4]), flow::iter(vec![10])];
    /// let all: Vec<_> = flow::merge(sources).until_any_ends().collect().await;
    /// assert_eq!(all, [1, 10, 2, 3]);
    /// # });
    /// ```
    pub fn until_any_ends(mut self) -> Self {
        self.source.inputs.rules_mut().ends = Ends::Any;
        self
    }

    /// Ends as soon as the source at `place` has ended, instead of when all have.
    ///
    /// Places count from zero, in the order in which the sources were passed. Otherwise as
    /// [`until_any_ends`](Self::until_any_ends).
    ///
    /// # Panics
    ///
    /// Panics if there is no source at `place`.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::flow;
    ///
    /// # smol::block_on(async {
    /// let sources = [flow::iter(vec![1, 2, 3, 4]), flow::iter(vec![10])];
    /// let all: Vec<_> = flow::merge(sources).until_ends(0).collect().await;
    /// assert_eq!(all, [1, 10, 2, 3, 4]);
    /// # });
    /// ```
    #[track_caller]
    pub fn until_ends(mut self, place: usize) -> Self {
        let sources = self.source.inputs.len();
        assert!(place < sources, "no source {place} among {sources}: pass its place in the merge");
        self.source.inputs.rules_mut().ends = Ends::One(place);
        self
    }

    /// Takes each item from the first source that has one, in the order in which the sources were
    /// passed.
    ///
    /// So a source that is always ready starves those after it.
    ///
    /// # Cost
    ///
    /// More than eight sources are kept in a heap while they are ready: O(log k) per item.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::flow;
    ///
    /// # smol::block_on(async {
    /// let sources = [flow::iter([1, 2]), flow::iter([10, 20])];
    /// let all: Vec<_> = flow::merge(sources).biased().collect().await;
    /// assert_eq!(all, [1, 2, 10, 20]);
    /// # });
    /// ```
    pub fn biased(mut self) -> Self {
        self.source.inputs.rules_mut().biased = true;
        self
    }
}

/// The arguments of [`merge`]: tuples, arrays and vectors of [`IntoFlow`] values.
pub trait IntoMerge {
    /// The type of the merged items.
    type Item;
    /// The sources, ready to be polled.
    type Inputs: Inputs<Item = Self::Item>;

    #[doc(hidden)]
    fn into_inputs(self) -> Self::Inputs;
}

/// The sources of a [`Merge`]. Sealed: implemented by the types that [`IntoMerge`] names.
///
/// See [`merge`](super::merge()).
pub trait Inputs: sealed::Inputs {}

impl<I: sealed::Inputs> Inputs for I {}

pin_project! {
    /// Source of [`merge`] and [`merge_all`].
    #[must_use = "streams do nothing unless polled"]
    pub struct Merge<I> {
        #[pin]
        pub(super) inputs: I,
    }
}

impl<I: Inputs> Stream for Merge<I> {
    type Item = I::Item;

    #[inline]
    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<I::Item>> {
        self.project().inputs.poll_item(cx)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let (low, high) = self.inputs.size_hint();
        if self.inputs.rules().ends == Ends::All { (low, high) } else { (0, high) }
    }
}

impl<I: Inputs> Source for Merge<I> {
    fn poll_progress(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.project().inputs.poll_progress(cx)
    }

    fn end_at(self: Pin<&mut Self>, is_last: fn(&I::Item) -> bool) {
        self.project().inputs.end_at(is_last);
    }
}

impl<I: Inputs> FusedStream for Merge<I> {
    fn is_terminated(&self) -> bool {
        self.inputs.is_over()
    }
}

impl<I: Inputs> fmt::Debug for Merge<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Merge").field("rules", self.inputs.rules()).finish_non_exhaustive()
    }
}
