//! Several limits as one: all or nothing, in order, without a deadlock.

use crate::hand::Hand;
use anyscope::{
    Instant, concurrent,
    limit::{
        InvalidAmount, InvalidAsk, InvalidLimits, Limits, LimitsPermit, NotYet, Rate,
        TryLimitsError,
    },
    scope,
};
use std::{
    future::Future,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::{Pin, pin},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    task::Poll,
};
use support::{
    Log, SECOND, Stopwatch, behaviour,
    hostile::{Bomb, Spy},
    poll_once, yields,
};

type Acquire = Pin<Box<dyn Future<Output = LimitsPermit<&'static str>>>>;

fn limits() -> Limits<&'static str> {
    Limits::builder()
        .resource("connections", 2)
        .resource("memory", 100)
        .rate("requests", Rate::per_second(10))
        .build()
        .unwrap()
}

fn acquire<const N: usize>(
    limits: &Limits<&'static str>,
    hand: &Hand,
    asks: [(&'static str, u32); N],
) -> Acquire {
    let acquire = limits.acquire(hand.clone(), asks);
    Box::pin(async { acquire.await.unwrap() })
}

fn ready(acquire: &mut Acquire) -> LimitsPermit<&'static str> {
    match poll_once(acquire.as_mut()) {
        Poll::Ready(permit) => permit,
        Poll::Pending => panic!("it waits"),
    }
}

fn waits(acquire: &mut Acquire) -> bool {
    poll_once(acquire.as_mut()).is_pending()
}

/// Given one that cannot have all, then it has nothing, and what it could have had is there for those who
/// ask for nothing else.
#[test]
fn c85_all_or_nothing() {
    let (hand, limits) = (Hand::default(), limits());
    let memory = limits.try_acquire(&hand, [("memory", 60)]).unwrap();
    let mut both = acquire(&limits, &hand, [("connections", 2), ("memory", 60)]);
    assert!(waits(&mut both));
    assert_eq!((limits.available("connections"), limits.available("memory")), (Some(2), Some(40)));
    let requests = limits.try_acquire(&hand, [("requests", 10)]).unwrap();
    drop(memory);
    let both = ready(&mut both);
    assert_eq!((limits.available("connections"), limits.available("memory")), (Some(0), Some(40)));
    drop((both, requests));
    assert_eq!((limits.available("connections"), limits.available("memory")), (Some(2), Some(100)));
    assert_eq!((limits.available("requests"), limits.available("what")), (None, None));
}

/// Given those who wait, then no one who asks for the same passes, and those who ask for others do.
#[test]
fn c95_who_asks_for_others_passes() {
    let (hand, limits) = (Hand::default(), limits());
    let one = limits.try_acquire(&hand, [("connections", 1)]).unwrap();
    let mut large = acquire(&limits, &hand, [("connections", 2), ("requests", 1)]);
    assert!(waits(&mut large));
    // One is free, but not for those behind.
    let mut small = acquire(&limits, &hand, [("connections", 1)]);
    let mut behind = acquire(&limits, &hand, [("requests", 1), ("memory", 1)]);
    assert!(waits(&mut small) && waits(&mut behind));
    let refused = limits.try_acquire(&hand, [("memory", 1)]).map(drop).unwrap_err();
    assert_eq!(refused, not_yet(Instant::NEVER));
    assert_eq!(limits.waiting(), 3);
    drop(one);
    let large = ready(&mut large);
    drop(ready(&mut behind));
    assert!(waits(&mut small));
    drop(large);
    drop(ready(&mut small));
}

fn not_yet(at: Instant) -> TryLimitsError {
    // There is no other way to make one.
    let limits = Limits::builder().rate((), Rate::per_second(1)).build().unwrap();
    let error = limits.try_acquire(Hand::default(), [((), 1)]).map(drop);
    assert!(error.is_ok());
    match limits.try_acquire(Hand::default(), [((), 1)]).map(drop) {
        Err(TryLimitsError::NotYet(mut not_yet)) => {
            not_yet.at = at;
            TryLimitsError::NotYet(not_yet)
        }
        other => panic!("{other:?}"),
    }
}

/// Given a resource and a rate, then it is granted when both are there, whichever comes last; a permit that
/// is dropped needs no clock.
#[test]
fn a_resource_and_a_rate() {
    for room_first in [true, false] {
        let (hand, limits) = (Hand::default(), limits());
        let held = limits.try_acquire(&hand, [("connections", 2), ("requests", 10)]).unwrap();
        let mut waiter = acquire(&limits, &hand, [("connections", 1), ("requests", 3)]);
        let (spy, mut next) = (Spy::new(), acquire(&limits, &hand, [("requests", 1)]));
        assert!(spy.poll(waiter.as_mut()).is_pending() && waits(&mut next));
        // It waits for a return, whatever the time.
        assert_eq!(hand.sleeps(), 0);
        if room_first {
            drop(held);
            assert_eq!(spy.take_wakes(), 1);
            assert!(spy.poll(waiter.as_mut()).is_pending());
            assert_eq!(hand.sleeps(), 1);
            hand.set(300);
        } else {
            hand.set(300);
            assert!(spy.poll(waiter.as_mut()).is_pending());
            drop(held);
            assert_eq!(spy.take_wakes(), 1);
        }
        assert!(spy.poll(waiter.as_mut()).is_ready());
        assert!(waits(&mut next));
        assert_eq!(hand.sleeps(), 1);
        hand.set(400);
        drop(ready(&mut next));
        assert_eq!(hand.sleeps(), 0);
    }
}

/// Given a permit that gives back a part, then those who wait get it; of a rate as well.
#[test]
fn c92_a_part_is_given_back() {
    let (hand, limits) = (Hand::default(), limits());
    let mut permit = limits.try_acquire(&hand, [("memory", 80), ("requests", 10)]).unwrap();
    let mut waiter = acquire(&limits, &hand, [("requests", 4), ("memory", 50)]);
    assert!(waits(&mut waiter));
    permit.refund(&hand, "memory", 30).unwrap();
    assert!(waits(&mut waiter));
    permit.refund(&hand, "requests", 4).unwrap();
    let got = ready(&mut waiter);
    assert_eq!(limits.available("memory"), Some(0));
    let above = permit.refund(&hand, "memory", 51).unwrap_err();
    let expected = |invalid| matches!(invalid, InvalidAmount::Above { amount: 51, most: 50, .. });
    assert!(matches!(above, InvalidAsk::Amount { invalid, .. } if expected(invalid)));
    let unknown = permit.refund(&hand, "connections", 1).unwrap_err();
    assert!(matches!(unknown, InvalidAsk::UnknownKey { .. }));
    drop(permit);
    assert_eq!(limits.available("memory"), Some(50));
    drop(got);
    assert_eq!(limits.available("memory"), Some(100));
}

/// Given a permit of which less was used than was granted, then the rest comes back; if more of a rate was
/// used, then that is owed, and of a resource it is an error.
#[test]
fn c92_c93_use_beyond_the_permit_is_owed() {
    let (hand, limits) = (Hand::default(), limits());
    let mut permit = limits.try_acquire(&hand, [("memory", 80), ("requests", 10)]).unwrap();
    let mut waiter = acquire(&limits, &hand, [("requests", 1)]);
    assert!(waits(&mut waiter));
    permit.settle(&hand, "memory", 30).unwrap();
    assert_eq!(limits.available("memory"), Some(70));
    permit.settle(&hand, "memory", 30).unwrap();
    let above = permit.settle(&hand, "memory", 31).unwrap_err();
    let expected = |invalid| matches!(invalid, InvalidAmount::Above { amount: 31, most: 30, .. });
    assert!(matches!(above, InvalidAsk::Amount { invalid, .. } if expected(invalid)));
    let unknown = permit.settle(&hand, "connections", 1).unwrap_err();
    assert!(matches!(unknown, InvalidAsk::UnknownKey { .. }));

    // 15 more than all that there are, at ten a second.
    permit.settle(&hand, "requests", 25).unwrap();
    hand.set(1599);
    assert!(waits(&mut waiter));
    hand.set(1600);
    drop(ready(&mut waiter));
    drop(permit);
    assert_eq!(limits.available("memory"), Some(100));

    // A part of a rate is there at once for who waits.
    hand.set(10_000);
    let mut permit = limits.try_acquire(&hand, [("requests", 10)]).unwrap();
    let mut waiter = acquire(&limits, &hand, [("requests", 6)]);
    assert!(waits(&mut waiter));
    permit.settle(&hand, "requests", 4).unwrap();
    drop(ready(&mut waiter));
}

/// Given one that waits or was served, when it goes away, then those behind are served.
#[test]
fn who_goes_away_takes_nothing() {
    let (hand, limits) = (Hand::default(), limits());
    let held = limits.try_acquire(&hand, [("connections", 2)]).unwrap();
    let mut first =
        acquire(&limits, &hand, [("connections", 2), ("memory", 100), ("requests", 10)]);
    let mut second = acquire(&limits, &hand, [("memory", 1)]);
    let mut third = acquire(&limits, &hand, [("connections", 1), ("requests", 10)]);
    assert!(waits(&mut first) && waits(&mut second) && waits(&mut third));
    drop(held);
    // Whoever comes with a clock serves it, and it does not know.
    assert!(limits.try_acquire(&hand, [("connections", 1)]).is_err());
    assert_eq!(limits.available("connections"), Some(0));
    drop(first);
    drop(ready(&mut second));
    drop(ready(&mut third));
    let held = limits.try_acquire(&hand, [("memory", 100)]).unwrap();
    let mut first = acquire(&limits, &hand, [("memory", 1), ("connections", 1)]);
    let mut second = acquire(&limits, &hand, [("connections", 2)]);
    assert!(waits(&mut first) && waits(&mut second));
    drop(first);
    drop(ready(&mut second));
    drop(held);
    assert_eq!((limits.waiting(), limits.available("connections")), (0, Some(2)));
}

/// Given what can never be granted, then a typed error, and no wait.
#[test]
fn c94_c96_what_is_never_possible_is_an_error() {
    let (hand, limits) = (Hand::default(), limits());
    let invalid = |asks: &[(&'static str, u32)]| {
        let result = match poll_once(pin!(limits.acquire(&hand, asks.iter().copied()))) {
            Poll::Ready(result) => result.map(drop).unwrap_err(),
            Poll::Pending => panic!("it waits"),
        };
        let same = limits.try_acquire(&hand, asks.iter().copied()).map(drop);
        assert_eq!(same, Err(TryLimitsError::Invalid(result)));
        assert!(!result.to_string().is_empty());
        result
    };
    let unknown = invalid(&[("memory", 1), ("what", 1)]);
    assert!(matches!(unknown, InvalidAsk::UnknownKey { index: 1, .. }));
    let twice = invalid(&[("memory", 1), ("requests", 1), ("memory", 1)]);
    assert!(matches!(twice, InvalidAsk::DuplicateKey { index: 2, .. }));
    let zero = invalid(&[("memory", 0)]);
    let is_zero = |zero| matches!(zero, InvalidAsk::Amount { invalid: InvalidAmount::Zero, .. });
    assert!(is_zero(zero));
    for above in [("memory", 101), ("requests", 11), ("connections", u32::MAX)] {
        assert!(invalid(&[above]).to_string().contains("at most"));
    }
    drop(limits.try_acquire::<&str>(&hand, []).unwrap());
    assert_eq!(limits.waiting(), 0);

    let build = |capacity, key| Limits::builder().resource("a", capacity).resource(key, 1).build();
    let error = build(0, "b").map(drop).unwrap_err();
    assert!(matches!(error, InvalidLimits::ZeroCapacity { index: 0, .. }));
    let error = build(1, "a").map(drop).unwrap_err();
    assert!(matches!(error, InvalidLimits::DuplicateKey { index: 1, .. }));
    assert!(error.to_string().contains("of its own"));
    let owned = Limits::builder().resource(String::from("a"), 1).build().unwrap();
    drop(owned.try_acquire(&hand, [("a", 1)]).unwrap());
}

/// Given wakers that panic when a permit is dropped, then everything came back before.
#[test]
fn wakers_that_panic_lose_nothing() {
    let (hand, limits) = (Hand::default(), limits());
    let held = limits.try_acquire(&hand, [("connections", 2)]).unwrap();
    let bad = Spy::with(Bomb::Wake);
    let mut waiters: Vec<_> =
        (0..2).map(|_| acquire(&limits, &hand, [("connections", 1)])).collect();
    for waiter in &mut waiters {
        assert!(bad.poll(waiter.as_mut()).is_pending());
    }
    assert!(catch_unwind(AssertUnwindSafe(|| drop(held))).is_err());
    let permits: Vec<_> = waiters.iter_mut().map(ready).collect();
    drop(permits);
    assert_eq!(limits.available("connections"), Some(2));
}

/// Given an error that a caller matches, then its parts are there.
#[test]
fn not_yet_says_when() {
    let (hand, limits) = (Hand::default(), limits());
    let held = limits.try_acquire(&hand, [("requests", 8), ("memory", 100)]).unwrap();
    let at = |asks: [(&'static str, u32); 2]| match limits.try_acquire(&hand, asks).map(drop) {
        Err(TryLimitsError::NotYet(NotYet { at, .. })) => at,
        other => panic!("{other:?}"),
    };
    assert_eq!(at([("requests", 5), ("connections", 1)]), Hand::moment(300));
    assert_eq!(at([("requests", 5), ("memory", 1)]), Instant::NEVER);
    drop(held);
    assert_eq!(at([("requests", 5), ("memory", 1)]), Hand::moment(300));
}

behaviour! {
    /// Given tasks that ask for two of five in any order, then there is no deadlock, no one is forgotten, and
    /// no limit is exceeded.
    c85_no_order_of_keys_is_a_deadlock |ex| {
        let limits = (0..5).fold(Limits::builder(), |b, fork| b.resource(fork, 1)).build().unwrap();
        let inside: Arc<[AtomicUsize; 5]> = Arc::default();
        let meals = Arc::new(AtomicUsize::new(0));
        scope(&ex, async |s| {
            for seat in 0..20_usize {
                let (limits, ex, inside, meals) =
                    (limits.clone(), ex.clone(), inside.clone(), meals.clone());
                s.spawn(async move {
                    for meal in 0..5 {
                        let (left, right) = (seat % 5, (seat + 1 + (seat + meal) % 4) % 5);
                        let permit = limits.acquire(&ex, [(left, 1), (right, 1)]).await.unwrap();
                        for fork in [left, right] {
                            assert_eq!(inside[fork].fetch_add(1, SeqCst), 0);
                        }
                        yields(seat % 3).await;
                        for fork in [left, right] {
                            inside[fork].fetch_sub(1, SeqCst);
                        }
                        drop(permit);
                        meals.fetch_add(1, SeqCst);
                    }
                });
            }
        })
        .await;
        assert_eq!((meals.load(SeqCst), limits.waiting()), (100, 0));
        assert!((0..5).all(|fork| limits.available(fork) == Some(1)));
    }

    /// Given tasks that give up at any moment, then nothing is lost.
    who_gives_up_on_any_thread_loses_nothing |ex| {
        let limits = Limits::builder()
            .resource("a", 3)
            .resource("b", 3)
            .rate("rate", Rate::per_second(1).burst(10_000))
            .build()
            .unwrap();
        scope(&ex, async |s| {
            for n in 0..60_u32 {
                let (limits, ex) = (limits.clone(), ex.clone());
                s.spawn(async move {
                    let asks = [("a", 1 + n % 3), ("rate", 100), ("b", 1 + n % 2)];
                    let asks = asks.into_iter().skip(n as usize % 3);
                    let work = async {
                        let mut permit = limits.acquire(&ex, asks.clone()).await.unwrap();
                        yields(n as usize % 4).await;
                        // As if it had asked for the rate only to look.
                        if n % 3 < 2 {
                            permit.refund(&ex, "rate", 100).unwrap();
                        }
                    };
                    futures_lite::future::or(work, yields(n as usize % 7)).await;
                });
            }
        })
        .await;
        assert_eq!((limits.waiting(), limits.available("a"), limits.available("b")), (0, Some(3), Some(3)));
    }

    /// Given a stream of small requests, then a large one is served, and large ones do not hold up others.
    c52_no_one_starves with virtual_time |ex| {
        let limits = Limits::builder()
            .resource("places", 3)
            .rate("calls", Rate::per_second(1).burst(1))
            .build()
            .unwrap();
        let watch = Stopwatch::start(ex.clone());
        let log = Log::new();
        concurrent(async |s| {
            for n in 0..3_u32 {
                let (limits, ex) = (&limits, &ex);
                s.spawn(async move {
                    for _ in 0..10 {
                        let permit = limits.acquire(ex, [("places", 1)]).await.unwrap();
                        ex.sleep(SECOND * (n + 1)).await;
                        drop(permit);
                    }
                });
            }
            yields(5).await;
            let large = limits.acquire(&ex, [("calls", 1), ("places", 3)]).await.unwrap();
            log.add(format!("large at {}", watch.elapsed().as_secs()));
            drop(large);
            drop(limits.acquire(&ex, [("calls", 1)]).await.unwrap());
            log.add(format!("call at {}", watch.elapsed().as_secs()));
        })
        .await;
        // When the slowest of those that were there before has left.
        assert_eq!(log.events(), ["large at 3", "call at 4"]);
    }
}
