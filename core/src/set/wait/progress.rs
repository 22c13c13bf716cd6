//! Telling how far a wait has come.

use super::{Condition, FirstError, Wait, When, condition::sealed::Judge, gather::Gather};
use crate::{
    observe::{Progress, Teller},
    time::Clock,
};
use core::fmt;

impl<'a, G: Gather, C: Condition<G::Item>> Wait<'a, G, C> {
    /// Tells `observer` how far the wait has come: first when it starts, with nothing done, then for
    /// each output, when it is done.
    ///
    /// The total is how many futures there are, those that the wait does not wait for among them;
    /// it grows when a handle adds some. What an earlier wait has left done counts when this one sees it, at once.
    ///
    /// Time is that of `clock`, since the wait was first polled. Without one, pass
    /// [`NoClock`](crate::flow::NoClock). Nothing counts as failed; for results there is
    /// [`try_progress`](Self::try_progress). A [`timeout`](Self::timeout) is put after it.
    ///
    /// # Cancel safety
    ///
    /// That of the wait: nothing is lost.
    ///
    /// # Panics
    ///
    /// A panic of the observer propagates from the poll of the wait. The output that it was told of
    /// stays in the set or map; if the wait is polled again, it continues with the next.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{FutureMap, When, flow::NoClock};
    /// use std::future::ready;
    ///
    /// # smol::block_on(async {
    /// let mut mirrors: FutureMap<_, _> = FutureMap::new();
    /// mirrors.replace("near", ready("page"));
    /// mirrors.replace("far", ready("page"));
    ///
    /// let mut told = vec![];
    /// let wait = mirrors.wait(When::All);
    /// let waited = wait.progress(NoClock, |progress| told.push(progress.to_string())).await;
    /// assert_eq!(waited.done.len(), 2);
    /// assert_eq!(told, ["0 of 2", "1 of 2", "2 of 2"]);
    /// # });
    /// ```
    pub fn progress<K, O>(self, clock: K, observer: O) -> Wait<'a, G, Told<C, K, O, G::Item>>
    where
        K: Clock,
        O: FnMut(Progress),
    {
        self.told(clock, observer, |_| false)
    }

    /// As [`progress`](Self::progress), for futures whose outputs are results, of which errors count
    /// as failed.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{FutureSet, When, flow::NoClock};
    /// use std::future::ready;
    ///
    /// # smol::block_on(async {
    /// let mut set: FutureSet<_> = [ready(Ok(1)), ready(Err("no"))].into_iter().collect();
    /// let mut last = String::new();
    /// let wait = set.wait(When::All);
    /// let waited = wait.try_progress(NoClock, |progress| last = progress.to_string()).await;
    /// assert_eq!(waited.done, [Ok(1), Err("no")]);
    /// assert_eq!(last, "2 of 2, 1 failed");
    /// # });
    /// ```
    pub fn try_progress<K, O>(self, clock: K, observer: O) -> Wait<'a, G, Told<C, K, O, G::Item>>
    where
        K: Clock,
        O: FnMut(Progress),
        FirstError: Condition<G::Item>,
    {
        self.told(clock, observer, |item| {
            // An error is what would end such a wait.
            let mut first_error = When::FirstError;
            first_error.see(item)
        })
    }

    fn told<K, O>(
        self,
        clock: K,
        observer: O,
        is_error: fn(&G::Item) -> bool,
    ) -> Wait<'a, G, Told<C, K, O, G::Item>>
    where
        K: Clock,
        O: FnMut(Progress),
    {
        let teller = Teller::new(clock, observer);
        self.with_condition(|condition| Told { condition, teller, is_error })
    }
}

/// The condition of a wait whose [progress](Wait::progress) is told.
pub struct Told<C, K, O, I> {
    condition: C,
    teller: Teller<K, O>,
    is_error: fn(&I) -> bool,
}

impl<C, K, O, I> Judge<I> for Told<C, K, O, I>
where
    C: Condition<I>,
    K: Clock,
    O: FnMut(Progress),
{
    fn begin(&mut self, there: impl FnOnce() -> usize) {
        self.teller.start(|| Some(there()));
    }

    fn is_met_at_once(&self) -> bool {
        self.condition.is_met_at_once()
    }

    fn see(&mut self, item: &I) -> bool {
        self.condition.see(item)
    }

    fn see_among(&mut self, item: &I, there: impl FnOnce() -> usize) -> bool {
        let is_met = self.condition.see(item);
        self.teller.item_of((self.is_error)(item), there());
        is_met
    }

    fn is_met_by_waiting(&self) -> bool {
        self.condition.is_met_by_waiting()
    }

    fn is_met_at_the_end(&self, any: bool) -> bool {
        self.condition.is_met_at_the_end(any)
    }
}

impl<C: fmt::Debug, K, O, I> fmt::Debug for Told<C, K, O, I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Told").field(&self.condition).finish()
    }
}
