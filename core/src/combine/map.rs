//! Groups whose members have keys.

use super::{
    group::Group, many::Boxed, race::EmptyRace, rule::Rule, shape::Shape, uniform::Uniform,
};
use alloc::{collections::BTreeMap, vec::Vec};
use core::{fmt, future::Future};
#[cfg(feature = "std")]
use std::{
    collections::HashMap,
    hash::{BuildHasher, Hash},
};

/// What makes a map of keys and values.
pub trait MakeMap<K> {
    type Of<T>;

    fn make<T>(&mut self, pairs: impl ExactSizeIterator<Item = (K, T)>) -> Self::Of<T>;
}

/// Makes a `BTreeMap`.
#[derive(Debug)]
pub struct Sorted;

impl<K: Ord> MakeMap<K> for Sorted {
    type Of<T> = BTreeMap<K, T>;

    fn make<T>(&mut self, pairs: impl ExactSizeIterator<Item = (K, T)>) -> BTreeMap<K, T> {
        pairs.collect()
    }
}

/// Makes a `HashMap`, once.
#[cfg(feature = "std")]
#[derive(Debug)]
pub struct Hashed<S>(Option<S>);

#[cfg(feature = "std")]
impl<K: Hash + Eq, S: BuildHasher> MakeMap<K> for Hashed<S> {
    type Of<T> = HashMap<K, T, S>;

    fn make<T>(&mut self, pairs: impl ExactSizeIterator<Item = (K, T)>) -> HashMap<K, T, S> {
        let hasher = self.0.take().expect("made once");
        let mut map = HashMap::with_capacity_and_hasher(pairs.len(), hasher);
        map.extend(pairs);
        map
    }
}

/// The keys of a map, and what makes one.
pub struct Keys<K, M> {
    keys: Vec<K>,
    make: M,
}

impl<K, M: MakeMap<K>> Shape for Keys<K, M> {
    type Key = K;
    type Of<T> = M::Of<T>;
    type Named<T> = (K, T);
    type Won<T> = Result<T, EmptyRace>;

    fn key(&mut self, place: usize) -> K {
        self.keys.swap_remove(place)
    }

    fn named<T>(key: K, value: T) -> (K, T) {
        (key, value)
    }

    fn won<T>(named: Option<T>) -> Result<T, EmptyRace> {
        named.ok_or(EmptyRace)
    }

    fn collect<T>(&mut self, values: impl ExactSizeIterator<Item = T>) -> M::Of<T> {
        self.make.make(self.keys.drain(..).zip(values))
    }
}

impl<K, M> fmt::Debug for Keys<K, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keys").field("len", &self.keys.len()).finish_non_exhaustive()
    }
}

impl<F: Future, V, K, M> Uniform<Boxed<F, V>, Keys<K, M>> {
    fn of_map<R: Rule<F::Output>>(map: impl ExactSizeIterator<Item = (K, F)>, make: M) -> Self {
        let (keys, members): (Vec<_>, Vec<_>) = map.unzip();
        Uniform::new(Boxed::new::<R>(members), Keys { keys, make })
    }
}

impl<K: Ord, F: Future, R: Rule<F::Output>> Group<R> for BTreeMap<K, F> {
    type Running = Uniform<Boxed<F, R::Kept>, Keys<K, Sorted>>;

    fn start(self) -> Self::Running {
        Uniform::of_map::<R>(self.into_iter(), Sorted)
    }
}

#[cfg(feature = "std")]
impl<K, F, R, S> Group<R> for HashMap<K, F, S>
where
    K: Hash + Eq,
    F: Future,
    R: Rule<F::Output>,
    S: BuildHasher + Clone,
{
    type Running = Uniform<Boxed<F, R::Kept>, Keys<K, Hashed<S>>>;

    fn start(self) -> Self::Running {
        let hasher = Hashed(Some(self.hasher().clone()));
        Uniform::of_map::<R>(self.into_iter(), hasher)
    }
}
