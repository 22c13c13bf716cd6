//! Listeners of a thread, who are told in words.

use core::{cell::Cell, fmt, marker::PhantomData};

/// A function that is told what a future of this crate waits for.
///
/// See [`listen_to_waits`](crate::observe::listen_to_waits).
pub type WaitListener = fn(fmt::Arguments<'_>);

std::thread_local! {
    static LISTENER: Cell<Option<WaitListener>> = const { Cell::new(None) };
}

/// Calls `listener` on this thread whenever a future of this crate is polled and has to wait,
/// until the returned guard is dropped. The argument says what the future waits for.
///
/// For executors that explain why a task is stuck: listen around the poll of the task.
///
/// # Cost
///
/// Without a listener, one read of a thread-local for each poll that has to wait.
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

/// The guard of [`listen_to_waits`]: its listener is called until this is dropped. Drop guards
/// in the reverse order of their creation.
#[must_use = "the listener is called only while this lives"]
#[derive(Debug)]
pub struct Listening {
    outer: Option<WaitListener>,
    /// Restores the listener of this thread, so the guard must not move to another.
    _thread: PhantomData<*const ()>,
}

impl Drop for Listening {
    fn drop(&mut self) {
        replace(self.outer);
    }
}

/// Replaces the listener of this thread. Does nothing on a thread that is ending, whose
/// thread-locals are gone.
fn replace(listener: Option<WaitListener>) -> Option<WaitListener> {
    LISTENER.try_with(|now| now.replace(listener)).ok().flatten()
}

/// Runs `f` without a listener.
#[cfg(not(anyscope_loom))]
pub(super) fn unheard<R>(f: impl FnOnce() -> R) -> R {
    let _listening = Listening { outer: replace(None), _thread: PhantomData };
    f()
}

/// Returns whether there is a listener on this thread.
#[inline]
pub(super) fn is_heard() -> bool {
    matches!(LISTENER.try_with(Cell::get), Ok(Some(_)))
}

/// Tells the listener of this thread, if there is one, what a future waits for.
#[inline]
pub(super) fn tell(what: fmt::Arguments<'_>) {
    if let Ok(Some(listener)) = LISTENER.try_with(Cell::get) {
        listener(what);
    }
}
