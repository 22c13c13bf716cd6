//! Bounded operations over sources: iterators and streams.
//!
//! A source becomes a [`Flow`] with [`iter`] or [`stream`]; operations make other flows of it,
//! and a last one drives it to its end. Every operation that does work takes a limit. The driving
//! operation owns the loop, so work that has started never waits until the next item is asked
//! for:
//!
//! ```
//! use anyscope::flow;
//!
//! # smol::block_on(async {
//! let total = std::cell::Cell::new(0);
//! flow::iter([1, 2, 3])
//!     .for_each_concurrent(2, async |n| total.set(total.get() + n))
//!     .await;
//! assert_eq!(total.get(), 6);
//! # });
//! ```
//!
//! | | work runs in the awaiting task, may borrow | work runs on an executor |
//! |---|---|---|
//! | values | [`map_concurrent`](Flow::map_concurrent), [`buffered`](Flow::buffered) | [`map_on`](Flow::map_on), [`try_map_on`](Flow::try_map_on) |
//! | side effects | [`for_each_concurrent`](Flow::for_each_concurrent) | [`for_each_on`](Flow::for_each_on) |
//! | side effects that may fail | [`try_for_each_concurrent`](Flow::try_for_each_concurrent) | [`try_for_each_on`](Flow::try_for_each_on) |
//!
//! | to | operations |
//! |---|---|
//! | take the items | [`collect`](Flow::collect), [`try_collect`](Flow::try_collect), [`partition_results`](Flow::partition_results), [`fold`](Flow::fold), [`try_fold`](Flow::try_fold), [`count`](Flow::count), [`drive`](Flow::drive) |
//! | take several flows as one | [`merge`], [`merge_all`], [`try_merge`], [`merge_keyed`], [`zip`](Flow::zip), [`zip_strict`](Flow::zip_strict) |
//! | take flows out of a flow | [`flatten`](Flow::flatten), [`flat_map`](Flow::flat_map), [`try_flatten`](Flow::try_flatten), [`switch`](Flow::switch) |
//! | change items one by one | [`map`](Flow::map), [`map_ok`](Flow::map_ok), [`map_err`](Flow::map_err), [`filter`](Flow::filter), [`filter_map`](Flow::filter_map), [`filter_ok`](Flow::filter_ok), [`inspect`](Flow::inspect), [`inspect_err`](Flow::inspect_err), [`take`](Flow::take), [`enumerate`](Flow::enumerate) |
//! | go on after an error | [`recover_with`](Flow::recover_with) another flow; end there: [`until_error`](Flow::until_error) |
//! | share a budget with the rest of the task | [`cooperate`](Flow::cooperate) |
//! | take them in batches, or ahead of demand | [`chunks`](Flow::chunks), [`windows`](Flow::windows), [`flatten_iter`](Flow::flatten_iter), [`prefetch`](Flow::prefetch) |
//! | work with time | see [`time`]; [`interval`] for an item each period |
//! | make a flow of an async block | [`generate`], [`try_generate`]; of a [`handoff`](crate::channel::handoff): [`source`] |
//! | do work that finds more work | [`expand`] |
//! | read what has no waker | [`poll_source()`] |
//! | watch | [`progress`](Flow::progress), [`try_progress`](Flow::try_progress), with an observer of your own or a bar (below) |
//! | name what an operation returns | see [`sources`] and [`future`](crate::future) |
//!
//! # What they all promise
//!
//! - **The limit holds**: no more than that many pieces of work are under way at any moment.
//! - **Nothing is snoozed**: while the operation is polled, all work that has started is polled
//!   when its waker fires, and so is a source whose read has begun, even while the consumer of
//!   the items is busy, and through whole chains (see [`Source`]). A source of no work of its own is
//!   not asked at the limit; a stream that is woken there has at most one item taken ahead and
//!   held.
//! - **Items may be borrowed**, also inside a spawned task: an operation is `Send` if its items,
//!   functions and work are.
//! - **Nothing grows with the source**: memory is bounded by the limit.
//! - **Nothing is lost**: what an operation holds when it is dropped early can be recovered
//!   (`into_parts`, [`on_undelivered`](Flow::on_undelivered)), or is dropped where its docs say so.
//!
//! Work in the awaiting task stops while that task's future is not polled; work on an executor
//! continues.
//!
//! # Seeing how far it is
//!
//! [`progress`](Flow::progress) tells an observer. With the feature `progress` of the facade, a bar is one: `progress::Bar` draws on the
//! terminal, with a bar for each part of the work below that of the whole.
//!
//! ```text
//! days [==================>           ] 3/5 days, 40s, 27s left
//!   monday [==========>                   ] 12/31 files, 1 failed, 2.4/s, 5s, 8s left: notes.txt
//!   tuesday [==>                           ] 3/40 files, 0.60/s, 5s, 1m 02s left: photo.jpg
//! ```
//!
//! # In parallel
//!
//! An operation on an executor is shared among a few children, as many as the executor has threads
//! and two to spare ([`Spawn::parallelism`](crate::Spawn::parallelism)). Each takes a few items off
//! the source at a time, when there is room under the limit, and runs the work it makes of them.
//! While a piece of work is being polled, it holds up the others that its child has started, and
//! nothing else: what was taken and not started is started by another child. So work that blocks
//! its thread, which it should not, makes an operation slower and does not stop it.
//!
//! When such an operation ends early, its children are cancelled: those that are idle are dropped
//! at once with all their work, and one that is being polled right after that poll.
//!
//! A panic that ends an operation is resumed where the operation is driven, before anything that
//! the panic cancelled is reported. If the operation is dropped early, a panic that has happened by
//! then is resumed in the drop. A child that the executor refuses or drops is an error with the
//! cause [`Executor`](crate::CancelledBy::Executor), never a silent early end.

mod item;
mod merge;
pub(crate) mod parallel;
mod reorder;
pub(crate) mod sink;
mod source;
pub mod sources;
pub mod time;
mod work;

pub use crate::{observe::Progress, time::NoClock};
pub use merge::{
    IntoMerge, KeyedEvent, KeyedHandle, MergeGone, OneOf2, OneOf3, OneOf4, OneOf5, OneOf6, OneOf7,
    OneOf8, TryItem, UnequalLengths, merge, merge_all, merge_keyed, try_merge,
};
pub use sink::{Items, Partitioned};
pub use source::poll_source::{self, poll_source};
pub use source::{Flow, IntoFlow, Source, generate, iter, source, stream, try_generate};
pub use time::interval::interval;
pub use work::{Found, expand};

use crate::set::budget::POLLS;
