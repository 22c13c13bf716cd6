//! Waiting for some of the futures of a set.

use super::{
    Condition, Until, Wait,
    gather::{Gather, Progress},
    intake::{Added, Intake},
    kept::Kept,
};
use crate::set::{FutureSet, budget::Budget, passes, slab::Slab};
use crate::waits;
use alloc::{boxed::Box, vec::Vec};
use core::{
    future::Future,
    task::{Context, Poll},
};

impl<F: Future> FutureSet<F> {
    /// Waits for some of the futures, and returns the outputs of those that are done, in order of
    /// completion. The rest stays in the set, and continues with the next wait or poll.
    ///
    /// As the [`wait`](super::PollMap::wait) of a map, which says more.
    ///
    /// # Cancel safety
    ///
    /// Dropping the wait loses nothing. What is done and was not returned stays in the set, and is
    /// what the next wait or poll returns first.
    ///
    /// # Errors, panics
    ///
    /// Those of the [`wait`](super::PollMap::wait) of a map.
    ///
    /// # Cost
    ///
    /// That of polling the set. The first wait allocates once, for what is done and was not returned.
    /// What is done is looked at once in each wait.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{FutureSet, When};
    /// use smol::future;
    ///
    /// # smol::block_on(async {
    /// let mut set = FutureSet::new();
    /// for n in [2, 0, 1] {
    ///     set.push(async move {
    ///         for _ in 0..n {
    ///             future::yield_now().await;
    ///         }
    ///         n
    ///     });
    /// }
    /// assert_eq!(set.wait(When::Count(2)).await.done, [0, 1]);
    /// assert_eq!(set.wait(When::All).await.done, [2]);
    /// # });
    /// ```
    pub fn wait<C: Condition<F::Output>>(&mut self, when: C) -> Wait<'_, Self, C> {
        Wait::new(self, when)
    }

    /// Waits until `predicate` returns true for an output, and returns all that are done by then;
    /// as the [`wait_until`](super::PollMap::wait_until) of a map.
    ///
    /// # Cancel safety, errors, panics, cost
    ///
    /// Those of [`wait`](Self::wait) and of the `wait_until` of a map.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::FutureSet;
    /// use std::future::ready;
    ///
    /// # smol::block_on(async {
    /// let mut set: FutureSet<_> = [3, 1, 4, 1].map(ready).into_iter().collect();
    /// let mut sum = 0;
    /// let waited = set.wait_until(|n| {
    ///     sum += n;
    ///     sum > 5
    /// });
    /// assert_eq!(waited.await.done, [3, 1, 4]);
    /// # });
    /// ```
    pub fn wait_until<P>(&mut self, predicate: P) -> Wait<'_, Self, Until<P>>
    where
        P: FnMut(&F::Output) -> bool,
    {
        Wait::new(self, Until(predicate))
    }

    /// Returns a handle that adds futures to this set, from any task or thread, also while the set
    /// is being polled or waited for; as the [`handle`](super::PollMap::handle) of a map.
    ///
    /// # Cost
    ///
    /// From the first handle on the set takes a lock for each poll.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{FutureSet, When};
    /// use std::{future::ready, thread};
    ///
    /// # smol::block_on(async {
    /// let mut set = FutureSet::new();
    /// let handle = set.handle();
    /// thread::spawn(move || handle.push(ready(1)).unwrap()).join().unwrap();
    /// assert_eq!(set.wait(When::All).await.done, [1]);
    /// # });
    /// ```
    #[cfg(any(feature = "std", anyscope_loom))]
    pub fn handle(&mut self) -> super::SetHandle<F> {
        super::SetHandle::new(Beside::of(&mut self.beside).intake.open(Default::default))
    }

    /// A poll of a set that was waited for, or has a handle: what was kept comes first, and what
    /// handles have added is taken in. Out of the way of sets that never were.
    #[cold]
    #[inline(never)]
    pub(in crate::set) fn poll_beside(&mut self, cx: &mut Context<'_>) -> Poll<Option<F::Output>> {
        let mut budget = Budget::new();
        loop {
            if let Some(output) = self.next_kept() {
                return Poll::Ready(Some(output));
            }
            match self.poll_kept(cx, &mut budget) {
                Progress::Kept => {}
                Progress::Empty { .. } => return Poll::Ready(None),
                Progress::Waits | Progress::Yields => return Poll::Pending,
            }
        }
    }
}

impl<F: Future> Gather for FutureSet<F> {
    type Item = F::Output;

    fn kept(&self) -> &Kept<F::Output> {
        self.beside.as_ref().map_or(const { &Kept::new() }, |beside| &beside.kept)
    }

    fn poll_kept(&mut self, cx: &mut Context<'_>, budget: &mut Budget) -> Progress {
        let beside = Beside::of(&mut self.beside);
        beside.intake.register(cx);
        if beside.take_in(&mut self.slab) && !budget.pay_pass() {
            waits::yields(cx.waker());
            return Progress::Yields;
        }
        let polled = passes::poll_within(budget, &mut self.slab, cx, |slab| {
            Some(slab.poll_next_future()?.map(|output| beside.kept.push(output)))
        });
        Progress::of(polled, budget, || beside.intake.is_open())
    }

    fn left(&self) -> (usize, bool) {
        (self.len(), self.beside.as_ref().is_some_and(|beside| beside.intake.is_open()))
    }

    fn next_kept(&mut self) -> Option<F::Output> {
        self.beside.as_mut()?.kept.pop()
    }

    fn take_before(&mut self, number: usize) -> Vec<F::Output> {
        self.beside.as_mut().map_or_else(Vec::new, |beside| beside.kept.take_before(number))
    }
}

/// What a set has beside its children.
pub(in crate::set) struct Beside<F, O> {
    /// What a wait has gathered that was dropped before it returned.
    pub(in crate::set) kept: Kept<O>,
    pub(in crate::set) intake: Intake<(), F>,
}

impl<F, O> Beside<F, O> {
    /// Makes it if it is not there.
    fn of(place: &mut Option<Box<Self>>) -> &mut Self {
        place.get_or_insert_with(|| Box::new(Beside { kept: Kept::new(), intake: Intake::new() }))
    }

    /// Takes in what handles have added. Returns whether there was something.
    fn take_in(&mut self, slab: &mut Slab<F>) -> bool {
        // So many, and not until there are none: other threads may add as fast as this one takes.
        let added = self.intake.len();
        for _ in 0..added {
            let Some(Added { child, .. }) = self.intake.next() else { break };
            slab.push(child);
        }
        added > 0
    }
}
