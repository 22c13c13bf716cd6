//! Whose turn it is on a thread of a pool. Where nothing else is said, a pool has one thread, the one
//! that is lent to it, so nothing depends on which of two is faster.

#![cfg(not(anyscope_loom))]

use anyscope_core::{
    BlockOn, JoinHandle, OwnedScope,
    channel::{Receiver, Sender, handoff},
    scope,
};
use anyscope_threads::{ThreadPool, ThreadPoolHandle};
use futures_lite::future::yield_now;
use std::{
    cell::Cell,
    future::Future,
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
        mpsc,
    },
    thread,
};

/// Given a child that wakes itself for ever, then another one that is spawned beside it ends.
#[test]
fn who_wakes_itself_holds_up_nobody() {
    let pool = ThreadPool::new(0);
    let handle = pool.handle();
    pool.block_on(scope(&handle, async |s| {
        let _restless = s.spawn(for_ever());
        assert_eq!(s.spawn(twice()).await.unwrap(), 2);
        s.cancel("seen");
    }));
}

/// The same for two that wake each other, for one that was spawned on a thread that is not of the
/// pool, and for the future that the thread blocks on.
#[test]
fn who_wake_each_other_hold_up_nobody() {
    let pool = ThreadPool::new(0);
    let handle = pool.handle();
    pool.block_on(scope(&handle, async |s| {
        let ((to_one, one), (to_other, other)) = (handoff(), handoff());
        let _one = s.spawn(pass_on(one, to_other));
        let _other = s.spawn(pass_on(other, to_one.clone()));
        to_one.send(()).await.unwrap();
        assert_eq!(s.spawn(twice()).await.unwrap(), 2);
        let (_scope, child) = spawn_elsewhere(&pool);
        assert_eq!(child.await.unwrap(), 2);
        s.cancel("seen");
    }));
}

/// Given a future that blocks a thread and wakes itself for ever, then a child that was spawned on
/// another thread ends.
#[test]
fn who_blocks_holds_up_nobody() {
    let pool = ThreadPool::new(0);
    pool.block_on(async {
        let (_scope, child) = spawn_elsewhere(&pool);
        for _ in 0..FOR_EVER {
            if child.is_finished() {
                return;
            }
            yield_now().await;
        }
        panic!("held up the child");
    });
}

/// Given a child that holds its thread until another one has run, when the other thread of the pool
/// always has something to do, then that comes to the other one all the same.
#[test]
fn who_holds_its_thread_holds_up_nobody() {
    let pool = ThreadPool::new(1);
    let handle = pool.handle();
    let holding = scope(&handle, async |s| {
        let (is_spawned, is_over) = (Arc::new(AtomicBool::new(false)), AtomicBool::new(false));
        let is_over = Arc::new(is_over);
        let (begins, has_begun) = mpsc::channel();
        let restless = s.spawn({
            let (is_spawned, is_over) = (is_spawned.clone(), is_over.clone());
            async move {
                begins.send(()).unwrap();
                while !is_spawned.load(Ordering::Acquire) {
                    yield_now().await;
                }
                for _ in 0..FOR_EVER {
                    if is_over.load(Ordering::Relaxed) {
                        return;
                    }
                    yield_now().await;
                }
                panic!("held up the other one");
            }
        });
        has_begun.recv().unwrap();
        let (runs, has_run) = mpsc::channel();
        let other = s.spawn(async move { runs.send(()).unwrap() });
        is_spawned.store(true, Ordering::Release);
        has_run.recv().unwrap();
        is_over.store(true, Ordering::Relaxed);
        other.await.unwrap();
        restless.await.unwrap();
    });
    pool.block_on(holding);
}

/// Given children that wake themselves, then each is polled before one is polled a second time.
#[test]
fn who_wake_themselves_take_turns() {
    let pool = ThreadPool::new(0);
    let handle = pool.handle();
    let (have_begun, polled) = (Arc::new(AtomicUsize::new(0)), Arc::new(Mutex::new(Vec::new())));
    pool.block_on(scope(&handle, async |s| {
        let children = [0, 1, 2].map(|child| {
            let (have_begun, polled) = (have_begun.clone(), polled.clone());
            s.spawn(async move {
                have_begun.fetch_add(1, Ordering::Relaxed);
                while have_begun.load(Ordering::Relaxed) < 3 {
                    yield_now().await;
                }
                for _ in 0..3 {
                    yield_now().await;
                    polled.lock().unwrap().push(child);
                }
            })
        });
        for child in children {
            child.await.unwrap();
        }
    }));
    let polled = polled.lock().unwrap();
    let mut turn = polled[..3].to_vec();
    assert_eq!(*polled, turn.repeat(3));
    turn.sort_unstable();
    assert_eq!(turn, [0, 1, 2]);
}

/// Given children that spawn children for ever, then one that was spawned before them ends.
#[test]
fn who_spawn_without_end_hold_up_nobody() {
    /// Returns how many follow.
    fn chain(handle: ThreadPoolHandle, is_over: Arc<AtomicBool>, left: usize) -> Boxed<usize> {
        Box::pin(async move {
            if left == 0 || is_over.load(Ordering::Relaxed) {
                return 0;
            }
            let next = chain(handle.clone(), is_over, left - 1);
            1 + scope(&handle, async |s| s.spawn(next).await.unwrap()).await
        })
    }

    let pool = ThreadPool::new(0);
    let handle = pool.handle();
    let is_over = Arc::new(AtomicBool::new(false));
    pool.block_on(scope(&handle, async |s| {
        let chain = s.spawn(chain(handle.clone(), is_over.clone(), 1000));
        // What the chain spawns comes first, so all of these have to wait.
        let waiting: Vec<_> = (0..10).map(|_| s.spawn(twice())).collect();
        for child in waiting {
            assert_eq!(child.await.unwrap(), 2);
        }
        is_over.store(true, Ordering::Relaxed);
        assert!(chain.await.unwrap() < 1000);
    }));
}

/// Given a tree of children, then those of one parent begin in order, and no child begins while
/// there is a deeper one that has not ended.
#[test]
fn a_tree_is_walked_in_depth() {
    fn walk(handle: ThreadPoolHandle, name: String, begun: Arc<Mutex<Vec<String>>>) -> Boxed<()> {
        Box::pin(async move {
            begun.lock().unwrap().push(name.clone());
            if name.len() == 3 {
                return;
            }
            scope(&handle, async |s| {
                let children = ["a", "b", "c"].map(|letter| {
                    s.spawn(walk(handle.clone(), format!("{name}{letter}"), begun.clone()))
                });
                for child in children {
                    child.await.unwrap();
                }
            })
            .await;
        })
    }

    let pool = ThreadPool::new(0);
    let begun = Arc::default();
    pool.block_on(walk(pool.handle(), "-".into(), Arc::clone(&begun)));
    let begun = begun.lock().unwrap();
    assert_eq!(
        *begun,
        ["-", "-a", "-aa", "-ab", "-ac", "-b", "-ba", "-bb", "-bc", "-c", "-ca", "-cb", "-cc"]
    );
}

type Boxed<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// Spawns on a thread that is not of the pool.
fn spawn_elsewhere(pool: &ThreadPool) -> (OwnedScope<ThreadPoolHandle>, JoinHandle<'static, u32>) {
    let handle = pool.handle();
    let spawned = thread::spawn(move || {
        let scope = OwnedScope::new(&handle);
        let child = scope.spawn(twice());
        (scope, child)
    });
    spawned.join().unwrap()
}

/// A long time, for a test that fails: it would hang otherwise.
const FOR_EVER: usize = 100_000;

async fn for_ever() {
    for _ in 0..FOR_EVER {
        yield_now().await;
    }
    panic!("held up the others");
}

async fn pass_on(mut from: Receiver<()>, to: Sender<()>) {
    for _ in 0..FOR_EVER {
        from.recv().await;
        let _ = to.send(()).await;
    }
    panic!("held up the others");
}

/// Ends at its second poll.
async fn twice() -> u32 {
    let polls = Cell::new(1);
    yield_now().await;
    polls.set(polls.get() + 1);
    polls.get()
}
