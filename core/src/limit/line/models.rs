//! Models of lines, of a [`Partitioned`] limit: the smallest of those that have them; see [`crate::model`].

use crate::{
    limit::{Limit, Partitioned},
    model::{block_on, block_on_fresh, check, poll_once, spawn},
};
use core::task::Poll;

/// Two places, of which one is guaranteed to part 1.
fn two_parts() -> Partitioned<u32> {
    Partitioned::builder(Limit::new(2)).share(0, 0).share(1, 1).build().expect("it fits")
}

/// A place comes back while another thread comes into line. Fails if who comes is not looked at after it is in line, or if it
/// looks before its waker is there.
#[test]
fn line_enter_or_return() {
    check("line: enter or return", || {
        let limit = two_parts();
        let held = [limit.try_acquire(0), limit.try_acquire(0)].map(Result::unwrap);
        let theirs = limit.clone();
        let other =
            spawn(move || drop(block_on_fresh(theirs.acquire(0)).expect("there is a part")));
        drop(held);
        other.join();
        assert_eq!((limit.taken(), limit.waiting()), (0, 0));
    });
}

/// The first in line is dropped while the place comes back. Fails if what it was served with is lost, or if those behind
/// it are not served.
#[test]
fn line_leave_or_return() {
    check("line: leave or return", || {
        let limit = two_parts();
        let held = [limit.try_acquire(0), limit.try_acquire(0)].map(Result::unwrap);
        let [mut first, mut second] =
            [limit.acquire(0), limit.acquire(0)].map(alloc::boxed::Box::pin);
        assert!(matches!(
            (poll_once(&mut first), poll_once(&mut second)),
            (Poll::Pending, Poll::Pending)
        ));
        let other = spawn(move || drop(first));
        drop(held);
        drop(block_on(second).expect("there is a part"));
        other.join();
        assert_eq!((limit.taken(), limit.waiting()), (0, 0));
    });
}

/// A wait is polled with another waker while it is served.
#[test]
fn line_a_new_waker_or_return() {
    check("line: a new waker or return", || {
        let limit = two_parts();
        let held = [limit.try_acquire(0), limit.try_acquire(0)].map(Result::unwrap);
        let mut waits = alloc::boxed::Box::pin(limit.acquire(0));
        assert!(poll_once(&mut waits).is_pending());
        let other = spawn(move || drop(held));
        drop(block_on(waits).expect("there is a part"));
        other.join();
        assert_eq!((limit.taken(), limit.waiting()), (0, 0));
    });
}
