//! A set of streams with a fixed capacity.

use super::{
    children::{Children, NoWakeSlot, Step, TryPushError},
    wake_slots::WakeSlots,
};
use core::{
    fmt,
    pin::Pin,
    task::{Context, Poll},
};
use futures_core::Stream;

/// Up to `N` streams that are polled by one task, without an allocator.
///
/// The streams are stored in the set itself, which is pinned by its user. It is a stream of
/// their items, as they come. A stream is only polled when its own waker fired or it has just
/// given an item, and is dropped in place as soon as it has ended. The set ends when it is
/// empty; a stream that is pushed afterwards is polled as any other.
///
/// Everything else is as with [`FixedFutureSet`](crate::FixedFutureSet): its docs say how wakers
/// work, what happens when a child panics, and what it costs.
///
/// # Fairness
///
/// In passes: whoever is ready when a pass begins is polled once in it before anybody is polled
/// again. So with `k` streams that always have an item, each gives at least `n / k - 1` of any `n`
/// items.
///
/// # Cancel safety
///
/// Nothing is lost when the poll of the set is given up: no item has been taken.
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
#[must_use = "streams do nothing unless the set is polled"]
pub struct FixedStreamSet<S, const N: usize> {
    children: Children<S, N>,
}

impl<S, const N: usize> FixedStreamSet<S, N> {
    /// An empty set with a slot of `slots`.
    ///
    /// # Errors
    ///
    /// [`NoWakeSlot`] when no slot is free and `N` is more than four. A smaller set then shares the
    /// waker of whoever polls it; see [`shares_waker`](Self::shares_waker).
    pub fn new<const M: usize>(slots: &'static WakeSlots<M>) -> Result<Self, NoWakeSlot> {
        Ok(FixedStreamSet { children: Children::new(slots)? })
    }

    /// An empty set whose streams share the waker of whoever polls it, and are polled together. For
    /// more than four it does not compile.
    pub const fn with_shared_waker() -> Self {
        FixedStreamSet { children: Children::with_shared_waker() }
    }

    /// How many streams are in the set.
    pub fn len(&self) -> usize {
        self.children.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether there are `N`.
    pub fn is_full(&self) -> bool {
        self.len() == N
    }

    /// Whether the streams have no wakers of their own.
    pub fn shares_waker(&self) -> bool {
        self.children.shares_waker()
    }

    fn children(self: Pin<&mut Self>) -> Pin<&mut Children<S, N>> {
        // SAFETY: the only field is pinned with the set, which has no destructor of its own.
        unsafe { self.map_unchecked_mut(|set| &mut set.children) }
    }
}

impl<S: Stream, const N: usize> FixedStreamSet<S, N> {
    /// Puts a stream into the set, to be polled when the set is polled next.
    ///
    /// It wakes nobody: the task that pushes is to poll.
    ///
    /// # Errors
    ///
    /// Gives the stream back, unpolled, when the set [is full](Self::is_full).
    pub fn try_push(self: Pin<&mut Self>, stream: S) -> Result<(), TryPushError<S>> {
        self.children().try_push(stream)
    }
}

impl<S: Stream, const N: usize> Stream for FixedStreamSet<S, N> {
    type Item = S::Item;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<S::Item>> {
        self.children().poll_next(cx, |stream, cx| {
            stream.poll_next(cx).map(|item| item.map_or(Step::End, Step::Item))
        })
    }
}

impl<S, const N: usize> fmt::Debug for FixedStreamSet<S, N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FixedStreamSet").field("len", &self.len()).finish_non_exhaustive()
    }
}
