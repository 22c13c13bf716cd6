//! Room that was taken, and the waits for it.

use super::{
    TrySpawnError,
    jam::{self, Noted, watched},
};
use crate::{
    child::{Anywhere, JoinHandle, origin::Origin, parent::Place, spawn::Spec},
    exec::Spawn,
    scope::{
        kind::on_executor,
        limited::LimitedScope,
        policy::{Accept, Policy, Supervise},
        shared::{self, Plain, Shared},
    },
    sync::{EventListener, Ordering, gate::Refusal},
    waits,
};
use alloc::borrow::Cow;
use core::{
    fmt,
    future::Future,
    mem,
    panic::Location,
    pin::Pin,
    task::{Context, Poll, ready},
};

/// Room for one child in a [`LimitedScope`], from [`room`](LimitedScope::room) or
/// [`try_room`](LimitedScope::try_room).
///
/// It counts as a child that runs: towards the limit, and the scope does not end before it was used
/// or dropped. Dropping it leaves the room to the next who waits.
///
/// # Examples
///
/// A server that accepts a connection only when it may serve it:
///
/// ```
/// use anyscope::{scope_limited, smol::Smol};
///
/// # async fn accept() -> Option<u32> { None }
/// # async fn serve(_: u32) {}
/// # smol::block_on(async {
/// scope_limited(&Smol, 100, async |s| {
///     // A cancel of the scope ends both waits, and with them the loop.
///     let stop = s.token();
///     loop {
///         let Ok(Ok(room)) = stop.run_until_cancelled(s.room()).await else { break };
///         let Ok(Some(connection)) = stop.run_until_cancelled(accept()).await else { break };
///         room.spawn_named(format!("connection {connection}"), serve(connection));
///     }
/// })
/// .await;
/// # });
/// ```
#[must_use = "room is given back when it is dropped"]
pub struct Room<'s, E, P: Policy = Supervise> {
    scope: &'s LimitedScope<E, P>,
    place: Place<'s, Shared<P, Anywhere>>,
}

impl<'s, E, P: Policy> Room<'s, E, P> {
    pub(in crate::scope) fn take(scope: &'s LimitedScope<E, P>) -> Result<Self, TrySpawnError<()>> {
        match Shared::place_below(&scope.shared) {
            Ok(place) => Ok(Room { scope, place }),
            Err(Refusal::Full) => Err(TrySpawnError::Full(())),
            Err(Refusal::Closed) => Err(TrySpawnError::Closed(())),
        }
    }
}

impl<E: Spawn, P: Policy + Send + Sync + 'static> Room<'_, E, P> {
    /// Spawns a child.
    ///
    /// In a scope that was cancelled meanwhile, the child is never polled: `future` is dropped at
    /// once, and the handle says [`Cancelled`](crate::JoinError::Cancelled).
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{scope_limited, smol::Smol};
    ///
    /// # smol::block_on(async {
    /// scope_limited(&Smol, 1, async |s| {
    ///     let room = s.room().await.unwrap();
    ///     assert!(s.try_room().is_err());
    ///     // .. now ask for the work that it is for ..
    ///     assert_eq!(room.spawn(async { 42 }).await.unwrap(), 42);
    /// })
    /// .await;
    /// # });
    /// ```
    #[track_caller]
    pub fn spawn<F>(self, future: F) -> JoinHandle<'static, P::Value>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
        P: Accept<F::Output>,
    {
        self.put(future, shared::plain())
    }

    /// Spawns a child with a name; see [`Scope::spawn_named`](crate::Scope::spawn_named).
    ///
    /// # Examples
    ///
    /// See [`Room`].
    #[track_caller]
    pub fn spawn_named<F>(
        self,
        name: impl Into<Cow<'static, str>>,
        future: F,
    ) -> JoinHandle<'static, P::Value>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
        P: Accept<F::Output>,
    {
        let Spec { origin, daemon } = shared::plain();
        self.put(future, Spec { origin: origin.named(name.into()), daemon })
    }

    pub(in crate::scope) fn put<F>(self, future: F, spec: Spec) -> JoinHandle<'static, P::Value>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
        P: Accept<F::Output>,
    {
        let Room { scope, place } = self;
        let exec = &scope.kind.exec;
        on_executor::adopt::<_, _, _, Plain>(
            &scope.shared,
            Some(place),
            exec,
            watched(future),
            spec,
        )
    }
}

impl<E, P: Policy + fmt::Debug> fmt::Debug for Room<'_, E, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Room").field("scope", self.scope).finish_non_exhaustive()
    }
}

/// Future of [`LimitedScope::room`].
///
/// See [`ScopeHandle::room`](crate::ScopeHandle::room).
#[must_use = "futures do nothing unless you `.await` or poll them"]
pub struct RoomFuture<'s, E, P: Policy> {
    scope: &'s LimitedScope<E, P>,
    /// Counted in the queue of waiters.
    queued: bool,
    /// That `freed` has the waker of a probe. Dropped before it.
    noted: Noted,
    freed: Option<EventListener>,
    /// How many children had entered at the last poll, if there was room then that was meant for
    /// another waiter.
    room_at: Option<usize>,
}

impl<'s, E, P: Policy> RoomFuture<'s, E, P> {
    pub(in crate::scope) fn new(scope: &'s LimitedScope<E, P>) -> Self {
        RoomFuture { scope, queued: false, noted: Noted::default(), freed: None, room_at: None }
    }

    fn leave_queue(&mut self) {
        if mem::take(&mut self.queued) {
            self.scope.shared.queue().fetch_sub(1, Ordering::Relaxed);
        }
    }
}

impl<'s, E, P: Policy> Future for RoomFuture<'s, E, P> {
    type Output = Result<Room<'s, E, P>, TrySpawnError<()>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        let shared = &this.scope.shared;
        this.noted = Noted::default();
        loop {
            if let Some(freed) = &mut this.freed {
                let told = Pin::new(freed).poll(cx).is_ready();
                // Room is left over if time has gone by since the last poll.
                let is_left =
                    !told && !jam::is_second_poll() && is_left_over(shared, &mut this.room_at);
                if !told && !is_left {
                    this.noted = jam::note(shared, cx);
                    let wait = waits::Wait::Room(core::ptr::from_ref(&**shared).addr());
                    let words = format_args!("room in a scope of {}", shared.limit());
                    waits::waits_for_with(cx.waker(), wait, words);
                    return Poll::Pending;
                }
                this.freed = None;
            }
            // A waiter in the queue may take the room; a newcomer lets the queue go first.
            if this.queued || shared.queue().load(Ordering::Relaxed) == 0 {
                let room = Room::take(this.scope);
                if !matches!(room, Err(TrySpawnError::Full(()))) {
                    this.leave_queue();
                    // Also after the end: a waiter that began to listen after the cancel notified
                    // us was not notified itself, as the event counts listeners that were notified
                    // and have not looked yet.
                    shared.pass_on();
                    return Poll::Ready(room);
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

impl<E, P: Policy> Drop for RoomFuture<'_, E, P> {
    fn drop(&mut self) {
        // The listener passes on a notification that it has not used.
        self.leave_queue();
    }
}

impl<E, P: Policy + fmt::Debug> fmt::Debug for RoomFuture<'_, E, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RoomFuture")
            .field("scope", self.scope)
            .field("queued", &self.queued)
            .finish()
    }
}

/// Future of [`LimitedScope::spawn`] and [`LimitedScope::spawn_named`].
#[must_use = "futures do nothing unless you `.await` or poll them"]
pub struct SpawnFuture<'s, E, P: Policy, F> {
    room: RoomFuture<'s, E, P>,
    /// What to spawn, until there is room or will be none.
    child: Option<(F, Option<Cow<'static, str>>)>,
    spawned_at: &'static Location<'static>,
}

impl<'s, E, P: Policy, F> SpawnFuture<'s, E, P, F> {
    #[track_caller]
    pub(in crate::scope) fn new(
        scope: &'s LimitedScope<E, P>,
        future: F,
        name: Option<Cow<'static, str>>,
    ) -> Self {
        let (room, spawned_at) = (RoomFuture::new(scope), Location::caller());
        SpawnFuture { room, child: Some((future, name)), spawned_at }
    }
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
        let room = ready!(Pin::new(&mut self.room).poll(cx));
        let (future, name) = self.child.take().expect("polled after it was ready");
        let Ok(room) = room else { return Poll::Ready(Err(TrySpawnError::Closed(future))) };
        let origin = Origin::at(self.spawned_at);
        let origin = match name {
            Some(name) => origin.named(name),
            None => origin,
        };
        Poll::Ready(Ok(room.put(future, Spec { origin, daemon: false })))
    }
}

impl<E, P: Policy + fmt::Debug, F> fmt::Debug for SpawnFuture<'_, E, P, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SpawnFuture").field("room", &self.room).finish_non_exhaustive()
    }
}
