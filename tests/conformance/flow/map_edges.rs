//! The edges of bounded maps in the awaiting task, and of what drives them: what they hold, how
//! they end, panics, drops, changes on the way.

use anyscope::{
    Limit, LiveLimit,
    flow::{self, Source},
};
use futures_lite::{Stream, StreamExt, stream};
use std::{
    cell::{Cell, RefCell},
    future::{Future, pending, poll_fn},
    iter,
    pin::{Pin, pin},
    task::{Context, Poll, Waker},
};
use support::{Gauge, Log, Signal, Tracer, blow_up, on_drop, panic_in, poll_once, yield_now};

const ONE: Limit = Limit::new(1);
const TWO: Limit = Limit::new(2);
const THREE: Limit = Limit::new(3);
const POLLED_AGAIN: &str = "polled again after a panic";

/// Polls for an item once, with a waker that does nothing.
fn next<S: Stream + Unpin>(stream: &mut S) -> Poll<Option<S::Item>> {
    Pin::new(stream).poll_next(&mut Context::from_waker(Waker::noop()))
}

/// Lets it go on once.
fn progress<S: Source + Unpin>(source: &mut S) -> Poll<()> {
    Pin::new(source).poll_progress(&mut Context::from_waker(Waker::noop()))
}

/// Given a map that is taken apart, then all that it holds is handed back: values that are ready,
/// an item that is too heavy, one that was taken ahead, and the source.
#[test]
fn parts_have_all_that_was_held() {
    let tracer = Tracer::new();
    let source = stream::poll_fn({
        let mut taken = 0;
        move |cx| {
            // Has something under way all the time.
            cx.waker().wake_by_ref();
            taken += 1;
            Poll::Ready(Some(taken))
        }
    });
    let work = |n| {
        tracer.trace(async move {
            match n {
                2 => pending().await,
                _ => n,
            }
        })
    };
    let weigh = |n: &i32| if *n == 5 { 7 } else { 1 };
    let mut map =
        flow::stream(source).map_weighted(THREE, weigh, work).window(Limit::new(9)).into_stream();
    assert_eq!(next(&mut map), Poll::Ready(Some(1)));
    for _ in 0..3 {
        assert_eq!(progress(&mut map), Poll::Pending);
    }
    assert_eq!((map.running(), map.undelivered()), (1, 2));
    let parts = map.into_parts();
    assert_eq!((parts.undelivered, parts.waiting, tracer.alive()), (vec![3, 4], Some(5), 0));
    let (mut source, ahead) = parts.source.unwrap().into_parts();
    assert_eq!((ahead, next(&mut source)), (Some(6), Poll::Ready(Some(7))));
}

/// Parts that were handed back are not reported, and those of a map that has ended are nothing.
#[test]
fn parts_are_not_reported() {
    let flow = || flow::iter(0..3).map_concurrent(THREE, async |n| n);
    let mut map = flow().on_undelivered(|n| panic!("{n} was handed back")).into_stream();
    assert_eq!(next(&mut map), Poll::Ready(Some(0)));
    assert!(progress(&mut map).is_ready());
    assert_eq!(map.into_parts().undelivered, [1, 2]);
    let mut map = flow().into_stream();
    while next(&mut map) != Poll::Ready(None) {}
    let parts = map.into_parts();
    assert_eq!((parts.undelivered, parts.waiting), (vec![], None));
    assert_eq!(parts.source.map(|mut source| next(&mut source)), Some(Poll::Ready(None)));
}

/// After a panic too.
#[test]
fn parts_are_there_after_a_panic() {
    let work = |n| async move { if n == 2 { blow_up("work") } else { n } };
    let mut map = flow::iter(0..9).map_concurrent(Limit::new(4), work).into_stream();
    assert_eq!(panic_in(|| progress(&mut map)), "work");
    let parts = map.into_parts();
    assert_eq!(parts.undelivered, [0, 1]);
    assert_eq!(next(&mut parts.source.unwrap()), Poll::Ready(Some(3)));
}

/// Given a map that has ended, then it says so again, and asks nobody.
#[test]
fn map_is_fused() {
    for ordered in [true, false] {
        let ended = Cell::new(false);
        let source = stream::poll_fn(|_| {
            assert!(!ended.replace(true), "asked after its end");
            Poll::Ready(None::<()>)
        });
        let flow = flow::stream(source).map_concurrent(TWO, async |()| ());
        let mut map = if ordered { flow } else { flow.unordered() }.into_stream();
        for _ in 0..3 {
            assert_eq!(next(&mut map), Poll::Ready(None));
            assert!(progress(&mut map).is_ready());
            assert_eq!(map.size_hint(), (0, Some(0)));
        }
    }
}

/// A stream that was polled to its end by something else than a map is not asked again either.
#[test]
fn stream_is_not_asked_after_its_end() {
    let ended = Cell::new(false);
    let mut source = flow::stream(stream::poll_fn(|_| {
        assert!(!ended.replace(true), "asked after its end");
        Poll::Ready(None::<()>)
    }))
    .into_stream();
    for _ in 0..3 {
        assert_eq!(next(&mut source), Poll::Ready(None));
        assert!(progress(&mut source).is_ready());
        assert_eq!(source.size_hint(), (0, Some(0)));
    }
}

/// An iterator that does go on after its end is not asked again.
#[test]
fn iterator_is_not_asked_after_its_end() {
    let mut asked = 0;
    let source = iter::from_fn(|| {
        asked += 1;
        (asked % 3 > 0).then_some(asked)
    });
    let mut map = flow::iter(source).map_concurrent(Limit::new(9), async |n| n).into_stream();
    let mut values = vec![];
    while let Poll::Ready(Some(n)) = next(&mut map) {
        values.push(n);
    }
    assert_eq!((next(&mut map), values), (Poll::Ready(None), vec![1, 2]));
}

/// The size hint counts what is left of the source and what is on its way.
#[test]
fn size_hint_is_what_is_still_to_come() {
    for ordered in [true, false] {
        let go = Signal::new();
        let work = |n| {
            let waited = go.wait();
            async move {
                if n == 0 {
                    waited.await;
                }
            }
        };
        let flow = flow::iter(0..5).map_weighted(TWO, |n| 1 + n / 2, work).window(THREE);
        let mut map = if ordered { flow } else { flow.unordered() }.into_stream();
        for left in (0..=5).rev() {
            assert_eq!(map.size_hint(), (left, Some(left)));
            let _ = progress(&mut map);
            assert_eq!(map.size_hint(), (left, Some(left)));
            go.fire();
            assert_eq!(next(&mut map).map(|value| value.is_some()), Poll::Ready(left > 0));
        }
    }
    let endless = flow::stream(stream::repeat(())).map_concurrent(ONE, async |()| ()).into_stream();
    assert_eq!(endless.size_hint().1, None);
}

/// Given a panic of the source, of `f`, of the work, of what weighs, or of a drop of the work, then
/// it goes through, the map says so when it is polled again, and values that were ready are
/// reported when it is dropped.
#[test]
fn panic_goes_through_and_nothing_goes_on() {
    for place in ["source", "weight", "f", "work", "drop"] {
        let bang = |n, here| {
            if n == 2 && here == place {
                blow_up::<()>(place);
            }
        };
        let (tracer, left) = (Tracer::new(), RefCell::new(vec![]));
        let source = (0..9).inspect(|n| bang(*n, "source"));
        let weigh = |n: &i32| {
            bang(*n, "weight");
            1
        };
        let work = |n| {
            bang(n, "f");
            tracer.trace(async move {
                let _bang = on_drop(move || bang(n, "drop"));
                yield_now().await;
                bang(n, "work");
                match n {
                    3 => pending().await,
                    _ => n,
                }
            })
        };
        let mut map = flow::iter(source)
            .map_weighted(Limit::new(4), weigh, work)
            .on_undelivered(|n| left.borrow_mut().push(n))
            .into_stream();
        let message = panic_in(|| {
            for _ in 0..3 {
                let _ = progress(&mut map);
            }
        });
        assert_eq!(message, place);
        for _ in 0..2 {
            assert!(panic_in(|| next(&mut map)).contains(POLLED_AGAIN));
            assert!(panic_in(|| progress(&mut map)).contains(POLLED_AGAIN));
        }
        drop(map);
        assert_eq!(tracer.alive(), 0);
        let ready = if matches!(place, "work" | "drop") { vec![0, 1] } else { vec![] };
        assert_eq!(left.into_inner(), ready, "{place}");
    }
}

/// The same for the steps of a fold, whatever they are made of.
#[test]
fn fold_is_not_polled_after_a_panic() {
    for place in ["f", "step", "source"] {
        let source = (0..3).inspect(|n| {
            if *n == 1 && place == "source" {
                blow_up(place)
            }
        });
        let step = |sum, n| {
            if n == 1 && place == "f" {
                blow_up::<()>(place);
            }
            let mut polled = false;
            poll_fn(move |_| {
                if n == 1 && place == "step" && !std::mem::replace(&mut polled, true) {
                    blow_up::<()>(place);
                }
                Poll::Ready(sum + n)
            })
        };
        let mut fold = Box::pin(flow::iter(source).fold(0, step));
        assert_eq!(panic_in(|| poll_once(fold.as_mut())), place);
        assert!(panic_in(|| poll_once(fold.as_mut())).contains(POLLED_AGAIN), "{place}");
    }
    let mut fold = Box::pin(flow::iter(0..3).fold(0, async |sum, n| sum + n));
    assert_eq!(poll_once(fold.as_mut()), Poll::Ready(3));
    assert!(panic_in(|| poll_once(fold.as_mut())).contains("polled after it was ready"));
}

/// Given a flow that is dropped, then its work goes first, in order of its slots; then the values
/// that were ready, in order of delivery, also when a destructor panics; then the source.
#[test]
fn drop_takes_work_then_values_then_source() {
    let log = Log::new();
    let source = (0..9).inspect({
        let gone = log.on_drop("source");
        move |_| keep(&gone)
    });
    let work = |n| {
        let gone = log.on_drop(&format!("work {n}"));
        async move {
            let _gone = gone;
            if n % 2 == 0 {
                let _bang = on_drop(move || {
                    if n == 2 {
                        blow_up("drop")
                    }
                });
                pending::<()>().await;
            }
            n
        }
    };
    let left = |n| {
        log.add(format!("value {n}"));
        if n == 1 {
            blow_up::<()>("take");
        }
    };
    let flow = flow::iter(source).map_concurrent(Limit::new(6), work).on_undelivered(left);
    let mut map = flow.into_stream();
    assert_eq!(next(&mut map), Poll::Pending);
    let ended = log.events().len();
    assert_eq!(panic_in(|| drop(map)), "drop");
    let events = ["work 0", "work 2", "work 4", "value 1", "value 3", "value 5", "source"];
    assert_eq!(log.events()[ended..], events);
}

/// What was delivered is not reported; what an error has left behind is.
#[test]
fn values_after_an_error_are_reported() {
    let (left, go) = (RefCell::new(vec![]), Signal::new());
    let work = |n| {
        let (go, waited) = (go.clone(), go.wait());
        async move {
            match n {
                1 => waited.await,
                3 => go.fire(),
                _ => {}
            }
            if n == 1 { Err(n) } else { Ok(n) }
        }
    };
    let values = flow::iter(0..9)
        .map_concurrent(Limit::new(4), work)
        .on_undelivered(|value| left.borrow_mut().push(value));
    let result = futures_lite::future::block_on(values.try_collect::<Vec<_>>());
    assert_eq!((result, left.into_inner()), (Err(1), vec![Ok(2), Ok(3), Ok(4)]));
}

/// Given a resource for each piece of work, then there are no more than the limit, each is used by
/// one at a time, and again.
#[test]
fn resources_are_no_more_than_the_limit() {
    let (made, gauge) = (Cell::new(0), Gauge::new());
    let connect = || {
        made.set(made.get() + 1);
        RefCell::new(0)
    };
    let work = |resource: RefCell<usize>, n: usize| {
        let gauge = gauge.clone();
        async move {
            let _inside = gauge.enter();
            *resource.borrow_mut() += 1;
            for _ in 0..n % 3 {
                yield_now().await;
            }
            let used = *resource.borrow();
            (resource, used)
        }
    };
    for ordered in [true, false] {
        made.set(0);
        let flow = flow::iter(0..100).map_with(THREE, connect, work);
        let flow = if ordered { flow } else { flow.unordered() };
        let used: Vec<_> = smol::block_on(flow.collect());
        assert_eq!((used.len(), made.get(), gauge.peak()), (100, 3, 3));
        assert!(*used.iter().max().unwrap() >= 34);
    }
    // Lazily.
    let flow = flow::iter(0..5).map_with(THREE, connect, async |resource, n: i32| (resource, n));
    made.set(0);
    assert_eq!(smol::block_on(flow.count()), 5);
    assert_eq!(made.get(), 1);
}

/// A source that has not woken us is not asked at the limit: not when the map is polled again, nor
/// when the limit has changed.
#[test]
fn source_at_the_limit_is_not_asked() {
    let (taken, limit) = (Cell::new(0), LiveLimit::new(TWO));
    let source = stream::poll_fn(|_| {
        taken.set(taken.get() + 1);
        Poll::Ready(Some(()))
    });
    let mut map = flow::stream(source).map_concurrent(&limit, |()| pending::<()>()).into_stream();
    for most in [2, 2, 1, 2, 3, 1, 1] {
        limit.set(Limit::new(most));
        for _ in 0..3 {
            assert_eq!(next(&mut map), Poll::Pending);
        }
        assert_eq!(taken.get(), map.running());
    }
    assert_eq!(taken.get(), 3);
}

/// A limit that is raised from outside wakes the task, once, whichever of its wakers is the last.
#[test]
fn raised_limit_wakes_the_last_waker() {
    let limit = LiveLimit::new(ONE);
    let mut map = flow::iter(0..9).map_concurrent(&limit, |_| pending::<()>()).into_stream();
    let spies = [support::hostile::Spy::new(), support::hostile::Spy::new()];
    for spy in &spies {
        assert!(spy.poll(pin!(map.next())).is_pending());
    }
    limit.set(THREE);
    assert_eq!(spies.each_ref().map(|spy| spy.wakes()), [0, 1]);
    assert!(spies[1].poll(pin!(map.next())).is_pending());
    assert_eq!(map.running(), 3);
    drop(map);
    limit.set(Limit::new(9));
    assert_eq!(spies.each_ref().map(|spy| spy.alive()), [0, 0]);
}

/// A map that was polled becomes one that is not ordered, and nothing of it is lost; it is too late
/// to have it report.
#[test]
fn polled_map_changes_its_mind() {
    let go = [Signal::new(), Signal::new()];
    let polled = |go: &Signal| {
        let go = go.clone();
        let work = move |n| {
            let go = go.clone();
            async move {
                if n == 0 {
                    go.wait().await;
                }
                n
            }
        };
        let mut map =
            flow::iter(0..6).map_concurrent(THREE, work).window(Limit::new(4)).into_stream();
        assert_eq!(next(&mut map), Poll::Pending);
        flow::source(map)
    };
    let message = panic_in(|| polled(&go[0]).on_undelivered(|_| ()));
    assert!(message.contains("call this before it is polled"), "{message}");
    let mut unordered = polled(&go[0]).unordered().into_stream();
    assert_eq!(next(&mut unordered), Poll::Ready(Some(1)));
    let ordered = polled(&go[1]);
    go.iter().for_each(Signal::fire);
    let mut rest: Vec<_> = smol::block_on(flow::source(unordered).collect());
    rest.sort();
    assert_eq!(rest, [0, 2, 3, 4, 5]);
    let all: Vec<_> = smol::block_on(ordered.collect());
    assert_eq!(all, [0, 1, 2, 3, 4, 5]);
}

/// A source that fails is one of values and errors.
#[test]
fn error_of_the_source_ends_what_collects() {
    let source = [Ok(1), Err("broken"), Ok(3)];
    let values = flow::iter(source)
        .map_concurrent(TWO, async |item: Result<i32, _>| Ok::<_, &str>(item? * 2));
    assert_eq!(smol::block_on(values.try_collect::<Vec<_>>()), Err("broken"));
    assert_eq!(smol::block_on(flow::iter(source).try_collect::<Vec<_>>()), Err("broken"));
}

/// Given futures as items, then at most so many run.
#[test]
fn futures_run_within_the_limit() {
    let gauge = Gauge::new();
    let calls = || {
        (0..20).map(|n| {
            let gauge = gauge.clone();
            async move {
                let _inside = gauge.enter();
                for _ in 0..(20 - n) % 4 {
                    yield_now().await;
                }
                n
            }
        })
    };
    let ordered: Vec<_> = smol::block_on(flow::iter(calls()).buffered(THREE).collect());
    assert_eq!(ordered, (0..20).collect::<Vec<_>>());
    let mut any: Vec<_> = smol::block_on(flow::iter(calls()).buffered(THREE).unordered().collect());
    assert_ne!(any, ordered);
    any.sort();
    assert_eq!((any, gauge.peak()), (ordered, 3));
}

/// A body that asks and goes away loses nothing; one that ends early ends the flow.
#[test]
fn body_that_stops_asking_loses_nothing() {
    let tracer = Tracer::new();
    let work = |n| {
        tracer.trace(async move {
            yield_now().await;
            n
        })
    };
    let taken =
        smol::block_on(flow::iter(0..).map_concurrent(THREE, work).drive(async |mut items| {
            let mut taken = vec![];
            while taken.len() < 5 {
                // Asks once, does not wait.
                let item = poll_fn(|cx| Poll::Ready(pin!(items.next()).poll(cx))).await;
                if let Poll::Ready(item) = item {
                    taken.extend(item);
                }
                yield_now().await;
            }
            taken
        }));
    assert_eq!((taken, tracer.alive()), (vec![0, 1, 2, 3, 4], 0));
}

/// The items may go elsewhere: to another thread, which finds their end when the flow is gone.
#[test]
fn items_are_taken_on_another_thread() {
    let (count, mut items) = smol::block_on(
        flow::iter(0..100).map_concurrent(THREE, async |n| n).drive(async |mut items| {
            let thread = std::thread::spawn(move || {
                let sum: i32 = smol::block_on((&mut items).take(50).fold(0, |sum, n| sum + n));
                (sum, items)
            });
            smol::unblock(|| thread.join().unwrap()).await
        }),
    );
    assert_eq!((count, next(&mut items)), ((0..50).sum(), Poll::Ready(None)));
}

/// Whoever waits for an item when the flow is dropped is woken, and finds the end.
#[test]
fn items_of_a_dropped_flow_are_at_their_end() {
    let spy = support::hostile::Spy::new();
    let mine = RefCell::new(None);
    let mut drive = Box::pin(flow::stream(stream::pending::<()>()).drive(async |items| {
        *mine.borrow_mut() = Some(items);
        pending::<()>().await;
    }));
    assert!(poll_once(drive.as_mut()).is_pending());
    let mut items = mine.take().unwrap();
    assert!(spy.poll(pin!(items.next())).is_pending());
    drop(drive);
    assert_eq!(spy.wakes(), 1);
    assert_eq!(next(&mut items), Poll::Ready(None));
}

/// Drives that are over say so.
#[test]
fn sinks_polled_after_their_end_panic() {
    fn twice<F: Future>(future: F) {
        let mut future = Box::pin(future);
        assert!(poll_once(future.as_mut()).is_ready());
        let message = panic_in(|| poll_once(future.as_mut()));
        assert!(message.contains("polled after it was ready"), "{message}");
    }
    let flow = || flow::iter(0..2).map_concurrent(TWO, async |n| Ok::<i32, ()>(n));
    twice(flow().collect::<Vec<_>>());
    twice(flow().try_collect::<Vec<_>>());
    twice(flow().partition_results());
    twice(flow().count());
    twice(flow().fold(0, async |sum, _| sum));
    twice(flow().try_fold(0, async |_, n| n));
    twice(flow().drive(async |_| ()));
}

/// Work that is always ready does not hold the task.
#[test]
fn map_gives_way_to_its_executor() {
    let polls = Cell::new(0);
    let busy = |_| {
        poll_fn(|cx| {
            polls.set(polls.get() + 1);
            cx.waker().wake_by_ref();
            Poll::<()>::Pending
        })
    };
    let mut map = flow::iter(0..4).map_concurrent(Limit::new(4), busy).into_stream();
    assert_eq!(next(&mut map), Poll::Pending);
    assert!((4..100).contains(&polls.get()));
    let mut endless =
        pin!(flow::iter(0..).map_concurrent(TWO, async |n| n).fold(0, async |_, n: i32| n));
    assert!(poll_once(endless.as_mut()).is_pending());
    let mut endless = pin!(flow::iter(0..).map_concurrent(TWO, async |n: i32| n).count());
    assert!(poll_once(endless.as_mut()).is_pending());
    let mut endless =
        pin!(flow::iter(0..).drive(async |mut items| { while items.next().await.is_some() {} }));
    assert!(poll_once(endless.as_mut()).is_pending());
}

/// Makes a closure own what is dropped with it.
fn keep<T>(_: &T) {}
