//! Keys of the children of a map.

use crate::unwind::{self, Finally};
use alloc::collections::{BTreeMap, btree_map};
use core::{error::Error, fmt, iter::FusedIterator, pin::Pin};
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
pub struct Keys<'a, K>(pub(super) btree_map::Keys<'a, K, usize>);

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
        slots: &mut BTreeMap<K, usize>,
        poll: impl FnOnce(&K, Pin<&mut T>) -> R,
    ) -> R {
        let this = self.project();
        let key = &*this.key;
        let unwinds = Finally::new(|| {
            unwind::contain(|| {
                slots.remove(key);
            });
        });
        let result = poll(key, this.child);
        unwinds.disarm();
        result
    }
}
