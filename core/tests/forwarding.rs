//! A pointer to an executor is that executor: every method arrives, also those with a default.

// An `Arc` must forward whatever is in it.
#![allow(clippy::arc_with_non_send_sync)]
#![cfg(all(feature = "std", not(anyscope_loom)))]

use anyscope_core::{
    BlockOn, Child, Clock, Instant, KeepAlive, LocalChild, Spawn, SpawnBlocking, SpawnLocal, Timer,
};
use std::{
    cell::RefCell,
    future::{Future, Ready, ready},
    num::NonZeroUsize,
    pin::pin,
    rc::Rc,
    sync::Arc,
    task::{Context, Poll, Waker},
    time::Duration,
};

/// Notes what is called. Nothing is as the default has it.
#[derive(Default)]
struct Noting(RefCell<Vec<&'static str>>);

impl Noting {
    fn note(&self, call: &'static str) {
        self.0.borrow_mut().push(call);
    }
}

const THREADS: NonZeroUsize = NonZeroUsize::new(77).unwrap();

impl Spawn for Noting {
    fn spawn(&self, _: Child) {
        self.note("spawn");
    }

    fn spawn_keep_alive(&self, _: Child) -> Option<KeepAlive> {
        self.note("spawn_keep_alive");
        Some(KeepAlive::new(()))
    }

    fn parallelism(&self) -> NonZeroUsize {
        self.note("parallelism");
        THREADS
    }
}

impl SpawnLocal for Noting {
    fn spawn_local(&self, _: LocalChild) {
        self.note("spawn_local");
    }
}

impl SpawnBlocking for Noting {
    fn spawn_blocking(&self, _: Box<dyn FnOnce() + Send>) {
        self.note("spawn_blocking");
    }
}

impl BlockOn for Noting {
    fn block_on<F: Future>(&self, future: F) -> F::Output {
        self.note("block_on");
        match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(output) => output,
            Poll::Pending => unreachable!("it is ready"),
        }
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

const SPAWN: [&str; 3] = ["spawn", "spawn_keep_alive", "parallelism"];

fn call_spawn(exec: impl Spawn) {
    exec.spawn(Child::unscoped(ready(())));
    assert!(exec.spawn_keep_alive(Child::unscoped(ready(()))).is_some());
    assert_eq!(exec.parallelism(), THREADS);
}

fn call_all(exec: impl Spawn + SpawnLocal + SpawnBlocking + BlockOn + Timer + Clock) {
    call_spawn(&exec);
    exec.spawn_local(LocalChild::unscoped(ready(())));
    exec.spawn_blocking(Box::new(|| ()));
    assert_eq!(exec.block_on(ready(1)), 1);
    drop(exec.sleep(Duration::ZERO));
    assert_eq!(exec.now().since_epoch(), Duration::from_secs(7));
}

#[test]
fn pointers_forward_every_method() {
    let noting = Noting::default();
    let all = [&SPAWN[..], &["spawn_local", "spawn_blocking", "block_on", "sleep", "now"]].concat();
    let check = |noting: &Noting| assert_eq!(noting.0.take(), all);
    call_all(&noting);
    check(&noting);
    let twice = &&noting;
    call_all(twice);
    check(&noting);
    call_all(Box::new(&noting));
    check(&noting);
    let (rc, arc) = (Rc::new(Noting::default()), Arc::new(Noting::default()));
    call_all(rc.clone());
    check(&rc);
    call_all(arc.clone());
    check(&arc);
}

#[test]
fn trait_objects_forward_every_method() {
    let (noting, rc, arc) =
        (Noting::default(), Rc::new(Noting::default()), Arc::new(Noting::default()));
    call_spawn(&noting as &dyn Spawn);
    call_spawn(Box::new(&noting) as Box<dyn Spawn + '_>);
    assert_eq!(noting.0.take(), [SPAWN, SPAWN].concat());
    call_spawn(rc.clone() as Rc<dyn Spawn>);
    assert_eq!(rc.0.take(), SPAWN);
    call_spawn(arc.clone() as Arc<dyn Spawn>);
    assert_eq!(arc.0.take(), SPAWN);

    let boxed: Box<dyn SpawnLocal + '_> = Box::new(&noting);
    boxed.spawn_local(LocalChild::unscoped(ready(())));
    let boxed: Box<dyn SpawnBlocking + '_> = Box::new(&noting);
    boxed.spawn_blocking(Box::new(|| ()));
    assert_eq!(noting.0.take(), ["spawn_local", "spawn_blocking"]);
}
