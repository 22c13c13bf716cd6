//! What runs at the end of a scope, against that end.

use anyscope_core::{
    Child, OwnedScope, Scope, Spawn,
    model::{Census, Tasks, Work, block_on, check, poll_once, spawn},
    scope,
};
use loom::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::{pin::pin, sync::Arc, task::Poll};

/// Polls whatever was handed to the executor, on this thread, until there is nothing more.
fn run(tasks: &Tasks) {
    while let Some(mut child) = tasks.try_take() {
        assert_eq!(poll_once(&mut child), Poll::Ready(()));
    }
}

/// Polls what it is given at once, to its end.
#[derive(Clone)]
struct AtOnce;

impl Spawn for AtOnce {
    fn spawn(&self, mut child: Child) {
        assert!(poll_once(&mut child).is_ready());
    }
}

/// A finalizer is added while the scope is dropped: it is handed to the executor, by the one or the
/// other. Fails without either of the fences of `hand_over` and `after_defer`.
#[test]
fn defer_or_drop() {
    check("cleanup: defer or drop", || {
        let (tasks, census) = (Tasks::default(), Census::default());
        let scope = OwnedScope::new(&tasks);
        let (other, work) = (Scope::clone(&scope), Work::new(&census, 1));
        let deferring = spawn(move || other.defer(async { work.await.touch() }));
        drop(scope);
        deferring.join();
        run(&tasks);
        assert_eq!(census.alive(), 0);
    });
}

/// A scope with a finalizer is dropped while its child is polled: the finalizer is handed over by
/// whoever is last, and runs when the child is gone. Fails if either does not hand it over, or if it
/// is handed over beside the child.
#[test]
fn poll_or_drop_before_a_finalizer() {
    check("cleanup: poll or drop before a finalizer", || {
        let (tasks, census) = (Tasks::default(), Census::default());
        let scope = OwnedScope::new(&tasks);
        drop(scope.spawn(Work::new(&census, 2)));
        let mut child = tasks.take();
        let (theirs, done) = (census.clone(), Arc::new(AtomicBool::new(false)));
        let ours = done.clone();
        scope.defer(async move {
            assert_eq!(theirs.alive(), 0);
            ours.store(true, Relaxed);
        });
        let executor = spawn(move || _ = poll_once(&mut child));
        drop(scope);
        run(&tasks);
        executor.join();
        run(&tasks);
        assert!(done.load(Relaxed));
    });
}

/// The same while a scope is awaited to its end: the finalizer is polled there, or handed over. Fails
/// without the same fences.
#[test]
fn defer_or_end() {
    check("cleanup: defer or end", || {
        let (tasks, census) = (Tasks::default(), Census::default());
        let work = Work::new(&census, 1);
        let deferring =
            block_on(scope(&tasks, async |s| spawn(move || s.defer(async { work.await.touch() }))));
        deferring.join();
        run(&tasks);
        assert_eq!(census.alive(), 0);
    });
}

/// A finalizer ends while somebody closes the scope, who sees what it has done. Fails if the
/// finalizer goes without a release.
#[test]
fn finalize_or_close() {
    check("cleanup: finalize or close", || {
        let tasks = Tasks::default();
        let scope = OwnedScope::new(&tasks);
        // Without an order of its own.
        let done = Arc::new(AtomicBool::new(false));
        let theirs = done.clone();
        scope.defer(async move { theirs.store(true, Relaxed) });
        assert!(poll_once(&mut pin!(scope.close())).is_pending());
        let mut finalizer = tasks.take();
        let executor = spawn(move || assert!(poll_once(&mut finalizer).is_ready()));
        block_on(scope.close());
        assert!(done.load(Relaxed));
        executor.join();
    });
}

/// A finalizer is added while a scope is closed, which is kept: it runs, before the end or after it.
/// Fails if nobody looks once more at the end, or if who adds it does not tell a waiter that has
/// found it counted and not yet added.
#[test]
fn defer_or_close() {
    check("cleanup: defer or close", || {
        let census = Census::default();
        let scope = OwnedScope::new(&AtOnce);
        let (other, work) = (Scope::clone(&scope), Work::new(&census, 1));
        let deferring = spawn(move || other.defer(async { work.await.touch() }));
        block_on(scope.close());
        deferring.join();
        assert_eq!(census.alive(), 0);
    });
}

/// The same with two that close it.
#[test]
fn defer_or_close_twice() {
    check("cleanup: defer or close twice", || {
        let census = Census::default();
        let scope = Arc::new(OwnedScope::new(&AtOnce));
        let (other, work) = (Scope::clone(&scope), Work::new(&census, 1));
        let closes = scope.clone();
        let closing = spawn(move || block_on(closes.close()));
        let deferring = spawn(move || other.defer(async { work.await.touch() }));
        block_on(scope.close());
        deferring.join();
        closing.join();
        assert_eq!(census.alive(), 0);
    });
}
