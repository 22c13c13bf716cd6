//! A set of futures with a fixed capacity.

use super::{
    children::{Children, NoWakeSlot, Step, TryPushError},
    wake_slots::WakeSlots,
};
use core::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};
use futures_core::Stream;

/// Up to `N` futures that are polled by one task, without an allocator.
///
/// The futures are stored in the set itself, which is pinned by its user. It is a stream of
/// their outputs, in the order in which they end. A future is only polled when its own waker
/// fired, and is dropped in place as soon as it has ended. The stream ends when the set is
/// empty; a future that is pushed afterwards is polled as any other.
///
/// `N` is at least one and at most `usize::BITS`, or the program does not compile.
///
/// # Wakers
///
/// The set takes one slot of a `static` [`WakeSlots`], and keeps it until it and every waker
/// that its futures have kept are dropped. Such a waker may be woken and dropped at any time,
/// on any thread.
///
/// **Without a slot** the futures are given the waker of whoever polls the set, and each poll
/// of the set polls all of them, but none twice. This is for up to four futures:
/// [`with_shared_waker`](Self::with_shared_waker) asks for it, and [`new`](Self::new) falls
/// back to it when no slot is free.
///
/// # Fairness
///
/// In passes: whoever is ready when a pass begins is polled once in it before anybody is polled
/// again. A poll that comes to a third pass, or has polled 64 futures that are not ready, wakes
/// itself and returns, so futures that only wake themselves do not hold the task.
///
/// # Cancel safety
///
/// Nothing is lost when the poll of the set is given up: the futures stay in it. Dropping the
/// set drops them.
///
/// # Panics
///
/// When a future panics, it is dropped, and the panic goes on to whoever polls the set; the
/// others are not disturbed, and polling can go on. When the destructor of a future that has
/// ended panics, that takes the place of its output. Dropping the set drops every future also
/// if some destructors panic; the first panic then goes on (without `std`, a second one
/// aborts).
///
/// # Cost
///
/// Pushing costs no atomic operation, and neither does the first poll of a future. Polling the
/// set costs one for each pass, and O(1) for each future that was woken.
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
#[must_use = "futures do nothing unless the set is polled"]
pub struct FixedFutureSet<F, const N: usize> {
    children: Children<F, N>,
}

impl<F, const N: usize> FixedFutureSet<F, N> {
    /// An empty set with a slot of `slots`.
    ///
    /// # Errors
    ///
    /// [`NoWakeSlot`] when no slot is free and `N` is more than four. A smaller set then shares the
    /// waker of whoever polls it; see [`shares_waker`](Self::shares_waker).
    ///
    /// # Examples
    ///
    /// A set with more children than a word has bits does not compile:
    ///
    /// ```compile_fail,E0080
    /// use anyscope::{FixedFutureSet, WakeSlots};
    ///
    /// static SLOTS: WakeSlots<1> = WakeSlots::new();
    /// let set = FixedFutureSet::<std::future::Ready<()>, 65>::new(&SLOTS);
    /// ```
    pub fn new<const M: usize>(slots: &'static WakeSlots<M>) -> Result<Self, NoWakeSlot> {
        Ok(FixedFutureSet { children: Children::new(slots)? })
    }

    /// An empty set whose futures share the waker of whoever polls it, and are polled together.
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
        FixedFutureSet { children: Children::with_shared_waker() }
    }

    /// How many futures are in the set.
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

    /// Whether the futures have no wakers of their own.
    pub fn shares_waker(&self) -> bool {
        self.children.shares_waker()
    }

    fn children(self: Pin<&mut Self>) -> Pin<&mut Children<F, N>> {
        // SAFETY: the only field is pinned with the set, which has no destructor of its own.
        unsafe { self.map_unchecked_mut(|set| &mut set.children) }
    }
}

impl<F: Future, const N: usize> FixedFutureSet<F, N> {
    /// Puts a future into the set, to be polled when the set is polled next.
    ///
    /// It wakes nobody: the task that pushes is to poll.
    ///
    /// # Errors
    ///
    /// Gives the future back, unpolled, when the set [is full](Self::is_full).
    pub fn try_push(self: Pin<&mut Self>, future: F) -> Result<(), TryPushError<F>> {
        self.children().try_push(future)
    }
}

impl<F: Future, const N: usize> Stream for FixedFutureSet<F, N> {
    type Item = F::Output;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<F::Output>> {
        self.children().poll_next(cx, |future, cx| future.poll(cx).map(Step::Last))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.len(), Some(self.len()))
    }
}

impl<F, const N: usize> fmt::Debug for FixedFutureSet<F, N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FixedFutureSet").field("len", &self.len()).finish_non_exhaustive()
    }
}
