//! What a wait returns, and what it leaves in the map.

use crate::{Boxed, after, when};
use anyscope::{FutureMap, FutureSet, Instant, Waited, When, scope};
use std::{
    future::{pending, ready},
    time::Duration,
};
use support::{SECOND, Signal, Stopwatch, Tracer, behaviour};

behaviour! {
    /// Given futures that fail and succeed, when all are waited for, then every outcome comes, in
    /// order of completion.
    w3_w7_all_outcomes_come |_ex| {
        let mut map = FutureMap::new();
        map.insert("late", after(2, Ok(1))).unwrap();
        map.insert("fails", after(0, Err("no"))).unwrap();
        map.insert("soon", after(1, Ok(2))).unwrap();
        let Waited { done, met, timed_out, .. } = map.wait(When::All).await;
        assert_eq!(done, [("fails", Err("no")), ("soon", Ok(2)), ("late", Ok(1))]);
        assert!(met && !timed_out && map.is_empty());
    }

    /// Given children of a scope, when the first is waited for, then the rest run on, and come
    /// with later waits.
    w5_the_rest_runs_on_under_its_scope |ex| {
        scope(&ex, async |s| {
            let signals: [Signal; 3] = Default::default();
            let mut handles = FutureMap::new();
            for (n, signal) in signals.iter().enumerate() {
                handles.insert(n, s.spawn(signal.wait())).unwrap();
            }
            for n in [1, 2, 0] {
                signals[n].fire();
                let done = handles.wait(When::First).await.require().unwrap();
                assert!(matches!(done[..], [(key, Ok(()))] if key == n));
            }
            assert!(!handles.wait(When::First).await.met);
        })
        .await;
    }

    /// Given more than k that are ready, when k are waited for, then exactly k come, in the order
    /// in which they were inserted, and the rest stays, in that order too.
    w6_exactly_k_come |_ex| {
        let mut map: FutureMap<usize, Boxed<usize>> = FutureMap::new();
        let traced = Tracer::new();
        for n in 0..10 {
            map.insert(n, Box::pin(traced.trace(ready(n)))).unwrap();
        }
        for k in [3, 1, 4] {
            let first = 10 - map.len();
            let done = map.wait(When::Count(k)).await.require().unwrap();
            assert!(done.into_iter().eq((first..first + k).map(|n| (n, n))));
            assert_eq!(traced.polls(), first + k, "no more than those were polled");
        }
        assert!(map.keys().eq(&[8, 9]));
    }

    /// Which k: the first to complete.
    w6_the_first_to_complete_come |_ex| {
        let mut set = FutureSet::new();
        for yields in [5, 1, 4, 0] {
            set.push(after(yields, yields));
        }
        assert_eq!(set.wait(When::Count(2)).await.done, [0, 1]);
        assert_eq!(set.wait(When::Count(2)).await.done, [4, 5]);
    }

    /// Given a failure among successes, then the wait for the first error ends with it, and what
    /// was done before comes along.
    w7_the_first_error_ends_the_wait |_ex| {
        let mut map = FutureMap::new();
        for (key, yields, result) in [("a", 3, Ok(())), ("b", 2, Err("no")), ("c", 1, Ok(()))] {
            map.insert(key, after(yields, result)).unwrap();
        }
        let Waited { done, met, .. } = map.wait(When::FirstError).await;
        assert_eq!((done, met), (vec![("c", Ok(())), ("b", Err("no"))], true));
        assert!(map.keys().eq(&["a"]));
    }

    /// Given no failure, then the wait for the first error ends with the last future, and says
    /// that it was not met.
    w7_without_an_error_the_wait_ends_with_the_last |_ex| {
        let mut set = FutureSet::new();
        set.push(after(1, Ok::<_, ()>(1)));
        set.push(after(0, Ok(0)));
        let waited = set.wait(When::FirstError).await;
        assert_eq!((&waited.done[..], waited.met, waited.timed_out), (&[Ok(0), Ok(1)][..], false, false));
    }

    /// Given a wait whose time runs out, then it returns what is done, without an error, and
    /// nothing is cancelled.
    w8_time_that_runs_out_splits with virtual_time |ex| {
        let watch = Stopwatch::start(ex.clone());
        let traced = Tracer::new();
        let mut map: FutureMap<u32, Boxed<u32>> = FutureMap::new();
        for n in [4, 1, 3] {
            let sleep = ex.sleep(n * SECOND);
            map.insert(n, Box::pin(traced.trace(async move {
                sleep.await;
                n
            })))
            .unwrap();
        }
        let Waited { done, met, timed_out, .. } =
            map.wait(When::All).timeout(&ex, 2 * SECOND).await;
        assert_eq!((done, met, timed_out), (vec![(1, 1)], false, true));
        assert_eq!((watch.elapsed(), traced.alive()), (2 * SECOND, 2));
        assert!(map.keys().eq(&[3, 4]));

        // The same again, to a moment.
        let waited = map.wait(When::All).deadline(&ex, watch.at(3)).await;
        assert_eq!((waited.done, waited.timed_out), (vec![(3, 3)], true));
        let waited = map.wait(When::All).deadline(&ex, Instant::NEVER).await;
        assert_eq!((waited.done, waited.timed_out), (vec![(4, 4)], false));
        assert_eq!((watch.elapsed(), traced.alive()), (4 * SECOND, 0));
    }

    /// Given no time at all, then what is ready at once comes; a time without end is none.
    w8_no_time_and_time_without_end |ex| {
        let mut set: FutureSet<Boxed<u32>> = FutureSet::new();
        for n in 0..3 {
            set.push(Box::pin(ready(n)));
        }
        set.push(Box::pin(pending()));
        let waited = set.wait(When::All).timeout(&ex, Duration::ZERO).await;
        assert_eq!((waited.done, waited.timed_out), (vec![0, 1, 2], true));
        let past = Instant::from_epoch(Duration::ZERO);
        let waited = set.wait(When::All).deadline(&ex, past).await;
        assert!(waited.done.is_empty() && waited.timed_out && ex.now() >= past);
        set.push(after(3, 3));
        let waited = set.wait(When::First).timeout(&ex, Duration::MAX).await;
        assert_eq!((waited.done, waited.timed_out), (vec![3], false));
    }

    /// Given a condition that is met when time runs out, then it was met.
    w8_met_in_the_last_moment_is_met with virtual_time |ex| {
        let mut set = FutureSet::new();
        set.push(ex.sleep(SECOND));
        let waited = set.wait(When::All).timeout(&ex, SECOND).await;
        assert!(waited.met && !waited.timed_out);
    }

    /// Given some that are ready, when a batch is waited for, then all of them come, and it does
    /// not wait for more; given none, it waits for one.
    w14_a_batch_is_what_is_ready |_ex| {
        // More than one poll of a task goes through.
        for idle in [0, 10, 500] {
            let late = Signal::new();
            let mut set: FutureSet<Boxed<u32>> = FutureSet::new();
            (0..idle).for_each(|_| set.push(Box::pin(pending())));
            (0..3).for_each(|n| set.push(after(0, n)));
            set.push(when(&late, 3));
            let batch = set.wait(When::Batch).await;
            assert_eq!((batch.done, batch.met), (vec![0, 1, 2], true), "{idle} idle");
            set.push(after(2, 4));
            assert_eq!(set.wait(When::Batch).await.done, [4], "{idle} idle");
            late.fire();
            assert_eq!(set.wait(When::Batch).await.done, [3], "{idle} idle");
        }
    }

    /// Given a quorum of k, then the wait ends with k successes, or as soon as k are impossible.
    w16_a_quorum |_ex| {
        let votes = [true, false, true, false, false];
        for (k, seen) in [(1, 1), (2, 3), (3, 5), (4, 4), (5, 2)] {
            let mut map = FutureMap::new();
            for (n, vote) in votes.into_iter().enumerate() {
                map.insert(n, after(n, vote)).unwrap();
            }
            let (mut yes, mut no) = (0, 0);
            let waited = map.wait_until(|_, &vote| {
                if vote { yes += 1 } else { no += 1 }
                yes == k || no > votes.len() - k
            });
            let done = waited.await.require().unwrap();
            assert_eq!((done.len(), yes == k), (seen, k < 3), "a quorum of {k}");
        }
    }
}
