//! A growing set of futures or streams.

use super::{
    kind::{Futures, Kind, Leaves, Streams},
    passes,
    slab::{Slab, Then},
    wait::Beside,
};
use crate::unwind;
use alloc::boxed::Box;
use core::{
    convert::Infallible,
    fmt,
    future::Future,
    marker::PhantomData,
    pin::Pin,
    task::{Context, Poll},
};
use futures_core::{FusedStream, Stream};

/// Futures that run concurrently in the task that polls the set; a stream of their outputs, in
/// the order in which they end.
///
/// For code that drives its own loop and adds to the set while it does. Where all work comes from
/// one source, [`Flow`](crate::flow::Flow) has operations with a limit that own the loop; for
/// children that end with a piece of code, there is [`concurrent`](crate::concurrent()).
///
/// The methods are those of [`PollSet`], which says how futures are polled, what happens when one
/// panics, and what it costs.
///
/// **It works only while it is polled**: futures in the set stand still while the loop around it
/// awaits something else. If that may wait for one of them, use
/// [`for_each_concurrent`](crate::flow::Flow::for_each_concurrent) or another operation that owns
/// its loop.
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
#[doc(alias("FuturesUnordered", "FutureGroup"))]
pub type FutureSet<F, O = <F as Future>::Output> = PollSet<F, Futures, O>;

/// Streams whose items come as one stream, each as soon as it is there.
///
/// [`merge_all`](crate::flow::merge_all) does the same as a [`Flow`](crate::flow::Flow).
///
/// The methods are those of [`PollSet`], which says how streams are polled, what happens when one
/// panics, and what it costs. With k streams that are always ready, each yields at least
/// ⌊N/k⌋ − 1 of any N items.
///
/// # Examples
///
/// ```
/// use anyscope::StreamSet;
/// use smol::stream::{self, StreamExt};
///
/// # smol::block_on(async {
/// let mut set = StreamSet::new();
/// set.push(stream::iter([1, 2, 3]));
/// set.push(stream::iter([10, 20, 30]));
/// assert_eq!(set.collect::<Vec<_>>().await, [1, 10, 2, 20, 3, 30]);
/// # });
/// ```
#[doc(alias("SelectAll", "StreamGroup"))]
pub type StreamSet<S> = PollSet<S, Streams, Infallible>;

/// A growing set of futures ([`FutureSet`]) or streams ([`StreamSet`]), all polled by one task.
///
/// Each child (a future or a stream) is polled only when its own waker has fired, on whichever
/// thread that happens, and a stream also after it yielded an item. It is never moved once it is
/// in the set, and is dropped in place as soon as it has ended: a future before its output is
/// returned.
///
/// The set is itself a [`Stream`]: of the outputs of its futures, or of the items of its streams.
/// It returns `None` while it is empty, and continues when something is pushed.
///
/// # Cancel safety
///
/// A dropped [`next`] of the set loses nothing. Dropping the set drops all its children, also when
/// the destructor of one of them panics; the first panic is then resumed.
///
/// # Panics
///
/// When a child panics, the poll of the set does. The child is dropped then; the set and the other
/// children can still be used. If it is the destructor of a future that was ready, its output is
/// lost with it.
///
/// # Fairness
///
/// The set polls in passes: each child that is ready when a pass begins is polled once in it before
/// any is polled again. After 64 polls of children that were not ready, or two passes, the task
/// yields to its executor.
///
/// # Cost
///
/// A push, a wake and a poll take O(1), however many children there are. A wake is one atomic
/// instruction; only the first of a batch takes more, and wakes the task. A future that is ready
/// at its first poll costs no atomic at all.
///
/// Memory is allocated for 8, 16 and then 32 children at a time (of more than 512 bytes each:
/// fewer at first), and reused. It stays until the set is dropped, or
/// [told to shrink](Self::shrink_to_fit). (A waker that outlives the set keeps the memory of its
/// child and the child's neighbours, not the child.)
///
/// [`next`]: https://docs.rs/futures-lite/latest/futures_lite/stream/trait.StreamExt.html#method.next
pub struct PollSet<T, M, O = <M as Leaves<T>>::Output> {
    pub(super) slab: Slab<T>,
    /// What only waits and handles need, made by the first of them.
    pub(super) beside: Option<Box<Beside<T, O>>>,
    kind: PhantomData<M>,
}

impl<T, M: Leaves<T>> PollSet<T, M> {
    /// Creates an empty set. Allocates nothing.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::FutureSet;
    ///
    /// let mut set = FutureSet::new();
    /// set.push(async { 1 });
    /// assert_eq!(set.len(), 1);
    /// ```
    pub const fn new() -> Self {
        PollSet { slab: Slab::new(), beside: None, kind: PhantomData }
    }

    /// Creates an empty set whose first chunk of memory has room for `children` futures or streams
    /// (at most 32). Allocates nothing yet.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::FutureSet;
    ///
    /// let mut set = FutureSet::with_capacity(20);
    /// for n in 0..20 {
    ///     set.push(async move { n }); // One allocation for all of them.
    /// }
    /// ```
    pub fn with_capacity(children: usize) -> Self {
        PollSet { slab: Slab::with_capacity(children), beside: None, kind: PhantomData }
    }
}

impl<T, M, O> PollSet<T, M, O> {
    /// Adds a future or stream. It is first polled by the next poll of the set.
    ///
    /// # Cost
    ///
    /// O(1), without an atomic. Allocates when all memory for children is in use.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::FutureSet;
    /// use smol::stream::StreamExt;
    ///
    /// # smol::block_on(async {
    /// let countdown = async |n: u32| n.checked_sub(1);
    /// let mut set = FutureSet::new();
    /// set.push(countdown(3));
    /// let mut steps = 0;
    /// while let Some(next) = set.next().await {
    ///     steps += 1;
    ///     if let Some(n) = next {
    ///         set.push(countdown(n));
    ///     }
    /// }
    /// assert_eq!(steps, 4);
    /// # });
    /// ```
    #[inline]
    pub fn push(&mut self, child: T) {
        self.slab.push(child);
    }

    /// Returns how many futures or streams are in the set. Of a wait that was dropped, what was
    /// done and not returned counts.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::FutureSet;
    ///
    /// let set: FutureSet<_> = (0..3).map(std::future::ready).collect();
    /// assert_eq!(set.len(), 3);
    /// ```
    pub fn len(&self) -> usize {
        let beside = self.beside.as_ref();
        self.slab.len() + beside.map_or(0, |beside| beside.kept.len() + beside.intake.len())
    }

    /// Returns true if nothing is in the set.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::FutureSet;
    /// use smol::stream::StreamExt;
    ///
    /// # smol::block_on(async {
    /// let mut set: FutureSet<_> = [std::future::ready(1)].into_iter().collect();
    /// assert!(!set.is_empty());
    /// set.next().await;
    /// assert!(set.is_empty());
    /// # });
    /// ```
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Drops all futures or streams. Their memory stays, for those that are pushed next.
    ///
    /// # Panics
    ///
    /// When the destructor of a child does. All others are dropped first.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::StreamSet;
    /// use smol::stream::{self, StreamExt};
    ///
    /// # smol::block_on(async {
    /// let mut set = StreamSet::new();
    /// set.push(stream::repeat("tick"));
    /// assert_eq!(set.next().await, Some("tick"));
    /// set.clear();
    /// assert_eq!(set.next().await, None);
    /// # });
    /// ```
    pub fn clear(&mut self) {
        let mut panic = None;
        unwind::keep_first(&mut panic, || self.slab.clear());
        if let Some(beside) = &mut self.beside {
            unwind::keep_first(&mut panic, || beside.intake.clear());
            unwind::keep_first(&mut panic, || drop(beside.kept.take()));
        }
        unwind::resume_unless_panicking(panic);
    }

    /// Frees the memory that no child is in.
    ///
    /// Memory comes in chunks for up to 32 children, which do not move. So a chunk stays while one
    /// child is in it.
    ///
    /// # Cost
    ///
    /// O(n) in the number of chunks.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::FutureSet;
    ///
    /// let mut set: FutureSet<_> = (0..10_000).map(std::future::ready).collect();
    /// set.clear();
    /// set.shrink_to_fit();
    /// assert!(set.is_empty());
    /// ```
    pub fn shrink_to_fit(&mut self) {
        self.slab.shrink_to_fit();
    }
}

impl<F: Future> Stream for FutureSet<F> {
    type Item = F::Output;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<F::Output>> {
        if self.beside.is_some() {
            return self.poll_beside(cx);
        }
        passes::poll_next(&mut self.slab, cx, Slab::poll_next_future)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.len(), Some(self.len()))
    }
}

impl<S: Stream> Stream for StreamSet<S> {
    type Item = S::Item;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<S::Item>> {
        passes::poll_next(&mut self.slab, cx, |slab| {
            slab.poll_next(|stream, cx| match stream.poll_next(cx) {
                Poll::Ready(Some(item)) => (Then::Again, Poll::Ready(item)),
                Poll::Ready(None) => (Then::Go, Poll::Pending),
                Poll::Pending => (Then::Stay, Poll::Pending),
            })
        })
    }
}

/// Terminated while it is empty.
impl<T, M, O> FusedStream for PollSet<T, M, O>
where
    Self: Stream,
{
    fn is_terminated(&self) -> bool {
        self.is_empty()
    }
}

impl<T, M: Leaves<T>> Default for PollSet<T, M> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T, M, O> Extend<T> for PollSet<T, M, O> {
    fn extend<I: IntoIterator<Item = T>>(&mut self, children: I) {
        children.into_iter().for_each(|child| self.push(child));
    }
}

impl<T, M: Leaves<T>> FromIterator<T> for PollSet<T, M> {
    fn from_iter<I: IntoIterator<Item = T>>(children: I) -> Self {
        let children = children.into_iter();
        let mut set = PollSet::with_capacity(children.size_hint().0);
        set.extend(children);
        set
    }
}

impl<T, M: Kind, O> fmt::Debug for PollSet<T, M, O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct(M::SET).field("len", &self.len()).finish_non_exhaustive()
    }
}
