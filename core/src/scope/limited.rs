//! Scopes with a limit on how many children run at the same time.

use super::{
    handle::ScopeHandle,
    kind::{Limited, on_executor},
    parallel::{self, ScopeFuture},
    policy::{Accept, FailFast, Policy, Supervise},
    shared::{self, Plain, Shared},
};
use crate::{
    child::{Anywhere, JoinHandle, origin::Origin, parent::Place, spawn::Spec},
    exec::Spawn,
    limit::{IntoLimit, Limit},
    sync::{EventListener, Ordering, gate::Refusal},
    waits,
};
use core::{
    error::Error,
    fmt,
    future::Future,
    mem,
    panic::Location,
    pin::Pin,
    task::{Context, Poll},
};

/// Runs a [`scope`](super::scope) with at most `limit` children at the same time.
///
/// A child takes its place when it is spawned and gives it back when it has ended, or was
/// cancelled and is gone; whether its handle has been read does not matter.
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
#[track_caller]
pub fn scope_limited<E, F, Fut>(
    exec: &E,
    limit: impl IntoLimit<Limit = Limit>,
    body: F,
) -> ScopeFuture<Fut>
where
    E: Spawn + Clone,
    F: FnOnce(LimitedScope<E>) -> Fut,
    Fut: Future,
{
    parallel::start_scope(Limited::new(exec), limit.into_limit(), body)
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
    limit: impl IntoLimit<Limit = Limit>,
    body: F,
) -> ScopeFuture<Fut, FailFast<Err>>
where
    E: Spawn + Clone,
    F: FnOnce(TryLimitedScope<E, Err>) -> Fut,
    Fut: Future<Output = Result<T, Err>>,
{
    parallel::start_scope(Limited::new(exec), limit.into_limit(), body)
}

/// Handle of a scope with a limit on how many children run at the same time; see [`scope_limited`].
///
/// It has no plain `spawn`: a child is spawned if there is room ([`try_spawn`](Self::try_spawn)),
/// or when there is ([`spawn`](Self::spawn)). Cheap to clone. Beware: if every child of a full
/// scope waits for room in it, they wait for each other forever.
pub type LimitedScope<E, P = Supervise> = ScopeHandle<'static, Limited<E>, P>;

/// A [`LimitedScope`] in which the first failure ends everything.
pub type TryLimitedScope<E, Err> = LimitedScope<E, FailFast<Err>>;

impl<E, P: Policy> LimitedScope<E, P> {
    /// Returns the executor, for its timer, its blocking threads and the like.
    pub fn executor(&self) -> &E {
        &self.kind.exec
    }

    /// Returns how many children may run at the same time.
    pub fn limit(&self) -> Limit {
        self.shared.limit()
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
        if self.shared.keeps_room() {
            return Err(TrySpawnError::Full(future));
        }
        match Shared::place_below(&self.shared) {
            Ok(place) => Ok(self.put(place, future, shared::plain())),
            Err(Refusal::Full) => Err(TrySpawnError::Full(future)),
            Err(Refusal::Closed) => Err(TrySpawnError::Closed(future)),
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
        SpawnFuture {
            scope: self,
            future: Some(future),
            spawned_at: Location::caller(),
            queued: false,
            freed: None,
            room_at: None,
        }
    }

    fn put<F>(
        &self,
        place: Place<'_, Shared<P, Anywhere>>,
        future: F,
        spec: Spec,
    ) -> JoinHandle<'static, P::Value>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
        P: Accept<F::Output>,
    {
        let exec = &self.kind.exec;
        on_executor::adopt::<_, _, _, Plain>(&self.shared, Some(place), exec, future, spec)
    }
}

/// Future of [`LimitedScope::spawn`].
#[must_use = "futures do nothing unless you `.await` or poll them"]
pub struct SpawnFuture<'s, E, P: Policy, F> {
    scope: &'s LimitedScope<E, P>,
    future: Option<F>,
    spawned_at: &'static Location<'static>,
    /// Counted in the queue of waiters.
    queued: bool,
    freed: Option<EventListener>,
    /// How many children had entered at the last poll, if there was room then that was meant for
    /// another waiter.
    room_at: Option<usize>,
}

/// The future to be spawned is not pinned here.
impl<E, P: Policy, F> Unpin for SpawnFuture<'_, E, P, F> {}

impl<E, P, F> Future for SpawnFuture<'_, E, P, F>
where
    E: Spawn,
    P: Accept<F::Output> + Send + Sync + 'static,
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    type Output = Result<JoinHandle<'static, P::Value>, TrySpawnError<F>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        let shared = &this.scope.shared;
        loop {
            if let Some(freed) = &mut this.freed {
                let told = Pin::new(freed).poll(cx).is_ready();
                if !told && !is_left_over(shared, &mut this.room_at) {
                    waits::waits_for(format_args!("room in a scope of {}", shared.limit()));
                    return Poll::Pending;
                }
                this.freed = None;
            }
            // A waiter in the queue may take the room; a newcomer lets the queue go first.
            if this.queued || shared.queue().load(Ordering::Relaxed) == 0 {
                let place = Shared::place_below(shared);
                if !matches!(place, Err(Refusal::Full)) {
                    let future = this.future.take().expect("polled after it was ready");
                    this.leave_queue();
                    let Ok(place) = place else {
                        // A waiter that began to listen after the cancel notified us was not
                        // notified itself: the event counts listeners that were notified and have
                        // not looked yet.
                        shared.pass_on();
                        return Poll::Ready(Err(TrySpawnError::Closed(future)));
                    };
                    let spec = Spec { origin: Origin::at(this.spawned_at), daemon: false };
                    let handle = this.scope.put(place, future, spec);
                    shared.pass_on();
                    return Poll::Ready(Ok(handle));
                }
            }
            if !this.queued {
                this.queued = true;
                shared.queue().fetch_add(1, Ordering::Relaxed);
            }
            this.freed = Some(shared.freed());
            // A place may have become free before we listened.
            shared.pass_on();
        }
    }
}

/// Whether there is room for another waiter that has not taken it since the last poll.
fn is_left_over<P: Policy, K>(shared: &Shared<P, K>, room_at: &mut Option<usize>) -> bool {
    let entered = shared.has_room().then(|| shared.entered());
    mem::replace(room_at, entered).is_some_and(|before| entered == Some(before))
}

impl<E, P: Policy, F> SpawnFuture<'_, E, P, F> {
    fn leave_queue(&mut self) {
        if mem::take(&mut self.queued) {
            self.scope.shared.queue().fetch_sub(1, Ordering::Relaxed);
        }
    }
}

impl<E, P: Policy, F> Drop for SpawnFuture<'_, E, P, F> {
    fn drop(&mut self) {
        // The listener passes on a notification that it has not used.
        self.leave_queue();
    }
}

impl<E, P: Policy + fmt::Debug, F> fmt::Debug for SpawnFuture<'_, E, P, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SpawnFuture")
            .field("scope", self.scope)
            .field("queued", &self.queued)
            .finish()
    }
}

/// Why [`LimitedScope`] did not spawn a future, and the future.
pub enum TrySpawnError<F> {
    /// As many children run as may.
    Full(F),
    /// The scope was cancelled or has ended.
    Closed(F),
}

impl<F> TrySpawnError<F> {
    /// Returns the future, unpolled.
    pub fn into_future(self) -> F {
        match self {
            TrySpawnError::Full(future) | TrySpawnError::Closed(future) => future,
        }
    }

    /// Returns whether there was no room.
    pub fn is_full(&self) -> bool {
        matches!(self, TrySpawnError::Full(_))
    }
}

impl<F> fmt::Debug for TrySpawnError<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            TrySpawnError::Full(_) => "Full(..)",
            TrySpawnError::Closed(_) => "Closed(..)",
        })
    }
}

impl<F> fmt::Display for TrySpawnError<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            TrySpawnError::Full(_) => "the scope runs as many children as its limit allows",
            TrySpawnError::Closed(_) => "the scope was cancelled or has ended",
        })
    }
}

impl<F> Error for TrySpawnError<F> {}
