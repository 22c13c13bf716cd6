//! Bounded side effects in the awaiting task.

use crate::{
    flow::{
        Flow, Source,
        work::{Call, MapConcurrent, Work, sealed},
    },
    limit::IntoLimit,
    set::budget::Budget,
    waits,
};
use core::{
    convert::Infallible,
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};
use futures_core::Stream;
use pin_project_lite::pin_project;

impl<S: Source> Flow<S> {
    /// Runs `f` for every item, with at most `limit` at the same time, in the awaiting task.
    ///
    /// Calls `f` with the items in the order of the source, as soon as there is room under the
    /// limit. Its future is polled at once, and then whenever its waker fires. `f` and its futures
    /// may borrow from outside the operation.
    ///
    /// Ready when the source has ended and all work is done.
    ///
    /// # Cancel safety
    ///
    /// Dropping the returned future drops the work under way, then an item taken ahead if there is
    /// one (see the [module](crate::flow)), then the source. Items that were not taken from the
    /// source stay in it; pass `&mut stream` to keep it.
    ///
    /// # Panics
    ///
    /// Panics at once if `limit` is 0. Propagates a panic of the source, of `f` or of the work; the
    /// rest of the work is dropped with the future. Panics if polled after that, or after it was
    /// ready.
    ///
    /// # Fairness
    ///
    /// Work is polled in passes. A pass polls each piece of work once that was woken before the
    /// pass began. After 64 polls or two passes the task yields to its executor.
    ///
    /// # Cost
    ///
    /// No allocation per item: memory is allocated for up to 64 pieces of work at a time, and
    /// reused. O(1) per item and per wake.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::flow;
    /// use std::sync::atomic::{AtomicUsize, Ordering};
    ///
    /// # smol::block_on(async {
    /// let users = ["ann", "bob", "cleo"];
    /// let notified = AtomicUsize::new(0);
    /// flow::iter(&users)
    ///     .for_each_concurrent(2, async |user| {
    ///         // .. send a mail to `user` ..
    /// #       let _ = user;
    ///         notified.fetch_add(1, Ordering::Relaxed);
    ///     })
    ///     .await;
    /// assert_eq!(notified.into_inner(), 3);
    /// # });
    /// ```
    #[track_caller]
    pub fn for_each_concurrent<F, Fut>(self, limit: impl IntoLimit, f: F) -> ForEachConcurrent<S, F>
    where
        F: FnMut(S::Item) -> Fut,
        Fut: Future<Output = ()>,
    {
        ForEachConcurrent { map: self.map_concurrent(limit, f).unordered().source, over: false }
    }

    /// Runs `f` for every item, one after the other.
    ///
    /// As [`for_each_concurrent`](Self::for_each_concurrent) with a limit of 1: the flow before it
    /// keeps running while a future of `f` waits.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::flow;
    ///
    /// # smol::block_on(async {
    /// let mut seen = vec![];
    /// flow::iter(["a", "b"]).map_concurrent(2, async |word| word.len()).for_each(|n| {
    ///     seen.push(n);
    ///     std::future::ready(())
    /// })
    /// .await;
    /// assert_eq!(seen, [1, 1]);
    /// # });
    /// ```
    pub fn for_each<F, Fut>(self, f: F) -> ForEachConcurrent<S, F>
    where
        F: FnMut(S::Item) -> Fut,
        Fut: Future<Output = ()>,
    {
        self.for_each_concurrent(1, f)
    }

    /// Runs `f` for every item, one after the other, until one fails.
    ///
    /// As [`try_for_each_concurrent`](Self::try_for_each_concurrent) with a limit of 1.
    ///
    /// # Errors
    ///
    /// Returns the first error of a future of `f`. For errors among the items, see
    /// [`try_fold`](Self::try_fold).
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::flow;
    ///
    /// # smol::block_on(async {
    /// let parse = async |line: &str| line.parse::<u32>().map(drop);
    /// assert!(flow::iter(["1", "two", "3"]).try_for_each(parse).await.is_err());
    /// # });
    /// ```
    pub fn try_for_each<F, Fut, E>(self, f: F) -> TryForEachConcurrent<S, F>
    where
        F: FnMut(S::Item) -> Fut,
        Fut: Future<Output = Result<(), E>>,
    {
        self.try_for_each_concurrent(1, f)
    }

    /// Runs `f` for every item, with at most `limit` at the same time, until one fails.
    ///
    /// As [`for_each_concurrent`](Self::for_each_concurrent), but the first error in time ends the
    /// operation: no more items are taken, and the work under way and the source are dropped before
    /// the error is returned.
    ///
    /// # Errors
    ///
    /// Returns the first error of a future of `f`.
    ///
    /// # Cancel safety, panics, fairness, cost
    ///
    /// Those of [`for_each_concurrent`](Self::for_each_concurrent).
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::flow;
    ///
    /// # smol::block_on(async {
    /// let lines = ["1", "2", "three", "4"];
    /// let failed = flow::iter(lines)
    ///     .try_for_each_concurrent(2, async |line: &str| line.parse::<u32>().map(drop))
    ///     .await;
    /// assert!(failed.is_err());
    /// # });
    /// ```
    #[track_caller]
    pub fn try_for_each_concurrent<F, Fut, E>(
        self,
        limit: impl IntoLimit,
        f: F,
    ) -> TryForEachConcurrent<S, F>
    where
        F: FnMut(S::Item) -> Fut,
        Fut: Future<Output = Result<(), E>>,
    {
        TryForEachConcurrent { map: self.map_concurrent(limit, f).unordered().source, over: false }
    }
}

pin_project! {
    /// Future of [`Flow::for_each_concurrent`].
    #[must_use = "futures do nothing unless you `.await` or poll them"]
    pub struct ForEachConcurrent<
        S,
        F,
        Item = <S as Stream>::Item,
        Fut = <Call<F> as sealed::Work<Item>>::Future,
        T = <Call<F> as sealed::Work<Item>>::Output,
    >
    where
        S: Source,
        F: FnMut(Item) -> Fut,
        Fut: Future<Output = T>,
    {
        #[pin]
        map: MapConcurrent<S, Call<F>, Item, Fut, T>,
        over: bool,
    }
}

impl<S, F, Fut> Future for ForEachConcurrent<S, F, S::Item, Fut, ()>
where
    S: Source,
    F: FnMut(S::Item) -> Fut,
    Fut: Future<Output = ()>,
{
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.project();
        match ready!(poll_values(this.map, cx, this.over, Ok::<_, Infallible>)) {
            Ok(()) => Poll::Ready(()),
            Err(never) => match never {},
        }
    }
}

pin_project! {
    /// Future of [`Flow::try_for_each_concurrent`].
    #[must_use = "futures do nothing unless you `.await` or poll them"]
    pub struct TryForEachConcurrent<
        S,
        F,
        Item = <S as Stream>::Item,
        Fut = <Call<F> as sealed::Work<Item>>::Future,
        T = <Call<F> as sealed::Work<Item>>::Output,
    >
    where
        S: Source,
        F: FnMut(Item) -> Fut,
        Fut: Future<Output = T>,
    {
        #[pin]
        map: MapConcurrent<S, Call<F>, Item, Fut, T>,
        over: bool,
    }
}

impl<S, F, Fut, E> Future for TryForEachConcurrent<S, F, S::Item, Fut, Result<(), E>>
where
    S: Source,
    F: FnMut(S::Item) -> Fut,
    Fut: Future<Output = Result<(), E>>,
{
    type Output = Result<(), E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), E>> {
        let this = self.project();
        poll_values(this.map, cx, this.over, |result| result)
    }
}

/// Takes the values of a map until it ends, or until `judge` returns an error.
fn poll_values<S, W, E>(
    mut map: Pin<&mut MapConcurrent<S, W>>,
    cx: &mut Context<'_>,
    over: &mut bool,
    judge: impl Fn(W::Output) -> Result<(), E>,
) -> Poll<Result<(), E>>
where
    S: Source,
    W: Work<S::Item>,
{
    assert!(!*over, "polled after it was ready");
    let mut budget = Budget::new();
    let result = loop {
        match ready!(map.as_mut().poll_value(cx, &mut budget, true)) {
            None => break Ok(()),
            Some(value) => {
                if let Err(error) = judge(value) {
                    break Err(error);
                }
            }
        }
        if !budget.pay_poll() {
            waits::yields(cx.waker());
            return Poll::Pending;
        }
    };
    *over = true;
    if result.is_err() {
        map.clear();
    }
    Poll::Ready(result)
}

macro_rules! debug {
    ($($name:ident)+) => {$(
        impl<S, F, Fut> fmt::Debug for $name<S, F, S::Item, Fut, Fut::Output>
        where
            S: Source,
            F: FnMut(S::Item) -> Fut,
            Fut: Future,
        {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($name))
                    .field("map", &self.map)
                    .field("over", &self.over)
                    .finish()
            }
        }
    )+};
}

debug! { ForEachConcurrent TryForEachConcurrent }
