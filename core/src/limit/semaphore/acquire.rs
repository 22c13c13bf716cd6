//! The futures that wait for permits.

use super::{
    AcquireError, OwnedPermit, Permit, Semaphore,
    queue::Found,
    shared::{Refusal, Shared},
};
use crate::waits;
use core::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll, Waker, ready},
};

/// Future of [`Semaphore::acquire`] and [`Semaphore::acquire_many`].
#[must_use = "futures do nothing unless you `.await` or poll them"]
pub struct Acquire<'a> {
    semaphore: &'a Semaphore,
    wait: Wait,
}

/// Future of [`Semaphore::acquire_owned`] and [`Semaphore::acquire_many_owned`].
#[must_use = "futures do nothing unless you `.await` or poll them"]
pub struct AcquireOwned {
    semaphore: Semaphore,
    wait: Wait,
}

impl<'a> Acquire<'a> {
    pub(super) fn new(semaphore: &'a Semaphore, count: usize) -> Self {
        Acquire { semaphore, wait: Wait { count, place: None } }
    }
}

impl AcquireOwned {
    pub(super) fn new(semaphore: Semaphore, count: usize) -> Self {
        AcquireOwned { semaphore, wait: Wait { count, place: None } }
    }
}

impl<'a> Future for Acquire<'a> {
    type Output = Result<Permit<'a>, AcquireError>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let semaphore = self.semaphore;
        let polled = ready!(self.wait.poll(semaphore.shared(), cx));
        Poll::Ready(polled.map(|()| Permit::new(semaphore, self.wait.count)))
    }
}

impl Future for AcquireOwned {
    type Output = Result<OwnedPermit, AcquireError>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        let polled = ready!(this.wait.poll(this.semaphore.shared(), cx));
        Poll::Ready(polled.map(|()| OwnedPermit::new(this.semaphore.clone(), this.wait.count)))
    }
}

impl Drop for Acquire<'_> {
    #[inline]
    fn drop(&mut self) {
        self.wait.leave(self.semaphore.shared());
    }
}

impl Drop for AcquireOwned {
    #[inline]
    fn drop(&mut self) {
        self.wait.leave(self.semaphore.shared());
    }
}

/// What both have.
struct Wait {
    count: usize,
    /// In the queue, from the first poll that had to wait.
    place: Option<u32>,
}

impl Wait {
    #[inline]
    fn poll(&mut self, shared: &Shared, cx: &mut Context<'_>) -> Poll<Result<(), AcquireError>> {
        if self.place.is_none() && self.count > 0 {
            match shared.try_take(self.count) {
                Ok(()) => return Poll::Ready(Ok(())),
                Err(Refusal::Closed) => return Poll::Ready(Err(AcquireError::Closed)),
                Err(Refusal::Full) => {}
            }
        }
        self.poll_queued(shared, cx)
    }

    #[inline(never)]
    fn poll_queued(
        &mut self,
        shared: &Shared,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), AcquireError>> {
        let Some(place) = self.place else { return self.enter(shared, cx) };
        let result = match shared.find(place, cx.waker()) {
            Found::Nothing | Found::OtherWaker => return self.waits(shared, cx),
            Found::Granted => Ok(()),
            Found::Refused => Err(AcquireError::Closed),
        };
        self.place = None;
        Poll::Ready(result)
    }

    fn enter(&mut self, shared: &Shared, cx: &mut Context<'_>) -> Poll<Result<(), AcquireError>> {
        if let Some(error) = never(shared, self.count) {
            return Poll::Ready(Err(error));
        }
        match shared.enter(self.count, cx.waker()) {
            Ok(None) => Poll::Ready(Ok(())),
            Ok(place) => {
                self.place = place;
                self.waits(shared, cx)
            }
            Err(Refusal::Full) => Poll::Ready(Err(AcquireError::Full)),
            Err(Refusal::Closed) => Poll::Ready(Err(AcquireError::Closed)),
        }
    }

    fn waits(&self, shared: &Shared, cx: &Context<'_>) -> Poll<Result<(), AcquireError>> {
        if waits::is_told() {
            self.tells(shared, cx.waker());
        }
        Poll::Pending
    }

    #[cold]
    fn tells(&self, shared: &Shared, waker: &Waker) {
        let permits = if self.count == 1 { "permit" } else { "permits" };
        let limit = shared.limit();
        let words = format_args!("{} {permits} of a semaphore of {limit}", self.count);
        let of = shared.address();
        // A limit that is raised lets one in who does not know it yet.
        let is_live = limit.live().is_some();
        let (count, limit) = (self.count, limit.now());
        let wait = waits::Wait::Permits { of, count, limit, is_live };
        waits::waits_for_with(waker, wait, words);
    }

    #[inline]
    fn leave(&mut self, shared: &Shared) {
        if let Some(place) = self.place.take() {
            shared.leave(place, self.count);
        }
    }
}

/// Why a wait for so many permits would never end.
pub(super) fn never(shared: &Shared, count: usize) -> Option<AcquireError> {
    if count == 0 {
        return Some(AcquireError::Zero);
    }
    let limit = shared.limit().now();
    shared.is_never(count).then_some(AcquireError::Never { asked: count, limit })
}

impl fmt::Debug for Acquire<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Acquire").field("count", &self.wait.count).finish_non_exhaustive()
    }
}

impl fmt::Debug for AcquireOwned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AcquireOwned").field("count", &self.wait.count).finish_non_exhaustive()
    }
}
