//! A library that names no runtime.

use anyscope::{Executor, OwnedScope, ScopeError, Semaphore, flow, timeout};
use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

/// Adds the lengths of words, three at a time, within a minute.
pub async fn lengths<E: Executor>(exec: &E, words: Vec<String>) -> Result<usize, ScopeError<String>> {
    let sum = Arc::new(AtomicUsize::new(0));
    let adds = sum.clone();
    let each = move |word: String| {
        let sum = adds.clone();
        async move {
            if word.is_empty() {
                return Err("an empty word".to_owned());
            }
            sum.fetch_add(word.len(), Ordering::SeqCst);
            Ok(())
        }
    };
    let work = flow::iter(words).try_for_each_on(exec, 3, each);
    timeout(exec, Duration::from_secs(60), work).await.expect("it takes no minute")?;
    Ok(sum.load(Ordering::SeqCst))
}

/// Works in the background, until it is stopped.
pub struct Worker<E: Executor> {
    scope: OwnedScope<E>,
    room: Semaphore,
    done: Arc<AtomicUsize>,
}

impl<E: Executor> Worker<E> {
    pub fn start(exec: &E) -> Self {
        let (room, done) = (Semaphore::new(2), Arc::new(AtomicUsize::new(0)));
        Worker { scope: OwnedScope::new(exec), room, done }
    }

    pub fn submit(&self, job: impl FnOnce() + Send + 'static) {
        let (room, done) = (self.room.clone(), self.done.clone());
        self.scope.spawn(async move {
            let Ok(_permit) = room.acquire().await else { return };
            job();
            done.fetch_add(1, Ordering::SeqCst);
        });
    }

    /// Waits for what was submitted, and returns how many jobs were done.
    pub async fn stop(self) -> usize {
        self.scope.close().await;
        self.done.load(Ordering::SeqCst)
    }
}
