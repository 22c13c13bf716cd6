//! What callers and workers promise when nothing is wrong with the engine.

use crate::{
    cluster::{QUEUE, Runs, serve, workers},
    jobs::{Number, Trouble},
};
use anyscope::{flow, scope};
use anyscope_remote::{
    CallError, LastAttempt, Memory, Remote, Ticket, contract,
    engine::{Engine, JobId},
    memory::Link,
};
use support::behaviour;

behaviour! {
    /// Given an engine in memory, then it does what an engine has to do, over a link too.
    j40_memory_is_an_engine |ex| {
        let engine = Memory::new(&ex);
        let over = engine.over(&Link::new());
        anyscope::join((contract::check(&engine, &ex), contract::check(&over, &ex))).await;
    }

    /// Given workers, when a flow calls them, then it has all values in their order.
    j1_calls_are_work_of_a_flow |ex| {
        let (engine, runs) = (Memory::new(&ex), Runs::default());
        scope(&ex, async |s| {
            s.spawn_daemon(serve(workers(&engine).here(3), &ex, &runs, async |n, _| Ok(2 * n)));
            let remote = Remote::<Number>::new(&engine, &ex, QUEUE);
            let doubled = flow::iter(0..20).map_concurrent(5, |n| remote.call(Number(n)));
            let doubled: Result<Vec<_>, _> = doubled.try_collect().await;
            assert_eq!(doubled.unwrap(), (0..20).map(|n| 2 * n).collect::<Vec<_>>());
        })
        .await;
        (0..20).for_each(|n| assert_eq!(runs.of(n), 1));
    }

    /// Given a handler that fails, then what may pass is tried as often as allowed, and what lasts once; the caller has the
    /// error, and the engine a dead letter of what was given up.
    j2_errors_are_retried_or_returned |ex| {
        let (engine, runs) = (Memory::new(&ex), Runs::default());
        scope(&ex, async |s| {
            s.spawn_daemon(serve(workers(&engine), &ex, &runs, async |n, cx| match n {
                0 => Err(Trouble::Lasting),
                1 if cx.attempt() == 3 => Ok(cx.attempt()),
                _ => Err(Trouble::Passing),
            }));
            let remote = Remote::<Number>::new(&engine, &ex, QUEUE);
            let lasting = remote.call(Number(0)).await.unwrap_err();
            assert!(matches!(lasting, CallError::Failed(Trouble::Lasting)), "{lasting:?}");
            assert_eq!(remote.call(Number(1)).await.unwrap(), 3);
            let dead = remote.call(Number(2)).await.unwrap_err();
            let CallError::Dead { attempts: 3, last: LastAttempt::Failed(Trouble::Passing) } = dead else {
                panic!("{dead:?}")
            };
            let letters = engine.dead_letters(&QUEUE.into(), 10).await.unwrap();
            assert_eq!(letters.len(), 1);
        })
        .await;
        assert_eq!([0, 1, 2].map(|n| runs.of(n)), [1, 3, 3]);
    }

    /// Given a handler that panics, then its worker goes on, and the caller has the message when it was tried as often as
    /// allowed.
    j3_a_panic_is_a_failed_attempt |ex| {
        let (engine, runs) = (Memory::new(&ex), Runs::default());
        scope(&ex, async |s| {
            s.spawn_daemon(serve(workers(&engine), &ex, &runs, async |n, _| {
                assert!(n > 0, "none left");
                Ok(n)
            }));
            let remote = Remote::<Number>::new(&engine, &ex, QUEUE);
            let dead = remote.call(Number(0)).await.unwrap_err();
            let CallError::Dead { attempts: 3, last: LastAttempt::Panicked(message) } = dead else {
                panic!("{dead:?}")
            };
            assert_eq!(message, "none left");
            assert_eq!(remote.call(Number(1)).await.unwrap(), 1);
        })
        .await;
    }

    /// Given a call that is dropped, then a job that waits is not begun, and the handler of one that runs is asked to end and
    /// then dropped.
    j4_a_dropped_call_cancels_its_job |ex| {
        let (engine, runs) = (Memory::new(&ex), Runs::default());
        scope(&ex, async |s| {
            let (asked, was_asked) = async_channel::unbounded();
            s.spawn_daemon(serve(workers(&engine), &ex, &runs, move |n, cx| {
                let asked = asked.clone();
                async move {
                    if n == 0 {
                        cx.token().cancelled().await;
                        asked.send(cx.ended()).await.unwrap();
                    }
                    Ok(n)
                }
            }));
            let remote = Remote::<Number>::new(&engine, &ex, QUEUE);
            let running = s.spawn(remote.call(Number(0)));
            runs.begun(0, 1).await;
            let waiting = s.spawn(remote.call(Number(1)));
            let last = s.spawn(remote.call(Number(2)));
            waiting.cancel().await.unwrap_err();
            running.cancel().await.unwrap_err();
            assert_eq!(was_asked.recv().await, Ok(Some(anyscope_remote::Ended::Cancelled)));
            assert_eq!(last.await.unwrap().unwrap(), 2);
        })
        .await;
        assert_eq!(runs.of(0), 1);
    }

    /// Given a job that is submitted under an id twice, then it is stored and run once, and whoever has the ticket has the
    /// outcome.
    j5_a_submitted_job_is_stored_once |ex| {
        let (engine, runs) = (Memory::new(&ex), Runs::default());
        scope(&ex, async |s| {
            let remote = Remote::<Number>::new(&engine, &ex, QUEUE);
            let id = JobId::parse("order-4711").unwrap();
            let first = remote.submit_as(id.clone(), Number(1)).await.unwrap();
            let second = remote.submit_as(id, Number(2)).await.unwrap();
            assert_eq!(first, second);
            drop(remote);
            s.spawn_daemon(serve(workers(&engine), &ex, &runs, async |n, _| Ok(n)));
            let elsewhere = Remote::<Number>::new(&engine, &ex, "another");
            let ticket: Ticket = first.to_string().parse().unwrap();
            assert_eq!(elsewhere.attach(&ticket).await.unwrap(), 1);
            assert_eq!(elsewhere.attach(&ticket).await.unwrap(), 1);
            let third = elsewhere.submit(Number(3)).await.unwrap();
            assert_ne!(third.queue(), first.queue());
        })
        .await;
        assert_eq!([1, 2].map(|n| runs.of(n)), [1, 0]);
    }

    /// Given a job that runs, when it is cancelled by its ticket, then the cancel returns when it has ended, its outcome is that it
    /// was cancelled, and a value that it returns later is not.
    j6_a_cancel_waits_for_the_end |ex| {
        let (engine, runs) = (Memory::new(&ex), Runs::default());
        scope(&ex, async |s| {
            s.spawn_daemon(serve(workers(&engine), &ex, &runs, async |n, cx| {
                cx.token().cancelled().await;
                futures_lite::future::yield_now().await;
                Ok(n)
            }));
            let remote = Remote::<Number>::new(&engine, &ex, QUEUE);
            let ticket = remote.submit(Number(0)).await.unwrap();
            runs.begun(0, 1).await;
            assert!(remote.cancel(&ticket).await.unwrap());
            let running = engine.status(&QUEUE.into()).await.unwrap().running;
            assert!(running.is_empty(), "the cancel has waited for its end");
            let outcome = remote.attach(&ticket).await.unwrap_err();
            assert!(matches!(outcome, CallError::Cancelled(_)), "{outcome:?}");
            let waits = remote.submit(Number(1)).await.unwrap();
            runs.begun(1, 1).await;
            assert!(remote.cancel(&waits).await.unwrap());
            assert!(remote.cancel(&waits).await.unwrap(), "it is cancelled");
        })
        .await;
    }
}
