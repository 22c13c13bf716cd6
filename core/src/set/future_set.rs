//! A growing set of futures.

use super::{passes, slab::Slab};
use core::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};
use futures_core::{FusedStream, Stream};

/// Futures that run concurrently in the task that polls the set; a stream of their values, as they
/// come.
///
/// For code that drives its own loop and adds to the set while it does. Where all work comes from
/// one source, [`Flow`](crate::flow::Flow) has operations with a limit that own the loop; for
/// children that end with a piece of code, there is [`concurrent`](crate::concurrent()).
///
/// Each future is polled only when its own waker has fired, in whichever thread that happens. It
/// is never moved once it is in the set, and is dropped in place as soon as it is ready, before
/// its value is returned.
///
/// The stream is `None` while the set is empty, and goes on when something is pushed.
///
/// **It works only while it is polled**: futures in the set stand still while the loop around it
/// awaits something else. If that may wait for one of them, use
/// [`for_each_concurrent`](crate::flow::Flow::for_each_concurrent) or another operation that owns its loop.
///
/// # Cancel safety
///
/// A dropped [`next`] of the stream loses nothing. Dropping the set drops all futures, also when
/// the destructor of one of them panics; the first panic then goes on.
///
/// # Panics
///
/// A panic of a future goes through the poll of the set. The future is dropped then; the set, and
/// the others, can be used further. If it is the destructor of a future that was ready, its value is
/// lost with it.
///
/// # Fairness
///
/// In passes: whoever is ready when a pass begins is polled once in it before anyone is polled
/// again. After 64 polls of futures that were not ready, or two passes, the task yields to its
/// executor.
///
/// # Cost
///
/// O(1) for a push, a wake and a poll, however many futures there are. A wake is one atomic
/// instruction; only the first of a batch takes more, and wakes the task. A future that is ready
/// at its first poll costs no atomic at all. Memory is allocated for 8, 16, 32 and then 64 futures
/// at a time (of more than 512 bytes each: fewer at first), and used again; it stays until the set
/// is dropped, or [told to shrink](Self::shrink_to_fit). (A waker that outlives the set keeps the
/// memory of its future and its neighbours, not the future.)
///
/// # Examples
///
/// ```
/// use anyscope::FutureSet;
/// use smol::{future, stream::StreamExt};
///
/// # smol::block_on(async {
/// let fetch = async |n: u32| {
///     for _ in 0..n {
///         future::yield_now().await;
///     }
///     n
/// };
/// let mut set = FutureSet::new();
/// set.push(fetch(3));
/// set.push(fetch(1));
/// assert_eq!(set.next().await, Some(1));
/// set.push(fetch(0));
/// assert_eq!(set.collect::<Vec<_>>().await, [0, 3]);
/// # });
/// ```
///
/// [`next`]: https://docs.rs/futures-lite/latest/futures_lite/stream/trait.StreamExt.html#method.next
pub struct FutureSet<F> {
    slab: Slab<F>,
}

impl<F> FutureSet<F> {
    /// An empty set. Allocates nothing.
    pub const fn new() -> Self {
        FutureSet { slab: Slab::new() }
    }

    /// An empty set whose first chunk of memory has room for `futures` (at most 64). Allocates
    /// nothing yet.
    pub fn with_capacity(futures: usize) -> Self {
        FutureSet { slab: Slab::with_capacity(futures) }
    }

    /// Adds a future. It is first polled by the next poll of the set.
    #[inline]
    pub fn push(&mut self, future: F) {
        self.slab.push(future);
    }

    /// How many futures there are.
    pub fn len(&self) -> usize {
        self.slab.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.slab.is_empty()
    }

    /// Drops all futures.
    ///
    /// # Panics
    ///
    /// When the destructor of a future does; the others are dropped first.
    pub fn clear(&mut self) {
        self.slab.clear();
    }

    /// Gives back the memory that no future is in.
    ///
    /// Memory comes in pieces for up to 64 futures, and each piece stays while one of them is in it: they
    /// do not move. Takes time in proportion to the number of pieces.
    pub fn shrink_to_fit(&mut self) {
        self.slab.shrink_to_fit();
    }
}

impl<F: Future> Stream for FutureSet<F> {
    type Item = F::Output;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<F::Output>> {
        passes::poll_next(&mut self.slab, cx, |slab, key| slab.poll(key))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.len(), Some(self.len()))
    }
}

/// Terminated while it is empty.
impl<F: Future> FusedStream for FutureSet<F> {
    fn is_terminated(&self) -> bool {
        self.is_empty()
    }
}

impl<F> Default for FutureSet<F> {
    fn default() -> Self {
        Self::new()
    }
}

impl<F> Extend<F> for FutureSet<F> {
    fn extend<I: IntoIterator<Item = F>>(&mut self, futures: I) {
        futures.into_iter().for_each(|future| self.push(future));
    }
}

impl<F> FromIterator<F> for FutureSet<F> {
    fn from_iter<I: IntoIterator<Item = F>>(futures: I) -> Self {
        let futures = futures.into_iter();
        let mut set = FutureSet::with_capacity(futures.size_hint().0);
        set.extend(futures);
        set
    }
}

impl<F> fmt::Debug for FutureSet<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FutureSet").field("len", &self.len()).finish_non_exhaustive()
    }
}
