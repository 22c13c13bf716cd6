//! A growing map of futures or streams.

use super::{
    keyed::{DuplicateKey, Keyed, Keys, Place, Slots},
    kind::{Futures, Kind, Leaves, Streams},
    passes,
    slab::Slab,
    wait::{Added, Gather, Kept},
};
use crate::unwind;
use alloc::collections::btree_map;
use core::{
    borrow::Borrow,
    convert::Infallible,
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
/// future has been returned. The methods are those of [`PollMap`]; among them
/// [`wait`](PollMap::wait), for the first, for so many, or for all of them.
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
#[doc(alias("JoinMap", "FuturesUnordered"))]
pub type FutureMap<K, F, O = <F as Future>::Output> = PollMap<K, F, Futures, O>;

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
pub type StreamMap<K, S> = PollMap<K, S, Streams, Infallible>;

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
pub struct PollMap<K, T, M, O = <M as Leaves<T>>::Output> {
    pub(super) slab: Slab<Keyed<K, T>>,
    pub(super) slots: Slots<K, T>,
    /// What a wait has gathered that was dropped before it returned.
    pub(super) kept: Kept<(K, O)>,
    /// The keys of those kept from this number on still lead to where their children were: most are
    /// returned before anybody looks for them.
    unplaced: usize,
    kind: PhantomData<M>,
}

/// Its futures or streams stay where they are when it is moved.
impl<K, T, M, O> Unpin for PollMap<K, T, M, O> {}

impl<K, T, M: Leaves<T>> PollMap<K, T, M> {
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
        PollMap {
            slab: Slab::new(),
            slots: Slots::new(),
            kept: Kept::new(),
            unplaced: 0,
            kind: PhantomData,
        }
    }
}

impl<K, T, M, O> PollMap<K, T, M, O> {
    /// Returns how many futures or streams are in the map. Of a wait that was dropped, what was
    /// done and not returned counts.
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
        self.slab.len() + self.kept.len() + self.slots.intake.len()
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

    /// Returns the keys of all futures or streams, smallest first; of those that a handle has
    /// added, once the map was polled.
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
        self.slots.keys()
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
        let places = mem::take(&mut self.slots.places);
        let outputs = self.kept.take();
        let mut panic = None;
        unwind::keep_first(&mut panic, || self.slab.clear());
        unwind::keep_first(&mut panic, || self.slots.intake.clear());
        unwind::keep_first(&mut panic, || drop(outputs));
        unwind::keep_first(&mut panic, || drop(places));
        unwind::resume_unless_panicking(panic);
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

impl<K: Ord + Clone, T, M, O> PollMap<K, T, M, O> {
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
        match self.slots.places.entry(key.clone()) {
            btree_map::Entry::Vacant(entry) if self.slots.intake.claim(&key) => {
                let slot = self.slab.push(Keyed { key, child });
                entry.insert(Place::Slab(slot));
                Ok(())
            }
            _ => Err(DuplicateKey { key, value: child }),
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
        // Whoever has the key, it is in the map after this, or was there before.
        self.slots.intake.claim(&key);
        self.take_in();
        self.place_kept();
        let entry = self.slots.places.entry(key.clone());
        let slot = self.slab.push(Keyed { key, child });
        match entry {
            btree_map::Entry::Occupied(mut entry) => {
                // Last, as its destructor may panic.
                let old = mem::replace(entry.get_mut(), Place::Slab(slot));
                self.remove_from(old)
            }
            btree_map::Entry::Vacant(entry) => {
                entry.insert(Place::Slab(slot));
                false
            }
        }
    }
}

impl<K: Ord, T, M, O> PollMap<K, T, M, O> {
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
        self.take_in();
        self.place_kept();
        self.slots.free(key).is_some_and(|(_, place)| self.remove_from(place))
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
        self.slots.places.contains_key(key) || self.slots.intake.is_claimed(key)
    }

    /// Takes in what handles have added. Returns whether there was something.
    #[inline]
    pub(super) fn take_in(&mut self) -> bool {
        self.slots.intake.is_used() && self.take_in_all()
    }

    #[cold]
    fn take_in_all(&mut self) -> bool {
        // So many, and not until there are none: other threads may add as fast as this one takes.
        let added = self.slots.intake.len();
        for _ in 0..added {
            let Some(Added { keys: [key, copy], child }) = self.slots.intake.next() else { break };
            let slot = self.slab.push(Keyed { key, child });
            self.slots.places.insert(copy, Place::Slab(slot));
        }
        added > 0
    }

    /// Has the key of all that is kept lead there.
    fn place_kept(&mut self) {
        while let Some((number, (key, _))) = self.kept.at_or_after(self.unplaced) {
            if let Some(place) = self.slots.places.get_mut(key) {
                *place = Place::Kept(number);
            }
            // Last, as a comparison may panic.
            self.unplaced = number.wrapping_add(1);
        }
    }

    fn remove_from(&mut self, place: Place) -> bool {
        match place {
            Place::Slab(slot) => self.slab.remove(slot),
            Place::Kept(number) => self.kept.remove(number).is_some(),
        }
    }
}

impl<K: Ord + Clone, F: Future> Stream for FutureMap<K, F> {
    type Item = (K, F::Output);

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if let Some(item) = self.next_kept() {
            return Poll::Ready(Some(item));
        }
        self.slots.intake.register(cx);
        self.take_in();
        let PollMap { slab, slots, .. } = &mut *self;
        passes::poll_next(slab, cx, |slab| {
            let slot = slab.next()?;
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
        passes::poll_next(slab, cx, |slab| {
            let slot = slab.next()?;
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
fn end<K: Ord + Clone, T>(slab: &mut Slab<Keyed<K, T>>, slots: &mut Slots<K, T>, slot: usize) -> K {
    let key = &slab.get(slot).expect("it was polled").key;
    let key = match slots.free(key) {
        Some((key, _)) => key,
        None => key.clone(),
    };
    slab.remove(slot);
    key
}

/// Terminated while it is empty.
impl<K, T, M, O> FusedStream for PollMap<K, T, M, O>
where
    Self: Stream,
{
    fn is_terminated(&self) -> bool {
        self.is_empty()
    }
}

impl<K, T, M: Leaves<T>> Default for PollMap<K, T, M> {
    fn default() -> Self {
        Self::new()
    }
}

impl<K: fmt::Debug, T, M: Kind, O> fmt::Debug for PollMap<K, T, M, O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct(M::MAP).field("keys", &self.keys()).finish_non_exhaustive()
    }
}
