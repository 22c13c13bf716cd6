//! Three programs that hang on purpose, and say why.
//!
//! A tree is put around each of them. A thread looks at it from outside, as a server would on a signal: as soon as some
//! wait for each other in a circle, it prints the circle and the tree, and ends the program. None of them knows of the tree.
//!
//! ```text
//! cargo run -p examples --bin hang
//! ```

use anyscope::{
    BlockOn, CancelToken, JoinHandle, Semaphore, Spawn,
    observe::{labelled, tree::Tree},
    scope,
    smol::Smol,
    threads::ThreadPool,
};
use std::{
    future::pending,
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::Duration,
};

fn main() {
    let pool = ThreadPool::new(2);
    let threads = pool.handle();

    hang("two accounts, locked in the opposite order", |stop| Smol.block_on(transfers(Smol, stop)));
    hang("two children that wait for each other", |stop| {
        pool.block_on(children(threads.clone(), stop));
    });
    hang("a report that keeps the connection its query needs", |stop| {
        Smol.block_on(report(Smol, stop));
    });
}

/// Runs a program in a tree, and ends it when it hangs.
fn hang(title: &str, program: impl Fn(CancelToken)) {
    let (tree, stop) = (Tree::new(), CancelToken::new());
    println!("\n== {title}");
    thread::scope(|s| {
        s.spawn(|| {
            let verdict = loop {
                thread::sleep(Duration::from_millis(20));
                if let Some(verdict) = tree.verdict() {
                    break verdict;
                }
            };
            print!("{verdict}all that runs:\n{}", tree.snapshot());
            assert!(verdict.circle.len() > 1);
            stop.cancel("it hangs");
        });
        let context = tree.context(&Default::default());
        context.enter(|| program(stop.clone()));
    });
    assert!(tree.snapshot().scopes.is_empty(), "it has ended");
}

/// Each transfer locks the account that pays, then the one that is paid.
async fn transfers(exec: impl Spawn + Clone + Send + Sync + 'static, stop: CancelToken) {
    let (anna, ben) = (Semaphore::new(1), Semaphore::new(1));
    scope(&exec, async |s| {
        let transfer = |from: &Semaphore, to: &Semaphore| {
            let (from, to) = (from.clone(), to.clone());
            async move {
                let _pays = from.acquire().await;
                until(|| to.available() == 0).await; // the other one has locked too
                let _is_paid = to.acquire().await;
            }
        };
        s.spawn_named("Anna pays Ben", transfer(&anna, &ben));
        s.spawn_named("Ben pays Anna", transfer(&ben, &anna));
        s.spawn_named("a client", labelled("a request", pending::<()>()));
        stop.cancelled().await;
        s.cancel("it hangs");
    })
    .await;
}

/// Each has the handle of the other.
async fn children(exec: impl Spawn + Clone + Send + Sync + 'static, stop: CancelToken) {
    let slot = Slot::default();
    scope(&exec, async |s| {
        let theirs = slot.clone();
        let egg = s.spawn_named("egg", async move {
            until(|| lock(&theirs).is_some()).await;
            let hen = lock(&theirs).take().expect("it was there");
            let _ = hen.await;
        });
        *lock(&slot) = Some(s.spawn_named("hen", async move {
            let _ = egg.await;
        }));
        stop.cancelled().await;
        s.cancel("it hangs");
    })
    .await;
}

/// A report keeps the only connection while it waits for its queries, each of which needs one.
async fn report(exec: impl Spawn + Clone + Send + Sync + 'static, stop: CancelToken) {
    let (inner, connections) = (exec.clone(), Semaphore::new(1));
    scope(&exec, async |s| {
        s.spawn_named("report", async move {
            let _connection = connections.acquire().await;
            scope(&inner, async |s| {
                let connections = connections.clone();
                let query = async move {
                    let _connection = connections.acquire().await;
                };
                s.spawn_named("query", query).await
            })
            .await
        });
        stop.cancelled().await;
        s.cancel("it hangs");
    })
    .await;
}

type Slot = Arc<Mutex<Option<JoinHandle<'static, ()>>>>;

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn until(condition: impl Fn() -> bool) {
    while !condition() {
        smol::future::yield_now().await;
    }
}
