//! Who waits for what.

#[cfg(feature = "std")]
pub use listen::{Listening, WaitListener, listen_to_waits};

#[cfg(feature = "std")]
pub(crate) use listen::waits_for;

/// Without `std` nobody listens.
#[cfg(not(feature = "std"))]
pub(crate) fn waits_for(_: core::fmt::Arguments<'_>) {}

#[cfg(feature = "std")]
mod listen {
    use core::{cell::Cell, fmt, marker::PhantomData};

    /// Is told what the futures of this crate wait for.
    pub type WaitListener = fn(fmt::Arguments<'_>);

    std::thread_local! {
        static LISTENER: Cell<Option<WaitListener>> = const { Cell::new(None) };
    }

    /// Until the answer is dropped, `listener` is called on this thread whenever a future of this
    /// crate is polled and has to wait, with words for what it waits for.
    ///
    /// For executors that explain why a task is stuck: listen around the poll of the task. Without a
    /// listener it costs a look at a thread-local each time.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{concurrent, observe::listen_to_waits};
    /// use std::{cell::RefCell, future::pending, pin::pin, task::{Context, Waker}};
    ///
    /// thread_local!(static WAITS: RefCell<Vec<String>> = RefCell::default());
    ///
    /// let mut scope = pin!(concurrent(async |s| {
    ///     s.spawn_named("fetch", pending::<()>()).await
    /// }));
    /// let listening = listen_to_waits(|what| WAITS.with_borrow_mut(|all| all.push(what.to_string())));
    /// let _ = scope.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    /// drop(listening);
    /// assert!(WAITS.take()[0].starts_with("child `fetch`, spawned at"));
    /// ```
    pub fn listen_to_waits(listener: WaitListener) -> Listening {
        Listening { outer: replace(Some(listener)), _thread: PhantomData }
    }

    /// Somebody listens while this lives; see [`listen_to_waits`]. Guards are dropped in reverse order.
    #[must_use = "the listener is called only while this lives"]
    #[derive(Debug)]
    pub struct Listening {
        outer: Option<WaitListener>,
        /// Belongs to the thread that made it.
        _thread: PhantomData<*const ()>,
    }

    impl Drop for Listening {
        fn drop(&mut self) {
            replace(self.outer);
        }
    }

    /// Nobody listens on a thread that is ending, and whose thread-locals are gone.
    fn replace(listener: Option<WaitListener>) -> Option<WaitListener> {
        LISTENER.try_with(|now| now.replace(listener)).ok().flatten()
    }

    /// Tells who listens on this thread that a future waits, and for what.
    pub(crate) fn waits_for(what: fmt::Arguments<'_>) {
        if let Ok(Some(listener)) = LISTENER.try_with(Cell::get) {
            listener(what);
        }
    }
}
