//! Asking for several limits as one.

use super::{
    InvalidAsk, LimitsBuilder, LimitsPermit, TryLimitsError,
    table::{Ask, Pool, Table},
};
use crate::{
    limit::{
        line::{Line, Waiting},
        rate::{InvalidAmount, NotYet},
    },
    sync::Arc,
    time::{Clock, Timer},
};
use alloc::{boxed::Box, vec::Vec};
use core::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};
use pin_project_lite::pin_project;

/// Several limits, of which one asks for any as one: all or nothing. Clones share them.
///
/// A **resource** is something of which there are so many: connections, memory, places. It comes back
/// when the permit is dropped. A **rate** is how often something may happen; it is used up, unless
/// [the permit gives it back](LimitsPermit::refund).
///
/// Who has to wait holds nothing meanwhile, and stands in the line of each limit that it asks for. It is
/// served when it is the first in all of them and there is enough of all. So those who ask for other
/// limits pass, no one who asks for the same does, and no order of keys makes a deadlock. Who holds
/// a permit and asks for more of the same limits may wait for itself: ask for all at once.
///
/// The clock is that of the timer that is passed; always pass handles of the same clock. As with a
/// [`RateLimit`](crate::limit::RateLimit), one who is the first must be polled when its time comes.
///
/// # Examples
///
/// ```
/// use anyscope::limit::{Limits, Rate};
///
/// anyscope::sim::Sim::new(7).run(async |sim| {
///     let limits = Limits::builder()
///         .resource("connections", 10)
///         .rate("requests", Rate::per_second(50))
///         .build()
///         .unwrap();
///     let mut permit = limits.acquire(&sim, [("connections", 1), ("requests", 30)]).await.unwrap();
///     permit.refund(&sim, "requests", 10).unwrap(); // 20 were enough
///     drop(permit); // the connection comes back
///     limits.try_acquire(&sim, [("connections", 10), ("requests", 30)]).unwrap();
///     assert!(limits.try_acquire(&sim, [("requests", 1)]).is_err());
/// })
/// .unwrap();
/// ```
pub struct Limits<K> {
    line: Arc<Line<Table<K>>>,
}

impl<K: PartialEq> Limits<K> {
    /// Begins to make limits: add each with its key, then `build`.
    ///
    /// # Examples
    ///
    /// See [`Limits`].
    pub fn builder() -> LimitsBuilder<K> {
        LimitsBuilder::new()
    }

    pub(super) fn new(pools: Vec<(K, Pool)>) -> Self {
        let table = Table { pools };
        let counts = table.counts();
        Limits { line: Arc::new(Line::new(table, counts)) }
    }

    /// Waits until so much of each of these keys can be had at once, and takes it. Comes into line
    /// with the first poll. Of nothing, it is granted at once.
    ///
    /// # Errors
    ///
    /// Returns [`InvalidAsk`] if no limit has one of the keys, if a key is there twice, or if an amount is
    /// zero or more than there ever is.
    ///
    /// # Cancel safety
    ///
    /// Dropping the returned future takes nothing and leaves all lines. Those behind are served as if
    /// it had never been there.
    ///
    /// # Panics
    ///
    /// A panic of the waker of another task, which is fired here, propagates when all steps are done.
    ///
    /// # Cost
    ///
    /// Two allocations, and one more and a place in each line if it has to wait; a lock. Whenever
    /// something is taken or comes back, the first of each line is looked at.
    ///
    /// # Examples
    ///
    /// See [`Limits`].
    ///
    /// ```
    /// use anyscope::{Timer, join, limit::Limits, sim::Sim};
    /// use std::time::Duration;
    ///
    /// Sim::new(7).run(async |sim| {
    ///     let limits = Limits::builder().resource("cpus", 4).resource("gigabytes", 16).build().unwrap();
    ///     let job = async || {
    ///         let _held = limits.acquire(&sim, [("cpus", 1), ("gigabytes", 10)]).await.unwrap();
    ///         sim.sleep(Duration::from_secs(1)).await;
    ///     };
    ///     // There are enough processors for both, but not enough memory.
    ///     join((job(), job())).await;
    ///     assert_eq!(sim.elapsed().as_secs(), 2);
    /// }).unwrap();
    /// ```
    pub fn acquire<Q, T: Timer + Clock>(
        &self,
        timer: T,
        asks: impl IntoIterator<Item = (Q, u32)>,
    ) -> AcquireLimits<K, T>
    where
        K: PartialEq<Q>,
    {
        let waiting = self.resolve(asks).map(|asks| Waiting::new(self.line.clone(), timer, asks));
        let (waiting, invalid) = match waiting {
            Ok(waiting) => (Some(waiting), None),
            Err(invalid) => (None, Some(invalid)),
        };
        AcquireLimits { waiting, invalid }
    }

    /// Takes so much of each of these keys, if it can be had now and no one waits for any of them.
    ///
    /// # Errors
    ///
    /// Returns when it is possible at the earliest: [`Instant::NEVER`](crate::Instant::NEVER) if a resource has to come back
    /// before, or others wait. Or that it never is, as [`acquire`](Self::acquire).
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{limit::Limits, smol::Smol};
    ///
    /// let limits = Limits::builder().resource("cpus", 4).resource("gigabytes", 16).build()?;
    /// let held = limits.try_acquire(&Smol, [("cpus", 1), ("gigabytes", 10)]).unwrap();
    /// // All or nothing: no processor is taken, as there is not enough memory.
    /// assert!(limits.try_acquire(&Smol, [("cpus", 1), ("gigabytes", 10)]).is_err());
    /// assert_eq!(limits.available("cpus"), Some(3));
    /// drop(held);
    /// # Ok::<(), anyscope::limit::InvalidLimits>(())
    /// ```
    pub fn try_acquire<Q>(
        &self,
        clock: impl Clock,
        asks: impl IntoIterator<Item = (Q, u32)>,
    ) -> Result<LimitsPermit<K>, TryLimitsError>
    where
        K: PartialEq<Q>,
    {
        let asks = self.resolve(asks)?;
        match self.line.take_now(&asks, clock.now()) {
            Ok(got) => Ok(LimitsPermit::new(self.line.clone(), asks, got)),
            Err(not) => Err(TryLimitsError::NotYet(NotYet::until(not.at))),
        }
    }

    /// Returns how much of the resource with this key is free at the moment; none if no resource has
    /// it.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::limit::{Limits, Rate};
    ///
    /// anyscope::sim::Sim::new(7).run(async |sim| {
    ///     let limits = Limits::builder().resource("connections", 10).build().unwrap();
    ///     let _permit = limits.try_acquire(&sim, [("connections", 3)]).unwrap();
    ///     assert_eq!(limits.available("connections"), Some(7));
    ///     assert_eq!(limits.available("threads"), None);
    /// })
    /// .unwrap();
    /// ```
    pub fn available<Q>(&self, key: Q) -> Option<u32>
    where
        K: PartialEq<Q>,
    {
        let key = self.find(&key)?;
        match self.line.book.pools[key].1 {
            Pool::Resource(_) => Some(self.line.counts(|free| free[key])),
            Pool::Rate { .. } => None,
        }
    }

    /// Returns how many wait at the moment.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{limit::Limits, sim::Sim};
    /// use smol::future::poll_once;
    ///
    /// Sim::new(7).run(async |sim| {
    ///     let limits = Limits::builder().resource("cpus", 1).build().unwrap();
    ///     let held = limits.acquire(&sim, [("cpus", 1)]).await.unwrap();
    ///     let mut second = Box::pin(limits.acquire(&sim, [("cpus", 1)]));
    ///     assert!(poll_once(&mut second).await.is_none());
    ///     assert_eq!(limits.waiting(), 1);
    ///     drop(held);
    ///     assert!(second.await.is_ok());
    /// }).unwrap();
    /// ```
    pub fn waiting(&self) -> usize {
        self.line.waiting()
    }

    fn find<Q>(&self, key: &Q) -> Option<usize>
    where
        K: PartialEq<Q>,
    {
        self.line.book.pools.iter().position(|(other, _)| other == key)
    }

    fn resolve<Q>(&self, asks: impl IntoIterator<Item = (Q, u32)>) -> Result<Box<[Ask]>, InvalidAsk>
    where
        K: PartialEq<Q>,
    {
        let mut found: Vec<Ask> = Vec::new();
        for (index, (key, amount)) in asks.into_iter().enumerate() {
            let key = self.find(&key).ok_or(InvalidAsk::UnknownKey { index })?;
            if found.iter().any(|(other, _)| *other == key) {
                return Err(InvalidAsk::DuplicateKey { index });
            }
            InvalidAmount::check(amount, self.line.book.pools[key].1.most())
                .map_err(|invalid| InvalidAsk::Amount { index, invalid })?;
            found.push((key, amount));
        }
        Ok(found.into_boxed_slice())
    }
}

pin_project! {
    /// Future of [`Limits::acquire`].
    #[derive(Debug)]
    #[must_use = "futures do nothing unless you `.await` or poll them"]
    pub struct AcquireLimits<K, T>
    where
        T: Timer,
        T: Clock,
    {
        invalid: Option<InvalidAsk>,
        #[pin]
        waiting: Option<Waiting<Table<K>, T>>,
    }
}

impl<K, T: Timer + Clock> Future for AcquireLimits<K, T> {
    type Output = Result<LimitsPermit<K>, InvalidAsk>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        match (this.waiting.as_mut().as_pin_mut(), *this.invalid) {
            (Some(mut waiting), _) => waiting
                .as_mut()
                .poll_served(cx)
                .map(|(asks, got)| Ok(LimitsPermit::new(waiting.line().clone(), asks, got))),
            (None, Some(invalid)) => Poll::Ready(Err(invalid)),
            (None, None) => unreachable!("one of them is there from the start"),
        }
    }
}

impl<K> Clone for Limits<K> {
    fn clone(&self) -> Self {
        Limits { line: self.line.clone() }
    }
}

impl<K: fmt::Debug> fmt::Debug for Limits<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let free = self.line.counts(|free| free.clone());
        let mut map = f.debug_map();
        for ((key, pool), free) in self.line.book.pools.iter().zip(free) {
            match pool {
                Pool::Resource(capacity) => map.entry(key, &format_args!("{free} of {capacity}")),
                Pool::Rate { .. } => map.entry(key, pool),
            };
        }
        map.finish()
    }
}
