//! How often members are polled, and tasks woken.

use crate::support::*;
use anyscope_core::{join, race, race_ok, try_join};
use std::{future::poll_fn, pin::pin, task::Poll};

type Outcome = Result<usize, usize>;

/// Given up to 16 members, or a tuple or an array, then each poll polls all that are not ready, in
/// their order.
#[test]
fn few_are_polled_together() {
    let remotes: Remotes<Outcome> = Remotes::new(16);
    let task = Task::new();
    macro_rules! polls_all {
        ($group:expr, $n:expr) => {{
            let mut group = pin!($group);
            for _ in 0..3 {
                assert!(task.poll(group.as_mut()).is_pending());
                assert_eq!(remotes.polled.take(), (0..$n).collect::<Vec<_>>());
            }
        }};
    }
    polls_all!(join(remotes.members()), 16);
    polls_all!(try_join(remotes.members()), 16);
    polls_all!(race(remotes.members()), 16);
    polls_all!(race_ok(remotes.members()), 16);
    polls_all!(join([0, 1, 2].map(|number| remotes.member(number))), 3);
    polls_all!(race((remotes.member(0), remotes.member(1))), 2);
}

/// Given more than 16 members, then only those are polled that were woken, and a wake wakes the
/// task once.
#[test]
fn of_many_the_woken_are_polled() {
    for n in [17, 100, 10_000] {
        let remotes: Remotes<Outcome> = Remotes::new(n);
        let task = Task::new();
        macro_rules! polls_woken {
            ($group:ident) => {{
                let mut group = pin!($group(remotes.members()));
                assert!(task.run(group.as_mut()).is_pending());
                assert_eq!(remotes.polled.take().len(), n);
                task.wakes();
                assert!(task.poll(group.as_mut()).is_pending());
                assert_eq!(remotes.polled.take(), []);
                for number in [n - 1, 3, 9] {
                    remotes.wake(number);
                }
                remotes.wake(3);
                assert_eq!(task.wakes(), 1);
                assert!(task.poll(group.as_mut()).is_pending());
                let mut polled = remotes.polled.take();
                polled.sort_unstable();
                assert_eq!(polled, [3, 9, n - 1]);
                assert_eq!(task.wakes(), 0);
            }};
        }
        polls_woken!(join);
        polls_woken!(try_join);
        polls_woken!(race);
        polls_woken!(race_ok);
    }
}

/// Given many, then they are polled in their order, woken in whatever order, where one may decide.
#[test]
fn those_who_may_decide_are_polled_in_their_order() {
    let remotes: Remotes<Outcome> = Remotes::new(300);
    let task = Task::new();
    let mut all = pin!(try_join(remotes.members()));
    assert!(task.run(all.as_mut()).is_pending());
    assert_eq!(remotes.polled.take(), (0..300).collect::<Vec<_>>());
    [250, 7, 130, 64, 63].iter().for_each(|number| remotes.wake(*number));
    assert!(task.run(all.as_mut()).is_pending());
    assert_eq!(remotes.polled.take(), [7, 63, 64, 130, 250]);
}

/// Given very many that wake themselves, then a poll ends after some of them and others of the
/// executor have their turn.
#[test]
fn a_poll_of_very_many_ends() {
    let polls = std::cell::Cell::new(0);
    let busy = |_| {
        poll_fn(|cx| {
            polls.set(polls.get() + 1);
            cx.waker().wake_by_ref();
            Poll::<Outcome>::Pending
        })
    };
    let task = Task::new();
    let mut all = pin!(join((0..1000).map(busy)));
    for _ in 0..50 {
        assert!(task.poll(all.as_mut()).is_pending());
        assert!(polls.replace(0) <= 64);
        assert!(task.wakes() > 0);
    }
    let mut all = pin!(try_join((0..20).map(busy)));
    assert!(task.poll(all.as_mut()).is_pending());
    assert!(polls.replace(0) <= 64);
}

/// Given many in a pass that a poll has not finished, then all of them have their turn before any
/// has a second one.
#[test]
fn each_has_its_turn() {
    const MANY: usize = 200;
    let polls = std::cell::RefCell::new([0_usize; MANY]);
    let busy = |number: usize| {
        let polls = &polls;
        poll_fn(move |cx| {
            polls.borrow_mut()[number] += 1;
            cx.waker().wake_by_ref();
            Poll::<Outcome>::Pending
        })
    };
    let task = Task::new();
    let mut all = pin!(try_join((0..MANY).map(busy)));
    for _ in 0..100 {
        assert!(task.poll(all.as_mut()).is_pending());
        let polls = polls.borrow();
        let (least, most) = (polls.iter().min().unwrap(), polls.iter().max().unwrap());
        assert!(most - least <= 1, "from {least} to {most}");
    }
}

/// Given a wake of a member that has left, then nobody is polled; of a group that is over, then
/// nobody is woken.
#[test]
fn wakers_of_those_who_left_poll_nobody() {
    let remotes: Remotes<Outcome> = Remotes::new(20);
    let task = Task::new();
    {
        let mut raced = pin!(race_ok(remotes.members()));
        assert!(task.run(raced.as_mut()).is_pending());
        remotes.finish(4, Err(1));
        assert!(task.run(raced.as_mut()).is_pending());
        task.wakes();
        remotes.polled.take();
        remotes.wake(4);
        assert!(task.run(raced.as_mut()).is_pending());
        assert_eq!(remotes.polled.take(), []);
        remotes.finish(5, Ok(1));
        assert!(task.run(raced.as_mut()).is_ready());
        task.wakes();
        (0..20).for_each(|number| remotes.wake(number));
    }
    (0..20).for_each(|number| remotes.wake(number));
    assert_eq!(task.wakes(), 0);
}

/// Given a group that slept before each of its members, when all of them have ended, then their wakers wake nobody,
/// though the group is still there.
#[test]
fn late_wakers_of_a_group_that_is_over_wake_nobody() {
    let remotes: Remotes<Outcome> = Remotes::new(20);
    let task = Task::new();
    let mut joined = pin!(join(remotes.members()));
    for number in 0..20 {
        assert!(task.run(joined.as_mut()).is_pending());
        remotes.finish(number, Ok(number));
    }
    assert!(task.run(joined.as_mut()).is_ready());
    task.wakes();
    (0..20).for_each(|number| remotes.wake(number));
    assert_eq!(task.wakes(), 0);
}
