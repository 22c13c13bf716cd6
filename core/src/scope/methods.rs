//! The methods that all kinds of scopes have in common, written once.
//!
//! The kinds differ in what a child may be (`Send` or not, `'static` or borrowing), in the handle
//! that comes back, and in who is asked to poll the child; everything else is the same, and so
//! are the docs. A type that uses [`control_methods`] has a method `shared()`, and one that uses
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
        /// Starts a child.
        ///
        /// The child is polled by whoever polls the children of this kind of scope, soon and
        /// without further ado. The scope does not end before the child has.
        ///
        /// In a scope that was cancelled or has ended, the child is never polled: `future` is
        /// dropped at once, and the handle says [`Cancelled`](crate::JoinError::Cancelled).
        ///
        /// # Cancel safety
        ///
        /// The child belongs to the scope. Dropping the handle gives up its value, no more.
        #[track_caller]
        pub fn spawn<F>($($by)+ $self, future: F) -> $handle<$a, P::Value>
        where
            F: Future + $($bounds)+,
            F::Output: $($bounds)+,
            P: Accept<F::Output>,
        {
            $self.adopt::<_, Plain>(future, shared::plain())
        }

        /// Starts a child with a name, which shows up in handles and events, in reports of a hang,
        /// and with the place of this call in the error that tells of its panic.
        ///
        /// Costs one allocation more than [`spawn`](Self::spawn).
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

        /// Starts a child that does not keep the scope open.
        ///
        /// When the body and all ordinary children are done, the daemons are cancelled, waited
        /// for, and the scope ends. That end is no error; their handles say
        /// [`Finished`](crate::CancelledBy::Finished). A daemon that fails or panics before that
        /// counts like any other child.
        #[track_caller]
        pub fn spawn_daemon<F>($($by)+ $self, future: F) -> $handle<$a, P::Value>
        where
            F: Future + $($bounds)+,
            F::Output: $($bounds)+,
            P: Accept<F::Output>,
        {
            $self.adopt::<_, Plain>(future, Spec { daemon: true, ..shared::plain() })
        }

        /// Starts a child and waits until it says that it is ready.
        ///
        /// `child` is called at once with a [`Ready`]; the future it returns is the child. When
        /// the child calls [`Ready::signal`], the returned future gives the signalled value and
        /// the child's handle, and the child runs on as one of this scope.
        ///
        /// # Errors
        ///
        /// What the child does wrong before it is ready concerns nobody but the caller; the scope
        /// stays healthy. See [`StartError`](crate::StartError).
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

/// What needs a timer.
macro_rules! timed_methods {
    (
        receiver: ($($by:tt)+) $self:ident,
        children: ($($bounds:tt)+),
    ) => {
        /// Asks all children to end, gives them so much time for it, and then
        /// [cancels](Self::cancel) what is left.
        ///
        /// Whoever looks at the [token](Self::token) sees it before this returns. Children go on
        /// being polled; no new ones are let in. When the grace is over, the rest is dropped, in a
        /// fail-fast scope the body too; until then it goes on.
        ///
        /// With [`Grace::Forever`](crate::Grace::Forever) nothing is dropped. A second call changes
        /// nothing; a [`cancel`](Self::cancel) or a [deadline](Self::deadline) ends the grace sooner.
        ///
        /// The time is watched by a child of this scope. If the executor drops that child, because
        /// it was shut down, then the grace is over at once.
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

        /// Ends the scope when the moment `at` comes: it is cancelled then, and a fail-fast scope
        /// returns [`Elapsed`](crate::ScopeError::Elapsed). During a
        /// [grace](Self::cancel_with), it ends that.
        ///
        /// The earliest deadline counts; the one that is returned can be moved. Scopes inside
        /// this one end with it, whatever deadlines of their own they have.
        /// [`Instant::NEVER`](crate::Instant::NEVER) is no deadline; a moment that has passed ends
        /// the scope as soon as it waits.
        ///
        /// The time is watched by a child of this scope. If the executor drops that child, because
        /// it was shut down, then nobody knows when the moment comes, and the scope is cancelled at
        /// once, for a reason that says so.
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

/// What runs at the end.
macro_rules! cleanup_methods {
    (
        receiver: ($($by:tt)+) $self:ident,
        children: ($($bounds:tt)+),
        needs: ($($needs:tt)*),
    ) => {
        /// Keeps `future` for the end of the scope: it runs when the body and all children are
        /// gone, however they ended, and the scope does not end before it has.
        ///
        /// The last one goes first, one after the other; to have some run together, defer a
        /// [`concurrent`](crate::concurrent()) scope of them. Each runs once. One that fails or
        /// panics does not keep the others from running: in a fail-fast scope its error counts like
        /// that of a child, and a panic goes on when all is over. How long they may take is set
        /// with [`cleanup_budget`](Self::cleanup_budget); there is no limit otherwise.
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

        /// Gives the finalizers so much time, all together. The rest is dropped when it has
        /// passed, and [reported](crate::observe::Event::FinalizerDropped).
        ///
        /// The time begins when a finalizer waits for the first time; with none at all, those run
        /// that need not wait. The last call counts.
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

        /// Waits for a resource, and sees to it that it is released at the end of the scope.
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

/// What can be done with any scope, whatever its children are.
macro_rules! control_methods {
    () => {
        /// Cancels all children, present and future, for a reason that their handles and the
        /// scope's token then give.
        ///
        /// Idle children have been dropped when this returns, the youngest first, and with them
        /// all that they own, scopes of their own included. Children that are being polled at
        /// this moment are dropped right after that poll.
        ///
        /// In a supervised scope the body goes on. In a fail-fast scope it is dropped too; if it
        /// returns a value before it waits again, the value counts.
        ///
        /// The first reason counts, and a second call does nothing but to end a
        /// [grace](Self::cancel_with).
        #[track_caller]
        pub fn cancel(&self, reason: impl Into<crate::CancelReason>) {
            self.shared().cancel(reason.into());
        }

        /// Cancels the children that `select` selects, by name for instance; answers how many.
        ///
        /// It is called once with every child that has not ended, the youngest first.
        pub fn cancel_where(
            &self,
            mut select: impl FnMut(crate::observe::ChildInfo<'_>) -> bool,
        ) -> usize {
            self.shared().registry.cancel_where(|info| select(info.into()))
        }

        /// Calls `f` with every child that has not ended, the youngest first.
        ///
        /// To say which child is stubborn, for instance.
        pub fn each_child(&self, mut f: impl FnMut(crate::observe::ChildInfo<'_>)) {
            self.shared().registry.each(|_, info| f(info.into()));
        }

        /// Whether the scope was cancelled, also if that came too late to end anything.
        pub fn is_cancelled(&self) -> bool {
            self.shared().is_cancelled()
        }

        /// Whether a [deadline](Self::deadline) of this scope has passed.
        pub fn has_elapsed(&self) -> bool {
            self.shared().has_elapsed()
        }

        /// A token that is cancelled when the scope comes down: because it was cancelled, failed,
        /// was dropped, or has ended.
        ///
        /// For children that want to end in good order during a [grace](Self::cancel_with), and
        /// for closures on blocking threads, which nothing else can end. Each call gives a token
        /// of its own: cancelling that does not cancel the scope, nor what others have.
        ///
        /// Scopes that are awaited in the children of this one (or in the body of a fail-fast one)
        /// have tokens of their own, which are cancelled with this one; not those that are first
        /// polled behind a [`shield`](crate::shield()), nor an [`OwnedScope`](crate::OwnedScope),
        /// which is awaited nowhere. Without `std` none of them knows of this one.
        pub fn token(&self) -> crate::CancelToken {
            self.shared().token()
        }

        /// How many children have not ended, daemons included, also those that the scope itself has
        /// for its deadlines and graces. A moment's truth.
        pub fn len(&self) -> usize {
            self.shared().live()
        }

        /// Returns whether all children have ended; see [`len`](Self::len).
        pub fn is_empty(&self) -> bool {
            self.len() == 0
        }

        /// How many children were ever spawned here. Wraps around.
        pub fn spawned(&self) -> usize {
            self.shared().spawned()
        }

        /// How many failures of children came after the scope's result was decided, and were
        /// dropped: when the body of a fail-fast scope returned a value after a cancel.
        pub fn late_failures(&self) -> usize {
            self.shared().late_failures()
        }

        /// Lets `observer` know of failures that may otherwise go by unseen. It can be set once;
        /// false if there is one already.
        ///
        /// It is called on whichever thread the event happens, and must be quick. It is never
        /// called with a lock held. If it panics, that counts as a panic of the scope.
        pub fn on_event(
            &self,
            observer: impl Fn(&crate::observe::Event<'_>) + Send + Sync + 'static,
        ) -> bool {
            self.shared().observe(Box::new(observer))
        }
    };
}

pub(super) use {cleanup_methods, control_methods, spawn_methods, timed_methods};
