//! The pool.

use super::{
    builder::ResourcePoolBuilder,
    checkout::checkout,
    destroy::{self, Exec},
    error::{GetError, TryGetError},
    guard::Guard,
    manage::Manage,
    places::{NoPlace, Place, Places},
    reaper,
    report::{CloseReport, Status},
    shared::{Settings, Shared},
    time::{Sleep, Time},
};
use crate::{
    cancel::Grace,
    exec::{Child, Spawn},
    scope::OwnedScope,
    unwind::{self, Finally},
};
use alloc::sync::Arc;
use core::{
    fmt,
    future::{Future, poll_fn},
    pin::{Pin, pin},
    task::{Context, Poll},
};

/// Lends resources, such as connections, to one user at a time.
///
/// What a resource is and how it is made, checked and ended, says a [`Manage`]. Clones are handles of
/// the same pool.
///
/// - [`get`](Self::get) returns an idle resource, or makes one, or waits until there is a place; first
///   come, first served.
/// - The [`Guard`] gives the resource back when it is dropped, without waiting.
/// - Resources end in a scope of the pool, on its executor: when their time is over, when they cannot be
///   used again, or when too many are idle.
/// - [`close`](Self::close) waits until all have ended. When the last handle is dropped instead, the same
///   happens, and nobody waits for it.
///
/// # Cost
///
/// A `get` that finds a resource, and the drop of its guard, allocate nothing. Without
/// [`idle_timeout`](ResourcePoolBuilder::idle_timeout) and
/// [`max_lifetime`](ResourcePoolBuilder::max_lifetime) they read no clock.
///
/// # Examples
///
/// Ten callers share three connections:
///
/// ```
/// use anyscope::{Grace, flow, pool::{Manage, ResourcePool}, smol::Smol};
/// use std::{convert::Infallible, sync::atomic::{AtomicU32, Ordering}};
///
/// #[derive(Default)]
/// struct Numbered(AtomicU32);
///
/// impl Manage for Numbered {
///     type Resource = u32;
///     type Error = Infallible;
///
///     async fn create(&self) -> Result<u32, Infallible> {
///         Ok(self.0.fetch_add(1, Ordering::Relaxed))
///     }
/// }
///
/// # smol::block_on(async {
/// let pool = ResourcePool::builder(Numbered::default()).max(3).build(&Smol);
/// flow::iter(0..100)
///     .for_each_concurrent(10, async |request| {
///         let connection = pool.get().await.expect("numbers are always there");
///         println!("request {request} on connection {}", *connection);
///     })
///     .await;
/// assert!(pool.status().created <= 3);
/// assert!(pool.close(Grace::Forever).await.is_clean());
/// assert!(pool.get().await.is_err());
/// # });
/// ```
pub struct ResourcePool<M: Manage> {
    owner: Arc<Owner<M>>,
}

/// What the handles of a pool share. The scope ends after the last handle and the last guard.
struct Owner<M: Manage> {
    shared: Arc<Shared<M>>,
    exec: Exec,
    // None only in the end.
    scope: Option<OwnedScope<Exec>>,
}

impl<M: Manage> ResourcePool<M> {
    /// Returns the settings of a pool of `manager`'s resources, to be changed and
    /// [built](ResourcePoolBuilder::build).
    ///
    /// # Examples
    ///
    /// ```
    /// # use anyscope::{pool::Manage, smol::Smol};
    /// # use std::convert::Infallible;
    /// # struct Connect;
    /// # impl Manage for Connect {
    /// #     type Resource = u32;
    /// #     type Error = Infallible;
    /// #     async fn create(&self) -> Result<u32, Infallible> { Ok(7) }
    /// # }
    /// use anyscope::pool::{ResourcePool, resources::Order};
    /// use std::time::Duration;
    ///
    /// # smol::block_on(async {
    /// let pool = ResourcePool::builder(Connect)
    ///     .max(10)
    ///     .max_idle(4)
    ///     .idle_timeout(Duration::from_secs(60))
    ///     .max_lifetime(Duration::from_secs(3600))
    ///     .order(Order::Lifo)
    ///     .build(&Smol);
    /// assert_eq!(pool.status().created, 0);
    /// # });
    /// ```
    pub fn builder(manager: M) -> ResourcePoolBuilder<M> {
        ResourcePoolBuilder::new(manager)
    }

    pub(super) fn new(
        manager: M,
        places: Places,
        settings: Settings,
        exec: Exec,
        time: Arc<dyn Time>,
    ) -> Self {
        let scope = OwnedScope::new(&exec);
        let shared = Arc::new(Shared::new(manager, places, settings, time, scope.clone()));
        if settings.times.matter() {
            scope.spawn_daemon(destroy::caught(&shared, reaper::reap(shared.clone())));
        }
        ResourcePool { owner: Arc::new(Owner { shared, exec, scope: Some(scope) }) }
    }

    /// Returns a resource: an idle one that can be used again, or else a new one. Waits for a place if
    /// all are lent; those who wait are served in the order in which they came.
    ///
    /// To wait no longer than so long: [`timeout(&exec, limit, pool.get())`](crate::timeout).
    ///
    /// # Errors
    ///
    /// - [`GetError::Create`] if a resource has to be made and cannot be. The place goes to the one that
    ///   waits next.
    /// - [`GetError::Closed`] if the pool is closed, also while this waits.
    ///
    /// # Cancel safety
    ///
    /// Dropping the returned future loses nothing: its place goes to the next, its resource back to the
    /// pool. One that is being created is dropped half-way, and one that is being recycled is destroyed.
    ///
    /// # Panics
    ///
    /// Propagates a panic of [`create`](Manage::create) or [`recycle`](Manage::recycle).
    ///
    /// # Examples
    ///
    /// ```
    /// # use anyscope::{pool::{Manage, ResourcePool}, smol::Smol};
    /// # use std::convert::Infallible;
    /// # struct Connect;
    /// # impl Manage for Connect {
    /// #     type Resource = u32;
    /// #     type Error = Infallible;
    /// #     async fn create(&self) -> Result<u32, Infallible> { Ok(7) }
    /// # }
    /// # smol::block_on(async {
    /// let pool = ResourcePool::builder(Connect).max(1).build(&Smol);
    /// let connection = pool.get().await.unwrap();
    /// assert_eq!(*connection, 7);
    /// drop(connection); // back to the pool
    /// assert_eq!(pool.status().idle, 1);
    /// # });
    /// ```
    pub async fn get(&self) -> Result<Guard<M>, GetError<M::Error>> {
        let place = self.place().await?;
        self.checkout(place).await
    }

    /// Returns a resource as [`get`](Self::get) does, if there is a place right now. This may wait for
    /// the resource to be recycled or made, and never for another user.
    ///
    /// # Errors
    ///
    /// [`TryGetError::Full`] if there is no place, and the errors of `get`.
    ///
    /// # Cancel safety
    ///
    /// As `get`.
    ///
    /// # Panics
    ///
    /// As `get`.
    ///
    /// # Examples
    ///
    /// ```
    /// # use anyscope::{pool::{Manage, ResourcePool}, smol::Smol};
    /// # use std::convert::Infallible;
    /// # struct Connect;
    /// # impl Manage for Connect {
    /// #     type Resource = u32;
    /// #     type Error = Infallible;
    /// #     async fn create(&self) -> Result<u32, Infallible> { Ok(7) }
    /// # }
    /// use anyscope::pool::resources::TryGetError;
    ///
    /// # smol::block_on(async {
    /// let pool = ResourcePool::builder(Connect).max(1).build(&Smol);
    /// let connection = pool.try_get().await.unwrap();
    /// assert!(matches!(pool.try_get().await, Err(TryGetError::Full)));
    /// drop(connection);
    /// assert!(pool.try_get().await.is_ok());
    /// # });
    /// ```
    pub async fn try_get(&self) -> Result<Guard<M>, TryGetError<M::Error>> {
        let place = self.try_place()?;
        Ok(self.checkout(place).await?)
    }

    /// Closes the pool: who waits for a resource, and who asks for one from now on, is told
    /// [`Closed`](GetError::Closed). Destroys the idle resources, and those that are still lent when they
    /// come back. Waits until all have ended, but not longer than `grace`, and returns what is left.
    ///
    /// Nothing is taken away from anybody: a guard that is dropped after the grace still has its
    /// resource destroyed. What is being destroyed then goes on too.
    ///
    /// # Cancel safety
    ///
    /// The pool is closed by the first poll. Dropping the returned future ends the wait only: call this
    /// again to continue. Several tasks may wait.
    ///
    /// # Panics
    ///
    /// Propagates the first panic of a [`destroy`](Manage::destroy), or of the clock that tells when
    /// the time of a resource is over, when the wait has ended. Of several calls one does.
    ///
    /// # Examples
    ///
    /// ```
    /// # use anyscope::{pool::Manage, smol::Smol};
    /// # use std::convert::Infallible;
    /// # struct Connect;
    /// # impl Manage for Connect {
    /// #     type Resource = u32;
    /// #     type Error = Infallible;
    /// #     async fn create(&self) -> Result<u32, Infallible> { Ok(7) }
    /// # }
    /// use anyscope::{Grace, pool::ResourcePool};
    /// use std::time::Duration;
    ///
    /// # smol::block_on(async {
    /// let pool = ResourcePool::builder(Connect).max(2).build(&Smol);
    /// let guard = pool.get().await.unwrap();
    /// let report = pool.close(Grace::For(Duration::from_millis(1))).await;
    /// assert_eq!(report.lent, 1);
    ///
    /// drop(guard);
    /// assert!(pool.close(Grace::Forever).await.is_clean());
    /// # });
    /// ```
    pub async fn close(&self, grace: Grace) -> CloseReport {
        let shared = &self.owner.shared;
        shared.close();
        let scope = self.owner.scope.as_ref().expect("there is a handle of the pool");
        let mut ended = pin!(end(shared, scope));
        let mut alarm: Option<Sleep> = grace.duration().map(|grace| shared.time.sleep(grace));
        poll_fn(|cx: &mut Context<'_>| {
            if ended.as_mut().poll(cx).is_ready() {
                return Poll::Ready(());
            }
            match &mut alarm {
                Some(alarm) => Pin::as_mut(alarm).poll(cx),
                None => Poll::Pending,
            }
        })
        .await;
        if let Some(panic) = shared.take_panic() {
            unwind::resume(panic);
        }
        let Status { lent, creating, destroying, .. } = shared.status();
        CloseReport { lent, creating, destroying }
    }

    /// Returns whether the pool was closed.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{Grace, pool::ResourcePool, smol::Smol};
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
    /// assert!(!pool.is_closed());
    /// pool.close(Grace::Forever).await;
    /// assert!(pool.is_closed());
    /// # });
    /// ```
    pub fn is_closed(&self) -> bool {
        self.owner.shared.is_closed()
    }

    /// Returns what the pool has at this moment.
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
    /// let pool = ResourcePool::builder(Buffers).max(4).build(&Smol);
    /// let _lent = pool.get().await.unwrap();
    /// drop(pool.get().await.unwrap());
    /// let status = pool.status();
    /// assert_eq!((status.lent, status.idle, status.waiting), (1, 1, 0));
    /// # });
    /// ```
    pub fn status(&self) -> Status {
        self.owner.shared.status()
    }

    /// Returns the manager.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{pool::ResourcePool, smol::Smol};
    ///
    /// # use anyscope::pool::Manage;
    /// struct Connect(&'static str);
    /// # impl Manage for Connect {
    /// #     type Resource = ();
    /// #     type Error = std::convert::Infallible;
    /// #     async fn create(&self) -> Result<(), Self::Error> { Ok(()) }
    /// # }
    /// // .. and what it manages: see `Manage` ..
    /// let pool = ResourcePool::builder(Connect("db.example")).build(&Smol);
    /// assert_eq!(pool.manager().0, "db.example");
    /// ```
    pub fn manager(&self) -> &M {
        &self.owner.shared.manager
    }
}

/// For pools by key.
impl<M: Manage> ResourcePool<M> {
    pub(super) async fn place(&self) -> Result<Place<'_>, GetError<M::Error>> {
        let shared = &self.owner.shared;
        match shared.places.try_acquire() {
            Ok(place) => Ok(place),
            Err(NoPlace::Closed) => Err(GetError::Closed),
            Err(NoPlace::Full) => {
                // A resource that came back for us may be one too many, if we are gone.
                let left = Finally::new(|| shared.trim());
                let place = shared.places.acquire().await.map_err(|_| GetError::Closed)?;
                left.disarm();
                Ok(place)
            }
        }
    }

    pub(super) fn try_place(&self) -> Result<Place<'_>, TryGetError<M::Error>> {
        self.owner.shared.places.try_acquire().map_err(|error| match error {
            NoPlace::Full => TryGetError::Full,
            NoPlace::Closed => TryGetError::Closed,
        })
    }

    pub(super) async fn checkout(&self, place: Place<'_>) -> Result<Guard<M>, GetError<M::Error>> {
        checkout(&self.owner.shared, place).await
    }

    pub(super) fn begin_close(&self) {
        self.owner.shared.close();
    }

    /// Whether nobody has a handle of it but the one who asks, and it has nothing.
    pub(super) fn is_unused(&self) -> bool {
        let Status { idle, lent, creating, destroying, .. } = self.status();
        Arc::strong_count(&self.owner) == 1 && idle + lent + creating + destroying == 0
    }
}

/// Waits until a pool that is closed has nothing left.
async fn end<M: Manage>(shared: &Shared<M>, scope: &OwnedScope<Exec>) {
    while !shared.is_over() {
        let emptied = shared.emptied.listen();
        if !shared.is_over() {
            emptied.await;
        }
    }
    scope.close().await;
}

/// As [`close`](ResourcePool::close), with nobody to wait for it.
impl<M: Manage> Drop for Owner<M> {
    fn drop(&mut self) {
        let shared = self.shared.clone();
        let Some(scope) = self.scope.take() else { return };
        unwind::contain(|| {
            shared.close();
            if shared.is_over() {
                drop(scope);
            } else {
                let end = async move { end(&shared, &scope).await };
                self.exec.spawn(Child::unscoped(end));
            }
        });
    }
}

impl<M: Manage> Clone for ResourcePool<M> {
    fn clone(&self) -> Self {
        ResourcePool { owner: self.owner.clone() }
    }
}

impl<M: Manage> fmt::Debug for ResourcePool<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ResourcePool").field(&self.status()).finish()
    }
}
