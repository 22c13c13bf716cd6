//! A growing map of streams.

use super::{
    keyed::{self, DuplicateKey, Keys, Map},
    passes,
};
use core::{
    borrow::Borrow,
    fmt,
    pin::Pin,
    task::{Context, Poll},
};
use futures_core::{FusedStream, Stream};

/// A [`StreamSet`](crate::StreamSet) whose streams have keys: each item comes with the key of its
/// stream, and a stream can be removed or replaced by it.
///
/// An item is `(key, Some(item))`; `(key, None)` says that the stream of this key has ended, and
/// that the key is free again. A stream that is removed or replaced does not say so. The map is
/// `None` while it is empty, and goes on when something is inserted.
///
/// # Cancel safety, panics, fairness
///
/// Those of [`StreamSet`](crate::StreamSet).
///
/// # Cost
///
/// O(log n) comparisons of keys to insert, to remove, and when a stream ends. An item takes none,
/// however many streams there are: it costs a clone of the key.
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
pub struct StreamMap<K, S> {
    map: Map<K, S>,
}

/// Its streams stay where they are when it is moved.
impl<K, S> Unpin for StreamMap<K, S> {}

impl<K, S> StreamMap<K, S> {
    /// An empty map. Allocates nothing.
    pub const fn new() -> Self {
        StreamMap { map: Map::new() }
    }

    /// How many streams there are.
    pub fn len(&self) -> usize {
        self.map.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The keys of all streams, smallest first.
    pub fn keys(&self) -> Keys<'_, K> {
        self.map.keys()
    }

    /// Drops all streams.
    ///
    /// # Panics
    ///
    /// When the destructor of a stream does; the others are dropped first.
    pub fn clear(&mut self) {
        self.map.clear();
    }

    /// Gives back the memory that no stream is in; see
    /// [`StreamSet::shrink_to_fit`](crate::StreamSet::shrink_to_fit).
    pub fn shrink_to_fit(&mut self) {
        self.map.slab.shrink_to_fit();
    }
}

impl<K: Ord + Clone, S> StreamMap<K, S> {
    /// Adds a stream. It is first polled by the next poll of the map.
    ///
    /// # Errors
    ///
    /// Gives both back if there is a stream with this key.
    pub fn insert(&mut self, key: K, stream: S) -> Result<(), DuplicateKey<K, S>> {
        self.map.insert(key, stream)
    }

    /// Adds a stream in the place of that with this key, if there is one: then true. The old one
    /// is dropped before this returns.
    ///
    /// # Panics
    ///
    /// When the destructor of the old one does; the new one is in the map then.
    pub fn replace(&mut self, key: K, stream: S) -> bool {
        self.map.replace(key, stream)
    }
}

impl<K: Ord, S> StreamMap<K, S> {
    /// Drops the stream with this key; false if there is none.
    ///
    /// # Panics
    ///
    /// When the destructor of the stream does; its key is free then.
    pub fn remove<Q>(&mut self, key: &Q) -> bool
    where
        K: Borrow<Q>,
        Q: Ord + ?Sized,
    {
        self.map.remove(key)
    }

    /// Whether there is a stream with this key.
    pub fn contains_key<Q>(&self, key: &Q) -> bool
    where
        K: Borrow<Q>,
        Q: Ord + ?Sized,
    {
        self.map.contains_key(key)
    }
}

impl<K: Ord + Clone, S: Stream> Stream for StreamMap<K, S> {
    type Item = (K, Option<S::Item>);

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let Map { slab, slots } = &mut self.map;
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
                None => (keyed::end(slab, slots, slot), None),
            }))
        })
    }
}

/// Terminated while it is empty.
impl<K: Ord + Clone, S: Stream> FusedStream for StreamMap<K, S> {
    fn is_terminated(&self) -> bool {
        self.is_empty()
    }
}

impl<K, S> Default for StreamMap<K, S> {
    fn default() -> Self {
        Self::new()
    }
}

impl<K: fmt::Debug, S> fmt::Debug for StreamMap<K, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StreamMap").field("keys", &self.keys()).finish_non_exhaustive()
    }
}
