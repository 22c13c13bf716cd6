//! Time limits, and how long a new task waits for its turn.

use crate::{
    backend::{self, Sample, Work, nanos},
    sockets::Sockets,
};
use anyscope::{Executor, scope, timeout};
use futures_lite::future::{or, yield_now};
use std::{
    future::Future,
    hint::black_box,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

const HOUR: Duration = Duration::from_secs(3600);

/// An hour around work that yields once, again and again.
#[derive(Clone, Copy)]
pub(super) struct Timeouts;

const TIMEOUTS: usize = 2000;

async fn step(n: usize) {
    yield_now().await;
    black_box(n);
}

impl Work for Timeouts {
    async fn own<E: Executor + Sockets>(self, exec: E) -> Sample {
        let start = Instant::now();
        for n in 0..TIMEOUTS {
            timeout(&exec, HOUR, step(n)).await.expect("an hour is enough");
        }
        nanos(start.elapsed(), TIMEOUTS)
    }

    async fn on_tokio(self) -> Sample {
        let start = Instant::now();
        for n in 0..TIMEOUTS {
            tokio::time::timeout(HOUR, step(n)).await.expect("an hour is enough");
        }
        nanos(start.elapsed(), TIMEOUTS)
    }

    async fn on_tasks<T: backend::Tasks>(self, _: T) -> Sample {
        let start = Instant::now();
        for n in 0..TIMEOUTS {
            let limit = async {
                smol::Timer::after(HOUR).await;
                false
            };
            let works = async {
                step(n).await;
                true
            };
            assert!(or(works, limit).await);
        }
        nanos(start.elapsed(), TIMEOUTS)
    }
}

/// How long it takes from a spawn to the first poll, while two tasks work and let others have their turn every 50 µs.
#[derive(Clone, Copy)]
pub(super) struct Latency;

const PROBES: usize = 1000;
const PAUSE: Duration = Duration::from_micros(100);

async fn works(until: Arc<AtomicBool>) {
    while !until.load(Relaxed) {
        let start = Instant::now();
        while start.elapsed() < Duration::from_micros(50) {
            black_box(());
        }
        yield_now().await;
    }
}

/// Takes the times, and returns what half, 99 % and 99.9 % of them do not exceed.
async fn probed<F, P, S>(spawn: impl Fn(Instant) -> F, pause: impl Fn() -> P, stop: S) -> Sample
where
    F: Future<Output = Duration>,
    P: Future,
    S: FnOnce(),
{
    let mut times = Vec::with_capacity(PROBES);
    for _ in 0..PROBES {
        pause().await;
        times.push(spawn(Instant::now()).await);
    }
    stop();
    times.sort();
    let of = |part: f64| times[(part * (PROBES - 1) as f64) as usize].as_nanos() as f64;
    vec![of(0.5), of(0.99), of(0.999)]
}

impl Work for Latency {
    async fn own<E: Executor + Sockets>(self, exec: E) -> Sample {
        let timer = exec.clone();
        scope(&exec, async |s| {
            let over = Arc::new(AtomicBool::new(false));
            (0..2).for_each(|_| drop(s.spawn(works(over.clone()))));
            let spawn = |start: Instant| {
                let child = s.spawn(async move { start.elapsed() });
                async { child.await.expect("no panic") }
            };
            probed(spawn, || timer.sleep(PAUSE), || over.store(true, Relaxed)).await
        })
        .await
    }

    async fn on_tokio(self) -> Sample {
        let over = Arc::new(AtomicBool::new(false));
        (0..2).for_each(|_| drop(tokio::spawn(works(over.clone()))));
        let spawn = |start: Instant| {
            let task = tokio::spawn(async move { start.elapsed() });
            async { task.await.expect("no panic") }
        };
        probed(spawn, || tokio::time::sleep(PAUSE), || over.store(true, Relaxed)).await
    }

    async fn on_tasks<T: backend::Tasks>(self, tasks: T) -> Sample {
        let over = Arc::new(AtomicBool::new(false));
        let workers: Vec<_> = (0..2).map(|_| tasks.spawn(works(over.clone()))).collect();
        let spawn = |start: Instant| tasks.spawn(async move { start.elapsed() });
        let sample =
            probed(spawn, || smol::Timer::after(PAUSE), || over.store(true, Relaxed)).await;
        for worker in workers {
            worker.await;
        }
        sample
    }
}
