//! One breaker for each key.

use super::{Builder, CircuitBreaker, InvalidBreaker};
use crate::{sync::lock::Lock, time::Clock};
use alloc::{boxed::Box, collections::BTreeMap, sync::Arc};
use core::{fmt, mem};

/// A [`CircuitBreaker`] for each key, say for each host, made when it is first asked for. Cheap to clone.
///
/// # Cost
///
/// A lookup takes a lock for a few steps and compares keys outside it. A new key copies the map: for hundreds of keys, not for
/// millions. When it has as many keys as was asked for, those whose breaker is closed and has seen no failure are forgotten
/// before another is added.
///
/// # Examples
///
/// ```
/// use anyscope::{resilience::breaker::{CircuitBreaker, KeyedBreakers}, smol::Smol};
///
/// let hosts = KeyedBreakers::new(1000, || CircuitBreaker::builder().failure_rate(20))?;
/// hosts.get(&Smol, "a.example").force_open();
/// assert!(hosts.get(&Smol, "a.example").try_enter(&Smol).is_err());
/// assert!(hosts.get(&Smol, "b.example").try_enter(&Smol).is_ok());
/// # Ok::<_, anyscope::resilience::breaker::InvalidBreaker>(())
/// ```
pub struct KeyedBreakers<K> {
    shared: Arc<Shared<K>>,
}

struct Shared<K> {
    /// Replaced as a whole, as keys are compared and dropped by user code.
    map: Lock<Arc<BTreeMap<K, CircuitBreaker>>>,
    most: usize,
    make: Box<dyn Fn() -> Builder + Send + Sync>,
}

impl<K: Ord + Clone> KeyedBreakers<K> {
    /// Creates a set without any. `make` returns the settings of each; about `most` keys are remembered.
    ///
    /// # Errors
    ///
    /// Returns [`InvalidBreaker`] if these settings are wrong. If they are right only the first time, keys with wrong ones get the
    /// default settings.
    ///
    /// # Examples
    ///
    /// See [`KeyedBreakers`].
    pub fn new(
        most: usize,
        make: impl Fn() -> Builder + Send + Sync + 'static,
    ) -> Result<Self, InvalidBreaker> {
        make().build()?;
        let shared = Shared { map: Lock::new(Arc::default()), most, make: Box::new(make) };
        Ok(KeyedBreakers { shared: Arc::new(shared) })
    }

    /// Returns the breaker of `key`, a closed one if it is new.
    ///
    /// # Panics
    ///
    /// A panic of a comparison of keys propagates, and changes nothing.
    ///
    /// # Examples
    ///
    /// See [`KeyedBreakers`].
    pub fn get<C: Clock>(&self, clock: &C, key: K) -> CircuitBreaker {
        let mut made = None;
        loop {
            let map = self.map();
            if let Some(breaker) = map.get(&key) {
                return breaker.clone();
            }
            let breaker = made.get_or_insert_with(|| self.make());
            let mut with_key = (*map).clone();
            if with_key.len() >= self.shared.most {
                let now = clock.now();
                with_key.retain(|_, breaker| !breaker.is_idle(now));
            }
            with_key.insert(key.clone(), breaker.clone());
            if self.replace(&map, with_key) {
                return breaker.clone();
            }
            // Another thread was faster, maybe with this key.
        }
    }

    /// Returns the breakers that there are, with their keys, in their order.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{resilience::breaker::{BreakerState, CircuitBreaker, KeyedBreakers}, smol::Smol};
    ///
    /// let hosts = KeyedBreakers::new(1000, CircuitBreaker::builder)?;
    /// hosts.get(&Smol, "a.example").force_open();
    /// hosts.get(&Smol, "b.example");
    /// let open: Vec<_> = hosts
    ///     .all()
    ///     .filter(|(_, breaker)| breaker.state() != BreakerState::Closed)
    ///     .map(|(host, _)| host)
    ///     .collect();
    /// assert_eq!(open, ["a.example"]);
    /// # Ok::<_, anyscope::resilience::breaker::InvalidBreaker>(())
    /// ```
    pub fn all(&self) -> impl Iterator<Item = (K, CircuitBreaker)> + use<K> {
        (*self.map()).clone().into_iter()
    }

    fn make(&self) -> CircuitBreaker {
        let made = (self.shared.make)().build();
        made.or_else(|_| Builder::new().build()).expect("the default settings are right")
    }

    fn map(&self) -> Arc<BTreeMap<K, CircuitBreaker>> {
        self.shared.map.with(|map| map.clone())
    }

    fn replace(
        &self,
        old: &Arc<BTreeMap<K, CircuitBreaker>>,
        new: BTreeMap<K, CircuitBreaker>,
    ) -> bool {
        let mut new = Arc::new(new);
        let replaced = self.shared.map.with(|map| {
            let same = Arc::ptr_eq(map, old);
            if same {
                mem::swap(map, &mut new);
            }
            same
        });
        // The other one is dropped here, outside.
        drop(new);
        replaced
    }
}

impl<K> Clone for KeyedBreakers<K> {
    fn clone(&self) -> Self {
        KeyedBreakers { shared: self.shared.clone() }
    }
}

impl<K: fmt::Debug> fmt::Debug for KeyedBreakers<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let map = self.shared.map.with(|map| map.clone());
        f.debug_map().entries(map.iter()).finish()
    }
}
