//! Several futures awaited as one.
//!
//! | | waits for | also ends with | yields |
//! |---|---|---|---|
//! | [`join`] | all values | | the values, in the shape of the input |
//! | [`try_join`] | all values | the first error | the values; or the error and whose it was |
//! | [`race`] | the first output | | that one |
//! | [`race_ok`] | the first value | all errors | that one; or the errors, in the shape of the input |
//!
//! What was not waited for is dropped before the result is there.
//!
//! # Shapes
//!
//! Each of them takes a [`Group`] of futures, and each is itself a future, so that groups may be
//! members of groups: `join((race((a, b)), c))`.
//!
//! | futures | `join` | `race` | `race_ok` | who failed in `try_join` |
//! |---|---|---|---|---|
//! | `(A, B, ..)`, one to twelve | `(T, U, ..)` | `T` | `T`, or `(E, F, ..)` | index |
//! | `[F; N]` | `[T; N]` | `T` | `T`, or `[E; N]` | index |
//! | `Vec<F>`, `Box<[F]>`, `Option<F>` | `Vec<T>`, `Box<[T]>`, `Option<T>` | `Result<T, EmptyRace>` | `T`, or `Vec<E>` and so on | index |
//! | `BTreeMap<K, F>`, `HashMap<K, F>` | `BTreeMap<K, T>`, `HashMap<K, T>` | `Result<(K, T), EmptyRace>` | `(K, T)`, or `BTreeMap<K, E>` and so on | key |
//!
//! The futures of an iterator are collected first: `join(calls.collect::<Vec<_>>())`. (A `Vec` could
//! be an iterator one day, as far as the compiler knows, so not both can be groups.) A race of an
//! array of none does not compile.
//!
//! # How members are polled
//!
//! Tuples, arrays, `Option`s and up to 16 futures in another shape are polled together, whichever
//! was woken: for few that is faster than finding out. From 17 on, those in a `Vec`, a boxed slice or a
//! map are polled only when their own waker has fired, and a wake costs O(1).
//!
//! Those who are ready at the same time are looked at in their order, so **ties go to the lowest
//! index**; in a `BTreeMap` to the smallest key, in a `HashMap` to any of them.
//!
//! A member is dropped as soon as it is ready.
//!
//! # Panics of members
//!
//! They propagate from the poll of the group, and another poll of it panics. The other members are
//! dropped with the group. When a destructor panics, the others are still run, and the first
//! panic is then resumed (without `std`, a second one aborts): what the group would have returned is
//! lost.

// | file | what |
// |---|---|
// | `join`, `try_join`, `race`, `race_ok` | the functions and their futures |
// | `rule` | what an output means to each of them |
// | `group` | what they take, and what is the same for all of them |
// | `tuple`, `maybe` | futures of different types |
// | `uniform`, `shape` | futures of one type, and what their values are collected into |
// | `map` | maps of futures |
// | `few`, `many` | where futures of one type lie: in slots, or in a slab |
// | `slot` | a future, and later its value |

mod few;
mod group;
mod join;
#[cfg(feature = "alloc")]
mod many;
#[cfg(feature = "alloc")]
mod map;
mod maybe;
mod race;
mod race_ok;
mod rule;
mod shape;
mod slot;
mod try_join;
mod tuple;
mod uniform;

pub use group::Group;
pub use join::{Join, join};
pub use maybe::{Maybe, maybe};
pub use race::{EmptyRace, Race, race};
pub use race_ok::{AllFailed, RaceOk, race_ok};
pub use rule::{All, AllOk, First, FirstOk, Rule};
pub use try_join::{TryJoin, TryJoinError, try_join};
