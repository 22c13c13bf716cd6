//! The children of a set in place, and which of them is polled next.

use super::wake_slots::{Claim, WakeSlots};
use crate::unwind;
use core::{
    error::Error,
    fmt, mem,
    pin::Pin,
    task::{Context, Poll},
};

/// How many children may share the waker of their parent.
const SHARING: usize = 4;

/// After so many polls of children that are not ready, the task lets others run.
const POLLS: u32 = 64;

/// A poll goes through at most so many passes, or parts of one: children that only wake themselves
/// must not hold the task.
const PASSES: u32 = 2;

/// What both sets are. See [`FixedFutureSet`](super::FixedFutureSet).
///
/// With a claim, each child has a waker of its own; without, they share that of the parent.
///
/// When the set is pinned, so are its `places`, and nothing else.
pub(super) struct Children<T, const N: usize> {
    places: [Option<T>; N],
    turns: Turns,
    /// Dropped after the children, whose destructors may use their wakers.
    claim: Option<Claim>,
}

/// Who is there and who is next: a bit for each child.
struct Turns {
    occupied: usize,
    /// To be polled in this pass. All of them are occupied.
    pass: usize,
    /// To be polled in the next pass although no waker says so. All of them are occupied.
    next: usize,
}

/// What came of a child that is not pending.
pub(super) enum Step<R> {
    /// An item; the child goes on.
    Item(R),
    /// The last item.
    Last(R),
    /// The end, without an item.
    End,
}

impl<T, const N: usize> Children<T, N> {
    pub(super) fn new<const M: usize>(slots: &'static WakeSlots<M>) -> Result<Self, NoWakeSlot> {
        let claim = slots.claim();
        if claim.is_none() && N > SHARING {
            return Err(NoWakeSlot(()));
        }
        Ok(Children::with_claim(claim))
    }

    pub(super) const fn with_shared_waker() -> Self {
        const {
            assert!(
                N <= SHARING,
                "at most 4 children can share a waker; use `new` with a static of `WakeSlots`"
            )
        }
        Children::with_claim(None)
    }

    const fn with_claim(claim: Option<Claim>) -> Self {
        const {
            assert!(N > 0, "a set for 0 children could hold nothing; use at least 1");
            assert!(N <= usize::BITS as usize, "a set holds at most `usize::BITS` children");
        }
        let turns = Turns { occupied: 0, pass: 0, next: 0 };
        Children { places: [const { None }; N], turns, claim }
    }

    pub(super) fn len(&self) -> usize {
        self.turns.occupied.count_ones() as usize
    }

    pub(super) fn shares_waker(&self) -> bool {
        self.claim.is_none()
    }

    pub(super) fn try_push(self: Pin<&mut Self>, child: T) -> Result<(), TryPushError<T>> {
        let (places, turns, _) = self.project();
        let index = (!turns.occupied).trailing_zeros();
        if index as usize >= N {
            return Err(TryPushError { child });
        }
        place(places, index as usize).set(Some(child));
        turns.occupied |= 1 << index;
        turns.next |= 1 << index;
        Ok(())
    }

    /// The next item of any child, as [`Stream::poll_next`](futures_core::Stream::poll_next) has
    /// it. `poll` polls one child; one that ends or panics is dropped here.
    pub(super) fn poll_next<R>(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        poll: impl FnMut(Pin<&mut T>, &mut Context<'_>) -> Poll<Step<R>>,
    ) -> Poll<Option<R>> {
        match self.project() {
            (places, turns, Some(claim)) => turns.poll_woken(places, claim, cx, poll),
            (places, turns, None) => turns.poll_together(places, cx, poll),
        }
    }

    fn project(self: Pin<&mut Self>) -> (Pin<&mut [Option<T>; N]>, &mut Turns, &Option<Claim>) {
        // SAFETY: nothing is moved here; `places` stay pinned, and the other fields never are. The
        // set is `Unpin` only if `places` are, and its destructor does not move them.
        let this = unsafe { self.get_unchecked_mut() };
        // SAFETY: as above.
        (unsafe { Pin::new_unchecked(&mut this.places) }, &mut this.turns, &this.claim)
    }
}

impl<T, const N: usize> Drop for Children<T, N> {
    /// A panic is kept until the last child is dropped. Without `std` it goes through here, and the
    /// array goes on dropping what is left.
    fn drop(&mut self) {
        // SAFETY: never moved again.
        let (mut places, ..) = unsafe { Pin::new_unchecked(self) }.project();
        let mut first = None;
        for index in 0..N {
            unwind::keep_first(&mut first, || place(places.as_mut(), index).set(None));
        }
        unwind::resume_unless_panicking(first);
    }
}

impl Turns {
    /// With a waker for each child: polls those that were woken.
    fn poll_woken<T, R, const N: usize>(
        &mut self,
        mut places: Pin<&mut [Option<T>; N]>,
        claim: &Claim,
        cx: &mut Context<'_>,
        mut poll: impl FnMut(Pin<&mut T>, &mut Context<'_>) -> Poll<Step<R>>,
    ) -> Poll<Option<R>> {
        let (mut polls, mut passes) = (0, u32::from(self.pass != 0));
        while self.occupied != 0 {
            if self.pass == 0 {
                self.begin_pass(claim.drain());
                if self.pass == 0 {
                    claim.register(cx.waker());
                    // Again: a wake before that may have found no waker.
                    self.begin_pass(claim.drain());
                    if self.pass == 0 {
                        return Poll::Pending;
                    }
                }
                passes += 1;
            }
            if polls == POLLS || passes > PASSES {
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            let index = self.take_turn(self.pass);
            let waker = claim.waker(index);
            let cx = &mut Context::from_waker(&waker);
            match self.poll(places.as_mut(), index, |child| poll(child, cx)) {
                Poll::Pending => polls += 1,
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
    fn poll_together<T, R, const N: usize>(
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
        // Until we know that the child goes on.
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

/// A place that is empty after this, also when a panic goes through here.
struct Emptied<'a, T>(Pin<&'a mut Option<T>>);

impl<T> Drop for Emptied<'_, T> {
    fn drop(&mut self) {
        self.0.set(None);
    }
}

fn place<T, const N: usize>(places: Pin<&mut [Option<T>; N]>, index: usize) -> Pin<&mut Option<T>> {
    // SAFETY: an element of a pinned array is pinned: nothing in this file moves out of `places`,
    // which only this function lends.
    unsafe { places.map_unchecked_mut(|places| &mut places[index]) }
}

/// The set is full. Gives back what was to be pushed.
pub struct TryPushError<T> {
    child: T,
}

impl<T> TryPushError<T> {
    /// The future or stream, unpolled.
    pub fn into_inner(self) -> T {
        self.child
    }
}

impl<T> fmt::Debug for TryPushError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TryPushError(..)")
    }
}

impl<T> fmt::Display for TryPushError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the set is full")
    }
}

impl<T> Error for TryPushError<T> {}

/// No wake slot is free, and the set has room for more than four children, too many to share a
/// waker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoWakeSlot(());

impl fmt::Display for NoWakeSlot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "no wake slot is free: use a larger `WakeSlots`, or a set for at most 4 children",
        )
    }
}

impl Error for NoWakeSlot {}
