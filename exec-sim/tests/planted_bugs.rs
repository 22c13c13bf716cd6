//! Bugs of the kinds that hang programs, planted; exploration has to find each of them.

use anyscope_core::scope;
use anyscope_sim::{Explorer, Failure, Sim, SimHandle, exhaust};
use std::{
    collections::VecDeque,
    future::{Future, poll_fn},
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Mutex},
    task::{Poll, Waker},
};

/// How many seeds may be needed.
const SEEDS: u64 = 10_000;

fn found<F, Fut>(test: F) -> u64
where
    F: Fn(SimHandle) -> Fut + Sync,
    Fut: Future<Output = ()>,
{
    let explorer = Explorer::new(SEEDS);
    let seed = explorer.find_failing_seed(&test).expect("the bug is found");
    // And with that seed alone, again.
    let alone = Explorer::new(1).first_seed(seed);
    assert_eq!(alone.find_failing_seed(&test), Some(seed));
    seed
}

/// An event that looks before it registers: a signal in between is lost.
#[derive(Clone, Default)]
struct Event(Arc<Mutex<(bool, Option<Waker>)>>);

impl Event {
    fn set(&self) {
        let mut state = self.0.lock().unwrap();
        state.0 = true;
        let waker = state.1.take();
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    async fn wait(&self, sim: &SimHandle, buggy: bool) {
        if buggy {
            if self.0.lock().unwrap().0 {
                return;
            }
            // Whatever takes time here.
            sim.yield_now().await;
            let mut registered = false;
            return poll_fn(|cx| {
                if std::mem::replace(&mut registered, true) {
                    return Poll::Ready(());
                }
                self.0.lock().unwrap().1 = Some(cx.waker().clone());
                Poll::Pending
            })
            .await;
        }
        poll_fn(|cx| {
            let mut state = self.0.lock().unwrap();
            if state.0 {
                return Poll::Ready(());
            }
            state.1 = Some(cx.waker().clone());
            Poll::Pending
        })
        .await;
    }
}

fn lost_wake(
    buggy: bool,
) -> impl Fn(SimHandle) -> std::pin::Pin<Box<dyn Future<Output = ()>>> + Sync {
    move |sim| {
        Box::pin(async move {
            let event = Event::default();
            scope(&sim, async |s| {
                let (event2, sim2) = (event.clone(), sim.clone());
                s.spawn(async move { event2.wait(&sim2, buggy).await });
                s.spawn(async move { event.set() });
            })
            .await;
        })
    }
}

#[test]
fn a_lost_wake_is_found() {
    found(lost_wake(true));
    Explorer::new(SEEDS / 10).run(lost_wake(false));
}

#[test]
fn a_lost_wake_is_told_from_other_deadlocks() {
    let seed = found(lost_wake(true));
    let Err(Failure::Deadlock { tasks, .. }) = Sim::new(seed).run(lost_wake(true)) else {
        panic!("the seed fails");
    };
    let lost: Vec<_> = tasks.iter().map(|task| task.lost_wake).collect();
    assert_eq!(lost, [false, true]);
    assert!(tasks[0].waits[0].contains("the end of a scope, with 1 to go"), "{tasks:?}");
}

#[test]
fn a_lost_wake_is_found_by_going_through_all_orders() {
    let test = lost_wake(true);
    assert!(catch_unwind(AssertUnwindSafe(|| exhaust(SEEDS, test))).is_err());
    assert!(exhaust(SEEDS, lost_wake(false)).complete);
}

/// A lock that is handed to whoever waits first, as fair ones are.
#[derive(Clone, Default)]
struct FairLock(Arc<Mutex<(bool, VecDeque<Waiter>)>>);

#[derive(Clone)]
struct Waiter {
    granted: Arc<Mutex<bool>>,
    waker: Waker,
}

impl FairLock {
    async fn lock(&self) {
        let mut waiting: Option<Arc<Mutex<bool>>> = None;
        poll_fn(|cx| {
            if let Some(granted) = &waiting {
                return if *granted.lock().unwrap() { Poll::Ready(()) } else { Poll::Pending };
            }
            let mut state = self.0.lock().unwrap();
            if !std::mem::replace(&mut state.0, true) {
                return Poll::Ready(());
            }
            let granted = Arc::new(Mutex::new(false));
            state.1.push_back(Waiter { granted: granted.clone(), waker: cx.waker().clone() });
            waiting = Some(granted);
            Poll::Pending
        })
        .await;
    }

    fn unlock(&self) {
        let mut state = self.0.lock().unwrap();
        match state.1.pop_front() {
            Some(next) => {
                drop(state);
                *next.granted.lock().unwrap() = true;
                next.waker.wake();
            }
            None => state.0 = false,
        }
    }
}

/// A future that has been granted a lock is not polled any more, while its owner waits for that
/// lock: the "futurelock".
#[test]
fn a_futurelock_is_found() {
    found(|sim: SimHandle| async move {
        let lock = FairLock::default();
        scope(&sim, async |s| {
            let (lock2, sim2) = (lock.clone(), sim.clone());
            s.spawn(async move {
                lock2.lock().await;
                sim2.yield_now().await;
                lock2.unlock();
            });
            sim.yield_now().await;
            let mut first = Box::pin(lock.lock());
            // Polled once, as by a `select!` that another branch wins, and kept.
            let begun = poll_fn(|cx| Poll::Ready(first.as_mut().poll(cx))).await;
            if begun.is_ready() {
                lock.unlock();
                return;
            }
            sim.label("the lock, behind itself", lock.lock()).await;
            lock.unlock();
        })
        .await;
    });
}

/// A queue that peeks, waits, and then takes: two takers get the same item.
#[test]
fn a_double_delivery_is_found() {
    found(|sim: SimHandle| async move {
        let queue = Arc::new(Mutex::new(VecDeque::from([1, 2])));
        let delivered = Arc::new(Mutex::new(Vec::new()));
        scope(&sim, async |s| {
            for _ in 0..2 {
                let (queue, delivered, sim) = (queue.clone(), delivered.clone(), sim.clone());
                s.spawn(async move {
                    let item = queue.lock().unwrap().front().copied();
                    if sim.choose(8) == 0 {
                        sim.yield_now().await;
                    }
                    queue.lock().unwrap().pop_front();
                    delivered.lock().unwrap().extend(item);
                });
            }
        })
        .await;
        let mut delivered = delivered.lock().unwrap().clone();
        delivered.sort_unstable();
        assert_eq!(delivered, [1, 2]);
    });
}
