//! What does a retry cost that is not needed?
//!
//! A call that is ready at once, bare and in a `retry`, by turns.
//!
//! - `cargo bench --bench retry` prints a table: the figures of `RESULTS.md`.

mod support;

use anyscope::{resilience::retry, smol::Smol};
use futures_lite::future::block_on;
use std::{
    future::Future,
    hint::black_box,
    time::{Duration, Instant},
};
use support::{Contender, compare};

#[global_allocator]
static ALLOCATOR: support::Counting = support::Counting;

/// Calls in one measured run.
const CALLS: usize = 1000;

async fn call() -> Result<usize, ()> {
    Ok(black_box(7))
}

fn contender<F: Future<Output = usize>>(
    name: &str,
    one: impl Fn() -> F + 'static,
) -> Contender<'static> {
    Contender {
        name: name.into(),
        run: Box::new(move |iterations| {
            let start = Instant::now();
            block_on(async {
                for _ in 0..iterations as usize * CALLS {
                    black_box(one().await);
                }
            });
            start.elapsed()
        }),
    }
}

fn main() {
    const POLICY: [Duration; 2] = [Duration::from_secs(1); 2];
    let contenders = [
        contender("the bare call", || async { call().await.unwrap() }),
        contender("retry", || async { retry(&Smol, POLICY, call).await.unwrap() }),
    ];
    println!("| call | ns | allocations |");
    println!("|---|--:|--:|");
    for (contender, measured) in contenders.iter().zip(compare(&contenders)) {
        println!(
            "| {} | {:.1} | {:.3} |",
            contender.name,
            measured.nanos / CALLS as f64,
            measured.allocations / CALLS as f64,
        );
    }
}
