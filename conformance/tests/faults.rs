//! The suite finds what adapters get wrong: each fault here fails the test that is meant for it.

use anyscope::{
    BlockOn, Child, Spawn,
    smol::{SmolExecutor, SmolHandle},
};
use anyscope_conformance::{Adapter, block, ends, shutdown, spawn, wakes};
use std::{
    future::Future,
    marker::PhantomData,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
    time::Duration,
};

/// What is between a child and an executor that is right.
trait Fault: Send + Sync + 'static {
    fn spawn(exec: &SmolHandle, child: Child);

    fn block_on<F: Future>(owner: &SmolExecutor, future: F) -> F::Output {
        owner.block_on(future)
    }
}

struct Faulty<F>(SmolExecutor, PhantomData<fn() -> F>);

struct Handle<F>(SmolHandle, PhantomData<fn() -> F>);

impl<F> Clone for Handle<F> {
    fn clone(&self) -> Self {
        Handle(self.0.clone(), self.1)
    }
}

impl<F: Fault> Spawn for Handle<F> {
    fn spawn(&self, child: Child) {
        F::spawn(&self.0, child);
    }
}

impl<F: Fault> BlockOn for Faulty<F> {
    fn block_on<Fut: Future>(&self, future: Fut) -> Fut::Output {
        F::block_on(&self.0, future)
    }
}

struct With<F>(F);

impl<F: Fault> Adapter for With<F> {
    type Owner = Faulty<F>;
    type Handle = Handle<F>;

    // What hangs here hangs for ever.
    const LIMIT: Duration = Duration::from_secs(2);

    fn start() -> (Faulty<F>, Handle<F>) {
        let owner = SmolExecutor::new();
        let handle = Handle(owner.handle(), PhantomData);
        (Faulty(owner, PhantomData), handle)
    }
}

/// Runs a test of the suite, and returns what it fails with.
#[track_caller]
fn fails(test: fn()) -> String {
    let panic = catch_unwind(AssertUnwindSafe(test)).expect_err("the fault is not found");
    let text = panic.downcast_ref::<String>().cloned();
    text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).into())).unwrap_or_default()
}

struct Never;

impl Fault for Never {
    fn spawn(_: &SmolHandle, child: Child) {
        std::mem::forget(child);
    }
}

#[test]
fn children_that_are_never_polled() {
    let text = fails(spawn::a_child_runs_though_nobody_awaits_it::<With<Never>>);
    assert!(text.contains("a child was not polled"), "{text}");
}

/// Polls inside of `spawn`.
struct Inside;

impl Fault for Inside {
    fn spawn(exec: &SmolHandle, mut child: Child) {
        if Pin::new(&mut child).poll(&mut Context::from_waker(Waker::noop())).is_pending() {
            exec.spawn(child);
        }
    }
}

#[test]
fn a_poll_inside_of_spawn() {
    let text = fails(spawn::spawn_does_not_poll::<With<Inside>>);
    assert!(text.contains("queue it"), "{text}");
}

/// Forgets a wake that comes while the child is polled.
struct Forgets;

struct Once(Child);

struct Filter {
    waker: Waker,
    polling: AtomicBool,
}

impl Wake for Filter {
    fn wake(self: Arc<Self>) {
        if !self.polling.load(Ordering::SeqCst) {
            self.waker.wake_by_ref();
        }
    }
}

impl Future for Once {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let filter = Arc::new(Filter { waker: cx.waker().clone(), polling: AtomicBool::new(true) });
        let waker = Waker::from(filter.clone());
        let polled = Pin::new(&mut self.0).poll(&mut Context::from_waker(&waker));
        filter.polling.store(false, Ordering::SeqCst);
        polled
    }
}

/// A task of an executor that is right, around a future.
fn run(exec: &SmolHandle, future: impl Future<Output = ()> + Send + 'static) {
    static EXECUTORS: Mutex<Vec<anyscope::OwnedScope<SmolHandle>>> = Mutex::new(Vec::new());
    let scope = anyscope::OwnedScope::new(exec);
    drop(scope.spawn(future));
    EXECUTORS.lock().unwrap().push(scope);
}

impl Fault for Forgets {
    fn spawn(exec: &SmolHandle, child: Child) {
        run(exec, Once(child));
    }
}

#[test]
fn a_wake_in_the_poll_that_is_forgotten() {
    fails(wakes::a_wake_in_the_poll::<With<Forgets>>);
}

#[test]
fn children_that_are_not_dropped_with_their_executor() {
    let text = fails(shutdown::children_are_refused_afterwards::<With<Keeps>>);
    assert!(text.contains("was not dropped by an executor that is gone"), "{text}");
}

/// Keeps children after its end.
struct Keeps;

impl Fault for Keeps {
    fn spawn(_: &SmolHandle, child: Child) {
        static KEPT: Mutex<Vec<Child>> = Mutex::new(Vec::new());
        KEPT.lock().unwrap().push(child);
    }
}

/// Blocks inside of itself.
struct Blocks;

impl Fault for Blocks {
    fn spawn(exec: &SmolHandle, child: Child) {
        exec.spawn(child);
    }

    fn block_on<F: Future>(_: &SmolExecutor, future: F) -> F::Output {
        smol::block_on(future)
    }
}

#[test]
fn blocking_inside_itself() {
    let text = fails(block::block_on_inside_itself_panics::<With<Blocks>>);
    assert!(text.contains("`let _inside = anyscope::enter::block(key, name);`"), "{text}");
}

#[test]
fn an_executor_that_is_right_passes() {
    struct Right;

    impl Fault for Right {
        fn spawn(exec: &SmolHandle, child: Child) {
            exec.spawn(child);
        }
    }

    ends::a_panic_stays_in_its_child::<With<Right>>();
    wakes::a_wake_in_the_poll::<With<Right>>();
}
