//! Members and destructors that panic.

use crate::support::*;
use anyscope_core::{join, maybe, race, race_ok, try_join};
use std::{
    collections::BTreeMap,
    pin::{Pin, pin},
    task::Poll,
};

type Outcome = Result<usize, usize>;

/// Given a group of so many members of each shape, calls `$check` with it.
macro_rules! each_shape {
    (|$n:ident, $remotes:ident, $group:ident| $check:expr) => {
        for $n in N {
            macro_rules! with {
                ($function:ident, $members:expr) => {{
                    let $remotes: Remotes<Outcome> = Remotes::new($n);
                    let mut $group = Box::pin($function($members(&$remotes)));
                    $check;
                }};
            }
            macro_rules! with_each {
                ($members:expr) => {
                    with!(join, $members);
                    with!(try_join, $members);
                    with!(race, $members);
                    with!(race_ok, $members);
                };
            }
            with_each!(|remotes: &Remotes<Outcome>| remotes.members());
            with_each!(|remotes: &Remotes<Outcome>| {
                remotes.members().into_iter().enumerate().collect::<BTreeMap<_, _>>()
            });
            if $n == 3 {
                with_each!(|remotes: &Remotes<Outcome>| [0, 1, 2].map(|n| remotes.member(n)));
                with_each!(|remotes: &Remotes<Outcome>| {
                    (remotes.member(0), remotes.member(1), remotes.member(2))
                });
            }
        }
    };
}

const N: [usize; 5] = [3, 16, 17, 64, 150];

fn sorted(mut log: Vec<usize>) -> Vec<usize> {
    log.sort_unstable();
    log
}

/// Given a member that panics, then its panic propagates when all members have been dropped, each
/// once, and another poll of the group panics as well.
#[test]
fn a_panic_comes_after_the_others_were_dropped() {
    each_shape!(|n, remotes, group| {
        let task = Task::new();
        assert!(task.run(group.as_mut()).is_pending());
        remotes.blow_up(n / 2);
        assert_eq!(panic_of(|| task.run(group.as_mut())), Some(n / 2));
        assert_eq!(sorted(remotes.dropped.take()), (0..n).collect::<Vec<_>>());
        assert!(panics(|| task.poll(group.as_mut())));
        drop(group);
        assert_eq!(remotes.dropped.take(), []);
    });
}

/// Given a member that panics, and destructors of others that do, then the first panic propagates
/// and nobody is left.
#[test]
fn destructors_that_panic_after_a_panic() {
    each_shape!(|n, remotes, group| {
        let task = Task::new();
        assert!(task.run(group.as_mut()).is_pending());
        (0..n).for_each(|number| remotes.drop_panics(number));
        remotes.blow_up(n / 2);
        assert_eq!(panic_of(|| task.run(group.as_mut())), Some(n / 2));
        assert_eq!(sorted(remotes.dropped.take()), (0..n).collect::<Vec<_>>());
    });
}

/// Given destructors of members that panic, when the group is dropped, then all members are
/// dropped, and the first panic propagates.
#[test]
fn destructors_that_panic_when_the_group_is_dropped() {
    each_shape!(|n, remotes, group| {
        let task = Task::new();
        assert!(task.run(group.as_mut()).is_pending());
        [0, n / 2, n - 1].into_iter().for_each(|number| remotes.drop_panics(number));
        let panic = panic_of(|| drop(group)).expect("destructors have panicked");
        assert!([0, n / 2, n - 1].contains(&panic));
        assert_eq!(sorted(remotes.dropped.take()), (0..n).collect::<Vec<_>>());
    });
}

/// Given losers whose destructors panic, then the others are dropped, and the first panic
/// propagates; nothing of the group is left.
#[test]
fn destructors_of_losers_that_panic() {
    for n in N {
        let remotes: Remotes<Outcome> = Remotes::new(n);
        let mut raced = Box::pin(race(remotes.members()));
        let task = Task::new();
        assert!(task.run(raced.as_mut()).is_pending());
        [0, 2].into_iter().for_each(|number| remotes.drop_panics(number));
        remotes.finish(1, Ok(1));
        let panic = panic_of(|| task.run(raced.as_mut()));
        assert!(matches!(panic, Some(0 | 2)));
        assert_eq!(sorted(remotes.dropped.take()), (0..n).collect::<Vec<_>>());
        assert!(panics(|| task.poll(raced.as_mut())));
        drop(raced);
        assert_eq!(remotes.dropped.take(), []);
    }
}

/// Given a member whose destructor panics when it is ready, then that propagates, and its value
/// goes with the others.
#[test]
fn the_destructor_of_a_ready_member_that_panics() {
    for n in N {
        let values = Log::default();
        let remotes: Remotes<Value> = Remotes::new(n);
        let mut all = Box::pin(join(remotes.members()));
        let task = Task::new();
        assert!(task.run(all.as_mut()).is_pending());
        remotes.drop_panics(1);
        remotes.finish(1, Value(values.clone(), 7));
        assert_eq!(panic_of(|| task.run(all.as_mut())), Some(1));
        assert_eq!(sorted(remotes.dropped.take()), (0..n).collect::<Vec<_>>());
        assert_eq!(values.take(), [7]);
    }
}

/// Given a maybe whose destructor panics when the others are done, then nobody is left.
#[test]
fn the_destructor_of_a_maybe_that_panics() {
    let values = Log::default();
    let remotes: Remotes<Value> = Remotes::new(3);
    let [a, b, c] = [0, 1, 2].map(|number| remotes.member(number));
    let mut all = Box::pin(join((a, maybe(b), maybe(c))));
    assert!(poll(all.as_mut()).is_pending());
    remotes.drop_panics(1);
    remotes.drop_panics(2);
    remotes.finish(0, Value(values.clone(), 7));
    assert_eq!(panic_of(|| poll(all.as_mut())), Some(1));
    assert_eq!(remotes.dropped.take(), [0, 1, 2]);
    assert_eq!(values.take(), [7]);
}

/// Given values whose destructors panic, when the group is dropped, then all are dropped.
#[test]
fn destructors_of_values_that_panic() {
    struct Bomb(Log, usize);
    impl Drop for Bomb {
        fn drop(&mut self) {
            self.0.add(self.1);
            std::panic::resume_unwind(Box::new(self.1));
        }
    }
    for n in N {
        let values = Log::default();
        let remotes: Remotes<Bomb> = Remotes::new(n);
        let mut all = Box::pin(join(remotes.members()));
        let task = Task::new();
        assert!(task.run(all.as_mut()).is_pending());
        (0..n - 1).for_each(|number| remotes.finish(number, Bomb(values.clone(), number)));
        assert!(task.run(all.as_mut()).is_pending());
        assert!(panic_of(|| drop(all)).is_some());
        assert_eq!(sorted(values.take()), (0..n - 1).collect::<Vec<_>>());
    }
}

/// Members stay where they were when they were first polled, until they are dropped.
#[test]
fn members_are_not_moved() {
    struct Still {
        here: std::cell::Cell<Option<*const Still>>,
        polls: std::cell::Cell<usize>,
        _pinned: std::marker::PhantomPinned,
    }
    impl Still {
        fn check(&self) {
            let here: *const Still = self;
            assert_eq!(self.here.get().unwrap_or(here), here, "moved");
            self.here.set(Some(here));
        }
    }
    impl Future for Still {
        type Output = Outcome;

        fn poll(self: Pin<&mut Self>, cx: &mut std::task::Context<'_>) -> Poll<Outcome> {
            self.check();
            self.polls.set(self.polls.get() + 1);
            cx.waker().wake_by_ref();
            if self.polls.get() == 4 { Poll::Ready(Ok(1)) } else { Poll::Pending }
        }
    }
    impl Drop for Still {
        fn drop(&mut self) {
            if self.polls.get() > 0 {
                self.check();
            }
        }
    }
    let still = |_| Still {
        here: Default::default(),
        polls: Default::default(),
        _pinned: std::marker::PhantomPinned,
    };
    let task = Task::new();
    for n in SIZES {
        assert!(task.run(pin!(join((0..n).map(still)))).is_ready());
        assert!(task.run(pin!(try_join((0..n).map(still)))).is_ready());
        assert!(task.run(pin!(race((0..n).map(still)))).is_ready());
        assert!(task.run(pin!(race_ok((0..n).map(still)))).is_ready());
    }
    assert!(task.run(pin!(race([0, 1].map(still)))).is_ready());
    assert!(task.run(pin!(join((still(0), still(1))))).is_ready());
}
