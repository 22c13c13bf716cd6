//! A rate limit for each key.

use super::{AcquireRate, AcquireRateMany, NotYet, Rate, RateGrant, RateLimit, TryRateError};
use crate::{
    sync::{Arc, lock::Lock},
    time::{Clock, Instant, Timer},
};
use alloc::{collections::BTreeMap, vec::Vec};
use core::{
    fmt,
    hash::{BuildHasher, Hash},
};

#[cfg(feature = "std")]
type Hasher = std::hash::RandomState;
#[cfg(not(feature = "std"))]
#[allow(deprecated)] // The only one that `core` has.
type Hasher = core::hash::BuildHasherDefault<core::hash::SipHasher>;

/// A [`RateLimit`] of its own for each key: each user, each host. Clones share it.
///
/// A key that has not been used for so long that its limit is as new is forgotten, so memory is
/// bounded by the keys that were used lately: while so many wait, or within the time that fills the
/// burst. Forgetting is part of meeting new keys; nothing runs in the background.
///
/// Keys are hashed, compared, cloned and dropped outside of all locks.
///
/// # Examples
///
/// ```
/// use anyscope::limit::{KeyedRateLimit, Rate};
///
/// anyscope::sim::Sim::new(7).run(async |sim| {
///     let per_host = KeyedRateLimit::new(Rate::per_second(2).burst(1));
///     for host in ["a", "b", "a"] {
///         per_host.acquire(&sim, &host).await;
///     }
///     assert_eq!(sim.elapsed().as_millis(), 500); // only for the second call of "a"
/// })
/// .unwrap();
/// ```
pub struct KeyedRateLimit<K> {
    shared: Arc<Shared<K>>,
}

struct Shared<K> {
    rate: Rate,
    hasher: Hasher,
    map: Lock<Map<K>>,
}

/// Keys with the same hash. Replaced as a whole, so that it can be read outside of the lock.
type List<K> = Arc<Vec<Arc<Entry<K>>>>;

struct Map<K> {
    /// By the hashes of their keys.
    lists: BTreeMap<u64, List<K>>,
    keys: usize,
    /// With so many, those that are as new are forgotten.
    crowded: usize,
}

struct Entry<K> {
    key: K,
    limit: RateLimit,
}

/// So many keys are kept without looking which of them are used.
const FEW: usize = 64;

impl<K: Hash + Eq + Clone> KeyedRateLimit<K> {
    /// Creates a limit of `rate` for each key.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{limit::{KeyedRateLimit, Rate}, sim::Sim};
    ///
    /// Sim::new(7).run(async |sim| {
    ///     let per_user = KeyedRateLimit::new(Rate::per_second(1).burst(1));
    ///     assert!(per_user.try_acquire(&sim, &"ann").is_ok());
    ///     assert!(per_user.try_acquire(&sim, &"bob").is_ok());
    ///     assert!(per_user.try_acquire(&sim, &"ann").is_err());
    /// }).unwrap();
    /// ```
    pub fn new(rate: Rate) -> Self {
        let map = Map { lists: BTreeMap::new(), keys: 0, crowded: FEW };
        let shared = Shared { rate, hasher: Hasher::default(), map: Lock::new(map) };
        KeyedRateLimit { shared: Arc::new(shared) }
    }

    /// Returns the rate of each key.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::limit::{KeyedRateLimit, Rate};
    ///
    /// let per_user = KeyedRateLimit::<String>::new(Rate::per_second(5));
    /// assert_eq!(per_user.rate(), Rate::per_second(5));
    /// ```
    pub fn rate(&self) -> Rate {
        self.shared.rate
    }

    /// Returns the number of keys that are not forgotten.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{limit::{KeyedRateLimit, Rate}, smol::Smol};
    ///
    /// let per_user = KeyedRateLimit::new(Rate::per_second(1));
    /// for user in ["ann", "bob", "ann"] {
    ///     drop(per_user.try_acquire(&Smol, &user));
    /// }
    /// assert_eq!(per_user.len(), 2);
    /// ```
    pub fn len(&self) -> usize {
        self.shared.map.with(|map| map.keys)
    }

    /// Returns whether all keys are forgotten.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{limit::{KeyedRateLimit, Rate}, smol::Smol};
    ///
    /// let per_user = KeyedRateLimit::new(Rate::per_second(1));
    /// assert!(per_user.is_empty());
    /// per_user.try_acquire(&Smol, &"ann").unwrap();
    /// assert!(!per_user.is_empty());
    /// ```
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Waits until one more may happen for this key; see [`RateLimit::acquire`].
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::limit::{KeyedRateLimit, Rate};
    ///
    /// anyscope::sim::Sim::new(7).run(async |sim| {
    ///     let hosts = KeyedRateLimit::new(Rate::per_second(1));
    ///     for host in ["a.example", "b.example", "a.example"] {
    ///         hosts.acquire(&sim, &host).await;
    ///     }
    ///     // Only the second request to the same host had to wait.
    ///     assert_eq!((sim.elapsed().as_secs(), hosts.len()), (1, 2));
    /// })
    /// .unwrap();
    /// ```
    pub fn acquire<T: Timer + Clock>(&self, timer: T, key: &K) -> AcquireRate<T> {
        self.limit(&timer, key).acquire(timer)
    }

    /// Waits until `amount` more may happen at once for this key; see [`RateLimit::acquire_many`].
    ///
    /// # Errors
    ///
    /// As [`RateLimit::acquire_many`].
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{limit::{KeyedRateLimit, Rate}, sim::Sim};
    ///
    /// Sim::new(7).run(async |sim| {
    ///     let bytes = KeyedRateLimit::new(Rate::per_second(1000).burst(500));
    ///     bytes.acquire_many(&sim, &"ann", 500).await.unwrap();
    ///     bytes.acquire_many(&sim, &"bob", 500).await.unwrap();
    ///     assert_eq!(sim.elapsed().as_millis(), 0);
    ///     bytes.acquire_many(&sim, &"ann", 100).await.unwrap();
    ///     assert_eq!(sim.elapsed().as_millis(), 100);
    /// }).unwrap();
    /// ```
    pub fn acquire_many<T: Timer + Clock>(
        &self,
        timer: T,
        key: &K,
        amount: u32,
    ) -> AcquireRateMany<T> {
        self.limit(&timer, key).acquire_many(timer, amount)
    }

    /// Takes one if it may happen now for this key, and nobody waits for it.
    ///
    /// # Errors
    ///
    /// Returns when it would be possible.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{Clock, limit::{KeyedRateLimit, Rate}, sim::Sim};
    ///
    /// Sim::new(7).run(async |sim| {
    ///     let per_user = KeyedRateLimit::new(Rate::per_second(1).burst(1));
    ///     per_user.try_acquire(&sim, &"ann").unwrap();
    ///     let not_yet = per_user.try_acquire(&sim, &"ann").unwrap_err();
    ///     assert_eq!((not_yet.at - sim.now()).as_secs(), 1); // answer with 429, and when to come again
    /// }).unwrap();
    /// ```
    pub fn try_acquire(&self, clock: impl Clock, key: &K) -> Result<RateGrant, NotYet> {
        self.limit(&clock, key).try_acquire(clock)
    }

    /// Takes `amount` if that may happen now for this key, and nobody waits for it.
    ///
    /// # Errors
    ///
    /// As [`RateLimit::try_acquire_many`].
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{limit::{KeyedRateLimit, Rate}, sim::Sim};
    ///
    /// Sim::new(7).run(async |sim| {
    ///     let bytes = KeyedRateLimit::new(Rate::per_second(1000));
    ///     assert!(bytes.try_acquire_many(&sim, &"ann", 800).is_ok());
    ///     assert!(bytes.try_acquire_many(&sim, &"ann", 800).is_err());
    ///     assert!(bytes.try_acquire_many(&sim, &"bob", 800).is_ok());
    /// }).unwrap();
    /// ```
    pub fn try_acquire_many(
        &self,
        clock: impl Clock,
        key: &K,
        amount: u32,
    ) -> Result<RateGrant, TryRateError> {
        self.limit(&clock, key).try_acquire_many(clock, amount)
    }

    /// Returns the limit of this key. The key is not forgotten while a clone of it is there.
    ///
    /// # Cost
    ///
    /// A key that is known costs a hash, a lock for a look into a tree, and a comparison. When a new
    /// one makes more than twice as many as were left the last time, and more than 64, all are looked
    /// at.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{limit::{KeyedRateLimit, Rate}, sim::Sim};
    ///
    /// Sim::new(7).run(async |sim| {
    ///     let per_user = KeyedRateLimit::new(Rate::per_second(1));
    ///     // Looked up once, for a connection that makes many requests.
    ///     let ann = per_user.limit(&sim, &"ann");
    ///     for _ in 0..3 {
    ///         ann.acquire(&sim).await;
    ///     }
    ///     assert_eq!(sim.elapsed().as_secs(), 2);
    /// }).unwrap();
    /// ```
    pub fn limit(&self, clock: impl Clock, key: &K) -> RateLimit {
        let hash = self.shared.hasher.hash_one(key);
        let mut known = self.shared.map.with(|map| map.lists.get(&hash).cloned());
        let mut new = None;
        loop {
            if let Some(entry) = known.iter().flat_map(|list| &**list).find(|e| e.key == *key) {
                return entry.limit.clone();
            }
            let entry = new.get_or_insert_with(|| {
                Arc::new(Entry { key: key.clone(), limit: RateLimit::new(self.shared.rate) })
            });
            let mut list = known.as_deref().cloned().unwrap_or_default();
            list.push(entry.clone());
            let list = Arc::new(list);
            match self.shared.map.with(|map| map.replace(hash, &known, list)) {
                Ok(crowded) => {
                    let limit = entry.limit.clone();
                    if crowded {
                        self.forget_idle(clock);
                    }
                    return limit;
                }
                // Another thread was faster.
                Err(now) => known = now,
            }
        }
    }

    /// Forgets the keys whose limits are as new and are not used by anyone. Happens by itself when
    /// there are more and more keys.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{Timer, limit::{KeyedRateLimit, Rate}, sim::Sim};
    /// use std::time::Duration;
    ///
    /// Sim::new(7).run(async |sim| {
    ///     let per_user = KeyedRateLimit::new(Rate::per_second(1));
    ///     per_user.try_acquire(&sim, &"ann").unwrap();
    ///     sim.sleep(Duration::from_secs(10)).await;
    ///     per_user.try_acquire(&sim, &"bob").unwrap();
    ///     per_user.forget_idle(&sim);
    ///     assert_eq!(per_user.len(), 1); // bob: ann's limit is as new
    /// }).unwrap();
    /// ```
    pub fn forget_idle(&self, clock: impl Clock) {
        let now = clock.now();
        let forgotten = self.shared.map.with(|map| map.forget_idle(now));
        // Keys are dropped here, outside of the lock.
        drop(forgotten);
    }
}

impl<K> Map<K> {
    /// Replaces the list that is known, and returns whether there are many keys now.
    ///
    /// # Errors
    ///
    /// Returns the list that is there, if it is another one.
    fn replace(
        &mut self,
        hash: u64,
        known: &Option<List<K>>,
        list: List<K>,
    ) -> Result<bool, Option<List<K>>> {
        let there = self.lists.get(&hash);
        let same = match (there, known) {
            (Some(there), Some(known)) => Arc::ptr_eq(there, known),
            (there, known) => there.is_none() && known.is_none(),
        };
        if !same {
            return Err(there.cloned());
        }
        // The one that was there is known to the caller, and so not dropped here.
        self.lists.insert(hash, list);
        self.keys += 1;
        Ok(self.keys > self.crowded)
    }

    /// Removes what no one has a hold of, and is as new. Returns it.
    fn forget_idle(&mut self, now: Instant) -> Vec<Arc<Entry<K>>> {
        let mut forgotten = Vec::new();
        self.lists.retain(|_, list| {
            // If another thread reads the list, it may be about to use one of them.
            let Some(entries) = Arc::get_mut(list) else { return true };
            for at in (0..entries.len()).rev() {
                let entry = Arc::get_mut(&mut entries[at]);
                if entry.is_some_and(|entry| entry.limit.is_as_new(now)) {
                    forgotten.push(entries.swap_remove(at));
                }
            }
            !entries.is_empty()
        });
        self.keys -= forgotten.len();
        self.crowded = (2 * self.keys).max(FEW);
        forgotten
    }
}

impl<K> Clone for KeyedRateLimit<K> {
    fn clone(&self) -> Self {
        KeyedRateLimit { shared: self.shared.clone() }
    }
}

impl<K> fmt::Debug for KeyedRateLimit<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyedRateLimit")
            .field("rate", &self.shared.rate)
            .field("keys", &self.shared.map.with(|map| map.keys))
            .finish()
    }
}
