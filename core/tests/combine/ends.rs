//! How groups end: who is dropped when, who wins a tie, and what comes after the end.

use crate::support::*;
use anyscope_core::{join, race, race_ok, try_join};
use std::{
    collections::{BTreeMap, HashMap},
    future::{pending, ready},
    pin::pin,
    task::Poll,
};

type Outcome = Result<usize, usize>;

/// Given members that are ready, then each is dropped at once and not polled again; and all that is
/// left with the group.
#[test]
fn members_go_when_they_are_ready() {
    for n in SIZES.into_iter().filter(|n| *n > 1) {
        let remotes = Remotes::new(n);
        let values = Log::default();
        {
            let mut all = pin!(join(remotes.members()));
            let task = Task::new();
            assert!(task.run(all.as_mut()).is_pending());
            remotes.finish(n - 1, Value(values.clone(), 7));
            assert!(task.run(all.as_mut()).is_pending());
            assert_eq!(remotes.dropped.take(), [n - 1]);
            remotes.polled.take();
            remotes.wake(0);
            assert!(task.run(all.as_mut()).is_pending());
            assert!(!remotes.polled.take().contains(&(n - 1)));
            assert_eq!(values.take(), []);
        }
        assert_eq!(values.take(), [7]);
        assert_eq!(sorted(remotes.dropped.take()), (0..n - 1).collect::<Vec<_>>());
    }
}

fn sorted(mut log: Vec<usize>) -> Vec<usize> {
    log.sort_unstable();
    log
}

/// Given a group of each shape and its members, what decides, then all are dropped before it is
/// ready.
macro_rules! nobody_is_left {
    ($group:ident, $outcome:expr, $is_it:pat) => {
        for (place, n) in SIZES.into_iter().map(|n| (n / 2, n)) {
            let shapes = |shape: &str| {
                let remotes: Remotes<Outcome> = Remotes::new(n);
                let task = Task::new();
                macro_rules! runs {
                    ($members:expr) => {{
                        let mut group = pin!($group($members));
                        assert!(task.run(group.as_mut()).is_pending());
                        assert_eq!(remotes.dropped.take(), [], "{shape} of {n}");
                        remotes.finish(place, $outcome);
                        assert!(matches!(task.run(group.as_mut()), Poll::Ready($is_it)));
                        let dropped = sorted(remotes.dropped.take());
                        assert_eq!(dropped, (0..n).collect::<Vec<_>>(), "{shape} of {n}");
                    }};
                }
                match shape {
                    "vec" => runs!(remotes.members()),
                    "boxed slice" => runs!(remotes.members().into_boxed_slice()),
                    "ordered map" => {
                        runs!(remotes.members().into_iter().enumerate().collect::<BTreeMap<_, _>>())
                    }
                    _ => {
                        runs!(remotes.members().into_iter().enumerate().collect::<HashMap<_, _>>())
                    }
                }
            };
            ["vec", "boxed slice", "ordered map", "hash map"].into_iter().for_each(shapes);
        }
    };
}

/// Given an error, then no member is left when it is returned.
#[test]
fn w2_siblings_are_gone_before_the_error_comes() {
    nobody_is_left!(try_join, Err(1), Err(_));
}

/// Given a winner, then no loser is left when it is returned.
#[test]
fn c18_losers_are_gone_before_the_winner_comes() {
    nobody_is_left!(race, Err(1), Ok(_));
    nobody_is_left!(race, Ok(1), Ok(_));
    nobody_is_left!(race_ok, Ok(1), Ok(_));
}

/// The same for tuples, arrays and options.
#[test]
fn c18_w2_nobody_is_left_of_tuples_and_arrays() {
    let remotes: Remotes<Outcome> = Remotes::new(3);
    let all = || [0, 1, 2].map(|number| remotes.member(number));
    let three = |[a, b, c]: [Member<Outcome>; 3]| (a, b, c);
    macro_rules! ends {
        ($group:expr, $output:expr) => {{
            let mut group = pin!($group);
            assert!(poll(group.as_mut()).is_pending());
            remotes.finish(1, $output);
            assert!(poll(group.as_mut()).is_ready());
            assert_eq!(remotes.dropped.take(), [0, 1, 2]);
        }};
    }
    ends!(race(three(all())), Ok(1));
    ends!(race(all()), Ok(1));
    ends!(race_ok(three(all())), Ok(1));
    ends!(race_ok(all()), Ok(1));
    ends!(try_join(three(all())), Err(1));
    ends!(try_join(all()), Err(1));
    let mut one = pin!(race(Some(remotes.member(0))));
    assert!(poll(one.as_mut()).is_pending());
    remotes.finish(0, Ok(1));
    assert!(poll(one.as_mut()).is_ready());
    assert_eq!(remotes.dropped.take(), [0]);
}

/// Given errors of a race that somebody wins, then they are dropped before it returns.
#[test]
fn f17_errors_of_losers_are_gone_before_the_winner_comes() {
    for n in SIZES.into_iter().filter(|n| *n > 1) {
        let errors = Log::default();
        let remotes: Remotes<Result<usize, Value>> = Remotes::new(n);
        let mut raced = pin!(race_ok(remotes.members()));
        let task = Task::new();
        assert!(task.run(raced.as_mut()).is_pending());
        remotes.finish(0, Err(Value(errors.clone(), 7)));
        assert!(task.run(raced.as_mut()).is_pending());
        assert_eq!(errors.take(), []);
        remotes.finish(n - 1, Ok(3));
        assert!(matches!(task.run(raced.as_mut()), Poll::Ready(Ok(3))));
        assert_eq!(errors.take(), [7]);
    }
}

/// Given several that are ready at the same time, woken in any order, then that with the lowest
/// index counts.
#[test]
fn ties_go_to_the_lowest_index() {
    for n in SIZES {
        // Ready from the start, and woken from behind.
        for ready_first in [true, false] {
            let check = |expected: usize, first: &dyn Fn() -> usize| {
                assert_eq!(first(), expected, "of {n}, ready from the start: {ready_first}");
            };
            macro_rules! first {
                ($group:ident, $output:expr, $tied:expr, |$polled:ident| $number:expr) => {
                    check($tied.start, &|| {
                        let remotes: Remotes<Outcome> = Remotes::new(n);
                        let mut group = pin!($group(remotes.members()));
                        let task = Task::new();
                        if !ready_first {
                            assert!(task.run(group.as_mut()).is_pending());
                        }
                        $tied.rev().for_each(|number| remotes.finish(number, $output(number)));
                        let $polled = task.run(group.as_mut());
                        $number
                    })
                };
            }
            for start in [0, n / 3, n - 1] {
                first!(race, Ok, start..n, |won| match won {
                    Poll::Ready(Ok(Ok(number))) => number,
                    other => panic!("{other:?}"),
                });
                first!(race_ok, Ok, start..n, |won| match won {
                    Poll::Ready(Ok(number)) => number,
                    other => panic!("{other:?}"),
                });
                first!(try_join, Err, start..n, |failed| match failed {
                    Poll::Ready(Err(failed)) => {
                        assert_eq!(failed.index(), *failed.error());
                        failed.index()
                    }
                    other => panic!("{other:?}"),
                });
            }
        }
    }
    let two = || (async { Ok::<_, u8>(1) }, async { Ok::<_, u8>(2) });
    assert_eq!(poll(pin!(race(two()))), Poll::Ready(Ok(1)));
    assert_eq!(poll(pin!(race_ok(two()))), Poll::Ready(Ok(1)));
    let two = || (async { Err::<u8, _>(1) }, async { Err::<u8, _>(2) });
    assert!(matches!(poll(pin!(try_join(two()))), Poll::Ready(Err(failed)) if failed.index() == 0));
}

/// Given very many, of which one fails, then that is known after the polls of one wake.
#[test]
fn a_failure_among_very_many_is_known_at_once() {
    const MANY: usize = 10_000;
    let remotes: Remotes<Outcome> = Remotes::new(MANY);
    let mut all = pin!(try_join(remotes.members()));
    let task = Task::new();
    assert!(task.run(all.as_mut()).is_pending());
    assert_eq!(remotes.polled.take().len(), MANY);
    remotes.finish(7777, Err(1));
    let Poll::Ready(Err(failed)) = task.poll(all.as_mut()) else { panic!("it has failed") };
    assert_eq!(failed.index(), 7777);
    assert_eq!(remotes.polled.take(), [7777]);
}

/// Given a group that was ready, when it is polled again, then it says so.
#[test]
fn polled_after_its_end_panics() {
    fn twice<F: Future>(group: F) {
        let mut group = pin!(group);
        assert!(poll(group.as_mut()).is_ready());
        assert!(panics(|| poll(group.as_mut())));
        assert!(panics(|| poll(group.as_mut())));
    }
    let fine = || ready(Outcome::Ok(1));
    let failed = || ready(Outcome::Err(1));
    for n in SIZES.into_iter().chain([0]) {
        // Of many, not all are polled in one poll.
        let n = n.min(64);
        twice(join((0..n).map(|_| fine())));
        twice(try_join((0..n).map(|_| fine())));
        twice(try_join((0..n).map(|_| failed())));
        twice(race((0..n).map(|_| fine())));
        twice(race_ok((0..n).map(|_| fine())));
        twice(race_ok((0..n).map(|_| failed())));
        twice(join((0..n).map(|n| (n, fine())).collect::<BTreeMap<_, _>>()));
        twice(race((0..n).map(|n| (n, fine())).collect::<BTreeMap<_, _>>()));
    }
    twice(join((fine(), failed())));
    twice(try_join((fine(), failed())));
    twice(race((pending(), failed())));
    twice(race_ok((failed(), fine())));
    twice(race_ok([failed(), failed()]));
    twice(join(Some(fine())));
    twice(race(None::<std::future::Ready<()>>));
}
