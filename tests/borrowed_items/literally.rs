//! As a user writes it, with the flow inside the call of `spawn`.

use crate::support::{Owned, greet};
use anyscope::{
    BlockOn, Limit, block_scope, concurrent, flow, scope, smol::Smol, threads::ThreadPool,
};

const TWO: Limit = Limit::new(2);

macro_rules! task {
    () => {
        async move {
            let Owned { names, prefix } = Owned::new();
            flow::iter(names.iter())
                .for_each_concurrent(TWO, async |name| drop(greet(&prefix, name).await))
                .await;
            flow::iter(names.iter())
                .map_concurrent(TWO, |name| {
                    let prefix = &prefix;
                    async move { greet(prefix, name).await }
                })
                .filter(|greeting| greeting.ends_with('n'))
                .chunks(std::num::NonZeroUsize::MIN)
                .fold(0, async |sum, greetings| sum + greetings.len())
                .await
        }
    };
}

#[test]
fn in_a_task_of_tokio() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap();
    assert_eq!(runtime.block_on(async { tokio::spawn(task!()).await.unwrap() }), 1);
}

#[test]
fn in_a_task_of_smol() {
    assert_eq!(smol::block_on(async { smol::spawn(task!()).await }), 1);
}

#[test]
fn in_a_child_of_a_scope() {
    let count = scope(&Smol, async |s| s.spawn(task!()).await.unwrap());
    assert_eq!(smol::block_on(smol::spawn(count)), 1);
}

#[test]
fn in_a_child_of_a_pool() {
    let pool = ThreadPool::new(1);
    let count = scope(&pool.handle(), async |s| s.spawn(task!()).await.unwrap());
    assert_eq!(pool.block_on(count), 1);
}

#[test]
fn in_a_child_that_borrows() {
    let Owned { names, prefix } = Owned::new();
    let pool = ThreadPool::new(1);
    block_scope(&pool, async |s| {
        let greet_all = async {
            flow::iter(&names)
                .for_each_concurrent(TWO, async |name| drop(greet(&prefix, name).await))
                .await;
        };
        s.spawn(greet_all).await.unwrap();
    });
    let greet_all = concurrent(async |s| {
        let greet_all = async {
            flow::iter(&names)
                .for_each_concurrent(TWO, async |name| drop(greet(&prefix, name).await))
                .await;
        };
        s.spawn(greet_all).await.unwrap();
    });
    smol::block_on(greet_all);
}
