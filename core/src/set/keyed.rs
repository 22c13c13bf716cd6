//! Children that are found by a key.

use super::slab::Slab;
use crate::unwind::{self, Finally};
use alloc::collections::{BTreeMap, btree_map};
use core::{borrow::Borrow, error::Error, fmt, iter::FusedIterator, mem, pin::Pin};
use pin_project_lite::pin_project;

pin_project! {
    /// A child and its key.
    pub(super) struct Keyed<K, F> {
        key: K,
        #[pin]
        child: F,
    }
}

impl<K: Ord, F> Keyed<K, F> {
    /// Calls `poll` with the key and the child. If it panics, which drops both, the key is free.
    pub(super) fn poll_with<R>(
        self: Pin<&mut Self>,
        slots: &mut BTreeMap<K, usize>,
        poll: impl FnOnce(&K, Pin<&mut F>) -> R,
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

/// What both maps are.
pub(super) struct Map<K, F> {
    pub(super) slab: Slab<Keyed<K, F>>,
    /// Where the child of each key is. A key whose `Ord` contradicts itself may lead to the child
    /// of another, or to none, but not out of the slab.
    pub(super) slots: BTreeMap<K, usize>,
}

impl<K, F> Map<K, F> {
    pub(super) const fn new() -> Self {
        Map { slab: Slab::new(), slots: BTreeMap::new() }
    }

    pub(super) fn len(&self) -> usize {
        self.slab.len()
    }

    pub(super) fn clear(&mut self) {
        // First, as a destructor may panic.
        let slots = mem::take(&mut self.slots);
        self.slab.clear();
        drop(slots);
    }

    pub(super) fn keys(&self) -> Keys<'_, K> {
        Keys(self.slots.keys())
    }
}

impl<K: Ord + Clone, F> Map<K, F> {
    pub(super) fn insert(&mut self, key: K, child: F) -> Result<(), DuplicateKey<K, F>> {
        match self.slots.entry(key.clone()) {
            btree_map::Entry::Occupied(_) => Err(DuplicateKey { key, value: child }),
            btree_map::Entry::Vacant(entry) => {
                let slot = self.slab.push(Keyed { key, child });
                entry.insert(slot);
                Ok(())
            }
        }
    }

    pub(super) fn replace(&mut self, key: K, child: F) -> bool {
        let entry = self.slots.entry(key.clone());
        let slot = self.slab.push(Keyed { key, child });
        match entry {
            btree_map::Entry::Occupied(mut entry) => {
                // Last, as its destructor may panic.
                self.slab.remove(mem::replace(entry.get_mut(), slot))
            }
            btree_map::Entry::Vacant(entry) => {
                entry.insert(slot);
                false
            }
        }
    }
}

impl<K: Ord, F> Map<K, F> {
    pub(super) fn remove<Q>(&mut self, key: &Q) -> bool
    where
        K: Borrow<Q>,
        Q: Ord + ?Sized,
    {
        self.slots.remove(key).is_some_and(|slot| self.slab.remove(slot))
    }

    pub(super) fn contains_key<Q>(&self, key: &Q) -> bool
    where
        K: Borrow<Q>,
        Q: Ord + ?Sized,
    {
        self.slots.contains_key(key)
    }
}

/// Drops the child of a slot that has one, and returns its key, which is free again.
pub(super) fn end<K: Ord + Clone, F>(
    slab: &mut Slab<Keyed<K, F>>,
    slots: &mut BTreeMap<K, usize>,
    slot: usize,
) -> K {
    let key = &slab.get(slot).expect("it was polled").key;
    let key = match slots.remove_entry(key) {
        Some((key, _)) => key,
        None => key.clone(),
    };
    slab.remove(slot);
    key
}

/// The key is in the map already: what [`FutureMap::insert`](crate::FutureMap::insert) and
/// [`StreamMap::insert`](crate::StreamMap::insert) give back.
#[derive(Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct DuplicateKey<K, T> {
    /// The key.
    pub key: K,
    /// The future or stream that was not inserted.
    pub value: T,
}

// Without what was given: `{:?}` of an error is read by people, and futures have none.
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
/// first.
pub struct Keys<'a, K>(btree_map::Keys<'a, K, usize>);

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
