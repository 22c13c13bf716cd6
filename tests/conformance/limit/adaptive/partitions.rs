//! Shares of an adaptive limit.

use super::UpDown;
use anyscope::{
    AdaptiveLimit,
    limit::adaptive::{InvalidConfig, Ratio},
    smol::Smol,
};

fn limit(calls: usize) -> AdaptiveLimit<UpDown> {
    AdaptiveLimit::new(UpDown { now: calls, up: 2 * calls, down: calls / 2 })
}

/// Given one that borrowed all there is, then another still gets what it was promised, and no more;
/// and the first gets nothing until all are below the limit.
#[test]
fn a13_a_share_is_kept_although_others_borrowed() {
    let adaptive = limit(10);
    let (large, small) = (share(&adaptive, 60), share(&adaptive, 40));
    let mut borrowed: Vec<_> = (0..10).map(|_| small.try_start(Smol).unwrap()).collect();
    assert!(small.try_start(Smol).is_none());
    let promised: Vec<_> = (0..6).map(|_| large.try_start(Smol).unwrap()).collect();
    assert!(large.try_start(Smol).is_none());
    assert_eq!((large.in_flight(), small.in_flight(), adaptive.in_flight()), (6, 10, 16));
    for left in (4..10).rev() {
        assert!(small.try_start(Smol).is_none());
        borrowed.pop().unwrap().ignore();
        assert_eq!(small.in_flight(), left);
    }
    // 10 are in flight, and 4 of them are its share.
    assert!(small.try_start(Smol).is_none());
    borrowed.pop();
    assert!(small.try_start(Smol).is_some());
    drop((borrowed, promised));
    assert_eq!((large.in_flight(), small.in_flight(), adaptive.in_flight()), (0, 0, 0));
}

/// Given a limit that changes, then the shares do; and none is less than one call.
#[test]
fn a13_shares_follow_the_limit() {
    let adaptive = limit(10);
    let (large, small) = (share(&adaptive, 85), share(&adaptive, 5));
    assert_eq!((large.promised(), small.promised()), (9, 1));
    large.try_start(Smol).unwrap().success();
    assert_eq!((adaptive.get().get(), large.promised(), small.promised()), (20, 17, 1));
    small.try_start(Smol).unwrap().dropped();
    assert_eq!((adaptive.get().get(), large.promised(), small.promised()), (5, 5, 1));
    assert_eq!(adaptive.in_flight(), 0);
}

/// Given more than the whole, or nothing, then it is an error; what was given back can be had again.
#[test]
fn a13_shares_are_at_most_the_whole() {
    let adaptive = limit(10);
    let zero = adaptive.partition(Ratio::ZERO).unwrap_err();
    assert_eq!(zero, InvalidConfig::Zero { what: "share" });
    let first = share(&adaptive, 70);
    let call = first.try_start(Smol).unwrap();
    let wrong = adaptive.partition(Ratio::percent(40)).unwrap_err();
    assert_eq!(wrong.to_string(), "a share of 0.4 is too much; 0.3 of the limit is left");
    drop(first);
    assert!(adaptive.partition(Ratio::percent(40)).is_err(), "a call of it is in flight");
    call.success();
    drop(share(&adaptive, 100));
    assert_eq!(share(&adaptive, 100).promised(), adaptive.get().get());
}

/// Given a call that the limit is not told of, then it takes no room.
#[test]
fn a14_a_call_that_is_not_counted_takes_no_room() {
    let adaptive = limit(1);
    let health_check = async { 200 };
    let call = adaptive.try_start(Smol).unwrap();
    assert_eq!(smol::block_on(health_check), 200);
    assert_eq!(adaptive.in_flight(), 1);
    call.success();
}

fn share(
    adaptive: &AdaptiveLimit<UpDown>,
    percent: u32,
) -> anyscope::limit::adaptive::Partition<UpDown> {
    adaptive.partition(Ratio::percent(percent)).unwrap()
}
