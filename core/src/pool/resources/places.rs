//! How many resources may be out, and who waits for it.

use crate::{
    limit::{Capacity, Limit, Permit, Semaphore, TryAcquireError},
    sync::{AtomicUsize, Ordering},
    unwind::Finally,
};

/// As many places as resources may be lent: a semaphore, and how many wait for it.
pub(super) struct Places {
    semaphore: Semaphore,
    /// Those whose turn has come and who do not know it yet are counted too.
    waiting: AtomicUsize,
}

/// A place, until this is dropped.
pub(super) type Place<'a> = Permit<'a>;

pub(super) enum NoPlace {
    Full,
    Closed,
}

impl Places {
    pub(super) fn new(max: &Capacity) -> Self {
        let semaphore = match max.live() {
            Some(live) => Semaphore::new(live),
            None => Semaphore::new(max.limit()),
        };
        Places { semaphore, waiting: AtomicUsize::new(0) }
    }

    pub(super) fn try_acquire(&self) -> Result<Place<'_>, NoPlace> {
        self.semaphore.try_acquire().map_err(|error| match error {
            TryAcquireError::Full => NoPlace::Full,
            // The other two are about how many permits are asked for.
            _ => NoPlace::Closed,
        })
    }

    /// Waits for a place, in the order of the calls. Fails if there will be none.
    pub(super) async fn acquire(&self) -> Result<Place<'_>, NoPlace> {
        self.waiting.fetch_add(1, Ordering::Relaxed);
        let _leaves = Finally::new(|| {
            self.waiting.fetch_sub(1, Ordering::Relaxed);
        });
        self.semaphore.acquire().await.map_err(|_| NoPlace::Closed)
    }

    /// Returns a place that was [forgotten](Permit::forget).
    pub(super) fn release(&self) {
        self.semaphore.give_back(1);
    }

    pub(super) fn close(&self) {
        self.semaphore.close();
    }

    pub(super) fn is_closed(&self) -> bool {
        self.semaphore.is_closed()
    }

    pub(super) fn max(&self) -> Limit {
        self.semaphore.limit()
    }

    pub(super) fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }
}
