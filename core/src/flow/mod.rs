//! Bounded operations over sources: iterators and streams.
//!
//! A source becomes a [`Flow`] with [`iter`] or [`stream`]; a method of the flow drives it to its
//! end, and takes the limit. The operation owns the loop, so that work which has started never
//! waits for somebody to ask for the next item:
//!
//! ```
//! use anyscope_core::{Limit, flow};
//!
//! # smol::block_on(async {
//! let total = std::cell::Cell::new(0);
//! flow::iter([1, 2, 3])
//!     .for_each(Limit::new(2), async |n| total.set(total.get() + n))
//!     .await;
//! assert_eq!(total.get(), 6);
//! # });
//! ```
//!
//! | | work runs in the awaiting task, may borrow | work runs on an executor |
//! |---|---|---|
//! | side effects | [`for_each`](Flow::for_each) | [`for_each_on`](Flow::for_each_on) |
//! | side effects that may fail | [`try_for_each`](Flow::try_for_each) | [`try_for_each_on`](Flow::try_for_each_on) |
//!
//! Between the two stand operators, which are sources themselves: those on one item at a time,
//! such as [`filter_ok`](Flow::filter_ok), [`inspect_err`](Flow::inspect_err) or
//! [`take`](Flow::take); [`caught`](Flow::caught), for which a panic is an error of its item;
//! [`progress`](Flow::progress), which tells an observer how far it has come;
//! [`chunks`](Flow::chunks), and those that know the [`time`]. What has no waker becomes a source
//! with [`poll_source`](fn@poll_source).
//!
//! # What they all promise
//!
//! - **The limit holds**: no more than that many pieces of work are under way at any moment.
//! - **Nothing is snoozed**: while the operation is polled, all work that has started is polled
//!   when its waker fires, and so is a source whose read has begun. That includes a source at the
//!   limit that has work of its own under way (a merge, say, with one half-read input) and wakes
//!   us for it: at most one item is then taken ahead and held. A source that has not been woken is
//!   not asked at the limit.
//! - **Nothing grows with the source**: memory is that of the limit.
//!
//! Work in the awaiting task stops when nobody polls that task's future; work on an executor goes
//! on.

mod adapt;
mod chunks;
mod each;
mod flatten;
mod into_flow;
mod map;
mod merge;
mod parallel;
pub mod poll_source;
mod progress;
mod reader;
mod sink;
mod source;
mod switch;
pub mod time;
mod until_error;
mod work;
mod zip;

pub use adapt::{
    Adapt, Adapter, Buffer, Convert, Enumerate, Filter, FilterMap, FilterOk, FlattenIter, Inspect,
    InspectErr, MapErr, MapOk, Take,
};
#[cfg(feature = "std")]
pub use adapt::{Caught, CaughtWork};
pub use chunks::Chunks;
pub use each::{Each, OrError};
pub use flatten::{Flatten, FlattenParts, TryFlatten};
pub use into_flow::IntoFlow;
pub use map::{Map, MapParts};
pub use merge::{
    Array, Boxed, Few, Inputs, IntoMerge, KeyedEvent, KeyedHandle, KeyedMerge, List, Many, Merge,
    MergeGone, OneOf2, OneOf3, OneOf4, OneOf5, OneOf6, OneOf7, OneOf8, TryItem, Tuple2, Tuple3,
    Tuple4, Tuple5, Tuple6, Tuple7, Tuple8, merge, merge_all, merge_keyed, try_merge,
};
pub use parallel::{ForEachOn, MapOn, SpawnAll, TryForEachOn};
pub use poll_source::{PollSource, poll_source};
pub use progress::{NoClock, Progress, ReportProgress};
pub use sink::{
    Collect, Count, Drive, Fold, ForEach, Items, NextItem, Partition, Partitioned, TryCollect,
    TryFold, TryForEach,
};
pub use source::{Flow, FromStream, Iter, Source, iter, source, stream};
pub use switch::{Switch, SwitchParts};
pub use until_error::UntilError;
pub use work::{Call, CallWeighted, CallWith, Itself, OnUndelivered, Work};
pub use zip::{UnequalLengths, Zip, ZipParts, ZipStrict};

use crate::set::budget::POLLS;
