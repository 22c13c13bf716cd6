//! Who wins, what is left of the others, and races of nobody.

use anyscope::{EmptyRace, Timer, join, race, race_ok, scope};
use std::{
    collections::{BTreeMap, HashMap},
    future::{Future, Ready, pending},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
};
use support::{SECOND, Signal, behaviour, on_drop, until, yields};

/// How many, on both sides of the limit above which only those who were woken are polled.
const SIZES: [usize; 4] = [2, 10, 17, 300];

/// Given a race of so many of whom one has won, says how many were gone when it was over.
async fn gone_when_over<F, R>(n: usize, race: impl FnOnce(Vec<Contender>) -> F) -> (R, usize)
where
    F: Future<Output = R>,
{
    let gone = Arc::new(AtomicUsize::new(0));
    let contenders = (0..n).map(|number| contender(number, n / 2, &gone)).collect();
    let won = race(contenders).await;
    (won, gone.load(SeqCst))
}

type Contender = std::pin::Pin<Box<dyn Future<Output = Result<usize, usize>> + Send>>;

/// Waits a little and is done if it is the winner; the others wait for ever.
fn contender(number: usize, winner: usize, gone: &Arc<AtomicUsize>) -> Contender {
    let gone = gone.clone();
    Box::pin(async move {
        let _gone = on_drop(move || _ = gone.fetch_add(1, SeqCst));
        yields(3).await;
        if number == winner { Ok(number) } else { pending().await }
    })
}

behaviour! {
    /// Given a running race, when a winner appears, then the losers are dropped, with all that they hold, before
    /// it returns: in a task of the executor.
    c18_losers_are_gone_when_a_race_returns |ex| {
        scope(&ex, async |s| {
            for n in SIZES {
                let raced = s.spawn(gone_when_over(n, race));
                assert_eq!(raced.await.unwrap(), (Ok(Ok(n / 2)), n));
                let raced = s.spawn(gone_when_over(n, race_ok));
                assert_eq!(raced.await.unwrap(), (Ok(n / 2), n));
                let keyed = |all: Vec<_>| race(all.into_iter().enumerate().collect::<BTreeMap<_, _>>());
                let raced = s.spawn(gone_when_over(n, keyed));
                assert_eq!(raced.await.unwrap(), (Ok((n / 2, Ok(n / 2))), n));
                let keyed = |all: Vec<_>| race(all.into_iter().enumerate().collect::<HashMap<_, _>>());
                let raced = s.spawn(gone_when_over(n, keyed));
                assert_eq!(raced.await.unwrap(), (Ok((n / 2, Ok(n / 2))), n));
            }
            let two = |all: Vec<Contender>| {
                let [a, b]: [_; 2] = all.try_into().ok().unwrap();
                race((a, b))
            };
            assert_eq!(s.spawn(gone_when_over(2, two)).await.unwrap(), (Ok(1), 2));
            let three = |all: Vec<Contender>| race(<[_; 3]>::try_from(all).ok().unwrap());
            assert_eq!(s.spawn(gone_when_over(3, three)).await.unwrap(), (Ok(1), 3));
        })
        .await;
    }

    /// Given a race of children of a scope, when one wins, then the handles of the others are gone, and their
    /// children are the scope's still: they are cancelled by who has raced them.
    c18_children_outlive_the_race_of_their_handles |ex| {
        let go = Signal::new();
        scope(&ex, async |s| {
            let slow = s.spawn(go.wait());
            let fast = s.spawn(yields(2));
            let winner = race((async { slow.value().await; "slow" }, async { fast.value().await; "fast" })).await;
            assert_eq!(winner, "fast");
            // A child leaves a moment after its handle has the value.
            until(|| s.len() == 1).await;
            go.fire();
        })
        .await;
    }

    /// Given a race of zero contenders, then it is an error, and at once.
    c19_a_race_of_nobody_is_an_error |ex| {
        type Nobody = Ready<Result<u8, u8>>;
        scope(&ex, async |s| {
            let raced = s.spawn(async {
                let none: [Result<_, EmptyRace>; 3] = [
                    race(Vec::<Nobody>::new()).await,
                    race(Box::<[Nobody]>::default()).await,
                    race(None::<Nobody>).await,
                ];
                assert_eq!(none, [Err(EmptyRace); 3]);
                assert_eq!(race(BTreeMap::<u8, Nobody>::new()).await, Err(EmptyRace));
                assert_eq!(race(HashMap::<u8, Nobody>::new()).await, Err(EmptyRace));
                assert!(race_ok(Vec::<Nobody>::new()).await.unwrap_err().errors.is_empty());
                assert_eq!(race_ok(None::<Nobody>).await.unwrap_err().errors, None);
                assert!(race_ok(HashMap::<u8, Nobody>::new()).await.unwrap_err().errors.is_empty());
            });
            raced.await.unwrap();
        })
        .await;
    }

    /// Given contenders of whom some fail first, then the first success wins; when all fail, all errors come, in
    /// the shape of the contenders.
    w15_the_first_success_wins_or_all_errors_come |ex| {
        let _ = &ex;
        for n in SIZES {
            let call = |number: usize, good: usize| async move {
                yields(n - number).await;
                if number == good { Ok(number) } else { Err(number) }
            };
            let raced = race_ok((0..n).map(|number| call(number, n - 2))).await;
            assert_eq!(raced, Ok(n - 2));
            let raced = race_ok((0..n).map(|number| call(number, n))).await;
            assert_eq!(raced.unwrap_err().errors, (0..n).collect::<Vec<_>>());
            let keyed: BTreeMap<_, _> = (0..n).map(|number| (number, call(number, n))).collect();
            assert_eq!(race_ok(keyed).await.unwrap_err().errors, (0..n).map(|n| (n, n)).collect());
        }
        let failed = race_ok((async { Err::<u8, _>(1) }, async { Err("two") })).await.unwrap_err();
        assert_eq!(failed.errors, (1, "two"));
    }

    /// Given sleeps, then a race of them takes as long as the shortest one, and a join as the longest.
    v5_a_race_is_the_shortest_and_a_join_the_longest with virtual_time |ex| {
        for n in SIZES {
            let sleeps = |ex: &_| {
                let sleep = |second: usize| Timer::sleep(ex, SECOND * (second as u32 + 1));
                (0..n).map(sleep).collect::<Vec<_>>()
            };
            let start = anyscope::Clock::now(&ex);
            let passed = || anyscope::Clock::now(&ex).saturating_duration_since(start);
            race(sleeps(&ex)).await.unwrap();
            assert_eq!(passed(), SECOND);
            join(sleeps(&ex)).await;
            assert_eq!(passed(), SECOND * (n as u32 + 1));
        }
    }
}
