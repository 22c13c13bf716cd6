//! When a wait ends.

use core::fmt;

/// When a [wait](super::PollMap::wait) ends, in the words of its call: `map.wait(When::First)`.
///
/// Each is a value of a type of its own, so that the compiler refuses what cannot be: for instance
/// [`When::FirstError`] of futures whose outputs are no `Result`. For what none of these says,
/// there is [`wait_until`](super::PollMap::wait_until), which takes a predicate.
///
/// | | ends with | nothing in the map |
/// |---|---|---|
/// | [`First`](When::First) | the first output | ends, not met |
/// | [`FirstError`](When::FirstError) | the first output that is an `Err`, or the last of all | ends, not met |
/// | [`Count(k)`](When::Count) | the k-th output, or the last of all | ends; met if `k` is 0 |
/// | [`Batch`](When::Batch) | the first output, and with it all that are done by then | ends, not met |
/// | [`All`](When::All) | the last output | ends, met |
///
/// # Examples
///
/// ```
/// use anyscope::{FutureMap, Waited, When};
/// use std::future::ready;
///
/// # smol::block_on(async {
/// let mut map = FutureMap::new();
/// map.replace("one", ready(Ok(1)));
/// map.replace("two", ready(Err("no")));
/// map.replace("three", ready(Ok(3)));
///
/// let Waited { done, met, .. } = map.wait(When::FirstError).await;
/// assert!(met, "one of them has failed");
/// assert_eq!(done, [("one", Ok(1)), ("two", Err("no"))]);
/// assert!(map.keys().eq(&["three"]));
/// # });
/// ```
#[derive(Clone, Copy, Debug)]
pub enum When {}

// They read as the variants that they would be if one type could have them all.
#[allow(non_upper_case_globals, non_snake_case)]
impl When {
    /// The first output.
    pub const First: First = First(());

    /// The first output that is an `Err`, or the last of all: a wait that ends without a failure
    /// was not [met](super::Waited::met).
    pub const FirstError: FirstError = FirstError(());

    /// The first output, and with it all that are done by then: at least one, without waiting for
    /// a second.
    pub const Batch: Batch = Batch(());

    /// All outputs.
    pub const All: All = All(());

    /// Returns the condition that there are so many outputs, and not one more, even if more are ready.
    ///
    /// Of nothing at all (`Count(0)`) there is always enough: the wait polls nothing. If there are
    /// fewer than `outputs`, it ends with the last of them, and was not
    /// [met](super::Waited::met): [`require`](super::Waited::require) makes that an error.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{FutureMap, When};
    /// use std::future::ready;
    ///
    /// # smol::block_on(async {
    /// let mut replicas = FutureMap::new();
    /// for node in 1..=3 {
    ///     replicas.replace(node, ready("stored"));
    /// }
    /// let quorum = replicas.wait(When::Count(2)).await.require().expect("there are three");
    /// assert_eq!(quorum, [(1, "stored"), (2, "stored")]);
    ///
    /// let error = replicas.wait(When::Count(2)).await.require().unwrap_err();
    /// assert_eq!(error.done, [(3, "stored")]);
    /// assert_eq!(error.to_string(), "1 done, and nothing left to wait for");
    /// # });
    /// ```
    pub const fn Count(outputs: usize) -> Count {
        Count { left: outputs }
    }
}

/// [`When::First`].
///
/// See [`When`].
#[derive(Clone, Copy, Debug)]
pub struct First(());

/// [`When::FirstError`].
///
/// See [`When`].
#[derive(Clone, Copy, Debug)]
pub struct FirstError(());

/// [`When::Batch`].
///
/// See [`When`].
#[derive(Clone, Copy, Debug)]
pub struct Batch(());

/// [`When::All`].
///
/// See [`When`].
#[derive(Clone, Copy, Debug)]
pub struct All(());

/// [`When::Count`].
#[derive(Clone, Copy, Debug)]
pub struct Count {
    left: usize,
}

/// When a wait ends that gathers items of type `I`: of a map pairs of key and output, of a set
/// outputs. What [`When`] has; sealed.
#[diagnostic::on_unimplemented(
    message = "a wait for `{I}` cannot end with `{Self}`",
    note = "`When::FirstError` is for futures whose outputs are `Result`s",
    note = "for a predicate, call `wait_until`"
)]
pub trait Condition<I>: sealed::Judge<I> {}

impl<I, C: sealed::Judge<I>> Condition<I> for C {}

impl<I> sealed::Judge<I> for First {
    fn see(&mut self, _: &I) -> bool {
        true
    }
}

impl<T, E> sealed::Judge<Result<T, E>> for FirstError {
    fn see(&mut self, output: &Result<T, E>) -> bool {
        output.is_err()
    }
}

impl<K, T, E> sealed::Judge<(K, Result<T, E>)> for FirstError {
    fn see(&mut self, (_, output): &(K, Result<T, E>)) -> bool {
        output.is_err()
    }
}

impl<I> sealed::Judge<I> for Batch {
    fn see(&mut self, _: &I) -> bool {
        false
    }

    fn is_met_by_waiting(&self) -> bool {
        true
    }
}

impl<I> sealed::Judge<I> for All {
    fn see(&mut self, _: &I) -> bool {
        false
    }

    fn is_met_at_the_end(&self, _: bool) -> bool {
        true
    }
}

impl<I> sealed::Judge<I> for Count {
    fn is_met_at_once(&self) -> bool {
        self.left == 0
    }

    fn see(&mut self, _: &I) -> bool {
        self.left = self.left.saturating_sub(1);
        self.left == 0
    }
}

/// The condition of a `wait_until`, with a predicate for what the set or map gathers.
///
/// See [`FutureSet::wait_until`](crate::set::PollSet::wait_until).
#[derive(Clone, Copy)]
pub struct Until<P>(pub(super) P);

impl<I, P: FnMut(&I) -> bool> sealed::Judge<I> for Until<P> {
    fn see(&mut self, item: &I) -> bool {
        (self.0)(item)
    }
}

/// The condition of the `wait_until` of a map.
///
/// See [`FutureMap::wait_until`](crate::set::PollMap::wait_until).
#[derive(Clone, Copy)]
pub struct UntilKeyed<P>(pub(super) P);

impl<K, T, P: FnMut(&K, &T) -> bool> sealed::Judge<(K, T)> for UntilKeyed<P> {
    fn see(&mut self, (key, output): &(K, T)) -> bool {
        (self.0)(key, output)
    }
}

impl<P> fmt::Debug for Until<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Until(..)")
    }
}

impl<P> fmt::Debug for UntilKeyed<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("UntilKeyed(..)")
    }
}

pub(super) mod sealed {
    /// How a condition is asked.
    pub trait Judge<I> {
        /// Called first, with how many there are.
        fn begin(&mut self, _there: impl FnOnce() -> usize) {}

        /// Whether it is met before anything is polled.
        fn is_met_at_once(&self) -> bool {
            false
        }

        /// Whether it is met by this item, with those that it was shown before.
        fn see(&mut self, item: &I) -> bool;

        /// The same, where `there` returns how many there are in all.
        fn see_among(&mut self, item: &I, _there: impl FnOnce() -> usize) -> bool {
            self.see(item)
        }

        /// Whether it is met if something is gathered and nothing more is ready.
        fn is_met_by_waiting(&self) -> bool {
            false
        }

        /// Whether it is met if nothing is left to wait for; `any` if something is gathered.
        fn is_met_at_the_end(&self, any: bool) -> bool {
            any && self.is_met_by_waiting()
        }
    }
}
