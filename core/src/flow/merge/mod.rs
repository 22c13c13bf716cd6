//! Several sources as one.
//!
//! | file | what |
//! |---|---|
//! | [`merge`](self::merge) | the merge, and what it asks of what it merges |
//! | [`few`] | up to eight sources, polled by hand |
//! | [`many`] | more: each has a waker of its own |
//! | [`sealed`] | what a merge asks of its sources |
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
// The type `Merge` is what one looks for under this name.
#[allow(clippy::module_inception)]
mod merge;
mod one_of;
pub(super) mod pool;
mod sealed;
mod switch;
mod tuple;
mod zip;

pub use each::{Each, OrError};
pub use few::Few;
pub use flatten::{Flatten, FlattenParts, TryFlatten};
pub use keyed::{KeyedEvent, KeyedHandle, KeyedMerge, MergeGone, merge_keyed};
pub use list::{Array, Boxed, List};
pub use many::Many;
pub use merge::{Inputs, IntoMerge, Merge, merge, merge_all, try_merge};
pub use one_of::*;
pub use switch::{Switch, SwitchParts};
pub use tuple::{Tuple2, Tuple3, Tuple4, Tuple5, Tuple6, Tuple7, Tuple8};
pub use zip::{UnequalLengths, Zip, ZipParts, ZipStrict};
