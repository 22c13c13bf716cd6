//! Waits that are dropped.

use crate::{Boxed, after};
use anyscope::{FutureMap, FutureSet, When, sim::Sim};
use futures_lite::{StreamExt, future};
use std::pin::pin;
use support::{behaviour, poll_once, simulated, yields};

/// 20 futures, of which the n-th yields 3 (n % 5) times.
fn twenty() -> FutureMap<usize, Boxed<usize>> {
    let mut map = FutureMap::new();
    for n in 0..20 {
        map.insert(n, after(3 * (n % 5), n)).unwrap();
    }
    map
}

/// Which of them are done after so many polls, in that order.
fn in_order() -> Vec<(usize, usize)> {
    (0..5).flat_map(|yields| (0..20).filter(move |n| n % 5 == yields)).map(|n| (n, n)).collect()
}

behaviour! {
    /// Given a wait that is dropped at any of its polls, then the next wait returns what was done,
    /// and the rest, in order of completion.
    w8_a_dropped_wait_loses_nothing |_ex| {
        for polls in 0..10 {
            let mut map = twenty();
            let gives_up = async {
                yields(polls).await;
                None
            };
            future::or(async { Some(map.wait(When::All).await) }, gives_up).await;
            let mut done = map.wait(When::Count(3)).await.done;
            done.extend(map.wait(When::All).await.done);
            if !done.is_empty() {
                assert_eq!(done, in_order(), "dropped after {polls} polls");
            }
            assert!(map.is_empty());
        }
    }

    /// The same for polls of the map after the wait.
    w8_a_poll_returns_what_a_dropped_wait_has_left |_ex| {
        for polls in 0..4 {
            let mut map = twenty();
            {
                let mut wait = pin!(map.wait(When::All));
                (0..polls).for_each(|_| assert!(poll_once(wait.as_mut()).is_pending()));
            }
            assert_eq!((map.len(), futures_lite::Stream::size_hint(&map)), (20, (20, Some(20))));
            assert_eq!(map.collect::<Vec<_>>().await, in_order(), "dropped after {polls} polls");
        }
    }

    /// Given what a dropped wait has left, then its keys are taken until it is returned; it can
    /// be removed and replaced.
    w10_what_a_dropped_wait_has_left_keeps_its_key |_ex| {
        let mut map = twenty();
        {
            let mut wait = pin!(map.wait(When::All));
            assert!(poll_once(wait.as_mut()).is_pending());
        }
        // 0, 5, 10 and 15 are done.
        assert!(map.contains_key(&5) && map.keys().eq(&(0..20).collect::<Vec<_>>()));
        assert!(map.insert(5, after(0, 0)).is_err());
        assert!(map.remove(&5) && !map.remove(&5));
        assert!(map.replace(10, after(0, 100)));
        assert_eq!((map.len(), map.contains_key(&5)), (19, false));
        assert_eq!(map.wait(When::Count(2)).await.done, [(0, 0), (15, 15)]);
        map.insert(5, after(0, 500)).unwrap();
        let rest = map.wait(When::All).await.done;
        assert!(rest.contains(&(10, 100)) && rest.contains(&(5, 500)));
        assert_eq!(rest.len(), 18);
    }

    /// Given what a dropped wait has left, of which one was removed from the middle, then a wait for
    /// those before it leaves the key of the one after it taken.
    w10_a_gap_in_what_is_left_frees_no_other_key |_ex| {
        let mut map = twenty();
        {
            let mut wait = pin!(map.wait(When::All));
            assert!(poll_once(wait.as_mut()).is_pending());
        }
        // 0, 5, 10 and 15 are done.
        assert!(map.remove(&5));
        assert_eq!(map.wait(When::First).await.done, [(0, 0)]);
        assert!(map.contains_key(&10) && map.insert(10, after(0, 100)).is_err());
        assert_eq!(map.wait(When::First).await.done, [(10, 10)]);
    }

    /// Given what a dropped wait has left, then `clear` drops it.
    w8_clear_drops_what_a_dropped_wait_has_left |_ex| {
        let mut set: FutureSet<_> = (0..3).map(std::future::ready).collect();
        set.push(std::future::ready(3));
        let mut seen = 0;
        {
            // Ends nowhere: dropped after a panic in the predicate.
            let mut wait = pin!(set.wait_until(|_| {
                seen += 1;
                assert!(seen < 3);
                false
            }));
            let polled = std::panic::AssertUnwindSafe(|| poll_once(wait.as_mut()));
            assert!(std::panic::catch_unwind(polled).is_err());
        }
        assert_eq!(set.len(), 4);
        set.clear();
        assert_eq!((set.len(), set.is_empty()), (0, true));
        assert!(set.wait(When::All).await.done.is_empty());
    }
}

simulated! {
    /// Given waits in a loop, each cut off after a time of its own, in many orders, then each
    /// output comes once.
    w8_waits_that_are_cut_off_lose_nothing |sim| {
        use anyscope::{Timer, timeout};
        use std::time::Duration;

        let mut map = FutureMap::new();
        for n in 0..30_u32 {
            map.insert(n, sim.sleep(Duration::from_millis(u64::from(n * 7 % 30)))).unwrap();
        }
        let mut keys = Vec::new();
        for cut in 0.. {
            let wait = map.wait(When::Count(4));
            let limit = Duration::from_millis(cut % 5);
            if let Ok(waited) = timeout(&sim, limit, wait).await {
                keys.extend(waited.done.into_iter().map(|(key, ())| key));
                if !waited.met {
                    break;
                }
            }
        }
        keys.sort();
        assert!(keys.into_iter().eq(0..30));
    }
}

/// Given a task that waits, dropped at each of its suspensions, in many orders, then each output
/// comes once.
#[test]
fn w8_cancelled_at_every_suspension() {
    for seed in 0..20 {
        for at in 0..40 {
            let sim = Sim::new(seed);
            let shown = sim.run(async move |_| {
                let mut map = twenty();
                let mut seen = Vec::new();
                {
                    let mut task = pin!(async {
                        loop {
                            let waited = map.wait(When::Count(3)).await;
                            seen.extend(waited.done);
                            if !waited.met {
                                break;
                            }
                        }
                    });
                    for _ in 0..at {
                        if future::poll_once(task.as_mut()).await.is_some() {
                            break;
                        }
                        yields(1).await;
                    }
                }
                assert_eq!(seen.len() + map.len(), 20);
                seen.extend(map.wait(When::All).await.done);
                assert_eq!(seen, in_order(), "seed {seed}, dropped at {at}");
            });
            shown.unwrap();
        }
    }
}
