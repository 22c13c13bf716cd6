//! What users hold of a semaphore.

use super::{
    Acquire, AcquireError, AcquireOwned, Backlog, OwnedPermit, Permit, TryAcquireError, acquire,
    shared::{Refusal, Shared},
};
use crate::limit::{IntoLimit, Limit};
use alloc::sync::Arc;
use core::fmt;

/// A number of permits that several callers share: whoever has one may go on, and the others wait.
///
/// Cheap to clone; clones have the same permits. For the work of one flow or scope, the limit of
/// [`map_concurrent`](crate::flow::Flow::map_concurrent) or [`scope_limited`](crate::scope_limited) is simpler; a semaphore is
/// for what several of them share.
///
/// # Fairness
///
/// First come, first served: those who wait are given permits in the order of their first poll. A wait for many permits
/// is not overtaken by later ones for few, nor by [`try_acquire`](Self::try_acquire). Permits are given to the
/// waiter itself when they become free; it has them although it was not polled yet. So a future that
/// was polled and is then neither polled nor dropped may keep permits from all others: drop it, or put it where it is polled.
///
/// How many may wait, and whether the last to come is first, is said with [`with_backlog`](Self::with_backlog).
///
/// # A limit that changes
///
/// Created with a [`LiveLimit`](crate::LiveLimit), it has as many permits as that says at any time. Raised, those who
/// wait are given permits at once. Lowered, nobody loses a permit, and none is given until fewer than the new limit are in use.
///
/// # Examples
///
/// ```
/// use anyscope::{flow, join, limit::Semaphore};
///
/// async fn fetch(page: u32) -> u32 { page }
///
/// # smol::block_on(async {
/// // Two flows, and never more than three connections.
/// let connections = Semaphore::new(3);
/// let fetch_limited = async |page| {
///     let _connection = connections.acquire().await.expect("it is never closed");
///     fetch(page).await
/// };
/// let (pages, images) = join((
///     flow::iter(0..10).map_concurrent(8, fetch_limited).count(),
///     flow::iter(10..30).map_concurrent(8, fetch_limited).count(),
/// ))
/// .await;
/// assert_eq!((pages, images, connections.available()), (10, 20, 3));
/// # });
/// ```
#[derive(Clone)]
pub struct Semaphore {
    shared: Arc<Shared>,
}

impl Semaphore {
    /// Creates a semaphore with so many permits.
    ///
    /// # Panics
    ///
    /// Panics if `limit` is 0. For a number that comes from outside, use [`Limit::try_from`].
    ///
    /// # Cost
    ///
    /// One allocation. With a live limit, one more for each change of it.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::limit::Semaphore;
    ///
    /// let semaphore = Semaphore::new(3);
    /// assert_eq!(semaphore.available(), 3);
    /// ```
    #[track_caller]
    pub fn new(limit: impl IntoLimit) -> Self {
        Semaphore::with_backlog(limit, Backlog::default())
    }

    /// Creates a semaphore with so many permits, for which no more may wait than `backlog` says: the others are
    /// [refused](AcquireError::Full) at once. With [`Backlog::lifo`], the last to come is served first.
    ///
    /// # Panics
    ///
    /// As [`new`](Self::new).
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::limit::{AcquireError, Backlog, Semaphore};
    ///
    /// # smol::block_on(async {
    /// let semaphore = Semaphore::with_backlog(2, Backlog::fifo(0));
    /// let _both = semaphore.acquire_many(2).await.unwrap();
    /// assert_eq!(semaphore.acquire().await.unwrap_err(), AcquireError::Full);
    /// # });
    /// ```
    #[track_caller]
    pub fn with_backlog(limit: impl IntoLimit, backlog: impl Into<Backlog>) -> Self {
        Semaphore { shared: Shared::new(limit.into_limit().into(), backlog.into()) }
    }

    /// Waits for a permit.
    ///
    /// # Errors
    ///
    /// Returns [`AcquireError::Closed`] if the semaphore is [closed](Self::close) before there is one, and
    /// [`AcquireError::Full`] if it would have to wait and as many do as [may](Self::with_backlog).
    ///
    /// # Cancel safety
    ///
    /// Dropping the returned future leaves the queue; a permit that it was given goes to the next who waits. Its place
    /// in the queue is lost.
    ///
    /// # Cost
    ///
    /// A compare-and-swap while permits are free, and another when the permit is dropped. Who waits takes a lock twice, and whoever
    /// gives it the permit once; no code of others runs under it. Waiting allocates nothing in the long run: places in the queue are
    /// kept for those who wait later.
    ///
    /// # Examples
    ///
    /// See [`Semaphore`].
    ///
    /// ```
    /// use anyscope::limit::Semaphore;
    /// use smol::future::poll_once;
    ///
    /// # smol::block_on(async {
    /// let semaphore = Semaphore::new(1);
    /// let permit = semaphore.acquire().await.unwrap();
    /// let mut second = Box::pin(semaphore.acquire());
    /// assert!(poll_once(&mut second).await.is_none()); // it waits
    /// drop(permit);
    /// assert!(second.await.is_ok());
    /// # });
    /// ```
    #[inline]
    pub fn acquire(&self) -> Acquire<'_> {
        self.acquire_many(1)
    }

    /// Waits for `count` permits, and takes them together.
    ///
    /// # Errors
    ///
    /// Returns [`AcquireError::Closed`] and [`AcquireError::Full`] as [`acquire`](Self::acquire) does, [`AcquireError::Never`] if the semaphore never
    /// has so many permits, and [`AcquireError::Zero`] if `count` is 0. With a [`LiveLimit`](crate::LiveLimit) it waits
    /// until the limit has been raised, and so do all behind it.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::limit::{AcquireError, Semaphore};
    ///
    /// # smol::block_on(async {
    /// let megabytes = Semaphore::new(100);
    /// let large = megabytes.acquire_many(80).await.unwrap();
    /// assert_eq!(megabytes.available(), 20);
    /// drop(large);
    /// let never = megabytes.acquire_many(101).await.unwrap_err();
    /// assert_eq!(never, AcquireError::Never { asked: 101, limit: 100 });
    /// # });
    /// ```
    #[inline]
    pub fn acquire_many(&self, count: usize) -> Acquire<'_> {
        Acquire::new(self, count)
    }

    /// Waits for a permit that does not borrow the semaphore, for a child or a struct.
    ///
    /// # Errors, cancel safety
    ///
    /// Those of [`acquire`](Self::acquire).
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{limit::Semaphore, scope, smol::Smol};
    ///
    /// # smol::block_on(async {
    /// let semaphore = Semaphore::new(2);
    /// scope(&Smol, async |s| {
    ///     for page in 0..10 {
    ///         let permit = semaphore.acquire_owned().await.unwrap();
    ///         s.spawn(async move {
    ///             println!("page {page}");
    ///             drop(permit);
    ///         });
    ///     }
    /// })
    /// .await;
    /// assert_eq!(semaphore.available(), 2);
    /// # });
    /// ```
    pub fn acquire_owned(&self) -> AcquireOwned {
        self.acquire_many_owned(1)
    }

    /// Waits for `count` permits that do not borrow the semaphore.
    ///
    /// # Errors
    ///
    /// Those of [`acquire_many`](Self::acquire_many).
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{limit::Semaphore, scope, smol::Smol};
    ///
    /// # smol::block_on(async {
    /// let megabytes = Semaphore::new(100);
    /// scope(&Smol, async |s| {
    ///     for size in [80, 10, 40] {
    ///         let permit = megabytes.acquire_many_owned(size).await.unwrap();
    ///         s.spawn(async move {
    ///             println!("{} megabytes", permit.count());
    ///         });
    ///     }
    /// })
    /// .await;
    /// assert_eq!(megabytes.available(), 100);
    /// # });
    /// ```
    pub fn acquire_many_owned(&self, count: usize) -> AcquireOwned {
        AcquireOwned::new(self.clone(), count)
    }

    /// Takes a permit if one is free now and nobody waits for it.
    ///
    /// # Errors
    ///
    /// Returns [`TryAcquireError::Full`] if there is none, or others wait; [`TryAcquireError::Closed`] if the semaphore is closed.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::limit::{Semaphore, TryAcquireError};
    ///
    /// let semaphore = Semaphore::new(1);
    /// let permit = semaphore.try_acquire().unwrap();
    /// assert_eq!(semaphore.try_acquire().unwrap_err(), TryAcquireError::Full);
    /// drop(permit);
    /// assert!(semaphore.try_acquire().is_ok());
    /// ```
    #[inline]
    pub fn try_acquire(&self) -> Result<Permit<'_>, TryAcquireError> {
        self.try_acquire_many(1)
    }

    /// Takes `count` permits if so many are free now and nobody waits.
    ///
    /// # Errors
    ///
    /// Those of [`try_acquire`](Self::try_acquire), and [`TryAcquireError::Never`] and [`TryAcquireError::Zero`] as
    /// [`acquire_many`](Self::acquire_many).
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::limit::Semaphore;
    ///
    /// let megabytes = Semaphore::new(100);
    /// let large = megabytes.try_acquire_many(80).unwrap();
    /// assert!(megabytes.try_acquire_many(30).is_err());
    /// drop(large);
    /// assert!(megabytes.try_acquire_many(30).is_ok());
    /// ```
    pub fn try_acquire_many(&self, count: usize) -> Result<Permit<'_>, TryAcquireError> {
        self.try_take(count)?;
        Ok(Permit::new(self, count))
    }

    /// Takes a permit that does not borrow the semaphore, if one is free now and nobody waits.
    ///
    /// # Errors
    ///
    /// Those of [`try_acquire`](Self::try_acquire).
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::limit::Semaphore;
    ///
    /// let semaphore = Semaphore::new(1);
    /// let permit = semaphore.try_acquire_owned().unwrap();
    /// std::thread::spawn(move || drop(permit)).join().unwrap();
    /// assert!(semaphore.try_acquire_owned().is_ok());
    /// ```
    pub fn try_acquire_owned(&self) -> Result<OwnedPermit, TryAcquireError> {
        self.try_acquire_many_owned(1)
    }

    /// Takes `count` permits that do not borrow the semaphore, if so many are free now and nobody waits.
    ///
    /// # Errors
    ///
    /// Those of [`try_acquire_many`](Self::try_acquire_many).
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::limit::Semaphore;
    ///
    /// let megabytes = Semaphore::new(100);
    /// let large = megabytes.try_acquire_many_owned(80).unwrap();
    /// assert!(megabytes.try_acquire_many_owned(30).is_err());
    /// std::thread::spawn(move || drop(large)).join().unwrap();
    /// assert!(megabytes.try_acquire_many_owned(30).is_ok());
    /// ```
    pub fn try_acquire_many_owned(&self, count: usize) -> Result<OwnedPermit, TryAcquireError> {
        self.try_take(count)?;
        Ok(OwnedPermit::new(self.clone(), count))
    }

    fn try_take(&self, count: usize) -> Result<(), TryAcquireError> {
        let never: Option<AcquireError> = acquire::never(&self.shared, count);
        if let Some(never) = never {
            return Err(never.into());
        }
        self.shared.try_take(count).map_err(|refusal| match refusal {
            Refusal::Full => TryAcquireError::Full,
            Refusal::Closed => TryAcquireError::Closed,
        })
    }

    /// Closes the semaphore, for good: those who wait, and all who come later, get [`AcquireError::Closed`]. Permits that
    /// are held stay valid.
    ///
    /// # Panics
    ///
    /// The panic of a waker propagates when all who waited have been told.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::limit::{AcquireError, Semaphore};
    ///
    /// # smol::block_on(async {
    /// let semaphore = Semaphore::new(1);
    /// semaphore.close();
    /// assert_eq!(semaphore.acquire().await.unwrap_err(), AcquireError::Closed);
    /// # });
    /// ```
    pub fn close(&self) {
        self.shared.close();
    }

    /// Returns whether it was closed.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::limit::Semaphore;
    ///
    /// let semaphore = Semaphore::new(1);
    /// assert!(!semaphore.is_closed());
    /// semaphore.clone().close();
    /// assert!(semaphore.is_closed());
    /// ```
    pub fn is_closed(&self) -> bool {
        self.shared.is_closed()
    }

    /// Returns permits that were [forgotten](Permit::forget), for those who keep no permit but its count.
    #[cfg(all(feature = "std", not(anyscope_loom)))]
    #[inline]
    pub(crate) fn give_back(&self, count: usize) {
        self.shared.give_back(count);
    }

    /// Returns how many permits are free. The number may be out of date when this returns. While others wait,
    /// [`try_acquire`](Self::try_acquire) fails even if some are free.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::limit::Semaphore;
    ///
    /// let semaphore = Semaphore::new(10);
    /// let _three = semaphore.try_acquire_many(3).unwrap();
    /// assert_eq!((semaphore.available(), semaphore.in_use(), semaphore.waiting()), (7, 3, 0));
    /// ```
    pub fn available(&self) -> usize {
        self.shared.free()
    }

    /// Returns how many permits are in use, those that were [forgotten](Permit::forget) included. More than the limit, if that
    /// was lowered.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::limit::{LiveLimit, Semaphore};
    ///
    /// let limit = LiveLimit::new(10);
    /// let semaphore = Semaphore::new(&limit);
    /// let _eight = semaphore.try_acquire_many(8).unwrap();
    /// limit.set(5); // nothing is taken away from who has it
    /// assert_eq!((semaphore.in_use(), semaphore.available()), (8, 0));
    /// ```
    pub fn in_use(&self) -> usize {
        self.shared.in_use()
    }

    /// Returns how many wait for permits.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::limit::Semaphore;
    /// use smol::future::poll_once;
    ///
    /// # smol::block_on(async {
    /// let semaphore = Semaphore::new(1);
    /// let _permit = semaphore.acquire().await.unwrap();
    /// let mut second = Box::pin(semaphore.acquire());
    /// poll_once(&mut second).await;
    /// assert_eq!(semaphore.waiting(), 1);
    /// drop(second);
    /// assert_eq!(semaphore.waiting(), 0);
    /// # });
    /// ```
    pub fn waiting(&self) -> usize {
        self.shared.waiting()
    }

    /// Returns how many permits there are, as the limit is now.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::limit::{Limit, LiveLimit, Semaphore};
    ///
    /// let limit = LiveLimit::new(10);
    /// let semaphore = Semaphore::new(&limit);
    /// limit.set(20);
    /// assert_eq!(semaphore.limit(), Limit::new(20));
    /// ```
    pub fn limit(&self) -> Limit {
        self.shared.limit().limit()
    }

    #[inline]
    pub(super) fn shared(&self) -> &Shared {
        &self.shared
    }
}

impl fmt::Debug for Semaphore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Semaphore")
            .field("limit", &self.limit())
            .field("in_use", &self.in_use())
            .field("closed", &self.is_closed())
            .finish()
    }
}
