//! One child: its executor, its handle and its scope, in pairs.

use anyscope_core::{
    CancelledBy, Child, JoinError, JoinHandle, OwnedScope,
    model::{Census, Probe, Tasks, Work, block_on, check, poll_once, spawn},
    spawn_fn,
};
use std::task::Poll;

/// A child that is ready at its `polls`th poll, what an executor has of it, and its handle.
struct Setup {
    scope: OwnedScope<Tasks>,
    child: Child,
    handle: JoinHandle<'static, Probe>,
    end: End,
}

/// What is to be checked last.
struct End {
    tasks: Tasks,
    census: Census,
}

impl Setup {
    fn new(polls: usize) -> Self {
        let tasks = Tasks::default();
        let census = Census::default();
        let scope = OwnedScope::new(&tasks);
        let handle = scope.spawn(Work::new(&census, polls));
        Setup { scope, child: tasks.take(), handle, end: End { tasks, census } }
    }
}

impl End {
    /// No future, no value and no memory is left.
    fn check(self) {
        assert_eq!(self.census.alive(), 0, "futures and values");
        assert_eq!(self.tasks.in_memory(), 0, "children");
    }
}

fn by(result: Result<Probe, JoinError>) -> CancelledBy {
    match result {
        Err(JoinError::Cancelled(cancelled)) => cancelled.by(),
        other => panic!("not cancelled: {other:?}"),
    }
}

/// A child is cancelled while it is polled, or before, or after: it is dropped once, by one of
/// the two, after the poll.
#[test]
fn poll_or_cancel() {
    check("child: poll or cancel", || {
        let Setup { scope, mut child, mut handle, end } = Setup::new(2);
        let executor = spawn(move || {
            let _ = poll_once(&mut child);
            child
        });
        handle.abort();
        let mut child = executor.join();
        assert_eq!(end.census.alive(), 0, "dropped, with the value that it never gave");
        assert_eq!(poll_once(&mut child), Poll::Ready(()));
        let Poll::Ready(result) = poll_once(&mut handle) else { panic!("done") };
        assert_eq!(by(result), CancelledBy::Handle);
        drop((child, handle, scope));
        end.check();
    });
}

/// A child is cancelled while it finishes: the handle gets the value, or the cause.
#[test]
fn finish_or_cancel() {
    check("child: finish or cancel", || {
        let Setup { scope, mut child, mut handle, end } = Setup::new(1);
        let executor = spawn(move || assert_eq!(poll_once(&mut child), Poll::Ready(())));
        handle.abort();
        executor.join();
        match poll_once(&mut handle) {
            Poll::Ready(Ok(value)) => value.touch(),
            Poll::Ready(result) => assert_eq!(by(result), CancelledBy::Handle),
            Poll::Pending => panic!("not done"),
        }
        drop((handle, scope));
        end.check();
    });
}

/// A handle waits for a child that finishes: no wake is lost, and the value comes whole.
#[test]
fn finish_or_join() {
    check("child: finish or join", || {
        let Setup { scope, mut child, handle, end } = Setup::new(1);
        let executor = spawn(move || assert_eq!(poll_once(&mut child), Poll::Ready(())));
        block_on(handle).unwrap().touch();
        executor.join();
        drop(scope);
        end.check();
    });
}

/// A handle that already waits changes its waker while the child finishes.
#[test]
fn finish_or_join_again() {
    check("child: finish or join again", || {
        let Setup { scope, mut child, mut handle, end } = Setup::new(1);
        assert!(poll_once(&mut handle).is_pending());
        let executor = spawn(move || assert_eq!(poll_once(&mut child), Poll::Ready(())));
        block_on(handle).unwrap().touch();
        executor.join();
        drop(scope);
        end.check();
    });
}

/// A handle is dropped while the child finishes: one of the two drops the value.
#[test]
fn finish_or_drop_handle() {
    check("child: finish or drop handle", || {
        let Setup { scope, mut child, handle, end } = Setup::new(1);
        let executor = spawn(move || assert_eq!(poll_once(&mut child), Poll::Ready(())));
        drop(handle);
        executor.join();
        assert_eq!(end.census.alive(), 0);
        drop(scope);
        end.check();
    });
}

/// The same for a handle that has waited: its waker is dropped once, too.
#[test]
fn finish_or_drop_waiting_handle() {
    check("child: finish or drop waiting handle", || {
        let Setup { scope, mut child, mut handle, end } = Setup::new(1);
        assert!(poll_once(&mut handle).is_pending());
        let executor = spawn(move || assert_eq!(poll_once(&mut child), Poll::Ready(())));
        drop(handle);
        executor.join();
        assert_eq!(end.census.alive(), 0);
        drop(scope);
        end.check();
    });
}

/// The handle and the scope cancel an idle child: one of them drops it, and is the cause.
#[test]
fn cancel_or_cancel() {
    check("child: cancel or cancel", || {
        let Setup { scope, child, handle, end } = Setup::new(1);
        let canceller = spawn(move || {
            handle.abort();
            handle
        });
        scope.cancel("test");
        let mut handle = canceller.join();
        assert_eq!(end.census.alive(), 0);
        let Poll::Ready(result) = poll_once(&mut handle) else { panic!("not done") };
        assert!([CancelledBy::Handle, CancelledBy::Scope].contains(&by(result)));
        drop((child, handle, scope));
        end.check();
    });
}

/// The handle and the scope cancel a child while it is polled.
#[test]
fn cancel_or_cancel_or_poll() {
    check("child: cancel or cancel or poll", || {
        let Setup { scope, mut child, handle, end } = Setup::new(2);
        let canceller = spawn(move || {
            handle.abort();
            handle
        });
        let executor = spawn(move || {
            let _ = poll_once(&mut child);
            child
        });
        scope.cancel("test");
        let (mut handle, child) = (canceller.join(), executor.join());
        assert_eq!(end.census.alive(), 0);
        let Poll::Ready(result) = poll_once(&mut handle) else { panic!("not done") };
        assert!([CancelledBy::Handle, CancelledBy::Scope].contains(&by(result)));
        drop((child, handle, scope));
        end.check();
    });
}

/// An executor waits for the waker of a child that is cancelled: it is told that it has an empty
/// shell.
#[test]
fn cancel_or_wait_for_wake() {
    check("child: cancel or wait for wake", || {
        let Setup { scope, child, handle, end } = Setup::new(9);
        let executor = spawn(move || block_on(child));
        handle.abort();
        executor.join();
        drop((handle, scope));
        end.check();
    });
}

/// The executor drops a child that its handle cancels.
#[test]
fn drop_child_or_cancel() {
    check("child: drop child or cancel", || {
        let Setup { scope, child, mut handle, end } = Setup::new(1);
        let executor = spawn(move || drop(child));
        handle.abort();
        executor.join();
        let Poll::Ready(result) = poll_once(&mut handle) else { panic!("not done") };
        assert!([CancelledBy::Handle, CancelledBy::Executor].contains(&by(result)));
        drop((handle, scope));
        end.check();
    });
}

/// The executor drops a child that its handle waits for.
#[test]
fn drop_child_or_join() {
    check("child: drop child or join", || {
        let Setup { scope, child, handle, end } = Setup::new(1);
        let executor = spawn(move || drop(child));
        assert_eq!(by(block_on(handle)), CancelledBy::Executor);
        executor.join();
        drop(scope);
        end.check();
    });
}

/// The last three who keep a child's memory let go of it: the executor, the handle after it took
/// the value, and the scope.
#[test]
fn free() {
    check("child: free", || {
        let Setup { scope, mut child, handle, end } = Setup::new(1);
        let executor = spawn(move || assert_eq!(poll_once(&mut child), Poll::Ready(())));
        let owner = spawn(move || drop(scope));
        match block_on(handle) {
            Ok(value) => value.touch(),
            result => assert_eq!(by(result), CancelledBy::Scope),
        }
        executor.join();
        owner.join();
        end.check();
    });
}

/// An executor finishes a child before the spawner is back from handing it over.
#[test]
fn finish_or_spawn() {
    check("child: finish or spawn", || {
        let census = Census::default();
        let exec = spawn_fn(|mut child: Child| {
            drop(spawn(move || assert_eq!(poll_once(&mut child), Poll::Ready(()))));
        });
        let scope = OwnedScope::new(&exec);
        drop(scope.spawn(Work::new(&census, 1)));
        block_on(scope.close());
        assert_eq!(census.alive(), 0);
    });
}
