//! A set of futures or streams with a fixed capacity.

use super::{
    turns::{Step, Turns, place},
    wake_slots::{Claim, WakeSlots},
};
use crate::{
    set::kind::{Futures, Kind, Streams},
    unwind,
};
use core::{
    error::Error,
    fmt,
    future::Future,
    marker::PhantomData,
    pin::Pin,
    task::{Context, Poll},
};
use futures_core::Stream;

/// How many children may share the waker of their parent.
const SHARING: usize = 4;

/// Up to `N` futures that are polled by one task, without an allocator; a stream of their outputs,
/// in the order in which they end.
///
/// The methods are those of [`FixedPollSet`], which says where wakers live, what happens when a
/// future panics, and what it costs.
///
/// # Examples
///
/// ```
/// use anyscope::{FixedFutureSet, WakeSlots};
/// use smol::stream::StreamExt;
/// use std::pin::pin;
///
/// static SLOTS: WakeSlots<1> = WakeSlots::new();
///
/// # fn main() -> Result<(), anyscope::NoWakeSlot> {
/// let square = |n: u32| async move { n * n };
/// let mut squares = pin!(FixedFutureSet::<_, 8>::new(&SLOTS)?);
/// for n in 0..8 {
///     squares.as_mut().try_push(square(n)).unwrap();
/// }
/// let refused = squares.as_mut().try_push(square(8)).unwrap_err().into_inner();
///
/// smol::block_on(async {
///     let mut sum = 0;
///     while let Some(square) = squares.next().await {
///         sum += square;
///     }
///     assert_eq!((sum, refused.await), (140, 64));
/// });
/// # Ok(())
/// # }
/// ```
pub type FixedFutureSet<F, const N: usize> = FixedPollSet<F, N, Futures>;

/// Up to `N` streams that are polled by one task, without an allocator; a stream of their items,
/// each as soon as it is there.
///
/// The methods are those of [`FixedPollSet`], which says where wakers live, what happens when a
/// stream panics, and what it costs. With k streams that always have an item, each yields at
/// least ⌊n/k⌋ − 1 of any n items.
///
/// # Examples
///
/// ```
/// use anyscope::{FixedStreamSet, WakeSlots};
/// use smol::stream::{self, StreamExt};
/// use std::pin::pin;
///
/// static SLOTS: WakeSlots<1> = WakeSlots::new();
///
/// # fn main() -> Result<(), anyscope::NoWakeSlot> {
/// let mut sensors = pin!(FixedStreamSet::<_, 2>::new(&SLOTS)?);
/// sensors.as_mut().try_push(stream::repeat("hot").take(2)).unwrap();
/// sensors.as_mut().try_push(stream::repeat("dry").take(3)).unwrap();
/// let readings: Vec<_> = smol::block_on(sensors.collect());
/// assert_eq!(readings.iter().filter(|reading| **reading == "hot").count(), 2);
/// assert_eq!(readings.len(), 5);
/// # Ok(())
/// # }
/// ```
pub type FixedStreamSet<S, const N: usize> = FixedPollSet<S, N, Streams>;

/// Up to `N` futures ([`FixedFutureSet`]) or streams ([`FixedStreamSet`]) that are polled by one
/// task, without an allocator.
///
/// The children (futures or streams) are stored in the set itself, which its user pins. Each is
/// polled only when its own waker has fired, and a stream also after it yielded an item. It is
/// dropped in place as soon as it has ended. The set is a [`Stream`] of what its children yield. It
/// returns `None` while it is empty, and continues when something is pushed.
///
/// `N` is at least one and at most `usize::BITS`, or the program does not compile.
///
/// # Wakers
///
/// The set takes one slot of a `static` [`WakeSlots`], and keeps it until it and every waker that
/// its children have kept are dropped. Such a waker may be woken and dropped at any time, on any
/// thread.
///
/// **Without a slot** the children are given the waker of whoever polls the set, and each poll of
/// the set polls all of them, but none twice. This is for up to four children:
/// [`with_shared_waker`](Self::with_shared_waker) asks for it, and [`new`](Self::new) falls back to
/// it when no slot is free.
///
/// # Fairness
///
/// The set polls in passes: each child that is ready when a pass begins is polled once in it before
/// any is polled again. After 64 polls of children that are not ready, or two passes, a poll of the
/// set wakes its own task and returns: children that only wake themselves do not hold the task.
///
/// # Cancel safety
///
/// Nothing is lost when a poll of the set is not followed by another: the children stay in it, and
/// no item has been taken. Dropping the set drops them.
///
/// # Panics
///
/// When a child panics, the poll of the set does. The child is dropped then; the set and the other
/// children can still be used. If it is the destructor of a future that has ended, its output is
/// lost with it. Dropping the set drops every child, also if some destructors panic; the first
/// panic is then resumed (without `std`, a second one aborts).
///
/// # Cost
///
/// A push and the first poll of a child cost no atomic operation. A poll of the set costs one for
/// each pass, and O(1) for each child that was woken.
#[must_use = "futures and streams do nothing unless the set is polled"]
pub struct FixedPollSet<T, const N: usize, M> {
    // When the set is pinned, so are its `places`, and nothing else.
    places: [Option<T>; N],
    turns: Turns,
    /// With it, each child has a waker of its own; without, they share that of the parent. Dropped
    /// after the children, whose destructors may use their wakers.
    claim: Option<Claim>,
    kind: PhantomData<M>,
}

impl<T, const N: usize, M> FixedPollSet<T, N, M> {
    /// Creates an empty set with a slot of `slots`.
    ///
    /// # Errors
    ///
    /// [`NoWakeSlot`] when no slot is free and `N` is more than four. A smaller set then shares the
    /// waker of whoever polls it; see [`shares_waker`](Self::shares_waker).
    ///
    /// # Cost
    ///
    /// O(S) in the number of slots.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{FixedFutureSet, NoWakeSlot, WakeSlots};
    /// use std::future::Ready;
    ///
    /// static SLOTS: WakeSlots<1> = WakeSlots::new();
    /// # fn main() -> Result<(), NoWakeSlot> {
    /// let set = FixedFutureSet::<Ready<()>, 8>::new(&SLOTS)?;
    /// assert!(FixedFutureSet::<Ready<()>, 8>::new(&SLOTS).is_err());
    /// # drop(set);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// A set with more children than a word has bits does not compile:
    ///
    /// ```compile_fail,E0080
    /// use anyscope::{FixedFutureSet, WakeSlots};
    ///
    /// static SLOTS: WakeSlots<1> = WakeSlots::new();
    /// let set = FixedFutureSet::<std::future::Ready<()>, 65>::new(&SLOTS);
    /// ```
    pub fn new<const S: usize>(slots: &'static WakeSlots<S>) -> Result<Self, NoWakeSlot> {
        let claim = slots.claim();
        if claim.is_none() && N > SHARING {
            return Err(NoWakeSlot(()));
        }
        Ok(FixedPollSet::with_claim(claim))
    }

    /// Creates an empty set whose children share the waker of whoever polls it, and are polled
    /// together.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::FixedFutureSet;
    /// use smol::stream::StreamExt;
    /// use std::{future::ready, pin::pin};
    ///
    /// let mut set = pin!(FixedFutureSet::<_, 2>::with_shared_waker());
    /// set.as_mut().try_push(ready(1)).unwrap();
    /// set.as_mut().try_push(ready(2)).unwrap();
    /// assert_eq!(smol::block_on(set.collect::<Vec<_>>()), [1, 2]);
    /// ```
    ///
    /// For more than four it does not compile:
    ///
    /// ```compile_fail,E0080
    /// use anyscope::FixedFutureSet;
    ///
    /// let set = FixedFutureSet::<std::future::Ready<()>, 5>::with_shared_waker();
    /// ```
    pub const fn with_shared_waker() -> Self {
        const {
            assert!(
                N <= SHARING,
                "at most 4 children can share a waker; use `new` with a static of `WakeSlots`"
            )
        }
        FixedPollSet::with_claim(None)
    }

    const fn with_claim(claim: Option<Claim>) -> Self {
        const {
            assert!(N > 0, "a set for 0 children could hold nothing; use at least 1");
            assert!(N <= usize::BITS as usize, "a set holds at most `usize::BITS` children");
        }
        FixedPollSet { places: [const { None }; N], turns: Turns::NONE, claim, kind: PhantomData }
    }

    /// Returns how many futures or streams are in the set.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::FixedFutureSet;
    /// use std::{future::ready, pin::pin};
    ///
    /// let mut set = pin!(FixedFutureSet::<_, 2>::with_shared_waker());
    /// set.as_mut().try_push(ready(1)).unwrap();
    /// assert_eq!(set.len(), 1);
    /// ```
    pub fn len(&self) -> usize {
        self.turns.len()
    }

    /// Returns true if nothing is in the set.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::FixedFutureSet;
    ///
    /// let set = FixedFutureSet::<std::future::Ready<()>, 2>::with_shared_waker();
    /// assert!(set.is_empty());
    /// ```
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns true if `N` futures or streams are in the set.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::FixedFutureSet;
    /// use std::{future::ready, pin::pin};
    ///
    /// let mut set = pin!(FixedFutureSet::<_, 2>::with_shared_waker());
    /// while !set.is_full() {
    ///     set.as_mut().try_push(ready(1)).unwrap();
    /// }
    /// assert_eq!(set.len(), 2);
    /// ```
    pub fn is_full(&self) -> bool {
        self.len() == N
    }

    /// Returns true if the children have no wakers of their own, so that all are polled when one
    /// is woken.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{FixedFutureSet, NoWakeSlot, WakeSlots};
    /// use std::future::Ready;
    ///
    /// static SLOTS: WakeSlots<1> = WakeSlots::new();
    /// # fn main() -> Result<(), NoWakeSlot> {
    /// let first = FixedFutureSet::<Ready<()>, 4>::new(&SLOTS)?;
    /// let second = FixedFutureSet::<Ready<()>, 4>::new(&SLOTS)?;
    /// assert!(!first.shares_waker());
    /// assert!(second.shares_waker(), "the slot is taken");
    /// # Ok(())
    /// # }
    /// ```
    pub fn shares_waker(&self) -> bool {
        self.claim.is_none()
    }

    fn project(self: Pin<&mut Self>) -> (Pin<&mut [Option<T>; N]>, &mut Turns, &Option<Claim>) {
        // SAFETY: nothing is moved here; `places` stay pinned, and the other fields never are. The
        // set is `Unpin` only if `places` are, and its destructor does not move them.
        let this = unsafe { self.get_unchecked_mut() };
        // SAFETY: as above.
        (unsafe { Pin::new_unchecked(&mut this.places) }, &mut this.turns, &this.claim)
    }
}

impl<T, const N: usize, M> FixedPollSet<T, N, M>
where
    Self: Stream,
{
    /// Adds a future or stream. It is first polled by the next poll of the set.
    ///
    /// This wakes nobody: the task that pushes is the one that polls.
    ///
    /// # Errors
    ///
    /// Returns the future or stream, unpolled, when the set [is full](Self::is_full).
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::FixedStreamSet;
    /// use smol::stream::{self, StreamExt};
    /// use std::pin::pin;
    ///
    /// let mut set = pin!(FixedStreamSet::<_, 1>::with_shared_waker());
    /// set.as_mut().try_push(stream::iter([1, 2])).unwrap();
    /// assert!(set.as_mut().try_push(stream::iter([3, 4])).is_err());
    /// assert_eq!(smol::block_on(set.collect::<Vec<_>>()), [1, 2]);
    /// ```
    pub fn try_push(self: Pin<&mut Self>, child: T) -> Result<(), TryPushError<T>> {
        let (places, turns, _) = self.project();
        let Some(index) = turns.enter(N) else { return Err(TryPushError { child }) };
        place(places, index).set(Some(child));
        Ok(())
    }
}

impl<F: Future, const N: usize> Stream for FixedFutureSet<F, N> {
    type Item = F::Output;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<F::Output>> {
        self.poll_children(cx, |future, cx| future.poll(cx).map(Step::Last))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.len(), Some(self.len()))
    }
}

impl<S: Stream, const N: usize> Stream for FixedStreamSet<S, N> {
    type Item = S::Item;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<S::Item>> {
        self.poll_children(cx, |stream, cx| {
            stream.poll_next(cx).map(|item| item.map_or(Step::End, Step::Item))
        })
    }
}

impl<T, const N: usize, M> FixedPollSet<T, N, M> {
    /// The next item of any child. `poll` polls one child; one that ends or panics is dropped here.
    fn poll_children<R>(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        poll: impl FnMut(Pin<&mut T>, &mut Context<'_>) -> Poll<Step<R>>,
    ) -> Poll<Option<R>> {
        match self.project() {
            (places, turns, Some(claim)) => turns.poll_woken(places, claim, cx, poll),
            (places, turns, None) => turns.poll_together(places, cx, poll),
        }
    }
}

impl<T, const N: usize, M> Drop for FixedPollSet<T, N, M> {
    /// A panic is kept until the last child is dropped. Without `std` it cannot be caught: it
    /// unwinds from here, and dropping the array drops what is left.
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

impl<T, const N: usize, M: Kind> fmt::Debug for FixedPollSet<T, N, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct(M::FIXED_SET).field("len", &self.len()).finish_non_exhaustive()
    }
}

/// The set is full: what [`FixedPollSet::try_push`] returns then, with the future or stream.
pub struct TryPushError<T> {
    child: T,
}

impl<T> TryPushError<T> {
    /// Returns the future or stream, unpolled.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::FixedFutureSet;
    /// use std::{future::ready, pin::pin};
    ///
    /// let mut set = pin!(FixedFutureSet::<_, 1>::with_shared_waker());
    /// set.as_mut().try_push(ready(1)).unwrap();
    /// let refused = set.try_push(ready(2)).unwrap_err();
    /// assert_eq!(refused.into_inner().into_inner(), 2);
    /// ```
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
///
/// See [`FixedPollSet`](super::FixedPollSet).
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
