//! Work that finds more work.

use anyscope::{
    Limit, LiveLimit,
    flow::{self, Source},
    scope,
};
use futures_lite::{StreamExt, future::yield_now};
use std::{
    cell::Cell,
    future::{pending, ready},
    panic::{AssertUnwindSafe, catch_unwind},
    pin::{Pin, pin},
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    task::{Context, Poll, Waker},
};
use support::{Signal, Tracer, behaviour, blow_up};

/// The nodes of a binary tree: 1 at the top, 2n and 2n + 1 below n.
fn below(n: u32, most: u32) -> Vec<u32> {
    [2 * n, 2 * n + 1].into_iter().filter(|n| *n <= most).collect()
}

behaviour! {
    /// Given work that takes different times, then values come as in a sequential walk, level by
    /// level, whatever the limit.
    e1_values_come_in_the_order_of_a_sequential_walk |ex| {
        let _ = &ex;
        for limit in [1, 2, 7, 100] {
            let work = async |n: u32| {
                for _ in 0..n * 7 % 5 {
                    yield_now().await;
                }
                (n, below(n, 40))
            };
            let all: Vec<_> = flow::expand([1], limit, work).collect().await;
            assert_eq!(all, (1..=40).collect::<Vec<_>>());
            let mut all: Vec<_> = flow::expand([1], limit, work).unordered().collect().await;
            all.sort_unstable();
            assert_eq!(all, (1..=40).collect::<Vec<_>>());
        }
    }

    /// Given a limit, then it is reached when enough is found, and never exceeded.
    e2_the_limit_of_an_expansion_is_reached_and_not_exceeded |ex| {
        let _ = &ex;
        for ordered in [true, false] {
            let (running, peak) = (Cell::new(0), Cell::new(0));
            let (now, most) = (&running, &peak);
            let work = async |n: u32| {
                now.set(now.get() + 1);
                most.set(most.get().max(now.get()));
                yield_now().await;
                yield_now().await;
                now.set(now.get() - 1);
                (n, below(n, 100))
            };
            let walk = flow::expand([1], 3, work);
            let count = match ordered {
                true => walk.count().await,
                false => walk.unordered().count().await,
            };
            assert_eq!((count, running.get(), peak.get()), (100, 0, 3));
        }
    }

    /// Given a branch that is stuck, when another one finds more, then in no order that is started
    /// at once: here it is what ends the stuck one.
    e3_what_was_found_is_started_at_once_if_unordered |ex| {
        let _ = &ex;
        let done = Signal::new();
        let (stuck, free) = (done.wait(), &done);
        let stuck = Mutex::new(Some(stuck));
        let work = async |n: u32| {
            let waits = (n == 0).then(|| stuck.lock().unwrap().take()).flatten();
            if let Some(wait) = waits {
                wait.await;
            }
            if n == 5 {
                free.fire();
            }
            (n, (1..5).contains(&n).then_some(n + 1))
        };
        let all: Vec<_> = flow::expand([0, 1], 2, work).unordered().collect().await;
        assert_eq!(all, [1, 2, 3, 4, 5, 0]);
    }

    /// Given a consumer that awaits something between two values, then the work continues, and what
    /// it finds is started.
    e4_an_expansion_continues_while_its_consumer_is_busy |ex| {
        let _ = &ex;
        let done = Signal::new();
        let free = &done;
        let work = async |n: u32| {
            yield_now().await;
            if n == 4 {
                free.fire();
            }
            (n, (n < 9).then_some(n + 1))
        };
        let sum = flow::expand([1], 5, work).unordered().drive(async |mut items| {
            let mut sum = items.next().await.unwrap();
            done.wait().await;
            while let Some(n) = items.next().await {
                sum += n;
            }
            sum
        });
        assert_eq!(sum.await, 45);
    }

    /// Given no seeds, or seeds that find nothing, then it ends.
    e5_an_expansion_of_nothing_ends |ex| {
        let _ = &ex;
        let work = async |n: u32| (n, Vec::new());
        assert_eq!(flow::expand([], 3, work).count().await, 0);
        assert_eq!(flow::expand([7], 3, work).collect::<Vec<_>>().await, [7]);
        let lazy = async |n: u32| (n, (0..n).filter(|_| false));
        assert_eq!(flow::expand([7, 8], 1, lazy).collect::<Vec<_>>().await, [7, 8]);
    }

    /// Given endless seeds and endless findings, then as much is taken as is asked for.
    e6_endless_findings_are_read_one_by_one |ex| {
        let _ = &ex;
        let taken = Cell::new(0);
        let count = &taken;
        let more = |n: u32| (n..).inspect(move |_| count.set(count.get() + 1));
        let work = async |n: u32| (n, more(n));
        let some: Vec<_> = flow::expand([3], 4, work).take(10).collect().await;
        assert_eq!(some, [3, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
        assert!(taken.get() <= 14, "{} taken", taken.get());
    }

    /// Given an ordered walk whose first work never ends, when later work fails, then `try_collect`
    /// returns the error, and nothing is left.
    e7_the_first_error_of_an_expansion_comes_in_time |ex| {
        let _ = &ex;
        let tracer = Tracer::new();
        let work = |n: u32| {
            tracer.trace(async move {
                match n {
                    0 => pending().await,
                    2 => Err(n),
                    _ => Ok((n, [n + 10])),
                }
            })
        };
        let result = flow::expand([0, 1, 2], 4, work).try_collect::<Vec<_>>().await;
        assert_eq!((result, tracer.alive()), (Err(2), 0));
        let all: Vec<_> = flow::expand([1, 2], 4, work).until_error().collect().await;
        assert_eq!((all, tracer.alive()), (vec![Ok(1), Err(2)], 0));
    }

    /// Given a panic of the work, then it propagates; with `catch_unwind` it is an item that finds
    /// nothing.
    e8_a_panic_of_an_expansion_propagates_or_is_an_item |ex| {
        let _ = &ex;
        let work = async |n: u32| {
            yield_now().await;
            if n == 3 {
                blow_up::<()>("at three");
            }
            (n, below(n, 7))
        };
        let walk = flow::expand([1], 2, work).catch_unwind();
        let all: Vec<_> = walk.map(|item| item.ok()).collect().await;
        assert_eq!(all, [Some(1), Some(2), None, Some(4), Some(5)]);
        let mut walk = pin!(flow::expand([1], 2, work).into_stream());
        let mut cx = Context::from_waker(Waker::noop());
        let message = loop {
            match catch_unwind(AssertUnwindSafe(|| walk.as_mut().poll_next(&mut cx))) {
                Ok(Poll::Ready(None)) => panic!("it ended"),
                Ok(_) => {}
                Err(payload) => break payload,
            }
        };
        assert_eq!(message.downcast_ref(), Some(&"at three"));
        let again = catch_unwind(AssertUnwindSafe(|| walk.as_mut().poll_progress(&mut cx)));
        assert!(again.is_err());
    }

    /// Given a live limit, when it is raised while work waits, then what was found starts.
    e9_a_raised_limit_starts_what_was_found |ex| {
        let _ = &ex;
        let limit = LiveLimit::new(1);
        let met = AtomicUsize::new(0);
        let work = async |n: u32| {
            if n > 0 {
                met.fetch_add(1, SeqCst);
                if n == 1 {
                    limit.set(Limit::new(2));
                }
                // Two of them at the same time.
                while met.load(SeqCst) < 2 {
                    yield_now().await;
                }
            }
            (n, if n == 0 { vec![1, 2] } else { vec![] })
        };
        let all: Vec<_> = flow::expand([0], &limit, work).collect().await;
        assert_eq!(all, [0, 1, 2]);
    }

    /// Given work that is spawned into a scope, then it runs on the executor, within the limit.
    e10_an_expansion_in_parallel |ex| {
        let (running, peak) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let counts = std::sync::Arc::new((running, peak));
        let sum = scope(&ex, async |s| {
            let work = async |n: u32| {
                let counts = counts.clone();
                let child = s.spawn(async move {
                    let now = counts.0.fetch_add(1, SeqCst) + 1;
                    counts.1.fetch_max(now, SeqCst);
                    yield_now().await;
                    counts.0.fetch_sub(1, SeqCst);
                    (n, below(n, 50))
                });
                child.await.unwrap()
            };
            flow::expand([1], 4, work).unordered().fold(0, async |sum, n| sum + n).await
        });
        assert_eq!(sum.await, 50 * 51 / 2);
        assert!(counts.1.load(SeqCst) <= 4);
    }
}

/// Given a walk that is stopped after each number of values, busy with others, then what was not
/// done is what `into_parts` returns, and a walk of that does the rest.
#[test]
fn e11_a_stopped_expansion_can_be_resumed() {
    let work = |n: u32| ready((n, below(n, 20)));
    for (ordered, stop) in (0..20).flat_map(|stop| [(true, stop), (false, stop)]) {
        let mut walk = flow::expand([1], 3, work);
        if !ordered {
            walk = walk.unordered();
        }
        let mut walk = walk.into_stream();
        let mut all = smol::block_on((&mut walk).take(stop).collect::<Vec<_>>());
        // Work that is ready at once is never under way, and so never lost.
        let _ = Pin::new(&mut walk).poll_progress(&mut Context::from_waker(Waker::noop()));
        let parts = walk.into_parts();
        all.extend(parts.undelivered);
        let rest = parts.seeds.into_iter().flatten().chain(parts.found.into_iter().flatten());
        all.extend(smol::block_on(flow::expand(rest, 3, work).collect::<Vec<_>>()));
        all.sort_unstable();
        assert_eq!(all, (1..=20).collect::<Vec<_>>(), "stopped after {stop}");
    }
}

/// Given a walk that is dropped after each number of polls, then nothing is left of its work.
#[test]
fn e12_a_dropped_expansion_leaves_nothing() {
    for polls in 0..40 {
        let tracer = Tracer::new();
        {
            let work = |n: u32| {
                tracer.trace(async move {
                    yield_now().await;
                    (n, below(n, 30))
                })
            };
            let mut walk = pin!(flow::expand([1], 3, work).into_stream());
            let mut cx = Context::from_waker(Waker::noop());
            for _ in 0..polls {
                let _ = walk.as_mut().poll_next(&mut cx);
            }
        }
        assert_eq!(tracer.alive(), 0, "after {polls} polls");
    }
}
