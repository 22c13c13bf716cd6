//! What bars can follow: flows, waits, pools, and whatever is counted by hand.

use crate::terminal;
use anyscope::{
    Clock, FutureMap, FutureSet, When, flow,
    flow::NoClock,
    flow::Progress,
    join,
    pool::{Pool, Shutdown, worker},
    scope,
};
use std::sync::{Arc, Mutex};
use support::{SECOND, behaviour, blow_up, panic_in, poll_once, typed_behaviour};

behaviour! {
    /// Given a flow on an executor, then its bar counts, whatever runs where.
    q10_bar_follows_a_flow_on_an_executor |ex| {
        let (terminal, bars) = terminal(10, 60);
        let bar = bars.bar("numbers").width(5);
        // Who hands items out to others does not know how many are left.
        bar.set_total(50);
        let sum = flow::iter(0..50usize)
            .map_on(&ex, 4, async |n| n)
            .progress(&ex, bar.observer())
            .filter_map(Result::ok)
            .fold(0, async |sum, n| sum + n);
        assert_eq!(sum.await, 49 * 25);
        assert!(terminal.contents().starts_with("numbers [=====] 50/50"), "{}", terminal.contents());
    }

    /// Given waits of a map, then the bar shows how many of all are done and have failed.
    q11_bar_follows_the_waits_of_a_map with virtual_time |ex| {
        let (terminal, bars) = terminal(10, 60);
        let bar = bars.bar("mirrors").width(3);
        let mut mirrors = FutureMap::new();
        for n in 1..=3u32 {
            let sleep = ex.sleep(n * SECOND);
            let fetch = async move {
                sleep.await;
                if n == 2 { Err(n) } else { Ok(n) }
            };
            mirrors.insert(n, Box::pin(fetch)).ok().unwrap();
        }
        let wait = mirrors.wait(When::Count(2)).try_progress(&ex, bar.observer());
        assert_eq!(wait.await.done, [(1, Ok(1)), (2, Err(2))]);
        assert_eq!(terminal.contents(), "mirrors [==>] 2/3, 1 failed, 2s, 1s left");
        let limit = 3 * SECOND;
        let rest = mirrors.wait(When::All).progress(&ex, |_| {}).timeout(&ex, limit);
        assert_eq!(rest.await.done, [(3, Ok(3))]);
    }

    /// Given a set to which more is added, then its total grows, and what an earlier wait has left
    /// is told at once.
    q11_wait_tells_a_total_that_grows |_ex| {
        let told = Mutex::new(Vec::new());
        let tell = |progress: Progress| told.lock().unwrap().push(progress.to_string());
        let mut set = FutureSet::new();
        (50..52).for_each(|n| set.push(support::yields(n)));
        let handle = set.handle();
        let adds = async {
            support::yield_now().await;
            handle.push(support::yields(3)).ok().unwrap();
        };
        let wait = set.wait(When::Count(3)).progress(NoClock, tell);
        assert!(join((wait, adds)).await.0.met);
        let told = told.into_inner().unwrap();
        assert_eq!((&*told[0], &*told[told.len() - 1]), ("0 of 2", "3 of 3"), "{told:?}");
    }

    /// Given nothing to wait for, or a wait for none, then it is told once.
    q11_wait_for_nothing_is_told_once |_ex| {
        let mut told = Vec::new();
        let mut set = FutureSet::new();
        let _ = set.wait(When::All).progress(NoClock, |p| told.push(p.to_string())).await;
        set.push(support::yields(1));
        let _ = set.wait(When::Count(0)).progress(NoClock, |p| told.push(p.to_string())).await;
        assert_eq!(told, ["0 of 0", "0 of 1"]);
        assert_eq!(set.len(), 1);
    }

    /// Given a pool whose jobs are done by a flow and by tickets, then each worker's own bar counts
    /// what it does, goes with it when it panics, and the one above counts all.
    q12_bars_follow_a_pool |ex| {
        let (terminal, bars) = terminal(10, 90);
        let all = bars.bar("jobs").width(4);
        let workers = all.clone();
        let pool = Pool::builder(&ex)
            .workers(2)
            .start(move |index| {
                let bar = workers.nested(format!("worker {index}"));
                async {
                    worker(bar, async |bar: &mut anyscope::progress::Bar, n: usize| {
                        bar.inc(1);
                        if n == 3 {
                            blow_up::<()>("planned");
                        }
                        n
                    })
                }
            })
            .unwrap();
        let outcomes = pool.map(0..6).try_progress(NoClock, all.observer());
        assert_eq!(outcomes.partition_results().await.failures.len(), 1);
        let shown = terminal.contents();
        assert!(shown.starts_with("jobs [====] 6/6, 1 failed\n"), "{shown}");

        let mut tickets = FutureSet::new();
        for n in 4..8 {
            tickets.push(pool.submit(n).await.unwrap());
        }
        let waited = tickets.wait(When::All).try_progress(NoClock, all.observer()).await;
        assert_eq!(waited.done.len(), 4);
        // Dropped alone, a worker that is being polled goes right after.
        pool.shutdown(Shutdown::Drain).await;
        assert_eq!(terminal.contents(), "jobs [====] 10/10, 1 failed");
    }

    /// Given children that count by hand and print, then the bar has all counts, and each line is
    /// there once, above the bar.
    q13_children_count_and_print |ex| {
        let (terminal, bars) = terminal(20, 60);
        let bar = bars.bar("children").width(4);
        bar.set_total(8);
        scope(&ex, async |s| {
            for n in 0..8 {
                let (bar, own) = (bar.clone(), bar.nested(format!("child {n}")));
                s.spawn(async move {
                    own.inc(1);
                    bar.println(format!("child {n} is here")).unwrap();
                    bar.inc(1);
                });
            }
        })
        .await;
        let shown = terminal.contents();
        let mut lines: Vec<_> = shown.lines().collect();
        assert_eq!(lines.pop(), Some("children [====] 8/8"));
        lines.sort();
        let expected: Vec<_> = (0..8).map(|n| format!("child {n} is here")).collect();
        assert_eq!(lines, expected);
    }
}

typed_behaviour! {
    /// Given a bar that is counted by hand, then its clock tells rate and time.
    q13_bar_of_a_clock_tells_times with virtual_time |ex| {
        let (terminal, bars) = terminal(10, 60);
        let bar = bars.bar("laps").clock(ex.clone()).rate().width(4);
        bar.set_total(4);
        for _ in 0..3 {
            ex.sleep(20 * SECOND).await;
            bar.inc(1);
        }
        assert_eq!(terminal.contents(), "laps [===>] 3/4, 0.05/s, 1m 00s, 20s left");
    }
}

/// Given an observer of a wait that panics, then the wait does, nothing is lost, and it continues
/// with the next.
#[test]
fn q11_observer_that_panics_loses_nothing() {
    let mut set = FutureSet::new();
    (0..3).for_each(|n| set.push(std::future::ready(n)));
    let told = Arc::new(Mutex::new(0));
    let seen = told.clone();
    {
        let wait = set.wait(When::All).progress(NoClock, |progress| {
            *seen.lock().unwrap() += 1;
            if progress.done == 2 {
                blow_up::<()>("planned");
            }
        });
        let mut wait = std::pin::pin!(wait);
        panic_in(std::panic::AssertUnwindSafe(|| poll_once(wait.as_mut())));
        let std::task::Poll::Ready(waited) = poll_once(wait.as_mut()) else { panic!("is ready") };
        assert_eq!(waited.done, [0, 1, 2]);
    }
    assert_eq!(*told.lock().unwrap(), 4);
}

/// Given a clock, then a wait asks it at the start and for each output.
#[test]
fn q11_wait_tells_the_time() {
    #[derive(Default)]
    struct Ticks(std::cell::Cell<u32>);

    impl Clock for Ticks {
        fn now(&self) -> anyscope::Instant {
            self.0.set(self.0.get() + 1);
            anyscope::Instant::from_epoch(self.0.get() * SECOND)
        }
    }

    let mut map = FutureMap::new();
    (0..2).for_each(|n| map.insert(n, std::future::ready(n)).unwrap());
    let mut times = Vec::new();
    let wait = map.wait_until(|_, _| false);
    let wait = wait.progress(Ticks::default(), |progress| times.push(progress.elapsed.as_secs()));
    let _ = smol::block_on(wait);
    assert_eq!(times, [0, 1, 2]);
}
