//! Asking for a place in one part of a limit.

use super::{
    PartitionPermit, PartitionedBuilder, TryPartitionError, UnknownPartition, shares::Shares,
};
use crate::{
    limit::{
        IntoLimit, Limit,
        line::{Line, Waiting},
    },
    sync::Arc,
    time::{Clock, Instant, Timer},
};
use alloc::vec::Vec;
use core::{
    fmt,
    future::{self, Future, Pending},
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};
use pin_project_lite::pin_project;

/// A limit that is divided: a share is guaranteed to each part, and what is idle is for all. Clones
/// share it.
///
/// For work of several kinds, or of several tenants, of which none may take all: live requests and
/// batches, or each customer.
///
/// A part that has less than its share gets a place at once, even if others have borrowed all of it:
/// the total may then exceed the limit, at most by what was borrowed of shares, until the others
/// have given it back. A part that has its share gets one more if fewer than the limit are taken in
/// all. Of those who wait in one part the first to come is served first, and a place that becomes
/// idle goes to the one of all parts who came first.
///
/// # Examples
///
/// ```
/// use anyscope::limit::Partitioned;
///
/// # smol::block_on(async {
/// let limit = Partitioned::builder(10).share("live", 7).share("batch", 3).build().unwrap();
/// let batches: Vec<_> = (0..10).map(|_| limit.try_acquire("batch").unwrap()).collect();
/// assert!(limit.try_acquire("batch").is_err()); // nothing is idle
/// let live = limit.acquire("live").await.unwrap(); // and yet its share is there
/// assert_eq!(limit.taken(), 11);
/// drop((batches, live));
/// assert!(limit.acquire("other").await.is_err());
/// # });
/// ```
pub struct Partitioned<K> {
    line: Arc<Line<Shares<K>>>,
}

impl<K: PartialEq> Partitioned<K> {
    /// Begins to make a limit of so many in all: add each part with its share, then `build`.
    ///
    /// # Panics
    ///
    /// Panics if `limit` is `0`.
    ///
    /// # Examples
    ///
    /// See [`Partitioned`].
    #[track_caller]
    pub fn builder(limit: impl IntoLimit<Limit = Limit>) -> PartitionedBuilder<K> {
        PartitionedBuilder::new(limit.into_limit())
    }

    pub(super) fn new(limit: Limit, parts: Vec<(K, usize)>) -> Self {
        let shares = Shares { parts };
        let taken = shares.none_taken(limit.get());
        Partitioned { line: Arc::new(Line::new(shares, taken)) }
    }

    /// Waits for a place in the part with this key. Comes into line with the first poll.
    ///
    /// # Errors
    ///
    /// Returns [`UnknownPartition`] if no part has this key.
    ///
    /// # Cancel safety
    ///
    /// Dropping the returned future takes nothing and leaves the line.
    ///
    /// # Cost
    ///
    /// A lock; and two allocations if it has to wait. Whenever a place is taken or comes back, the
    /// first of each part is looked at.
    ///
    /// # Examples
    ///
    /// See [`Partitioned`].
    ///
    /// ```
    /// use anyscope::limit::Partitioned;
    /// use smol::future::poll_once;
    ///
    /// # smol::block_on(async {
    /// let limit = Partitioned::builder(1).share("live", 1).build().unwrap();
    /// let first = limit.acquire("live").await.unwrap();
    /// let mut second = Box::pin(limit.acquire("live"));
    /// assert!(poll_once(&mut second).await.is_none());
    /// drop(first);
    /// assert_eq!(*second.await.unwrap().key(), "live");
    /// # });
    /// ```
    pub fn acquire<Q>(&self, key: Q) -> AcquirePartition<K>
    where
        K: PartialEq<Q>,
    {
        AcquirePartition {
            waiting: self.find(&key).ok().map(|part| Waiting::new(self.line.clone(), NoTime, part)),
        }
    }

    /// Takes a place in the part with this key, if it can be had now and no one of this part waits.
    ///
    /// # Errors
    ///
    /// Returns [`TryPartitionError`] if it would have to wait, or no part has this key.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::limit::Partitioned;
    ///
    /// let limit = Partitioned::builder(1).share("live", 1).build()?;
    /// let held = limit.try_acquire("live").unwrap();
    /// assert!(limit.try_acquire("live").is_err()); // answer with 503
    /// drop(held);
    /// assert!(limit.try_acquire("live").is_ok());
    /// # Ok::<(), anyscope::limit::InvalidPartitions>(())
    /// ```
    pub fn try_acquire<Q>(&self, key: Q) -> Result<PartitionPermit<K>, TryPartitionError>
    where
        K: PartialEq<Q>,
    {
        let part = self.find(&key)?;
        match self.line.take_now(&part, NoTime.now()) {
            Ok(()) => Ok(PartitionPermit::new(self.line.clone(), part)),
            Err(_) => Err(TryPartitionError::Full),
        }
    }

    /// Returns how many places of the part with this key are taken; none if there is no such part.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::limit::Partitioned;
    ///
    /// let limit = Partitioned::builder(10).share("live", 7).share("batch", 3).build()?;
    /// let _held = limit.try_acquire("live").unwrap();
    /// assert_eq!((limit.taken_by("live"), limit.taken_by("batch")), (Some(1), Some(0)));
    /// assert_eq!(limit.taken_by("other"), None);
    /// # Ok::<(), anyscope::limit::InvalidPartitions>(())
    /// ```
    pub fn taken_by<Q>(&self, key: Q) -> Option<usize>
    where
        K: PartialEq<Q>,
    {
        let part = self.find(&key).ok()?;
        Some(self.line.counts(|taken| taken.each[part]))
    }

    fn find<Q>(&self, key: &Q) -> Result<usize, UnknownPartition>
    where
        K: PartialEq<Q>,
    {
        let found = self.line.book.parts.iter().position(|(other, _)| other == key);
        found.ok_or(UnknownPartition(()))
    }
}

impl<K> Partitioned<K> {
    /// Changes the limit. Raising it serves those who wait at once. Lowering it takes nothing away, and
    /// no part loses its share.
    ///
    /// # Panics
    ///
    /// Panics if `limit` is `0`.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::limit::Partitioned;
    ///
    /// let limit = Partitioned::builder(2).share("live", 1).share("batch", 1).build().unwrap();
    /// let _both = (limit.try_acquire("live").unwrap(), limit.try_acquire("live").unwrap());
    /// assert!(limit.try_acquire("live").is_err());
    /// limit.set_limit(3);
    /// assert!(limit.try_acquire("live").is_ok());
    /// assert_eq!(limit.taken_by("live"), Some(2));
    /// ```
    #[track_caller]
    pub fn set_limit(&self, limit: impl IntoLimit<Limit = Limit>) {
        let limit = limit.into_limit().get();
        self.line.change(None, |_, taken| taken.limit = limit);
    }

    /// Returns how many places are taken in all.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::limit::Partitioned;
    ///
    /// let limit = Partitioned::builder(10).share("live", 7).share("batch", 3).build()?;
    /// let _held = (limit.try_acquire("live").unwrap(), limit.try_acquire("batch").unwrap());
    /// assert_eq!(limit.taken(), 2);
    /// # Ok::<(), anyscope::limit::InvalidPartitions>(())
    /// ```
    pub fn taken(&self) -> usize {
        self.line.counts(|taken| taken.all)
    }

    /// Returns how many wait at the moment.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::limit::Partitioned;
    /// use smol::future::poll_once;
    ///
    /// # smol::block_on(async {
    /// let limit = Partitioned::builder(1).share("live", 1).build().unwrap();
    /// let _held = limit.acquire("live").await.unwrap();
    /// let mut second = Box::pin(limit.acquire("live"));
    /// poll_once(&mut second).await;
    /// assert_eq!(limit.waiting(), 1);
    /// # });
    /// ```
    pub fn waiting(&self) -> usize {
        self.line.waiting()
    }
}

/// For a line in which no one waits for time.
#[derive(Debug)]
struct NoTime;

impl Clock for NoTime {
    fn now(&self) -> Instant {
        Instant::from_epoch(Duration::ZERO)
    }
}

impl Timer for NoTime {
    type Sleep = Pending<()>;

    fn sleep(&self, _: Duration) -> Pending<()> {
        future::pending()
    }
}

pin_project! {
    /// Future of [`Partitioned::acquire`].
    #[must_use = "futures do nothing unless you `.await` or poll them"]
    pub struct AcquirePartition<K> {
        // None if there is no such part.
        #[pin]
        waiting: Option<Waiting<Shares<K>, NoTime>>,
    }
}

impl<K> Future for AcquirePartition<K> {
    type Output = Result<PartitionPermit<K>, UnknownPartition>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Some(mut waiting) = self.project().waiting.as_pin_mut() else {
            return Poll::Ready(Err(UnknownPartition(())));
        };
        let served = waiting.as_mut().poll_served(cx);
        served.map(|(part, ())| Ok(PartitionPermit::new(waiting.line().clone(), part)))
    }
}

impl<K> fmt::Debug for AcquirePartition<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("AcquirePartition").field(&self.waiting).finish()
    }
}

impl<K> Clone for Partitioned<K> {
    fn clone(&self) -> Self {
        Partitioned { line: self.line.clone() }
    }
}

impl<K: fmt::Debug> fmt::Debug for Partitioned<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let each = self.line.counts(|taken| taken.each.clone());
        let mut map = f.debug_map();
        for ((key, share), taken) in self.line.book.parts.iter().zip(each) {
            map.entry(key, &format_args!("{taken}, share {share}"));
        }
        map.finish()
    }
}
