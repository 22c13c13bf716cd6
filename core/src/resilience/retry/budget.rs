//! How many retries all may make together.

use crate::{
    sync::{Arc, AtomicUsize, Ordering},
    time::{Clock, Instant},
};
use core::fmt;

/// How many retries all who share it may make together: so that what fails is not called more and
/// more often, the worse it is.
///
/// A bucket of retries. A [`retry`](super::retry()) takes one out before each attempt but the first, and
/// gives up when there is none. The bucket is full at first, and holds no more than then. First attempts
/// put [a part of a retry](Self::percent) into it, time [some each second](Self::per_second), or nothing
/// does: then there are so many retries in all. Clones share the bucket.
///
/// Put into a [context](crate::context) it belongs to a tree of scopes: each retry in it finds it,
/// however deep, unless one has [another](super::Retry::budget). Retries inside retries then add up
/// instead of multiplying: three layers with two retries each call the innermost function 27 times, and with
/// a budget of 6 no more than 7 times.
///
/// # Cost
///
/// The first attempt adds to one atomic; a retry takes from it, and reads the clock if time puts in
/// retries.
///
/// # Examples
///
/// ```
/// use anyscope::{context::Context, resilience::{RetryBudget, retry}, smol::Smol};
/// use std::{cell::Cell, time::Duration};
///
/// const TWICE: [Duration; 2] = [Duration::ZERO; 2];
///
/// # smol::block_on(async {
/// let calls = &Cell::new(0);
/// let inner = || retry(&Smol, TWICE, || async {
///     calls.set(calls.get() + 1);
///     Err::<(), _>("down")
/// });
/// let middle = || retry(&Smol, TWICE, inner);
/// let outer = || retry(&Smol, TWICE, middle);
///
/// assert!(outer().await.is_err());
/// assert_eq!(calls.replace(0), 27);
///
/// assert!(Context::new().with(RetryBudget::new(6)).around(outer()).await.is_err());
/// assert_eq!(calls.get(), 7);
/// # });
/// ```
///
/// A budget for a server: a fifth of the calls may be retried, and ten retries each second in any case.
///
/// ```
/// use anyscope::resilience::RetryBudget;
///
/// let budget = RetryBudget::new(100).percent(20).per_second(10);
/// assert_eq!(budget.available(), 100);
/// ```
#[derive(Clone)]
pub struct RetryBudget {
    bucket: Arc<Bucket>,
}

/// A thousandth of a retry is the unit.
const RETRY: usize = 1000;
/// Before the first retry. No time that is written down is this one.
const NEVER: usize = usize::MAX;

struct Bucket {
    rules: Rules,
    balance: AtomicUsize,
    /// When it was last filled by time, in milliseconds of the clock, wrapped around.
    filled: AtomicUsize,
}

#[derive(Clone, Copy)]
struct Rules {
    most: usize,
    /// What a first attempt puts in.
    deposit: usize,
    /// What a millisecond puts in: as many thousandths as there are retries a second.
    per_milli: usize,
}

impl RetryBudget {
    /// Creates a budget of so many retries. With 0 there is none, unless something puts it in; and then
    /// there is room for none.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::resilience::RetryBudget;
    ///
    /// let budget = RetryBudget::new(100);
    /// assert_eq!(budget.available(), 100);
    /// ```
    pub fn new(most: usize) -> Self {
        Self::with(Rules { most: most.saturating_mul(RETRY), deposit: 0, per_milli: 0 })
    }

    fn with(rules: Rules) -> Self {
        let (balance, filled) = (AtomicUsize::new(rules.most), AtomicUsize::new(NEVER));
        RetryBudget { bucket: Arc::new(Bucket { rules, balance, filled }) }
    }

    /// Returns another budget of the same kind, full, into which each first attempt puts so many percent
    /// of a retry: 20 allows one retry for five calls.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{resilience::{RetryBudget, retry}, smol::Smol};
    /// use std::time::Duration;
    ///
    /// # smol::block_on(async {
    /// let budget = RetryBudget::new(1).percent(50);
    /// let down = || async { Err::<(), _>("down") };
    /// retry(&Smol, [Duration::ZERO; 9], down).budget(&budget).await.unwrap_err();
    /// assert_eq!(budget.available(), 0);
    /// // Two other calls allow one more retry.
    /// budget.deposit();
    /// assert_eq!(budget.available(), 0);
    /// budget.deposit();
    /// assert_eq!(budget.available(), 1);
    /// # });
    /// ```
    #[must_use = "a budget does not change its rules: this returns another one"]
    pub fn percent(self, percent: u32) -> Self {
        let deposit = (percent as usize).saturating_mul(RETRY / 100);
        Self::with(Rules { deposit, ..self.bucket.rules })
    }

    /// Returns another budget of the same kind, full, into which time puts so many retries each second,
    /// on the clock of those who retry. Use one clock for all.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{Timer, resilience::{RetryBudget, retry}, sim::Sim};
    /// use std::time::Duration;
    ///
    /// Sim::new(7).run(async |sim| {
    ///     const SECOND: Duration = Duration::from_secs(1);
    ///     let budget = RetryBudget::new(1).percent(0).per_second(1);
    ///     let down = || async { Err::<(), _>("down") };
    ///     for made in [2, 2] {
    ///         let failed = retry(&sim, [Duration::ZERO; 9], down).budget(&budget).await.unwrap_err();
    ///         assert_eq!(failed.made, made); // the budget has one retry
    ///         sim.sleep(SECOND).await; // and one more by then
    ///     }
    /// }).unwrap();
    /// ```
    #[must_use = "a budget does not change its rules: this returns another one"]
    pub fn per_second(self, retries: u32) -> Self {
        Self::with(Rules { per_milli: retries as usize, ..self.bucket.rules })
    }

    /// Returns how many retries could be made now, without those that the time since the last one puts in.
    ///
    /// # Examples
    ///
    /// See [`RetryBudget`].
    pub fn available(&self) -> usize {
        self.bucket.balance.load(Ordering::Relaxed) / RETRY
    }

    /// Puts in what a first attempt does: for loops that are not a [`retry`](super::retry()).
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{resilience::{RetryBudget, retry}, sim::Sim};
    /// use std::time::Duration;
    ///
    /// Sim::new(7).run(async |sim| {
    ///     let budget = RetryBudget::new(1).percent(100);
    ///     let down = || async { Err::<(), _>("down") };
    ///     retry(&sim, [Duration::ZERO; 9], down).budget(&budget).await.unwrap_err();
    ///     assert_eq!(budget.available(), 0);
    ///     budget.deposit(); // a call that this program makes without `retry`
    ///     assert_eq!(budget.available(), 1);
    /// }).unwrap();
    /// ```
    pub fn deposit(&self) {
        if self.bucket.rules.deposit > 0 {
            self.put(self.bucket.rules.deposit);
        }
    }

    /// Takes out one retry. Returns false if there is none.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{resilience::RetryBudget, smol::Smol};
    ///
    /// let budget = RetryBudget::new(1).percent(50);
    /// assert!(budget.withdraw(&Smol));
    /// assert!(!budget.withdraw(&Smol));
    /// budget.deposit();
    /// budget.deposit();
    /// assert!(budget.withdraw(&Smol));
    /// ```
    pub fn withdraw(&self, clock: &(impl Clock + ?Sized)) -> bool {
        if self.bucket.rules.per_milli > 0 {
            self.fill(clock.now());
        }
        // Relaxed: the number is all there is to it.
        self.bucket
            .balance
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |balance| {
                balance.checked_sub(RETRY)
            })
            .is_ok()
    }

    /// Calls `f` with the budget that was given, or with that in the context, if there is one.
    #[inline]
    pub(in crate::resilience) fn around<B>(
        given: &Option<RetryBudget>,
        f: impl FnOnce(&RetryBudget) -> B,
    ) -> Option<B> {
        match given {
            Some(budget) => Some(f(budget)),
            #[cfg(all(feature = "std", not(anyscope_loom)))]
            None => crate::context::with_current(|context| context.get().map(f)),
            #[cfg(not(all(feature = "std", not(anyscope_loom))))]
            None => None,
        }
    }

    fn put(&self, amount: usize) {
        let most = self.bucket.rules.most;
        // When it is full, which is most of the time, nothing is written.
        let add =
            |balance: usize| (balance < most).then(|| balance.saturating_add(amount).min(most));
        let _ = self.bucket.balance.fetch_update(Ordering::Relaxed, Ordering::Relaxed, add);
    }

    /// Puts in what the time since the last call has.
    fn fill(&self, now: Instant) {
        let now = match now.since_epoch().as_millis() as usize {
            NEVER => NEVER - 1,
            now => now,
        };
        let filled = &self.bucket.filled;
        let last = filled.load(Ordering::Relaxed);
        let elapsed = if last == NEVER { 0 } else { now.wrapping_sub(last) };
        // More than half of all is a thread that is late.
        let is_due = last == NEVER || (1..=usize::MAX / 2).contains(&elapsed);
        // One thread has the time since `last`. Others may find the bucket empty until it has put that
        // in: never too full.
        if is_due
            && filled.compare_exchange(last, now, Ordering::Relaxed, Ordering::Relaxed).is_ok()
        {
            self.put(elapsed.saturating_mul(self.bucket.rules.per_milli));
        }
    }
}

impl fmt::Debug for RetryBudget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Rules { most, deposit, per_milli } = self.bucket.rules;
        f.debug_struct("RetryBudget")
            .field("available", &self.available())
            .field("most", &(most / RETRY))
            .field("percent", &(deposit * 100 / RETRY))
            .field("per_second", &per_milli)
            .finish()
    }
}
