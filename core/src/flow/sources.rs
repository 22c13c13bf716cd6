//! The sources that operations return, and what these are made of, for those who have to name them.
//!
//! A chain of operations needs no names, and a function that returns one says
//! `Flow<impl Source<Item = T>>`. Names are for what is stored:
//!
//! ```
//! use anyscope::flow::{self, Flow, sources::{Iter, Take}};
//!
//! struct Page {
//!     rows: Flow<Take<Iter<std::vec::IntoIter<String>>>>,
//! }
//!
//! # smol::block_on(async {
//! let page = Page { rows: flow::iter(vec!["a row".to_owned()]).take(20) };
//! assert_eq!(page.rows.count().await, 1);
//! # });
//! ```
//!
//! Sources that work with time are in [`time`](super::time), and [`PollSource`] is in
//! [`poll_source`](mod@super::poll_source). What drives a flow is a future, and has its name in
//! [`future`](crate::future).
//!
//! [`PollSource`]: super::poll_source::PollSource

#[cfg(feature = "std")]
pub use super::work::{CatchUnwind, CatchUnwindWork};
pub use super::{
    item::{
        Adapt, Adapter, Chunks, Cooperate, Enumerate, Filter, FilterMap, FilterOk, FlattenIter,
        Inspect, InspectErr, Map, MapErr, MapOk, Prefetch, RecoverWith, ReportProgress, Take,
        UntilError, Windows,
    },
    merge::{
        Array, Boxed, Each, Few, Flatten, FlattenParts, Inputs, KeyedMerge, List, Many, Merge,
        OrError, Switch, SwitchParts, TryFlatten, Tuple2, Tuple3, Tuple4, Tuple5, Tuple6, Tuple7,
        Tuple8, Zip, ZipParts, ZipStrict,
    },
    parallel::{AsOutcome, Deliver, Flattened, MapOn, SpawnAll},
    source::{AsCompleted, FromStream, Generate, Iter, TryGenerate},
    work::{
        Call, CallWeighted, CallWith, Expand, ExpandParts, Itself, MapConcurrent, MapParts,
        OnUndelivered, Work,
    },
};
