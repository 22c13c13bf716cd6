//! Any members, ends and drops of a group of futures, against what may come of it: each future is dropped once,
//! and each output is returned once or dropped.

use anyscope::{join, race, race_ok, try_join};
use proptest::{collection::vec, prelude::*};
use std::{
    cell::Cell,
    future::Future,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    pin::{Pin, pin},
    task::{Context, Poll, Waker},
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Succeeds,
    Fails,
    Panics,
    /// Is pending for ever.
    Never,
}

/// After so many polls.
type Member = (u8, End);

fn members() -> impl Strategy<Value = Vec<Member>> {
    let end = prop_oneof![
        8 => Just(End::Succeeds),
        3 => Just(End::Fails),
        1 => Just(End::Panics),
        1 => Just(End::Never),
    ];
    // Small groups are polled otherwise than large ones.
    prop_oneof![vec((0..4_u8, end.clone()), 0..6), vec((0..4_u8, end), 14..40)]
}

/// How many futures and outputs there are.
#[derive(Default)]
struct Counts {
    futures: Cell<isize>,
    outputs: Cell<isize>,
    polled_too_often: Cell<bool>,
}

struct Counted<'c>(&'c Cell<isize>, usize);

impl<'c> Counted<'c> {
    fn new(count: &'c Cell<isize>, number: usize) -> Self {
        count.set(count.get() + 1);
        Counted(count, number)
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
    }
}

struct Work<'c> {
    left: u8,
    end: End,
    is_over: bool,
    counts: &'c Counts,
    alive: Counted<'c>,
}

impl<'c> Future for Work<'c> {
    type Output = Result<Counted<'c>, Counted<'c>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if self.is_over {
            self.counts.polled_too_often.set(true);
        }
        if self.end == End::Never {
            return Poll::Pending;
        }
        if self.left > 0 {
            self.left -= 1;
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        self.is_over = true;
        let output = Counted::new(&self.counts.outputs, self.alive.1);
        Poll::Ready(match self.end {
            End::Succeeds => Ok(output),
            End::Fails => Err(output),
            // Without a message for each of thousands.
            End::Panics | End::Never => resume_unwind(Box::new("planned")),
        })
    }
}

fn all<'c>(counts: &'c Counts, members: &[Member]) -> Vec<Work<'c>> {
    let work = |(number, &(left, end)): (usize, &Member)| {
        let alive = Counted::new(&counts.futures, number);
        Work { left, end, is_over: false, counts, alive }
    };
    members.iter().enumerate().map(work).collect()
}

/// Polls a group as often as it is to be. Returns what it returned, or `None` if it panicked, or was dropped
/// before its end.
fn run<F: Future>(group: F, polls: usize) -> Option<F::Output> {
    let mut group = pin!(group);
    for _ in 0..polls {
        let cx = &mut Context::from_waker(Waker::noop());
        match catch_unwind(AssertUnwindSafe(|| group.as_mut().poll(cx))) {
            Ok(Poll::Ready(output)) => return Some(output),
            Ok(Poll::Pending) => {}
            Err(_) => return None,
        }
    }
    None
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    /// Given any group, polled to its end or dropped before it, then no future and no output is left that was not
    /// returned, and what is returned is what the members say.
    #[test]
    fn what_a_group_does_not_return_is_dropped(members in members(), polls in 0..60_usize) {
        let counts = Counts::default();
        let has = |end| members.iter().any(|member| member.1 == end);
        let is = |number: usize, end| assert_eq!(members[number].1, end);
        let check = |returned: usize| {
            assert_eq!(counts.futures.get(), 0, "all are gone with the group");
            assert_eq!(counts.outputs.get(), returned as isize);
        };

        let joined = run(join(all(&counts, &members)), polls);
        check(joined.as_ref().map_or(0, Vec::len));
        if let Some(outputs) = joined {
            assert_eq!(outputs.len(), members.len());
            for (number, output) in outputs.into_iter().enumerate() {
                is(number, if output.is_ok() { End::Succeeds } else { End::Fails });
                assert_eq!(output.unwrap_or_else(|error| error).1, number);
            }
        }

        let joined = run(try_join(all(&counts, &members)), polls);
        check(joined.as_ref().map_or(0, |joined| joined.as_ref().map_or(1, Vec::len)));
        match joined {
            Some(Ok(outputs)) => {
                assert!(outputs.iter().map(|output| output.1).eq(0..members.len()));
                assert!(!has(End::Fails) && !has(End::Never) && !has(End::Panics));
            }
            Some(Err(failed)) => is(failed.into_error().1, End::Fails),
            None => {}
        }

        let won = run(race(all(&counts, &members)), polls);
        check(won.as_ref().map_or(0, |won| usize::from(won.is_ok())));
        match won {
            Some(Ok(Ok(first))) => is(first.1, End::Succeeds),
            Some(Ok(Err(first))) => is(first.1, End::Fails),
            Some(Err(_)) => assert!(members.is_empty()),
            None => {}
        }

        let won = run(race_ok(all(&counts, &members)), polls);
        match won {
            Some(Ok(first)) => {
                check(1);
                is(first.1, End::Succeeds);
            }
            Some(Err(failed)) => {
                check(members.len());
                drop(failed);
                assert!(members.iter().all(|member| member.1 == End::Fails));
            }
            None => {}
        }
        check(0);
        assert!(!counts.polled_too_often.get());
    }
}
