//! One call for all who ask for the same key.

use anyscope::{resilience::SingleFlight, scope};
use std::{
    future::{Future, pending, poll_fn},
    hash::{Hash, Hasher},
    pin::{Pin, pin},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    task::Poll,
};
use support::{
    SECOND, Signal, Tracer, behaviour, blow_up, on_drop, panic_of, poll_once, until, yield_now,
    yields,
};

type Flights<V = usize> = Arc<SingleFlight<&'static str, V>>;

/// Counts, and returns how many there were with this one.
fn next(count: &AtomicUsize) -> usize {
    count.fetch_add(1, SeqCst) + 1
}

behaviour! {
    /// Given many who ask for few keys at the same time, then there is one call for each key, all have its
    /// result, and nothing is left; who asks then begins a new one.
    one_call_for_each_key |ex| {
        let flights: Flights = Default::default();
        let calls = Arc::new(AtomicUsize::new(0));
        for round in 1..=2 {
            let go = Signal::new();
            scope(&ex, async |s| {
                let mut children = vec![];
                for n in 0..20 {
                    let (flights, calls, go) = (flights.clone(), calls.clone(), go.clone());
                    let key = ["a", "b"][n % 2];
                    children.push(s.spawn(async move {
                        let call = || async {
                            next(&calls);
                            go.wait().await;
                            key.as_bytes()[0].into()
                        };
                        flights.run(key, call).await
                    }));
                }
                // All of them ask, before anything returns.
                yields(200).await;
                until(|| flights.len() == 2).await;
                go.fire();
                for (n, child) in children.into_iter().enumerate() {
                    assert_eq!(child.await.unwrap(), usize::from(b"ab"[n % 2]));
                }
            })
            .await;
            assert!(flights.is_empty());
            // A child that came late has begun a call of its own.
            let made = calls.load(SeqCst);
            assert!(made >= 2 * round && made <= 20 * round);
        }
    }

    /// Given one who makes the call and is dropped, then one of those who wait makes a call of its own, and all
    /// others have the result of that.
    a_cancelled_leader_hands_over |ex| {
        let (flights, calls, tracer): (Flights, _, _) =
            (Default::default(), Arc::new(AtomicUsize::new(0)), Tracer::new());
        let go = Signal::new();
        scope(&ex, async |s| {
            let ask = |_| {
                let (flights, calls, go) = (flights.clone(), calls.clone(), go.clone());
                let tracer = tracer.clone();
                s.spawn(async move {
                    let call = || {
                        // The future of who made it before is gone.
                        assert_eq!(tracer.alive(), 0);
                        let number = next(&calls);
                        tracer.trace(async move {
                            go.wait().await;
                            number
                        })
                    };
                    flights.run("key", call).await
                })
            };
            let leader = ask(0);
            until(|| calls.load(SeqCst) == 1).await;
            let others: Vec<_> = (1..5).map(ask).collect();
            yields(50).await;
            assert!(leader.cancel().await.unwrap_err().is_cancelled());
            until(|| calls.load(SeqCst) == 2).await;
            yields(200).await;
            go.fire();
            for other in others {
                // Who had not asked yet when the second call returned makes a third.
                assert!(other.await.unwrap() >= 2);
            }
        })
        .await;
        assert!(flights.is_empty());
    }

    /// Given a call that panics, in the function or the future, then the panic is that of who made it; those
    /// who wait begin anew, one after the other.
    a_panic_is_that_of_who_made_the_call |ex| {
        let _ = &ex;
        for in_function in [false, true] {
            let flights: Flights = Default::default();
            let calls = AtomicUsize::new(0);
            let call = || {
                let number = next(&calls);
                if in_function && number < 3 {
                    blow_up::<()>("no call");
                }
                async move {
                    yield_now().await;
                    if number < 3 { blow_up("no call") } else { number }
                }
            };
            let run = || Box::pin(flights.run("key", call));
            let (mut one, mut two, mut three, mut four) = (run(), run(), run(), run());
            if in_function {
                assert_eq!(panic_of(one.as_mut()).await, "no call");
                assert_eq!(panic_of(two.as_mut()).await, "no call");
            } else {
                for waiting in [&mut one, &mut two, &mut three, &mut four] {
                    assert!(poll_once(waiting.as_mut()).is_pending());
                }
                assert_eq!(panic_of(one.as_mut()).await, "no call");
                assert!(panic_of(one.as_mut()).await.contains("polled after it was ready"));
                assert_eq!(panic_of(two.as_mut()).await, "no call");
            }
            assert!(poll_once(three.as_mut()).is_pending());
            assert!(poll_once(four.as_mut()).is_pending());
            drop((one, two));
            assert_eq!((three.await, four.await), (3, 3));
            assert!(flights.is_empty());
        }
    }

    /// Given a result whose clone panics, then that is the panic of who cloned it, and nobody hangs.
    a_clone_that_panics_hangs_nobody |ex| {
        struct Once(Arc<AtomicUsize>);
        impl Clone for Once {
            fn clone(&self) -> Self {
                if next(&self.0) == 1 {
                    blow_up::<()>("no clone");
                }
                Once(self.0.clone())
            }
        }
        let _ = &ex;
        let flights = SingleFlight::<&str, Once>::new();
        let (clones, calls) = (Arc::new(AtomicUsize::new(0)), AtomicUsize::new(0));
        let call = || {
            next(&calls);
            let value = Once(clones.clone());
            async { yield_now().await; value }
        };
        let (mut one, mut two) = (Box::pin(flights.run("key", call)), Box::pin(flights.run("key", call)));
        let mut three = Box::pin(flights.run("key", call));
        assert!(poll_once(one.as_mut()).is_pending());
        assert!(poll_once(two.as_mut()).is_pending());
        assert!(poll_once(three.as_mut()).is_pending());
        assert_eq!(panic_of(one).await, "no clone");
        two.await;
        three.await;
        assert_eq!(calls.load(SeqCst), 2);
        assert!(flights.is_empty());
    }

    /// Given one who asks for another key in its call, then that is a call of its own.
    a_call_may_ask_for_another_key |ex| {
        let _ = &ex;
        let flights: Flights = Default::default();
        let outer = flights.run("a", || async { flights.run("b", || async { 1 }).await + 1 });
        assert_eq!(outer.await, 2);
        assert!(flights.is_empty());
    }

    /// Given any who leave, in any order, then no key is left; the last result is that of the last call.
    no_key_is_left |ex| {
        for leaves in 0..32_u32 {
            let (flights, calls): (Flights, _) = (Default::default(), AtomicUsize::new(0));
            let (go, timer) = (Signal::new(), &ex);
            let call = || async {
                let number = next(&calls);
                go.wait().await;
                number
            };
            let mut asking: Vec<_> = (0..5).map(|_| Some(Box::pin(flights.run("key", call)))).collect();
            for one in asking.iter_mut().flatten() {
                assert!(poll_once(one.as_mut()).is_pending());
            }
            assert_eq!(flights.len(), 1);
            for n in (0..5).filter(|n| leaves >> n & 1 == 1) {
                asking[n] = None;
                asking.iter_mut().flatten().for_each(|one| assert!(poll_once(one.as_mut()).is_pending()));
            }
            go.fire();
            let waits = async {
                for one in asking.iter_mut().filter_map(Option::take) {
                    assert_eq!(one.await, calls.load(SeqCst));
                }
            };
            anyscope::timeout(timer, 60 * SECOND, waits).await.unwrap();
            assert!(flights.is_empty());
        }
    }
}

/// A key whose comparison looks into the table again, and whose hash is that of all others.
struct Nosy(u8, Arc<SingleFlight<u8, ()>>);

impl PartialEq for Nosy {
    fn eq(&self, other: &Self) -> bool {
        let _ = self.1.len();
        self.0 == other.0
    }
}

impl Eq for Nosy {}

impl Hash for Nosy {
    fn hash<H: Hasher>(&self, state: &mut H) {
        0.hash(state);
    }
}

/// Given keys with the same hash, then they are told apart, and comparisons and destructors may use the table.
#[test]
fn keys_of_one_hash_are_told_apart() {
    let flights = Arc::new(SingleFlight::<Nosy2, u8>::new());
    let inner = Arc::new(SingleFlight::new());
    let mut asking: Vec<Pin<Box<dyn Future<Output = u8>>>> = vec![];
    for n in [0, 1, 2, 1, 0] {
        let (key, flights) =
            (Nosy2(Nosy(n, inner.clone()), Arc::downgrade(&flights)), flights.clone());
        asking.push(Box::pin(async move {
            let call = || async move {
                yield_now().await;
                n
            };
            flights.run(key, call).await
        }));
    }
    for one in &mut asking {
        assert!(poll_once(one.as_mut()).is_pending());
    }
    assert_eq!(flights.len(), 3);
    for (mut one, n) in asking.into_iter().zip([0, 1, 2, 1, 0]) {
        assert_eq!(poll_once(one.as_mut()), Poll::Ready(n));
    }
    assert!(flights.is_empty());
}

/// The same, and it looks into its own table when it is compared or dropped.
struct Nosy2(Nosy, std::sync::Weak<SingleFlight<Nosy2, u8>>);

impl PartialEq for Nosy2 {
    fn eq(&self, other: &Self) -> bool {
        let _ = self.1.upgrade().map(|table| table.len());
        self.0 == other.0
    }
}

impl Eq for Nosy2 {}

impl Hash for Nosy2 {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

impl Drop for Nosy2 {
    fn drop(&mut self) {
        let _ = self.1.upgrade().map(|table| table.len());
    }
}

/// Given threads that ask, are dropped and ask again, then each result is that of its key, and nothing is
/// left.
#[test]
fn threads_come_and_go() {
    let flights = SingleFlight::<usize, usize>::new();
    std::thread::scope(|s| {
        for thread in 0..4 {
            let flights = &flights;
            s.spawn(move || {
                for n in 0..500 {
                    let key = n % 3;
                    let call = || async move {
                        yield_now().await;
                        key
                    };
                    let mut asking = pin!(flights.run(key, call));
                    if (n + thread) % 4 == 0 {
                        let _ = poll_once(asking.as_mut());
                        continue;
                    }
                    assert_eq!(futures_lite::future::block_on(asking), key);
                }
            });
        }
    });
    assert!(flights.is_empty());
}

/// Given a waker that panics when the call is left to others, then the key is forgotten all the same.
#[test]
fn a_waker_that_panics_leaves_no_key() {
    use std::task::{Context, Wake, Waker};
    struct Panics;
    impl Wake for Panics {
        fn wake(self: Arc<Self>) {
            blow_up::<()>("in the waker");
        }
    }
    let flights = SingleFlight::<u8, u8>::new();
    let mut one = Box::pin(flights.run(1, pending));
    let mut two = Box::pin(flights.run(1, pending));
    assert!(poll_once(one.as_mut()).is_pending());
    let waker = Waker::from(Arc::new(Panics));
    assert!(two.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    assert_eq!(support::panic_in(move || drop(one)), "in the waker");
    drop(two);
    assert!(flights.is_empty());
    let _ = (on_drop(|| ()), poll_fn(|_| Poll::Ready(())));
}
