//! The methods of a scope that require nothing of its children.

use super::{handle::ScopeHandle, kind::Kind, policy::Policy};
use crate::{
    cancel::{CancelReason, CancelToken},
    observe,
};
use alloc::boxed::Box;

impl<'a, K: Kind, P: Policy> ScopeHandle<'a, K, P> {
    /// Cancels all children, present and future. Their handles and the scope's token report
    /// `reason`.
    ///
    /// Idle children have been dropped when this returns, the youngest first, and with them
    /// all that they own, scopes of their own included. Children that are being polled at
    /// this moment are dropped right after that poll, and those behind a
    /// [`shield`](crate::shield()) when it ends.
    ///
    /// In a supervised scope the body keeps running: what it waits for is to be awaited through
    /// [`token().run_until_cancelled(..)`](CancelToken::run_until_cancelled) if a cancel should end
    /// it. In a fail-fast scope it is dropped too; if
    /// it returns a value before it waits again, the value counts.
    ///
    /// The first reason counts. A second call only ends a [grace](Self::cancel_with), if
    /// there is one.
    ///
    /// # Examples
    ///
    /// ```
    /// # smol::block_on(async {
    /// use anyscope::concurrent;
    /// use std::future::pending;
    ///
    /// concurrent(async |s| {
    ///     let child = s.spawn(pending::<()>());
    ///     s.cancel("no longer needed");
    ///     assert!(child.await.unwrap_err().is_cancelled());
    /// })
    /// .await;
    /// # });
    /// ```
    #[track_caller]
    pub fn cancel(&self, reason: impl Into<CancelReason>) {
        self.shared.cancel(reason.into());
    }

    /// Cancels the children for which `select` returns true, and returns how many.
    ///
    /// `select` is called once with every child that has not ended, the youngest first.
    ///
    /// # Examples
    ///
    /// ```
    /// # smol::block_on(async {
    /// use anyscope::concurrent;
    /// use std::future::pending;
    ///
    /// concurrent(async |s| {
    ///     let slow = s.spawn_named("slow", pending::<()>());
    ///     let other = s.spawn(async { 1 });
    ///     assert_eq!(s.cancel_where(|child| child.name == Some("slow")), 1);
    ///     assert!(slow.await.unwrap_err().is_cancelled());
    ///     assert_eq!(other.await.unwrap(), 1);
    /// })
    /// .await;
    /// # });
    /// ```
    pub fn cancel_where(&self, mut select: impl FnMut(observe::ChildInfo<'_>) -> bool) -> usize {
        self.shared.registry.cancel_where(|info| select(info.into()))
    }

    /// Calls `f` with every child that has not ended, the youngest first.
    ///
    /// For instance, to log which children do not end.
    ///
    /// # Examples
    ///
    /// ```
    /// # smol::block_on(async {
    /// use anyscope::concurrent;
    ///
    /// concurrent(async |s| {
    ///     s.spawn_named("reader", async {});
    ///     s.spawn_named("writer", async {});
    ///     let mut names = Vec::new();
    ///     s.each_child(|child| names.extend(child.name.map(str::to_owned)));
    ///     assert_eq!(names, ["writer", "reader"]);
    /// })
    /// .await;
    /// # });
    /// ```
    pub fn each_child(&self, mut f: impl FnMut(observe::ChildInfo<'_>)) {
        self.shared.registry.each(|_, info| f(info.into()));
    }

    /// Returns whether the scope was cancelled, even if too late to end anything.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::concurrent;
    ///
    /// # smol::block_on(async {
    /// concurrent(async |s| {
    ///     assert!(!s.is_cancelled());
    ///     s.cancel("enough");
    ///     assert!(s.is_cancelled());
    /// })
    /// .await;
    /// # });
    /// ```
    pub fn is_cancelled(&self) -> bool {
        self.shared.is_cancelled()
    }

    /// Returns whether a [deadline](Self::deadline) of this scope has passed.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{Clock, concurrent, sim::Sim};
    /// use std::{future::pending, time::Duration};
    ///
    /// Sim::new(7).run(async |sim| {
    ///     concurrent(async |s| {
    ///         s.deadline(&sim, sim.now() + Duration::from_secs(1));
    ///         assert!(!s.has_elapsed());
    ///         assert!(s.spawn(pending::<()>()).await.is_err());
    ///         assert!(s.has_elapsed()); // and was not cancelled for something else
    ///     })
    ///     .await;
    /// }).unwrap();
    /// ```
    pub fn has_elapsed(&self) -> bool {
        self.shared.has_elapsed()
    }

    /// Returns a token that is cancelled when the scope shuts down: because it was cancelled,
    /// failed, was dropped, or has ended.
    ///
    /// For children that shut down in good order during a [grace](Self::cancel_with), and for
    /// closures on blocking threads, which nothing else can end. Each call returns a token of
    /// its own: cancelling it cancels neither the scope nor the tokens of other calls.
    ///
    /// Scopes that are awaited in the children of this one (or in the body of a fail-fast one)
    /// have tokens of their own, which are cancelled with this one; not those that are first
    /// polled behind a [`shield`](crate::shield()), nor an [`OwnedScope`](crate::OwnedScope),
    /// which is awaited nowhere. Without `std` none of them knows of this one.
    ///
    /// # Examples
    ///
    /// ```
    /// # smol::block_on(async {
    /// use anyscope::concurrent;
    ///
    /// concurrent(async |s| {
    ///     let token = s.token();
    ///     assert!(!token.is_cancelled());
    ///     s.cancel("closing");
    ///     assert!(token.is_cancelled());
    /// })
    /// .await;
    /// # });
    /// ```
    pub fn token(&self) -> CancelToken {
        self.shared.token()
    }

    /// Returns how many children have not ended. Daemons count, also those that the scope
    /// itself has for its deadlines and graces. The number may be out of date when this
    /// returns.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::concurrent;
    ///
    /// # smol::block_on(async {
    /// concurrent(async |s| {
    ///     let first = s.spawn(async {});
    ///     s.spawn(async {});
    ///     assert_eq!((s.len(), s.spawned()), (2, 2));
    ///     first.await.unwrap();
    ///     assert_eq!(s.spawned(), 2);
    /// })
    /// .await;
    /// # });
    /// ```
    pub fn len(&self) -> usize {
        self.shared.live()
    }

    /// Returns whether all children have ended; see [`len`](Self::len).
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::concurrent;
    ///
    /// # smol::block_on(async {
    /// concurrent(async |s| {
    ///     let child = s.spawn(async {});
    ///     assert!(!s.is_empty());
    ///     child.await.unwrap();
    ///     assert!(s.is_empty());
    /// })
    /// .await;
    /// # });
    /// ```
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns how many children were ever spawned here. Wraps around.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::concurrent;
    ///
    /// # smol::block_on(async {
    /// concurrent(async |s| {
    ///     for n in 0..3 {
    ///         s.spawn(async move { n }).await.unwrap();
    ///     }
    ///     assert_eq!((s.spawned(), s.len()), (3, 0)); // all have ended
    /// })
    /// .await;
    /// # });
    /// ```
    pub fn spawned(&self) -> usize {
        self.shared.spawned()
    }

    /// Returns how many failures of children were dropped because they came after the scope's
    /// result was decided: after the body of a fail-fast scope returned a value following a
    /// cancel.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::try_concurrent;
    ///
    /// # smol::block_on(async {
    /// let ended = try_concurrent(async |s| {
    ///     s.spawn(async { Err::<(), _>("disk full") });
    ///     Ok(s.clone())
    /// });
    /// // The failure was in time, and so it is the result of the scope.
    /// assert_eq!(ended.await.unwrap_err().into_first(), Some("disk full"));
    ///
    /// let scope = try_concurrent(async |s| Ok::<_, &str>(s.clone())).await.unwrap();
    /// assert_eq!(scope.late_failures(), 0);
    /// # });
    /// ```
    pub fn late_failures(&self) -> usize {
        self.shared.late_failures()
    }

    /// Installs `observer`, which is told of failures that may otherwise go unseen. Returns
    /// false, and changes nothing, if there is an observer already.
    ///
    /// The observer is called on the thread where the event happens, and must be quick. No
    /// lock is held during the call. If it panics, that counts as a panic of the scope.
    ///
    /// # Examples
    ///
    /// ```
    /// # smol::block_on(async {
    /// use anyscope::concurrent;
    ///
    /// concurrent(async |s| {
    ///     assert!(s.on_event(|event| eprintln!("{event:?}")));
    ///     assert!(!s.on_event(|_| {}), "there is one already");
    /// })
    /// .await;
    /// # });
    /// ```
    pub fn on_event(&self, observer: impl Fn(&observe::Event<'_>) + Send + Sync + 'static) -> bool {
        self.shared.observe(Box::new(observer))
    }

    /// Returns whether the scope has ended. Then no child can be spawned.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::concurrent;
    ///
    /// # smol::block_on(async {
    /// let handle = concurrent(async |s| {
    ///     assert!(!s.is_closed());
    ///     s.clone()
    /// })
    /// .await;
    /// assert!(handle.is_closed());
    /// assert!(handle.spawn(async {}).await.is_err());
    /// # });
    /// ```
    pub fn is_closed(&self) -> bool {
        self.shared.is_ended()
    }
}
