//! What is taken for a limit, and what is not (O10).

use anyscope::{IntoLimit, Limit, LiveLimit, flow, scope_limited, smol::Smol, try_scope_limited};
use std::{future::ready, num::NonZeroUsize, time::Duration};
use support::{panic_in, place_of_panic_in};

type Numbers = flow::Flow<flow::sources::Iter<std::array::IntoIter<u8, 3>>>;

fn numbers() -> Numbers {
    flow::iter([1, 2, 3])
}

async fn done(_: u8) {}

async fn fine(_: u8) -> Result<(), ()> {
    Ok(())
}

/// Given a limit of zero, then it is an error, or a panic that says what to do. In a `const` it
/// does not compile.
#[test]
fn o10_limit_of_zero_is_refused() {
    assert!(Limit::try_from(0).is_err());
    let message = panic_in(|| Limit::new(0));
    assert!(message.contains("use at least 1"), "{message}");
}

/// Given a limit of zero as a bare number, then every operation panics at once, where it is called.
#[test]
fn o10_bare_zero_panics_where_it_is_passed() {
    let calls: [(&str, fn()); 20] = [
        ("for_each", || drop(numbers().for_each_concurrent(0, done))),
        ("try_for_each", || drop(numbers().try_for_each_concurrent(0, fine))),
        ("map", || drop(numbers().map_concurrent(0, done))),
        ("map_weighted", || drop(numbers().map_weighted(0, |_| 1, done))),
        ("map_with", || drop(numbers().map_with(0, || (), async |(), _| ((), ())))),
        ("buffered", || drop(numbers().map(done).buffered(0))),
        ("window", || drop(numbers().map_concurrent(1, done).window(0))),
        ("prefetch", || drop(numbers().prefetch(0))),
        ("flatten", || drop(numbers().map(|_| numbers()).flatten(0))),
        ("flat_map", || drop(numbers().flat_map(0, |_| numbers()))),
        ("try_flatten", || {
            let results = || numbers().map(Ok::<_, ()>);
            drop(numbers().map(|_| Ok::<_, ()>(results())).try_flatten(0));
        }),
        ("delay_each", || drop(numbers().delay_each(Smol, Duration::ZERO, 0))),
        ("for_each_on", || drop(numbers().for_each_on(&Smol, 0, done))),
        ("try_for_each_on", || drop(numbers().try_for_each_on(&Smol, 0, fine))),
        ("map_on", || drop(numbers().map_on(&Smol, 0, done))),
        ("scope_limited", || drop(scope_limited(&Smol, 0, async |_| {}))),
        ("try_scope_limited", || {
            drop(try_scope_limited(&Smol, 0, |_| ready(Ok::<_, ()>(()))));
        }),
        ("LiveLimit::new", || drop(LiveLimit::new(0))),
        ("LiveLimit::set", || LiveLimit::new(1).set(0)),
        ("into_limit", || _ = 0.into_limit()),
    ];
    for (name, call) in calls {
        let (message, place) = place_of_panic_in(call);
        assert!(message.contains("use at least 1"), "{name}: {message}");
        assert!(place.starts_with(file!()), "{name}: {place}");
    }
    let (line, (_, place)) = (line!(), place_of_panic_in(|| numbers().map_concurrent(0, done)));
    assert!(place.contains(&format!(":{line}:")), "{place}");
}

/// Given any form of a limit, then it is that number; a live one stays shared.
#[test]
fn all_forms_of_a_limit_are_taken() {
    assert_eq!(3.into_limit(), Limit::new(3));
    assert_eq!(NonZeroUsize::MIN.into_limit(), Limit::new(1));
    assert_eq!(Limit::Unbounded.into_limit(), Limit::Unbounded);
    let live = LiveLimit::new(2);
    let (lent, given) = ((&live).into_limit(), live.clone().into_limit());
    live.set(NonZeroUsize::MIN);
    assert_eq!((lent.get(), given.get()), (Limit::new(1), Limit::new(1)));
}
