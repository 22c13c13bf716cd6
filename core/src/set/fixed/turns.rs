//! Which child of a fixed set is polled next.

use super::wake_slots::Claim;
#[cfg(feature = "alloc")]
use crate::waits;
use crate::{set::budget::Budget, unwind};
use core::{
    mem,
    pin::Pin,
    task::{Context, Poll},
};

/// Which places have a child, and whose turn it is: a bit for each place.
pub(super) struct Turns {
    /// Who is there. The set fills a place as soon as it has entered here.
    occupied: usize,
    /// To be polled in this pass. All of them are occupied.
    pass: usize,
    /// To be polled in the next pass although no waker says so. All of them are occupied.
    next: usize,
}

/// What came of a child that is not pending.
pub(super) enum Step<R> {
    /// An item; the child stays.
    Item(R),
    /// The last item.
    Last(R),
    /// The end, without an item.
    End,
}

impl Turns {
    pub(super) const NONE: Turns = Turns { occupied: 0, pass: 0, next: 0 };

    /// How many children there are.
    pub(super) fn len(&self) -> usize {
        self.occupied.count_ones() as usize
    }

    /// Finds a vacant place among the first `places`, for a child that is polled in the next pass.
    pub(super) fn enter(&mut self, places: usize) -> Option<usize> {
        let index = (!self.occupied).trailing_zeros() as usize;
        if index >= places {
            return None;
        }
        self.occupied |= 1 << index;
        self.next |= 1 << index;
        Some(index)
    }

    /// With a waker for each child: polls those that were woken.
    pub(super) fn poll_woken<T, R, const N: usize>(
        &mut self,
        mut places: Pin<&mut [Option<T>; N]>,
        claim: &Claim,
        cx: &mut Context<'_>,
        mut poll: impl FnMut(Pin<&mut T>, &mut Context<'_>) -> Poll<Step<R>>,
    ) -> Poll<Option<R>> {
        let mut budget = Budget::new();
        // What is left of a pass counts as one.
        let mut paid = self.pass == 0 || budget.pay_pass();
        while self.occupied != 0 {
            if self.pass == 0 {
                self.begin_pass(claim.drain());
                if self.pass == 0 {
                    claim.register(cx.waker());
                    // Again: a wake before that may have found no waker.
                    self.begin_pass(claim.drain());
                    if self.pass == 0 {
                        #[cfg(feature = "alloc")]
                        waits::waits_for_all(|| {
                            waits::Wait::AnyOf(self.occupied.count_ones() as usize)
                        });
                        return Poll::Pending;
                    }
                }
                paid = budget.pay_pass();
            }
            if budget.is_spent() || !paid {
                #[cfg(feature = "alloc")]
                waits::waits_for_what(waits::What::Turn);
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            let index = self.take_turn(self.pass);
            let waker = claim.waker(index);
            let cx = &mut Context::from_waker(&waker);
            match self.poll(places.as_mut(), index, |child| poll(child, cx)) {
                Poll::Pending => {
                    budget.pay_poll();
                }
                Poll::Ready(Step::Item(item)) => {
                    self.next |= 1 << index;
                    return Poll::Ready(Some(item));
                }
                Poll::Ready(Step::Last(item)) => return Poll::Ready(Some(item)),
                Poll::Ready(Step::End) => {}
            }
        }
        Poll::Ready(None)
    }

    /// With the parent's waker for all: polls all of them, since any may have been woken.
    pub(super) fn poll_together<T, R, const N: usize>(
        &mut self,
        mut places: Pin<&mut [Option<T>; N]>,
        cx: &mut Context<'_>,
        mut poll: impl FnMut(Pin<&mut T>, &mut Context<'_>) -> Poll<Step<R>>,
    ) -> Poll<Option<R>> {
        // These have this waker now, so they need not be polled again before we return.
        let mut polled = 0;
        while self.occupied != 0 {
            if self.pass == 0 {
                self.begin_pass(self.occupied);
            }
            let left = self.pass & !polled;
            if left == 0 {
                // What is left of the pass has been polled in the one before, a moment ago.
                self.pass = 0;
                return Poll::Pending;
            }
            let index = self.take_turn(left);
            match self.poll(places.as_mut(), index, |child| poll(child, cx)) {
                Poll::Pending => polled |= 1 << index,
                Poll::Ready(Step::Item(item) | Step::Last(item)) => return Poll::Ready(Some(item)),
                Poll::Ready(Step::End) => {}
            }
        }
        Poll::Ready(None)
    }

    fn begin_pass(&mut self, woken: usize) {
        // Those that have ended since may have been woken too.
        self.pass = (woken & self.occupied) | mem::take(&mut self.next);
    }

    /// The first child of `among`, which is part of the pass. There is one.
    fn take_turn(&mut self, among: usize) -> u32 {
        let index = among.trailing_zeros();
        self.pass &= !(1 << index);
        index
    }

    /// Polls a child, and drops it in place if it ends or panics.
    fn poll<T, R, const N: usize>(
        &mut self,
        places: Pin<&mut [Option<T>; N]>,
        index: u32,
        poll: impl FnOnce(Pin<&mut T>) -> Poll<Step<R>>,
    ) -> Poll<Step<R>> {
        let mut place = Emptied(place(places, index as usize));
        let Some(child) = place.0.as_mut().as_pin_mut() else { return Poll::Ready(Step::End) };
        // Until we know that the child stays.
        self.occupied &= !(1 << index);
        match unwind::catch(|| poll(child)) {
            Ok(polled) => {
                if let Poll::Pending | Poll::Ready(Step::Item(_)) = polled {
                    self.occupied |= 1 << index;
                    mem::forget(place);
                }
                polled
            }
            Err(payload) => {
                unwind::contain(|| drop(place));
                unwind::resume(payload)
            }
        }
    }
}

/// Empties a place when dropped, also by a panic.
struct Emptied<'a, T>(Pin<&'a mut Option<T>>);

impl<T> Drop for Emptied<'_, T> {
    fn drop(&mut self) {
        self.0.set(None);
    }
}

pub(super) fn place<T, const N: usize>(
    places: Pin<&mut [Option<T>; N]>,
    index: usize,
) -> Pin<&mut Option<T>> {
    // SAFETY: an element of a pinned array is pinned: nothing here or in the set moves out of
    // `places`, which only this function lends.
    unsafe { places.map_unchecked_mut(|places| &mut places[index]) }
}
