//! Bounded work, and merges.

use super::today::{bounded_by_tasks, bounded_by_tokio};
use crate::{
    backend::{self, Sample, Work, nanos},
    sockets::Sockets,
};
use anyscope::{Executor, flow};
use futures_lite::future::yield_now;
use futures_util::{Stream, StreamExt, stream};
use std::{
    hint::black_box,
    pin::Pin,
    task::{Context, Poll},
    time::Instant,
};

const ITEMS: usize = 2000;
const LIMIT: usize = 50;

async fn step(n: usize) {
    yield_now().await;
    black_box(n);
}

/// Items that yield once, in one task.
#[derive(Clone, Copy)]
pub(super) struct Bounded;

async fn bounded_by_futures() -> Sample {
    let start = Instant::now();
    stream::iter(0..ITEMS).map(step).buffer_unordered(LIMIT).for_each(async |()| ()).await;
    nanos(start.elapsed(), ITEMS)
}

impl Work for Bounded {
    async fn own<E: Executor + Sockets>(self, _: E) -> Sample {
        let start = Instant::now();
        flow::iter(0..ITEMS).for_each_concurrent(LIMIT, step).await;
        nanos(start.elapsed(), ITEMS)
    }

    async fn on_tokio(self) -> Sample {
        bounded_by_futures().await
    }

    async fn on_tasks<T: backend::Tasks>(self, _: T) -> Sample {
        bounded_by_futures().await
    }
}

/// The same, on the executor.
#[derive(Clone, Copy)]
pub(super) struct Parallel;

impl Work for Parallel {
    async fn own<E: Executor + Sockets>(self, exec: E) -> Sample {
        let start = Instant::now();
        let each = |n| async move { step(n).await };
        flow::iter(0..ITEMS).for_each_on(&exec, LIMIT, each).await.expect("nothing panics");
        nanos(start.elapsed(), ITEMS)
    }

    async fn on_tokio(self) -> Sample {
        bounded_by_tokio(ITEMS, LIMIT, 1, step).await
    }

    async fn on_tasks<T: backend::Tasks>(self, tasks: T) -> Sample {
        bounded_by_tasks(tasks, ITEMS, LIMIT, 1, step).await
    }
}

/// Streams that have to wait before each item.
#[derive(Clone, Copy)]
pub(super) struct Merge;

const STREAMS: usize = 16;
const EACH: usize = 200;

struct Waits {
    left: usize,
    waited: bool,
}

impl Stream for Waits {
    type Item = usize;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<usize>> {
        if self.left == 0 {
            return Poll::Ready(None);
        }
        self.waited = !self.waited;
        if self.waited {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        self.left -= 1;
        Poll::Ready(Some(self.left))
    }
}

fn streams() -> Vec<Waits> {
    (0..STREAMS).map(|_| Waits { left: EACH, waited: false }).collect()
}

async fn merged_by_futures() -> Sample {
    let start = Instant::now();
    let sum = stream::select_all(streams()).fold(0, async |sum, n| sum + n).await;
    black_box(sum);
    nanos(start.elapsed(), STREAMS * EACH)
}

impl Work for Merge {
    async fn own<E: Executor + Sockets>(self, _: E) -> Sample {
        let start = Instant::now();
        let merged = flow::merge_all(streams().into_iter().map(flow::stream));
        black_box(merged.fold(0, async |sum, n| sum + n).await);
        nanos(start.elapsed(), STREAMS * EACH)
    }

    async fn on_tokio(self) -> Sample {
        merged_by_futures().await
    }

    async fn on_tasks<T: backend::Tasks>(self, _: T) -> Sample {
        merged_by_futures().await
    }
}
