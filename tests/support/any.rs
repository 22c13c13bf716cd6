//! Every executor behind one type, so that a behaviour is compiled once for all of them.
//!
//! Each call goes to the executor inside, and nothing else happens: no more allocations, no other
//! caller's place. What a trait of core gains by default has to be passed on here as well.

use crate::executors::Exec;
use anyscope::{
    BlockOn, Child, Clock, Instant, KeepAlive, Latent, Spawn, SpawnBlocking, Timer,
    sim::{Sim, SimHandle},
    smol::{Smol, SmolExecutor, SmolHandle},
    threads::{ThreadPool, ThreadPoolHandle},
    tokio::{TokioHandle, TokioRuntime},
};
use pin_project_lite::pin_project;
use std::{
    future::Future,
    num::NonZeroUsize,
    pin::{Pin, pin},
    task::{Context, Poll},
    time::Duration,
};

/// The handle of any executor.
#[derive(Clone, Debug)]
pub enum AnyExec {
    Smol(Smol),
    SmolOwn(SmolHandle),
    TokioHandle(TokioHandle),
    Threads(ThreadPoolHandle),
    Sim(SimHandle),
    Latent(Latent<AnyExec>),
}

/// The owner of any executor.
#[derive(Debug)]
pub enum AnyOwner {
    Smol(Smol),
    SmolOwn(SmolExecutor),
    TokioHandle(TokioRuntime),
    Threads(ThreadPool),
    Sim(Sim),
}

pin_project! {
    /// The sleep of any executor.
    #[project = Sleeping]
    pub enum AnySleep {
        Smol { #[pin] sleep: <Smol as Timer>::Sleep },
        TokioHandle { #[pin] sleep: <TokioHandle as Timer>::Sleep },
        Threads { #[pin] sleep: <ThreadPoolHandle as Timer>::Sleep },
        Sim { #[pin] sleep: <SimHandle as Timer>::Sleep },
    }
}

const _: () = {
    const fn is_an_exec<E: Exec>() {}
    is_an_exec::<AnyExec>();
};

/// Does the same with the executor inside, whatever it is.
macro_rules! inside {
    (AnyExec: $self:ident, $exec:ident => $call:expr) => {
        inside!(@of AnyExec $self $exec $call, Smol SmolOwn TokioHandle Threads Sim Latent)
    };
    (AnyOwner: $self:ident, $exec:ident => $call:expr) => {
        inside!(@of AnyOwner $self $exec $call, Smol SmolOwn TokioHandle Threads Sim)
    };
    (@of $any:ident $self:ident $exec:ident $call:expr, $($variant:ident)+) => {
        match $self {
            $($any::$variant($exec) => $call,)+
        }
    };
}

macro_rules! spawn_inside {
    ($any:ident) => {
        impl Spawn for $any {
            fn spawn(&self, child: Child) {
                inside!($any: self, exec => exec.spawn(child));
            }

            fn spawn_keep_alive(&self, child: Child) -> Option<KeepAlive> {
                inside!($any: self, exec => exec.spawn_keep_alive(child))
            }

            fn parallelism(&self) -> NonZeroUsize {
                inside!($any: self, exec => exec.parallelism())
            }
        }

        impl SpawnBlocking for $any {
            fn spawn_blocking(&self, job: Box<dyn FnOnce() + Send>) {
                inside!($any: self, exec => exec.spawn_blocking(job));
            }
        }
    };
}

spawn_inside!(AnyExec);
spawn_inside!(AnyOwner);

impl Clock for AnyExec {
    fn now(&self) -> Instant {
        inside!(AnyExec: self, exec => exec.now())
    }
}

impl Timer for AnyExec {
    type Sleep = AnySleep;

    fn sleep(&self, duration: Duration) -> AnySleep {
        match self {
            AnyExec::Smol(exec) => AnySleep::Smol { sleep: exec.sleep(duration) },
            AnyExec::SmolOwn(exec) => AnySleep::Smol { sleep: exec.sleep(duration) },
            AnyExec::TokioHandle(exec) => AnySleep::TokioHandle { sleep: exec.sleep(duration) },
            AnyExec::Threads(exec) => AnySleep::Threads { sleep: exec.sleep(duration) },
            AnyExec::Sim(exec) => AnySleep::Sim { sleep: exec.sleep(duration) },
            AnyExec::Latent(exec) => exec.sleep(duration),
        }
    }

    fn has_passed(&self, sleep: Pin<&mut AnySleep>, cx: &mut Context<'_>) -> bool {
        if let AnyExec::Latent(exec) = self {
            return exec.has_passed(sleep, cx);
        }
        match (self, sleep.project()) {
            (AnyExec::Smol(exec), Sleeping::Smol { sleep }) => exec.has_passed(sleep, cx),
            (AnyExec::SmolOwn(exec), Sleeping::Smol { sleep }) => exec.has_passed(sleep, cx),
            (AnyExec::TokioHandle(exec), Sleeping::TokioHandle { sleep }) => {
                exec.has_passed(sleep, cx)
            }
            (AnyExec::Threads(exec), Sleeping::Threads { sleep }) => exec.has_passed(sleep, cx),
            (AnyExec::Sim(exec), Sleeping::Sim { sleep }) => exec.has_passed(sleep, cx),
            _ => panic!("the sleep of another executor"),
        }
    }
}

impl Future for AnySleep {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        match self.project() {
            Sleeping::Smol { sleep } => sleep.poll(cx),
            Sleeping::TokioHandle { sleep } => sleep.poll(cx),
            Sleeping::Threads { sleep } => sleep.poll(cx),
            Sleeping::Sim { sleep } => sleep.poll(cx),
        }
    }
}

impl BlockOn for AnyOwner {
    fn block_on<F: Future>(&self, future: F) -> F::Output {
        let mut output = None;
        self.block(pin!(async { output = Some(future.await) }));
        output.expect("`block_on` returned before the future was ready")
    }
}

impl AnyOwner {
    #[track_caller]
    fn block(&self, future: Pin<&mut dyn Future<Output = ()>>) {
        inside!(AnyOwner: self, owner => owner.block_on(future));
    }
}

macro_rules! from {
    ($($any:ident::$variant:ident($inside:ty))+) => {$(
        impl From<$inside> for $any {
            fn from(inside: $inside) -> Self {
                $any::$variant(inside)
            }
        }
    )+};
}

from! {
    AnyExec::Smol(Smol)
    AnyExec::SmolOwn(SmolHandle)
    AnyExec::TokioHandle(TokioHandle)
    AnyExec::Threads(ThreadPoolHandle)
    AnyExec::Sim(SimHandle)
    AnyExec::Latent(Latent<AnyExec>)
    AnyOwner::Smol(Smol)
    AnyOwner::SmolOwn(SmolExecutor)
    AnyOwner::TokioHandle(TokioRuntime)
    AnyOwner::Threads(ThreadPool)
    AnyOwner::Sim(Sim)
}
