//! What a job and its ticket share.

use super::error::JobError;
use crate::sync::{AtomicBool, Ordering, Wakers, atomic_waker::AtomicWaker, lock::Lock};
use core::{
    mem,
    task::{Context, Poll},
};

/// The place of a result; see the [module](self).
pub(super) struct Slot<O> {
    place: Lock<Place<O>>,
    /// Of whoever awaits the ticket.
    ticket: AtomicWaker,
    /// Whether the job is to end.
    is_aborted: AtomicBool,
}

enum Place<O> {
    /// The job has not ended.
    Open,
    Full(Result<O, JobError>),
    /// The result was taken.
    Taken,
    /// The ticket is gone, so nobody wants a result.
    Unwanted,
}

/// A result that nobody wants, for the caller to drop.
#[must_use = "its destructor is code of the user's"]
pub(super) struct Unwanted<O>(
    #[allow(dead_code, reason = "is dropped")] Option<Result<O, JobError>>,
);

impl<O> Slot<O> {
    pub(super) fn new() -> Self {
        Slot {
            place: Lock::new(Place::Open),
            ticket: AtomicWaker::new(),
            is_aborted: AtomicBool::new(false),
        }
    }

    /// Stores how the job has ended, and collects the waker of whoever awaits it.
    pub(super) fn complete(&self, result: Result<O, JobError>, wakers: &mut Wakers) -> Unwanted<O> {
        let unwanted = self.place.with(|place| match place {
            Place::Open => {
                *place = Place::Full(result);
                None
            }
            _ => Some(result),
        });
        wakers.add(self.ticket.take());
        Unwanted(unwanted)
    }

    pub(super) fn poll_take(&self, cx: &mut Context<'_>) -> Poll<Result<O, JobError>> {
        if let Some(result) = self.try_take() {
            return Poll::Ready(result);
        }
        self.ticket.register(cx.waker());
        // Again, as a result that came before `register` found no waker.
        self.try_take().map_or(Poll::Pending, Poll::Ready)
    }

    pub(super) fn try_take(&self) -> Option<Result<O, JobError>> {
        self.place.with(|place| match place {
            Place::Open => None,
            Place::Full(_) => match mem::replace(place, Place::Taken) {
                Place::Full(result) => Some(result),
                _ => unreachable!("seen above"),
            },
            Place::Taken | Place::Unwanted => Some(Err(JobError::Taken)),
        })
    }

    pub(super) fn is_done(&self) -> bool {
        self.place.with(|place| !matches!(place, Place::Open))
    }

    /// For a ticket that is dropped.
    pub(super) fn give_up(&self) {
        let place = self.place.with(|place| mem::replace(place, Place::Unwanted));
        let waker = self.ticket.take();
        drop((place, waker));
    }

    /// Asks for the end of the job. Whoever runs it looks, after it was woken.
    pub(super) fn abort(&self) {
        self.is_aborted.store(true, Ordering::Release);
    }

    pub(super) fn is_aborted(&self) -> bool {
        self.is_aborted.load(Ordering::Acquire)
    }
}
