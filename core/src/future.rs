//! The futures that functions and methods of this crate return, for those who have to name them.
//!
//! Most code awaits them where it makes them, and needs no names. The sources that operations on a
//! [`Flow`](crate::flow::Flow) return are in [`flow::sources`](crate::flow::sources).

#[cfg(feature = "rate")]
#[cfg_attr(docsrs, doc(cfg(feature = "rate")))]
pub use crate::limit::{
    limits::AcquireLimits,
    rate::{AcquireRate, AcquireRateMany},
};
#[cfg(all(feature = "std", not(anyscope_loom)))]
pub use crate::{
    cancel::{Restored, Shield},
    context::current::Around,
    resilience::Flying,
};
#[cfg(feature = "alloc")]
pub use crate::{
    cancel::{RunUntilCancelled, WaitCancelled},
    channel::{
        permit::{Reserving, ReservingOwned},
        queue::receiver::QueueReceiving,
        receiver::Receiving,
        sending::Sending,
    },
    child::{Cancel, Value},
    flow::{
        parallel::{ForEachOn, TryForEachOn},
        sink::{
            Collect, Count, Drive, Fold, ForEachConcurrent, NextItem, PartitionResults, TryCollect,
            TryFold, TryForEachConcurrent,
        },
    },
    limit::adaptive::Measured,
    limit::partitioned::AcquirePartition,
    limit::semaphore::{Acquire, AcquireOwned},
    pool::workers::{ShuttingDown, Submit},
    resilience::{Hedge, Repeat, Retry, WithFallback},
    scope::{
        ConcurrentFuture, JoinedFuture, Restarting, RoomFuture, ScopeFuture, SpawnFuture, Start,
    },
    set::{TimedWait, Wait},
};
#[doc(inline)]
pub use crate::{
    combine::{Join, Race, RaceOk, TryJoin},
    time::{Deadline, Timeout},
};
