//! A call in flight.

use super::{Algorithm, Outcome, Sample, controller::AdaptiveLimit, partition::Partition};
use crate::time::{Clock, Instant};
use core::fmt;

impl<A: Algorithm> AdaptiveLimit<A> {
    /// Counts a call that starts now, whatever the limit: for code that runs under it already.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{AdaptiveLimit, limit::adaptive::Aimd, smol::Smol};
    ///
    /// let adaptive = AdaptiveLimit::new(Aimd::default());
    /// let call = adaptive.start(&Smol);
    /// assert_eq!(adaptive.in_flight(), 1);
    /// call.dropped();
    /// assert_eq!((adaptive.in_flight(), adaptive.get().get()), (0, 18));
    /// ```
    pub fn start<C: Clock>(&self, clock: C) -> Call<A, C> {
        let in_flight = self.enter(|_, _| true).expect("no limit");
        Call::new(Place::Whole(self.clone()), clock, in_flight)
    }

    /// Counts a call that starts now, unless so many are in flight as the limit allows: for a server
    /// that rejects what is too much.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{AdaptiveLimit, limit::adaptive::Aimd, smol::Smol};
    ///
    /// # fn main() -> Result<(), anyscope::limit::adaptive::InvalidConfig> {
    /// let adaptive = AdaptiveLimit::new(Aimd::builder().initial(1).build()?);
    /// let call = adaptive.try_start(&Smol).unwrap();
    /// assert!(adaptive.try_start(&Smol).is_none()); // answer with 503
    /// call.success();
    /// assert!(adaptive.try_start(&Smol).is_some());
    /// # Ok(())
    /// # }
    /// ```
    pub fn try_start<C: Clock>(&self, clock: C) -> Option<Call<A, C>> {
        let in_flight = self.enter(|others, limit| others < limit)?;
        Some(Call::new(Place::Whole(self.clone()), clock, in_flight))
    }
}

/// A call in flight, to be told how it ended. Returned by [`AdaptiveLimit::start`] and
/// [`try_start`](AdaptiveLimit::try_start).
///
/// One that is dropped without a word was [ignored](Self::ignore): it was cancelled, or panicked.
///
/// See [`AdaptiveLimit::start`].
#[must_use = "say how the call ended; dropped at once, it is ignored"]
pub struct Call<A, C> {
    slot: Slot<A>,
    clock: C,
    start: Instant,
    in_flight: usize,
}

impl<A: Algorithm, C: Clock> Call<A, C> {
    /// The caller has counted it.
    pub(super) fn new(place: Place<A>, clock: C, in_flight: usize) -> Self {
        let slot = Slot(Some(place));
        let start = clock.now();
        Call { slot, clock, start, in_flight }
    }

    /// Says that the call succeeded: how long it took counts.
    ///
    /// # Panics
    ///
    /// The panic of a waker that a raised limit fires propagates once the limit is raised, and so
    /// does the panic of an algorithm of your own.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{AdaptiveLimit, limit::adaptive::Aimd, smol::Smol};
    ///
    /// let adaptive = AdaptiveLimit::new(Aimd::default());
    /// let calls: Vec<_> = (0..20).map(|_| adaptive.start(&Smol)).collect();
    /// calls.into_iter().for_each(|call| call.success());
    /// assert!(adaptive.get().get() > 20);
    /// ```
    pub fn success(self) {
        self.end(Outcome::Success);
    }

    /// Says that the call was dropped for want of capacity: rejected, or timed out.
    ///
    /// # Panics
    ///
    /// As [`success`](Self::success).
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{AdaptiveLimit, limit::adaptive::Aimd, smol::Smol};
    ///
    /// let adaptive = AdaptiveLimit::new(Aimd::default());
    /// let call = adaptive.start(&Smol);
    /// // .. and the service has answered 503 ..
    /// call.dropped();
    /// assert_eq!(adaptive.get().get(), 18); // was 20
    /// ```
    pub fn dropped(self) {
        self.end(Outcome::Dropped);
    }

    /// Says that the call shows nothing about the service, and only that it has ended: it was
    /// cancelled, its answer came from a cache, the request was wrong.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{AdaptiveLimit, limit::adaptive::Aimd, smol::Smol};
    ///
    /// let adaptive = AdaptiveLimit::new(Aimd::default());
    /// let call = adaptive.start(&Smol);
    /// // .. and the answer was in the cache ..
    /// call.ignore();
    /// assert_eq!((adaptive.in_flight(), adaptive.get().get()), (0, 20));
    /// ```
    pub fn ignore(self) {
        self.end(Outcome::Ignored);
    }

    /// Says how the call ended.
    ///
    /// # Panics
    ///
    /// As [`success`](Self::success).
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{AdaptiveLimit, limit::adaptive::{Aimd, Outcome}, smol::Smol};
    ///
    /// /// What the status of an answer says about the service.
    /// fn outcome(status: u16) -> Outcome {
    ///     match status {
    ///         200..300 => Outcome::Success,
    ///         429 | 503 | 504 => Outcome::Dropped,
    ///         _ => Outcome::Ignored,
    ///     }
    /// }
    ///
    /// let adaptive = AdaptiveLimit::new(Aimd::default());
    /// adaptive.start(&Smol).end(outcome(503));
    /// assert_eq!(adaptive.get().get(), 18); // was 20
    /// ```
    pub fn end(self, outcome: Outcome) {
        let Call { slot, clock, start, in_flight } = self;
        let dropped = match outcome {
            Outcome::Success => false,
            Outcome::Dropped => true,
            Outcome::Ignored => return,
        };
        let now = clock.now();
        let mut sample = Sample::new(now, now.saturating_duration_since(start), in_flight);
        sample.dropped = dropped;
        // First, so that whoever is woken finds room.
        slot.release().adaptive().learn(sample);
    }
}

impl<A, C> fmt::Debug for Call<A, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call")
            .field("start", &self.start)
            .field("in_flight", &self.in_flight)
            .finish()
    }
}

/// Where a call counts as in flight.
pub(super) enum Place<A> {
    Whole(AdaptiveLimit<A>),
    Part(Partition<A>),
}

impl<A> Place<A> {
    fn adaptive(&self) -> &AdaptiveLimit<A> {
        match self {
            Place::Whole(adaptive) => adaptive,
            Place::Part(partition) => partition.adaptive(),
        }
    }

    fn leave(&self) {
        match self {
            Place::Whole(adaptive) => adaptive.leave(),
            Place::Part(partition) => partition.leave(),
        }
    }
}

/// Counted as in flight, until it is dropped.
struct Slot<A>(Option<Place<A>>);

impl<A> Slot<A> {
    fn release(mut self) -> Place<A> {
        let place = self.0.take().expect("not released");
        place.leave();
        place
    }
}

impl<A> Drop for Slot<A> {
    fn drop(&mut self) {
        if let Some(place) = self.0.take() {
            place.leave();
        }
    }
}
