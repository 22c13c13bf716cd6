//! The executors, and the macro that runs a behaviour on all of them.
//!
//! To add an executor: implement [`Under`] for a new unit struct, and add a line to `on_each`.
//!
//! On the simulation a behaviour is shown in many [`rounds`], each in another order.

use super::rounds::{self, Round};
use anyscope::{
    BlockOn, Clock, Spawn, SpawnBlocking, Timer,
    sim::{Sim, SimHandle},
    smol::{Smol, SmolExecutor, SmolHandle},
    threads::{ThreadPool, ThreadPoolHandle},
    tokio::{Tokio, TokioRuntime},
};
use std::future::Future;

/// What a behaviour may ask of an executor.
pub(crate) trait Exec:
    Spawn + SpawnBlocking + Timer<Sleep: Send> + Clock + Clone + Send + Sync + 'static
{
}

impl<E> Exec for E where
    E: Spawn + SpawnBlocking + Timer<Sleep: Send> + Clock + Clone + Send + Sync + 'static
{
}

/// A kind of executor that tests can be run under.
pub(crate) trait Under {
    type Handle: Exec;
    type Owner: BlockOn + Spawn + SpawnBlocking + Sync;

    /// Whether a behaviour is shown many times, and each round can be repeated.
    const SIMULATED: bool = false;

    /// A new one, with a handle to it.
    fn start(round: u64) -> (Self::Owner, Self::Handle);
}

/// smol's global executor.
pub(crate) struct SmolGlobal;

impl Under for SmolGlobal {
    type Handle = Smol;
    type Owner = Smol;

    fn start(_: u64) -> (Smol, Smol) {
        (Smol, Smol)
    }
}

/// An executor of one's own, driven by the test's thread only.
pub(crate) struct SmolOwn;

impl Under for SmolOwn {
    type Handle = SmolHandle;
    type Owner = SmolExecutor;

    fn start(_: u64) -> (SmolExecutor, SmolHandle) {
        let owner = SmolExecutor::new();
        let handle = owner.handle();
        (owner, handle)
    }
}

/// tokio, with everything on the test's thread.
pub(crate) struct TokioCurrent;

impl Under for TokioCurrent {
    type Handle = Tokio;
    type Owner = TokioRuntime;

    fn start(_: u64) -> (TokioRuntime, Tokio) {
        own(tokio::runtime::Builder::new_current_thread())
    }
}

/// tokio, with two workers.
pub(crate) struct TokioMulti;

impl Under for TokioMulti {
    type Handle = Tokio;
    type Owner = TokioRuntime;

    fn start(_: u64) -> (TokioRuntime, Tokio) {
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        builder.worker_threads(2);
        own(builder)
    }
}

fn own(mut builder: tokio::runtime::Builder) -> (TokioRuntime, Tokio) {
    let owner = TokioRuntime::from(builder.enable_all().build().unwrap());
    let handle = owner.handle();
    (owner, handle)
}

/// tokio on the test's thread, with a clock that jumps when all wait.
pub(crate) struct TokioPaused;

impl Under for TokioPaused {
    type Handle = Tokio;
    type Owner = TokioRuntime;

    fn start(_: u64) -> (TokioRuntime, Tokio) {
        let mut builder = tokio::runtime::Builder::new_current_thread();
        builder.start_paused(true);
        own(builder)
    }
}

/// A pool of two threads.
pub(crate) struct Threads;

impl Under for Threads {
    type Handle = ThreadPoolHandle;
    type Owner = ThreadPool;

    fn start(_: u64) -> (ThreadPool, ThreadPoolHandle) {
        let owner = ThreadPool::new(2);
        let handle = owner.handle();
        (owner, handle)
    }
}

/// A pool without threads: the test's is lent to it.
pub(crate) struct NoThreads;

impl Under for NoThreads {
    type Handle = ThreadPoolHandle;
    type Owner = ThreadPool;

    fn start(_: u64) -> (ThreadPool, ThreadPoolHandle) {
        let owner = ThreadPool::new(0);
        let handle = owner.handle();
        (owner, handle)
    }
}

/// A simulation: in another order each time.
pub(crate) struct Simulated;

impl Under for Simulated {
    type Handle = SimHandle;
    type Owner = Sim;

    const SIMULATED: bool = true;

    fn start(round: u64) -> (Sim, SimHandle) {
        let owner = Sim::new(round);
        let handle = owner.handle();
        (owner, handle)
    }
}

/// Runs `test` under `U`, on the thread that drives it.
pub(crate) fn run<U: Under, F: Future<Output = ()>>(test: impl Fn(U::Handle) -> F) {
    each_round::<U>(|owner, handle| owner.block_on(test(handle)));
}

/// Runs `test` outside of `U`, with its owner.
pub(crate) fn run_outside<U: Under, F: Fn(&U::Owner)>(test: F) {
    each_round::<U>(|owner, _| test(&owner));
}

/// Runs `test` under the simulation, and looks what it leaves behind.
pub(crate) fn run_simulated<F: Future<Output = ()>>(test: impl Fn(SimHandle) -> F) {
    each_round::<Simulated>(|owner, _| owner.run(&test).unwrap_or_else(|fail| panic!("{fail}")));
}

fn each_round<U: Under>(test: impl Fn(U::Owner, U::Handle)) {
    let rounds = if U::SIMULATED { rounds::simulated() } else { 0..1 };
    for round in rounds {
        let _if_it_fails = U::SIMULATED.then_some(Round(round));
        let (owner, handle) = U::start(round);
        test(owner, handle);
    }
}

/// Makes one `#[test]` for every executor, of `$run` (a function generic over [`Under`]) and
/// `$show`. With `threads`, none for the simulation, which has only one; with `virtual_time`, only
/// for those whose clocks jump.
macro_rules! on_each {
    ($run:ident, $show:ident) => {
        $crate::support::executors::on_each! { $run, $show, anywhere }
        $crate::support::executors::on_each! { @one simulated Simulated $run $show }
    };
    ($run:ident, $show:ident, threads) => {
        $crate::support::executors::on_each! { $run, $show, anywhere }
    };
    ($run:ident, $show:ident, virtual_time) => {
        $crate::support::executors::on_each! { @one tokio_paused TokioPaused $run $show }
        $crate::support::executors::on_each! { @one simulated Simulated $run $show }
    };
    ($run:ident, $show:ident, anywhere) => {
        $crate::support::executors::on_each! { @one smol SmolGlobal $run $show }
        $crate::support::executors::on_each! { @one smol_own SmolOwn $run $show }
        $crate::support::executors::on_each! { @one tokio_current TokioCurrent $run $show }
        $crate::support::executors::on_each! { @one tokio_multi TokioMulti $run $show }
        $crate::support::executors::on_each! { @one threads Threads $run $show }
        $crate::support::executors::on_each! { @one no_threads NoThreads $run $show }
    };
    (@one $name:ident $under:ident $run:ident $show:ident) => {
        #[test]
        fn $name() {
            use $crate::support::executors::{$run, $under};
            $run::<$under, _>($show);
        }
    };
}

/// Shows a behaviour on every executor, and in every kind of scope that is named.
///
/// ```ignore
/// behaviour! {
///     /// Given .., when .., then ..
///     s1_scope_waits_for_last_child in [spawned, inline] |ex| {
///         open!(async |s| { .. s.spawn(..) .. }).await;
///     }
/// }
/// ```
///
/// In the body, `ex` is a handle of the executor (see [`Exec`]), `open!(body)` opens a scope of
/// the kind in question and `try_open!(body)` a fail-fast one: for `spawned` these are `scope` and
/// `try_scope` on `ex`, for `inline` they are `concurrent` and `try_concurrent`, polled by a task
/// of the executor. `open!(ex, body)` takes the executor from a variable: a child has to bring its
/// own. Without a list of kinds, the body runs once for each executor and opens what it likes.
///
/// `name with threads in ..` leaves the simulation out: the body blocks threads or starts some.
/// `name with virtual_time in ..` leaves real clocks out: the body sleeps, and knows to the
/// nanosecond what time it is.
macro_rules! behaviour {
    ($($(#[$doc:meta])* $name:ident $(with $on:ident)? $(in [$($kind:ident),+])? |$ex:ident| $body:block)+) => {$(
        $(#[$doc])*
        mod $name {
            #[allow(unused_imports)]
            use super::*;

            $crate::support::executors::behaviour! {
                @kinds [$($($kind),+)?] [$($on)?] |$ex| $body
            }
        }
    )+};

    (@kinds [] [$($on:ident)?] |$ex:ident| $body:block) => {
        async fn show<E: $crate::support::executors::Exec>($ex: E) $body

        $crate::support::executors::on_each!(run, show $(, $on)?);
    };
    (@kinds [$($kind:ident),+] $on:tt |$ex:ident| $body:block) => {$(
        mod $kind {
            #[allow(unused_imports)]
            use super::*;

            $crate::support::executors::behaviour! { @$kind |$ex| $body }

            $crate::support::executors::behaviour! { @each $on }
        }
    )+};

    (@each [$($on:ident)?]) => {
        $crate::support::executors::on_each!(run, show $(, $on)?);
    };

    (@spawned |$ex:ident| $body:block) => {
        async fn show<E: $crate::support::executors::Exec>($ex: E) {
            #[allow(unused_macros)]
            macro_rules! open {
                ($b:expr) => {
                    anyscope::scope(&$ex, $b)
                };
                ($on:expr, $b:expr) => {
                    anyscope::scope(&$on, $b)
                };
            }
            #[allow(unused_macros)]
            macro_rules! try_open {
                ($b:expr) => {
                    anyscope::try_scope(&$ex, $b)
                };
                ($on:expr, $b:expr) => {
                    anyscope::try_scope(&$on, $b)
                };
            }
            $body
        }
    };
    (@inline |$ex:ident| $body:block) => {
        async fn show<E: $crate::support::executors::Exec>($ex: E) {
            let _ = &$ex;
            #[allow(unused_macros)]
            macro_rules! open {
                ($b:expr) => {
                    anyscope::concurrent($b)
                };
                ($on:expr, $b:expr) => {{
                    let _ = &$on;
                    anyscope::concurrent($b)
                }};
            }
            #[allow(unused_macros)]
            macro_rules! try_open {
                ($b:expr) => {
                    anyscope::try_concurrent($b)
                };
                ($on:expr, $b:expr) => {{
                    let _ = &$on;
                    anyscope::try_concurrent($b)
                }};
            }
            $body
        }
    };
}

/// Shows a behaviour of `block_scope` on every executor: `owner` is its owner, and the body runs
/// on a thread of its own, outside of it.
///
/// ```ignore
/// blocking! {
///     /// Given .., when .., then ..
///     block_scope_borrows |owner| {
///         block_scope(owner, async |s| { .. });
///     }
/// }
/// ```
macro_rules! blocking {
    ($($(#[$doc:meta])* $name:ident $(with $threads:ident)? |$owner:ident| $body:block)+) => {$(
        $(#[$doc])*
        mod $name {
            #[allow(unused_imports)]
            use super::*;

            fn show<O>($owner: &O)
            where
                O: anyscope::BlockOn + anyscope::Spawn + anyscope::SpawnBlocking + Sync,
            $body

            $crate::support::executors::on_each!(run_outside, show $(, $threads)?);
        }
    )+};
}

/// Shows a behaviour on the simulation only, in every round, and that nothing is left of it: no
/// task, no timer, no waker.
///
/// ```ignore
/// simulated! {
///     /// Given .., when .., then ..
///     t1_no_timer_is_left |sim| {
///         timeout(&sim, SECOND, async {}).await.unwrap();
///     }
/// }
/// ```
macro_rules! simulated {
    ($($(#[$doc:meta])* $name:ident |$sim:ident| $body:block)+) => {$(
        $(#[$doc])*
        mod $name {
            #[allow(unused_imports)]
            use super::*;

            async fn show($sim: anyscope::sim::SimHandle) $body

            #[test]
            fn simulated() {
                $crate::support::executors::run_simulated(show);
            }
        }
    )+};
}

pub(crate) use {behaviour, blocking, on_each, simulated};
