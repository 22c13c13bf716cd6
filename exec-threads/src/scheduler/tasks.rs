//! The tasks that have not ended: what is dropped with the pool.

use super::queues::Queues;
use anyscope_core::Child;
use async_task::{Builder, Runnable, ScheduleInfo, Task, WithInfo};
use slab::Slab;
use std::{
    future::Future,
    mem,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
};

const MOST_SHARDS: usize = 64;

/// The owner of tasks. Dropping it drops all of them.
#[derive(Debug)]
pub(crate) struct Tasks {
    shards: Box<[Arc<Shard>]>,
    queues: Arc<Queues>,
}

/// Some of the tasks, so that threads do not wait for each other.
#[derive(Debug)]
struct Shard {
    wakers: Mutex<Slab<Waker>>,
    queues: Arc<Queues>,
}

impl Tasks {
    /// Makes an empty one, for about so many threads.
    pub(crate) fn new(threads: usize) -> Self {
        let shards = threads.min(MOST_SHARDS - 1) + 1;
        let queues = Arc::new(Queues::new());
        let shard = || Arc::new(Shard { wakers: Mutex::default(), queues: queues.clone() });
        Tasks { shards: std::iter::repeat_with(shard).take(shards).collect(), queues }
    }

    pub(crate) fn queues(&self) -> &Queues {
        &self.queues
    }

    pub(crate) fn spawn(&self, child: Child) -> Task<()> {
        let shard = &self.shards[super::driver::name().unwrap_or(usize::MAX) % self.shards.len()];
        let mut wakers = shard.lock();
        let entry = wakers.vacant_entry();
        let listed = Listed { child, leave: Leave { shard: shard.clone(), key: entry.key() } };
        let schedule = {
            let shard = shard.clone();
            move |task: Runnable, info: ScheduleInfo| shard.queues.push_woken(task, info)
        };
        let builder = Builder::new().propagate_panic(true);
        let (runnable, task) = builder.spawn(|()| listed, WithInfo(schedule));
        entry.insert(runnable.waker());
        drop(wakers);
        self.queues.push_spawned(runnable);
        task
    }
}

impl Drop for Tasks {
    fn drop(&mut self) {
        // Nobody runs tasks any more. Each is in a queue, or is now.
        for shard in &self.shards {
            let wakers = mem::take(&mut *shard.lock());
            for (_, waker) in wakers {
                waker.wake();
            }
        }
        while let Some(task) = self.queues.take_from_outside() {
            drop(task);
        }
    }
}

impl Shard {
    fn lock(&self) -> MutexGuard<'_, Slab<Waker>> {
        self.wakers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A child that is on the list of a shard.
struct Listed {
    child: Child,
    #[expect(dead_code, reason = "for its destructor")]
    leave: Leave,
}

impl Future for Listed {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        Pin::new(&mut self.child).poll(cx)
    }
}

struct Leave {
    shard: Arc<Shard>,
    key: usize,
}

impl Drop for Leave {
    fn drop(&mut self) {
        let waker = self.shard.lock().try_remove(self.key);
        drop(waker);
    }
}
