//! Detects that a thread blocks on an executor it is already inside of.
//!
//! A thread that waits for an executor it should be driving can wait for ever. An adapter
//! therefore calls [`block`] at the start of its [`BlockOn::block_on`](crate::BlockOn::block_on)
//! and [`work`] around whatever its own threads run; a second `block` with the same key on the
//! same thread panics and names both calls. An executor that does not use this module goes
//! unnoticed.
//!
//! # Examples
//!
//! ```
//! use anyscope::{BlockOn, enter};
//!
//! struct Park;
//!
//! impl BlockOn for Park {
//!     fn block_on<F: Future>(&self, future: F) -> F::Output {
//!         let _inside = enter::block(std::ptr::from_ref(self).addr(), "Park");
//!         // park and poll ...
//! #       let mut future = std::pin::pin!(future);
//! #       let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
//! #       loop {
//! #           if let std::task::Poll::Ready(output) = future.as_mut().poll(&mut cx) {
//! #               return output;
//! #           }
//! #       }
//!     }
//! }
//!
//! assert_eq!(Park.block_on(async { 7 }), 7);
//! ```

use crate::unwind::Finally;
use core::{
    cell::{Cell, RefCell},
    fmt,
    future::Future,
    marker::PhantomData,
    panic::Location,
    pin::Pin,
    task::{Context, Poll},
};
use std::{thread_local, vec::Vec};

/// One executor that the thread is inside of.
#[derive(Clone, Copy)]
struct Entry {
    key: usize,
    how: How,
    at: &'static Location<'static>,
}

/// What dropping an [`Entered`] does.
#[derive(Clone, Copy)]
enum Undo {
    Nothing,
    /// Clears the top: there was no executor around this one.
    Clear,
    /// Makes the innermost executor around this one the top again.
    Pop,
    /// Makes this entry the top: the thread is ending, and its list of outer executors is gone.
    Put(Entry),
}

#[derive(Clone, Copy)]
enum How {
    Blocks,
    Works,
}

thread_local! {
    /// The innermost executor. Apart from the others, because there are usually no others.
    static TOP: Cell<Option<Entry>> = const { Cell::new(None) };
    /// The executors around it, outermost first.
    static AROUND: RefCell<Vec<Entry>> = const { RefCell::new(Vec::new()) };
    /// Who called the function of ours that calls `block_on` next; see [`called_at`].
    static CALLED_AT: Cell<Option<&'static Location<'static>>> = const { Cell::new(None) };
}

/// A guard: the thread is inside an executor until this is dropped.
///
/// Drop guards in reverse order.
///
/// Returned by [`block`] and [`work`]; see there.
#[must_use = "the thread counts as inside the executor only while the guard lives"]
pub struct Entered {
    undo: Undo,
    /// Belongs to the thread that made it.
    _thread: PhantomData<*const ()>,
}

/// Notes that this thread starts to block on the executor `key`, called `name` in messages.
///
/// `key` is anything unique to a living executor, usually its address.
///
/// # Panics
///
/// Panics if the thread is already inside that executor, in a `block_on` or as one of its
/// workers. The message names both places.
///
/// # Examples
///
/// ```
/// use anyscope::enter;
///
/// let key = 1; // usually the address of the executor
/// let blocking = enter::block(key, "Pool");
/// let again = std::panic::catch_unwind(|| enter::block(key, "Pool"));
/// assert!(again.is_err());
/// drop(blocking);
/// drop(enter::block(key, "Pool"));
/// ```
#[track_caller]
pub fn block(key: usize, name: &str) -> Entered {
    let called_at = CALLED_AT.try_with(Cell::take).ok().flatten();
    let at = called_at.unwrap_or(Location::caller());
    let is_same = |entry: &Entry| entry.key == key;
    let outer = top().filter(is_same).or_else(|| {
        let around = AROUND.try_with(|around| around.borrow().iter().copied().find(is_same));
        around.ok().flatten()
    });
    match outer {
        None => push(Entry { key, how: How::Blocks, at }),
        Some(Entry { how: How::Blocks, at: outer, .. }) => panic!(
            "this thread already blocks on this {name}, since the call at {outer}: \
             blocking on it again at {at} could wait for ever; await the inner work instead"
        ),
        Some(Entry { how: How::Works, at: outer, .. }) => panic!(
            "this thread is running a child of this {name} (started at {outer}): \
             blocking on it at {at} could wait for ever; await the inner work instead"
        ),
    }
}

/// Runs `f`, whose first [`block`] is named in messages as a call from `at`: the compiler does not
/// tell a closure where the function around it was called.
pub(crate) fn called_at<R>(at: &'static Location<'static>, f: impl FnOnce() -> R) -> R {
    let _ = CALLED_AT.try_with(|called_at| called_at.set(Some(at)));
    // Also if `f` unwinds, or its executor takes no part.
    let _clear = Finally::new(|| {
        let _ = CALLED_AT.try_with(Cell::take);
    });
    f()
}

/// Notes that this thread runs tasks of the executor `key` until the guard is dropped.
///
/// For the threads of a pool, or around one poll where an adapter does not own the threads. Calls
/// may be nested freely.
///
/// # Cost
///
/// Two accesses to a thread-local, unless executors are nested.
///
/// # Examples
///
/// ```
/// use anyscope::enter;
///
/// let key = 1; // usually the address of the executor
/// let working = enter::work(key);
/// // A `block_on` in a task of the same executor could wait for ever, so it panics.
/// assert!(std::panic::catch_unwind(|| enter::block(key, "Pool")).is_err());
/// drop(working);
/// drop(enter::block(key, "Pool"));
/// ```
#[track_caller]
pub fn work(key: usize) -> Entered {
    match top() {
        Some(top) if top.key == key => Entered { undo: Undo::Nothing, _thread: PhantomData },
        _ => push(Entry { key, how: How::Works, at: Location::caller() }),
    }
}

/// A future whose polls count as [`work`] of an executor; see [`inside`].
#[derive(Debug)]
#[must_use = "futures do nothing unless you `.await` or poll them"]
pub struct Inside<F> {
    future: F,
    key: usize,
}

/// Wraps a task of the executor `key` so that each of its polls counts as [`work`].
///
/// For adapters that do not own the threads that run the task.
///
/// # Examples
///
/// ```
/// use anyscope::{Child, Spawn, enter};
/// # struct TheirExecutor;
/// # impl TheirExecutor {
/// #     fn submit(&self, task: impl Future<Output = ()> + Send + 'static) { drop(task) }
/// # }
/// struct Adapter(TheirExecutor);
///
/// impl Spawn for Adapter {
///     fn spawn(&self, child: Child) {
///         let key = std::ptr::from_ref(&self.0).addr();
///         self.0.submit(enter::inside(key, child));
///     }
/// }
/// ```
#[track_caller]
pub fn inside<F: Future + Unpin>(key: usize, future: F) -> Inside<F> {
    Inside { future, key }
}

impl<F: Future + Unpin> Future for Inside<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let _inside = work(self.key);
        Pin::new(&mut self.future).poll(cx)
    }
}

// A destructor of another thread-local may run after the destructors of ours, and may call this. The
// entry is then dropped silently, because there is no longer a place to store it.

fn top() -> Option<Entry> {
    TOP.try_with(Cell::get).ok().flatten()
}

fn set_top(entry: Option<Entry>) {
    let _ = TOP.try_with(|top| top.set(entry));
}

fn push(entry: Entry) -> Entered {
    let outer = top();
    set_top(Some(entry));
    let undo = match outer {
        None => Undo::Clear,
        Some(outer) => match AROUND.try_with(|around| around.borrow_mut().push(outer)) {
            Ok(()) => Undo::Pop,
            Err(_) => Undo::Put(outer),
        },
    };
    Entered { undo, _thread: PhantomData }
}

impl Drop for Entered {
    fn drop(&mut self) {
        match self.undo {
            Undo::Nothing => {}
            Undo::Clear => set_top(None),
            Undo::Pop => {
                let outer = AROUND.try_with(|around| around.borrow_mut().pop());
                set_top(outer.ok().flatten());
            }
            Undo::Put(outer) => set_top(Some(outer)),
        }
    }
}

impl fmt::Debug for Entered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Entered(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{panic::catch_unwind, string::String};

    fn message_of(f: impl FnOnce() + std::panic::UnwindSafe) -> String {
        *catch_unwind(f).unwrap_err().downcast::<String>().unwrap()
    }

    #[test]
    fn a_second_block_names_both_calls() {
        let _outer = block(1, "pool");
        let message = message_of(|| drop(block(1, "pool")));
        assert_eq!(message.matches("enter.rs").count(), 2, "{message}");
        // Another executor is fine, and so is this one afterwards.
        drop(block(2, "pool"));
    }

    #[test]
    fn a_worker_may_not_block_on_its_own_executor() {
        {
            let _worker = work(1);
            let _nested = work(1);
            assert!(message_of(|| drop(block(1, "pool"))).contains("running a child of this pool"));
        }
        drop(block(1, "pool"));
    }
    /// Does what an executor does, when the thread ends.
    struct AtExit;

    impl Drop for AtExit {
        fn drop(&mut self) {
            let _outer = work(1);
            let _inner = work(2);
            let _innermost = block(3, "pool");
            drop(block(4, "pool"));
            assert!(message_of(|| drop(block(3, "pool"))).contains("already blocks"));
        }
    }

    /// In a destructor of a thread-local, before and after the destructor of the list: a panic there
    /// would end the process.
    #[test]
    fn a_thread_that_ends_may_enter() {
        std::thread_local! {
            static FIRST: AtExit = const { AtExit };
            static LAST: AtExit = const { AtExit };
        }
        let use_list = || drop((work(1), work(2)));
        let ended = std::thread::spawn(move || {
            FIRST.with(|_| use_list());
            LAST.with(|_| use_list());
        });
        ended.join().unwrap();
    }
}
