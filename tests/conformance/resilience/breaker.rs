//! Breakers: golden tests of the states, in the words of Resilience4j, and of what is ours: cancelled probes, waits, clocks.

use anyscope::{
    Clock, Instant, concurrent, join,
    resilience::breaker::{
        BreakerError,
        BreakerState::{self, *},
        Builder, CircuitBreaker, InvalidBreaker, KeyedBreakers, Rejected,
    },
    scope, timeout,
};
use std::{
    cell::Cell,
    future::{pending, ready},
    pin::pin,
    time::Duration,
};
use support::{Gauge, Log, SECOND, Stopwatch, behaviour, panic_of, poll_once, yields};

/// Judges by the last four calls, from two on, at half; is open for ten seconds.
fn small() -> Builder {
    CircuitBreaker::builder().window_calls(4).minimum_calls(2).open_for(10 * SECOND)
}

fn built(builder: Builder) -> CircuitBreaker {
    builder.build().unwrap()
}

/// Makes calls that end as the letters say: `s`uccess, `f`ailure. Returns the state after each.
async fn calls<C: Clock>(breaker: &CircuitBreaker, clock: &C, word: &str) -> Vec<BreakerState> {
    let mut states = Vec::new();
    for letter in word.chars() {
        let result = if letter == 's' { Ok(()) } else { Err(()) };
        let _ = breaker.call(clock, ready(result)).await;
        states.push(breaker.state());
    }
    states
}

behaviour! {
    /// Given fewer calls than the minimum, then it stays closed however they end; with the one that makes them enough, it is judged,
    /// also if that one succeeds.
    e25_closed_until_there_are_enough_calls |ex| {
        let breaker = built(small().minimum_calls(3));
        assert_eq!(calls(&breaker, &ex, "ff").await, [Closed, Closed]);
        assert_eq!(calls(&breaker, &ex, "s").await, [Open]);
    }

    /// Given calls that are older than the window, then they do not count.
    e25_the_window_slides |ex| {
        let breaker = built(small().failure_rate(75));
        assert_eq!(calls(&breaker, &ex, "ss").await, [Closed; 2]);
        // s s f f, s f f s, f f s f: three of the last four are needed.
        assert_eq!(calls(&breaker, &ex, "ffsf").await, [Closed, Closed, Closed, Open]);
    }

    /// Given a rate, then it opens when the rate is reached, not only when it is passed.
    e25_opens_at_the_rate |ex| {
        for (rate, opens) in [(50, true), (51, false)] {
            let breaker = built(small().failure_rate(rate));
            let state = calls(&breaker, &ex, "sf").await[1];
            assert_eq!(state == Open, opens, "{rate}");
        }
    }

    /// Given a breaker that is open, then calls are refused unpolled until its time is over; then one probe is let through, and closes it.
    e25_open_then_half_open_then_closed with virtual_time |ex| {
        let (breaker, watch) = (built(small()), Stopwatch::start(ex.clone()));
        calls(&breaker, &ex, "ff").await;
        ex.sleep(10 * SECOND - Duration::from_millis(1)).await;
        let refused = breaker.call(&ex, async { panic!("it is polled") as Result<(), ()> }).await;
        assert_eq!(refused, Err(BreakerError::Rejected(rejected(&breaker, &ex))));
        assert_eq!(rejected(&breaker, &ex).until, Some(watch.at(10)));
        ex.sleep(Duration::from_millis(1)).await;
        assert_eq!(breaker.state(), Open);
        let probe = breaker.try_enter(&ex).unwrap();
        assert_eq!(breaker.state(), HalfOpen);
        let second = breaker.try_enter(&ex).unwrap_err();
        assert_eq!((second.state, second.until), (HalfOpen, None));
        probe.success();
        assert_eq!(breaker.state(), Closed);
        // With an empty window.
        assert_eq!(calls(&breaker, &ex, "f").await, [Closed]);
    }

    /// Given probes of which too many fail, then it is open for its whole time again.
    e25_half_open_then_open with virtual_time |ex| {
        let (breaker, watch) = (built(small().probes(3)), Stopwatch::start(ex.clone()));
        calls(&breaker, &ex, "ff").await;
        ex.sleep(15 * SECOND).await;
        assert_eq!(calls(&breaker, &ex, "sff").await, [HalfOpen, HalfOpen, Open]);
        assert_eq!(rejected(&breaker, &ex).until, Some(watch.at(25)));
        ex.sleep(10 * SECOND).await;
        assert_eq!(calls(&breaker, &ex, "sfs").await, [HalfOpen, HalfOpen, Closed]);
    }

    /// Given calls that are slow, then they open it although they succeed, at their own rate.
    e25_slow_calls_open_it with virtual_time |ex| {
        let breaker = built(small().slow_calls(SECOND, 100));
        for (millis, state) in [(999, Closed), (1000, Closed), (1000, Closed), (1000, Closed), (1000, Open)] {
            let call = async {
                ex.sleep(Duration::from_millis(millis)).await;
                Ok::<_, ()>(())
            };
            breaker.call(&ex, call).await.unwrap();
            assert_eq!(breaker.state(), state);
        }
    }

    /// Given a window of time, then failures that are older do not count.
    e25_a_window_of_time with virtual_time |ex| {
        let breaker = built(CircuitBreaker::builder().window_time(10 * SECOND).minimum_calls(3).failure_rate(100));
        assert_eq!(calls(&breaker, &ex, "ff").await, [Closed; 2]);
        ex.sleep(11 * SECOND).await;
        assert_eq!(calls(&breaker, &ex, "ff").await, [Closed; 2]);
        ex.sleep(5 * SECOND).await;
        assert_eq!(calls(&breaker, &ex, "f").await, [Open]);
    }

    /// Given a call that is cancelled, then it is no failure; a probe that is cancelled, or dropped unpolled, frees its place, and
    /// whoever waits for it is woken.
    e25_a_cancelled_call_is_no_failure with virtual_time |ex| {
        let breaker = built(small().minimum_calls(1));
        for _ in 0..3 {
            let call = breaker.call(&ex, pending::<Result<(), ()>>());
            assert!(timeout(&ex, SECOND, call).await.is_err());
        }
        assert_eq!(calls(&breaker, &ex, "sf").await, [Closed, Open]);
        ex.sleep(10 * SECOND).await;
        {
            let mut probe = pin!(breaker.call(&ex, pending::<Result<(), ()>>()));
            assert!(poll_once(probe.as_mut()).is_pending());
            assert_eq!(breaker.state(), HalfOpen);
            let mut waits = pin!(breaker.enter(&ex));
            assert!(poll_once(waits.as_mut()).is_pending());
        }
        let probe = breaker.try_enter(&ex).unwrap();
        let (log, waits) = (Log::new(), breaker.enter(&ex));
        join((
            async {
                let admission = waits.await;
                log.add("entered");
                admission.success();
            },
            async {
                ex.sleep(SECOND).await;
                log.add("dropped");
                drop(probe);
            },
        ))
        .await;
        assert_eq!((log.events(), breaker.state()), (vec!["dropped".into(), "entered".into()], Closed));
    }

    /// Given the outcome of a call that was let through before the breaker opened, then it does not count later.
    e25_calls_of_an_earlier_state_do_not_count with virtual_time |ex| {
        let breaker = built(small());
        let (old, older) = (breaker.try_enter(&ex).unwrap(), breaker.try_enter(&ex).unwrap());
        calls(&breaker, &ex, "ff").await;
        ex.sleep(10 * SECOND).await;
        let probe = breaker.try_enter(&ex).unwrap();
        old.failure();
        drop(older);
        assert_eq!(breaker.state(), HalfOpen);
        assert!(breaker.try_enter(&ex).is_err());
        probe.success();
        assert_eq!(breaker.state(), Closed);
    }

    /// Given some who wait for it, then they go on when its time is over, as many as there are probes, and the others when it closes.
    e25_ready_waits_until_it_lets_calls_through with virtual_time |ex| {
        let (breaker, watch, gauge) = (built(small()), Stopwatch::start(ex.clone()), Gauge::new());
        calls(&breaker, &ex, "ff").await;
        concurrent(async |c| {
            for _ in 0..5 {
                let (breaker, gauge, ex, watch) = (&breaker, &gauge, ex.clone(), watch.clone());
                c.spawn(async move {
                    let admission = breaker.enter(&ex).await;
                    let inside = gauge.enter();
                    assert!(watch.elapsed() >= 10 * SECOND);
                    if watch.elapsed() < 11 * SECOND {
                        assert_eq!(gauge.now(), 1);
                    }
                    ex.sleep(SECOND).await;
                    drop(inside);
                    admission.success();
                });
            }
        })
        .await;
        assert_eq!((watch.elapsed(), gauge.ever(), gauge.peak()), (12 * SECOND, 5, 4));
        breaker.ready(&ex).await;
    }

    /// Given a breaker that is forced open, then it is open until it is reset, and who waits goes on then.
    e25_forced_open_until_reset with virtual_time |ex| {
        let (breaker, watch) = (built(small()), Stopwatch::start(ex.clone()));
        let old = breaker.try_enter(&ex).unwrap();
        breaker.force_open();
        breaker.force_open();
        assert_eq!((rejected(&breaker, &ex).state, rejected(&breaker, &ex).until), (ForcedOpen, None));
        join((breaker.ready(&ex), async {
            ex.sleep(100 * SECOND).await;
            old.failure();
            breaker.reset();
        }))
        .await;
        assert_eq!((watch.elapsed(), breaker.state()), (100 * SECOND, Closed));
        assert_eq!(calls(&breaker, &ex, "f").await, [Closed]);
    }

    /// Given an observer, then it is told of each change once, with the counts; if it panics, the change is done.
    e25_changes_are_observed with virtual_time |ex| {
        let log = Log::new();
        let told = log.clone();
        let breaker = built(small().on_change(move |change| {
            told.add(format!("{} to {}: {} of {}", change.from, change.to, change.failed, change.calls));
        }));
        calls(&breaker, &ex, "ff").await;
        ex.sleep(10 * SECOND).await;
        calls(&breaker, &ex, "s").await;
        breaker.force_open();
        breaker.reset();
        assert_eq!(log.events(), [
            "closed to open: 2 of 2",
            "open to half-open: 0 of 0",
            "half-open to closed: 0 of 1",
            "closed to forced open: 0 of 0",
            "forced open to closed: 0 of 0",
        ]);
        let breaker = built(small().on_change(|_| panic!("an observer")));
        calls(&breaker, &ex, "f").await;
        let message = panic_of(breaker.call(&ex, ready(Err::<(), _>(())))).await;
        assert_eq!((&*message, breaker.state()), ("an observer", Open));
    }

    /// Given a call that panics, or whose errors are judged by a function that does, then the panic propagates and counts as a failure.
    e25_a_panic_is_a_failure |ex| {
        let breaker = built(small().minimum_calls(1).failure_rate(1));
        assert_eq!(panic_of(breaker.call(&ex, async { panic!("a call") as Result<(), ()> })).await, "a call");
        assert_eq!(breaker.state(), Open);
        breaker.reset();
        let judged = breaker.call_when(&ex, |()| panic!("a judge"), ready(Err::<(), _>(())));
        assert_eq!(panic_of(judged).await, "a judge");
        assert_eq!(breaker.state(), Open);
    }

    /// Given a clock that panics when the end of a probe is told, then the panic propagates, and the place of the probe is free again.
    e25_a_clock_that_panics_takes_no_place |ex| {
        struct Breaks(Cell<bool>);

        impl Clock for Breaks {
            fn now(&self) -> Instant {
                assert!(!self.0.get(), "a clock");
                Instant::from_epoch(100 * SECOND)
            }
        }

        let clock = Breaks(Cell::new(false));
        let breaker = built(small().open_for(Duration::ZERO));
        calls(&breaker, &clock, "ff").await;
        assert_eq!(breaker.state(), Open);
        let probe = breaker.try_enter(&clock).unwrap();
        clock.0.set(true);
        let message = panic_of(async { probe.failure() }).await;
        assert_eq!((&*message, breaker.state()), ("a clock", HalfOpen));
        clock.0.set(false);
        calls(&breaker, &clock, "s").await;
        assert_eq!(breaker.state(), Closed);
        let _ = &ex;
    }

    /// Given an error that is none of the service, then it counts as success.
    e25_some_errors_are_no_failures |ex| {
        let breaker = built(small());
        for status in [404, 404, 404] {
            let call = breaker.call_when(&ex, |status| *status >= 500, ready(Err::<(), _>(status)));
            assert_eq!(call.await, Err(BreakerError::Failed(404)));
        }
        assert_eq!(breaker.state(), Closed);
    }

    /// Given many tasks on any threads, then never more probes are let through than may be.
    e25_never_more_probes_than_allowed |ex| {
        for round in 0..20 {
            let breaker = built(small().open_for(Duration::ZERO).probes(2));
            calls(&breaker, &ex, "ff").await;
            let gauge = Gauge::new();
            scope(&ex, async |s| {
                for n in 0..8 {
                    let (breaker, gauge, ex) = (breaker.clone(), gauge.clone(), ex.clone());
                    s.spawn(async move {
                        yields((n + round) % 3).await;
                        if let Ok(probe) = breaker.try_enter(&ex) {
                            let inside = gauge.enter();
                            yields(n % 4).await;
                            drop(inside);
                            // A cancelled probe: it never closes.
                            drop(probe);
                        }
                    });
                }
            })
            .await;
            assert!(gauge.peak() <= 2, "{}", gauge.peak());
        }
    }

    /// Given keys, then each has a breaker of its own; those that saw no failure are forgotten when there are too many.
    e25_one_breaker_for_each_key |ex| {
        let breakers = KeyedBreakers::new(2, || small().minimum_calls(1)).unwrap();
        calls(&breakers.get(&ex, 1), &ex, "f").await;
        calls(&breakers.get(&ex, 2), &ex, "s").await;
        assert_eq!((breakers.get(&ex, 1).state(), breakers.get(&ex, 2).state()), (Open, Closed));
        breakers.get(&ex, 3);
        let keys: Vec<_> = breakers.all().map(|(key, _)| key).collect();
        assert_eq!(keys, [1, 3]);
        assert_eq!(KeyedBreakers::<u32>::new(2, || small().probes(0)).unwrap_err(), InvalidBreaker::NoProbes);
    }
}

fn rejected<C: Clock>(breaker: &CircuitBreaker, clock: &C) -> Rejected {
    breaker.try_enter(clock).unwrap_err()
}

/// Given settings with which it could not work, then they are an error that says which.
#[test]
fn bad_settings_are_errors() {
    let error = |builder: Builder| builder.build().unwrap_err();
    assert_eq!(error(small().failure_rate(0)), InvalidBreaker::Rate(0));
    assert_eq!(error(small().failure_rate(101)), InvalidBreaker::Rate(101));
    assert_eq!(error(small().slow_calls(SECOND, 0)), InvalidBreaker::Rate(0));
    assert_eq!(error(small().slow_calls(Duration::ZERO, 1)), InvalidBreaker::SlowAfterNothing);
    assert_eq!(error(small().window_calls(0)), InvalidBreaker::EmptyWindow);
    assert_eq!(error(small().window_time(Duration::ZERO)), InvalidBreaker::EmptyWindow);
    assert_eq!(error(small().minimum_calls(0)), InvalidBreaker::MinimumCalls(0));
    assert_eq!(error(small().minimum_calls(5)), InvalidBreaker::MinimumCalls(5));
    assert_eq!(error(small().probes(0)), InvalidBreaker::NoProbes);
    // Endless times are no errors.
    let endless =
        small().open_for(Duration::MAX).slow_calls(Duration::MAX, 1).window_time(Duration::MAX);
    assert!(endless.build().is_ok());
}
