//! Values without errors.

use super::adapter::{self, Adapt};
use crate::flow::{Flow, Source};

impl<S, T, E> Flow<S>
where
    S: Source<Item = Result<T, E>>,
{
    /// Yields the values, and forgets the errors.
    ///
    /// To look at the errors first, put [`inspect_err`](Flow::inspect_err) before it; to keep them,
    /// use [`partition_results`](Flow::partition_results) or [`collect`](Flow::collect).
    ///
    /// Errors that were not asked for yet take places in the window of a map, like values.
    ///
    /// # Examples
    ///
    /// Notify users, and let failures be:
    ///
    /// ```
    /// use anyscope::flow;
    ///
    /// # smol::block_on(async {
    /// async fn notify(user: &str) -> Result<&str, String> {
    ///     if user == "bob" { Err("bob has no mail".into()) } else { Ok(user) }
    /// }
    ///
    /// let notified: Vec<_> = flow::iter(["ann", "bob", "cleo"])
    ///     .map_concurrent(2, notify)
    ///     .inspect_err(|error| println!("ignored: {error}"))
    ///     .filter_ok()
    ///     .collect()
    ///     .await;
    /// assert_eq!(notified, ["ann", "cleo"]);
    /// # });
    /// ```
    pub fn filter_ok(self) -> Flow<Adapt<S, FilterOk>> {
        self.adapt(FilterOk(()))
    }
}

/// Forgets errors. Made by [`filter_ok`](Flow::filter_ok).
#[derive(Debug)]
pub struct FilterOk(());

impl<T, E> adapter::sealed::Adapter<Result<T, E>> for FilterOk {
    type Output = T;

    const GIVES_ALL: bool = false;

    fn adapt(&mut self, item: Result<T, E>) -> Option<T> {
        item.ok()
    }
}
