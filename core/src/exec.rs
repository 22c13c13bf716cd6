//! What an adapter implements: one required method per trait, none a supertrait of another.
//!
//! An executor sees one concrete type, [`Child`] (or [`LocalChild`]), whatever the user's future
//! is. So [`Spawn`] is dyn-compatible, adapters cannot disagree about cancellation, panics or
//! joins (all of that is written once, in this crate), and the executor traits of other libraries
//! can be converted in both directions.
//!
//! Nothing here is `unsafe` to implement: the safety of this crate does not rest on an executor.
//! An executor that loses, hoards or leaks children, or polls them at the wrong time, can keep a
//! scope waiting. It cannot make the scope unsound.

use crate::time::{Clock, Timer};
use alloc::{boxed::Box, rc::Rc, sync::Arc};
use core::{fmt, future::Future, num::NonZeroUsize};

pub use crate::child::{Child, KeepAlive, LocalChild};

/// Starts children on an executor.
///
/// # Contract
///
/// Poll `child` once soon, then whenever its waker fires, until it is ready; or drop it. To refuse
/// a child, drop it: the child's handle then reports
/// [`Cancelled`](crate::JoinError::Cancelled), [by](crate::Cancelled::by) the
/// [`Executor`](crate::CancelledBy::Executor). After [`Poll::Ready`](core::task::Poll::Ready) the
/// child is an empty shell; polling it again is harmless.
///
/// `spawn` must not block and should not poll the child inside the call: the spawner may hold
/// what the child wants.
///
/// # Examples
///
/// A complete adapter for an executor that takes boxed futures:
///
/// ```
/// use anyscope::{Child, Spawn};
/// # use std::{future::Future, pin::Pin, sync::Mutex};
/// # struct TheirExecutor(Mutex<Vec<Pin<Box<dyn Future<Output = ()> + Send>>>>);
/// # impl TheirExecutor {
/// #     fn submit(&self, task: Pin<Box<dyn Future<Output = ()> + Send>>) {
/// #         self.0.lock().unwrap().push(task);
/// #     }
/// # }
/// struct Adapter(TheirExecutor);
///
/// impl Spawn for Adapter {
///     fn spawn(&self, child: Child) {
///         self.0.submit(Box::pin(child));
///     }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an executor that anyscope can spawn on",
    label = "not an executor",
    note = "pass the handle of an adapter (`anyscope::{{smol, tokio, threads}}`), or wrap a closure with `spawn_fn`"
)]
pub trait Spawn {
    /// Hands `child` to the executor and returns at once.
    #[track_caller]
    fn spawn(&self, child: Child);

    /// Hands `child` to the executor, and returns a value to keep until the child's memory is
    /// freed: the executor's own handle of the task, if that handle keeps the task's memory alive.
    ///
    /// This is an optional optimisation. Memory is cheapest to free on the thread that allocated
    /// it. An executor that frees a task on the thread that ran it does the opposite whenever
    /// children move between threads, and with glibc that costs more than the child itself. With
    /// the handle kept, the task is freed where the child is: in the scope that spawned it.
    ///
    /// The [`KeepAlive`] is dropped on whichever thread frees the child. Its destructor must not
    /// detach or end anything that matters: the child has ended by then. By default the child is
    /// [spawned](Self::spawn) and nothing is kept.
    #[track_caller]
    fn spawn_keep_alive(&self, child: Child) -> Option<KeepAlive> {
        self.spawn(child);
        None
    }

    /// Returns about how many children can run at the same moment. Operations that share work among
    /// a few children use it to decide how many.
    ///
    /// This is a hint. The default is the machine's parallelism, or 4 without `std`. An executor
    /// that wraps another one must forward the call: around a simulation, the default would give a
    /// seed another meaning on each machine.
    fn parallelism(&self) -> NonZeroUsize {
        parallelism_of_this_machine()
    }
}

fn parallelism_of_this_machine() -> NonZeroUsize {
    #[cfg(feature = "std")]
    {
        // Asked once: the system may have to read a file or two to answer.
        static KNOWN: std::sync::OnceLock<NonZeroUsize> = std::sync::OnceLock::new();
        *KNOWN.get_or_init(|| std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN))
    }
    #[cfg(not(feature = "std"))]
    const {
        NonZeroUsize::new(4).unwrap()
    }
}

/// All that a library may ask of an executor: it spawns, runs blocking closures, and tells the time.
///
/// One bound to write in code that is generic over the executor. Implemented by everything that has
/// the traits, the handles of all adapters among them; not to be implemented by hand.
///
/// # Examples
///
/// ```
/// use anyscope::{Executor, scope, smol::Smol, timeout};
/// use std::time::Duration;
///
/// /// Hashes a text elsewhere, in a minute at most.
/// async fn hash<E: Executor>(ex: &E, text: String) -> Option<u64> {
///     let work = scope(ex, async |s| {
///         s.spawn_blocking(move || text.bytes().map(u64::from).sum()).await.ok()
///     });
///     timeout(ex, Duration::from_secs(60), work).await.ok()?
/// }
///
/// # smol::block_on(async {
/// assert_eq!(hash(&Smol, "ab".into()).await, Some(195));
/// # });
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not all that an `Executor` is",
    label = "lacks one of the traits of an `Executor`",
    note = "an executor is `Spawn`, `SpawnBlocking`, `Timer` (with a `Send` sleep), `Clock`, `Clone`, `Send`, `Sync` and `'static`: pass the handle of an adapter (`anyscope::{{smol, tokio, threads}}`), or ask for the traits that you need"
)]
pub trait Executor:
    Spawn + SpawnBlocking + Timer<Sleep: Send + 'static> + Clock + Clone + Send + Sync + 'static
{
}

impl<E> Executor for E where
    E: Spawn + SpawnBlocking + Timer<Sleep: Send + 'static> + Clock + Clone + Send + Sync + 'static
{
}

/// Starts children on the current thread, which need not be `Send`.
///
/// The contract is that of [`Spawn`].
///
/// # Examples
///
/// A complete adapter for a local executor that takes boxed futures:
///
/// ```
/// use anyscope::{LocalChild, SpawnLocal, scope_local};
/// use std::{cell::RefCell, future::Future, pin::Pin, rc::Rc};
///
/// #[derive(Default)]
/// struct Queue(RefCell<Vec<Pin<Box<dyn Future<Output = ()>>>>>);
///
/// impl SpawnLocal for Queue {
///     fn spawn_local(&self, child: LocalChild) {
///         self.0.borrow_mut().push(Box::pin(child));
///     }
/// }
///
/// let queue = Rc::new(Queue::default());
/// let name = Rc::new("not Send");
/// let mut scope = Box::pin(scope_local(&queue, async |s| s.spawn(async move { *name }).await));
///
/// let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
/// assert!(scope.as_mut().poll(&mut cx).is_pending());
/// for mut child in queue.0.take() {
///     assert!(child.as_mut().poll(&mut cx).is_ready());
/// }
/// let std::task::Poll::Ready(joined) = scope.as_mut().poll(&mut cx) else { panic!() };
/// assert_eq!(joined.unwrap(), "not Send");
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an executor that anyscope can spawn `!Send` children on",
    label = "not a local executor",
    note = "pass the handle of a local adapter, for instance of a `LocalSet` or a `LocalExecutor`"
)]
pub trait SpawnLocal {
    /// Hands `child` to the executor of this thread and returns at once.
    #[track_caller]
    fn spawn_local(&self, child: LocalChild);
}

/// Runs blocking closures, on threads where blocking is allowed.
///
/// # Examples
///
/// A complete adapter that starts a thread for each closure:
///
/// ```
/// use anyscope::SpawnBlocking;
///
/// struct NewThread;
///
/// impl SpawnBlocking for NewThread {
///     fn spawn_blocking(&self, job: Box<dyn FnOnce() + Send>) {
///         std::thread::spawn(job);
///     }
/// }
///
/// let (sender, receiver) = std::sync::mpsc::channel();
/// NewThread.spawn_blocking(Box::new(move || sender.send(42).unwrap()));
/// assert_eq!(receiver.recv(), Ok(42));
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no threads to run blocking closures on",
    label = "cannot run blocking closures",
    note = "the smol, tokio and threads adapters all can"
)]
pub trait SpawnBlocking {
    /// Queues `job` and returns at once. To refuse a job, drop it without running it.
    #[track_caller]
    fn spawn_blocking(&self, job: Box<dyn FnOnce() + Send>);
}

/// Blocks the calling thread on a future, driving the executor if it must be driven.
///
/// Implemented by the *owner* of an executor, not by its handles: `block_on` has to drive what
/// only the blocked thread can drive (the tasks of a current-thread runtime, or of a pool without
/// threads of its own).
///
/// # Examples
///
/// ```
/// use anyscope::{BlockOn, scope, smol::SmolExecutor};
///
/// let executor = SmolExecutor::new();
/// let handle = executor.handle();
/// let sum = executor.block_on(scope(&handle, async |s| {
///     let a = s.spawn(async { 1 });
///     let b = s.spawn(async { 2 });
///     a.await.unwrap() + b.await.unwrap()
/// }));
/// assert_eq!(sum, 3);
/// ```
///
/// A complete adapter whose tasks have threads of their own, so that nothing needs to be driven here:
///
/// ```
/// use anyscope::{BlockOn, enter};
///
/// struct Pool;
///
/// impl BlockOn for Pool {
///     fn block_on<F: Future>(&self, future: F) -> F::Output {
///         // Panics where this thread would wait for itself, until it is dropped.
///         let _inside = enter::block(std::ptr::from_ref(self).addr(), "Pool");
///         smol::block_on(future)
///     }
/// }
///
/// assert_eq!(Pool.block_on(async { 42 }), 42);
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot block a thread on a future",
    label = "no `BlockOn`",
    note = "pass the owner of an executor (`TokioRuntime`, `SmolExecutor`, `ThreadPool`), not a handle to it"
)]
pub trait BlockOn {
    /// Polls `future` to completion on this thread, and returns its output.
    ///
    /// # Panics
    ///
    /// Panics if the thread is already inside this executor; see [`enter`](crate::enter). The adapters
    /// of anyscope panic before `future` is polled, naming both calls.
    #[track_caller]
    fn block_on<F: Future>(&self, future: F) -> F::Output;
}

/// A [`Spawn`] made of a closure; see [`spawn_fn`].
///
/// # Examples
///
/// ```
/// use anyscope::{Child, Spawn, spawn_fn};
///
/// fn is_spawn(_: &impl Spawn) {}
///
/// // Each child on a thread of its own.
/// let threads = spawn_fn(|child: Child| drop(std::thread::spawn(|| smol::block_on(child))));
/// is_spawn(&threads);
/// ```
#[derive(Clone, Copy)]
pub struct SpawnFn<F>(F);

/// Makes an executor out of a closure that takes the children.
///
/// The closure does not say how many children can run at the same moment, so the executor's
/// [`parallelism`](Spawn::parallelism) is that of the machine.
///
/// # Examples
///
/// ```
/// use anyscope::{Child, scope, spawn_fn};
///
/// // An executor that refuses everything.
/// let nobody = spawn_fn(|child: Child| drop(child));
/// let refused = smol::block_on(scope(&nobody, async |s| s.spawn(async { 1 }).await));
/// assert!(refused.unwrap_err().is_cancelled());
/// ```
pub fn spawn_fn<F: Fn(Child)>(f: F) -> SpawnFn<F> {
    SpawnFn(f)
}

impl<F: Fn(Child)> Spawn for SpawnFn<F> {
    fn spawn(&self, child: Child) {
        (self.0)(child);
    }
}

impl<F> fmt::Debug for SpawnFn<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SpawnFn(..)")
    }
}

macro_rules! forward {
    ($($pointer:ty),*) => {$(
        impl<T: Spawn + ?Sized> Spawn for $pointer {
            fn spawn(&self, child: Child) {
                (**self).spawn(child);
            }

            fn spawn_keep_alive(&self, child: Child) -> Option<KeepAlive> {
                (**self).spawn_keep_alive(child)
            }

            fn parallelism(&self) -> NonZeroUsize {
                (**self).parallelism()
            }
        }

        impl<T: SpawnLocal + ?Sized> SpawnLocal for $pointer {
            fn spawn_local(&self, child: LocalChild) {
                (**self).spawn_local(child);
            }
        }

        impl<T: SpawnBlocking + ?Sized> SpawnBlocking for $pointer {
            fn spawn_blocking(&self, job: Box<dyn FnOnce() + Send>) {
                (**self).spawn_blocking(job);
            }
        }

        impl<T: BlockOn + ?Sized> BlockOn for $pointer {
            fn block_on<F: Future>(&self, future: F) -> F::Output {
                (**self).block_on(future)
            }
        }
    )*};
}

forward!(&T, Box<T>, Rc<T>, Arc<T>);

const _: Option<&dyn Spawn> = None;
const _: Option<&dyn SpawnLocal> = None;
const _: Option<&dyn SpawnBlocking> = None;
