//! Which limits there are.

use super::{InvalidLimits, Limits, table::Pool};
use crate::limit::Rate;
use alloc::vec::Vec;
use core::fmt;

/// Makes [`Limits`]; see [`Limits::builder`].
///
/// See [`Limits`](super::Limits).
#[must_use = "call `build`"]
pub struct LimitsBuilder<K> {
    pools: Vec<(K, Pool)>,
    invalid: Option<InvalidLimits>,
}

impl<K: PartialEq> LimitsBuilder<K> {
    pub(super) fn new() -> Self {
        LimitsBuilder { pools: Vec::new(), invalid: None }
    }

    /// Adds something of which there are so many, and which comes back when a permit is dropped.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::limit::Limits;
    ///
    /// let limits = Limits::builder().resource("connections", 10).resource("megabytes", 512).build()?;
    /// assert_eq!(limits.available("megabytes"), Some(512));
    /// # Ok::<(), anyscope::limit::InvalidLimits>(())
    /// ```
    pub fn resource(self, key: K, capacity: u32) -> Self {
        let mut this = self;
        if capacity == 0 {
            this.invalid.get_or_insert(InvalidLimits::ZeroCapacity { index: this.pools.len() });
        }
        this.add(key, Pool::Resource(capacity))
    }

    /// Adds something that may happen only so often.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{limit::{Limits, Rate}, sim::Sim};
    ///
    /// Sim::new(7).run(async |sim| {
    ///     let limits = Limits::builder().rate("requests", Rate::per_second(2)).build().unwrap();
    ///     for _ in 0..5 {
    ///         drop(limits.acquire(&sim, [("requests", 1)]).await.unwrap()); // none comes back
    ///     }
    ///     assert_eq!(sim.elapsed().as_millis(), 1500);
    /// }).unwrap();
    /// ```
    pub fn rate(self, key: K, rate: Rate) -> Self {
        self.add(key, Pool::rate(rate))
    }

    /// Makes the limits.
    ///
    /// # Errors
    ///
    /// Returns [`InvalidLimits`] if a capacity is zero, or two have the same key.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::limit::{InvalidLimits, Limits};
    ///
    /// let twice = Limits::builder().resource("a", 1).resource("a", 2).build();
    /// assert!(matches!(twice, Err(InvalidLimits::DuplicateKey { index: 1, .. })));
    /// ```
    pub fn build(self) -> Result<Limits<K>, InvalidLimits> {
        match self.invalid {
            None => Ok(Limits::new(self.pools)),
            Some(invalid) => Err(invalid),
        }
    }

    fn add(mut self, key: K, pool: Pool) -> Self {
        if self.pools.iter().any(|(other, _)| *other == key) {
            self.invalid.get_or_insert(InvalidLimits::DuplicateKey { index: self.pools.len() });
        }
        self.pools.push((key, pool));
        self
    }
}

impl<K: fmt::Debug> fmt::Debug for LimitsBuilder<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.pools.iter().map(|(key, pool)| (key, pool))).finish()
    }
}
