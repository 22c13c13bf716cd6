//! What programs are made of: sockets, a processor's work, blocking parts.

use super::today::{bounded_by_tasks, bounded_by_tokio};
use crate::{
    backend::{self, Sample, Work, nanos},
    sockets::{self, REQUESTS},
};
use anyscope::{Executor, flow, scope};
use futures_lite::future::yield_now;
use futures_util::{StreamExt, stream};
use std::{future::Future, hint::black_box, time::Instant};

/// Connections to a server on the loopback, each by the sockets of its runtime.
#[derive(Clone, Copy)]
pub(super) struct Sockets;

const CONNECTIONS: usize = 64;
const CONNECTED: usize = 16;

impl Work for Sockets {
    async fn own<E: Executor + sockets::Sockets>(self, exec: E) -> Sample {
        let start = Instant::now();
        let sockets = exec.clone();
        let each = move |_| {
            let exchange = sockets.clone().exchange();
            async move { exchange.await.expect("the server answers") }
        };
        let all = flow::iter(0..CONNECTIONS).for_each_on(&exec, CONNECTED, each);
        all.await.expect("nothing panics");
        nanos(start.elapsed(), CONNECTIONS * REQUESTS)
    }

    async fn on_tokio(self) -> Sample {
        let exchange = |_| async { sockets::by_tokio().await.expect("the server answers") };
        bounded_by_tokio(CONNECTIONS, CONNECTED, REQUESTS, exchange).await
    }

    async fn on_tasks<T: backend::Tasks>(self, tasks: T) -> Sample {
        let exchange = |_| async { sockets::by_smol().await.expect("the server answers") };
        bounded_by_tasks(tasks, CONNECTIONS, CONNECTED, REQUESTS, exchange).await
    }
}

/// Work that needs a processor, as many pieces at a time as there are threads, and as many again.
#[derive(Clone, Copy)]
pub(super) struct Processor;

const PIECES: usize = 400;
const AT_ONCE: usize = 4;

/// About 20 µs.
fn crunch(n: usize) -> u64 {
    (0..20_000_u64)
        .fold(n as u64, |sum, k| black_box(sum.wrapping_mul(0x9E37_79B9).wrapping_add(k)))
}

impl Work for Processor {
    async fn own<E: Executor + sockets::Sockets>(self, exec: E) -> Sample {
        let start = Instant::now();
        let crunched = flow::iter(0..PIECES).map_on(&exec, AT_ONCE, |n| async move { crunch(n) });
        let sum = crunched.fold(0_u64, async |sum, one| sum.wrapping_add(one.expect("no panic")));
        black_box(sum.await);
        nanos(start.elapsed(), PIECES)
    }

    async fn on_tokio(self) -> Sample {
        let piece = |n| async move { _ = black_box(crunch(n)) };
        bounded_by_tokio(PIECES, AT_ONCE, 1, piece).await
    }

    async fn on_tasks<T: backend::Tasks>(self, tasks: T) -> Sample {
        let piece = |n| async move { _ = black_box(crunch(n)) };
        bounded_by_tasks(tasks, PIECES, AT_ONCE, 1, piece).await
    }
}

/// Items that wait, then block a thread, then are put together in order.
#[derive(Clone, Copy)]
pub(super) struct Pipeline;

const PIPED: usize = 200;
const PIPES: usize = 16;

impl Work for Pipeline {
    async fn own<E: Executor + sockets::Sockets>(self, exec: E) -> Sample {
        let start = Instant::now();
        let sum = scope(&exec, async |s| {
            let item = async |n| {
                yield_now().await;
                s.spawn_blocking(move || crunch(n)).await.expect("no panic")
            };
            let items = flow::iter(0..PIPED).map_concurrent(PIPES, item);
            items.fold(0_u64, async |sum, one| sum.wrapping_add(one)).await
        });
        black_box(sum.await);
        nanos(start.elapsed(), PIPED)
    }

    async fn on_tokio(self) -> Sample {
        piped(|n| async move {
            tokio::task::spawn_blocking(move || crunch(n)).await.expect("no panic")
        })
        .await
    }

    async fn on_tasks<T: backend::Tasks>(self, _: T) -> Sample {
        piped(|n| smol::unblock(move || crunch(n))).await
    }
}

async fn piped<F: Future<Output = u64>>(block: impl Fn(usize) -> F) -> Sample {
    let start = Instant::now();
    let block = &block;
    let items = stream::iter(0..PIPED).map(|n| async move {
        yield_now().await;
        block(n).await
    });
    let sum = items.buffered(PIPES).fold(0_u64, async |sum, one| sum.wrapping_add(one)).await;
    black_box(sum);
    nanos(start.elapsed(), PIPED)
}
