//! The ordered bounded map (O).
//!
//! O13 speaks of jobs that cannot be cancelled. In the awaiting task there are none: a job is
//! dropped where it waits. On an executor, a job with a shield or a finalizer is one.

use anyscope::{Limit, flow};
use futures_lite::{StreamExt, future::or, stream};
use std::{
    future::{Future, pending, ready},
    iter,
    pin::{Pin, pin},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    task::Poll,
};
use support::{Gauge, Log, Signal, Tracer, map_behaviour, poll_once, yield_now};

const ONE: Limit = Limit::new(1);
const TWO: Limit = Limit::new(2);
const THREE: Limit = Limit::new(3);

/// Long enough for everything that can happen without a wake from outside.
async fn a_while() {
    for _ in 0..50 {
        yield_now().await;
    }
}

map_behaviour! {
    /// Given a limit n, then the values are those of a sequential map, in its order, whatever the
    /// order of completion.
    o1_values_come_in_the_order_of_the_items |ex| {
        for limit in [ONE, TWO, Limit::new(7), Limit::Unbounded] {
            let work = |n| async move {
                for _ in 0..n * 7 % 5 {
                    yield_now().await;
                }
                n * n
            };
            let values: Vec<_> = map!(flow::iter(0..50), limit, work).collect().await;
            assert_eq!(values, (0..50).map(|n| n * n).collect::<Vec<_>>());
        }
    }

    /// Given a limit n and n jobs that wait for each other, then all of them start.
    o2_as_many_as_the_limit_wait_for_each_other |ex| {
        let values: Vec<_> = map!(flow::iter(0..3), THREE, latch(3)).collect().await;
        assert_eq!(values, [0, 1, 2]);
    }

    /// Given n + 1 such jobs, then they never end.
    o3_one_more_than_the_limit_waits_for_ever |ex| {
        let tracer = Tracer::new();
        let mut job = latch(4);
        let work = |n| tracer.trace(job(n));
        let never = async {
            let _: Vec<_> = map!(flow::iter(0..4), THREE, work).collect().await;
            panic!("the limit was exceeded");
        };
        let enough = async {
            a_while().await;
            assert_eq!(tracer.alive(), 3);
        };
        or(enough, never).await;
    }

    /// Given a slow head job, then no more is started and not delivered than the window holds:
    /// the limit unless given, and never less than that.
    o4_slow_head_fills_the_window_and_no_more |ex| {
        for (window, started) in [(None, 2), (Some(1), 2), (Some(2), 2), (Some(5), 5)] {
            let (tracer, go, peak) = (Tracer::new(), Signal::new(), Gauge::new());
            let work = |n| {
                let (waited, peak) = (go.wait(), peak.clone());
                tracer.trace(async move {
                    let _inside = peak.enter();
                    match n {
                        0 => waited.await,
                        _ => yield_now().await,
                    }
                    n
                })
            };
            let mut flow = map!(flow::iter(0..9), TWO, work);
            if let Some(window) = window {
                flow = flow.window(Limit::new(window));
            }
            let (seen, counted) = (go.clone(), tracer.clone());
            let values = flow.drive(async move |mut items| {
                let mut values = vec![];
                // Nothing is delivered before the head is.
                or(async { values.extend(items.next().await) }, a_while()).await;
                assert!(values.is_empty());
                assert_eq!(counted.drops() + counted.alive(), started);
                seen.fire();
                while let Some(n) = items.next().await {
                    values.push(n);
                }
                values
            });
            assert_eq!(values.await, (0..9).collect::<Vec<_>>());
            assert_eq!(peak.peak(), 2);
        }
    }

    /// Given a consumer that stops taking, then the jobs that have started end, and no more than
    /// n start.
    o6_started_jobs_end_while_nobody_takes |ex| {
        let tracer = Tracer::new();
        let work = |n| {
            tracer.trace(async move {
                yield_now().await;
                n
            })
        };
        let counted = tracer.clone();
        let rest = map!(flow::iter(0..9), THREE, work).drive(async move |mut items| {
            assert_eq!(items.next().await, Some(0));
            while counted.drops() < 4 {
                yield_now().await;
            }
            a_while().await;
            // The one that was taken, and three that wait for us.
            assert_eq!((counted.drops(), counted.alive()), (4, 0));
            let mut rest = vec![];
            while let Some(n) = items.next().await {
                rest.push(n);
            }
            rest
        });
        assert_eq!(rest.await, (1..9).collect::<Vec<_>>());
    }

    /// Given a job k that fails, then the values before it are delivered, then the error; later
    /// values are dropped, and their jobs too.
    o7_values_before_the_error_then_the_error |ex| {
        let (tracer, failed) = (Tracer::new(), Signal::new());
        let work = |n| {
            let (failed, waited) = (failed.clone(), failed.wait());
            tracer.trace(async move {
                match n {
                    // Later than the failure.
                    0 | 1 => waited.await,
                    2 => {
                        failed.fire();
                        return Err(n);
                    }
                    3 => {}
                    _ => pending().await,
                }
                Ok(n)
            })
        };
        let before = Arc::new(Mutex::new(vec![]));
        let taken = before.clone();
        let result = map!(flow::iter(0..99), Limit::new(5), work).drive(async move |mut items| {
            while let Some(value) = items.next().await {
                taken.lock().unwrap().push(value?);
            }
            Ok::<_, i32>(())
        });
        assert_eq!(result.await, Err(2));
        assert_eq!(*before.lock().unwrap(), [0, 1]);
        assert_eq!(tracer.alive(), 0);

        let (tracer, failed) = (Tracer::new(), Signal::new());
        let work = |n| {
            let (failed, waited) = (failed.clone(), failed.wait());
            tracer.trace(async move {
                match n {
                    0 => waited.await,
                    1 => {
                        failed.fire();
                        return Err(n);
                    }
                    _ => pending().await,
                }
                Ok(n)
            })
        };
        let result = map!(flow::iter(0..99), THREE, work).try_collect::<Vec<_>>().await;
        assert_eq!((result, tracer.alive()), (Err(1), 0));
    }

    /// Given a consumer that stops before a failed item, then its error is dropped.
    o8_error_that_nobody_reaches_is_dropped |ex| {
        let work = |n| async move { if n == 1 { Err("broken") } else { Ok(n) } };
        let first = map!(flow::iter(0..9), THREE, work).drive(async |mut items| {
            let first = items.next().await;
            a_while().await;
            first
        });
        assert_eq!(first.await, Some(Ok(0)));
    }

    /// Given a limit of one, then jobs never overlap, and the source is asked when the value
    /// before was delivered.
    o9_limit_of_one_is_sequential |ex| {
        let log = Log::new();
        let source = (0..3).inspect(|n| log.add(format!("item {n}")));
        let work = |n| {
            let log = log.clone();
            async move {
                log.add(format!("start {n}"));
                yield_now().await;
                log.add(format!("end {n}"));
                n
            }
        };
        let taken = log.clone();
        map!(flow::iter(source), ONE, work)
            .fold((), |(), n| {
                taken.add(format!("take {n}"));
                async {}
            })
            .await;
        let events = ["item", "start", "end", "take"];
        let one_by_one = (0..3).flat_map(|n| events.map(|event| format!("{event} {n}")));
        assert_eq!(log.events(), one_by_one.collect::<Vec<_>>());
    }

    /// Given a limit of one and a consumer that takes nothing, then nothing more is asked for.
    o9_limit_of_one_waits_for_the_delivery |ex| {
        let taken = Arc::new(AtomicUsize::new(0));
        let source = (0..3).inspect(|_| {
            taken.fetch_add(1, SeqCst);
        });
        let seen = taken.clone();
        map!(flow::iter(source), ONE, async |n: i32| n)
            .drive(async move |mut items| {
                for n in 0..3 {
                    // The one that waits for us.
                    a_while().await;
                    assert_eq!(seen.load(SeqCst), n + 1);
                    items.next().await;
                    assert_eq!(seen.load(SeqCst), n + 1);
                }
            })
            .await;
    }

    /// Given an empty source, then it ends at once for every limit.
    o11_empty_source_ends_at_once |ex| {
        for limit in [ONE, Limit::Unbounded] {
            let mut op = pin!(map!(flow::iter(iter::empty()), limit, ready::<()>).count());
            assert_eq!(poll_once(op.as_mut()), Poll::Ready(0));
            let mut op = pin!(map!(flow::stream(stream::empty()), limit, ready::<()>).count());
            assert_eq!(poll_once(op.as_mut()), Poll::Ready(0));
        }
    }

    /// Given an early exit, then no job is left when it is complete.
    o13_early_exit_leaves_no_job |ex| {
        let tracer = Tracer::new();
        let work = |n: i32| {
            tracer.trace(async move {
                match n {
                    0 => yield_now().await,
                    _ => pending().await,
                }
                n
            })
        };
        let first = map!(flow::iter(0..9), THREE, work).drive(async |mut items| items.next().await);
        assert_eq!(first.await, Some(0));
        assert_eq!((tracer.alive(), tracer.drops()), (0, 3));
    }

    /// Given a source that stalls, then values that are ready are delivered.
    o14_values_do_not_wait_for_the_source |ex| {
        let source = stream::iter(0..3).chain(stream::pending());
        let work = |n: i32| async move {
            yield_now().await;
            n
        };
        map!(flow::stream(source), Limit::new(9), work)
            .drive(async |mut items| {
                for n in 0..3 {
                    assert_eq!(items.next().await, Some(n));
                }
            })
            .await;
    }
}

/// Work that is done when so many of it have started.
fn latch(jobs: usize) -> impl FnMut(usize) -> Pin<Box<dyn Future<Output = usize> + Send>> {
    let (all, started) = (Signal::new(), Arc::new(AtomicUsize::new(0)));
    move |n| {
        let (all, started) = (all.clone(), started.clone());
        Box::pin(async move {
            if started.fetch_add(1, SeqCst) + 1 == jobs {
                all.fire();
            }
            all.wait().await;
            n
        })
    }
}
