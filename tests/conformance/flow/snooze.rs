//! Programs that wait for ever, or stand still, when work that has started is not polled: over
//! streams of futures-util they do, over flows they do not.

use anyscope::{
    Limit, Timer,
    flow::{self, Flow, Source},
    sim::{Failure, Sim, SimHandle},
};
use futures_lite::stream;
use futures_util::{StreamExt, stream::Stream};
use smol::lock::Mutex;
use std::{
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
};
use support::{SECOND, behaviour, yield_now};

const ONE: Limit = Limit::new(1);
const TWO: Limit = Limit::new(2);
const STEPS: usize = 10;

type Lock = Arc<Mutex<()>>;

/// What is under way. Odd ones hold the lock for longer than even ones are under way.
async fn fetch(lock: Lock, n: usize) -> usize {
    if n % 2 == 1 {
        let _held = lock.lock().await;
        for _ in 0..5 {
            yield_now().await;
        }
    } else {
        yield_now().await;
    }
    n
}

/// What is done with it.
async fn store(lock: Lock, n: usize) -> usize {
    let _held = lock.lock().await;
    yield_now().await;
    n
}

async fn forget(stored: impl Future<Output = usize>) {
    stored.await;
}

fn fetched(lock: &Lock) -> Flow<impl Source<Item = usize> + use<>> {
    let lock = lock.clone();
    flow::iter(0..10).map_concurrent(TWO, move |n| fetch(lock.clone(), n))
}

behaviour! {
    /// A lock on both sides of a loop.
    lock_on_both_sides_of_a_loop |ex| {
        let _ = &ex;
        let lock = Lock::default();
        let all: Vec<_> = (0..10).collect();

        let driven = fetched(&lock).drive(async |mut items| {
            let mut done = vec![];
            while let Some(n) = items.next().await {
                done.push(store(lock.clone(), n).await);
            }
            done
        });
        assert_eq!(driven.await, all);

        let folded = fetched(&lock).fold(vec![], async |mut done, n| {
            done.push(store(lock.clone(), n).await);
            done
        });
        assert_eq!(folded.await, all);

        let done = std::sync::Mutex::new(vec![]);
        let each = fetched(&lock).for_each_concurrent(ONE, async |n| {
            let n = store(lock.clone(), n).await;
            done.lock().unwrap().push(n);
        });
        each.await;
        assert_eq!(done.into_inner().unwrap(), all);

        let chained = fetched(&lock).map_concurrent(ONE, |n| store(lock.clone(), n));
        assert_eq!(chained.collect::<Vec<_>>().await, all);

        // The second is at its capacity, and holds one that does not fit.
        let weighed = fetched(&lock).map_weighted(TWO, |n| 1 + n % 2, |n| store(lock.clone(), n));
        assert_eq!(weighed.collect::<Vec<_>>().await, all);
    }

    /// A source that holds the lock while its next item is half read, and work that needs it with
    /// no room for another item.
    saturated_source_that_holds_a_lock |ex| {
        let _ = &ex;
        let lock = Lock::default();
        let values = flow::stream(half_read(&lock)).map_concurrent(ONE, |n| store(lock.clone(), n));
        assert_eq!(values.collect::<Vec<_>>().await, [1, 2]);

        let values = flow::stream(half_read(&lock)).map_weighted(TWO, |n| 2 * n, |n| {
            store(lock.clone(), n)
        });
        assert_eq!(values.collect::<Vec<_>>().await, [1, 2]);

        flow::stream(half_read(&lock)).for_each_concurrent(ONE, |n| forget(store(lock.clone(), n))).await;

        let folded = flow::stream(half_read(&lock)).fold(0, async |sum, n| {
            sum + store(lock.clone(), n).await
        });
        assert_eq!(folded.await, 3);

        let driven = flow::stream(half_read(&lock)).drive(async |mut items| {
            let mut sum = 0;
            while let Some(n) = items.next().await {
                sum += store(lock.clone(), n).await;
            }
            sum
        });
        assert_eq!(driven.await, 3);

        // Through a map that is at its limit too.
        let values = flow::stream(half_read(&lock))
            .map_concurrent(ONE, async |n| n)
            .map_concurrent(ONE, |n| store(lock.clone(), n));
        assert_eq!(values.collect::<Vec<_>>().await, [1, 2]);
    }

    /// A consumer that sleeps: what is under way does all of its steps meanwhile.
    consumer_that_sleeps with virtual_time |ex| {
        let steps = Arc::new(AtomicUsize::new(0));
        let started = || {
            let (timer, steps) = (ex.clone(), steps.clone());
            flow::iter(0..2).map_concurrent(TWO, move |n| step(timer.clone(), steps.clone(), n))
        };
        let sleep_and_look = async |n| {
            if n == 0 {
                ex.sleep(100 * SECOND).await;
                assert_eq!(steps.swap(0, SeqCst), STEPS);
            }
        };
        started().for_each_concurrent(ONE, sleep_and_look).await;
        started().fold((), async |(), n| sleep_and_look(n).await).await;
        started()
            .drive(async |mut items| {
                while let Some(n) = items.next().await {
                    sleep_and_look(n).await;
                }
            })
            .await;
        started().map_concurrent(ONE, sleep_and_look).count().await;
        started().map_weighted(ONE, |_| 1, sleep_and_look).count().await;
        // The first of three waits for the last.
        started().map_concurrent(ONE, async |n| n).map_concurrent(ONE, sleep_and_look).count().await;
    }
}

/// The same over streams of futures-util. If one of these fails, it was repaired there.
mod futures_util_waits_for_ever {
    use super::*;

    /// What the simulation says about `program`.
    fn verdict<F: Future>(program: impl FnOnce(SimHandle) -> F) -> Failure {
        match Sim::new(0).run(program) {
            Ok(_) => panic!("it comes to its end"),
            Err(failure) => failure,
        }
    }

    async fn loop_over(values: impl Stream<Item = usize>, lock: &Lock) {
        let mut values = pin!(values);
        while let Some(n) = values.next().await {
            store(lock.clone(), n).await;
        }
    }

    fn started(lock: &Lock) -> impl Stream<Item = impl Future<Output = usize> + use<>> + use<> {
        let lock = lock.clone();
        futures_util::stream::iter(0..10).map(move |n| fetch(lock.clone(), n))
    }

    #[test]
    fn lock_on_both_sides_of_a_loop() {
        let lock = Lock::default();
        for failure in [
            verdict(|_| loop_over(started(&lock).buffered(2), &lock)),
            verdict(|_| loop_over(started(&lock).buffer_unordered(2), &lock)),
            verdict(|_| {
                let values = started(&lock).buffered(2).map(|n| store(lock.clone(), n));
                values.buffered(1).collect::<Vec<_>>()
            }),
            verdict(|_| {
                let values = started(&lock).buffer_unordered(2);
                values.for_each_concurrent(1, |n| forget(store(lock.clone(), n)))
            }),
        ] {
            assert!(matches!(failure, Failure::Deadlock { .. }), "{failure}");
        }
    }

    #[test]
    fn saturated_source_that_holds_a_lock() {
        let lock = Lock::default();
        for failure in [
            verdict(|_| loop_over(half_read(&lock), &lock)),
            verdict(|_| half_read(&lock).map(|n| store(lock.clone(), n)).buffered(1).count()),
            verdict(|_| {
                let each = |n| forget(store(lock.clone(), n));
                half_read(&lock).for_each_concurrent(1, each)
            }),
        ] {
            assert!(matches!(failure, Failure::Deadlock { .. }), "{failure}");
        }
    }

    #[test]
    fn consumer_that_sleeps() {
        let run = |unordered| {
            Sim::new(0).run(async |sim: SimHandle| {
                let steps = Arc::new(AtomicUsize::new(0));
                let started =
                    futures_util::stream::iter(0..2).map(|n| step(sim.clone(), steps.clone(), n));
                let mut values = match unordered {
                    true => started.buffer_unordered(2).boxed_local(),
                    false => started.buffered(2).boxed_local(),
                };
                assert_eq!(values.next().await, Some(0));
                sim.sleep(100 * SECOND).await;
                steps.load(SeqCst)
            })
        };
        assert_eq!([run(false).unwrap(), run(true).unwrap()], [0, 0]);
    }
}

/// Ready at once, or after so many steps of a second each.
async fn step<T: Timer>(timer: T, steps: Arc<AtomicUsize>, n: usize) -> usize {
    if n > 0 {
        for _ in 0..STEPS {
            timer.sleep(SECOND).await;
            steps.fetch_add(1, SeqCst);
        }
    }
    n
}

/// A source of 1 and 2 that holds the lock while it reads the second.
fn half_read(lock: &Lock) -> impl Stream<Item = usize> + use<> {
    let lock = lock.clone();
    let second = stream::once_future(async move {
        let _held = lock.lock().await;
        for _ in 0..3 {
            yield_now().await;
        }
        2
    });
    // Polls the first one first, and takes the item of the other meanwhile.
    let first = futures_lite::StreamExt::chain(stream::once(1), stream::pending());
    futures_lite::StreamExt::take(stream::or(second, first), 2)
}
