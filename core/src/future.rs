//! The futures that functions and methods of this crate return, for those who have to name them.
//!
//! Most code awaits them where it makes them, and needs no names. The sources that operations on a
//! [`Flow`](crate::flow::Flow) return are in [`flow::sources`](crate::flow::sources).
//!
//! # Examples
//!
//! One that is kept, as it is polled by hand. Where its type has too many parameters to be written down, box it:
//! `Pin<Box<dyn Future<Output = T> + Send>>`.
//!
//! ```
//! use anyscope::{future::AcquireOwned, limit::{AcquireError, OwnedPermit, Semaphore}};
//! use std::{future::{Future, poll_fn}, pin::Pin, task::{Context, Poll, ready}};
//!
//! /// A service that is ready when it has a place, as tower asks for it.
//! struct Service {
//!     places: Semaphore,
//!     waits: Option<AcquireOwned>,
//! }
//!
//! impl Service {
//!     fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<OwnedPermit, AcquireError>> {
//!         let waits = self.waits.get_or_insert_with(|| self.places.acquire_owned());
//!         let place = ready!(Pin::new(waits).poll(cx));
//!         self.waits = None; // it is not to be polled any more
//!         Poll::Ready(place)
//!     }
//! }
//!
//! # smol::block_on(async {
//! let mut service = Service { places: Semaphore::new(1), waits: None };
//! let place = poll_fn(|cx| service.poll_ready(cx)).await.unwrap();
//! assert_eq!((place.count(), service.places.available()), (1, 0));
//! # });
//! ```

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
