//! A loop over the items of a flow that keeps running during the loop's awaits.

use super::super::{Flow, Source};
use crate::{
    set::budget::Budget,
    sync::{Arc, Wakers, handoff::Handoff},
    unwind, waits,
};
use core::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll, Waker},
};
use futures_core::Stream;
use pin_project_lite::pin_project;

impl<S: Source> Flow<S> {
    /// Runs `body`, which takes the items of this flow in a loop of its own.
    ///
    /// Unlike in a loop over a stream, the flow keeps running while the body awaits something else:
    /// the flow starts and continues work, up to its limits. The body may borrow from around it,
    /// return early, and use `?`.
    ///
    /// Ready with the value of the body. The flow is dropped first, with the items that were not
    /// taken.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future drops the body, then the flow. Dropping a [`next`](Items::next) loses
    /// nothing: the item that it asked for is kept for the following `next`, and dropped if the
    /// body ends before. The same holds for an item that was taken ahead from a
    /// [`stream`](crate::flow::stream) while the body was busy.
    ///
    /// # Panics
    ///
    /// Propagates a panic of the body or of the flow. Panics if polled after it was ready.
    ///
    /// # Cost
    ///
    /// One allocation; for each item, the cost of storing and firing a waker.
    ///
    /// # Examples
    ///
    /// A lock that both the flow and the loop take. Over a `buffered` stream of `futures`, this
    /// loop would wait for ever: the future that holds the lock is not polled while the body waits
    /// for the lock.
    ///
    /// ```
    /// use anyscope::flow;
    /// use smol::{future::yield_now, lock::Mutex};
    ///
    /// # smol::block_on(async {
    /// let cache = Mutex::new(0);
    /// let total = flow::iter(1..=10)
    ///     .map_concurrent(4, async |n| {
    ///         let mut hits = cache.lock().await;
    ///         yield_now().await;
    ///         *hits += 1;
    ///         n
    ///     })
    ///     .drive(async |mut items| {
    ///         let mut total = 0;
    ///         while let Some(n) = items.next().await {
    ///             let _hits = cache.lock().await;
    ///             total += n;
    ///         }
    ///         total
    ///     })
    ///     .await;
    /// assert_eq!(total, 55);
    /// # });
    /// ```
    #[doc(alias = "next")]
    pub fn drive<F, Fut>(self, body: F) -> Drive<S, Fut>
    where
        F: FnOnce(Items<S::Item>) -> Fut,
        Fut: Future,
    {
        let exchange = Arc::new(Handoff::new());
        let body = Some(body(Items { exchange: exchange.clone() }));
        Drive { body, source: Some(self.source), exchange, ended: false }
    }
}

/// The items of a flow, for the body of [`drive`](Flow::drive).
///
/// Also a [`Stream`]. It ends when the flow has ended or was dropped.
pub struct Items<T> {
    exchange: Arc<Handoff<T>>,
}

impl<T> Items<T> {
    /// Returns the next item, or `None` after the last.
    ///
    /// # Examples
    ///
    /// A body that looks at the first item before the others:
    ///
    /// ```
    /// use anyscope::flow;
    ///
    /// # smol::block_on(async {
    /// let lines = flow::iter(["name,price", "tea,3", "cake,4"]);
    /// let columns_and_rows = lines
    ///     .drive(async |mut lines| {
    ///         let columns = lines.next().await?.split(',').count();
    ///         let mut rows = 0;
    ///         while let Some(_row) = lines.next().await {
    ///             rows += 1;
    ///         }
    ///         Some((columns, rows))
    ///     })
    ///     .await;
    /// assert_eq!(columns_and_rows, Some((2, 2)));
    /// # });
    /// ```
    #[allow(clippy::should_implement_trait, reason = "the usual name for streams")]
    pub fn next(&mut self) -> NextItem<'_, T> {
        NextItem { items: self }
    }
}

impl<T> Stream for Items<T> {
    type Item = T;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        self.exchange.poll_take(cx)
    }
}

/// Future of [`Items::next`].
#[must_use = "futures do nothing unless you `.await` or poll them"]
pub struct NextItem<'a, T> {
    items: &'a mut Items<T>,
}

impl<T> Future for NextItem<'_, T> {
    type Output = Option<T>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        self.items.exchange.poll_take(cx)
    }
}

pin_project! {
    /// Future of [`Flow::drive`].
    #[must_use = "futures do nothing unless you `.await` or poll them"]
    pub struct Drive<S: Source, Fut, Item = <S as Stream>::Item> {
        // Dropped before the flow. `None` once it was ready.
        #[pin]
        body: Option<Fut>,
        #[pin]
        source: Option<S>,
        exchange: Arc<Handoff<Item>>,
        ended: bool,
    }

    impl<S: Source, Fut, Item> PinnedDrop for Drive<S, Fut, Item> {
        fn drop(this: Pin<&mut Self>) {
            // The body may have moved its `Items` to another task, which waits for an item.
            let mut this = this.project();
            let mut wakers = Wakers::new();
            wakers.add(this.exchange.end());
            let mut first = None;
            unwind::keep_first(&mut first, || this.body.set(None));
            unwind::keep_first(&mut first, || this.source.set(None));
            unwind::keep_first(&mut first, || wakers.fire_and_resume());
            unwind::resume_unless_panicking(first);
        }
    }
}

impl<S: Source, Fut: Future> Future for Drive<S, Fut> {
    type Output = Fut::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Fut::Output> {
        let mut this = self.project();
        let mut budget = Budget::new();
        while budget.pay_poll() {
            let body = this.body.as_mut().as_pin_mut().expect("polled after it was ready");
            if let Poll::Ready(value) = body.poll(cx) {
                this.body.set(None);
                this.source.set(None);
                return Poll::Ready(value);
            }
            let Some(source) = this.source.as_mut().as_pin_mut() else { return Poll::Pending };
            let wanted = this.exchange.is_wanted();
            let taker = if !wanted {
                // Whether it is ready or not, this task waits for the body.
                let _ = source.poll_progress(cx);
                None
            } else if *this.ended {
                None
            } else {
                match source.poll_next(cx) {
                    Poll::Pending => None,
                    Poll::Ready(Some(item)) => Some(this.exchange.give(item)),
                    Poll::Ready(None) => {
                        *this.ended = true;
                        Some(this.exchange.end())
                    }
                }
            };
            if let Some(taker) = taker {
                wake_unless_same(taker, cx);
                continue;
            }
            this.exchange.register_giver(cx.waker());
            if this.exchange.is_wanted() == wanted || *this.ended {
                return Poll::Pending;
            }
        }
        waits::yields(cx.waker());
        Poll::Pending
    }
}

/// Wakes the task that waits for an item, unless it is this task, which polls the body next.
fn wake_unless_same(taker: Option<Waker>, cx: &Context<'_>) {
    if let Some(waker) = taker.filter(|waker| !waker.will_wake(cx.waker())) {
        waker.wake();
    }
}

impl<T> fmt::Debug for Items<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Items").finish_non_exhaustive()
    }
}

impl<T> fmt::Debug for NextItem<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NextItem").finish_non_exhaustive()
    }
}

impl<S: Source, Fut> fmt::Debug for Drive<S, Fut> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Drive").field("ended", &self.ended).finish_non_exhaustive()
    }
}
