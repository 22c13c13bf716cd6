//! Outputs have the shape and the keys of the input.

use crate::support::*;
use anyscope_core::{AllFailed, EmptyRace, join, race, race_ok, try_join};
use smol::future::{block_on, yield_now};
use std::{
    cell::Cell,
    collections::{BTreeMap, HashMap},
    future::{Future, Ready, ready},
    hash::{BuildHasherDefault, DefaultHasher},
    pin::Pin,
};

type Boxed<'a, T> = Pin<Box<dyn Future<Output = T> + 'a>>;
type Outcome = Result<usize, String>;

async fn after(yields: usize) -> usize {
    for _ in 0..yields {
        yield_now().await;
    }
    yields
}

/// Odd numbers are failures.
async fn even(number: usize) -> Outcome {
    match after(number).await % 2 {
        0 => Ok(number),
        _ => Err(format!("{number} is odd")),
    }
}

fn odd(number: usize) -> String {
    format!("{number} is odd")
}

/// Given futures that are ready in another order, then values come in the order of the futures.
#[test]
fn w1_values_in_the_order_of_the_futures() {
    block_on(async {
        assert_eq!(join((after(2), after(0), async { 'c' })).await, (2, 0, 'c'));
        assert_eq!(join((after(2),)).await, (2,));
        let twelve = join((
            after(11),
            after(10),
            after(9),
            after(8),
            after(7),
            after(6),
            after(5),
            after(4),
            after(3),
            after(2),
            after(1),
            async { 'l' },
        ));
        assert_eq!(twelve.await, (11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 'l'));
        assert_eq!(join([2, 0, 1].map(after)).await, [2, 0, 1]);
        assert_eq!(join(Some(after(1))).await, Some(1));
        for n in SIZES {
            let expected: Vec<_> = (0..n).rev().collect();
            assert_eq!(join((0..n).rev().map(after)).await, expected);
            assert_eq!(join((0..n).rev().map(after).collect::<Vec<_>>()).await, expected);
            let boxed: Box<[usize]> = join((0..n).rev().map(after).collect::<Box<[_]>>()).await;
            assert_eq!(*boxed, *expected);
            let sorted: BTreeMap<_, _> = (0..n).map(|key| (key, after(n - key))).collect();
            assert_eq!(join(sorted).await, (0..n).map(|key| (key, n - key)).collect());
            let hashed: HashMap<_, _> = (0..n).map(|key| (key, after(n - key))).collect();
            assert_eq!(join(hashed).await, (0..n).map(|key| (key, n - key)).collect());
        }
    });
}

/// The hasher of a map is that of its values.
#[test]
fn a_map_keeps_its_hasher() {
    type Hasher = BuildHasherDefault<DefaultHasher>;
    let calls: HashMap<&str, Ready<u8>, Hasher> = HashMap::from_iter([("a", ready(1))]);
    let values: HashMap<&str, u8, Hasher> = block_on(join(calls));
    assert_eq!(values["a"], 1);
}

/// Of nothing, all values are there at once: none.
#[test]
fn w4_none_is_ready_at_once() {
    type None = Ready<Outcome>;
    block_on(async {
        assert_eq!(join(Vec::<None>::new()).await, []);
        assert_eq!(join([(); 0].map(ready)).await, []);
        assert_eq!(join(Option::<None>::None).await, None);
        assert_eq!(join(Vec::<None>::new().into_boxed_slice()).await.len(), 0);
        assert!(join(BTreeMap::<u8, None>::new()).await.is_empty());
        assert!(join(HashMap::<u8, None>::new()).await.is_empty());
        assert_eq!(try_join(Vec::<None>::new()).await, Ok(vec![]));
        assert_eq!(try_join(Option::<None>::None).await, Ok(None));
        assert!(try_join(BTreeMap::<u8, None>::new()).await.unwrap().is_empty());
    });
}

/// Given a race of nobody, then that is its error; it does not wait.
#[test]
fn c19_a_race_of_none_is_an_error() {
    type None = Ready<Outcome>;
    block_on(async {
        assert_eq!(race(Vec::<None>::new()).await, Err(EmptyRace));
        assert_eq!(race(Option::<None>::None).await, Err(EmptyRace));
        assert_eq!(race(Vec::<None>::new().into_boxed_slice()).await, Err(EmptyRace));
        assert_eq!(race(BTreeMap::<u8, None>::new()).await, Err(EmptyRace));
        assert_eq!(race(HashMap::<u8, None>::new()).await, Err(EmptyRace));
        assert_eq!(race([0; 0].iter().map(|_| after(1))).await, Err(EmptyRace));
        assert_eq!(EmptyRace.to_string(), "a race of no futures has no winner");
        assert_eq!(race_ok(Vec::<None>::new()).await, Err(AllFailed { errors: vec![] }));
        assert_eq!(
            race_ok([(); 0].map(|()| ready(Outcome::Ok(0)))).await,
            Err(AllFailed { errors: [] })
        );
        assert_eq!(race_ok(Option::<None>::None).await, Err(AllFailed { errors: None }));
    });
}

/// Given values only, then `try_join` yields them as `join` does; given an error, that and whose it
/// is.
#[test]
fn w2_the_error_says_whose_it_is() {
    block_on(async {
        assert_eq!(try_join((even(2), even(0))).await, Ok((2, 0)));
        assert_eq!(try_join([even(2), even(0)]).await, Ok([2, 0]));
        assert_eq!(try_join(Some(even(2))).await, Ok(Some(2)));
        let failed = try_join((even(4), even(1), async { Ok('c') })).await.unwrap_err();
        assert_eq!((failed.index(), failed.error()), (1, &odd(1)));
        assert_eq!(failed.to_string(), "future 1 failed: 1 is odd");
        assert_eq!(failed.clone().into_parts(), (1, odd(1)));
        assert_eq!(failed.into_error(), odd(1));
        assert_eq!(*try_join([even(4), even(1)]).await.unwrap_err().key(), 1);
        assert_eq!(*try_join(Some(even(1))).await.unwrap_err().key(), 0);
        for n in SIZES {
            let values = (0..n).map(|number| 2 * number);
            assert_eq!(
                try_join(values.clone().map(even)).await.unwrap(),
                values.collect::<Vec<_>>()
            );
            // The last one fails, and first.
            let calls = || (0..n).map(|number| even(if number == n - 1 { 1 } else { n * 2 }));
            assert_eq!(try_join(calls()).await.unwrap_err().index(), n - 1);
            let boxed = try_join(calls().collect::<Box<[_]>>()).await;
            assert_eq!(boxed.unwrap_err().index(), n - 1);
            let key = |number: usize| format!("call {number:03}");
            let keys = || (0..n).map(key);
            let sorted: BTreeMap<_, _> = keys().zip(calls()).collect();
            assert_eq!(try_join(sorted).await.unwrap_err().into_parts(), (key(n - 1), odd(1)));
            let hashed: HashMap<_, _> = keys().zip(calls()).collect();
            assert_eq!(try_join(hashed).await.unwrap_err().into_parts(), (key(n - 1), odd(1)));
        }
    });
}

/// The first output wins, with its key where there are keys.
#[test]
fn the_first_wins() {
    block_on(async {
        assert_eq!(race((after(2), after(1), after(3))).await, 1);
        assert_eq!(race((after(2),)).await, 2);
        assert_eq!(race([2, 1, 3].map(after)).await, 1);
        assert_eq!(race(Some(after(1))).await, Ok(1));
        for n in SIZES {
            let calls = || (0..n).map(|number| after(if number == n - 1 { 1 } else { 3 }));
            let won = Ok(1);
            assert_eq!(race(calls()).await, won);
            assert_eq!(race(calls().collect::<Vec<_>>()).await, won);
            assert_eq!(race(calls().collect::<Box<[_]>>()).await, won);
            let keys = || (0..n).map(|number| number.to_string());
            let won = Ok(((n - 1).to_string(), 1));
            assert_eq!(race(keys().zip(calls()).collect::<BTreeMap<_, _>>()).await, won);
            assert_eq!(race(keys().zip(calls()).collect::<HashMap<_, _>>()).await, won);
        }
    });
}

/// The first value wins, whoever has failed before; without one, all errors come in the shape of
/// the futures.
#[test]
fn w15_the_first_success_wins_or_all_errors_come() {
    block_on(async {
        assert_eq!(race_ok((even(1), even(2), even(4))).await, Ok(2));
        assert_eq!(race_ok([even(1), even(2), even(4)]).await, Ok(2));
        assert_eq!(race_ok(Some(even(2))).await, Ok(2));
        let other = async { Err::<usize, _>(404) };
        let failed: AllFailed<(String, i32)> = race_ok((even(3), other)).await.unwrap_err();
        assert_eq!(failed.errors, (odd(3), 404));
        assert_eq!(failed.to_string(), r#"no future succeeded: ("3 is odd", 404)"#);
        assert_eq!(race_ok([even(3), even(1)]).await.unwrap_err().errors, [odd(3), odd(1)]);
        for n in SIZES {
            let mixed = || (0..n).map(|number| even(if number == n - 1 { 4 } else { 1 }));
            assert_eq!(race_ok(mixed()).await, Ok(4));
            let sorted: BTreeMap<_, _> = mixed().enumerate().collect();
            assert_eq!(race_ok(sorted).await, Ok((n - 1, 4)));
            let failing = || (0..n).rev().map(|number| 2 * number + 1);
            let errors: Vec<_> = failing().map(odd).collect();
            assert_eq!(
                race_ok(failing().map(even)).await,
                Err(AllFailed { errors: errors.clone() })
            );
            let boxed = race_ok(failing().map(even).collect::<Box<[_]>>()).await.unwrap_err();
            assert_eq!(*boxed.errors, *errors);
            let hashed: HashMap<_, _> = failing().map(|key| (key, even(key))).collect();
            let errors: HashMap<_, _> = failing().map(|key| (key, odd(key))).collect();
            assert_eq!(race_ok(hashed).await, Err(AllFailed { errors }));
        }
    });
}

/// Groups are futures, and so members of groups.
#[test]
fn groups_are_members_of_groups() {
    block_on(async {
        let nested = join((
            race([after(3), after(1)]),
            join(BTreeMap::from([
                ("a", join((after(1), after(2)))),
                ("b", join((after(0), after(3)))),
            ])),
            race_ok(vec![try_join([even(2), even(1)]), try_join([even(2), even(4)])]),
        ));
        let (raced, joined, first) = nested.await;
        assert_eq!(raced, 1);
        assert_eq!(joined, BTreeMap::from([("a", (1, 2)), ("b", (0, 3))]));
        assert_eq!(first.unwrap(), [2, 4]);
        let failed =
            try_join((even(8), try_join([even(8), even(1)]).map_err(|e| e.error().clone())));
        assert_eq!(failed.await.unwrap_err().into_parts(), (1, odd(1)));
    });
}

trait MapErr<T, E>: Future<Output = Result<T, E>> + Sized {
    async fn map_err<O>(self, f: impl FnOnce(E) -> O) -> Result<T, O> {
        self.await.map_err(f)
    }
}

impl<T, E, F: Future<Output = Result<T, E>>> MapErr<T, E> for F {}

/// What does not fit into one type is boxed, as anywhere.
#[test]
fn boxed_futures_of_different_types() {
    let calls: Vec<Boxed<'_, usize>> = vec![Box::pin(after(1)), Box::pin(async { 5 })];
    assert_eq!(block_on(join(calls)), [1, 5]);
}

/// They run side by side: each may wait for another.
#[test]
fn they_run_side_by_side() {
    let turn = Cell::new(0);
    let wait = async |own: usize| {
        while turn.get() != own {
            yield_now().await;
        }
        turn.set(own + 1);
    };
    block_on(join((wait(2), wait(1), wait(0))));
    block_on(join([wait(5), wait(4), wait(3)]));
    block_on(join((6..106).rev().map(wait)));
    assert_eq!(turn.get(), 106);
}
