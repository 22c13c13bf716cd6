//! What an adaptive limit learns from calls, and counts.

use super::UpDown;
use anyscope::{
    AdaptiveLimit, Clock, Instant, Timer,
    limit::adaptive::{Aimd, Algorithm, Outcome, Sample},
    timeout,
};
use std::{
    cell::Cell,
    future::{pending, poll_fn},
    num::NonZeroUsize,
    pin::pin,
    sync::{Arc, Mutex, OnceLock},
    task::Poll,
    thread,
    time::Duration,
};
use support::{
    Gauge, SECOND, alloc::allocations, behaviour, blow_up, panic_in, panic_of, poll_once, simulated,
};

/// Shows the time that it was set to.
#[derive(Clone, Default)]
struct ByHand(Arc<Mutex<Duration>>);

impl ByHand {
    fn advance(&self, by: Duration) {
        *self.0.lock().unwrap() += by;
    }
}

impl Clock for ByHand {
    fn now(&self) -> Instant {
        Instant::from_epoch(*self.0.lock().unwrap())
    }
}

/// Keeps what it learns.
#[derive(Clone, Default)]
struct Kept(Arc<Mutex<Vec<Sample>>>);

impl Kept {
    fn samples(&self) -> Vec<(u64, usize, bool)> {
        let kept = self.0.lock().unwrap();
        kept.iter().map(|it| (it.rtt.as_secs(), it.in_flight, it.dropped)).collect()
    }
}

impl Algorithm for Kept {
    fn limit(&self) -> NonZeroUsize {
        NonZeroUsize::new(5).unwrap()
    }

    fn on_sample(&mut self, sample: Sample) -> NonZeroUsize {
        self.0.lock().unwrap().push(sample);
        self.limit()
    }
}

fn kept() -> (ByHand, Kept, AdaptiveLimit<Kept>) {
    let kept = Kept::default();
    (ByHand::default(), kept.clone(), AdaptiveLimit::new(kept))
}

/// Given calls that end in any order, then each is a sample, with how long it took and how many there
/// were when it began.
#[test]
fn a_call_is_a_sample() {
    let (clock, kept, adaptive) = kept();
    let first = adaptive.start(&clock);
    clock.advance(SECOND);
    let second = adaptive.start(&clock);
    clock.advance(SECOND);
    first.success();
    assert_eq!(adaptive.in_flight(), 1);
    second.dropped();
    assert_eq!(adaptive.in_flight(), 0);
    assert_eq!(kept.samples(), [(2, 1, false), (1, 2, true)]);
    assert_eq!(kept.0.lock().unwrap()[0].now, clock.now());
}

/// Given a call that is ignored, then it is over, and nothing is learnt.
#[test]
fn a5_an_ignored_call_only_makes_room() {
    let (clock, kept, adaptive) = kept();
    let call = adaptive.start(&clock);
    clock.advance(SECOND);
    call.ignore();
    adaptive.start(&clock).end(Outcome::Ignored);
    assert_eq!((adaptive.in_flight(), kept.samples()), (0, vec![]));
}

/// Given a call of which nobody says how it ended, then it was ignored.
#[test]
fn a6_a_dropped_guard_is_ignored() {
    let (clock, kept, adaptive) = kept();
    drop(adaptive.start(&clock));
    assert_eq!(
        panic_in(|| {
            let _call = adaptive.start(&clock);
            blow_up::<()>("the call")
        }),
        "the call"
    );
    assert_eq!((adaptive.in_flight(), kept.samples()), (0, vec![]));
}

simulated! {
    /// Given a call that is cancelled at any of its waits, then it was ignored; given one that is
    /// not, then it is a sample.
    a6_a_cancelled_call_is_ignored |sim| {
        let kept = Kept::default();
        let adaptive = AdaptiveLimit::new(kept.clone());
        let call = async {
            sim.sleep(SECOND).await;
            assert_eq!(adaptive.in_flight(), 1);
            sim.sleep(SECOND).await;
            Ok::<_, ()>(7)
        };
        let ended = sim.cancel_somewhere(adaptive.call(&sim, call)).await;
        assert_eq!(adaptive.in_flight(), 0);
        match ended {
            Some(value) => assert_eq!((value, kept.samples()), (Ok(7), vec![(2, 1, false)])),
            None => assert_eq!(kept.samples(), []),
        }
    }
}

behaviour! {
    /// Given `call`, then time begins with the first poll, an `Ok` is a success, and an error is
    /// ignored.
    a_call_measures_its_future with virtual_time |ex| {
        let kept = Kept::default();
        let adaptive = AdaptiveLimit::new(kept.clone());
        let call = adaptive.call(&ex, async {
            ex.sleep(SECOND).await;
            Ok::<_, ()>(7)
        });
        ex.sleep(SECOND).await;
        assert_eq!(adaptive.in_flight(), 0);
        assert_eq!(call.await, Ok(7));
        assert_eq!(adaptive.call(&ex, async { Err::<(), _>("no") }).await, Err("no"));
        assert_eq!((adaptive.in_flight(), kept.samples()), (0, vec![(1, 1, false)]));
    }

    /// Given `call_with`, then the classifier decides: a time limit that has passed was a drop.
    a_call_is_classified with virtual_time |ex| {
        let kept = Kept::default();
        let adaptive = AdaptiveLimit::new(kept.clone());
        let late = timeout(&ex, SECOND, pending::<()>());
        assert!(adaptive.call_with(&ex, late, Outcome::drop_errors).await.is_err());
        let fine = timeout(&ex, SECOND, async {});
        assert!(adaptive.call_with(&ex, fine, Outcome::drop_errors).await.is_ok());
        let wrong = adaptive.call_with(&ex, async { 404 }, |status| match status {
            404 => Outcome::Ignored,
            _ => Outcome::Success,
        });
        assert_eq!(wrong.await, 404);
        assert_eq!(kept.samples(), [(1, 1, true), (0, 1, false)]);
    }

    /// Given a future or a classifier that panics, then the panic propagates, and the call was
    /// ignored.
    a6_a_panicking_call_is_ignored |ex| {
        let kept = Kept::default();
        let adaptive = AdaptiveLimit::new(kept.clone());
        let call = adaptive.call(&ex, async { blow_up::<Result<(), ()>>("the future") });
        assert_eq!(panic_of(call).await, "the future");
        let call = adaptive.call_with(&ex, async {}, |()| blow_up("the classifier"));
        assert_eq!(panic_of(call).await, "the classifier");
        assert_eq!((adaptive.in_flight(), kept.samples()), (0, vec![]));
    }
}

/// Given a future that is done, then it is dropped before anything is learnt, as it may hold what the
/// next call needs.
#[test]
fn a_future_is_gone_before_the_limit_is_raised() {
    let clock = ByHand::default();
    let gauge = Gauge::new();
    let seen = Arc::new(Mutex::new(None));
    struct Looks(Gauge, Arc<Mutex<Option<usize>>>);
    impl Algorithm for Looks {
        fn limit(&self) -> NonZeroUsize {
            NonZeroUsize::MIN
        }
        fn on_sample(&mut self, _: Sample) -> NonZeroUsize {
            *self.1.lock().unwrap() = Some(self.0.now());
            self.limit()
        }
    }
    let adaptive = AdaptiveLimit::new(Looks(gauge.clone(), seen.clone()));
    let inside = gauge.enter();
    let future = poll_fn(move |_| {
        let _ = &inside;
        Poll::Ready(Ok::<_, ()>(()))
    });
    let mut call = pin!(adaptive.call(&clock, future));
    assert_eq!(poll_once(call.as_mut()), Poll::Ready(Ok(())));
    assert_eq!(*seen.lock().unwrap(), Some(0));
    assert_eq!(adaptive.in_flight(), 0);
}

/// Given 100 threads that start 1000 calls each, then never more are in flight than the limit, and
/// none is lost.
#[test]
fn a7_as_many_in_flight_as_the_limit_allows() {
    const LIMIT: usize = 10;
    let adaptive = AdaptiveLimit::new(UpDown { now: LIMIT, up: LIMIT, down: LIMIT });
    let (clock, gauge) = (ByHand::default(), Gauge::new());
    thread::scope(|s| {
        for _ in 0..100 {
            s.spawn(|| {
                for n in 0..1000 {
                    let call = loop {
                        match adaptive.try_start(&clock) {
                            Some(call) => break call,
                            None => thread::yield_now(),
                        }
                    };
                    let inside = gauge.enter();
                    // Others have a try.
                    thread::yield_now();
                    drop(inside);
                    match n % 3 {
                        0 => call.success(),
                        1 => call.dropped(),
                        _ => call.ignore(),
                    }
                }
            });
        }
    });
    assert_eq!((gauge.ever(), adaptive.in_flight()), (100_000, 0));
    assert!(gauge.peak() <= LIMIT, "{}", gauge.peak());
}

/// Given a limit that is lowered, then nothing starts until fewer are in flight.
#[test]
fn a8_a_lowered_limit_lets_nothing_start_until_there_is_room() {
    let adaptive = AdaptiveLimit::new(UpDown { now: 4, up: 4, down: 2 });
    let clock = ByHand::default();
    let mut calls: Vec<_> = (0..4).map(|_| adaptive.try_start(&clock).unwrap()).collect();
    assert!(adaptive.try_start(&clock).is_none());
    calls.pop().unwrap().dropped();
    assert_eq!((adaptive.get().get(), adaptive.in_flight()), (2, 3));
    for left in [2, 1] {
        assert!(adaptive.try_start(&clock).is_none());
        calls.pop().unwrap().ignore();
        assert_eq!(adaptive.in_flight(), left);
    }
    assert!(adaptive.try_start(&clock).is_some());
}

/// Given a call that only has to be counted, then the limit does not matter.
#[test]
fn start_counts_beyond_the_limit() {
    let adaptive = AdaptiveLimit::new(UpDown { now: 1, up: 1, down: 1 });
    let clock = ByHand::default();
    let calls = [(); 3].map(|()| adaptive.start(&clock));
    assert_eq!(adaptive.in_flight(), 3);
    drop(calls);
    assert_eq!(adaptive.in_flight(), 0);
}

/// Given an algorithm that makes a call while it learns from another, then nothing is stuck, and that
/// call is a sample as well.
#[test]
fn an_algorithm_may_make_calls() {
    static LIMIT: OnceLock<AdaptiveLimit<Nested>> = OnceLock::new();
    struct Nested(usize);
    impl Algorithm for Nested {
        fn limit(&self) -> NonZeroUsize {
            NonZeroUsize::new(self.0).unwrap()
        }
        fn on_sample(&mut self, _: Sample) -> NonZeroUsize {
            self.0 += 1;
            if self.0 < 5 {
                LIMIT.get().unwrap().start(ByHand::default()).success();
            }
            self.limit()
        }
    }
    let adaptive = LIMIT.get_or_init(|| AdaptiveLimit::new(Nested(1)));
    adaptive.start(ByHand::default()).success();
    assert_eq!((adaptive.get().get(), adaptive.in_flight()), (5, 0));
}

/// Given an algorithm that panics, then whoever ended the call gets the panic, and the limit works on.
#[test]
fn an_algorithm_may_panic() {
    struct Panicking(Cell<bool>);
    impl Algorithm for Panicking {
        fn limit(&self) -> NonZeroUsize {
            NonZeroUsize::new(2).unwrap()
        }
        fn on_sample(&mut self, _: Sample) -> NonZeroUsize {
            if !self.0.replace(true) {
                blow_up("the algorithm")
            }
            NonZeroUsize::new(3).unwrap()
        }
    }
    let adaptive = AdaptiveLimit::new(Panicking(Cell::new(false)));
    let clock = ByHand::default();
    assert_eq!(panic_in(|| adaptive.start(&clock).success()), "the algorithm");
    assert_eq!((adaptive.get().get(), adaptive.in_flight()), (2, 0));
    adaptive.start(&clock).success();
    assert_eq!(adaptive.get().get(), 3);
}

/// Given many threads that report at the same time, then no sample is lost.
#[test]
fn no_sample_is_lost() {
    struct Counting(usize);
    impl Algorithm for Counting {
        fn limit(&self) -> NonZeroUsize {
            NonZeroUsize::new(self.0).unwrap()
        }
        fn on_sample(&mut self, _: Sample) -> NonZeroUsize {
            self.0 += 1;
            self.limit()
        }
    }
    let adaptive = AdaptiveLimit::new(Counting(1));
    let clock = ByHand::default();
    thread::scope(|s| {
        for _ in 0..8 {
            s.spawn(|| (0..10_000).for_each(|_| adaptive.start(&clock).success()));
        }
    });
    assert_eq!(adaptive.get().get(), 80_001);
}

/// Given a call on one thread, then it allocates nothing.
#[test]
fn a_call_allocates_nothing() {
    let adaptive = AdaptiveLimit::new(Aimd::default());
    let clock = ByHand::default();
    adaptive.start(&clock).success();
    let before = allocations();
    for _ in 0..100 {
        adaptive.start(&clock).success();
        adaptive.try_start(&clock).unwrap().dropped();
        let mut call = pin!(adaptive.call(&clock, async { Ok::<_, ()>(()) }));
        assert!(poll_once(call.as_mut()).is_ready());
    }
    assert_eq!(allocations(), before);
}
