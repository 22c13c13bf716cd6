//! So many calls at a time, and no long queue.

use crate::{
    limit::{AcquireError, IntoLimit, Permit, Semaphore},
    sync::{AtomicUsize, Ordering},
    unwind::Finally,
};
use alloc::sync::Arc;
use core::{error::Error, fmt, future::Future};

/// Runs at most so many calls at a time, lets at most so many wait, and refuses the rest at once. Cheap to clone; clones are the same bulkhead.
///
/// So one service that hangs does not take all tasks and memory of those who also call others: each gets a bulkhead of its own.
/// Those who wait are served in the order in which they came; see [`Semaphore`].
///
/// # Examples
///
/// ```
/// use anyscope::{join, resilience::Bulkhead};
/// use std::future::ready;
///
/// # async fn query(n: u32) -> u32 { smol::future::yield_now().await; n }
/// # smol::block_on(async {
/// // One at a time, and one that waits.
/// let bulkhead = Bulkhead::new(1, 1);
/// let calls = (bulkhead.run(query(1)), bulkhead.run(query(2)), bulkhead.run(query(3)));
/// let (first, second, third) = join(calls).await;
/// assert_eq!((first, second), (Ok(1), Ok(2)));
/// assert!(third.unwrap_err().is_full());
/// # });
/// ```
#[derive(Clone)]
pub struct Bulkhead {
    shared: Arc<Shared>,
}

struct Shared {
    semaphore: Semaphore,
    waiting: AtomicUsize,
    most: usize,
}

impl Bulkhead {
    /// Creates a bulkhead that runs `limit` calls at a time, and lets `waiting` more wait; 0 lets none wait.
    ///
    /// # Panics
    ///
    /// Panics if `limit` is 0: nothing could ever run. For a number that comes from outside, use [`Limit::try_from`](crate::Limit).
    #[track_caller]
    pub fn new(limit: impl IntoLimit, waiting: usize) -> Self {
        let semaphore = Semaphore::new(limit);
        let shared = Shared { semaphore, waiting: AtomicUsize::new(0), most: waiting };
        Bulkhead { shared: Arc::new(shared) }
    }

    /// Runs `call` when there is room.
    ///
    /// # Errors
    ///
    /// Returns [`BulkheadError::Full`] at once, without polling `call`, if as many wait as may, and
    /// [`BulkheadError::Closed`] once it is [closed](Self::close).
    ///
    /// # Cancel safety
    ///
    /// Dropping the returned future drops `call`, and gives its room to the next.
    ///
    /// # Examples
    ///
    /// See [`Bulkhead`].
    pub async fn run<F: Future>(&self, call: F) -> Result<F::Output, BulkheadError> {
        let _room = self.enter().await?;
        Ok(call.await)
    }

    /// Waits for room, which is given back when the permit is dropped.
    ///
    /// # Errors
    ///
    /// Those of [`run`](Self::run).
    pub async fn enter(&self) -> Result<Permit<'_>, BulkheadError> {
        let Shared { semaphore, waiting, most } = &*self.shared;
        if let Ok(permit) = semaphore.try_acquire() {
            return Ok(permit);
        }
        // Relaxed: only counts.
        if waiting.fetch_add(1, Ordering::Relaxed) >= *most {
            waiting.fetch_sub(1, Ordering::Relaxed);
            return Err(if semaphore.is_closed() {
                BulkheadError::Closed
            } else {
                BulkheadError::Full
            });
        }
        let waits = Finally::new(|| {
            waiting.fetch_sub(1, Ordering::Relaxed);
        });
        let permit = semaphore.acquire().await;
        drop(waits);
        permit.map_err(|error| match error {
            AcquireError::Closed => BulkheadError::Closed,
            _ => unreachable!("one permit is never too many"),
        })
    }

    /// Refuses all calls from now on, and those that wait. Those that run go on.
    pub fn close(&self) {
        self.shared.semaphore.close();
    }

    /// Returns how many calls run.
    pub fn running(&self) -> usize {
        self.shared.semaphore.in_use()
    }

    /// Returns how many calls wait.
    pub fn waiting(&self) -> usize {
        self.shared.waiting.load(Ordering::Relaxed)
    }
}

impl fmt::Debug for Bulkhead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bulkhead")
            .field("running", &self.running())
            .field("waiting", &self.waiting())
            .finish_non_exhaustive()
    }
}

/// Why a [`Bulkhead`] did not run a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BulkheadError {
    /// As many calls run, and as many wait, as may.
    Full,
    /// It was closed.
    Closed,
}

impl BulkheadError {
    /// Returns whether there was no room.
    pub fn is_full(&self) -> bool {
        *self == BulkheadError::Full
    }
}

impl fmt::Display for BulkheadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            BulkheadError::Full => {
                "the bulkhead is full: as many calls run, and as many wait, as may"
            }
            BulkheadError::Closed => "the bulkhead is closed",
        })
    }
}

impl Error for BulkheadError {}
