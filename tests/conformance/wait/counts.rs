//! What a wait costs: polls, wakes and comparisons.

use anyscope::{FutureMap, FutureSet, When};
use std::{
    cell::Cell,
    cmp::Ordering,
    future::{Ready, ready},
    pin::pin,
    task::Poll,
};
use support::{Signal, Tracer, hostile::Spy};

/// Given many idle futures, when one after the other becomes ready, then each wait polls that one
/// only, and the task is woken once for it.
#[test]
fn w5_a_wait_polls_only_what_was_woken() {
    const IDLE: usize = 10_000;
    let (spy, traced) = (Spy::new(), Tracer::new());
    let signals: Vec<_> = (0..IDLE).map(|_| Signal::new()).collect();
    let mut map = FutureMap::new();
    for (n, signal) in signals.iter().enumerate() {
        map.insert(n, traced.trace(signal.wait())).unwrap();
    }
    {
        let mut wait = pin!(map.wait(When::First));
        while spy.poll(wait.as_mut()).is_pending() && spy.take_wakes() > 0 {}
    }
    assert_eq!(traced.polls(), IDLE);
    for n in (0..IDLE).step_by(101) {
        let before = traced.polls();
        let mut wait = pin!(map.wait(When::First));
        assert!(spy.poll(wait.as_mut()).is_pending());
        signals[n].fire();
        assert_eq!(spy.take_wakes(), 1);
        let Poll::Ready(waited) = spy.poll(wait.as_mut()) else { panic!("it was fired") };
        assert_eq!((waited.done, traced.polls() - before), (vec![(n, ())], 1));
    }
}

/// Given waits for one that are dropped in between, then each output is looked at once in each
/// wait that sees it, and polled no more: no wait walks over what others have left.
#[test]
fn w6_what_is_kept_is_not_polled_again() {
    let traced = Tracer::new();
    let mut set = FutureSet::new();
    (0..1000).for_each(|n| set.push(traced.trace(ready(n))));
    let looks = Cell::new(0);
    {
        let mut wait = pin!(set.wait_until(|_| {
            looks.set(looks.get() + 1);
            assert!(looks.get() < 1000, "enough");
            false
        }));
        let poll = std::panic::AssertUnwindSafe(|| support::poll_once(wait.as_mut()));
        assert!(std::panic::catch_unwind(poll).is_err());
    }
    assert_eq!((looks.get(), traced.polls(), set.len()), (1000, 1000, 1000));
    for n in 0..1000 {
        let mut seen = 0;
        let mut wait = pin!(set.wait_until(|_| {
            seen += 1;
            true
        }));
        let Poll::Ready(waited) = support::poll_once(wait.as_mut()) else { panic!("it is done") };
        assert_eq!((waited.done, seen), (vec![n], 1));
    }
    assert_eq!(traced.polls(), 1000);
}

/// Given ten times the futures, then a wait for all compares keys little more often for each.
#[test]
fn w6_a_wait_compares_keys_as_often_as_the_map() {
    let each = |futures: u32| {
        let mut map: FutureMap<Counted, Ready<u32>> = FutureMap::new();
        (0..futures).for_each(|n| map.insert(Counted(n), ready(n)).unwrap());
        COMPARED.set(0);
        let mut wait = pin!(map.wait(When::All));
        assert!(support::poll_once(wait.as_mut()).is_ready());
        COMPARED.get() / futures
    };
    let (few, many) = (each(1000), each(10_000));
    assert!(few <= 24 && many <= 32, "{few} comparisons for each of a thousand, {many} of more");
}

/// Given a handle that adds while nobody polls, then the task is woken once.
#[test]
fn w13_a_burst_of_inserts_wakes_once() {
    let spy = Spy::new();
    let mut set = FutureSet::new();
    let handle = set.handle();
    set.push(Signal::new().wait());
    let mut wait = pin!(set.wait(When::Count(4)));
    assert!(spy.poll(wait.as_mut()).is_pending());
    let fired = Signal::new();
    fired.fire();
    (0..5).for_each(|_| handle.push(fired.wait()).unwrap());
    assert_eq!(spy.take_wakes(), 1);
    let Poll::Ready(waited) = spy.poll(wait.as_mut()) else { panic!("four are ready") };
    assert_eq!(waited.done.len(), 4);
}

std::thread_local! {
    static COMPARED: Cell<u32> = const { Cell::new(0) };
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Counted(u32);

impl Ord for Counted {
    fn cmp(&self, other: &Self) -> Ordering {
        COMPARED.set(COMPARED.get() + 1);
        self.0.cmp(&other.0)
    }
}

impl PartialOrd for Counted {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
