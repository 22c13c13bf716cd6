//! The list of a scope's children: pushed to, swept, walked and closed at the same time.
//!
//! Under loom it is swept at almost every spawn.

use anyscope_core::{
    Child, JoinHandle, OwnedScope, Scope,
    model::{Census, Probe, Tasks, Thread, Work, check, poll_once, spawn},
};
use std::task::Poll;

type Handle = JoinHandle<'static, Probe>;

struct Setup {
    tasks: Tasks,
    census: Census,
    scope: OwnedScope<Tasks>,
}

impl Setup {
    fn new() -> Self {
        let tasks = Tasks::default();
        let scope = OwnedScope::new(&tasks);
        Setup { tasks, census: Census::default(), scope }
    }

    /// A child that is ready at its first poll.
    fn spawn(&self) -> (Child, Handle) {
        let handle = self.scope.spawn(Work::new(&self.census, 1));
        (self.tasks.take(), handle)
    }

    /// A child that has finished, and that only the list keeps.
    fn finished(&self) {
        finish(self.spawn().0);
    }

    /// Spawns a child on another thread.
    fn spawner(&self) -> Thread<Handle> {
        let (scope, work) = (Scope::clone(&self.scope), Work::new(&self.census, 1));
        spawn(move || scope.spawn(work))
    }

    /// Nothing is left, once the scope and the executor are gone.
    fn check(self) {
        drop(self.scope);
        while self.tasks.try_take().is_some() {}
        assert_eq!(self.census.alive(), 0);
        assert_eq!(self.tasks.in_memory(), 0);
    }
}

fn finish(mut child: Child) {
    assert_eq!(poll_once(&mut child), Poll::Ready(()));
}

/// Two spawn while the scope is cancelled: none is forgotten.
#[test]
fn push_or_push_or_close() {
    check("registry: push or push or close", || {
        let setup = Setup::new();
        let spawning = [setup.spawner(), setup.spawner()];
        setup.scope.cancel("test");
        let handles = spawning.map(Thread::join);
        assert!(handles.iter().all(Handle::is_finished));
        assert_eq!(setup.census.alive(), 0);
        drop(handles);
        setup.check();
    });
}

/// A cancel walks over children that a spawner sweeps out, and comes to those behind them.
#[test]
fn sweep_or_walk() {
    check("registry: sweep or walk", || {
        let setup = Setup::new();
        let oldest = setup.spawn();
        setup.finished();
        setup.finished();
        let (child, handle) = setup.spawn();
        let spawning = setup.spawner();
        setup.scope.cancel("test");
        assert!(spawning.join().is_finished() && handle.is_finished() && oldest.1.is_finished());
        drop((child, handle, oldest));
        setup.check();
    });
}

/// A child finishes while it may be swept out: its memory is freed once, by the last who keeps it.
#[test]
fn finish_or_sweep() {
    check("registry: finish or sweep", || {
        let setup = Setup::new();
        let (first, handle) = setup.spawn();
        drop(handle);
        let second = setup.spawn();
        let executor = spawn(move || finish(first));
        drop(setup.spawn());
        executor.join();
        drop(second);
        setup.check();
    });
}

/// Two spawn, and sweep, at the same time.
#[test]
fn sweep_or_sweep() {
    check("registry: sweep or sweep", || {
        let setup = Setup::new();
        setup.finished();
        setup.finished();
        let last = setup.spawn();
        let spawning = setup.spawner();
        drop(setup.spawn());
        drop((spawning.join(), last));
        setup.check();
    });
}

/// Two spawn, and sweep, while a third thread cancels.
#[test]
fn sweep_or_sweep_or_walk() {
    check("registry: sweep or sweep or walk", || {
        let setup = Setup::new();
        setup.finished();
        setup.finished();
        let last = setup.spawn();
        let spawning = [setup.spawner(), setup.spawner()];
        setup.scope.cancel("test");
        drop((spawning.map(Thread::join), last));
        setup.check();
    });
}

/// One of those who leave sweeps, while a cancel walks and a spawner pushes.
#[test]
fn leave_or_walk_or_push() {
    check("registry: leave or walk or push", || {
        let setup = Setup::new();
        let children = [(); 3].map(|()| setup.spawn().0);
        let (last, handle) = setup.spawn();
        drop(handle);
        children.into_iter().for_each(finish);
        let executor = spawn(move || finish(last));
        let spawning = setup.spawner();
        setup.scope.cancel("test");
        executor.join();
        drop(spawning.join());
        setup.check();
    });
}

/// Somebody walks while a spawner sweeps: what is swept out is released, by the one or the other,
/// and does not wait for the next sweep. Fails if the walker does not look, or without the fences
/// with which they leave it to each other.
#[test]
fn walk_or_sweep() {
    check("registry: walk or sweep", || {
        let setup = Setup::new();
        (0..3).for_each(|_| setup.finished());
        assert_eq!(setup.tasks.in_memory(), 3);
        let spawning = setup.spawner();
        setup.scope.each_child(|_| {});
        drop(spawning.join());
        // The new one, and the newest of the others.
        assert_eq!(setup.tasks.in_memory(), 2);
        setup.check();
    });
}

/// Two walk while a spawner sweeps. Fails if who may not release now leaves that to one who has
/// looked already.
#[test]
fn walk_or_walk_or_sweep() {
    check("registry: walk or walk or sweep", || {
        let setup = Setup::new();
        (0..3).for_each(|_| setup.finished());
        let spawning = setup.spawner();
        let scope = Scope::clone(&setup.scope);
        let walking = spawn(move || scope.each_child(|_| {}));
        setup.scope.each_child(|_| {});
        drop(spawning.join());
        walking.join();
        assert_eq!(setup.tasks.in_memory(), 2);
        setup.check();
    });
}
