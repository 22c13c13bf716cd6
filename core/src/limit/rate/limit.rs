//! A limit on how often, shared by those who ask.

use super::{
    AcquireRate, AcquireRateMany, InvalidAmount, NotYet, Rate, RateGrant, TryRateError,
    bucket::{Bucket, Mark},
};
use crate::waits::What;
use crate::{
    limit::line::{Book, Line, Waiting},
    sync::Arc,
    time::{Clock, Instant, Timer},
};
use core::{fmt, iter};

/// A limit on how often something may happen. Clones share it.
///
/// Ask before each call: [`acquire`](Self::acquire) waits for its turn,
/// [`try_acquire`](Self::try_acquire) says when it would be. A limit on how much happens *at the same
/// time* is a [`Limit`](crate::Limit).
///
/// Those who wait are served in the order in which they came, whatever they ask for: small requests
/// do not pass a large one, and `try_acquire` passes no one. Only the first of them has a timer.
/// It must be polled when its time comes, as all others are behind it: do not leave a future of
/// `acquire` lying while the task does something else.
///
/// The clock is that of the timer that is passed, so a limit can be tested in virtual time. Always
/// pass handles of the same clock.
///
/// # The algorithms
///
/// | known as | here |
/// |---|---|
/// | token bucket | a steady [`Rate`]: GCRA, which is the same without a thread that fills the bucket |
/// | leaky bucket | a steady rate with a burst of 1, and no queue of its own but those who wait |
/// | GCRA | a steady rate |
/// | sliding window | [`Rate::window`]: exact, by a log |
/// | fixed window | not here: around the edge of two windows it grants twice the count |
///
/// # Examples
///
/// ```
/// use anyscope::limit::{Rate, RateLimit};
/// use std::time::Duration;
///
/// anyscope::sim::Sim::new(7).run(async |sim| {
///     let limit = RateLimit::new(Rate::window(2, Duration::from_secs(1)));
///     let mut starts = Vec::new();
///     for _ in 0..5 {
///         limit.acquire(&sim).await;
///         starts.push(sim.elapsed().as_secs());
///     }
///     assert_eq!(starts, [0, 0, 1, 1, 2]);
/// })
/// .unwrap();
/// ```
#[derive(Clone)]
pub struct RateLimit {
    line: Arc<Line<Rated>>,
}

/// The account of a [`RateLimit`]: one bucket, with a lock of its own.
pub(super) struct Rated {
    rate: Rate,
    bucket: Bucket,
}

impl RateLimit {
    /// Creates a limit that has granted nothing yet.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{limit::{Rate, RateLimit}, sim::Sim};
    ///
    /// Sim::new(7).run(async |sim| {
    ///     let limit = RateLimit::new(Rate::per_second(10));
    ///     for _ in 0..10 {
    ///         limit.acquire(&sim).await; // none of them waits
    ///     }
    ///     assert_eq!(sim.elapsed().as_millis(), 0);
    ///     limit.acquire(&sim).await;
    ///     assert_eq!(sim.elapsed().as_millis(), 100);
    /// }).unwrap();
    /// ```
    pub fn new(rate: Rate) -> Self {
        let book = Rated { rate, bucket: Bucket::new(rate) };
        RateLimit { line: Arc::new(Line::new(book, ())) }
    }

    /// Returns the rate.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::limit::{Rate, RateLimit};
    ///
    /// let limit = RateLimit::new(Rate::per_second(10));
    /// assert_eq!(limit.rate().count(), 10);
    /// ```
    pub fn rate(&self) -> Rate {
        self.line.book.rate
    }

    /// Returns how many wait for their turn at the moment.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{limit::{Rate, RateLimit}, sim::Sim};
    /// use smol::future::poll_once;
    ///
    /// Sim::new(7).run(async |sim| {
    ///     let limit = RateLimit::new(Rate::per_second(1));
    ///     limit.acquire(&sim).await;
    ///     let mut second = Box::pin(limit.acquire(&sim));
    ///     assert!(poll_once(&mut second).await.is_none());
    ///     assert_eq!(limit.waiting(), 1);
    ///     second.await;
    /// }).unwrap();
    /// ```
    pub fn waiting(&self) -> usize {
        self.line.waiting()
    }

    /// Waits until one more may happen. Comes into line with the first poll.
    ///
    /// # Cancel safety
    ///
    /// Dropping the returned future takes nothing and leaves the line. The next one takes over the
    /// timer.
    ///
    /// # Panics
    ///
    /// A panic of the waker of another task, which is fired here, propagates when all steps are done.
    ///
    /// # Cost
    ///
    /// If it need not wait, a lock that is held for a few steps. If it has to, an allocation and a place
    /// in a tree. Of those who wait, one has a sleep.
    ///
    /// # Examples
    ///
    /// See [`RateLimit`].
    ///
    /// See [`RateLimit`].
    pub fn acquire<T: Timer + Clock>(&self, timer: T) -> AcquireRate<T> {
        AcquireRate::new(Waiting::new(self.line.clone(), timer, 1))
    }

    /// Waits until `amount` more may happen at once; as [`acquire`](Self::acquire).
    ///
    /// # Errors
    ///
    /// Returns [`InvalidAmount`] if `amount` is zero, or more than
    /// [is ever granted at once](Rate::most_at_once).
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::limit::{InvalidAmount, Rate, RateLimit};
    ///
    /// anyscope::sim::Sim::new(7).run(async |sim| {
    ///     let bytes = RateLimit::new(Rate::per_second(1000).burst(500));
    ///     bytes.acquire_many(&sim, 500).await.unwrap();
    ///     bytes.acquire_many(&sim, 100).await.unwrap();
    ///     assert_eq!(sim.elapsed().as_millis(), 100);
    ///     let error = bytes.acquire_many(&sim, 501).await.unwrap_err();
    ///     assert!(error.to_string().contains("at most 500"));
    /// })
    /// .unwrap();
    /// ```
    pub fn acquire_many<T: Timer + Clock>(&self, timer: T, amount: u32) -> AcquireRateMany<T> {
        AcquireRateMany::new(
            self.check(amount).map(|()| Waiting::new(self.line.clone(), timer, amount)),
        )
    }

    /// Takes one if it may happen now, and nobody waits.
    ///
    /// # Errors
    ///
    /// Returns when it would be possible.
    ///
    /// # Cost
    ///
    /// A steady rate refuses without a lock while no one waits.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{Clock, limit::{Rate, RateLimit}};
    ///
    /// anyscope::sim::Sim::new(7).run(async |sim| {
    ///     let limit = RateLimit::new(Rate::per_second(10).burst(1));
    ///     limit.try_acquire(&sim).unwrap();
    ///     let later = limit.try_acquire(&sim).unwrap_err().at;
    ///     assert_eq!(later.saturating_duration_since(sim.now()).as_millis(), 100);
    /// })
    /// .unwrap();
    /// ```
    pub fn try_acquire(&self, clock: impl Clock) -> Result<RateGrant, NotYet> {
        self.try_take(clock.now(), 1)
    }

    /// Takes `amount` if that may happen now, and nobody waits.
    ///
    /// # Errors
    ///
    /// Returns when it would be possible, or that it never is.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::limit::{Rate, RateLimit};
    ///
    /// anyscope::sim::Sim::new(7).run(async |sim| {
    ///     let bytes = RateLimit::new(Rate::per_second(1000).burst(500));
    ///     assert!(bytes.try_acquire_many(&sim, 400).is_ok());
    ///     assert!(bytes.try_acquire_many(&sim, 400).is_err());
    /// })
    /// .unwrap();
    /// ```
    pub fn try_acquire_many(
        &self,
        clock: impl Clock,
        amount: u32,
    ) -> Result<RateGrant, TryRateError> {
        self.check(amount)?;
        Ok(self.try_take(clock.now(), amount)?)
    }

    fn try_take(&self, now: Instant, amount: u32) -> Result<RateGrant, NotYet> {
        // Most of what is refused is refused here, without a lock.
        if self.line.waiting() == 0 {
            match self.line.book.bucket.glance(now, amount) {
                Some(at) if at > now => return Err(NotYet::until(at)),
                _ => {}
            }
        }
        match self.line.take_now(&amount, now) {
            Ok(mark) => Ok(RateGrant::new(self.line.clone(), amount, mark)),
            Err(not) => Err(NotYet::until(self.line.book.bucket.ready_at(now, not.ahead, amount))),
        }
    }

    fn check(&self, amount: u32) -> Result<(), InvalidAmount> {
        InvalidAmount::check(amount, self.rate().most_at_once())
    }

    /// Whether it could be replaced by a new one.
    pub(super) fn is_as_new(&mut self, now: Instant) -> bool {
        match Arc::get_mut(&mut self.line) {
            Some(line) => line.book.bucket.is_full(now),
            None => false,
        }
    }
}

impl Rated {
    pub(super) fn charge(&self, now: Instant, amount: u32) {
        self.bucket.charge(now, amount);
    }
}

impl Book for Rated {
    type Counts = ();
    type Ask = u32;
    type Got = Mark;

    fn keys(&self) -> usize {
        1
    }

    fn lines_of(_: &u32) -> impl Iterator<Item = usize> {
        iter::once(0)
    }

    fn amount(ask: &u32) -> u64 {
        (*ask).into()
    }

    #[inline]
    fn take_unlocked(&self, ask: &u32, now: Instant) -> Option<Mark> {
        self.bucket.take(now, *ask).ok()
    }

    fn take(&self, (): &mut (), ask: &u32, now: Instant) -> Result<Mark, Instant> {
        self.bucket.take(now, *ask)
    }

    fn ready_at(&self, (): &(), ask: &u32, now: Instant) -> Instant {
        self.bucket.ready_at(now, 0, *ask)
    }

    fn is_timed(&self, _: &u32) -> bool {
        true
    }

    fn give_back(&self, (): &mut (), ask: &u32, mark: Mark, now: Instant) {
        self.bucket.give_back(now, mark, *ask);
    }

    fn what(&self) -> What {
        What::RateLimit
    }
}

impl fmt::Debug for RateLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RateLimit")
            .field("rate", &self.rate())
            .field("waiting", &self.waiting())
            .finish()
    }
}
