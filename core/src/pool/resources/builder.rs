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
    #[track_caller]
    pub fn max(mut self, max: impl IntoLimit) -> Self {
        self.max = max.into_limit().into();
        self
    }

    /// Sets how many resources are kept when nobody wants them: all if this is not called.
    ///
    /// One that comes back while enough are idle is destroyed, unless someone waits for it. With `0`
    /// resources are only passed on.
    pub fn max_idle(mut self, max_idle: usize) -> Self {
        self.settings.max_idle = max_idle;
        self
    }

    /// Sets how long a resource may be idle before it is destroyed: for ever if this is not called.
    ///
    /// A child of the pool's scope looks after it, also when nobody uses the pool.
    pub fn idle_timeout(mut self, timeout: Duration) -> Self {
        self.settings.times.idle_timeout = Some(timeout);
        self
    }

    /// Sets how long a resource may be used since it was created: for ever if this is not called.
    ///
    /// What is lent when its time is over is destroyed when it comes back.
    pub fn max_lifetime(mut self, lifetime: Duration) -> Self {
        self.settings.times.max_lifetime = Some(lifetime);
        self
    }

    /// Sets which of several idle resources is lent next: the one that was used last if this is not
    /// called.
    pub fn order(mut self, order: Order) -> Self {
        self.settings.order = order;
        self
    }

    /// Builds the pool. It makes no resource before the first is asked for.
    ///
    /// On `exec` resources are destroyed, and its clock says when their time is over.
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
