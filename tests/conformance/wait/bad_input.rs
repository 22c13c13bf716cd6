//! What no wait should be asked, and what it answers.

use crate::{Boxed, after, when};
use anyscope::{FutureMap, FutureSet, When};
use std::{
    cmp::Ordering,
    future::{pending, ready},
    pin::pin,
    sync::{Arc, OnceLock},
};
use support::{Signal, behaviour, blow_up, panic_in, panic_of, poll_once};

behaviour! {
    /// Given nothing to wait for, then every wait ends at once and says whether it was met.
    w4_a_wait_for_nothing_ends_at_once |ex| {
        let mut map = FutureMap::<u8, std::future::Ready<Result<u8, u8>>>::new();
        let mut waited = Vec::new();
        waited.push(map.wait(When::All).await);
        waited.push(map.wait(When::Count(0)).await);
        waited.push(map.wait(When::First).await);
        waited.push(map.wait(When::FirstError).await);
        waited.push(map.wait(When::Batch).await);
        waited.push(map.wait(When::Count(1)).timeout(&ex, std::time::Duration::MAX).await);
        waited.push(map.wait_until(|_, _| true).await);
        assert!(waited.iter().map(|waited| waited.met).eq([true, true, false, false, false, false, false]));
        assert!(waited.iter().all(|waited| waited.done.is_empty() && !waited.timed_out));
    }

    /// Given a wait for none, then nothing is polled, and it is met.
    w9_a_wait_for_none_polls_nothing |_ex| {
        let mut set: FutureSet<Boxed<()>> = FutureSet::new();
        set.push(Box::pin(async { panic!("not to be polled") }));
        assert!(set.wait(When::Count(0)).await.require().unwrap().is_empty());
        assert_eq!(set.len(), 1);
    }

    /// Given a wait for more than there are, then it ends with the last, and is refused as a
    /// result: the error has what is done.
    w9_a_wait_for_too_many_is_an_error |ex| {
        let mut set: FutureSet<_> = [after(1, 1), after(0, 0)].into_iter().collect();
        let error = set.wait(When::Count(3)).await.require().unwrap_err();
        assert_eq!((&error.done[..], error.timed_out), (&[0, 1][..], false));
        assert_eq!(error.to_string(), "2 done, and nothing left to wait for");
        assert_eq!(format!("{error:?}"), "Unmet { done: 2, timed_out: false }");

        set.push(Box::pin(pending()));
        let wait = set.wait(When::Count(3)).timeout(&ex, std::time::Duration::ZERO);
        let error = wait.await.require().unwrap_err();
        assert_eq!(error.to_string(), "nothing done when time ran out");
    }

    /// Given a predicate that panics, then the wait does; what is done stays, also when the wait
    /// goes on.
    w8_a_predicate_that_panics_loses_nothing |_ex| {
        for goes_on in [false, true] {
            let mut map = FutureMap::new();
            (0..5).for_each(|n| map.insert(n, after(n, n)).unwrap());
            let mut done = Vec::new();
            {
                let mut wait = pin!(map.wait_until(|_, &n| match n {
                    2 => blow_up("planned"),
                    n => n == 3,
                }));
                assert_eq!(panic_of(wait.as_mut()).await, "planned");
                if goes_on {
                    done = wait.await.done;
                    assert_eq!(done, [(0, 0), (1, 1), (2, 2), (3, 3)]);
                }
            }
            done.extend(map.wait(When::All).await.done);
            assert!(done.into_iter().eq((0..5).map(|n| (n, n))), "goes on: {goes_on}");
        }
    }

    /// Given a future that panics, then the wait does; all others stay, done or not.
    w8_a_future_that_panics_takes_no_other_along |_ex| {
        let mut map: FutureMap<_, Boxed<usize>> = FutureMap::new();
        (0..5).for_each(|n| map.insert(n, after(n, n)).unwrap());
        map.replace(2, Box::pin(async {
            support::yields(2).await;
            blow_up("planned")
        }));
        {
            let mut wait = pin!(map.wait(When::All));
            assert_eq!(panic_of(wait.as_mut()).await, "planned");
        }
        assert_eq!((map.len(), map.contains_key(&2)), (4, false));
        assert_eq!(map.wait(When::All).await.done, [(0, 0), (1, 1), (3, 3), (4, 4)]);
    }

    /// Given a wait that has ended, when it is polled again, then nothing more is done, and what
    /// is in the map stays.
    w8_a_poll_after_the_end |ex| {
        let mut set: FutureSet<_> = [ready(1), ready(2)].into_iter().collect();
        {
            let mut wait = pin!(set.wait(When::First));
            assert_eq!(wait.as_mut().await.done, [1]);
            let again = wait.await;
            assert!(again.done.is_empty() && !again.met && !again.timed_out);
        }
        {
            let mut wait = pin!(set.wait(When::Count(2)).timeout(&ex, std::time::Duration::ZERO));
            assert_eq!(wait.as_mut().await.done, [2]);
            assert!(wait.await.done.is_empty());
        }
    }

    /// Given keys whose comparison uses a handle of their own map, then it panics, instead of
    /// waiting for itself; the map goes on.
    w10_a_comparison_that_comes_back_panics |_ex| {
        let mut map = FutureMap::new();
        let place = Arc::new(OnceLock::new());
        let key = |number| Nosy { number, place: place.clone() };
        map.replace(key(1), ready(1));
        let handle = map.handle();
        assert!(place.set(handle.clone()).is_ok());
        let message = panic_in(|| drop(handle.insert(key(2), ready(2))));
        assert_eq!(message, "a comparison of two keys used a handle of the map that compares them");
        assert_eq!(map.len(), 1);
        drop(map);
        assert!(handle.is_closed());
    }

    /// Given a set that is dropped while a handle waits to add, then the future comes back, and
    /// what was added and not polled is dropped.
    w13_what_was_added_goes_with_the_set |_ex| {
        let traced = support::Tracer::new();
        let mut set = FutureSet::new();
        let handle = set.handle();
        let never = Signal::new();
        handle.push(traced.trace(when(&never, ()))).unwrap();
        set.push(traced.trace(when(&never, ())));
        assert_eq!((set.len(), traced.alive()), (2, 2));
        drop(set);
        assert_eq!((traced.alive(), traced.polls()), (0, 0));
        let back = handle.push(traced.trace(after(0, ()))).unwrap_err();
        assert!(poll_once(pin!(back.value)).is_ready());
    }
}

/// A key that looks into the map when it is compared.
#[derive(Clone)]
struct Nosy {
    number: u32,
    place: Arc<OnceLock<anyscope::MapHandle<Nosy, std::future::Ready<u32>>>>,
}

impl Ord for Nosy {
    fn cmp(&self, other: &Self) -> Ordering {
        if let Some(handle) = self.place.get() {
            handle.is_closed();
        }
        self.number.cmp(&other.number)
    }
}

impl PartialOrd for Nosy {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Nosy {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Nosy {}
