//! Operations whose limit is adaptive.

use super::UpDown;
use anyscope::{
    AdaptiveLimit, Clock, IntoLimit, Limit, flow,
    limit::{Semaphore, adaptive::Aimd},
};
use futures_lite::future::{or, yield_now, zip};
use std::{
    future::{Future, pending},
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    task::{Context, Wake, Waker},
};
use support::{Gauge, Signal, behaviour, until, yields};

/// A limit of 2 that goes to 6 with the first success, and to 1 with the first drop.
fn limit() -> AdaptiveLimit<UpDown> {
    AdaptiveLimit::new(UpDown { now: 2, up: 6, down: 1 })
}

behaviour! {
    /// Given an operation, then it follows the limit up and down, as it follows a `LiveLimit`.
    a8_a9_an_operation_follows_the_limit |ex| {
        let (adaptive, gauge, go) = (limit(), Gauge::new(), Signal::new());
        let work = flow::iter(0..20).for_each_concurrent(&adaptive, async |_| {
            let _inside = gauge.enter();
            go.wait().await;
            yield_now().await;
        });
        let control = async {
            yields(10).await;
            assert_eq!(gauge.now(), 2);
            adaptive.start(&ex).success();
            until(|| gauge.now() == 6).await;
            adaptive.start(&ex).dropped();
            yields(10).await;
            assert_eq!(gauge.now(), 6);
            go.fire();
            until(|| gauge.now() == 1).await;
            for _ in 0..5 {
                assert!(gauge.now() <= 1);
                yields(1).await;
            }
            pending().await
        };
        or(work, control).await;
        assert_eq!((gauge.ever(), gauge.peak()), (20, 6));
    }

    /// The same of an operation on the executor, which takes a clone.
    a8_a9_an_operation_on_an_executor_follows_the_limit |ex| {
        let (adaptive, gauge, go) = (limit(), Gauge::new(), Signal::new());
        let (works, waits) = (gauge.clone(), go.clone());
        let work = move |_| {
            let (works, waits) = (works.clone(), waits.clone());
            async move {
                let _inside = works.enter();
                waits.wait().await;
            }
        };
        let work = flow::iter(0..20).for_each_on(&ex, adaptive.clone(), work);
        let control = async {
            until(|| gauge.now() == 2).await;
            yields(10).await;
            assert_eq!(gauge.now(), 2);
            adaptive.start(&ex).success();
            until(|| gauge.now() == 6).await;
            adaptive.start(&ex).dropped();
            go.fire();
            pending().await
        };
        or(work, control).await.unwrap();
        assert_eq!((gauge.ever(), gauge.peak()), (20, 6));
    }

    /// Given a semaphore of such a limit, then who waits for a permit gets one when the limit is
    /// raised, and lowering it lets nobody in until there is room.
    a8_a9_a_semaphore_follows_the_limit |ex| {
        let adaptive = limit();
        let semaphore = Semaphore::new(&adaptive);
        let mut permits = vec![semaphore.acquire().await.unwrap(), semaphore.acquire().await.unwrap()];
        assert!(semaphore.try_acquire().is_err());
        let waits = async {
            for _ in 0..4 {
                permits.push(semaphore.acquire().await.unwrap());
            }
        };
        let raises = async {
            yields(5).await;
            adaptive.start(&ex).success();
        };
        zip(waits, raises).await;
        assert!(semaphore.try_acquire().is_err());
        adaptive.start(&ex).dropped();
        while permits.pop().is_some() {
            assert_eq!(semaphore.try_acquire().is_ok(), permits.is_empty());
        }
    }

    /// Given calls that tell the limit of themselves, then the operation grows by them alone.
    a_limit_is_raised_by_the_calls_under_it |ex| {
        let aimd = Aimd::builder().initial(1).max(8).build().unwrap();
        let (adaptive, gauge) = (AdaptiveLimit::new(aimd), Gauge::new());
        flow::iter(0..100)
            .for_each_concurrent(&adaptive, async |_| {
                let call = adaptive.call(&ex, async {
                    let _inside = gauge.enter();
                    yields(3).await;
                    Ok::<_, ()>(())
                });
                call.await.unwrap();
            })
            .await;
        assert_eq!((gauge.ever(), gauge.peak()), (100, 8));
        assert_eq!((adaptive.get().get(), adaptive.in_flight()), (8, 0));
    }
}

struct Wakes(AtomicUsize);

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, SeqCst);
    }
}

/// Given an operation that waits for its limit, then it is woken by a raise at once, once; and by
/// nothing else.
#[test]
fn a9_a_raise_wakes_who_waits_at_once() {
    struct Never;
    impl Clock for Never {
        fn now(&self) -> anyscope::Instant {
            anyscope::Instant::NEVER
        }
    }
    let (adaptive, gauge) = (limit(), Gauge::new());
    let mut work = pin!(flow::iter(0..20).for_each_concurrent(&adaptive, async |_| {
        let _inside = gauge.enter();
        pending::<()>().await;
    }));
    let wakes = Arc::new(Wakes(AtomicUsize::new(0)));
    let waker = Waker::from(wakes.clone());
    let mut poll = || work.as_mut().poll(&mut Context::from_waker(&waker)).is_pending();
    assert!(poll());
    assert_eq!((gauge.now(), wakes.0.load(SeqCst)), (2, 0));
    adaptive.start(Never).ignore();
    drop(adaptive.start(Never));
    adaptive.start(Never).dropped();
    assert_eq!(wakes.0.load(SeqCst), 0);
    adaptive.start(Never).success();
    assert_eq!(wakes.0.load(SeqCst), 1);
    assert!(poll());
    assert_eq!(gauge.now(), 6);
    adaptive.start(Never).success();
    assert_eq!(wakes.0.load(SeqCst), 1, "it is 6 already");
}

/// Given a clone, or what an operation has made of one, then it is the same limit.
#[test]
fn clones_share_the_limit() {
    let adaptive = limit();
    let live = adaptive.clone().into_limit();
    adaptive.clone().start(anyscope::smol::Smol).success();
    assert_eq!((live.get(), adaptive.get().get()), (Limit::new(6), 6));
}
