//! Scopes and their children.

use super::{
    Rows,
    flows::{ITEMS, LIMITS},
    peers::{in_tokio, in_turn, join_set, runtime, tasks, tokio_handles},
};
use crate::{
    by_hand::ByHand,
    meter::{Count, counted, counted_in_task},
    own::{self, Part, To},
    work::{Waits, Yields, ready, take_waiting},
};
use anyscope::{
    BlockOn, Latent,
    observe::{Observer, PollEnd, Subject, Who, recorder::Recorder, tree::Tree},
    scope,
    smol::{SmolHandle, SmolStatic},
    tokio::TokioHandle,
    tracing::Spans,
};
use async_executor::Executor;
use futures_lite::future::block_on;
use std::{future::pending, hint::black_box, sync::Arc};
use tokio::{
    runtime::Handle,
    task::{JoinSet, yield_now},
};

/// How many are spawned in one scope.
const SPAWNED: [usize; 2] = [1, 100];

pub(super) fn spawns<M: own::Map<Yields>>(rows: &mut Rows, name: &str, work: M) {
    for n in SPAWNED {
        let floor = move || ByHand.block_on(counted_in_task(n, || in_turn(n, work)));
        let handles = move || {
            let runtime = runtime();
            let once = counted_in_task(n, move || tokio_handles(n, work));
            runtime.block_on(runtime.spawn(once)).unwrap();
        };
        rows.path(format!("spawn/by hand/{name}/{n}")).floor(floor).own(move || {
            ByHand.block_on(counted_in_task(n, || own::spawn_and_join(&ByHand, n, work)));
        });
        rows.path(format!("spawn/latent, by hand/{name}/{n}")).floor(floor).own(move || {
            let latent = Latent::new(&ByHand);
            ByHand.block_on(counted_in_task(n, || own::spawn_and_join(&latent, n, work)));
        });
        rows.path(format!("spawn/latent, tokio current-thread/{name}/{n}"))
            .floor(floor)
            .own(move || in_tokio(n, work, |tokio| Latent::new(&tokio)))
            .peer("tokio::spawn", handles);
        rows.path(format!("spawn/tokio current-thread/{name}/{n}"))
            .floor(floor)
            .own(move || in_tokio(n, work, |tokio| tokio))
            .peer("tokio::spawn", handles)
            .peer("JoinSet", move || {
                let runtime = runtime();
                let once = counted_in_task(n, move || join_set(n, work));
                runtime.block_on(runtime.spawn(once)).unwrap();
            });
        rows.path(format!("spawn/async-executor/{name}/{n}"))
            .floor(floor)
            .own(move || {
                let executor = Arc::new(Executor::new());
                let handle = SmolHandle::from(&executor);
                let once = async move {
                    counted_in_task(n, || own::spawn_and_join(&handle, n, work)).await;
                };
                block_on(executor.run(executor.spawn(once)));
            })
            .peer("Executor::spawn", move || {
                let executor = Arc::new(Executor::new());
                let own = executor.clone();
                let once = async move {
                    counted_in_task(n, || tasks(|child| own.spawn(child), n, work)).await
                };
                block_on(executor.run(executor.spawn(once)));
            });
        rows.path(format!("spawn/static executor/{name}/{n}"))
            .floor(floor)
            .own(move || {
                let executor = Executor::new().leak();
                let handle = SmolStatic::from(executor);
                let once = async move {
                    counted_in_task(n, || own::spawn_and_join(&handle, n, work)).await;
                };
                block_on(executor.run(executor.spawn(once)));
            })
            .peer("StaticExecutor::spawn", move || {
                let executor = Executor::new().leak();
                let spawn = |child| executor.spawn(child);
                let once = counted_in_task(n, move || tasks(spawn, n, work));
                block_on(executor.run(executor.spawn(once)));
            });
        rows.path(format!("tree/spawn + join/{name}/{n}")).floor(floor).own(move || {
            let tree = Tree::new();
            let once = || tree.watch(own::spawn_and_join(&ByHand, n, work));
            ByHand.block_on(counted_in_task(n, once));
        });
        rows.path(format!("spans off/spawn + join/{name}/{n}")).floor(floor).own(move || {
            let tree = Tree::builder().observer(Spans::new()).build();
            let once = || tree.watch(own::spawn_and_join(&ByHand, n, work));
            ByHand.block_on(counted_in_task(n, once));
        });
        rows.path(format!("concurrent/spawn + join/{name}/{n}")).floor(floor).own(move || {
            ByHand.block_on(counted_in_task(n, || own::concurrent_spawn_and_join(n, work)));
        });
        rows.path(format!("block_scope/spawn + join/{name}/{n}"))
            .floor(floor)
            .own(move || counted(n, || own::block_spawn_and_join(n, work)));
    }
}

/// Where the instructions of a spawn go, when the children have ended before they are awaited.
pub(super) fn parts(rows: &mut Rows) {
    const N: usize = 100;
    const ROUNDS: usize = 100;
    for (name, part) in [("spawn", Part::Spawn), ("poll", Part::Poll), ("await", Part::Join)] {
        rows.path(format!("handle/{name}/{N}")).own(move || {
            for round in 0..ROUNDS {
                let part = (round >= 2).then_some(part);
                ByHand.block_on(own::part_of_spawn_and_join(N, ready, part));
            }
        });
    }
}

pub(super) fn scopes(rows: &mut Rows) {
    rows.path("tree/snapshot/1000".into()).own(|| {
        const N: usize = 1000;
        let tree = Tree::new();
        ByHand.block_on(tree.watch(scope(&ByHand, async |s| {
            for _ in 0..N {
                s.spawn(pending::<()>());
            }
            ByHand.run();
            counted(N, || tree.snapshot());
            s.cancel("counted");
        })));
    });
    rows.path("recorder/event".into()).own(|| {
        const N: usize = 10_000;
        let recorder = Recorder::builder().clock(own::Free).build();
        let subject =
            Subject { who: Who::Child { scope: 1, number: 1, is_daemon: false }, mark: 0 };
        let observer: &dyn Observer = black_box(&recorder);
        // The first one makes the place for the others.
        observer.poll_begins(subject);
        counted(N, || {
            for _ in 0..N / 2 {
                observer.poll_begins(subject);
                observer.poll_ends(subject, PollEnd::Pending(None));
            }
        });
    });
    rows.path("scope/empty".into()).own(|| ByHand.block_on(counted_in_task(1, own::empty_scope)));
    rows.path("concurrent/empty".into())
        .own(|| ByHand.block_on(counted_in_task(1, own::empty_concurrent)));
}

pub(super) fn parallel<M: own::Map<Yields>>(rows: &mut Rows, name: &str, work: M) {
    let floor = move |n| move || ByHand.block_on(counted_in_task(n, || in_turn(n, work)));
    for n in [1, 100, 10_000] {
        rows.path(format!("spawn_all/{name}/{n}"))
            .floor(floor(n))
            .own(move || ByHand.block_on(counted_in_task(n, || own::spawn_all(n, work))));
    }
    for limit in LIMITS {
        rows.path(format!("for_each_on/{name}/{limit}")).floor(floor(ITEMS)).own(move || {
            ByHand.block_on(counted_in_task(ITEMS, || own::for_each_on(ITEMS, limit, work)));
        });
        rows.path(format!("map_on/ordered/{name}/{limit}")).floor(floor(ITEMS)).own(move || {
            ByHand.block_on(counted_in_task(ITEMS, || own::map_on(ITEMS, limit, work)));
        });
        rows.path(format!("map_on/unordered/{name}/{limit}")).floor(floor(ITEMS)).own(move || {
            ByHand.block_on(counted_in_task(ITEMS, || own::map_on_unordered(ITEMS, limit, work)));
        });
    }
}

pub(super) fn cancels(rows: &mut Rows) {
    const ROUNDS: usize = 10;
    let counting = |round| round >= 2;
    for n in [100, 10_000] {
        for (name, to) in [("call", To::Return), ("to the end", To::End)] {
            rows.path(format!("cancel/by hand, {name}/{n}")).own(move || {
                for round in 0..ROUNDS {
                    let to = counting(round).then_some(to);
                    let all_wait = async || {
                        ByHand.run();
                        assert_eq!(take_waiting(), n);
                    };
                    ByHand.block_on(own::cancel(&ByHand, n, to, all_wait, async || ByHand.run()));
                }
            });
        }
        rows.path(format!("cancel/tokio current-thread, to the end/{n}"))
            .own(move || {
                let runtime = runtime();
                let tokio = TokioHandle::from(runtime.handle().clone());
                runtime.block_on(async {
                    for round in 0..ROUNDS {
                        let to = counting(round).then_some(To::End);
                        own::cancel(&tokio, n, to, async || all_wait(n).await, no_tasks).await;
                    }
                });
            })
            .peer("JoinSet::shutdown", move || {
                runtime().block_on(async {
                    for round in 0..ROUNDS {
                        let mut set: JoinSet<()> = (0..n).map(|_| Waits::default()).collect();
                        all_wait(n).await;
                        let count = counting(round).then(|| Count::of(n));
                        set.shutdown().await;
                        drop(count);
                    }
                });
            });
    }
}

async fn all_wait(n: usize) {
    let mut waiting = 0;
    while waiting < n {
        yield_now().await;
        waiting += take_waiting();
    }
}

async fn no_tasks() {
    while Handle::current().metrics().num_alive_tasks() > 0 {
        yield_now().await;
    }
}
