//! `WithTokio` is whatever the executor in it is, with tokio around; and what a runtime says of its
//! threads.

use anyscope_core::{
    BlockOn, Child, Clock, Instant, KeepAlive, LocalChild, Spawn, SpawnBlocking, SpawnLocal, Timer,
};
use anyscope_tokio::{TokioHandle, TokioRuntime, WithTokio};
use std::{
    cell::{Cell, RefCell},
    future::{Future, Ready, ready},
    num::NonZeroUsize,
    pin::{Pin, pin},
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    task::{Context, Poll, Waker},
    time::Duration,
};
use tokio::runtime::{Builder, Handle, Runtime};

fn current_thread() -> Runtime {
    Builder::new_current_thread().build().unwrap()
}

fn workers(threads: usize) -> Runtime {
    Builder::new_multi_thread().worker_threads(threads).build().unwrap()
}

#[test]
fn parallelism_is_that_of_the_runtime() {
    for (runtime, threads) in [(current_thread(), 1), (workers(1), 1), (workers(3), 3)] {
        let runtime = TokioRuntime::from(runtime);
        assert_eq!(runtime.parallelism().get(), threads);
        assert_eq!(runtime.handle().parallelism().get(), threads);
        let current = runtime.block_on(async { TokioHandle::current() });
        assert_eq!(current.parallelism().get(), threads);
    }
}

/// Notes what is called, and runs it at once.
#[derive(Default)]
struct Noting(RefCell<Vec<&'static str>>);

impl Noting {
    fn note(&self, call: &'static str) {
        self.0.borrow_mut().push(call);
    }
}

fn run<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => unreachable!("it is ready"),
    }
}

impl Spawn for Noting {
    fn spawn(&self, child: Child) {
        self.note("spawn");
        run(child);
    }

    fn spawn_keep_alive(&self, child: Child) -> Option<KeepAlive> {
        self.note("spawn_keep_alive");
        run(child);
        Some(KeepAlive::new(()))
    }

    fn parallelism(&self) -> NonZeroUsize {
        self.note("parallelism");
        NonZeroUsize::new(77).unwrap()
    }
}

impl SpawnLocal for Noting {
    fn spawn_local(&self, child: LocalChild) {
        self.note("spawn_local");
        run(child);
    }
}

impl SpawnBlocking for Noting {
    fn spawn_blocking(&self, job: Box<dyn FnOnce() + Send>) {
        self.note("spawn_blocking");
        job();
    }
}

impl BlockOn for Noting {
    fn block_on<F: Future>(&self, future: F) -> F::Output {
        self.note("block_on");
        run(future)
    }
}

impl Timer for Noting {
    type Sleep = Ready<()>;

    fn sleep(&self, _: Duration) -> Ready<()> {
        self.note("sleep");
        ready(())
    }
}

impl Clock for Noting {
    fn now(&self) -> Instant {
        self.note("now");
        Instant::from_epoch(Duration::from_secs(7))
    }
}

/// Counts looks at the context, and is in it when polled and when dropped.
#[derive(Clone, Default)]
struct Looks(Arc<AtomicUsize>);

impl Looks {
    fn look(&self) {
        assert!(Handle::try_current().is_ok(), "in the context of the runtime");
        self.0.fetch_add(1, Relaxed);
    }
}

/// Ready when polled; twice in the context.
struct InContext(Looks);

impl Future for InContext {
    type Output = ();

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        self.0.look();
        Poll::Ready(())
    }
}

impl Drop for InContext {
    fn drop(&mut self) {
        self.0.look();
    }
}

/// Given an executor whose methods are all its own, then `WithTokio` calls each of them, and what
/// they run is polled, called and dropped in the context of the runtime.
#[test]
fn with_tokio_forwards_every_method() {
    let (noting, runtime, looks) = (Noting::default(), current_thread(), Looks::default());
    let with = WithTokio::new(&noting, runtime.handle().clone());
    let looked = |calls: &[&str], times| {
        assert_eq!((noting.0.take(), looks.0.swap(0, Relaxed)), (calls.to_vec(), times));
        assert!(Handle::try_current().is_err(), "the context is left");
    };
    with.spawn(Child::unscoped(InContext(looks.clone())));
    looked(&["spawn"], 2);
    assert!(with.spawn_keep_alive(Child::unscoped(InContext(looks.clone()))).is_some());
    looked(&["spawn_keep_alive"], 2);
    assert_eq!(with.parallelism().get(), 77);
    looked(&["parallelism"], 0);
    let (local, inside) = (Rc::new(Cell::new(0)), looks.clone());
    let count = local.clone();
    with.spawn_local(LocalChild::unscoped(async move {
        inside.look();
        count.set(1);
    }));
    assert_eq!(local.get(), 1);
    looked(&["spawn_local"], 1);
    let job = InContext(looks.clone());
    with.spawn_blocking(Box::new(move || job.0.look()));
    looked(&["spawn_blocking"], 2);
    with.block_on(InContext(looks.clone()));
    looked(&["block_on"], 2);
    drop(with.sleep(Duration::ZERO));
    looked(&["sleep"], 0);
    assert_eq!(with.now().since_epoch(), Duration::from_secs(7));
    looked(&["now"], 0);
}

/// Given an executor that drops what it is asked to run, then that is dropped in the context, too.
#[test]
fn with_tokio_drops_in_the_context() {
    struct Refusing;

    impl Spawn for Refusing {
        fn spawn(&self, child: Child) {
            drop(child);
        }
    }

    impl SpawnBlocking for Refusing {
        fn spawn_blocking(&self, job: Box<dyn FnOnce() + Send>) {
            drop(job);
        }
    }

    impl BlockOn for Refusing {
        fn block_on<F: Future>(&self, future: F) -> F::Output {
            drop(future);
            panic!("refused")
        }
    }

    let (runtime, looks) = (current_thread(), Looks::default());
    let with = WithTokio::new(Refusing, runtime.handle().clone());
    with.spawn(Child::unscoped(InContext(looks.clone())));
    let job = InContext(looks.clone());
    with.spawn_blocking(Box::new(move || job.0.look()));
    let blocked = std::panic::AssertUnwindSafe(|| with.block_on(InContext(looks.clone())));
    assert!(std::panic::catch_unwind(blocked).is_err());
    assert_eq!(looks.0.load(Relaxed), 3);
}
