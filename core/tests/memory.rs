//! What is left behind by what has ended, while that to which it belonged goes on.

use anyscope_core::{
    CancelToken, Child, Clock, Instant, JoinHandle, KeepAlive, OwnedScope, Scope, Spawn, Timer,
};
use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
    future::{Future, Pending, pending, poll_fn},
    mem,
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll, Wake, Waker},
    time::Duration,
};

/// Counts what this thread has allocated, and not freed.
struct Heap;

#[global_allocator]
static HEAP: Heap = Heap;

thread_local! {
    static BYTES: Cell<usize> = const { Cell::new(0) };
}

fn bytes() -> usize {
    BYTES.get()
}

// SAFETY: all of it is left to the allocator of the system. The counter has no destructor and is
// initialised at compile time, so that looking at it does not allocate.
unsafe impl GlobalAlloc for Heap {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // A thread that is going down has no counter any more.
        let _ = BYTES.try_with(|bytes| bytes.set(bytes.get().wrapping_add(layout.size())));
        // SAFETY: promised by the caller.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        let _ = BYTES.try_with(|bytes| bytes.set(bytes.get().wrapping_sub(layout.size())));
        // SAFETY: promised by the caller.
        unsafe { System.dealloc(block, layout) }
    }
}

/// A clock that stands still.
#[derive(Clone, Debug)]
struct Stopped;

impl Timer for Stopped {
    type Sleep = Pending<()>;

    fn sleep(&self, _: Duration) -> Pending<()> {
        pending()
    }
}

impl Clock for Stopped {
    fn now(&self) -> Instant {
        Instant::from_epoch(Duration::ZERO)
    }
}

fn second(n: u64) -> Instant {
    Instant::from_epoch(Duration::from_secs(n))
}

/// Keeps children until it is told to poll them, and something with each as long as its memory is
/// there.
// The outer count is that of the executor, which scopes clone.
#[allow(clippy::redundant_allocation)]
#[derive(Clone, Debug, Default)]
struct Counting {
    children: Arc<Mutex<Vec<Child>>>,
    /// One more than there are, however often this is cloned.
    memory: Arc<Arc<()>>,
}

impl Counting {
    /// Polls every child once with a waker of its own, and drops what has ended.
    fn poll_all(&self) {
        let mut children = mem::take(&mut *self.children.lock().unwrap());
        let waker = Waker::from(Arc::new(OfTask { _memory: Arc::clone(&*self.memory) }));
        children.retain_mut(|child| {
            Pin::new(child).poll(&mut Context::from_waker(&waker)).is_pending()
        });
        self.children.lock().unwrap().append(&mut children);
    }

    /// How much there is.
    fn memory(&self) -> usize {
        Arc::strong_count(&*self.memory) - 1
    }
}

impl Spawn for Counting {
    fn spawn(&self, child: Child) {
        self.children.lock().unwrap().push(child);
    }

    fn spawn_keep_alive(&self, child: Child) -> Option<KeepAlive> {
        self.spawn(child);
        Some(KeepAlive::new(Arc::clone(&*self.memory)))
    }
}

struct OfTask {
    _memory: Arc<()>,
}

impl Wake for OfTask {
    fn wake(self: Arc<Self>) {}
}

#[test]
fn a_flood_of_children_is_forgotten_without_another_spawn() {
    let exec = Counting::default();
    let scope = OwnedScope::new(&exec);
    let patient = scope.spawn(std::future::pending::<()>());
    for _ in 0..10_000 {
        scope.spawn(async {});
    }
    assert_eq!(exec.memory(), 10_001);
    exec.poll_all();
    assert!(exec.memory() < 1_000, "{} of 10 000 are still there", exec.memory());
    assert!(!patient.is_finished());
}

#[test]
fn nobody_who_leaves_frees_many_others() {
    let exec = Counting::default();
    let scope = OwnedScope::new(&exec);
    (0..10_000).for_each(|_| drop(scope.spawn(async {})));
    let children = mem::take(&mut *exec.children.lock().unwrap());
    let mut most = 0;
    for mut child in children {
        let before = exec.memory();
        assert!(Pin::new(&mut child).poll(&mut Context::from_waker(Waker::noop())).is_ready());
        drop(child);
        most = most.max(before - exec.memory());
    }
    assert!((1..=256).contains(&most), "{most} at once");
}

#[test]
fn a_trickle_of_children_is_forgotten_by_those_who_spawn() {
    let exec = Counting::default();
    let scope = OwnedScope::new(&exec);
    for _ in 0..10_000 {
        scope.spawn(async {});
        exec.poll_all();
        assert!(exec.memory() < 100);
    }
}

#[test]
fn nobody_who_spawns_frees_many_others() {
    let exec = Counting::default();
    let scope = OwnedScope::new(&exec);
    let patient: Vec<_> = (0..500).map(|_| scope.spawn(pending::<()>())).collect();
    let mut most = 0;
    let mut before = exec.memory();
    for n in 0..5_000 {
        scope.spawn(async {});
        most = most.max((before + 1).saturating_sub(exec.memory()));
        exec.poll_all();
        before = exec.memory();
        // All that live, and as many, and what enters while a sweep goes around.
        assert!(before < 2 * 500 + 500 / 2 + 200, "{before} of {n}");
    }
    assert!((1..=32).contains(&most), "{most} at once");
    drop(patient);
}

#[test]
fn children_that_are_alive_are_kept_whatever_goes_on_around_them() {
    let exec = Counting::default();
    let scope = OwnedScope::new(&exec);
    let mut polls = 0;
    let stays = scope.spawn(poll_fn(move |_| {
        polls += 1;
        if polls < 1_000 { Poll::Pending } else { Poll::Ready(polls) }
    }));
    for _ in 0..999 {
        for _ in 0..10 {
            scope.spawn(async {});
        }
        exec.poll_all();
    }
    assert!(!stays.is_finished());
    exec.poll_all();
    assert!(stays.is_finished());
}

#[test]
fn a_child_that_ends_itself_in_a_poll_keeps_no_waker() {
    let exec = Counting::default();
    let scope = OwnedScope::new(&exec);
    let own = Arc::new(Mutex::new(None::<JoinHandle<'static, ()>>));
    let handle = scope.spawn({
        let own = own.clone();
        async move {
            own.lock().unwrap().take().unwrap().abort();
            std::future::pending().await
        }
    });
    *own.lock().unwrap() = Some(handle);
    exec.poll_all();
    // That of the child, but not of the task's waker.
    assert_eq!(exec.memory(), 1);
}

#[test]
fn children_that_a_walk_has_ended_are_forgotten_when_it_is_over() {
    let exec = Counting::default();
    let scope = OwnedScope::new(&exec);
    let patient = scope.spawn(pending::<()>());
    (0..10_000).for_each(|_| drop(scope.spawn(pending::<()>())));
    let patient_id = patient.id();
    assert_eq!(scope.cancel_where(|child| child.id != patient_id), 10_000);
    exec.poll_all();
    assert!(exec.memory() < 1_000, "{} of 10 000 are still there", exec.memory());
    assert!(!patient.is_finished());

    let late: Scope<_, _> = scope.clone();
    (0..10_000).for_each(|_| drop(scope.spawn(pending::<()>())));
    scope.cancel("enough");
    exec.poll_all();
    drop(scope);
    assert!(exec.memory() < 1_000, "{} of 10 000 are still there", exec.memory());
    drop(late);
}

#[test]
fn a_flood_of_tokens_is_forgotten() {
    let root = CancelToken::new();
    let before = bytes();
    let flood: Vec<_> = (0..10_000).map(|_| root.child_token()).collect();
    drop(flood);
    assert!(bytes() - before < 100_000, "{} bytes for no token", bytes() - before);
    // Those of a scope are children of one that it keeps.
    let scope = OwnedScope::new(&Counting::default());
    let first = scope.token();
    let before = bytes();
    let flood: Vec<_> = (0..10_000).map(|_| scope.token()).collect();
    drop(flood);
    assert!(bytes() - before < 100_000, "{} bytes for no token", bytes() - before);
    assert!(!first.is_cancelled());
}

#[test]
fn moves_of_a_deadline_that_nobody_looks_at_leave_nothing() {
    let exec = Counting::default();
    let scope = OwnedScope::new(&exec);
    let deadline = scope.deadline(&Stopped, second(1));
    let others = deadline.clone();
    deadline.move_to(second(2));
    // Not looked at yet; then looked at; then gone with the scope.
    for _ in 0..2 {
        let before = bytes();
        (3..1_000).for_each(|n| others.move_to(second(n)));
        assert_eq!(bytes(), before);
        exec.poll_all();
        deadline.move_to(second(2));
    }
    drop(scope);
    exec.poll_all();
    let before = bytes();
    (3..1_000).for_each(|n| deadline.move_to(second(n)));
    assert_eq!(bytes(), before);
}

#[test]
fn a_deadline_that_never_comes_and_that_nobody_can_move_is_forgotten() {
    let exec = Counting::default();
    let scope = OwnedScope::new(&exec);
    let kept = scope.deadline(&Stopped, Instant::NEVER);
    let until = scope.deadline(&Stopped, second(1));
    for _ in 0..1_000 {
        let deadline = scope.deadline(&Stopped, second(1));
        exec.poll_all();
        let clone = deadline.clone();
        drop(deadline);
        clone.move_to(Instant::NEVER);
        drop(clone);
        exec.poll_all();
        assert_eq!(scope.len(), 2);
    }
    assert!(exec.memory() < 1_000 && !scope.is_cancelled());
    // The others are still there.
    until.move_to(Instant::NEVER);
    kept.move_to(second(0));
    exec.poll_all();
    assert!(scope.has_elapsed());
}

#[test]
fn of_the_budgets_of_a_scope_the_last_is_kept() {
    let scope = OwnedScope::new(&Counting::default());
    scope.cleanup_budget(&Stopped, Duration::from_secs(1));
    let before = bytes();
    (0..1_000).for_each(|_| scope.cleanup_budget(&Stopped, Duration::from_secs(1)));
    assert_eq!(bytes(), before);
}
