//! A growing map of futures.

use super::{
    keyed::{self, DuplicateKey, Keys, Map},
    passes,
};
use core::{
    borrow::Borrow,
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};
use futures_core::{FusedStream, Stream};

/// A [`FutureSet`](crate::FutureSet) whose futures have keys: each value comes with its key, and a
/// future can be removed or replaced by it.
///
/// For connections, jobs or timers that have names. A key is free again when its value has come.
/// The map is `None` while it is empty, and goes on when something is inserted. It works only
/// while it is polled.
///
/// # Cancel safety, panics, fairness
///
/// Those of [`FutureSet`](crate::FutureSet).
///
/// # Cost
///
/// O(log n) comparisons of keys to insert, to remove, and when a future ends; a wake and a poll
/// take none. The key is cloned once.
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
pub struct FutureMap<K, F> {
    map: Map<K, F>,
}

/// Its futures stay where they are when it is moved.
impl<K, F> Unpin for FutureMap<K, F> {}

impl<K, F> FutureMap<K, F> {
    /// An empty map. Allocates nothing.
    pub const fn new() -> Self {
        FutureMap { map: Map::new() }
    }

    /// How many futures there are.
    pub fn len(&self) -> usize {
        self.map.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The keys of all futures, smallest first.
    pub fn keys(&self) -> Keys<'_, K> {
        self.map.keys()
    }

    /// Drops all futures.
    ///
    /// # Panics
    ///
    /// When the destructor of a future does; the others are dropped first.
    pub fn clear(&mut self) {
        self.map.clear();
    }

    /// Gives back the memory that no future is in; see
    /// [`FutureSet::shrink_to_fit`](crate::FutureSet::shrink_to_fit).
    pub fn shrink_to_fit(&mut self) {
        self.map.slab.shrink_to_fit();
    }
}

impl<K: Ord + Clone, F> FutureMap<K, F> {
    /// Adds a future. It is first polled by the next poll of the map.
    ///
    /// # Errors
    ///
    /// Gives both back if there is a future with this key.
    pub fn insert(&mut self, key: K, future: F) -> Result<(), DuplicateKey<K, F>> {
        self.map.insert(key, future)
    }

    /// Adds a future in the place of that with this key, if there is one: then true. The old one
    /// is dropped before this returns.
    ///
    /// # Panics
    ///
    /// When the destructor of the old one does; the new one is in the map then.
    pub fn replace(&mut self, key: K, future: F) -> bool {
        self.map.replace(key, future)
    }
}

impl<K: Ord, F> FutureMap<K, F> {
    /// Drops the future with this key; false if there is none.
    ///
    /// # Panics
    ///
    /// When the destructor of the future does; its key is free then.
    pub fn remove<Q>(&mut self, key: &Q) -> bool
    where
        K: Borrow<Q>,
        Q: Ord + ?Sized,
    {
        self.map.remove(key)
    }

    /// Whether there is a future with this key.
    pub fn contains_key<Q>(&self, key: &Q) -> bool
    where
        K: Borrow<Q>,
        Q: Ord + ?Sized,
    {
        self.map.contains_key(key)
    }
}

impl<K: Ord + Clone, F: Future> Stream for FutureMap<K, F> {
    type Item = (K, F::Output);

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let Map { slab, slots } = &mut self.map;
        passes::poll_next(slab, cx, |slab, slot| {
            let polled = slab
                .poll_with(slot, |keyed, cx| keyed.poll_with(slots, |_, future| future.poll(cx)))?;
            Some(polled.map(|output| (keyed::end(slab, slots, slot), output)))
        })
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.len(), Some(self.len()))
    }
}

/// Terminated while it is empty.
impl<K: Ord + Clone, F: Future> FusedStream for FutureMap<K, F> {
    fn is_terminated(&self) -> bool {
        self.is_empty()
    }
}

impl<K, F> Default for FutureMap<K, F> {
    fn default() -> Self {
        Self::new()
    }
}

impl<K: fmt::Debug, F> fmt::Debug for FutureMap<K, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FutureMap").field("keys", &self.keys()).finish_non_exhaustive()
    }
}
