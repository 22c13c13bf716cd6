//! Pools by key, with a limit for all of them together.

use super::{
    builder::ResourcePoolBuilder,
    destroy::Exec,
    error::{GetError, TryGetError},
    guard::Guard,
    keys::Keys,
    manage::Manage,
    pool::ResourcePool,
    report::{CloseReport, Status},
    time::Time,
};
use crate::{
    cancel::Grace,
    combine::join,
    exec::Spawn,
    limit::{IntoLimit, Semaphore, TryAcquireError},
    time::{Clock, Timer},
    unwind,
};
use alloc::{boxed::Box, sync::Arc, vec::Vec};
use core::fmt;

/// Pools of resources by key, such as connections by host: a limit for each key, and one for all.
///
/// Each key has a [`ResourcePool`] with settings of its own, which is made when the key is first asked
/// for. Keys that have no resource and no user are forgotten in time, so many keys may come and go. Clones are
/// handles of the same pools.
///
/// # Cost
///
/// A `get` compares O(log n) keys. A key costs what a pool costs, with times a child of a scope, too.
///
/// # Examples
///
/// Two connections for each host, and three in all:
///
/// ```
/// use anyscope::{Grace, pool::{KeyedResourcePool, Manage, ResourcePool}, smol::Smol};
/// use std::convert::Infallible;
///
/// struct Connect(String);
///
/// impl Manage for Connect {
///     type Resource = String;
///     type Error = Infallible;
///
///     async fn create(&self) -> Result<String, Infallible> {
///         Ok(format!("connection to {}", self.0))
///     }
/// }
///
/// # smol::block_on(async {
/// let hosts = KeyedResourcePool::new(&Smol, 3, |host: &String| {
///     ResourcePool::builder(Connect(host.clone())).max(2)
/// });
/// let (a, b) = ("a.example".to_owned(), "b.example".to_owned());
/// let first = hosts.get(&a).await.unwrap();
/// let second = hosts.get(&a).await.unwrap();
/// assert!(hosts.try_get(&a).await.is_err(), "two to this host");
/// let third = hosts.get(&b).await.unwrap();
/// assert!(hosts.try_get(&b).await.is_err(), "three in all");
/// drop((first, second, third));
/// assert!(hosts.close(Grace::Forever).await.is_clean());
/// # });
/// ```
pub struct KeyedResourcePool<K, M: Manage> {
    inner: Arc<Inner<K, M>>,
}

/// The settings of a key.
type Settings<K, M> = dyn Fn(&K) -> ResourcePoolBuilder<M> + Send + Sync;

struct Inner<K, M: Manage> {
    keys: Keys<K, ResourcePool<M>>,
    settings: Box<Settings<K, M>>,
    in_all: Semaphore,
    exec: Exec,
    time: Arc<dyn Time>,
}

impl<K: Ord + Clone, M: Manage> KeyedResourcePool<K, M> {
    /// Creates pools on `exec` that lend no more than `max` resources at once in all. `settings` has those of
    /// a key: its manager, its own limit, its times.
    ///
    /// Who waits has a place of its key first, and then waits for one of all: first come, first served,
    /// whatever the key. What is idle does not count; see
    /// [`max_idle`](ResourcePoolBuilder::max_idle) and [`idle_timeout`](ResourcePoolBuilder::idle_timeout).
    ///
    /// # Panics
    ///
    /// Panics if `max` is `0`.
    ///
    /// # Examples
    ///
    /// See [`KeyedResourcePool`].
    #[track_caller]
    pub fn new<E>(
        exec: &E,
        max: impl IntoLimit,
        settings: impl Fn(&K) -> ResourcePoolBuilder<M> + Send + Sync + 'static,
    ) -> Self
    where
        E: Spawn + Timer<Sleep: Send + 'static> + Clock + Clone + Send + Sync + 'static,
    {
        let inner = Inner {
            keys: Keys::new(),
            settings: Box::new(settings),
            in_all: Semaphore::new(max),
            exec: Arc::new(exec.clone()),
            time: Arc::new(exec.clone()),
        };
        KeyedResourcePool { inner: Arc::new(inner) }
    }

    /// Returns a resource of `key`, as [`ResourcePool::get`] does. Waits for a place of the key, and then for
    /// one of all.
    ///
    /// # Errors
    ///
    /// Those of [`ResourcePool::get`].
    ///
    /// # Cancel safety
    ///
    /// That of [`ResourcePool::get`].
    ///
    /// # Panics
    ///
    /// As [`ResourcePool::get`]; propagates a panic of the settings, or of a comparison of keys. Panics if a
    /// comparison uses these pools.
    ///
    /// # Examples
    ///
    /// See [`KeyedResourcePool`].
    pub async fn get(&self, key: &K) -> Result<Guard<M>, GetError<M::Error>> {
        let pool = self.pool(key).ok_or(GetError::Closed)?;
        let place = pool.place().await?;
        let one = self.inner.in_all.acquire_owned().await.map_err(|_| GetError::Closed)?;
        Ok(pool.checkout(place).await?.with(one))
    }

    /// Returns a resource of `key`, as [`ResourcePool::try_get`] does, if there is a place of the key and of
    /// all right now.
    ///
    /// # Errors
    ///
    /// Those of [`ResourcePool::try_get`].
    ///
    /// # Cancel safety
    ///
    /// That of [`ResourcePool::get`].
    ///
    /// # Panics
    ///
    /// As [`get`](Self::get).
    ///
    /// # Examples
    ///
    /// See [`KeyedResourcePool`].
    pub async fn try_get(&self, key: &K) -> Result<Guard<M>, TryGetError<M::Error>> {
        let pool = self.pool(key).ok_or(TryGetError::Closed)?;
        let place = pool.try_place()?;
        let one = self.inner.in_all.try_acquire_owned().map_err(|error| match error {
            TryAcquireError::Full => TryGetError::Full,
            // The other two are about how many permits are asked for.
            _ => TryGetError::Closed,
        })?;
        Ok(pool.checkout(place).await?.with(one))
    }

    /// Closes the pools of all keys, as [`ResourcePool::close`] does, side by side. Returns what is left in
    /// all.
    ///
    /// # Cancel safety
    ///
    /// That of [`ResourcePool::close`].
    ///
    /// # Panics
    ///
    /// As [`ResourcePool::close`].
    ///
    /// # Examples
    ///
    /// See [`KeyedResourcePool`].
    pub async fn close(&self, grace: Grace) -> CloseReport {
        let pools = self.inner.keys.close();
        // All are closed, whatever a waker does that is fired meanwhile.
        let mut panic = None;
        pools.iter().for_each(|pool| unwind::keep_first(&mut panic, || pool.begin_close()));
        unwind::keep_first(&mut panic, || self.inner.in_all.close());
        unwind::resume_unless_panicking(panic);
        let reports = join(pools.iter().map(|pool| pool.close(grace)).collect::<Vec<_>>()).await;
        reports.into_iter().fold(CloseReport::default(), CloseReport::and)
    }

    /// Returns what the pool of `key` has at this moment, if there is one.
    ///
    /// # Panics
    ///
    /// As [`get`](Self::get).
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{pool::{KeyedResourcePool, ResourcePool}, smol::Smol};
    ///
    /// # smol::block_on(async {
    /// # use anyscope::pool::Manage;
    /// # struct Connect(String);
    /// # impl Manage for Connect {
    /// #     type Resource = String;
    /// #     type Error = std::convert::Infallible;
    /// #     async fn create(&self) -> Result<String, Self::Error> { Ok(self.0.clone()) }
    /// # }
    /// // `Connect` is that of the example above.
    /// let hosts = KeyedResourcePool::new(&Smol, 3, |host: &String| {
    ///     ResourcePool::builder(Connect(host.clone()))
    /// });
    /// let host = "a.example".to_owned();
    /// assert!(hosts.status(&host).is_none());
    /// let _lent = hosts.get(&host).await.unwrap();
    /// assert_eq!(hosts.status(&host).unwrap().lent, 1);
    /// # });
    /// ```
    pub fn status(&self, key: &K) -> Option<Status> {
        self.inner.keys.get(key).map(|pool| pool.status())
    }

    /// Returns how many keys have a pool.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{pool::{KeyedResourcePool, ResourcePool}, smol::Smol};
    ///
    /// # smol::block_on(async {
    /// # use anyscope::pool::Manage;
    /// # struct Connect(String);
    /// # impl Manage for Connect {
    /// #     type Resource = String;
    /// #     type Error = std::convert::Infallible;
    /// #     async fn create(&self) -> Result<String, Self::Error> { Ok(self.0.clone()) }
    /// # }
    /// // `Connect` is that of the example above.
    /// let hosts = KeyedResourcePool::new(&Smol, 3, |host: &String| {
    ///     ResourcePool::builder(Connect(host.clone()))
    /// });
    /// for host in ["a.example", "b.example", "a.example"] {
    ///     drop(hosts.get(&host.to_owned()).await.unwrap());
    /// }
    /// assert_eq!(hosts.keys(), 2);
    /// # });
    /// ```
    pub fn keys(&self) -> usize {
        self.inner.keys.len()
    }

    /// The pool of `key`, made if there is none, unless all are closed.
    fn pool(&self, key: &K) -> Option<ResourcePool<M>> {
        let Inner { keys, settings, exec, time, .. } = &*self.inner;
        if let Some(pool) = keys.get(key) {
            return Some(pool);
        }
        let pool = settings(key).build_on(exec.clone(), time.clone());
        keys.get_or_insert(key.clone(), pool, ResourcePool::is_unused)
    }
}

impl<K, M: Manage> Clone for KeyedResourcePool<K, M> {
    fn clone(&self) -> Self {
        KeyedResourcePool { inner: self.inner.clone() }
    }
}

impl<K, M: Manage> fmt::Debug for KeyedResourcePool<K, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyedResourcePool")
            .field("keys", &self.inner.keys.len())
            .field("in_all", &self.inner.in_all)
            .finish()
    }
}
