//! Shares of a limit.

use super::{
    AdaptiveLimit, Algorithm, InvalidConfig, Ratio,
    call::{Call, Place},
    fixed::Fixed,
};
use crate::{
    sync::{Arc, AtomicUsize, Ordering},
    time::Clock,
};
use core::fmt;

impl<A: Algorithm> AdaptiveLimit<A> {
    /// Sets a share of the limit aside, for one kind of callers.
    ///
    /// Below the limit any partition may start calls, whatever its share. At the limit, one that has
    /// fewer in flight than its share may start more, so those who borrowed cannot keep it from what it
    /// was promised: for that time, more are in flight than the limit allows. A share is at least one
    /// call. It is given back when the last clone of the partition, and the last of its calls, are
    /// dropped.
    ///
    /// # Errors
    ///
    /// Returns [`InvalidConfig`] if `share` is zero, or more than is left of the limit.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{AdaptiveLimit, limit::adaptive::{Aimd, Ratio}, smol::Smol};
    ///
    /// # fn main() -> Result<(), anyscope::limit::adaptive::InvalidConfig> {
    /// let adaptive = AdaptiveLimit::new(Aimd::builder().initial(10).build()?);
    /// let live = adaptive.partition(Ratio::percent(80))?;
    /// let batch = adaptive.partition(Ratio::percent(20))?;
    ///
    /// // Nobody else wants anything, so all of it is for the batch.
    /// let borrowed: Vec<_> = (0..10).map(|_| batch.try_start(&Smol).unwrap()).collect();
    /// assert!(batch.try_start(&Smol).is_none());
    /// // And still the others get what they were promised.
    /// let promised: Vec<_> = (0..8).map(|_| live.try_start(&Smol).unwrap()).collect();
    /// assert!(live.try_start(&Smol).is_none());
    /// # Ok(())
    /// # }
    /// ```
    pub fn partition(&self, share: Ratio) -> Result<Partition<A>, InvalidConfig> {
        if share == Ratio::ZERO {
            return Err(InvalidConfig::Zero { what: "share" });
        }
        self.set_aside(share).map_err(|left| InvalidConfig::ShareTooLarge { share, left })?;
        let (adaptive, busy) = (self.clone(), AtomicUsize::new(0));
        Ok(Partition { shared: Arc::new(Shared { adaptive, share, busy }) })
    }
}

/// A share of an [`AdaptiveLimit`], for one kind of callers; see
/// [`partition`](AdaptiveLimit::partition). Clones have the share together.
///
/// See [`AdaptiveLimit::partition`].
pub struct Partition<A> {
    shared: Arc<Shared<A>>,
}

struct Shared<A> {
    adaptive: AdaptiveLimit<A>,
    share: Ratio,
    busy: AtomicUsize,
}

impl<A: Algorithm> Partition<A> {
    /// Counts a call that starts now, unless the limit is reached and so is this share of it; otherwise
    /// as [`AdaptiveLimit::try_start`].
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{AdaptiveLimit, limit::adaptive::{Aimd, Ratio}, smol::Smol};
    ///
    /// let adaptive = AdaptiveLimit::new(Aimd::builder().initial(2).build()?);
    /// let live = adaptive.partition(Ratio::percent(50))?;
    /// let _others = [adaptive.start(&Smol), adaptive.start(&Smol)];
    /// // The limit is reached, but not this share of it.
    /// let call = live.try_start(&Smol).unwrap();
    /// assert!(live.try_start(&Smol).is_none()); // answer with 503
    /// call.success();
    /// # Ok::<(), anyscope::limit::adaptive::InvalidConfig>(())
    /// ```
    pub fn try_start<C: Clock>(&self, clock: C) -> Option<Call<A, C>> {
        let Shared { adaptive, busy, .. } = &*self.shared;
        let in_flight = match adaptive.enter(|others, limit| others < limit) {
            Some(in_flight) => {
                // Relaxed, here and below: only a number, which orders nothing.
                busy.fetch_add(1, Ordering::Relaxed);
                in_flight
            }
            None => {
                let promised = self.promised();
                busy.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |busy| {
                    (busy < promised).then_some(busy + 1)
                })
                .ok()?;
                adaptive.enter(|_, _| true)?
            }
        };
        Some(Call::new(Place::Part(self.clone()), clock, in_flight))
    }
}

impl<A> Partition<A> {
    /// Returns how many calls it may have in flight at any time, as the limit is now.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{AdaptiveLimit, limit::adaptive::{Aimd, Ratio}};
    ///
    /// let adaptive = AdaptiveLimit::new(Aimd::default()); // begins with 20
    /// let batch = adaptive.partition(Ratio::percent(10))?;
    /// assert_eq!(batch.promised(), 2);
    /// # Ok::<(), anyscope::limit::adaptive::InvalidConfig>(())
    /// ```
    pub fn promised(&self) -> usize {
        let limit = Fixed::at_most(self.shared.adaptive.get().get());
        limit.share_rounded_up(self.shared.share.parts(), Ratio::PARTS).limit().get()
    }

    /// Returns how many calls of this partition are in flight.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{AdaptiveLimit, limit::adaptive::{Aimd, Ratio}, smol::Smol};
    ///
    /// let adaptive = AdaptiveLimit::new(Aimd::default());
    /// let batch = adaptive.partition(Ratio::percent(10))?;
    /// let _ours = batch.try_start(&Smol).unwrap();
    /// let _other = adaptive.start(&Smol);
    /// assert_eq!((batch.in_flight(), adaptive.in_flight()), (1, 2));
    /// # Ok::<(), anyscope::limit::adaptive::InvalidConfig>(())
    /// ```
    pub fn in_flight(&self) -> usize {
        self.shared.busy.load(Ordering::Relaxed)
    }

    pub(super) fn adaptive(&self) -> &AdaptiveLimit<A> {
        &self.shared.adaptive
    }

    /// A call of it has ended.
    pub(super) fn leave(&self) {
        self.shared.busy.fetch_sub(1, Ordering::Relaxed);
        self.shared.adaptive.leave();
    }
}

impl<A> Drop for Shared<A> {
    fn drop(&mut self) {
        self.adaptive.give_back(self.share);
    }
}

impl<A> Clone for Partition<A> {
    fn clone(&self) -> Self {
        Partition { shared: self.shared.clone() }
    }
}

impl<A> fmt::Debug for Partition<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Partition")
            .field("share", &self.shared.share)
            .field("promised", &self.promised())
            .field("in_flight", &self.in_flight())
            .finish()
    }
}
