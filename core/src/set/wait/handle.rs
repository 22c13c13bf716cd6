//! Handles that add to a set or map while it is being polled.

use super::intake::{Inbox, Refusal};
use alloc::sync::Arc;
use core::{error::Error, fmt};

/// Adds futures to a [`FutureMap`](crate::FutureMap), from any task or thread, also while the map
/// is being waited for.
///
/// Made by [`FutureMap::handle`](super::PollMap::handle). A clone is one more handle of the same
/// map. What a handle adds wakes the task that polls the map, and is polled by it.
///
/// # Cost
///
/// An insert takes a lock, which is held for O(log n) comparisons of keys, and clones the key
/// twice. (A comparison that uses a handle of the same map panics.)
///
/// # Examples
///
/// See [`FutureMap::handle`](super::PollMap::handle).
///
/// See [`insert`](Self::insert).
pub struct MapHandle<K, F> {
    inbox: Arc<Inbox<K, F>>,
}

impl<K: Ord + Clone, F> MapHandle<K, F> {
    /// Adds a future to the map. It is first polled by the next poll of the map.
    ///
    /// # Errors
    ///
    /// Returns both in an [`InsertError`] if the key is in the map already, or if the map is gone
    /// or [closed](Self::close).
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{FutureMap, InsertError};
    /// use std::future::ready;
    ///
    /// let mut map = FutureMap::new();
    /// let handle = map.handle();
    /// handle.insert("one", ready(1)).expect("a new key");
    ///
    /// let refused = handle.insert("one", ready(2)).unwrap_err();
    /// assert!(matches!(refused, InsertError::DuplicateKey { key: "one", .. }));
    ///
    /// drop(map);
    /// let (key, future) = handle.insert("two", ready(2)).unwrap_err().into_parts();
    /// assert_eq!((key, future.into_inner()), ("two", 2));
    /// ```
    pub fn insert(&self, key: K, future: F) -> Result<(), InsertError<K, F>> {
        // In advance, so that no clone and no destructor runs inside of the lock.
        let keys = [key.clone(), key.clone()];
        let added = self.inbox.add_keyed(key, keys, future);
        added.map_err(|(refusal, key, value)| match refusal {
            Refusal::DuplicateKey => InsertError::DuplicateKey { key, value },
            Refusal::Closed => InsertError::Closed { key, value },
        })
    }
}

impl<K, F> MapHandle<K, F> {
    /// Says that no handle of this map adds anything any more, as if all had been dropped. What
    /// is in the map stays, and the map itself can still be inserted to.
    ///
    /// # Examples
    ///
    /// See [`FutureMap::as_completed`](super::PollMap::as_completed), which ends only then.
    pub fn close(&self) {
        self.inbox.close();
    }

    /// Returns whether the map is gone, or was [closed](Self::close).
    ///
    /// # Examples
    ///
    /// ```
    /// let mut map = anyscope::FutureMap::<u8, std::future::Ready<()>>::new();
    /// let handle = map.handle();
    /// assert!(!handle.is_closed());
    /// drop(map);
    /// assert!(handle.is_closed());
    /// ```
    pub fn is_closed(&self) -> bool {
        self.inbox.is_closed()
    }

    pub(super) fn new(inbox: Arc<Inbox<K, F>>) -> Self {
        MapHandle { inbox }
    }
}

/// Adds futures to a [`FutureSet`](crate::FutureSet), from any task or thread, also while the set
/// is being waited for.
///
/// Made by [`FutureSet::handle`](super::PollSet::handle). As a [`MapHandle`], without keys.
///
/// # Examples
///
/// ```
/// use anyscope::FutureSet;
///
/// # smol::block_on(async {
/// let mut set = FutureSet::new();
/// let handle = set.handle();
/// let adder = std::thread::spawn(move || {
///     handle.push(Box::pin(async { 7 })).ok();
///     // When its last handle is gone, the set ends with its last future.
/// });
/// assert_eq!(set.as_completed().collect::<Vec<_>>().await, [7]);
/// adder.join().unwrap();
/// # });
/// ```
pub struct SetHandle<F> {
    inbox: Arc<Inbox<(), F>>,
}

impl<F> SetHandle<F> {
    /// Adds a future to the set. It is first polled by the next poll of the set.
    ///
    /// # Errors
    ///
    /// Returns the future in a [`ClosedSet`] if the set is gone or [closed](Self::close).
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::FutureSet;
    /// use std::future::ready;
    ///
    /// let mut set = FutureSet::new();
    /// let handle = set.handle();
    /// handle.push(ready(1)).expect("the set is there");
    /// assert_eq!(set.len(), 1);
    ///
    /// drop(set);
    /// let refused = handle.push(ready(2)).unwrap_err();
    /// assert_eq!(refused.value.into_inner(), 2);
    /// ```
    pub fn push(&self, future: F) -> Result<(), ClosedSet<F>> {
        self.inbox.add([(), ()], future).map_err(|(_, (), value)| ClosedSet { value })
    }

    /// Says that no handle of this set adds anything any more; as [`MapHandle::close`].
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::FutureSet;
    /// use std::future::ready;
    ///
    /// # smol::block_on(async {
    /// let mut set = FutureSet::new();
    /// let handle = set.handle();
    /// let spare = handle.clone();
    /// handle.push(ready(7)).unwrap();
    /// handle.close(); // `spare` need not be dropped
    /// assert_eq!(set.as_completed().collect::<Vec<_>>().await, [7]);
    /// assert!(spare.push(ready(8)).is_err());
    /// # });
    /// ```
    pub fn close(&self) {
        self.inbox.close();
    }

    /// Returns whether the set is gone, or was [closed](Self::close).
    ///
    /// # Examples
    ///
    /// ```
    /// let mut set = anyscope::FutureSet::<std::future::Ready<()>>::new();
    /// let handle = set.handle();
    /// assert!(!handle.is_closed());
    /// drop(set);
    /// assert!(handle.is_closed());
    /// ```
    pub fn is_closed(&self) -> bool {
        self.inbox.is_closed()
    }

    pub(super) fn new(inbox: Arc<Inbox<(), F>>) -> Self {
        SetHandle { inbox }
    }
}

impl<K, F> Clone for MapHandle<K, F> {
    fn clone(&self) -> Self {
        self.inbox.enter();
        MapHandle { inbox: Arc::clone(&self.inbox) }
    }
}

impl<F> Clone for SetHandle<F> {
    fn clone(&self) -> Self {
        self.inbox.enter();
        SetHandle { inbox: Arc::clone(&self.inbox) }
    }
}

impl<K, F> Drop for MapHandle<K, F> {
    fn drop(&mut self) {
        self.inbox.leave();
    }
}

impl<F> Drop for SetHandle<F> {
    fn drop(&mut self) {
        self.inbox.leave();
    }
}

impl<K, F> fmt::Debug for MapHandle<K, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MapHandle").finish_non_exhaustive()
    }
}

impl<F> fmt::Debug for SetHandle<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SetHandle").finish_non_exhaustive()
    }
}

/// A [`MapHandle`] could not insert a future, which is in here.
///
/// # Examples
///
/// ```
/// use anyscope::FutureMap;
/// use std::future::ready;
///
/// let mut map = FutureMap::new();
/// map.replace("one", ready(1));
/// let refused = map.handle().insert("one", ready(2)).unwrap_err();
/// assert_eq!(refused.to_string(), "the key \"one\" is in the map already");
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum InsertError<K, F> {
    /// The key is in the map already. What is there stays.
    #[non_exhaustive]
    DuplicateKey {
        /// The key.
        key: K,
        /// The future that was not inserted.
        value: F,
    },
    /// The map is gone, or closed.
    #[non_exhaustive]
    Closed {
        /// The key.
        key: K,
        /// The future that was not inserted.
        value: F,
    },
}

impl<K, F> InsertError<K, F> {
    /// Returns the key and the future that was not inserted.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::FutureMap;
    /// use std::future::ready;
    ///
    /// let handle = FutureMap::new().handle();
    /// let (key, future) = handle.insert("late", ready(1)).unwrap_err().into_parts();
    /// assert_eq!((key, future.into_inner()), ("late", 1));
    /// ```
    pub fn into_parts(self) -> (K, F) {
        match self {
            Self::DuplicateKey { key, value } | Self::Closed { key, value } => (key, value),
        }
    }
}

// Without the future: people read `{:?}` of an error, and most futures have none.
impl<K: fmt::Debug, F> fmt::Debug for InsertError<K, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, key) = match self {
            Self::DuplicateKey { key, .. } => ("DuplicateKey", key),
            Self::Closed { key, .. } => ("Closed", key),
        };
        f.debug_struct(name).field("key", key).finish_non_exhaustive()
    }
}

impl<K: fmt::Debug, F> fmt::Display for InsertError<K, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::DuplicateKey { key, .. } => write!(f, "the key {key:?} is in the map already"),
            Self::Closed { key, .. } => write!(f, "the map is closed: {key:?} was not inserted"),
        }
    }
}

impl<K: fmt::Debug, F> Error for InsertError<K, F> {}

/// The set is gone, or closed: what [`SetHandle::push`] returns then.
#[derive(Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct ClosedSet<F> {
    /// The future that was not added.
    pub value: F,
}

// Without the future, as above.
impl<F> fmt::Debug for ClosedSet<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClosedSet").finish_non_exhaustive()
    }
}

impl<F> fmt::Display for ClosedSet<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the set is closed: the future was not added")
    }
}

impl<F> Error for ClosedSet<F> {}
