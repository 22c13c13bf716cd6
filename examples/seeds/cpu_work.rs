//! What computes, and what blocks: which kind of work goes where.
//!
//! | there | here |
//! |---|---|
//! | Haiway, practices: `run_in_executor(ProcessPoolExecutor(4), f, data)` | `.map_on(&pool.handle(), 4, f)` of a `ThreadPool` |
//! | practices: `ThreadPoolExecutor(10).map(f, files)` | `.map_concurrent(10, \|x\| s.spawn_blocking(..))` |
//! | practices: as many processes as the machine has processors | `ThreadPool::builder().build()` |
//! | article: `asyncio.to_thread(f)`; Haiway's `@asynchronous` | `s.spawn_blocking(f)`; the scope waits for it |
//! | practices: async for I/O, processes for what computes | an executor for each, in one program; `spawn_on` |
//! | a process that may crash or leak | not here yet |
//!
//! In Rust threads compute in parallel, so most of what processes are for in Python is not needed. What is: a worker
//! that may crash.
//!
//! Rows H-78, H-80, A-01, A-02, P-01, P-05, P-06, P-22 and P-23 of `docs/from-the-seeds.md`.
//!
//! ```text
//! cargo run -p examples --bin cpu_work
//! ```

use anyscope::{BlockOn, Spawn, SpawnBlocking, flow, join, scope, smol::Smol, threads::ThreadPool};
use std::{collections::BTreeSet, io, sync::Barrier, thread};

/// How many steps the Collatz sequence of `n` has: a loop without a wait in it.
fn steps(n: u64) -> u32 {
    let next = |n: &u64| (*n != 1).then(|| if n % 2 == 0 { n / 2 } else { 3 * n + 1 });
    std::iter::successors(Some(n), next).count() as u32 - 1
}

/// A range each, on threads of their own; results in order.
async fn computes() -> io::Result<()> {
    let pool = ThreadPool::builder().name("compute").build()?;
    let longest = flow::iter((1..100_000).step_by(10_000))
        .map_on(&pool.handle(), 4, async |first| {
            (first..first + 10_000).map(|n| (steps(n), n)).max().expect("there are numbers")
        })
        .try_fold(Vec::new(), async |mut all, range| {
            all.push(range?);
            Ok::<_, anyscope::JoinError>(all)
        });
    let longest = longest.await.expect("no child panics");
    println!("longest of each ten thousand: {longest:?}");
    assert_eq!(longest.iter().max(), Some(&(350, 77_031)));
    Ok(())
}

/// Calls that block have threads of their own, so the executor goes on.
async fn blocks(exec: &(impl Spawn + SpawnBlocking + Clone)) {
    let together = Barrier::new(3);
    let threads = scope(exec, async |s| {
        let together = std::sync::Arc::new(together);
        let calls = [0, 1, 2].map(|_| {
            let together = together.clone();
            s.spawn_blocking(move || {
                together.wait(); // All three are in it, or it would not end.
                thread::current().id()
            })
        });
        // This task is not held up by them.
        assert_eq!(s.spawn(async { "async goes on" }).await.unwrap(), "async goes on");
        join(calls).await.map(Result::unwrap)
    });
    let threads: BTreeSet<_> = threads.await.map(|id| format!("{id:?}")).into();
    println!("three calls that block, on {} threads", threads.len());
    assert_eq!(threads.len(), 3);
}

/// I/O on one executor and computing on another, in one scope.
async fn each_its_own(exec: &(impl Spawn + Clone)) {
    let pool = ThreadPool::new(2);
    let hash = scope(exec, async |s| {
        let text = s.spawn(async { "downloaded".to_owned() }).await.unwrap();
        s.spawn_on(&pool.handle(), async move {
            let name = thread::current().name().map(str::to_owned);
            (name, text.bytes().map(u64::from).sum::<u64>())
        })
        .await
        .unwrap()
    });
    let (name, hash) = hash.await;
    println!("hashed on {}: {hash}", name.as_deref().unwrap_or("a thread without a name"));
    assert_eq!(hash, "downloaded".bytes().map(u64::from).sum());
}

fn show() {
    Smol.block_on(async {
        computes().await.expect("there are threads");
        blocks(&Smol).await;
        each_its_own(&Smol).await;
    });
}

fn main() {
    show();
}

#[test]
fn on_threads() {
    show();
}
