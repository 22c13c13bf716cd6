//! Bounded operations over sources, in both forms: work in the awaiting task, and on an executor.

use anyscope::{Limit, flow};
use futures_lite::{StreamExt, future::or, stream};
use std::{
    iter,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    task::Poll,
};
use support::{
    Gauge, Log, Signal, Tracer, blow_up, drive_until, flow_behaviour, panic_of, yield_now,
};

const ONE: Limit = Limit::new(1);
const TWO: Limit = Limit::new(2);

flow_behaviour! {
    /// Given a limit n, then n pieces of work are under way at once, and never more.
    limit_is_reached_and_never_exceeded |ex| {
        let (gauge, full) = (Gauge::new(), Signal::new());
        let seen = gauge.clone();
        let work = move |_| {
            let (gauge, full) = (gauge.clone(), full.clone());
            async move {
                let _inside = gauge.enter();
                if gauge.now() == 3 {
                    full.fire();
                }
                // The first three end together only.
                full.wait().await;
                yield_now().await;
            }
        };
        for_each!(flow::iter(0..12), Limit::new(3), work).await;
        assert_eq!((seen.peak(), seen.now()), (3, 0));
    }

    /// Without a limit, all of it is.
    unbounded_work_is_under_way_at_once |ex| {
        let (gauge, full) = (Gauge::new(), Signal::new());
        let seen = gauge.clone();
        let work = move |_| {
            let (gauge, full) = (gauge.clone(), full.clone());
            async move {
                let _inside = gauge.enter();
                if gauge.now() == 100 {
                    full.fire();
                }
                full.wait().await;
            }
        };
        for_each!(flow::iter(0..100), Limit::Unbounded, work).await;
        assert_eq!(seen.peak(), 100);
    }

    /// Every item is worked on once, whether it comes from an iterator or from a stream that is
    /// not always ready; `f` is called in the order of the source.
    every_item_is_worked_on_once |ex| {
        let called = Arc::new(Mutex::new(Vec::new()));
        let done = Arc::new(Mutex::new(Vec::new()));
        let (calls, ends) = (called.clone(), done.clone());
        let work = move |n| {
            calls.lock().unwrap().push(n);
            let done = ends.clone();
            async move {
                for _ in 0..n % 3 {
                    yield_now().await;
                }
                done.lock().unwrap().push(n);
            }
        };
        let slow = stream::unfold(100, |n| async move {
            for _ in 0..n % 2 {
                yield_now().await;
            }
            (n < 200).then_some((n, n + 1))
        });
        let (send, receive) = smol::channel::unbounded();
        for_each!(flow::iter(0..100), Limit::new(7), work.clone()).await;
        for_each!(flow::stream(slow), Limit::new(7), work.clone()).await;
        (200..300).for_each(|n| send.try_send(n).unwrap());
        drop(send);
        for_each!(flow::stream(receive), Limit::new(7), work).await;
        let all: Vec<_> = (0..300).collect();
        assert_eq!(*called.lock().unwrap(), all);
        done.lock().unwrap().sort();
        assert_eq!(*done.lock().unwrap(), all);
    }

    /// An empty source ends at once, whatever the limit.
    empty_source_ends_at_once |ex| {
        for limit in [ONE, Limit::Unbounded] {
            let source = iter::empty::<()>();
            for_each!(flow::iter(source), limit, |()| async { unreachable!() }).await;
        }
    }

    /// Given a limit of one, then work never overlaps, and the source is asked only in between.
    limit_of_one_never_overlaps |ex| {
        let log = Log::new();
        let (items, work_log) = (log.clone(), log.clone());
        let source = (0..3).inspect(move |n| items.add(format!("item {n}")));
        let work = move |n| {
            let log = work_log.clone();
            async move {
                log.add(format!("start {n}"));
                yield_now().await;
                log.add(format!("end {n}"));
            }
        };
        for_each!(flow::iter(source), ONE, work).await;
        let one_by_one = (0..3).flat_map(|n| ["item", "start", "end"].map(|e| format!("{e} {n}")));
        assert_eq!(log.events(), one_by_one.collect::<Vec<_>>());
    }

    /// Given work that fails, then nothing more is taken from the source, the rest of the work is
    /// gone, and the error is returned.
    first_error_ends_the_operation |ex| {
        let (tracer, never, taken) = (Tracer::new(), Signal::new(), Arc::new(AtomicUsize::new(0)));
        let counted = taken.clone();
        let source = (0..100).inspect(move |_| count(&counted));
        let traced = tracer.clone();
        let work = move |n| {
            let never = never.clone();
            traced.trace(async move {
                if n < 2 {
                    never.wait().await;
                }
                while never.waiting() < 2 {
                    yield_now().await;
                }
                Err::<(), _>(format!("broken {n}"))
            })
        };
        let result = try_for_each!(flow::iter(source), Limit::new(3), work).await;
        assert_eq!(result.unwrap_err(), "broken 2");
        assert_eq!((tracer.alive(), tracer.drops(), taken.load(SeqCst)), (0, 3, 3));
    }

    /// Given work that succeeds, then a fallible operation ends well.
    operation_without_errors_ends_well |ex| {
        let done = Arc::new(AtomicUsize::new(0));
        let sum = done.clone();
        let work = move |n| {
            let sum = sum.clone();
            async move {
                sum.fetch_add(n, SeqCst);
                Ok::<(), String>(())
            }
        };
        try_for_each!(flow::iter(0..10), TWO, work).await.unwrap();
        assert_eq!(done.load(SeqCst), 45);
    }

    /// Given a panic in the source, in `f`, or in the work, then the rest of the work is gone when
    /// it goes on.
    panic_goes_on_when_the_rest_is_gone |ex| {
        for place in ["source", "f", "work"] {
            let tracer = Tracer::new();
            let source =
                (0..100).inspect(move |n| if *n == 2 && place == "source" { blow_up(place) });
            let traced = tracer.clone();
            let work = move |n| {
                if n == 2 && place == "f" {
                    blow_up::<()>(place);
                }
                traced.trace(async move {
                    if n == 2 {
                        blow_up::<()>(place);
                    }
                    std::future::pending::<()>().await;
                })
            };
            let message = panic_of(for_each!(flow::iter(source), Limit::new(3), work)).await;
            assert_eq!((message.as_str(), tracer.alive()), (place, 0));
        }
    }

    /// Given an operation that is dropped, then the work under way is gone, right after the poll
    /// that it may be in, and the source is.
    drop_ends_the_work_under_way |ex| {
        let (log, tracer, started) = (Log::new(), Tracer::new(), Signal::new());
        let gone = log.on_drop("source");
        let source = (0..100).inspect(move |_| keep(&gone));
        let running = Arc::new(Mutex::new(0));
        let (traced, full) = (tracer.clone(), started.clone());
        let work = move |_| {
            let (started, running) = (full.clone(), running.clone());
            traced.trace(async move {
                let both = {
                    let mut running = running.lock().unwrap();
                    *running += 1;
                    *running == 2
                };
                if both {
                    started.fire();
                }
                std::future::pending::<()>().await;
            })
        };
        let mut op = Box::pin(for_each!(flow::iter(source), TWO, work));
        drive_until(op.as_mut(), &started).await;
        drop(op);
        assert_eq!(log.events(), ["source"]);
        while tracer.alive() > 0 {
            yield_now().await;
        }
        assert_eq!((tracer.polls(), tracer.drops()), (2, 2));
    }

    /// A lock that is taken by each piece of work and, later, by what is done with its result: a
    /// loop over futures' `buffered` waits for ever, because what holds the lock is not polled
    /// while the body of the loop waits for it.
    lock_on_both_sides_of_the_loop_does_not_deadlock |ex| {
        let (lock, done) = (Arc::new(smol::lock::Mutex::new(0)), Arc::new(Mutex::new(0)));
        let (locks, results) = (lock.clone(), done.clone());
        let work = move |n| {
            let (lock, done) = (locks.clone(), results.clone());
            async move {
                let fetched = {
                    let mut held = lock.lock().await;
                    yield_now().await;
                    *held += 1;
                    n
                };
                let _held = lock.lock().await;
                yield_now().await;
                *done.lock().unwrap() += fetched;
            }
        };
        for_each!(flow::iter(0..10), TWO, work).await;
        assert_eq!((*lock.lock().await, *done.lock().unwrap()), (10, 45));
    }

    /// A source that holds a lock while its next item is half read, and work that needs the lock,
    /// with no room for another item: the source goes on.
    source_that_holds_a_lock_at_the_limit_goes_on |ex| {
        let (lock, done) = (Arc::new(smol::lock::Mutex::new(())), Arc::new(Mutex::new(vec![])));
        let in_source = lock.clone();
        let half_read = stream::once_future(async move {
            let _held = in_source.lock().await;
            for _ in 0..3 {
                yield_now().await;
            }
            2
        });
        // Polls the first one first, and takes the item of the other meanwhile.
        let source = stream::or(half_read, stream::once(1).chain(stream::pending())).take(2);
        let results = done.clone();
        let work = move |n| {
            let (lock, done) = (lock.clone(), results.clone());
            async move {
                let _held = lock.lock().await;
                done.lock().unwrap().push(n);
            }
        };
        for_each!(flow::stream(source), ONE, work).await;
        assert_eq!(*done.lock().unwrap(), [1, 2]);
    }

    /// The same with a source that waits for something the work does.
    source_whose_read_has_begun_is_not_snoozed |ex| {
        let (lock, go) = (Arc::new(smol::lock::Mutex::new(())), Signal::new());
        let (in_source, waited) = (lock.clone(), go.wait());
        let half_read = stream::once_future(async move {
            let _held = in_source.lock().await;
            waited.await;
            2
        });
        let source = stream::or(half_read, stream::once(1).chain(stream::pending())).take(2);
        let work = move |n| {
            let (lock, go) = (lock.clone(), go.clone());
            async move {
                if n == 1 {
                    go.fire();
                    drop(lock.lock().await);
                }
            }
        };
        for_each!(flow::stream(source), ONE, work).await;
    }

    /// A source that is always ready is not asked at the limit, and one that also wakes us all the
    /// time is one item ahead at most.
    source_is_at_most_one_item_ahead |ex| {
        for wakes in [false, true] {
            let taken = Arc::new(AtomicUsize::new(0));
            let counted = taken.clone();
            let source = stream::poll_fn(move |cx| {
                if wakes {
                    cx.waker().wake_by_ref();
                }
                Poll::Ready(Some(counted.fetch_add(1, SeqCst)))
            });
            let op = for_each!(flow::stream(source), TWO, |_| std::future::pending::<()>());
            let most = if wakes { 3 } else { 2 };
            let enough = async {
                while taken.load(SeqCst) < most {
                    yield_now().await;
                }
                for _ in 0..50 {
                    yield_now().await;
                }
            };
            or(op, enough).await;
            assert_eq!(taken.load(SeqCst), most);
        }
    }

    /// An item that was taken ahead is not lost.
    item_that_was_taken_ahead_is_worked_on |ex| {
        let (taken, done) = (AtomicUsize::new(0), Arc::new(Mutex::new(vec![])));
        let source = stream::poll_fn(move |cx| {
            cx.waker().wake_by_ref();
            let n = taken.fetch_add(1, SeqCst);
            Poll::Ready((n < 20).then_some(n))
        });
        let results = done.clone();
        let work = move |n| {
            let done = results.clone();
            async move {
                yield_now().await;
                yield_now().await;
                done.lock().unwrap().push(n);
            }
        };
        for_each!(flow::stream(source), ONE, work).await;
        assert_eq!(*done.lock().unwrap(), (0..20).collect::<Vec<_>>());
    }
}

/// One more.
fn count(counter: &AtomicUsize) {
    counter.fetch_add(1, SeqCst);
}

/// Makes a closure own what is dropped with it.
fn keep<T>(_: &T) {}
