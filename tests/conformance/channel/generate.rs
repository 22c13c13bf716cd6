//! Flows made by async blocks.

use anyscope::{channel::handoff, flow, join, scope};
use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
};
use support::{Signal, behaviour, on_drop, yields};

behaviour! {
    /// Given an async block, then its flow has what it sends, and the block is never more than one
    /// item ahead.
    a_block_makes_a_flow |ex| {
        let _ = &ex;
        let made = Arc::new(AtomicUsize::new(0));
        let count = made.clone();
        let numbers = flow::generate(async move |yielder| {
            for n in 0..50 {
                count.fetch_add(1, SeqCst);
                yielder.send(n).await.unwrap();
                if n % 3 == 0 {
                    yields(1).await;
                }
            }
        });
        assert_eq!(made.load(SeqCst), 0, "it is lazy");
        let mut next = 0;
        numbers
            .for_each(|n| {
                assert_eq!(n, next);
                next += 1;
                assert!(made.load(SeqCst) <= next + 1);
                yields(1)
            })
            .await;
        assert_eq!(next, 50);
    }

    /// Given a flow of a block that is dropped early, then the block is dropped with it.
    a_block_is_dropped_with_its_flow |ex| {
        let _ = &ex;
        let dropped = Arc::new(AtomicBool::new(false));
        let theirs = dropped.clone();
        let numbers = flow::generate(async move |yielder| {
            let _guard = on_drop(|| theirs.store(true, SeqCst));
            for n in 0.. {
                yielder.send(n).await.unwrap();
            }
        });
        assert_eq!(numbers.take(3).collect::<Vec<_>>().await, [0, 1, 2]);
        assert!(dropped.load(SeqCst));
    }

    /// Given a block that goes on when all senders are gone, then the flow ends when the block has ended.
    a_block_runs_to_its_end |ex| {
        let _ = &ex;
        let over = Arc::new(AtomicBool::new(false));
        let theirs = over.clone();
        let one = flow::generate(async move |yielder| {
            yielder.send(1).await.unwrap();
            drop(yielder);
            yields(5).await;
            theirs.store(true, SeqCst);
        });
        assert_eq!(one.count().await, 1);
        assert!(over.load(SeqCst));
    }

    /// Given a block that fails, then its error is the last item, and comes once; what sends of it waited for
    /// is received before.
    an_error_of_a_block_is_the_last_item |ex| {
        let _ = &ex;
        let items = flow::try_generate(async |yielder| {
            join((yielder.send(1), yielder.send(2))).await.0.unwrap();
            Err("over")
        });
        let all: Vec<Result<u32, &str>> = items.collect().await;
        assert_eq!(all, [Ok(1), Ok(2), Err("over")]);
    }

    /// Given a block with a scope of its own, then its children send too, and they are gone at the end.
    a_block_may_open_a_scope |ex| {
        let items = flow::generate(async |yielder| {
            scope(&ex, async |s| {
                for n in 0..4 {
                    let yielder = yielder.clone();
                    s.spawn(async move { yielder.send(n).await.unwrap() });
                }
            })
            .await;
        });
        let mut all: Vec<_> = items.collect().await;
        all.sort();
        assert_eq!(all, [0, 1, 2, 3]);
    }

    /// Given a block in a flow of blocks, then each makes its items.
    blocks_nest |ex| {
        let _ = &ex;
        let rows = flow::generate(async |outer| {
            for row in 0..3 {
                let cells = flow::generate(async move |inner| {
                    for column in 0..2 {
                        inner.send((row, column)).await.unwrap();
                    }
                });
                cells.for_each(async |cell| outer.send(cell).await.unwrap()).await;
            }
        });
        let all: Vec<_> = rows.collect().await;
        assert_eq!(all, [(0, 0), (0, 1), (1, 0), (1, 1), (2, 0), (2, 1)]);
    }

    /// Given a producer that is a child of a fail-fast scope, when it fails, then the scope reports it, and
    /// ends the consumer, which is the body.
    a_producer_is_a_child in [spawned, inline] |ex| {
        let seen = Arc::new(AtomicUsize::new(0));
        let theirs = seen.clone();
        let result = try_open!(async move |s| {
            let (yielder, receiver) = handoff();
            s.spawn(async move {
                yielder.send(1).await.unwrap();
                yielder.send(2).await.unwrap();
                Err::<(), _>("disk full")
            });
            flow::source(receiver)
                .for_each(async |_| { theirs.fetch_add(1, SeqCst); })
                .await;
            Ok::<(), &str>(())
        })
        .await;
        assert_eq!(result.unwrap_err().into_first(), Some("disk full"));
        assert!((1..=2).contains(&seen.load(SeqCst)));
    }

    /// Given a block that does other work besides, when the consumer is busy, then that goes on.
    a_block_is_not_snoozed |ex| {
        let _ = &ex;
        let progressed = Signal::new();
        let (fire, wait) = (progressed.clone(), progressed.clone());
        let items = flow::generate(async move |yielder| {
            yielder.send(()).await.unwrap();
            yields(10).await;
            fire.fire();
        });
        // The body of the loop waits for what the block does later.
        items.for_each(async |()| wait.wait().await).await;
    }
}
