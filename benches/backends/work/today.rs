//! Bounded work on an executor, as it is written today. Each item is work of so many parts.

use crate::backend::{self, Sample, nanos};
use futures_util::{StreamExt, stream};
use std::{future::Future, time::Instant};
use tokio::task::JoinSet;

pub(super) async fn bounded_by_tokio<F: Future<Output = ()> + Send + 'static>(
    items: usize,
    limit: usize,
    parts: usize,
    each: impl Fn(usize) -> F,
) -> Sample {
    let start = Instant::now();
    let mut set = JoinSet::new();
    for n in 0..items {
        if set.len() == limit {
            set.join_next().await;
        }
        set.spawn(each(n));
    }
    while set.join_next().await.is_some() {}
    nanos(start.elapsed(), items * parts)
}

pub(super) async fn bounded_by_tasks<F: Future<Output = ()> + Send + 'static>(
    tasks: impl backend::Tasks,
    items: usize,
    limit: usize,
    parts: usize,
    each: impl Fn(usize) -> F,
) -> Sample {
    let start = Instant::now();
    let spawned = stream::iter(0..items).map(|n| tasks.spawn(each(n)));
    spawned.buffer_unordered(limit).for_each(async |()| ()).await;
    nanos(start.elapsed(), items * parts)
}
