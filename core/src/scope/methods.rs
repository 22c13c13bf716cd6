//! The methods that all kinds of scopes have in common, written once.
//!
//! The kinds differ in what a child may be (`Send` or not, `'static` or borrowing), in the type
//! of the handle, and in where the child is polled. Everything else is the same, and so are the
//! docs. A type that uses
//! [`control_methods`](super::controls::control_methods) has a method `shared()`, and one that uses
//! [`spawn_methods`] a method `adopt(future, spec)`.

/// `spawn` and its variants.
macro_rules! spawn_methods {
    (
        receiver: ($($by:tt)+) $self:ident,
        lifetime: $a:lifetime,
        children: ($($bounds:tt)+),
        handle: $handle:ident,
        mode: $mode:ty,
    ) => {
        /// Spawns a child.
        ///
        /// It is polled where children of this kind of scope are polled, and needs no further
        /// call. The scope does not end before the child has ended.
        ///
        /// In a scope that was cancelled or has ended, the child is never polled: `future` is
        /// dropped at once, and the handle says [`Cancelled`](crate::JoinError::Cancelled).
        ///
        /// # Cancel safety
        ///
        /// The child belongs to the scope. Dropping the handle only gives up the child's value.
        ///
        /// # Examples
        ///
        /// ```
        /// # smol::block_on(async {
        /// use anyscope::concurrent;
        ///
        /// let words = ["to", "be"];
        /// let letters = concurrent(async |s| {
        ///     let first = s.spawn(async { words[0].len() });
        ///     let second = s.spawn(async { words[1].len() });
        ///     first.await.unwrap() + second.await.unwrap()
        /// })
        /// .await;
        /// assert_eq!(letters, 4);
        /// # });
        /// ```
        #[track_caller]
        pub fn spawn<F>($($by)+ $self, future: F) -> $handle<$a, P::Value>
        where
            F: Future + $($bounds)+,
            F::Output: $($bounds)+,
            P: Accept<F::Output>,
        {
            $self.adopt::<_, Plain>(future, shared::plain())
        }

        /// Spawns a child with a name. The name appears in handles, events and reports of a hang;
        /// with the place of this call it appears in the error that tells of the child's panic.
        ///
        /// # Cost
        ///
        /// One allocation more than [`spawn`](Self::spawn).
        ///
        /// # Examples
        ///
        /// ```
        /// # smol::block_on(async {
        /// use anyscope::concurrent;
        ///
        /// concurrent(async |s| {
        ///     let writer = s.spawn_named("writer", async { panic!("disk full") });
        ///     let error = writer.await.unwrap_err();
        ///     assert!(error.to_string().contains("writer"));
        /// })
        /// .await;
        /// # });
        /// ```
        #[track_caller]
        pub fn spawn_named<F>(
            $($by)+ $self,
            name: impl Into<Cow<'static, str>>,
            future: F,
        ) -> $handle<$a, P::Value>
        where
            F: Future + $($bounds)+,
            F::Output: $($bounds)+,
            P: Accept<F::Output>,
        {
            let Spec { origin, daemon } = shared::plain();
            $self.adopt::<_, Plain>(future, Spec { origin: origin.named(name.into()), daemon })
        }

        /// Spawns a child that does not keep the scope open.
        ///
        /// When the body and all ordinary children are done, the daemons are cancelled, waited
        /// for, and the scope ends. That end is no error; their handles say
        /// [`Finished`](crate::CancelledBy::Finished). A daemon that fails or panics before that
        /// counts like any other child.
        ///
        /// # Examples
        ///
        /// ```
        /// # smol::block_on(async {
        /// use anyscope::concurrent;
        /// use std::future::pending;
        ///
        /// let answer = concurrent(async |s| {
        ///     // Never ends by itself, and does not keep the scope open.
        ///     s.spawn_daemon(pending::<()>());
        ///     s.spawn(async { 42 }).await.unwrap()
        /// })
        /// .await;
        /// assert_eq!(answer, 42);
        /// # });
        /// ```
        #[track_caller]
        pub fn spawn_daemon<F>($($by)+ $self, future: F) -> $handle<$a, P::Value>
        where
            F: Future + $($bounds)+,
            F::Output: $($bounds)+,
            P: Accept<F::Output>,
        {
            $self.adopt::<_, Plain>(future, Spec { daemon: true, ..shared::plain() })
        }

        /// Spawns a child and waits until it says that it is ready.
        ///
        /// `child` is called at once with a [`Ready`]; the future it returns is the child. When
        /// the child calls [`Ready::signal`], the returned future resolves to the signalled value
        /// and the child's handle, and the child keeps running in this scope.
        ///
        /// # Errors
        ///
        /// A failure of the child before it is ready goes to the caller only; the scope is not
        /// affected. See [`StartError`](crate::StartError).
        ///
        /// # Cancel safety
        ///
        /// Dropping the returned future before it is ready cancels the child, and only the child.
        ///
        /// # Examples
        ///
        /// A server that tells its port:
        ///
        /// ```
        /// # smol::block_on(async {
        /// use anyscope::{Ready, concurrent};
        ///
        /// concurrent(async |s| {
        ///     let (port, server) = s
        ///         .start(async |ready: Ready<u16>| {
        ///             ready.signal(8080);
        ///             "served"
        ///         })
        ///         .await
        ///         .unwrap();
        ///     assert_eq!(port, 8080);
        ///     assert_eq!(server.await.unwrap(), "served");
        /// })
        /// .await;
        /// # });
        /// ```
        #[track_caller]
        pub fn start<V, C, F>($($by)+ $self, child: C) -> Start<$a, V, P::Value, P::Error, $mode>
        where
            C: FnOnce(Ready<V>) -> F,
            F: Future + $($bounds)+,
            F::Output: $($bounds)+,
            P: Accept<F::Output>,
            P::Error: $($bounds)+,
            V: $($bounds)+,
        {
            let (starting, start) = start::prepare::<V, C, F, P>(child);
            start.with_handle($self.adopt::<_, Optional>(starting, shared::plain()))
        }
    };
}

/// The methods that need a timer.
macro_rules! timed_methods {
    (
        receiver: ($($by:tt)+) $self:ident,
        children: ($($bounds:tt)+),
    ) => {
        /// Asks all children to end, waits for `grace`, and then [cancels](Self::cancel) those
        /// that are left. Returns at once.
        ///
        /// The [token](Self::token) is cancelled before this returns. Children are still polled;
        /// new ones are refused. When the grace is over, the remaining children are dropped, in a
        /// fail-fast scope the body too; until then the body keeps running.
        ///
        /// With [`Grace::Forever`](crate::Grace::Forever) nothing is dropped. A second call changes
        /// nothing; a [`cancel`](Self::cancel) or a [deadline](Self::deadline) ends the grace
        /// sooner.
        ///
        /// The time is watched by a child of this scope. If the executor drops that child because
        /// it was shut down, the grace is over at once.
        ///
        /// # Examples
        ///
        /// ```
        /// use anyscope::smol::Smol;
        /// # smol::block_on(async {
        /// use anyscope::{Grace, concurrent};
        /// use std::{future::pending, time::Duration};
        ///
        /// concurrent(async |s| {
        ///     let token = s.token();
        ///     let polite = s.spawn(async move {
        ///         token.cancelled().await;
        ///         "bye"
        ///     });
        ///     let stubborn = s.spawn(pending::<()>());
        ///     s.cancel_with(&Smol, Grace::For(Duration::from_millis(1)), "closing");
        ///     assert_eq!(polite.await.unwrap(), "bye");
        ///     assert!(stubborn.await.unwrap_err().is_cancelled());
        /// })
        /// .await;
        /// # });
        /// ```
        #[track_caller]
        pub fn cancel_with<T>(
            $($by)+ $self,
            timer: &T,
            grace: crate::Grace,
            reason: impl Into<crate::CancelReason>,
        ) where
            T: crate::Timer<Sleep: $($bounds)+>,
        {
            if $self.shared().is_cancelled() {
                return;
            }
            // First, so that it is there if the grace is over at once.
            $self.shared().set_reason(reason.into());
            if let Some(grace) = grace.duration() {
                let spec = stop::daemon("the end of a grace");
                $self.adopt::<_, stop::EndOfGrace>(timer.sleep(grace), spec);
            }
            $self.shared().ask();
        }

        /// Cancels the scope at the moment `at`, and returns a handle that can move that moment.
        /// A fail-fast scope then returns [`Elapsed`](crate::ScopeError::Elapsed). During a
        /// [grace](Self::cancel_with), the deadline ends the grace.
        ///
        /// Of several deadlines the earliest counts. Scopes inside this one end with it, whatever
        /// their own deadlines.
        /// [`Instant::NEVER`](crate::Instant::NEVER) is no deadline; a moment that has passed ends
        /// the scope as soon as it waits.
        ///
        /// The time is watched by a child of this scope. If the executor drops that child because
        /// it was shut down, the moment can no longer be noticed: the scope is cancelled at once,
        /// for a reason that says so.
        ///
        /// # Examples
        ///
        /// ```
        /// use anyscope::smol::Smol;
        /// # smol::block_on(async {
        /// use anyscope::{Clock, concurrent};
        /// use std::{future::pending, time::Duration};
        ///
        /// concurrent(async |s| {
        ///     let at = Smol.now().saturating_add(Duration::from_millis(1));
        ///     s.deadline(&Smol, at);
        ///     let error = s.spawn(pending::<()>()).await.unwrap_err();
        ///     assert!(error.is_cancelled());
        ///     assert!(s.has_elapsed());
        /// })
        /// .await;
        /// # });
        /// ```
        #[track_caller]
        pub fn deadline<T>(
            $($by)+ $self,
            timer: &T,
            at: crate::Instant,
        ) -> crate::DeadlineHandle
        where
            T: crate::Timer<Sleep: $($bounds)+> + crate::Clock + Clone + $($bounds)+,
        {
            let (moved, watch) = crate::DeadlineHandle::new(timer.clone(), at);
            let spec = stop::daemon("a deadline");
            $self.adopt::<_, stop::EndOfTime>(watch, spec);
            moved
        }
    };
}

/// The methods for what runs at the end.
macro_rules! cleanup_methods {
    (
        receiver: ($($by:tt)+) $self:ident,
        children: ($($bounds:tt)+),
        needs: ($($needs:tt)*),
    ) => {
        /// Defers `future` to the end of the scope: it runs when the body and all children are
        /// gone, however they ended, and the scope does not end before it has ended.
        ///
        /// They run one after the other, the last one first; to have some run together, defer a
        /// [`concurrent`](crate::concurrent()) scope of them. Each runs once. One that fails or
        /// panics does not keep the others from running: in a fail-fast scope its error counts like
        /// that of a child, and a panic is resumed when all of them have ended. How long they may
        /// take is set with [`cleanup_budget`](Self::cleanup_budget); there is no limit otherwise.
        ///
        /// # Cancel safety
        ///
        /// A cancel of the scope does not reach its finalizers. If the future of the scope is
        /// dropped before its end, finalizers that own what they use (those of
        /// [`scope`](crate::scope()) and its kin) are handed to the executor, where they run after
        /// the last child is gone: they are all that can outlive a scope. Those that may borrow are
        /// dropped, and [reported](crate::observe::Event::FinalizerDropped). So is what is deferred
        /// after the end of the scope.
        ///
        /// # Examples
        ///
        /// ```
        /// # use smol::block_on;
        /// # block_on(async {
        /// use anyscope::concurrent;
        /// use std::sync::Mutex;
        ///
        /// let log = Mutex::new(Vec::new());
        /// concurrent(async |s| {
        ///     s.defer(async { log.lock().unwrap().push("close the file") });
        ///     s.defer(async { log.lock().unwrap().push("flush it") });
        ///     s.spawn(async { log.lock().unwrap().push("write") });
        /// })
        /// .await;
        /// assert_eq!(log.into_inner().unwrap(), ["write", "flush it", "close the file"]);
        /// # });
        /// ```
        #[track_caller]
        pub fn defer<F>($($by)+ $self, future: F)
        where
            $($needs)*
            F: Future + $($bounds)+,
            P: Accept<F::Output>,
        {
            let (entry, origin, finalizer) = cleanup::finalizer($self.shared(), future);
            $self.keep_for_end(entry, origin, finalizer);
            $self.shared().after_defer();
        }

        /// Limits the time of all finalizers together to `budget`. When it has passed, the rest
        /// is dropped, and [reported](crate::observe::Event::FinalizerDropped).
        ///
        /// The time begins when a finalizer waits for the first time. With a budget of zero, only
        /// finalizers that need not wait run. The last call counts.
        ///
        /// # Examples
        ///
        /// ```
        /// use anyscope::{concurrent, sim::Sim};
        /// use std::{future::pending, time::Duration};
        ///
        /// const SECOND: Duration = Duration::from_secs(1);
        ///
        /// Sim::new(7)
        ///     .run(async |sim| {
        ///         concurrent(async |s| {
        ///             s.cleanup_budget(&sim, 3 * SECOND);
        ///             s.defer(pending::<()>()); // a peer that does not answer
        ///         })
        ///         .await;
        ///         assert_eq!(sim.elapsed(), 3 * SECOND);
        ///     })
        ///     .unwrap();
        /// ```
        #[track_caller]
        pub fn cleanup_budget<T>($($by)+ $self, timer: &T, budget: core::time::Duration)
        where
            $($needs)*
            T: crate::Timer<Sleep: $($bounds)+> + Clone + $($bounds)+,
        {
            let timer = timer.clone();
            // An `async` block, so that the time does not begin here.
            let budget = async move { timer.sleep(budget).await };
            $self.keep_for_end(Entry::Budget, Origin::here(), budget);
        }

        /// Waits for a resource, and defers its release to the end of the scope.
        ///
        /// `release` is [deferred](Self::defer) in the same step in which `acquire` is ready, so
        /// there is no moment in between at which a cancel could lose the resource. If `acquire` is
        /// dropped before that, nothing was acquired, and nothing is released.
        ///
        /// The resource is shared with `release`, which runs when all children are gone.
        ///
        /// # Examples
        ///
        /// ```
        /// # use smol::block_on;
        /// # block_on(async {
        /// use anyscope::concurrent;
        /// use std::sync::Mutex;
        ///
        /// let free = Mutex::new(vec!["connection"]);
        /// let length = concurrent(async |s| {
        ///     let connection = s
        ///         .acquire(
        ///             async { free.lock().unwrap().pop().unwrap() },
        ///             async |connection| free.lock().unwrap().push(*connection),
        ///         )
        ///         .await;
        ///     assert!(free.lock().unwrap().is_empty());
        ///     connection.len()
        /// })
        /// .await;
        /// assert_eq!((length, free.lock().unwrap().len()), (10, 1));
        /// # });
        /// ```
        pub async fn acquire<A, R, C, F>(
            $($by)+ $self,
            acquire: A,
            release: C,
        ) -> alloc::sync::Arc<R>
        where
            $($needs)*
            A: Future<Output = R>,
            R: $($bounds)+,
            alloc::sync::Arc<R>: $($bounds)+,
            C: FnOnce(alloc::sync::Arc<R>) -> F + $($bounds)+,
            F: Future + $($bounds)+,
            P: Accept<F::Output>,
        {
            let resource = alloc::sync::Arc::new(acquire.await);
            let shared = resource.clone();
            $self.defer(async move { release(shared).await });
            resource
        }
    };
}

pub(super) use {cleanup_methods, spawn_methods, timed_methods};
