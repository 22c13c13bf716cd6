//! Rate limits: when each may start, in which order, and what is left of one that goes away.

use crate::hand::Hand;
use anyscope::{
    Clock, Instant, concurrent, flow,
    limit::{InvalidAmount, InvalidRate, Rate, RateLimit, TryRateError},
    scope,
};
use std::{
    future::Future,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::{Pin, pin},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    task::Poll,
    time::Duration,
};
use support::{
    Log, SECOND, Stopwatch, behaviour,
    hostile::{Bomb, Spy},
    poll_once, simulated, yields,
};

const PERIOD: Duration = Duration::from_millis(200);

behaviour! {
    /// Given a window of 2 in 200 ms, when six ask at once, then two start at 0, .2 and .4 each.
    h81_a_window_starts_so_many_in_each_span with virtual_time |ex| {
        let limit = RateLimit::new(Rate::window(2, PERIOD));
        assert_eq!(starts(&ex, &limit, &[1; 6]).await, [0, 0, 200, 200, 400, 400]);
        // A pause brings no more than two.
        let watch = Stopwatch::start(ex.clone());
        ex.sleep(SECOND).await;
        assert_eq!(starts(&ex, &limit, &[1; 3]).await, [0, 0, 200]);
        assert_eq!(watch.elapsed(), SECOND + PERIOD);
    }

    /// Given a steady rate, then the burst starts at once and the others evenly; with a burst of 1 all
    /// evenly.
    c87_a_steady_rate_refills_evenly with virtual_time |ex| {
        let rate = Rate::new(2, PERIOD);
        assert_eq!(starts(&ex, &RateLimit::new(rate), &[1; 6]).await, [0, 0, 100, 200, 300, 400]);
        let leaky = RateLimit::new(rate.burst(1));
        assert_eq!(starts(&ex, &leaky, &[1; 4]).await, [0, 100, 200, 300]);
        ex.sleep(SECOND).await;
        assert_eq!(starts(&ex, &leaky, &[1; 3]).await, [0, 100, 200]);
        let large = RateLimit::new(rate.burst(4));
        assert_eq!(starts(&ex, &large, &[4, 1, 2, 4]).await, [0, 100, 300, 700]);
    }

    /// Given a leaky bucket that is asked often, then it leaks all the same.
    c88_a_bucket_that_is_asked_often_leaks with virtual_time |ex| {
        let limit = RateLimit::new(Rate::per_second(5).burst(5));
        let mut granted = 0;
        let watch = Stopwatch::start(ex.clone());
        while watch.elapsed() < 4 * SECOND {
            granted += u32::from(limit.try_acquire(&ex).is_ok());
            ex.sleep(Duration::from_millis(10)).await;
        }
        assert_eq!(granted, 5 + 4 * 5 - 1);
    }

    /// Given a large request in front, then small ones behind it do not pass, however many come.
    c95_small_requests_do_not_pass_a_large_one with virtual_time |ex| {
        let limit = RateLimit::new(Rate::per_second(1).burst(3));
        limit.acquire_many(&ex, 3).await.unwrap();
        assert_eq!(starts(&ex, &limit, &[3, 1, 2, 1]).await, [3000, 4000, 6000, 7000]);
        let limit = RateLimit::new(Rate::window(3, SECOND));
        assert_eq!(starts(&ex, &limit, &[2, 2, 1, 3]).await, [0, 1000, 1000, 2000]);
    }

    /// Given some who wait, when the first, one in the middle or the last goes away, then the others are
    /// served in order, as if it had never been there.
    who_goes_away_takes_nothing with virtual_time |ex| {
        for gone in 0..4 {
            let limit = RateLimit::new(Rate::per_second(1).burst(1));
            limit.acquire(&ex).await;
            let watch = Stopwatch::start(ex.clone());
            let log = Log::new();
            concurrent(async |s| {
                let handles: Vec<_> = (0..4).map(|n| {
                    let (limit, watch, log, ex) = (&limit, &watch, &log, &ex);
                    s.spawn(async move {
                        limit.acquire(ex).await;
                        log.add(format!("{n} at {}", watch.elapsed().as_secs()));
                    })
                }).collect();
                yields(5).await;
                assert_eq!(limit.waiting(), 4);
                ex.sleep(SECOND / 2).await;
                let mut handles = handles;
                let _ = handles.remove(gone).cancel().await;
                for handle in handles {
                    handle.await.unwrap();
                }
            })
            .await;
            let rest = (0..4).filter(|n| *n != gone).zip(1..);
            let rest: Vec<_> = rest.map(|(n, at)| format!("{n} at {at}")).collect();
            assert_eq!((log.events(), limit.waiting()), (rest, 0));
        }
    }

    /// Given many tasks on all threads, then each is served once, and the rate is kept.
    many_on_all_threads |ex| {
        const TASKS: u32 = 20;
        const EACH: u32 = 20;
        for rate in [Rate::per_second(100_000).burst(7), Rate::window(40, Duration::from_millis(1))] {
            let limit = RateLimit::new(rate);
            let start = ex.now();
            scope(&ex, async |s| {
                for n in 0..TASKS {
                    let (limit, ex) = (limit.clone(), ex.clone());
                    s.spawn(async move {
                        for call in 0..EACH {
                            let amount = 1 + (n + call) % 3;
                            let grant = limit.acquire_many(&ex, amount).await.unwrap();
                            assert_eq!(grant.amount(), amount);
                        }
                    });
                }
            })
            .await;
            // The same sum, however they are spread.
            let all: u32 = (0..TASKS).flat_map(|n| (0..EACH).map(move |c| 1 + (n + c) % 3)).sum();
            let spans = (all - rate.most_at_once()) / rate.count();
            assert!(ex.now().saturating_duration_since(start) >= rate.per() * spans);
            assert_eq!(limit.waiting(), 0);
        }
    }

    /// Given tasks that give up at any moment, then nothing is lost: at the end the limit is as new.
    who_gives_up_on_any_thread_loses_nothing |ex| {
        let limit = RateLimit::new(Rate::per_second(1).burst(1000));
        let served = Arc::new(AtomicUsize::new(0));
        scope(&ex, async |s| {
            for n in 0..50 {
                let (limit, ex, served) = (limit.clone(), ex.clone(), served.clone());
                let child = s.spawn(async move {
                    let acquire = pin!(limit.acquire_many(&ex, 30));
                    futures_lite::future::or(
                        async {
                            let grant = acquire.await.unwrap();
                            served.fetch_add(1, SeqCst);
                            grant.refund(&ex, 30);
                        },
                        yields(n % 5),
                    )
                    .await;
                });
                if n % 3 == 0 {
                    drop(child.cancel());
                }
            }
        })
        .await;
        assert_eq!(limit.waiting(), 0);
        limit.try_acquire_many(&ex, 1000).unwrap();
    }

    /// Given a burst, then `throttle` lets it pass, and spaces what comes after.
    throttle_with_a_rate with virtual_time |ex| {
        let taken = async |rate| {
            let watch = Stopwatch::start(ex.clone());
            let times = flow::iter(0..6).throttle(&ex, rate).map(|_| watch.elapsed().as_millis());
            times.collect::<Vec<_>>().await
        };
        assert_eq!(taken(Rate::new(2, PERIOD)).await, [0, 0, 100, 200, 300, 400]);
        assert_eq!(taken(Rate::window(2, PERIOD)).await, [0, 0, 200, 200, 400, 400]);
        assert_eq!(taken(Rate::new(2, PERIOD).burst(4)).await, [0, 0, 0, 0, 100, 200]);
        // A consumer that takes its time saves up a burst, and no more.
        let watch = Stopwatch::start(ex.clone());
        let times = Mutex::new(Vec::new());
        let rate = Rate::new(2, PERIOD);
        flow::iter(0..7).throttle(&ex, rate).for_each(async |n| {
            if n == 2 {
                ex.sleep(SECOND).await;
            }
            times.lock().unwrap().push(watch.elapsed().as_millis());
        }).await;
        assert_eq!(times.into_inner().unwrap(), [0, 0, 1100, 1100, 1100, 1200, 1300]);
    }
}

/// When each of these amounts is granted, in milliseconds, if all are asked for at once in this order.
async fn starts<E: support::executors::Exec>(
    ex: &E,
    limit: &RateLimit,
    amounts: &[u32],
) -> Vec<u128> {
    let watch = Stopwatch::start(ex.clone());
    let times = Mutex::new(vec![None; amounts.len()]);
    let mut all: Vec<_> = amounts
        .iter()
        .enumerate()
        .map(|(n, amount)| {
            let (watch, times) = (&watch, &times);
            Box::pin(async move {
                limit.acquire_many(ex, *amount).await.unwrap();
                times.lock().unwrap()[n] = Some(watch.elapsed().as_millis());
            })
        })
        .collect();
    // They come into line in this order.
    let first: Vec<_> = all.iter_mut().map(|f| poll_once(f.as_mut()).is_ready()).collect();
    concurrent(async |s| {
        for (f, ready) in all.into_iter().zip(first) {
            if !ready {
                drop(s.spawn(f));
            }
        }
    })
    .await;
    times.into_inner().unwrap().into_iter().map(Option::unwrap).collect()
}

simulated! {
    /// Given limits that are dropped or waited for in vain, then no timer is left.
    no_timer_is_left |sim| {
        let limit = RateLimit::new(Rate::per_second(1).burst(1));
        limit.acquire(&sim).await;
        let mut first = Box::pin(limit.acquire(&sim));
        let mut second = Box::pin(limit.acquire(&sim));
        assert!(poll_once(first.as_mut()).is_pending() && poll_once(second.as_mut()).is_pending());
        drop((first, second));
        assert_eq!(limit.waiting(), 0);
    }
}

type Acquire = Pin<Box<dyn Future<Output = ()>>>;

/// Ten a second, used up at 0.
fn used_up(burst: u32) -> (Hand, RateLimit) {
    let (hand, limit) = (Hand::default(), RateLimit::new(Rate::per_second(10).burst(burst)));
    limit.try_acquire_many(&hand, burst).unwrap();
    (hand, limit)
}

fn acquire(limit: &RateLimit, hand: &Hand, amount: u32) -> Acquire {
    let acquire = limit.acquire_many(hand.clone(), amount);
    Box::pin(async { drop(acquire.await.unwrap()) })
}

/// Given many who wait, then there is one sleep, of the one in front; and when it is served or goes away,
/// one wake takes it over.
#[test]
fn only_the_first_has_a_timer() {
    let (hand, limit) = used_up(1);
    let spies: Vec<_> = (0..10).map(|_| Spy::new()).collect();
    let mut all: Vec<_> = (0..10).map(|_| acquire(&limit, &hand, 1)).collect();
    for (spy, f) in spies.iter().zip(&mut all) {
        assert!(spy.poll(f.as_mut()).is_pending());
    }
    let mut polled = 10;
    assert_eq!((hand.sleeps(), limit.waiting(), spies[0].take_wakes()), (1, 10, 0));
    for n in 0..9 {
        if n % 2 == 0 {
            hand.set(100 * (n as u64 / 2 + 1));
            assert!(spies[n].poll(all[n].as_mut()).is_ready());
            polled += 1;
        }
        all[n] = Box::pin(async {});
        let woken: Vec<_> = spies.iter().map(Spy::take_wakes).collect();
        let expected: Vec<_> = (0..10).map(|other| usize::from(other == n + 1)).collect();
        assert_eq!(woken, expected, "after {n}");
        assert!(spies[n + 1].poll(all[n + 1].as_mut()).is_pending());
        polled += 1;
        assert_eq!((hand.sleeps(), limit.waiting()), (1, 9 - n));
    }
    assert_eq!((hand.sleeps_ever(), polled), (10, 24));
}

/// Given one in front that is not polled when its time comes, then whoever comes next serves it, and
/// comes after it.
#[test]
fn who_comes_serves_those_whose_time_has_come() {
    let (hand, limit) = used_up(1);
    let (mut first, mut second) = (acquire(&limit, &hand, 1), acquire(&limit, &hand, 1));
    let (spy, other) = (Spy::new(), Spy::new());
    assert!(spy.poll(first.as_mut()).is_pending() && other.poll(second.as_mut()).is_pending());
    hand.set(100);
    assert_eq!(limit.try_acquire(&hand).unwrap_err().at, Hand::moment(300));
    assert_eq!((spy.take_wakes(), other.take_wakes(), limit.waiting()), (1, 1, 1));
    hand.set(200);
    // Neither was polled. What comes now is third.
    assert_eq!(limit.try_acquire(&hand).unwrap_err().at, Hand::moment(300));
    hand.set(300);
    limit.try_acquire(&hand).unwrap();
    assert!(spy.poll(first.as_mut()).is_ready() && other.poll(second.as_mut()).is_ready());
}

/// Given one that was served and goes away before it knows, then the others get what it had.
#[test]
fn what_was_not_seen_is_given_back() {
    for window in [false, true] {
        let rate = if window { Rate::window(2, SECOND) } else { Rate::per_second(2) };
        let (hand, limit) = (Hand::default(), RateLimit::new(rate));
        limit.try_acquire_many(&hand, 2).unwrap();
        let (mut first, mut second) = (acquire(&limit, &hand, 2), acquire(&limit, &hand, 1));
        assert!(poll_once(first.as_mut()).is_pending() && poll_once(second.as_mut()).is_pending());
        hand.set(1000);
        assert!(limit.try_acquire(&hand).is_err());
        assert_eq!(limit.waiting(), 1);
        drop(first);
        assert!(poll_once(second.as_mut()).is_ready());
        limit.try_acquire(&hand).unwrap();
        assert!(limit.try_acquire(&hand).is_err());
    }
}

/// Given something that is given back, then the one in front is served at once if it is enough, and
/// sooner if not.
#[test]
fn c92_what_is_given_back_serves_those_who_wait() {
    let (hand, limit) = (Hand::default(), RateLimit::new(Rate::per_second(10)));
    let grant = limit.try_acquire_many(&hand, 10).unwrap();
    let other = limit.try_acquire_many(&hand, 1);
    assert!(matches!(other, Err(TryRateError::NotYet(not_yet)) if not_yet.at == Hand::moment(100)));
    let (spy, mut waiter) = (Spy::new(), acquire(&limit, &hand, 5));
    assert!(spy.poll(waiter.as_mut()).is_pending());
    hand.set(100);
    grant.refund(&hand, 2);
    assert_eq!(spy.take_wakes(), 1);
    assert!(spy.poll(waiter.as_mut()).is_pending());
    assert_eq!((hand.sleeps(), hand.sleeps_ever()), (1, 2));
    hand.set(300);
    assert!(spy.poll(waiter.as_mut()).is_ready());
    assert!(limit.try_acquire(&hand).is_err());
}

/// Given a grant that is given back when time has made up for it, then that brings nothing; and one
/// that is given back in the middle brings the rest.
#[test]
fn c92_time_and_a_refund_do_not_both_give_back() {
    // All granted at 0, given back at this time, how much is there then?
    let there = |rate: Rate, at, used_meanwhile: u32| {
        let (hand, limit) = (Hand::default(), RateLimit::new(rate));
        let grant = limit.try_acquire_many(&hand, 10).unwrap();
        hand.set(at);
        if used_meanwhile > 0 {
            limit.try_acquire_many(&hand, used_meanwhile).unwrap();
        }
        grant.refund(&hand, 10);
        (0..100).take_while(|_| limit.try_acquire(&hand).is_ok()).count()
    };
    let steady = Rate::per_second(10);
    assert_eq!((there(steady, 0, 0), there(steady, 500, 0), there(steady, 500, 3)), (10, 10, 7));
    assert_eq!((there(steady, 1000, 10), there(steady, 9000, 10)), (0, 0));
    let window = Rate::window(10, SECOND);
    assert_eq!((there(window, 0, 0), there(window, 999, 0)), (10, 10));
    assert_eq!((there(window, 1000, 10), there(window, 9000, 4)), (0, 6));
}

/// Given two grants, when both are given back after others have used what time made up for, then no more
/// comes than the rate has.
#[test]
fn c92_several_refunds_are_not_more_than_was_granted() {
    let (hand, limit) = (Hand::default(), RateLimit::new(Rate::per_second(10)));
    let first = limit.try_acquire_many(&hand, 5).unwrap();
    let second = limit.try_acquire_many(&hand, 5).unwrap();
    hand.set(600);
    limit.try_acquire_many(&hand, 4).unwrap();
    first.refund(&hand, 5);
    second.refund(&hand, 5);
    let more = (0..100).take_while(|_| limit.try_acquire(&hand).is_ok()).count();
    assert_eq!(more, 6);
    // More than was granted is not given back.
    let grant = limit.try_acquire_many(&hand, 1).err();
    assert!(grant.is_some());
    hand.set(700);
    limit.try_acquire(&hand).unwrap().refund(&hand, u32::MAX);
    limit.try_acquire(&hand).unwrap();
    assert!(limit.try_acquire(&hand).is_err());
}

/// Given more use than was granted, then those who come later wait for it.
#[test]
fn c93_use_beyond_the_grant_is_owed() {
    for rate in [Rate::per_second(10), Rate::window(10, SECOND)] {
        let (hand, limit) = (Hand::default(), RateLimit::new(rate));
        limit.try_acquire_many(&hand, 5).unwrap().settle(&hand, 5);
        let grant = limit.try_acquire_many(&hand, 5).unwrap();
        hand.set(500);
        grant.settle(&hand, 25);
        let at = limit.try_acquire(&hand).unwrap_err().at;
        let steady = rate == Rate::per_second(10);
        assert_eq!(at, Hand::moment(if steady { 2100 } else { 1500 }));
        hand.set(2099);
        assert_eq!(limit.try_acquire(&hand).is_ok(), !steady);
        hand.set(2100);
        limit.try_acquire(&hand).unwrap();
    }
}

/// Given some who wait, then `try_acquire` says when it would come after them.
#[test]
fn not_yet_counts_those_who_wait() {
    let (hand, limit) = used_up(3);
    let mut waiters: Vec<_> = [3, 1, 2].map(|n| acquire(&limit, &hand, n)).into();
    assert!(waiters.iter_mut().all(|f| poll_once(f.as_mut()).is_pending()));
    assert_eq!(limit.try_acquire(&hand).unwrap_err().at, Hand::moment(700));
    drop(waiters.remove(0));
    assert_eq!(limit.try_acquire(&hand).unwrap_err().at, Hand::moment(400));
    drop(waiters);
    assert_eq!(limit.try_acquire(&hand).unwrap_err().at, Hand::moment(100));
    let (hand, limit) = (Hand::default(), RateLimit::new(Rate::window(2, SECOND)));
    limit.try_acquire(&hand).unwrap();
    hand.set(400);
    limit.try_acquire(&hand).unwrap();
    let mut waiters: Vec<_> = (0..5).map(|_| acquire(&limit, &hand, 1)).collect();
    for (n, f) in waiters.iter_mut().enumerate() {
        let at = limit.try_acquire(&hand).unwrap_err().at;
        assert_eq!(at, Hand::moment(1000 * (1 + n as u64 / 2) + 400 * (n as u64 % 2)));
        assert!(poll_once(f.as_mut()).is_pending());
    }
}

/// Given what can never be granted, then a typed error, and no wait.
#[test]
fn c94_what_is_never_possible_is_an_error() {
    let (hand, limit) = (Hand::default(), RateLimit::new(Rate::per_second(10).burst(3)));
    let invalid = |amount| match poll_once(pin!(limit.acquire_many(&hand, amount))) {
        Poll::Ready(result) => result.unwrap_err(),
        Poll::Pending => panic!("it waits"),
    };
    assert_eq!(invalid(0), InvalidAmount::Zero);
    assert!(matches!(invalid(4), InvalidAmount::Above { amount: 4, most: 3, .. }));
    assert!(invalid(u32::MAX).to_string().contains("at most 3"));
    let result = limit.try_acquire_many(&hand, 4).unwrap_err();
    assert!(matches!(result, TryRateError::Invalid(InvalidAmount::Above { .. })));
    limit.try_acquire_many(&hand, 3).unwrap();

    let (second, forever) = (SECOND, Duration::MAX);
    for (result, expected) in [
        (Rate::try_new(0, second), InvalidRate::ZeroCount),
        (Rate::try_new(1, Duration::ZERO), InvalidRate::ZeroTime),
        (Rate::try_new(1, forever), InvalidRate::TooSlow),
        (Rate::try_new(u32::MAX, second), InvalidRate::TooFast),
        (Rate::try_window(0, second), InvalidRate::ZeroCount),
        (Rate::try_window(1, Duration::ZERO), InvalidRate::ZeroTime),
        (Rate::try_window(1, forever), InvalidRate::TooSlow),
        (Rate::per_second(1).try_burst(0), InvalidRate::ZeroBurst),
        (Rate::new(1, 1000 * support::HOUR).try_burst(u32::MAX), InvalidRate::TooSlow),
        (Rate::window(1, second).try_burst(2), InvalidRate::BurstOfWindow),
        (Rate::try_per_second(f64::NAN), InvalidRate::NotANumber),
        (Rate::try_per_second(f64::INFINITY), InvalidRate::TooFast),
        (Rate::try_per_second(f64::NEG_INFINITY), InvalidRate::ZeroCount),
        (Rate::try_per_second(-1.0), InvalidRate::ZeroCount),
        (Rate::try_per_second(-0.0), InvalidRate::ZeroCount),
        (Rate::try_per_second(1e10), InvalidRate::TooFast),
        (Rate::try_per_second(f64::MIN_POSITIVE), InvalidRate::TooSlow),
    ] {
        assert_eq!(result, Err(expected));
        assert!(!expected.to_string().is_empty());
    }
    assert_eq!(Rate::try_per_second(0.1).unwrap(), Rate::new(1, 10 * second));
    assert_eq!(Rate::try_per_second(4.0).unwrap().most_at_once(), 4);
    assert!(catch_unwind(|| Rate::per_second(0)).is_err());
    assert!(catch_unwind(|| Rate::new(1, Duration::ZERO)).is_err());
}

/// Given a rate that does not divide its time, then it is never more than asked for.
#[test]
fn a_rate_is_rounded_down() {
    let (hand, limit) = (Hand::default(), RateLimit::new(Rate::per_second(3).burst(1)));
    limit.try_acquire(&hand).unwrap();
    let at = limit.try_acquire(&hand).unwrap_err().at;
    assert_eq!(at, Instant::from_epoch(Duration::from_nanos(333_333_334)));
}

/// Given a clock near its end, then what can never come again is never, and nothing overflows.
#[test]
fn the_end_of_time() {
    let limit = RateLimit::new(Rate::new(1, SECOND));
    struct Late;
    impl Clock for Late {
        fn now(&self) -> Instant {
            Instant::NEVER
        }
    }
    let _ = limit.try_acquire(Late).map(|grant| grant.settle(Late, u32::MAX));
    let (hand, window) = (Hand::default(), RateLimit::new(Rate::window(1, SECOND)));
    window.try_acquire(&hand).unwrap().settle(&hand, u32::MAX);
    assert_eq!(window.try_acquire(&hand).unwrap_err().at, Hand::moment(1000));
    let steady = RateLimit::new(Rate::new(1, 24 * 365 * 100 * support::HOUR));
    steady.try_acquire(&hand).unwrap().settle(&hand, u32::MAX);
    assert_eq!(steady.try_acquire(&hand).unwrap_err().at, Instant::NEVER);
    let mut waiter = acquire(&steady, &hand, 1);
    assert!(poll_once(waiter.as_mut()).is_pending());
    assert_eq!(hand.sleeps(), 0);
}

/// Given wakers that panic, then the panic propagates from whoever fired them, and everything is in
/// order: who was served has it, who waits is served later.
#[test]
fn wakers_that_panic_lose_nothing() {
    for bomb in [Bomb::Wake, Bomb::Clone, Bomb::Drop] {
        let (hand, limit) = used_up(2);
        let bad = Spy::new();
        let mut first = acquire(&limit, &hand, 2);
        assert!(bad.poll(first.as_mut()).is_pending());
        bad.arm(Some(bomb));
        hand.set(200);
        // Whoever comes serves the first.
        let mut second = acquire(&limit, &hand, 1);
        let poll = catch_unwind(AssertUnwindSafe(|| poll_once(second.as_mut()).is_pending()));
        assert_eq!(poll.is_err(), bomb == Bomb::Wake, "{bomb:?}");
        bad.arm(None);
        assert!(poll_once(first.as_mut()).is_ready());
        drop(second);
        assert_eq!(limit.waiting(), 0, "{bomb:?}");
        hand.set(300);
        limit.try_acquire(&hand).unwrap();
        assert!(limit.try_acquire(&hand).is_err(), "{bomb:?}");
    }
}

/// Given a waker that uses the limit while it is fired, cloned or dropped, then nothing blocks.
#[test]
fn no_user_code_runs_under_a_lock() {
    struct Reenter(RateLimit, Hand, AtomicUsize);
    impl Reenter {
        fn look(&self) {
            self.2.fetch_add(1, SeqCst);
            let _ = self.0.try_acquire(&self.1);
            self.0.waiting();
        }
    }
    impl std::task::Wake for Reenter {
        fn wake(self: Arc<Self>) {
            self.look();
        }
    }
    impl Drop for Reenter {
        fn drop(&mut self) {
            self.look();
        }
    }
    let (hand, limit) = used_up(1);
    let waker = Arc::new(Reenter(limit.clone(), hand.clone(), AtomicUsize::new(0)));
    let (mut first, mut second) = (acquire(&limit, &hand, 1), acquire(&limit, &hand, 1));
    for f in [&mut first, &mut second] {
        let waker = waker.clone().into();
        assert!(f.as_mut().poll(&mut std::task::Context::from_waker(&waker)).is_pending());
    }
    hand.set(100);
    assert!(limit.try_acquire(&hand).is_err());
    assert!(waker.2.load(SeqCst) > 0);
    drop((first, waker));
    hand.set(200);
    assert!(poll_once(second.as_mut()).is_ready());
}
