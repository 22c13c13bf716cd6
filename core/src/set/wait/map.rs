//! Waiting for some of the futures of a map.

use super::{
    Condition, UntilKeyed, Wait,
    gather::{Gather, Progress},
    kept::Kept,
};
use crate::set::{FutureMap, budget::Budget, keyed::Keyed, passes, slab::Slab};
use crate::waits;
use alloc::vec::Vec;
use core::{future::Future, task::Context};

impl<K: Ord + Clone, F: Future> FutureMap<K, F> {
    /// Waits for some of the futures, and returns those that are done, with their keys, in order
    /// of completion. The rest stays in the map, and continues with the next wait or poll.
    ///
    /// [`When`](crate::When) says when the wait ends: with the
    /// [first](crate::When::First) output, the [first error](crate::When::FirstError), a
    /// [number](crate::When::Count) of outputs, or [all](crate::When::All) of them. It also ends,
    /// and says so, when nothing is left in the map: it never waits for what does not come.
    /// [`timeout`](Wait::timeout) and [`deadline`](Wait::deadline) limit it.
    ///
    /// # Cancel safety
    ///
    /// Dropping the wait loses nothing. What is done and was not returned stays in the map, with
    /// its key, and is what the next wait or poll returns first.
    ///
    /// # Panics
    ///
    /// Polling the wait panics when a future does; see [`PollMap`](super::PollMap). What is done
    /// stays in the map then, too.
    ///
    /// # Errors
    ///
    /// None: a wait whose condition was not met returns what is done and says so in
    /// [`met`](super::Waited::met) and [`timed_out`](super::Waited::timed_out).
    /// [`require`](super::Waited::require) makes an error of that.
    ///
    /// # Cost
    ///
    /// That of polling the map, and one clone of the key for each output. What is done is looked
    /// at once in each wait.
    ///
    /// # Examples
    ///
    /// What is done in a second, and what is not:
    ///
    /// ```
    /// use anyscope::{FutureMap, Waited, When, smol::Smol};
    /// use smol::future::{self, FutureExt};
    /// use std::time::Duration;
    ///
    /// # smol::block_on(async {
    /// let mut fetches = FutureMap::new();
    /// fetches.replace("index", async { 100 }.boxed());
    /// fetches.replace("about", async { 10 }.boxed());
    /// fetches.replace("stuck", future::pending().boxed());
    ///
    /// # let second = Duration::from_millis(1); /*
    /// let second = Duration::from_secs(1);
    /// # */
    /// let Waited { done, timed_out, .. } = fetches.wait(When::All).timeout(&Smol, second).await;
    /// assert_eq!(done, [("index", 100), ("about", 10)]);
    /// assert!(timed_out);
    /// assert!(fetches.keys().eq(&["stuck"]), "it is pending, and can be waited for again");
    /// # });
    /// ```
    pub fn wait<C: Condition<(K, F::Output)>>(&mut self, when: C) -> Wait<'_, Self, C> {
        Wait::new(self, when)
    }

    /// Waits until `predicate` returns true for a key and its output, and returns all that are
    /// done by then; as [`wait`](Self::wait).
    ///
    /// The predicate is called once for each output, in order of completion. So it can count, or
    /// add up.
    ///
    /// # Cancel safety, errors, cost
    ///
    /// Those of [`wait`](Self::wait). What the predicate has counted does not come back when the wait
    /// is dropped: the next wait shows it again what is done and was not returned.
    ///
    /// # Panics
    ///
    /// Polling the wait panics when the predicate does. The output stays in the map. If the wait
    /// is polled again, it continues with the next.
    ///
    /// # Examples
    ///
    /// Until two have voted yes, or two yes have become impossible:
    ///
    /// ```
    /// use anyscope::FutureMap;
    /// use std::future::ready;
    ///
    /// # smol::block_on(async {
    /// let mut votes = FutureMap::new();
    /// for (node, vote) in [("a", true), ("b", false), ("c", true), ("d", true)] {
    ///     votes.replace(node, ready(vote));
    /// }
    /// let (mut yes, mut no) = (0, 0);
    /// let waited = votes.wait_until(|_, &vote| {
    ///     if vote { yes += 1 } else { no += 1 }
    ///     yes == 2 || no == 3
    /// });
    /// assert_eq!(waited.await.done, [("a", true), ("b", false), ("c", true)]);
    /// assert_eq!(yes, 2);
    /// # });
    /// ```
    pub fn wait_until<P>(&mut self, predicate: P) -> Wait<'_, Self, UntilKeyed<P>>
    where
        P: FnMut(&K, &F::Output) -> bool,
    {
        Wait::new(self, UntilKeyed(predicate))
    }

    /// Returns a handle that adds futures to this map, from any task or thread, also while the map
    /// is being polled or waited for.
    ///
    /// A handle keeps the map from nothing: a wait ends when the map is empty, whether there are
    /// handles or not. Only [`as_completed`](Self::as_completed) waits for the last handle.
    ///
    /// # Cost
    ///
    /// The first handle clones all keys of the map. From there on the map takes a lock for each
    /// key that comes or goes, and for each poll.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{FutureMap, When, join};
    /// use smol::future::{self, FutureExt};
    ///
    /// # smol::block_on(async {
    /// let mut jobs = FutureMap::new();
    /// jobs.replace("first", future::yield_now().boxed());
    ///
    /// let handle = jobs.handle();
    /// let adds = async { handle.insert("second", future::ready(()).boxed()) };
    /// let (added, waited) = join((adds, jobs.wait(When::Count(2)))).await;
    /// assert!(added.is_ok() && waited.met);
    /// # });
    /// ```
    #[cfg(any(feature = "std", anyscope_loom))]
    pub fn handle(&mut self) -> super::MapHandle<K, F> {
        let places = &self.slots.places;
        super::MapHandle::new(self.slots.intake.open(|| places.keys().cloned().collect()))
    }
}

impl<K: Ord + Clone, F: Future> Gather for FutureMap<K, F> {
    type Item = (K, F::Output);

    fn kept(&self) -> &Kept<Self::Item> {
        &self.kept
    }

    fn poll_kept(&mut self, cx: &mut Context<'_>, budget: &mut Budget) -> Progress {
        self.slots.intake.register(cx);
        if self.take_in() && !budget.pay_pass() {
            waits::yields(cx.waker());
            return Progress::Yields;
        }
        let FutureMap { slab, slots, kept, .. } = self;
        let polled = passes::poll_within(budget, slab, cx, |slab| {
            let slot = slab.next()?;
            let polled = slab
                .poll_with(slot, |keyed, cx| keyed.poll_with(slots, |_, future| future.poll(cx)))?;
            Some(polled.map(|output| keep(slab, kept, slot, output)))
        });
        Progress::of(polled, budget, || slots.intake.is_open())
    }

    fn left(&self) -> (usize, bool) {
        (self.len(), self.slots.intake.is_open())
    }

    fn next_kept(&mut self) -> Option<Self::Item> {
        // First, as a comparison may panic: the output stays then.
        let (_, (key, _)) = self.kept.at_or_after(self.kept.first())?;
        self.slots.free(key);
        self.kept.pop()
    }

    fn take_before(&mut self, number: usize) -> Vec<Self::Item> {
        // First, as in `next_kept`.
        let first = self.kept.first();
        let mut next = first;
        while let Some((at, (key, _))) = self.kept.at_or_after(next) {
            // Not `==`: the one with this number may have been removed.
            if at.wrapping_sub(first) >= number.wrapping_sub(first) {
                break;
            }
            self.slots.free(key);
            next = at.wrapping_add(1);
        }
        self.kept.take_before(number)
    }
}

/// Keeps the output of a child, with its key, and drops the child. Where the key leads to is put right
/// when it is looked for.
fn keep<K: Clone, F: Future>(
    slab: &mut Slab<Keyed<K, F>>,
    kept: &mut Kept<(K, F::Output)>,
    slot: usize,
    output: F::Output,
) {
    let key = &slab.get(slot).expect("it was polled").key;
    kept.push((key.clone(), output));
    slab.remove(slot);
}
