//! The settings of a pool.

use super::{
    destroy::Exec,
    idle::{Order, Times},
    manage::Manage,
    places::Places,
    pool::ResourcePool,
    shared::Settings,
    time::Time,
};
use crate::{
    exec::Spawn,
    limit::{Capacity, IntoLimit, Limit},
    time::{Clock, Timer},
};
use alloc::sync::Arc;
use core::time::Duration;

/// The settings of a [`ResourcePool`]; see [`ResourcePool::builder`].
///
/// See [`Manage`](super::Manage).
#[derive(Clone, Debug)]
#[must_use = "`build` makes the pool"]
pub struct ResourcePoolBuilder<M> {
    manager: M,
    max: Capacity,
    settings: Settings,
}

impl<M: Manage> ResourcePoolBuilder<M> {
    pub(super) fn new(manager: M) -> Self {
        let times = Times { idle_timeout: None, max_lifetime: None };
        let (max_idle, order) = (usize::MAX, Order::default());
        let settings = Settings { max_idle, times, order };
        ResourcePoolBuilder { manager, max: Limit::new(10).into(), settings }
    }

    /// Sets how many resources may be lent at once, those that are being made included: 10 if this is
    /// not called.
    ///
    /// With a [`LiveLimit`](crate::LiveLimit), or one that adjusts itself, that number changes: raised, those who wait are
    /// served at once; lowered, what comes back is destroyed until there are no more than that.
    ///
    /// Resources that are being destroyed do not count, so a slow end keeps nobody waiting. Where the
    /// other side counts them, allow for it.
    ///
    /// # Panics
    ///
    /// Panics if `max` is `0`.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{LiveLimit, pool::ResourcePool, smol::Smol};
    ///
    /// # smol::block_on(async {
    /// # use anyscope::pool::Manage;
    /// # struct Buffers;
    /// # impl Manage for Buffers {
    /// #     type Resource = Vec<u8>;
    /// #     type Error = std::convert::Infallible;
    /// #     async fn create(&self) -> Result<Vec<u8>, Self::Error> { Ok(Vec::new()) }
    /// # }
    /// // `Buffers` is that of the example at `Guard`.
    /// let limit = LiveLimit::new(1);
    /// let pool = ResourcePool::builder(Buffers).max(&limit).build(&Smol);
    /// let _first = pool.get().await.unwrap();
    /// assert!(pool.try_get().await.is_err());
    /// limit.set(2);
    /// assert!(pool.try_get().await.is_ok());
    /// # });
    /// ```
    #[track_caller]
    pub fn max(mut self, max: impl IntoLimit) -> Self {
        self.max = max.into_limit().into();
        self
    }

    /// Sets how many resources are kept when nobody wants them: all if this is not called.
    ///
    /// One that comes back while enough are idle is destroyed, unless someone waits for it. With `0`
    /// resources are only passed on.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{Grace, join, pool::ResourcePool, smol::Smol};
    ///
    /// # smol::block_on(async {
    /// # use anyscope::pool::Manage;
    /// # struct Buffers;
    /// # impl Manage for Buffers {
    /// #     type Resource = Vec<u8>;
    /// #     type Error = std::convert::Infallible;
    /// #     async fn create(&self) -> Result<Vec<u8>, Self::Error> { Ok(Vec::new()) }
    /// # }
    /// // `Buffers` is that of the example at `Guard`.
    /// let pool = ResourcePool::builder(Buffers).max_idle(1).build(&Smol);
    /// let both = join([pool.get(), pool.get()]).await;
    /// drop(both);
    /// assert_eq!(pool.status().idle, 1); // the other one is destroyed
    /// pool.close(Grace::Forever).await;
    /// assert_eq!((pool.status().created, pool.status().destroyed), (2, 2));
    /// # });
    /// ```
    pub fn max_idle(mut self, max_idle: usize) -> Self {
        self.settings.max_idle = max_idle;
        self
    }

    /// Sets how long a resource may be idle before it is destroyed: for ever if this is not called.
    ///
    /// A child of the pool's scope looks after it, also when nobody uses the pool.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{Timer, pool::ResourcePool, sim::Sim};
    /// use std::time::Duration;
    ///
    /// # use anyscope::pool::Manage;
    /// # struct Buffers;
    /// # impl Manage for Buffers {
    /// #     type Resource = Vec<u8>;
    /// #     type Error = std::convert::Infallible;
    /// #     async fn create(&self) -> Result<Vec<u8>, Self::Error> { Ok(Vec::new()) }
    /// # }
    /// // `Buffers` is that of the example at `Guard`.
    /// const MINUTE: Duration = Duration::from_secs(60);
    /// Sim::new(7).run(async |sim| {
    ///     let pool = ResourcePool::builder(Buffers).idle_timeout(MINUTE).build(&sim);
    ///     drop(pool.get().await.unwrap());
    ///     assert_eq!(pool.status().idle, 1);
    ///     sim.sleep(2 * MINUTE).await;
    ///     assert_eq!(pool.status().idle, 0);
    /// }).unwrap();
    /// ```
    pub fn idle_timeout(mut self, timeout: Duration) -> Self {
        self.settings.times.idle_timeout = Some(timeout);
        self
    }

    /// Sets how long a resource may be used since it was created: for ever if this is not called.
    ///
    /// What is lent when its time is over is destroyed when it comes back.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{Timer, pool::ResourcePool, sim::Sim};
    /// use std::time::Duration;
    ///
    /// # use anyscope::pool::Manage;
    /// # struct Buffers;
    /// # impl Manage for Buffers {
    /// #     type Resource = Vec<u8>;
    /// #     type Error = std::convert::Infallible;
    /// #     async fn create(&self) -> Result<Vec<u8>, Self::Error> { Ok(Vec::new()) }
    /// # }
    /// // `Buffers` is that of the example at `Guard`.
    /// const HOUR: Duration = Duration::from_secs(3600);
    /// Sim::new(7).run(async |sim| {
    ///     let pool = ResourcePool::builder(Buffers).max_lifetime(HOUR).build(&sim);
    ///     let lent = pool.get().await.unwrap();
    ///     sim.sleep(2 * HOUR).await;
    ///     drop(lent); // too old to be lent once more
    ///     drop(pool.get().await.unwrap());
    ///     assert_eq!(pool.status().created, 2);
    /// }).unwrap();
    /// ```
    pub fn max_lifetime(mut self, lifetime: Duration) -> Self {
        self.settings.times.max_lifetime = Some(lifetime);
        self
    }

    /// Sets which of several idle resources is lent next: the one that was used last if this is not
    /// called.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{pool::{ResourcePool, resources::Order}, smol::Smol};
    ///
    /// # smol::block_on(async {
    /// # use anyscope::pool::Manage;
    /// # struct Buffers;
    /// # impl Manage for Buffers {
    /// #     type Resource = Vec<u8>;
    /// #     type Error = std::convert::Infallible;
    /// #     async fn create(&self) -> Result<Vec<u8>, Self::Error> { Ok(Vec::new()) }
    /// # }
    /// // `Buffers` is that of the example at `Guard`.
    /// let pool = ResourcePool::builder(Buffers).order(Order::Fifo).build(&Smol);
    /// let (mut first, second) = (pool.get().await.unwrap(), pool.get().await.unwrap());
    /// first.push(1);
    /// drop(first);
    /// drop(second);
    /// assert_eq!(*pool.get().await.unwrap(), [1]); // it has been idle for longer
    /// # });
    /// ```
    pub fn order(mut self, order: Order) -> Self {
        self.settings.order = order;
        self
    }

    /// Builds the pool. It makes no resource before the first is asked for.
    ///
    /// On `exec` resources are destroyed, and its clock says when their time is over.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{pool::ResourcePool, smol::Smol};
    ///
    /// # smol::block_on(async {
    /// # use anyscope::pool::Manage;
    /// # struct Buffers;
    /// # impl Manage for Buffers {
    /// #     type Resource = Vec<u8>;
    /// #     type Error = std::convert::Infallible;
    /// #     async fn create(&self) -> Result<Vec<u8>, Self::Error> { Ok(Vec::new()) }
    /// # }
    /// // `Buffers` is that of the example at `Guard`.
    /// let pool = ResourcePool::builder(Buffers).build(&Smol);
    /// assert_eq!(pool.status().created, 0); // none before it is asked for
    /// pool.get().await.unwrap().push(1);
    /// assert_eq!(pool.status().created, 1);
    /// # });
    /// ```
    pub fn build<E>(self, exec: &E) -> ResourcePool<M>
    where
        E: Spawn + Timer<Sleep: Send + 'static> + Clock + Clone + Send + Sync + 'static,
    {
        self.build_on(Arc::new(exec.clone()), Arc::new(exec.clone()))
    }

    pub(super) fn build_on(self, exec: Exec, time: Arc<dyn Time>) -> ResourcePool<M> {
        let places = Places::new(&self.max);
        ResourcePool::new(self.manager, places, self.settings, exec, time)
    }
}
