//! Waiting for some of the futures of a set or map; and handles, which add to it meanwhile.
//!
//! | file | what |
//! |---|---|
//! | [`map`], [`set`] | the methods of a `FutureMap` and a `FutureSet` |
//! | [`condition`] | when a wait ends |
//! | [`wait`] | the future of a wait, with a time limit or without |
//! | [`progress`] | telling how far it has come |
//! | [`waited`] | what it returns |
//! | [`gather`] | what it needs of a set or map |
//! | [`kept`] | outputs that were gathered and not returned: they belong to the set or map |
//! | [`handle`] | adds from elsewhere |
//! | [`intake`] | what a set or map shares with its handles; nothing without `std` |

mod condition;
mod gather;
#[cfg(any(feature = "std", anyscope_loom))]
mod handle;
#[cfg_attr(not(any(feature = "std", anyscope_loom)), path = "no_intake.rs")]
mod intake;
mod kept;
mod map;
#[cfg(all(test, anyscope_loom))]
mod models;
mod progress;
mod set;
// The future `Wait` is what one looks for under this name.
#[allow(clippy::module_inception)]
mod wait;
mod waited;

// For the links above.
#[allow(unused_imports)]
use super::{PollMap, PollSet};
pub use condition::{All, Batch, Condition, Count, First, FirstError, Until, UntilKeyed, When};
pub use gather::Gather;
pub(crate) use gather::Progress;
#[cfg(any(feature = "std", anyscope_loom))]
pub use handle::{ClosedSet, InsertError, MapHandle, SetHandle};
pub(super) use intake::{Added, Intake};
pub(super) use kept::Kept;
pub use progress::Told;
pub(super) use set::Beside;
pub use wait::{TimedWait, Wait};
pub use waited::{Unmet, Waited};
