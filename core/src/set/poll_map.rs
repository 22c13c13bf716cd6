//! A growing map of futures or streams.

use super::{
    keyed::{DuplicateKey, Keyed, Keys},
    kind::{Futures, Kind, Streams},
    passes,
    slab::Slab,
};
use alloc::collections::{BTreeMap, btree_map};
use core::{
    borrow::Borrow,
    fmt,
    future::Future,
    marker::PhantomData,
    mem,
    pin::Pin,
    task::{Context, Poll},
};
use futures_core::{FusedStream, Stream};

/// A [`FutureSet`](crate::FutureSet) whose futures have keys: each output comes with its key, and
/// a future can be removed or replaced by its key.
///
/// For connections, jobs or timers that have names. A key is free again when the output of its
/// future has been returned. The methods are those of [`PollMap`].
///
/// # Examples
///
/// ```
/// use anyscope::FutureMap;
/// use smol::{future, stream::StreamExt};
///
/// # smol::block_on(async {
/// let mut fetches = FutureMap::new();
/// for (page, bytes) in [("index", 100), ("about", 10), ("news", 1000)] {
///     fetches.insert(page, future::ready(bytes)).expect("each page once");
/// }
/// let again = fetches.insert("index", future::ready(0)).unwrap_err();
/// assert_eq!(again.to_string(), "the key \"index\" is in the map already");
///
/// assert!(fetches.remove("about"), "nobody reads it");
/// assert_eq!(fetches.next().await, Some(("index", 100)));
/// assert_eq!(fetches.next().await, Some(("news", 1000)));
/// assert_eq!(fetches.next().await, None);
/// # });
/// ```
pub type FutureMap<K, F> = PollMap<K, F, Futures>;

/// A [`StreamSet`](crate::StreamSet) whose streams have keys: each item comes with the key of its
/// stream, and a stream can be removed or replaced by its key.
///
/// An item is `(key, Some(item))`. `(key, None)` says that the stream of this key has ended, and
/// that the key is free again; a stream that is removed or replaced does not say so. The methods
/// are those of [`PollMap`].
///
/// # Examples
///
/// ```
/// use anyscope::StreamMap;
/// use smol::stream::{self, StreamExt};
///
/// # smol::block_on(async {
/// let mut sensors = StreamMap::new();
/// sensors.insert("attic", stream::iter(31..33)).expect("new");
/// sensors.insert("cellar", stream::iter(12..13)).expect("new");
///
/// let mut seen = Vec::new();
/// while let Some((place, reading)) = sensors.next().await {
///     match reading {
///         Some(degrees) => seen.push(format!("{degrees} in the {place}")),
///         None => seen.push(format!("{place} gone")),
///     }
/// }
/// assert_eq!(seen.len(), 5);
/// assert_eq!(seen[..2], ["31 in the attic", "12 in the cellar"]);
/// assert_eq!(seen[4], "attic gone");
/// # });
/// ```
pub type StreamMap<K, S> = PollMap<K, S, Streams>;

/// A growing map of futures ([`FutureMap`]) or streams ([`StreamMap`]) by their keys, all polled by
/// one task.
///
/// It is a [`PollSet`](super::PollSet) whose children (futures or streams) have keys, and a
/// [`Stream`] of what they yield, each with its key. It returns `None` while it is empty, and
/// continues when something is inserted. It works only while it is polled.
///
/// # Cancel safety, panics, fairness
///
/// Those of [`PollSet`](super::PollSet). The key of a child that panics is free again.
///
/// # Cost
///
/// To insert, to remove, and to end a child takes O(log n) comparisons of keys. A wake and a poll
/// take none, however many children there are. The key is cloned once by an insert, and once for
/// each item of a stream.
pub struct PollMap<K, T, M> {
    slab: Slab<Keyed<K, T>>,
    /// Where the child of each key is. A key whose `Ord` contradicts itself may lead to the child
    /// of another, or to none, but not out of the slab.
    slots: BTreeMap<K, usize>,
    kind: PhantomData<M>,
}

/// Its futures or streams stay where they are when it is moved.
impl<K, T, M> Unpin for PollMap<K, T, M> {}

impl<K, T, M> PollMap<K, T, M> {
    /// Creates an empty map. Allocates nothing.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::FutureMap;
    ///
    /// let mut map = FutureMap::new();
    /// assert!(map.insert("one", async { 1 }).is_ok());
    /// ```
    pub const fn new() -> Self {
        PollMap { slab: Slab::new(), slots: BTreeMap::new(), kind: PhantomData }
    }

    /// Returns how many futures or streams are in the map.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::FutureMap;
    ///
    /// let mut map = FutureMap::new();
    /// map.replace("one", async { 1 });
    /// assert_eq!(map.len(), 1);
    /// ```
    pub fn len(&self) -> usize {
        self.slab.len()
    }

    /// Returns true if nothing is in the map.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::FutureMap;
    /// use smol::stream::StreamExt;
    ///
    /// # smol::block_on(async {
    /// let mut map = FutureMap::new();
    /// map.replace("one", async { 1 });
    /// assert!(!map.is_empty());
    /// map.next().await;
    /// assert!(map.is_empty());
    /// # });
    /// ```
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the keys of all futures or streams, smallest first.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::FutureMap;
    /// use std::future::ready;
    ///
    /// let mut map = FutureMap::new();
    /// for n in [3, 1, 2] {
    ///     map.replace(n, ready("done"));
    /// }
    /// assert!(map.keys().eq(&[1, 2, 3]));
    /// ```
    pub fn keys(&self) -> Keys<'_, K> {
        Keys(self.slots.keys())
    }

    /// Drops all futures or streams and their keys.
    ///
    /// # Panics
    ///
    /// When the destructor of a child does. All others are dropped first.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::StreamMap;
    /// use smol::stream::{self, StreamExt};
    ///
    /// # smol::block_on(async {
    /// let mut map = StreamMap::new();
    /// map.replace("clock", stream::repeat("tick"));
    /// assert_eq!(map.next().await, Some(("clock", Some("tick"))));
    /// map.clear();
    /// assert_eq!(map.next().await, None);
    /// # });
    /// ```
    pub fn clear(&mut self) {
        // First, as a destructor may panic.
        let slots = mem::take(&mut self.slots);
        self.slab.clear();
        drop(slots);
    }

    /// Frees the memory that no child is in; see
    /// [`PollSet::shrink_to_fit`](super::PollSet::shrink_to_fit).
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::FutureMap;
    /// use std::future::ready;
    ///
    /// let mut map = FutureMap::new();
    /// for n in 0..10_000 {
    ///     map.replace(n, ready("done"));
    /// }
    /// map.clear();
    /// map.shrink_to_fit();
    /// assert!(map.is_empty());
    /// ```
    pub fn shrink_to_fit(&mut self) {
        self.slab.shrink_to_fit();
    }
}

impl<K: Ord + Clone, T, M> PollMap<K, T, M> {
    /// Adds a future or stream. It is first polled by the next poll of the map.
    ///
    /// # Errors
    ///
    /// Returns both if the key is in the map already. What is there stays.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::FutureMap;
    /// use std::future::ready;
    ///
    /// let mut map = FutureMap::new();
    /// assert!(map.insert("one", ready(1)).is_ok());
    /// let refused = map.insert("one", ready(2)).unwrap_err();
    /// assert_eq!((refused.key, refused.value.into_inner()), ("one", 2));
    /// ```
    pub fn insert(&mut self, key: K, child: T) -> Result<(), DuplicateKey<K, T>> {
        match self.slots.entry(key.clone()) {
            btree_map::Entry::Occupied(_) => Err(DuplicateKey { key, value: child }),
            btree_map::Entry::Vacant(entry) => {
                let slot = self.slab.push(Keyed { key, child });
                entry.insert(slot);
                Ok(())
            }
        }
    }

    /// Adds a future or stream, in the place of the one with this key if there is one. Returns
    /// true if there was one: it has been dropped.
    ///
    /// # Panics
    ///
    /// When the destructor of the old one does. The new one is in the map then.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::FutureMap;
    /// use smol::stream::StreamExt;
    /// use std::future::ready;
    ///
    /// # smol::block_on(async {
    /// let mut map = FutureMap::new();
    /// assert!(!map.replace("one", ready(1)));
    /// assert!(map.replace("one", ready(2)));
    /// assert_eq!(map.next().await, Some(("one", 2)));
    /// # });
    /// ```
    pub fn replace(&mut self, key: K, child: T) -> bool {
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

impl<K: Ord, T, M> PollMap<K, T, M> {
    /// Drops the future or stream with this key. Returns false if there is none.
    ///
    /// # Panics
    ///
    /// When the destructor of the child does. Its key is free then.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::FutureMap;
    /// use std::future::ready;
    ///
    /// let mut map = FutureMap::new();
    /// map.replace(String::from("one"), ready(1));
    /// assert!(map.remove("one"));
    /// assert!(!map.remove("one"));
    /// ```
    pub fn remove<Q>(&mut self, key: &Q) -> bool
    where
        K: Borrow<Q>,
        Q: Ord + ?Sized,
    {
        self.slots.remove(key).is_some_and(|slot| self.slab.remove(slot))
    }

    /// Returns true if there is a future or stream with this key.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::FutureMap;
    /// use std::future::ready;
    ///
    /// let mut map = FutureMap::new();
    /// map.replace(String::from("one"), ready(1));
    /// assert!(map.contains_key("one"));
    /// assert!(!map.contains_key("two"));
    /// ```
    pub fn contains_key<Q>(&self, key: &Q) -> bool
    where
        K: Borrow<Q>,
        Q: Ord + ?Sized,
    {
        self.slots.contains_key(key)
    }
}

impl<K: Ord + Clone, F: Future> Stream for FutureMap<K, F> {
    type Item = (K, F::Output);

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let PollMap { slab, slots, .. } = &mut *self;
        passes::poll_next(slab, cx, |slab, slot| {
            let polled = slab
                .poll_with(slot, |keyed, cx| keyed.poll_with(slots, |_, future| future.poll(cx)))?;
            Some(polled.map(|output| (end(slab, slots, slot), output)))
        })
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.len(), Some(self.len()))
    }
}

impl<K: Ord + Clone, S: Stream> Stream for StreamMap<K, S> {
    type Item = (K, Option<S::Item>);

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let PollMap { slab, slots, .. } = &mut *self;
        passes::poll_next(slab, cx, |slab, slot| {
            let polled = slab.poll_with(slot, |keyed, cx| {
                keyed.poll_with(slots, |key, stream| {
                    stream.poll_next(cx).map(|item| item.map(|item| (key.clone(), item)))
                })
            })?;
            Some(polled.map(|item| match item {
                Some((key, item)) => {
                    slab.wake(slot);
                    (key, Some(item))
                }
                None => (end(slab, slots, slot), None),
            }))
        })
    }
}

/// Drops the child of a slot that has one, and returns its key, which is free again.
fn end<K: Ord + Clone, T>(
    slab: &mut Slab<Keyed<K, T>>,
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

/// Terminated while it is empty.
impl<K, T, M> FusedStream for PollMap<K, T, M>
where
    Self: Stream,
{
    fn is_terminated(&self) -> bool {
        self.is_empty()
    }
}

impl<K, T, M> Default for PollMap<K, T, M> {
    fn default() -> Self {
        Self::new()
    }
}

impl<K: fmt::Debug, T, M: Kind> fmt::Debug for PollMap<K, T, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct(M::MAP).field("keys", &self.keys()).finish_non_exhaustive()
    }
}
