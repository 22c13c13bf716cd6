//! Managers of deadpool's, for our pools.

use ::deadpool::managed::{Manager, Metrics};
use anyscope_core::pool::Manage;
use core::ops::{Deref, DerefMut};
use std::time::Instant;

/// A manager of deadpool's as one of anyscope's: what there is for databases and queues can be lent by a
/// [`ResourcePool`](crate::pool::ResourcePool), on any executor whose connections the manager supports.
///
/// When a resource ends or is taken out, its `detach` is called. Hooks and timeouts are of deadpool's own
/// pool, and are not there: write a [`Manage`] around this one, or a [`timeout`](crate::timeout).
///
/// deadpool depends on tokio's synchronization (`sync`, no runtime), whatever its features; so this one
/// takes that in.
///
/// # Examples
///
/// ```
/// use anyscope::{Grace, compat::FromDeadpool, pool::ResourcePool, smol::Smol};
/// use deadpool::managed::{Manager, Metrics, RecycleResult};
/// use std::convert::Infallible;
///
/// struct Theirs; // any `deadpool::managed::Manager`
///
/// impl Manager for Theirs {
///     type Type = String;
///     type Error = Infallible;
///
///     async fn create(&self) -> Result<String, Infallible> {
///         Ok("connected".to_owned())
///     }
///
///     async fn recycle(&self, _: &mut String, metrics: &Metrics) -> RecycleResult<Infallible> {
///         assert_eq!(metrics.recycle_count, 0, "this is its second use");
///         Ok(())
///     }
/// }
///
/// # smol::block_on(async {
/// let pool = ResourcePool::builder(FromDeadpool(Theirs)).max(4).build(&Smol);
/// drop(pool.get().await.unwrap());
/// let connection = pool.get().await.unwrap();
/// assert_eq!((connection.len(), connection.metrics().recycle_count), (9, 1));
/// drop(connection);
/// assert!(pool.close(Grace::Forever).await.is_clean());
/// # });
/// ```
#[derive(Clone, Copy, Debug)]
pub struct FromDeadpool<M>(pub M);

/// A resource of a [`FromDeadpool`], and what its manager wants to know of it.
///
/// See [`FromDeadpool`].
#[derive(Debug)]
pub struct Measured<T> {
    value: T,
    metrics: Metrics,
}

impl<T> Measured<T> {
    /// Returns how often it was recycled, and when.
    ///
    /// # Examples
    ///
    /// See [`FromDeadpool`].
    pub fn metrics(&self) -> Metrics {
        self.metrics
    }

    /// Returns the resource alone.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::compat::Measured;
    ///
    /// /// Where one is to be had that the pool has no part in any more: of `Guard::take`.
    /// fn alone(connection: Measured<String>) -> String {
    ///     connection.into_inner()
    /// }
    /// ```
    pub fn into_inner(self) -> T {
        self.value
    }
}

impl<T> Deref for Measured<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T> DerefMut for Measured<T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.value
    }
}

impl<M: Manager<Type: 'static> + 'static> Manage for FromDeadpool<M> {
    type Resource = Measured<M::Type>;
    type Error = M::Error;

    async fn create(&self) -> Result<Self::Resource, M::Error> {
        Ok(Measured { value: self.0.create().await?, metrics: Metrics::default() })
    }

    async fn recycle(&self, resource: &mut Self::Resource) -> bool {
        let Measured { value, metrics } = resource;
        if self.0.recycle(value, metrics).await.is_err() {
            return false;
        }
        metrics.recycle_count += 1;
        metrics.recycled = Some(Instant::now());
        true
    }

    async fn destroy(&self, mut resource: Self::Resource) {
        self.0.detach(&mut resource.value);
    }

    fn taken(&self, resource: &mut Self::Resource) {
        self.0.detach(&mut resource.value);
    }
}
