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

        /// Starts a child with a name, which shows up in handles, events and panic messages.
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
        /// [`Finished`](crate::CancelCause::Finished). A daemon that fails or panics before that
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
        /// use anyscope_core::{Ready, concurrent};
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

/// What can be done with any scope, whatever its children are.
macro_rules! control_methods {
    () => {
        /// Cancels all children, present and future.
        ///
        /// Idle children have been dropped when this returns, the youngest first, and with them
        /// all that they own, scopes of their own included. Children that are being polled at
        /// this moment are dropped right after that poll.
        ///
        /// In a supervised scope the body goes on. In a fail-fast scope it is dropped too; if it
        /// returns a value before it waits again, the value counts.
        ///
        /// A second call does nothing.
        pub fn cancel(&self) {
            self.shared().cancel();
        }

        /// Whether somebody called [`cancel`](Self::cancel), also when it came too late to end
        /// anything.
        pub fn is_cancelled(&self) -> bool {
            self.shared().is_cancelled()
        }

        /// How many children have not ended, daemons included. A moment's truth.
        pub fn live(&self) -> usize {
            self.shared().live()
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

pub(super) use {control_methods, spawn_methods};
