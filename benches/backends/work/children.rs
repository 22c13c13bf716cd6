//! Many children: spawned and awaited, cancelled, asleep.

use crate::{
    backend::{self, Sample, Work, nanos},
    sockets::Sockets,
    support::counted,
};
use anyscope::{Executor, scope};
use futures_lite::future::{pending, yield_now};
use std::{
    future::Future,
    hint::black_box,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};
use tokio::task::JoinSet;

const HOUR: Duration = Duration::from_secs(3600);

/// Children that are ready at once.
#[derive(Clone, Copy)]
pub(super) struct Tasks {
    pub(super) n: usize,
}

async fn child(n: usize) -> usize {
    black_box(n)
}

impl Work for Tasks {
    async fn own<E: Executor + Sockets>(self, exec: E) -> Sample {
        let start = Instant::now();
        let sum = scope(&exec, async |s| {
            let handles: Vec<_> = (0..self.n).map(|n| s.spawn(child(n))).collect();
            let mut sum = 0;
            for handle in handles {
                sum += handle.await.expect("it does not panic");
            }
            sum
        });
        black_box(sum.await);
        nanos(start.elapsed(), self.n)
    }

    async fn on_tokio(self) -> Sample {
        let start = Instant::now();
        let mut set = JoinSet::new();
        (0..self.n).for_each(|n| drop(set.spawn(child(n))));
        let mut sum = 0;
        while let Some(output) = set.join_next().await {
            sum += output.expect("it does not panic");
        }
        black_box(sum);
        nanos(start.elapsed(), self.n)
    }

    async fn on_tasks<T: backend::Tasks>(self, tasks: T) -> Sample {
        let start = Instant::now();
        let all: Vec<_> = (0..self.n).map(|n| tasks.spawn(child(n))).collect();
        let mut sum = 0;
        for task in all {
            sum += task.await;
        }
        black_box(sum);
        nanos(start.elapsed(), self.n)
    }
}

/// Children that wait, and are cancelled together.
#[derive(Clone, Copy)]
pub(super) struct Cancel;

const CANCELLED: usize = 1000;

/// Counts those that wait.
#[derive(Clone, Default)]
struct Crowd(Arc<AtomicUsize>);

impl Crowd {
    fn child(&self) -> impl Future<Output = ()> + Send + 'static {
        let waiting = self.0.clone();
        async move {
            waiting.fetch_add(1, Relaxed);
            pending().await
        }
    }

    async fn all_wait(&self) {
        while self.0.load(Relaxed) < CANCELLED {
            yield_now().await;
        }
    }
}

impl Work for Cancel {
    async fn own<E: Executor + Sockets>(self, exec: E) -> Sample {
        let crowd = Crowd::default();
        let start = scope(&exec, async |s| {
            (0..CANCELLED).for_each(|_| drop(s.spawn(crowd.child())));
            crowd.all_wait().await;
            let start = Instant::now();
            s.cancel("enough");
            start
        });
        let start = start.await;
        nanos(start.elapsed(), CANCELLED)
    }

    async fn on_tokio(self) -> Sample {
        let crowd = Crowd::default();
        let mut set = JoinSet::new();
        (0..CANCELLED).for_each(|_| drop(set.spawn(crowd.child())));
        // Behind all that is ready.
        while crowd.0.load(Relaxed) < CANCELLED {
            tokio::task::yield_now().await;
        }
        let start = Instant::now();
        set.shutdown().await;
        nanos(start.elapsed(), CANCELLED)
    }

    async fn on_tasks<T: backend::Tasks>(self, tasks: T) -> Sample {
        let crowd = Crowd::default();
        let all: Vec<_> = (0..CANCELLED).map(|_| tasks.spawn(crowd.child())).collect();
        crowd.all_wait().await;
        let start = Instant::now();
        for task in all {
            task.cancel().await;
        }
        nanos(start.elapsed(), CANCELLED)
    }
}

/// Children that sleep.
#[derive(Clone, Copy)]
pub(super) struct Asleep {
    pub(super) n: usize,
}

/// Returns the bytes of each, once all of `start` is allocated.
fn bytes(n: usize, start: impl FnOnce()) -> Sample {
    vec![counted(start).peak as f64 / n as f64]
}

impl Work for Asleep {
    async fn own<E: Executor + Sockets>(self, exec: E) -> Sample {
        let timer = exec.clone();
        scope(&exec, async |s| {
            let bytes = bytes(self.n, || {
                for _ in 0..self.n {
                    let timer = timer.clone();
                    s.spawn(async move { timer.sleep(HOUR).await });
                }
            });
            s.cancel("measured");
            bytes
        })
        .await
    }

    async fn on_tokio(self) -> Sample {
        let mut set = JoinSet::new();
        let bytes = bytes(self.n, || {
            (0..self.n).for_each(|_| drop(set.spawn(tokio::time::sleep(HOUR))));
        });
        set.shutdown().await;
        bytes
    }

    async fn on_tasks<T: backend::Tasks>(self, tasks: T) -> Sample {
        let mut all = Vec::new();
        let bytes = bytes(self.n, || {
            for _ in 0..self.n {
                all.push(tasks.spawn(async { _ = smol::Timer::after(HOUR).await }));
            }
        });
        for task in all {
            task.cancel().await;
        }
        bytes
    }
}
