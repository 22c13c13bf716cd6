//! The executor goes away.

use crate::{
    Adapter,
    tools::{Lives, until, waits, within},
};
use anyscope_core::{BlockOn, CancelledBy, JoinError, OwnedScope};
use std::{
    future::poll_fn,
    sync::{Arc, Mutex, atomic::Ordering},
    task::{Poll, Waker},
};

/// When its owner is dropped, an executor drops all children that it has, those that wait included.
pub fn children_go_with_their_executor<A: Adapter>() {
    within::<A>(|| {
        let lives = Lives::default();
        let (owner, handle) = A::start();
        let scope = OwnedScope::new(&handle);
        let (child, polled) = waits(&lives);
        let mut spawned = None;
        owner.block_on(async {
            spawned = Some(scope.spawn(child));
            until(|| polled.load(Ordering::SeqCst)).await;
        });
        let child = spawned.expect("spawned above");
        drop(owner);
        assert_eq!(lives.count(), 0, "a child that waits was not dropped with its executor");
        assert_eq!(by_whom(at_once(child)), CancelledBy::Executor);
    });
}

/// What is spawned on an executor that is gone is dropped, and its handle says by whom.
pub fn children_are_refused_afterwards<A: Adapter>() {
    within::<A>(|| {
        let (owner, handle) = A::start();
        drop(owner);
        let lives = Lives::default();
        let scope = OwnedScope::new(&handle);
        let child = scope.spawn(waits(&lives).0);
        assert_eq!(lives.count(), 0, "a child was not dropped by an executor that is gone");
        assert_eq!(by_whom(at_once(child)), CancelledBy::Executor);
    });
}

/// Wakers are called after their executor is gone.
pub fn a_waker_that_outlives_the_executor<A: Adapter>() {
    within::<A>(|| {
        let kept = Arc::new(Mutex::new(None::<Waker>));
        let (owner, handle) = A::start();
        let scope = OwnedScope::new(&handle);
        let keeps = kept.clone();
        owner.block_on(async {
            drop(scope.spawn(poll_fn(move |cx| {
                *keeps.lock().unwrap() = Some(cx.waker().clone());
                Poll::<()>::Pending
            })));
            until(|| kept.lock().unwrap().is_some()).await;
        });
        drop((scope, owner));
        let waker = kept.lock().unwrap().take().expect("seen above");
        waker.wake_by_ref();
        waker.wake();
    });
}

/// Returns the outcome of a child, which has to be there.
fn at_once<T>(child: anyscope_core::JoinHandle<'static, T>) -> Result<T, JoinError> {
    let mut child = std::pin::pin!(child);
    match Future::poll(child.as_mut(), &mut std::task::Context::from_waker(Waker::noop())) {
        Poll::Ready(outcome) => outcome,
        Poll::Pending => panic!("a child of an executor that is gone has no outcome"),
    }
}

fn by_whom<T>(outcome: Result<T, JoinError>) -> CancelledBy {
    match outcome {
        Err(JoinError::Cancelled(cancelled)) => cancelled.by(),
        Err(other) => panic!("{other:?}"),
        Ok(_) => panic!("it cannot have ended by itself"),
    }
}
