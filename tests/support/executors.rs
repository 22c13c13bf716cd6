//! The executors, and the macro that runs a behaviour on all of them.
//!
//! To add an executor: implement [`Under`] for a new unit struct, add a line to `on_each`, and a
//! variant to [`AnyExec`] and [`AnyOwner`] if its types are new.
//!
//! A behaviour is written for any [`Exec`], and compiled for one type: [`AnyExec`]. That the handles
//! of the adapters do as well is shown by those behaviours that are compiled for each
//! ([`typed_behaviour!`](crate::typed_behaviour)).
//!
//! On the simulation a behaviour is shown in many rounds, each in another order.

use crate::{
    any::{AnyExec, AnyOwner},
    rounds::{self, Round},
};
use anyscope::{
    BlockOn, Latent, Spawn, SpawnBlocking,
    sim::{Sim, SimHandle},
    smol::{Smol, SmolExecutor, SmolHandle},
    threads::{ThreadPool, ThreadPoolHandle},
    tokio::{TokioHandle, TokioRuntime},
};
use std::{future::Future, pin::Pin};

/// What a behaviour may ask of an executor. So all of them are one.
pub use anyscope::Executor as Exec;

/// A kind of executor that tests can be run under.
pub trait Under {
    type Handle: Exec + Into<AnyExec>;
    type Owner: BlockOn + Spawn + SpawnBlocking + Sync + Into<AnyOwner>;

    /// Whether a behaviour is shown many times, and each round can be repeated.
    const SIMULATED: bool = false;

    /// A new one, with a handle to it.
    fn start(round: u64) -> (Self::Owner, Self::Handle);

    /// Runs `test` on the thread that drives it.
    fn show(owner: Self::Owner, handle: Self::Handle, test: fn(AnyExec) -> Shown) {
        owner.block_on(test(handle.into()));
    }
}

/// smol's global executor.
pub struct SmolGlobal;

impl Under for SmolGlobal {
    type Handle = Smol;
    type Owner = Smol;

    fn start(_: u64) -> (Smol, Smol) {
        (Smol, Smol)
    }
}

/// An executor of one's own, driven by the test's thread only.
pub struct SmolOwn;

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
pub struct TokioCurrent;

impl Under for TokioCurrent {
    type Handle = TokioHandle;
    type Owner = TokioRuntime;

    fn start(_: u64) -> (TokioRuntime, TokioHandle) {
        own(tokio::runtime::Builder::new_current_thread())
    }
}

/// tokio, with two workers.
pub struct TokioMulti;

impl Under for TokioMulti {
    type Handle = TokioHandle;
    type Owner = TokioRuntime;

    fn start(_: u64) -> (TokioRuntime, TokioHandle) {
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        builder.worker_threads(2);
        own(builder)
    }
}

fn own(mut builder: tokio::runtime::Builder) -> (TokioRuntime, TokioHandle) {
    let owner = TokioRuntime::from(builder.enable_all().build().unwrap());
    let handle = owner.handle();
    (owner, handle)
}

/// tokio on the test's thread, with a clock that jumps when all wait.
pub struct TokioPaused;

impl Under for TokioPaused {
    type Handle = TokioHandle;
    type Owner = TokioRuntime;

    fn start(_: u64) -> (TokioRuntime, TokioHandle) {
        let mut builder = tokio::runtime::Builder::new_current_thread();
        builder.start_paused(true);
        own(builder)
    }
}

/// A pool of two threads.
pub struct Threads;

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
pub struct NoThreads;

impl Under for NoThreads {
    type Handle = ThreadPoolHandle;
    type Owner = ThreadPool;

    fn start(_: u64) -> (ThreadPool, ThreadPoolHandle) {
        let owner = ThreadPool::new(0);
        let handle = owner.handle();
        (owner, handle)
    }
}

/// A pool of two threads, on which children become tasks when they park.
pub struct LatentThreads;

impl Under for LatentThreads {
    type Handle = Latent<AnyExec>;
    type Owner = ThreadPool;

    fn start(round: u64) -> (ThreadPool, Latent<AnyExec>) {
        let (owner, handle) = Threads::start(round);
        (owner, Latent::new(&handle.into()))
    }
}

/// A simulation: in another order each time.
pub struct Simulated;

impl Under for Simulated {
    type Handle = SimHandle;
    type Owner = Sim;

    const SIMULATED: bool = true;

    fn start(round: u64) -> (Sim, SimHandle) {
        let owner = Sim::new(round);
        let handle = owner.handle();
        (owner, handle)
    }

    /// And looks what it leaves behind.
    fn show(owner: Sim, _: SimHandle, test: fn(AnyExec) -> Shown) {
        owner.run(|sim| test(sim.into())).unwrap_or_else(|fail| panic!("{fail}"));
    }
}

/// A behaviour that is being shown.
pub type Shown = Pin<Box<dyn Future<Output = ()>>>;

/// Runs `test` under `U`, on the thread that drives it.
pub fn run<U: Under>(test: fn(AnyExec) -> Shown) {
    each_round::<U>(&|owner, handle| U::show(owner, handle, test));
}

/// The same, compiled for the handle of `U`.
pub fn run_typed<U: Under>(test: impl AsyncFn(U::Handle)) {
    each_round::<U>(&|owner, handle| owner.block_on(test(handle)));
}

/// Runs `test` outside of `U`, with its owner.
pub fn run_outside<U: Under>(test: fn(&AnyOwner)) {
    each_round::<U>(&|owner, _| test(&owner.into()));
}

/// Runs `test` under the simulation, and looks what it leaves behind.
pub fn run_simulated(test: fn(SimHandle) -> Shown) {
    each_round::<Simulated>(&|owner, _| owner.run(test).unwrap_or_else(|fail| panic!("{fail}")));
}

fn each_round<U: Under>(test: &dyn Fn(U::Owner, U::Handle)) {
    let rounds = if U::SIMULATED { rounds::simulated() } else { 0..1 };
    for round in rounds {
        let _if_it_fails = U::SIMULATED.then_some(Round(round));
        let (owner, handle) = U::start(round);
        test(owner, handle);
    }
}
