//! Members that nobody waits for.

use crate::support::*;
use anyscope_core::{join, maybe, try_join};
use std::{
    future::{pending, ready},
    pin::pin,
    task::Poll,
};

type Outcome = Result<usize, usize>;

/// Given a maybe that is not ready when the others are done, then it is dropped before the join
/// returns, and there is no value of it.
#[test]
fn dropped_when_the_others_are_done() {
    let remotes = Remotes::new(3);
    let [a, b, c] = [0, 1, 2].map(|number| remotes.member(number));
    let mut all = pin!(join((maybe(a), b, maybe(c))));
    assert!(poll(all.as_mut()).is_pending());
    remotes.finish(2, 'c');
    assert!(poll(all.as_mut()).is_pending());
    assert_eq!(remotes.dropped.take(), [2]);
    remotes.finish(1, 'b');
    assert_eq!(poll(all.as_mut()), Poll::Ready((None, 'b', Some('c'))));
    assert_eq!(remotes.dropped.take(), [1, 0]);
}

/// Given a maybe that is ready in the same poll as the last of the others, then its value is there,
/// whatever their order.
#[test]
fn polled_once_more_with_the_last_of_the_others() {
    let both = || (ready(1), ready(2));
    let (a, b) = both();
    assert_eq!(poll(pin!(join((maybe(a), b)))), Poll::Ready((Some(1), 2)));
    let (a, b) = both();
    assert_eq!(poll(pin!(join((a, maybe(b))))), Poll::Ready((1, Some(2))));
}

/// Given maybes only, then each is polled once.
#[test]
fn nobody_waits_if_all_are_maybes() {
    let all = join((maybe(ready(1)), maybe(pending::<u8>())));
    assert_eq!(poll(pin!(all)), Poll::Ready((Some(1), None)));
}

/// Given a maybe that fails, then its error counts; one that would fail later does not.
#[test]
fn an_error_of_a_maybe_counts() {
    let failed = try_join((pending::<Outcome>(), maybe(ready(Outcome::Err(4)))));
    let Poll::Ready(Err(failed)) = poll(pin!(failed)) else { panic!("it has failed") };
    assert_eq!(failed.into_parts(), (1, 4));
    let fine = try_join((ready(Outcome::Ok(3)), maybe(pending::<Outcome>())));
    assert!(matches!(poll(pin!(fine)), Poll::Ready(Ok((3, None)))));
}

/// A group may be a maybe, and a maybe be in a group in a group.
#[test]
fn of_groups() {
    let inner = join((ready(1), maybe(pending::<u8>())));
    let all = join((maybe(join([ready(5), ready(6)])), inner));
    assert_eq!(poll(pin!(all)), Poll::Ready((Some([5, 6]), (1, None))));
}
