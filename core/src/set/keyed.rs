//! Keys of the children of a map.

use super::wait::Intake;
use crate::unwind::{self, Finally};
use alloc::collections::{BTreeMap, btree_map};
use core::{borrow::Borrow, error::Error, fmt, iter::FusedIterator, pin::Pin};
use pin_project_lite::pin_project;

/// The key is in the map already: what [`PollMap::insert`](super::PollMap::insert) returns then.
///
/// # Examples
///
/// ```
/// use anyscope::{DuplicateKey, FutureMap};
/// use std::future::ready;
///
/// let mut map = FutureMap::new();
/// map.replace("one", ready(1));
/// if let Err(DuplicateKey { key, value, .. }) = map.insert("one", ready(2)) {
///     assert_eq!((key, value.into_inner()), ("one", 2));
/// }
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct DuplicateKey<K, T> {
    /// The key.
    pub key: K,
    /// The future or stream that was not inserted.
    pub value: T,
}

// Without the child: people read `{:?}` of an error, and most futures have none.
impl<K: fmt::Debug, T> fmt::Debug for DuplicateKey<K, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DuplicateKey").field("key", &self.key).finish_non_exhaustive()
    }
}

impl<K: fmt::Debug, T> fmt::Display for DuplicateKey<K, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the key {:?} is in the map already", self.key)
    }
}

impl<K: fmt::Debug, T> Error for DuplicateKey<K, T> {}

/// The keys of a [`FutureMap`](crate::FutureMap) or [`StreamMap`](crate::StreamMap), smallest
/// first; see [`PollMap::keys`](super::PollMap::keys).
pub struct Keys<'a, K>(btree_map::Keys<'a, K, Place>);

impl<'a, K> Iterator for Keys<'a, K> {
    type Item = &'a K;

    fn next(&mut self) -> Option<&'a K> {
        self.0.next()
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.0.size_hint()
    }
}

impl<K> DoubleEndedIterator for Keys<'_, K> {
    fn next_back(&mut self) -> Option<Self::Item> {
        self.0.next_back()
    }
}

impl<K> ExactSizeIterator for Keys<'_, K> {}
impl<K> FusedIterator for Keys<'_, K> {}

impl<K> Clone for Keys<'_, K> {
    fn clone(&self) -> Self {
        Keys(self.0.clone())
    }
}

impl<K: fmt::Debug> fmt::Debug for Keys<'_, K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.clone()).finish()
    }
}

pin_project! {
    /// A child and its key.
    pub(super) struct Keyed<K, T> {
        pub(super) key: K,
        #[pin]
        pub(super) child: T,
    }
}

impl<K: Ord, T> Keyed<K, T> {
    /// Calls `poll` with the key and the child. If it panics, which drops both, the key is free.
    pub(super) fn poll_with<R>(
        self: Pin<&mut Self>,
        slots: &mut Slots<K, T>,
        poll: impl FnOnce(&K, Pin<&mut T>) -> R,
    ) -> R {
        let this = self.project();
        let key = &*this.key;
        let unwinds = Finally::new(|| {
            unwind::contain(|| {
                slots.free(key);
            });
        });
        let result = poll(key, this.child);
        unwinds.disarm();
        result
    }
}

/// Where what belongs to a key is.
#[derive(Clone, Copy, Debug)]
pub(super) enum Place {
    /// The child, by its key in the slab.
    Slab(usize),
    /// The output that was gathered and not returned, by its number.
    Kept(usize),
}

/// Where the child of each key is, and which keys handles have added. A key whose `Ord`
/// contradicts itself may lead to the child of another, or to none, but not out of the slab.
pub(super) struct Slots<K, T> {
    pub(super) places: BTreeMap<K, Place>,
    /// Claims every key that is in `places`.
    pub(super) intake: Intake<K, T>,
}

impl<K, T> Slots<K, T> {
    pub(super) const fn new() -> Self {
        Slots { places: BTreeMap::new(), intake: Intake::new() }
    }

    pub(super) fn keys(&self) -> Keys<'_, K> {
        Keys(self.places.keys())
    }
}

impl<K: Ord, T> Slots<K, T> {
    /// Frees a key, and returns it and where it led to.
    pub(super) fn free<Q>(&mut self, key: &Q) -> Option<(K, Place)>
    where
        K: Borrow<Q>,
        Q: Ord + ?Sized,
    {
        let freed = self.places.remove_entry(key);
        self.intake.release(key);
        freed
    }
}
