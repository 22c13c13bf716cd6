//! A scope and its children: who is last, who comes late, who is told.

use anyscope_core::{
    CancelledBy, Child, JoinError, Limit, OwnedScope, Ready, Scope, concurrent,
    model::{Census, Flag, Tasks, Thread, Work, block_on, check, poll_once, spawn},
    scope, scope_limited, try_scope,
};
use std::{
    future::{pending, poll_fn},
    task::Poll,
};

/// Polls `child` once, and it is ready.
fn finish(mut child: Child) {
    assert_eq!(poll_once(&mut child), Poll::Ready(()));
}

/// Polls whatever was spawned, on this thread, until there is nothing more.
fn run(tasks: &Tasks) {
    while let Some(child) = tasks.try_take() {
        finish(child);
    }
}

/// A scope is closed while its last child finishes: `close` returns, and not before the child's
/// future and value are gone.
#[test]
fn finish_or_close() {
    check("scope: finish or close", || {
        let (tasks, census) = (Tasks::default(), Census::default());
        let scope = OwnedScope::new(&tasks);
        drop(scope.spawn(Work::new(&census, 1)));
        let child = tasks.take();
        let executor = spawn(move || finish(child));
        block_on(scope.close());
        assert_eq!(census.alive(), 0);
        drop(scope);
        executor.join();
        assert_eq!(tasks.in_memory(), 0);
    });
}

/// The same with two children on two threads.
#[test]
fn finish_or_finish_or_close() {
    check("scope: finish or finish or close", || {
        let (tasks, census) = (Tasks::default(), Census::default());
        let scope = OwnedScope::new(&tasks);
        let executors = [(); 2].map(|()| {
            drop(scope.spawn(Work::new(&census, 1)));
            let child = tasks.take();
            spawn(move || finish(child))
        });
        block_on(scope.close());
        assert_eq!(census.alive(), 0);
        drop(scope);
        executors.into_iter().for_each(Thread::join);
        assert_eq!(tasks.in_memory(), 0);
    });
}

/// The same with a scope that is a future.
#[test]
fn finish_or_await() {
    check("scope: finish or await", || {
        let (tasks, census) = (Tasks::default(), Census::default());
        let executor = block_on(scope(&tasks, async |s| {
            drop(s.spawn(Work::new(&census, 1)));
            let child = tasks.take();
            spawn(move || finish(child))
        }));
        assert_eq!(census.alive(), 0);
        executor.join();
        assert_eq!(tasks.in_memory(), 0);
    });
}

/// A scope is dropped while its only child is polled. Whoever is last frees it all.
#[test]
fn poll_or_drop() {
    check("scope: poll or drop", || {
        let (tasks, census) = (Tasks::default(), Census::default());
        let scope = OwnedScope::new(&tasks);
        drop(scope.spawn(Work::new(&census, 2)));
        let mut child = tasks.take();
        let executor = spawn(move || _ = poll_once(&mut child));
        drop(scope);
        executor.join();
        assert_eq!(census.alive(), 0);
        assert_eq!(tasks.in_memory(), 0);
    });
}

/// The same with a child and a daemon on two threads: they are counted apart, and one of them has
/// the scope to itself in the end.
#[test]
fn poll_or_poll_or_drop() {
    check("scope: poll or poll or drop", || {
        let (tasks, census) = (Tasks::default(), Census::default());
        let scope = OwnedScope::new(&tasks);
        drop(scope.spawn(Work::new(&census, 1)));
        let child = tasks.take();
        drop(scope.spawn_daemon(Work::new(&census, 1)));
        let daemon = tasks.take();
        let executors = [child, daemon].map(|child| spawn(move || finish(child)));
        drop(scope);
        executors.into_iter().for_each(Thread::join);
        assert_eq!(census.alive(), 0);
        assert_eq!(tasks.in_memory(), 0);
    });
}

/// The same with two children on two threads.
#[test]
fn finish_or_finish_or_drop() {
    check("scope: finish or finish or drop", || {
        let (tasks, census) = (Tasks::default(), Census::default());
        let scope = OwnedScope::new(&tasks);
        let children = [(); 2].map(|()| {
            drop(scope.spawn(Work::new(&census, 1)));
            tasks.take()
        });
        let executors = children.map(|child| spawn(move || finish(child)));
        drop(scope);
        executors.into_iter().for_each(Thread::join);
        assert_eq!(census.alive(), 0);
        assert_eq!(tasks.in_memory(), 0);
    });
}

/// A child that is polled spawns a sibling while the scope is dropped: none of them is left.
#[test]
fn spawn_by_child_or_drop() {
    check("scope: spawn by child or drop", || {
        let (tasks, census) = (Tasks::default(), Census::default());
        let scope = OwnedScope::new(&tasks);
        let (inner, theirs) = (Scope::clone(&scope), census.clone());
        drop(scope.spawn(async move { drop(inner.spawn(Work::new(&theirs, 1))) }));
        let theirs = tasks.clone();
        let executor = spawn(move || run(&theirs));
        drop(scope);
        executor.join();
        assert_eq!(census.alive(), 0);
        assert_eq!(tasks.in_memory(), 0);
    });
}

/// A child is spawned while the scope is cancelled: it is refused or cancelled, not forgotten.
#[test]
fn spawn_or_cancel() {
    check("scope: spawn or cancel", || {
        let (tasks, census) = (Tasks::default(), Census::default());
        let scope = OwnedScope::new(&tasks);
        let spawner = Scope::clone(&scope);
        let work = Work::new(&census, 1);
        let spawner = spawn(move || spawner.spawn(work));
        scope.cancel("test");
        let mut handle = spawner.join();
        assert_eq!(census.alive(), 0);
        let Poll::Ready(Err(JoinError::Cancelled(cancelled))) = poll_once(&mut handle) else {
            panic!("neither refused nor cancelled");
        };
        assert_eq!(cancelled.by(), CancelledBy::Scope);
        drop((handle, tasks.try_take(), scope));
        assert_eq!(tasks.in_memory(), 0);
    });
}

/// A child is spawned from outside while the scope is closed: it is refused or waited for.
#[test]
fn spawn_or_close() {
    check("scope: spawn or close", || {
        let (tasks, census) = (Tasks::default(), Census::default());
        let scope = OwnedScope::new(&tasks);
        let spawner = Scope::clone(&scope);
        let (work, theirs) = (Work::new(&census, 1), tasks.clone());
        let spawner = spawn(move || {
            let handle = spawner.spawn(work);
            run(&theirs);
            handle
        });
        block_on(scope.close());
        let closed_with = scope.spawned();
        let mut handle = spawner.join();
        match poll_once(&mut handle) {
            Poll::Ready(Ok(value)) => {
                assert_eq!(closed_with, 1);
                value.touch();
            }
            Poll::Ready(Err(JoinError::Cancelled(cancelled))) => {
                assert_eq!(cancelled.by(), CancelledBy::Closed);
            }
            other => panic!("lost: {other:?}"),
        }
        drop((handle, scope));
        assert_eq!(census.alive(), 0);
        assert_eq!(tasks.in_memory(), 0);
    });
}

/// A child spawns a sibling while the scope waits for its last child: it waits for both.
#[test]
fn spawn_by_child_or_close() {
    check("scope: spawn by child or close", || {
        let (tasks, census) = (Tasks::default(), Census::default());
        let scope = OwnedScope::new(&tasks);
        let (inner, theirs) = (Scope::clone(&scope), census.clone());
        drop(scope.spawn(async move { drop(inner.spawn(Work::new(&theirs, 1))) }));
        let theirs = tasks.clone();
        let executor = spawn(move || run(&theirs));
        block_on(scope.close());
        assert_eq!(scope.spawned(), 2);
        assert_eq!(census.alive(), 0);
        executor.join();
        drop(scope);
        assert_eq!(tasks.in_memory(), 0);
    });
}

/// A daemon that waits for its waker is cancelled when the last child leaves, and is waited for.
#[test]
fn daemon_or_last_child() {
    check("scope: daemon or last child", || {
        let (tasks, census) = (Tasks::default(), Census::default());
        let scope = OwnedScope::new(&tasks);
        let mut daemon = scope.spawn_daemon(Work::new(&census, 9));
        let shell = tasks.take();
        let patient = spawn(move || block_on(shell));
        drop(scope.spawn(Work::new(&census, 1)));
        let child = tasks.take();
        let executor = spawn(move || finish(child));
        block_on(scope.close());
        assert_eq!(census.alive(), 0);
        let Poll::Ready(Err(JoinError::Cancelled(cancelled))) = poll_once(&mut daemon) else {
            panic!("the daemon lives");
        };
        assert_eq!(cancelled.by(), CancelledBy::Finished);
        patient.join();
        executor.join();
        drop((daemon, scope));
        assert_eq!(tasks.in_memory(), 0);
    });
}

/// Two wait for the end of a scope: both are told.
#[test]
fn finish_or_close_twice() {
    check("scope: finish or close twice", || {
        let tasks = Tasks::default();
        let scope = std::rc::Rc::new(OwnedScope::new(&tasks));
        drop(scope.spawn(async {}));
        let child = tasks.take();
        let executor = spawn(move || finish(child));
        let other = scope.clone();
        let other = spawn(move || block_on(other.close()));
        block_on(scope.close());
        other.join();
        executor.join();
    });
}

/// A child fails while the body awaits the value of another that is being polled: the body is
/// dropped, never resumed without a value.
#[test]
fn fail_or_value() {
    check("scope: fail or value", || {
        let tasks = Tasks::default();
        let mut executors = Vec::new();
        let result = block_on(try_scope(&tasks, async |s| -> Result<(), &str> {
            let awaited = s.spawn(pending::<Result<(), &str>>());
            let child = tasks.take();
            executors.push(spawn(move || block_on(child)));
            drop(s.spawn(async { Err::<(), _>("failed") }));
            let child = tasks.take();
            executors.push(spawn(move || finish(child)));
            awaited.value().await;
            unreachable!("nobody gives a value");
        }));
        assert_eq!(result.unwrap_err().into_first(), Some("failed"));
        executors.into_iter().for_each(Thread::join);
        assert_eq!(tasks.in_memory(), 0);
    });
}

/// A child fails because another one has: the failure that came first is the first. Fails if the
/// scope comes down before a failure is kept.
#[test]
fn fail_or_fail_in_consequence() {
    check("scope: fail or fail in consequence", || {
        let tasks = Tasks::default();
        let mut executors = Vec::new();
        let result = block_on(try_scope(&tasks, async |s| -> Result<(), &str> {
            let token = s.token();
            drop(s.spawn(async { Err::<(), _>("cause") }));
            let cause = tasks.take();
            drop(s.spawn(
                async move { if token.is_cancelled() { Err("consequence") } else { Ok(()) } },
            ));
            let consequence = tasks.take();
            executors.extend([cause, consequence].map(|child| spawn(move || finish(child))));
            pending().await
        }));
        assert_eq!(result.unwrap_err().into_first(), Some("cause"));
        executors.into_iter().for_each(Thread::join);
        assert_eq!(tasks.in_memory(), 0);
    });
}

/// A scope is cancelled from elsewhere while it waits: the body is dropped.
#[test]
fn cancel_or_await() {
    check("scope: cancel or await", || {
        let tasks = Tasks::default();
        let result = block_on(try_scope(&tasks, async |s| -> Result<(), ()> {
            drop(spawn(move || s.cancel("test")));
            pending().await
        }));
        assert!(result.unwrap_err().into_first().is_none());
    });
}

/// A child makes room while somebody waits for it.
#[test]
fn finish_or_wait_for_room() {
    check("scope: finish or wait for room", || {
        let tasks = Tasks::default();
        block_on(scope_limited(&tasks, Limit::new(1), async |s| {
            drop(s.spawn(async {}).await.unwrap());
            let child = tasks.take();
            let executor = spawn(move || finish(child));
            drop(s.spawn(async {}).await.unwrap());
            finish(tasks.take());
            executor.join();
        }));
        assert_eq!(tasks.in_memory(), 0);
    });
}

/// Two wait for room that one child makes, one after the other.
#[test]
fn finish_or_wait_or_wait_for_room() {
    check("scope: finish or wait or wait for room", || {
        let tasks = Tasks::default();
        block_on(scope_limited(&tasks, Limit::new(1), async |s| {
            drop(s.spawn(async {}).await.unwrap());
            let child = tasks.take();
            let executor = spawn(move || finish(child));
            let (other, theirs) = (s.clone(), tasks.clone());
            let other = spawn(move || {
                drop(block_on(other.spawn(async {})).unwrap());
                finish(theirs.take());
            });
            drop(s.spawn(async {}).await.unwrap());
            finish(tasks.take());
            other.join();
            executor.join();
        }));
        assert_eq!(tasks.in_memory(), 0);
    });
}

/// A scope is cancelled while two wait for room: both are told, although only one place comes
/// free.
#[test]
fn cancel_or_wait_for_room() {
    check("scope: cancel or wait for room", || {
        let tasks = Tasks::default();
        block_on(scope_limited(&tasks, Limit::new(1), async |s| {
            drop(s.spawn(async {}).await.unwrap());
            let (other, canceller) = (s.clone(), s.clone());
            let other = spawn(move || assert!(block_on(other.spawn(async {})).is_err()));
            let canceller = spawn(move || canceller.cancel("test"));
            assert!(s.spawn(async {}).await.is_err());
            other.join();
            canceller.join();
        }));
        drop(tasks.take());
        assert_eq!(tasks.in_memory(), 0);
    });
}

/// A child says that it is ready while its starter begins to wait.
#[test]
fn signal_or_wait_for_start() {
    check("scope: signal or wait for start", || {
        let tasks = Tasks::default();
        block_on(scope(&tasks, async |s| {
            let start = s.start(async |ready: Ready<u8>| {
                ready.signal(1);
                pending::<()>().await
            });
            let child = tasks.take();
            let executor = spawn(move || block_on(child));
            let (value, handle) = start.await.unwrap();
            assert_eq!(value, 1);
            handle.abort();
            executor.join();
        }));
        assert_eq!(tasks.in_memory(), 0);
    });
}

/// A child inside the scope's future is woken from elsewhere.
#[test]
fn wake_or_poll_concurrent() {
    check("scope: wake or poll concurrent", || {
        let flags = [Flag::default(), Flag::default()];
        for flag in flags.clone() {
            drop(spawn(move || flag.set()));
        }
        block_on(concurrent(async |s| {
            for flag in flags {
                drop(s.spawn(flag));
            }
        }));
    });
}

/// The waker of a child inside the scope's future fires late: while the child finishes, or when
/// the scope is gone.
#[test]
fn wake_or_finish_concurrent() {
    check("scope: wake or finish concurrent", || {
        let mut waking = None;
        block_on(concurrent(async |s| {
            let child = s.spawn(poll_fn(|cx| {
                if waking.is_some() {
                    return Poll::Ready(());
                }
                let waker = cx.waker().clone();
                waking = Some(spawn(move || {
                    waker.wake_by_ref();
                    waker.wake();
                }));
                Poll::Pending
            }));
            child.await.unwrap();
        }));
        waking.map(Thread::join);
    });
}
