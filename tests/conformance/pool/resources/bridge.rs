//! Managers of deadpool's in pools of ours.

use anyscope::{
    Grace,
    compat::FromDeadpool,
    pool::{ResourcePool, resources::Guard},
};
use deadpool::managed::{Manager, Metrics, RecycleError, RecycleResult};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use support::{behaviour, until};

#[derive(Default)]
struct Theirs {
    made: AtomicUsize,
    detached: AtomicUsize,
    broken: AtomicBool,
}

impl Manager for Theirs {
    type Type = usize;
    type Error = &'static str;

    async fn create(&self) -> Result<usize, &'static str> {
        match self.made.fetch_add(1, SeqCst) {
            2 => Err("no"),
            n => Ok(n),
        }
    }

    async fn recycle(&self, _: &mut usize, metrics: &Metrics) -> RecycleResult<&'static str> {
        match self.broken.load(SeqCst) {
            true => Err(RecycleError::message(format!("after {}", metrics.recycle_count))),
            false => Ok(()),
        }
    }

    fn detach(&self, _: &mut usize) {
        self.detached.fetch_add(1, SeqCst);
    }
}

behaviour! {
    /// Given a manager of deadpool's, then a pool creates, recycles and detaches with it.
    a_manager_of_deadpools_is_one_of_ours |ex| {
        let pool = ResourcePool::builder(FromDeadpool(Theirs::default())).max(1).build(&ex);
        let theirs = &pool.manager().0;
        for uses in 0..3 {
            let guard = pool.get().await.unwrap();
            assert_eq!((**guard, guard.metrics().recycle_count), (0, uses));
        }
        theirs.broken.store(true, SeqCst);
        let guard = pool.get().await.unwrap();
        assert_eq!((**guard, guard.metrics().recycle_count), (1, 0));
        until(|| theirs.detached.load(SeqCst) == 1).await;
        assert_eq!(Guard::take(guard).into_inner(), 1);
        assert_eq!(theirs.detached.load(SeqCst), 2);
        assert!(pool.get().await.is_err_and(|error| error.to_string().ends_with(": no")));
        drop(pool.get().await.unwrap());
        assert!(pool.close(Grace::Forever).await.is_clean());
        assert_eq!(theirs.detached.load(SeqCst), 3);
    }
}
