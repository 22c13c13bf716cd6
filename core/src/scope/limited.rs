//! Scopes with a limit on how many children run at the same time.

use super::{
    handle::ScopeHandle,
    kind::Limited,
    owner::Owner,
    parallel::{self, ScopeFuture},
    policy::{Accept, Conclude, FailFast, Policy, Supervise},
    restart::{ObservesRestarts, Restart, Restarting, Restarts},
    room::{self, Room, RoomFuture, SpawnFuture, TrySpawnError},
};
use crate::{
    child::{Anywhere, JoinHandle},
    exec::Spawn,
    limit::{Capacity, IntoLimit, Limit},
    time::{Clock, Timer},
};
use alloc::borrow::Cow;
use core::{future::Future, time::Duration};

/// Runs a [`scope`](super::scope) with at most `limit` children at the same time.
///
/// A child takes its place when it is spawned and gives it back when it has ended, or was
/// cancelled and is gone; whether its handle has been read does not matter.
///
/// With a [`LiveLimit`](crate::LiveLimit), or an [`AdaptiveLimit`](crate::AdaptiveLimit), the limit
/// changes while the scope runs. Raised, it wakes those who wait for room at once, as many as there is
/// room for. Lowered, it cancels nothing, and nobody gets room before fewer children are running.
///
/// # Errors, cancel safety, panics
///
/// As for [`scope`](super::scope). It panics at once when `limit` is 0.
///
/// # Examples
///
/// ```
/// use anyscope::smol::Smol;
/// # use smol::block_on;
/// # block_on(async {
/// use anyscope::scope_limited;
///
/// let squares = scope_limited(&Smol, 2, async |s| {
///     let mut handles = Vec::new();
///     for n in 0..10 {
///         // Waits while two are running.
///         handles.push(s.spawn(async move { n * n }).await.unwrap());
///     }
///     let mut sum = 0;
///     for handle in handles {
///         sum += handle.await.unwrap();
///     }
///     sum
/// })
/// .await;
/// assert_eq!(squares, 285);
/// # });
/// ```
///
/// As many requests at once as the service can take at the moment. Each child tells the limit how its
/// call went; one that is cancelled says nothing:
///
/// ```
/// use anyscope::{AdaptiveLimit, limit::adaptive::Vegas, scope_limited, smol::Smol};
///
/// async fn fetch(page: u32) -> Result<u32, std::io::Error> {
///     Ok(page)
/// }
///
/// # smol::block_on(async {
/// let adaptive = AdaptiveLimit::new(Vegas::default());
/// scope_limited(&Smol, &adaptive, async |s| {
///     for page in 0..100 {
///         drop(s.spawn(adaptive.call(Smol, fetch(page))).await);
///     }
/// })
/// .await;
/// # });
/// ```
#[track_caller]
pub fn scope_limited<E, F, Fut>(exec: &E, limit: impl IntoLimit, body: F) -> ScopeFuture<Fut>
where
    E: Spawn + Clone,
    F: FnOnce(LimitedScope<E>) -> Fut,
    Fut: Future,
{
    start(exec, limit.into_limit().into(), body)
}

/// Runs a [`try_scope`](super::try_scope) with at most `limit` children at the same time; see
/// [`scope_limited`].
///
/// # Errors
///
/// As [`try_scope`](super::try_scope).
///
/// # Examples
///
/// ```
/// use anyscope::{smol::Smol, try_scope_limited};
///
/// # smol::block_on(async {
/// let failed = try_scope_limited(&Smol, 2, async |s| {
///     for line in ["1", "2", "three"] {
///         s.spawn(async move { line.parse::<u32>() }).await;
///     }
///     Ok(())
/// });
/// assert!(failed.await.unwrap_err().into_first().is_some());
/// # });
/// ```
#[track_caller]
pub fn try_scope_limited<E, F, Fut, T, Err>(
    exec: &E,
    limit: impl IntoLimit,
    body: F,
) -> ScopeFuture<Fut, FailFast<Err>>
where
    E: Spawn + Clone,
    F: FnOnce(TryLimitedScope<E, Err>) -> Fut,
    Fut: Future<Output = Result<T, Err>>,
    Err: Send + 'static,
{
    start(exec, limit.into_limit().into(), body)
}

fn start<E, F, Fut, P>(exec: &E, limit: Capacity, body: F) -> ScopeFuture<Fut, P>
where
    E: Spawn + Clone,
    F: FnOnce(LimitedScope<E, P>) -> Fut,
    Fut: Future,
    P: Conclude<Fut::Output> + Send + Sync + 'static,
{
    let owner = Owner::owning(limit, Anywhere::default());
    room::follow_limit(owner.shared());
    parallel::start_with(owner, Limited::new(exec), body)
}

/// Handle of a scope with a limit on how many children run at the same time; see [`scope_limited`].
///
/// A child is spawned if there is room ([`try_spawn`](Self::try_spawn)), or when there is
/// ([`spawn`](Self::spawn)); [`room`](Self::room) waits for room before the child is made. Daemons
/// ([`spawn_daemon`](Self::spawn_daemon)) do not count towards the limit. Cheap to clone.
///
/// # Panics
///
/// Children may spawn into their own scope. But if all of its places are held by children that wait
/// for room in it, and for nothing else, then only a cancel could end that. With `std`, the last of
/// them to wait panics, with the names of all, as any child may panic. It does so only if nothing
/// but room, or a cancel, could wake any of them. So a wait that is raced with a timer or with
/// anything else never panics; nor does one where somebody else may make room, such as the holder of
/// a [`Room`]. Not found out, and so a wait for ever, is a jam in which
///
/// - a child waits for the end of another, through its handle;
/// - a child waits inside a combinator that has wakers of its own (a `join` of many, a set of
///   futures, a [`concurrent`](crate::concurrent()) scope), or for the end of a scope whose children
///   wait for room in this one;
/// - a child that waits holds a [`Room`] as well;
/// - the limit may be raised, as it is a [`LiveLimit`](crate::LiveLimit);
/// - there is no `std`.
///
/// A child that waits for room is polled twice in a row, to find out what it waits for.
pub type LimitedScope<E, P = Supervise> = ScopeHandle<'static, Limited<E>, P>;

/// A [`LimitedScope`] in which the first failure ends everything.
///
/// See [`try_scope_limited`].
pub type TryLimitedScope<E, Err> = LimitedScope<E, FailFast<Err>>;

impl<E, P: Policy> LimitedScope<E, P> {
    /// Returns the executor, for its timer, its blocking threads and the like.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{scope_limited, smol::Smol, timeout};
    /// use std::{future::pending, time::Duration};
    ///
    /// # smol::block_on(async {
    /// scope_limited(&Smol, 4, async |s| {
    ///     // Its timer, where nobody has passed one.
    ///     let waited = timeout(s.executor(), Duration::from_millis(1), pending::<()>()).await;
    ///     assert!(waited.is_err());
    /// })
    /// .await;
    /// # });
    /// ```
    pub fn executor(&self) -> &E {
        &self.kind.exec
    }

    /// Returns how many children may run at the same time, as the limit is now.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{limit::Limit, scope_limited, smol::Smol};
    ///
    /// # smol::block_on(async {
    /// let limit = scope_limited(&Smol, 4, async |s| s.limit()).await;
    /// assert_eq!(limit, Limit::new(4));
    /// # });
    /// ```
    pub fn limit(&self) -> Limit {
        self.shared.limit()
    }

    /// Waits until there is room, and takes it, for a child that is made later.
    ///
    /// Waiters are served as in [`spawn`](Self::spawn), in one queue with those.
    ///
    /// # Errors
    ///
    /// Returns [`TrySpawnError::Closed`] if the scope is cancelled or has ended.
    ///
    /// # Cancel safety
    ///
    /// Dropping the returned future takes no room. Room that was taken is given back when it is
    /// dropped.
    ///
    /// # Examples
    ///
    /// See [`Room`].
    ///
    /// ```
    /// use anyscope::{scope_limited, smol::Smol};
    ///
    /// # smol::block_on(async {
    /// let sums = smol::channel::unbounded();
    /// scope_limited(&Smol, 2, async |s| {
    ///     for n in 0..5 {
    ///         // Nothing is accepted that would have to wait afterwards.
    ///         let room = s.room().await.unwrap();
    ///         let sums = sums.0.clone();
    ///         room.spawn(async move { sums.try_send(n).unwrap() });
    ///     }
    /// })
    /// .await;
    /// assert_eq!(sums.1.len(), 5);
    /// # });
    /// ```
    pub fn room(&self) -> RoomFuture<'_, E, P> {
        RoomFuture::new(self)
    }

    /// Takes room for a child that is made later, if there is some now.
    ///
    /// # Errors
    ///
    /// Those of [`try_spawn`](Self::try_spawn), with `()` in place of the future.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{scope_limited, smol::Smol};
    ///
    /// # smol::block_on(async {
    /// scope_limited(&Smol, 1, async |s| {
    ///     let room = s.try_room().unwrap();
    ///     assert!(s.try_room().unwrap_err().is_full());
    ///     room.spawn(async {});
    /// })
    /// .await;
    /// # });
    /// ```
    pub fn try_room(&self) -> Result<Room<'_, E, P>, TrySpawnError<()>> {
        if self.shared.keeps_room() {
            return Err(TrySpawnError::Full(()));
        }
        Room::take(self)
    }
}

impl<E: Spawn, P: Policy + Send + Sync + 'static> LimitedScope<E, P> {
    /// Spawns a child if there is room for it now.
    ///
    /// Callers waiting in [`spawn`](Self::spawn) come first: if there is room while they wait,
    /// this fails once. If none of them has taken the room by the next call, that call gets it.
    ///
    /// # Errors
    ///
    /// Returns the future, unpolled, if the limit is reached
    /// ([`TrySpawnError::Full`]), or the scope was cancelled or has ended
    /// ([`TrySpawnError::Closed`]).
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{TrySpawnError, scope_limited, smol::Smol};
    /// use std::future::pending;
    ///
    /// # smol::block_on(async {
    /// scope_limited(&Smol, 1, async |s| {
    ///     s.try_spawn(pending::<()>()).unwrap();
    ///     assert!(matches!(s.try_spawn(async {}), Err(TrySpawnError::Full(_))));
    ///     s.cancel("done");
    /// })
    /// .await;
    /// # });
    /// ```
    #[track_caller]
    pub fn try_spawn<F>(&self, future: F) -> Result<JoinHandle<'static, P::Value>, TrySpawnError<F>>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
        P: Accept<F::Output>,
    {
        match self.try_room() {
            Ok(room) => Ok(room.spawn(future)),
            Err(error) => Err(error.with(future)),
        }
    }

    /// Spawns a child with a name if there is room, as [`try_spawn`](Self::try_spawn) does; see
    /// [`Scope::spawn_named`](crate::Scope::spawn_named).
    ///
    /// # Errors
    ///
    /// Those of [`try_spawn`](Self::try_spawn).
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{scope_limited, smol::Smol};
    ///
    /// # smol::block_on(async {
    /// scope_limited(&Smol, 1, async |s| {
    ///     let first = s.try_spawn_named("first", std::future::pending::<()>()).unwrap();
    ///     assert_eq!(first.name(), Some("first"));
    ///     assert!(s.try_spawn_named("second", async {}).is_err());
    ///     s.cancel("shown");
    /// })
    /// .await;
    /// # });
    /// ```
    #[track_caller]
    pub fn try_spawn_named<F>(
        &self,
        name: impl Into<Cow<'static, str>>,
        future: F,
    ) -> Result<JoinHandle<'static, P::Value>, TrySpawnError<F>>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
        P: Accept<F::Output>,
    {
        match self.try_room() {
            Ok(room) => Ok(room.spawn_named(name, future)),
            Err(error) => Err(error.with(future)),
        }
    }

    /// Waits until there is room, then spawns a child.
    ///
    /// Waiters are served in the order of their first poll. Room is not kept for long, though: if
    /// the waiter whose turn it is does not take it, because its future was forgotten or is not
    /// polled although its waker fired, the other waiters are woken while the scope's own future
    /// is polled, and the first of them to be polled gets the room. From then on they are served
    /// in the order in which they are polled.
    ///
    /// # Errors
    ///
    /// Returns the future, unpolled, if the scope is cancelled or has ended.
    ///
    /// # Cancel safety
    ///
    /// Dropping the returned future drops `future` unpolled and takes no place.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{scope_limited, smol::Smol};
    ///
    /// # smol::block_on(async {
    /// scope_limited(&Smol, 1, async |s| {
    ///     let first = s.spawn(async { 1 }).await.unwrap();
    ///     // Waits until the first has ended.
    ///     let second = s.spawn(async { 2 }).await.unwrap();
    ///     assert_eq!(first.await.unwrap() + second.await.unwrap(), 3);
    /// })
    /// .await;
    /// # });
    /// ```
    #[track_caller]
    pub fn spawn<F>(&self, future: F) -> SpawnFuture<'_, E, P, F>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
        P: Accept<F::Output>,
    {
        SpawnFuture::new(self, future, None)
    }

    /// Waits until there is room, then spawns a child with a name: [`spawn`](Self::spawn) as
    /// [`Scope::spawn_named`](crate::Scope::spawn_named).
    ///
    /// # Errors, cancel safety
    ///
    /// Those of [`spawn`](Self::spawn).
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{scope_limited, smol::Smol};
    ///
    /// # smol::block_on(async {
    /// scope_limited(&Smol, 1, async |s| {
    ///     for page in 1..=3 {
    ///         let child = s.spawn_named(format!("page {page}"), async {}).await.unwrap();
    ///         assert!(child.name().unwrap().starts_with("page"));
    ///     }
    /// })
    /// .await;
    /// # });
    /// ```
    #[track_caller]
    pub fn spawn_named<F>(
        &self,
        name: impl Into<Cow<'static, str>>,
        future: F,
    ) -> SpawnFuture<'_, E, P, F>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
        P: Accept<F::Output>,
    {
        SpawnFuture::new(self, future, Some(name.into()))
    }

    /// Waits until there is room, then spawns a child that is made anew when it fails:
    /// [`spawn`](Self::spawn) as [`Scope::supervise`](crate::Scope::supervise).
    ///
    /// It keeps its place from the first time on, also while it waits for its restart. To take room
    /// first, and make the child later, spawn [`restart.run(child)`](Restart::run) in a [`Room`].
    ///
    /// # Errors
    ///
    /// Returns the child, unpolled, if the scope is cancelled or has ended.
    ///
    /// # Cancel safety
    ///
    /// As [`spawn`](Self::spawn).
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{Restart, scope_limited, smol::Smol};
    /// use std::{sync::atomic::{AtomicU32, Ordering}, time::Duration};
    ///
    /// static RUNS: AtomicU32 = AtomicU32::new(0);
    ///
    /// # smol::block_on(async {
    /// scope_limited(&Smol, 2, async |s| {
    ///     let restart = Restart::on_failure(Smol).at_most(5, Duration::MAX);
    ///     let connect = || async {
    ///         if RUNS.fetch_add(1, Ordering::Relaxed) < 2 { Err("refused") } else { Ok("connected") }
    ///     };
    ///     let child = s.supervise(restart, connect).await.unwrap();
    ///     assert_eq!(child.await.unwrap(), Ok("connected"));
    /// })
    /// .await;
    /// # });
    /// ```
    #[track_caller]
    pub fn supervise<T, W, D, F, Fut, N>(
        &self,
        restart: Restart<T, W, D, N>,
        child: F,
    ) -> SpawnFuture<'_, E, P, Restarting<T, W, D, F, Fut, N>>
    where
        T: Timer + Clock,
        W: Restarts<Fut::Output>,
        D: Iterator<Item = Duration> + Clone,
        N: ObservesRestarts<Fut::Output>,
        F: FnMut() -> Fut,
        Fut: Future<Output: Send + 'static>,
        Restarting<T, W, D, F, Fut, N>: Future<Output = Fut::Output> + Send + 'static,
        P: Accept<Fut::Output>,
    {
        self.spawn(restart.run(child))
    }
}
