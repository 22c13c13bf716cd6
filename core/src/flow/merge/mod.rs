//! Several sources as one.
//!
//! | file | what |
//! |---|---|
//! | [`few`] | up to eight sources, polled by hand |
//! | [`many`] | more: each has a waker of its own |
//! | [`pool`] | what they and other operations keep their sources in |
//! | [`tuple`], [`list`] | what can be merged |
//! | [`keyed`] | sources that come and go |
//! | [`flatten`], [`each`] | the flows in a flow, or those that a function makes of its items |
//! | [`switch`] | the newest flow in a flow |
//! | [`zip`] | pairs |

pub(super) mod each;
mod few;
mod flatten;
mod keyed;
mod list;
mod many;
mod one_of;
pub(super) mod pool;
mod switch;
mod tuple;
mod zip;

pub use each::{Each, OrError};
pub use few::Few;
pub use flatten::{Flatten, FlattenParts, TryFlatten};
pub use keyed::{KeyedEvent, KeyedHandle, KeyedMerge, MergeGone, merge_keyed};
pub use list::{Array, Boxed, List};
pub use many::Many;
pub use one_of::*;
pub use switch::{Switch, SwitchParts};
pub use tuple::{Tuple2, Tuple3, Tuple4, Tuple5, Tuple6, Tuple7, Tuple8};
pub use zip::{UnequalLengths, Zip, ZipParts, ZipStrict};

use super::{
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
use sealed::{Ends, Rules};

/// Merges several sources: each item as soon as its source has it.
///
/// ```text
/// a        a---c-----f-|
/// b        -b-----d|
/// merge    ab--c--d--f-|
/// ```
///
/// `sources` are flows or streams (see [`IntoFlow`]): a tuple of two to eight, whose items may
/// have different types and come as [`OneOf2`] to [`OneOf8`]; or an array or a [`Vec`] of one
/// type. The items of each source keep their order. The merge ends when all of them have ended,
/// at once if there is none; see [`until_any_ends`](Flow::until_any_ends). A source is dropped
/// when it has ended.
///
/// While the consumer is busy, sources go on with what they have begun, and each has at most what
/// it takes ahead itself: for a plain stream, one item. The merge holds none.
///
/// # Cancel safety
///
/// Dropping it drops the sources, and what they have taken ahead.
/// [`into_parts`](Merge::into_parts) returns them.
///
/// # Panics
///
/// A panic of a source propagates. That source is not polled again, the others may be.
///
/// # Fairness
///
/// In passes: of any N items, each of k sources that are always ready yields at least ⌊N/k⌋ − 1.
/// See [`biased`](Flow::biased).
///
/// # Cost
///
/// Up to eight sources are polled by hand with the waker of the task, and each wake asks all of
/// them. Nothing is allocated but what a vector of them needs, and, when they first go on for a
/// busy consumer, one block of memory. Of more, each has a waker of its own and is polled only when
/// that has fired: O(1) per item and per wake, whatever their number.
///
/// # Examples
///
/// ```
/// use anyscope::flow::{self, OneOf2};
/// # use smol::stream::{self, StreamExt};
///
/// # smol::block_on(async {
/// let readings = flow::iter([20.5, 21.0]);
/// let updates = stream::iter(["on"]); // a stream will do as well
/// let all: Vec<_> = flow::merge((readings, updates)).into_stream().collect().await;
/// assert_eq!(all, [OneOf2::First(20.5), OneOf2::Second("on"), OneOf2::First(21.0)]);
/// # });
/// ```
pub fn merge<I: IntoMerge>(sources: I) -> Flow<Merge<I::Inputs>> {
    let rules = Rules { ends: Ends::All, biased: false };
    super::source(Merge { inputs: sources.into_inputs(), rules })
}

/// Merges all flows or streams of an iterator. As [`merge`] of a vector of them.
///
/// # Examples
///
/// ```
/// use anyscope::flow;
/// # use smol::stream::StreamExt;
///
/// # smol::block_on(async {
/// let sources = (0..3).map(|n| flow::iter([n, n + 10]));
/// let all: Vec<_> = flow::merge_all(sources).into_stream().collect().await;
/// assert_eq!(all, [0, 1, 2, 10, 11, 12]);
/// # });
/// ```
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
/// error is yielded, and that is the end. Values of a tuple come as `Result<OneOf2<A, B>, E>`.
///
/// # Examples
///
/// ```
/// use anyscope::flow;
/// # use smol::stream::StreamExt;
///
/// # smol::block_on(async {
/// let sources = [flow::iter(vec![Ok(1), Ok(2)]), flow::iter(vec![Err("broken")])];
/// let all: Vec<_> = flow::try_merge(sources).into_stream().collect().await;
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
    /// Ends as soon as any of the sources has ended, and not when all have.
    ///
    /// Each of the others is then asked once more, so that an item which it has taken ahead is
    /// delivered. Then they are dropped.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::flow;
    /// # use smol::stream::StreamExt;
    ///
    /// # smol::block_on(async {
    /// let sources = [flow::iter(vec![1, 2, 3, 4]), flow::iter(vec![10])];
    /// let all: Vec<_> = flow::merge(sources).until_any_ends().into_stream().collect().await;
    /// assert_eq!(all, [1, 10, 2, 3]);
    /// # });
    /// ```
    pub fn until_any_ends(mut self) -> Self {
        self.source.rules.ends = Ends::Any;
        self
    }

    /// Ends as soon as the source at this place has ended, counted from zero, and not when all
    /// have. As [`until_any_ends`](Self::until_any_ends) otherwise.
    ///
    /// # Panics
    ///
    /// If there are not so many sources.
    #[track_caller]
    pub fn until_ends(mut self, place: usize) -> Self {
        let sources = self.source.inputs.len();
        assert!(place < sources, "no source {place} among {sources}: pass its place in the merge");
        self.source.rules.ends = Ends::One(place);
        self
    }

    /// Takes each item from the first source that has one, in the order in which they were passed.
    ///
    /// So a source that is always ready keeps those after it waiting for ever.
    ///
    /// # Cost
    ///
    /// More than eight sources are kept in a heap while they are ready: O(log k) per item.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::flow;
    /// # use smol::stream::StreamExt;
    ///
    /// # smol::block_on(async {
    /// let sources = [flow::iter([1, 2]), flow::iter([10, 20])];
    /// let all: Vec<_> = flow::merge(sources).biased().into_stream().collect().await;
    /// assert_eq!(all, [1, 2, 10, 20]);
    /// # });
    /// ```
    pub fn biased(mut self) -> Self {
        self.source.rules.biased = true;
        self
    }
}

/// What [`merge`] can be called with: tuples, arrays and vectors of what is [`IntoFlow`].
pub trait IntoMerge {
    /// The type of its items.
    type Item;
    /// The sources, ready to be polled.
    type Inputs: Inputs<Item = Self::Item>;

    #[doc(hidden)]
    fn into_inputs(self) -> Self::Inputs;
}

/// The sources of a [`Merge`]. Implemented by those of [`IntoMerge`], and by nothing else.
pub trait Inputs: sealed::Inputs {}

impl<I: sealed::Inputs> Inputs for I {}

pub(super) mod sealed {
    use super::{Context, Pin, Poll};

    #[allow(unnameable_types, reason = "sealed")]
    pub trait Inputs {
        type Item;

        fn len(&self) -> usize;

        fn poll_item(
            self: Pin<&mut Self>,
            cx: &mut Context<'_>,
            rules: Rules,
        ) -> Poll<Option<Self::Item>>;

        fn poll_progress(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()>;

        fn size_hint(&self, ends: Ends) -> (usize, Option<usize>);

        fn is_over(&self) -> bool;
    }

    /// How a merge goes.
    #[allow(unnameable_types, reason = "sealed")]
    #[derive(Clone, Copy, Debug)]
    pub struct Rules {
        pub ends: Ends,
        pub biased: bool,
    }

    /// When a merge ends.
    #[allow(unnameable_types, reason = "sealed")]
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum Ends {
        /// When all sources have ended.
        All,
        /// When any of them has.
        Any,
        /// When the one at this place has.
        One(usize),
    }

    impl Ends {
        /// Returns whether a merge ends with the source at this place.
        #[inline]
        pub fn with(self, place: usize) -> bool {
            match self {
                Ends::All => false,
                Ends::Any => true,
                Ends::One(one) => one == place,
            }
        }
    }
}

pin_project! {
    /// Source of [`merge`] and [`merge_all`].
    #[must_use = "streams do nothing unless polled"]
    pub struct Merge<I> {
        #[pin]
        inputs: I,
        rules: Rules,
    }
}

impl<I: Inputs> Stream for Merge<I> {
    type Item = I::Item;

    #[inline]
    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<I::Item>> {
        let this = self.project();
        this.inputs.poll_item(cx, *this.rules)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.inputs.size_hint(self.rules.ends)
    }
}

impl<I: Inputs> Source for Merge<I> {
    fn poll_progress(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.project().inputs.poll_progress(cx)
    }
}

impl<I: Inputs> FusedStream for Merge<I> {
    fn is_terminated(&self) -> bool {
        self.inputs.is_over()
    }
}

impl<I: Inputs> fmt::Debug for Merge<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Merge").field("rules", &self.rules).finish_non_exhaustive()
    }
}
