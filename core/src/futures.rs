//! The futures that functions and methods of this crate return, for those who have to name them.
//!
//! Most code awaits them where it makes them, and needs no names. Those of operations on items are in
//! the module `flow`.

#[cfg(all(feature = "std", not(anyscope_loom)))]
pub use crate::cancel::{Restored, Shield};
#[cfg(feature = "alloc")]
pub use crate::{
    cancel::{RunUntilCancelled, WaitCancelled},
    child::{Cancel, Value},
    combine::JoinVec,
    scope::{ConcurrentFuture, ScopeFuture, SpawnFuture, Start},
};
pub use crate::{
    combine::{Join2, Join3, Join4, Join5, Join6, Join7, Join8},
    time::{Deadline, Timeout},
};
