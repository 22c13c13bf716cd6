//! What children that have ended leave behind while their scope goes on.

use anyscope_core::{Child, JoinHandle, Kept, OwnedScope, Spawn};
use std::{
    future::{Future, poll_fn},
    mem,
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll, Wake, Waker},
};

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

    fn spawn_kept(&self, child: Child) -> Option<Kept> {
        self.spawn(child);
        Some(Kept::new(Arc::clone(&*self.memory)))
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
