//! Bounded side effects in the awaiting task.

use super::{
    Flow, PASSES, POLLS,
    feed::{Feed, SOURCE},
};
use crate::{
    limit::Limit,
    set::{ready::ReadyQueue, slots::Slots},
};
use alloc::{sync::Arc, vec::Vec};
use core::{
    convert::Infallible,
    fmt,
    future::Future,
    mem,
    pin::Pin,
    task::{Context, Poll, ready},
};
use futures_core::Stream;
use pin_project_lite::pin_project;

impl<S: Stream> Flow<S> {
    /// Runs `f` for every item, with at most `limit` at the same time, in the awaiting task.
    ///
    /// `f` is called with the items in the order of the source, when there is room for one more;
    /// its future is polled at once, and then whenever its waker fires. What `f` and its futures
    /// borrow may live outside the operation.
    ///
    /// Ready when the source has ended and all work is done.
    ///
    /// # Cancel safety
    ///
    /// Dropping the returned future drops the work under way, then an item taken ahead if there is
    /// one (see the [module](super)), then the source. Items that were not taken from the source
    /// stay in it; pass `&mut stream` to keep it.
    ///
    /// # Panics
    ///
    /// A panic of the source, of `f` or of the work goes through; the rest of the work is dropped
    /// with the future. It panics when polled after that, or after it was ready.
    ///
    /// # Fairness
    ///
    /// In passes: whatever was woken when a pass begins is polled once in it before anything is
    /// polled again. After 64 polls or two passes the task yields to its executor.
    ///
    /// # Cost
    ///
    /// Two allocations for each place under the limit that is ever used, none per item.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope_core::{Limit, flow};
    /// use std::sync::atomic::{AtomicUsize, Ordering};
    ///
    /// # smol::block_on(async {
    /// let users = ["ann", "bob", "cleo"];
    /// let notified = AtomicUsize::new(0);
    /// flow::iter(&users)
    ///     .for_each(Limit::new(2), async |user| {
    ///         // .. send a mail to `user` ..
    /// #       let _ = user;
    ///         notified.fetch_add(1, Ordering::Relaxed);
    ///     })
    ///     .await;
    /// assert_eq!(notified.into_inner(), 3);
    /// # });
    /// ```
    pub fn for_each<F, Fut>(self, limit: impl Into<Limit>, f: F) -> ForEach<S, F, Fut>
    where
        F: FnMut(S::Item) -> Fut,
        Fut: Future<Output = ()>,
    {
        ForEach { inline: Inline::new(self.source, limit.into(), f, Ok) }
    }

    /// Runs `f` for every item, with at most `limit` at the same time, until one fails.
    ///
    /// As [`for_each`](Self::for_each); but the first error in time ends the operation: nothing
    /// more is taken from the source, the work under way and the source are dropped, and the error
    /// is returned.
    ///
    /// # Errors
    ///
    /// The first error of `f`'s futures.
    ///
    /// # Cancel safety, panics, fairness, cost
    ///
    /// Those of [`for_each`](Self::for_each).
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope_core::{Limit, flow};
    ///
    /// # smol::block_on(async {
    /// let lines = ["1", "2", "three", "4"];
    /// let failed = flow::iter(lines)
    ///     .try_for_each(Limit::new(2), async |line: &str| line.parse::<u32>().map(drop))
    ///     .await;
    /// assert!(failed.is_err());
    /// # });
    /// ```
    pub fn try_for_each<F, Fut, E>(self, limit: impl Into<Limit>, f: F) -> TryForEach<S, F, Fut, E>
    where
        F: FnMut(S::Item) -> Fut,
        Fut: Future<Output = Result<(), E>>,
    {
        TryForEach { inline: Inline::new(self.source, limit.into(), f, |result| result) }
    }
}

pin_project! {
    /// Future of [`Flow::for_each`].
    #[must_use = "futures do nothing unless you `.await` or poll them"]
    pub struct ForEach<S, F, Fut>
    where
        S: Stream,
        Fut: Future,
    {
        #[pin]
        inline: Inline<S, F, Fut, Infallible>,
    }
}

impl<S, F, Fut> Future for ForEach<S, F, Fut>
where
    S: Stream,
    F: FnMut(S::Item) -> Fut,
    Fut: Future<Output = ()>,
{
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        match ready!(self.project().inline.poll(cx)) {
            Ok(()) => Poll::Ready(()),
            Err(never) => match never {},
        }
    }
}

pin_project! {
    /// Future of [`Flow::try_for_each`].
    #[must_use = "futures do nothing unless you `.await` or poll them"]
    pub struct TryForEach<S, F, Fut, E>
    where
        S: Stream,
        Fut: Future,
    {
        #[pin]
        inline: Inline<S, F, Fut, E>,
    }
}

impl<S, F, Fut, E> Future for TryForEach<S, F, Fut, E>
where
    S: Stream,
    F: FnMut(S::Item) -> Fut,
    Fut: Future<Output = Result<(), E>>,
{
    type Output = Result<(), E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), E>> {
        self.project().inline.poll(cx)
    }
}

pin_project! {
    /// The machine of both.
    struct Inline<S, F, Fut, E>
    where
        S: Stream,
        Fut: Future,
    {
        // Dropped before the source, of which the work may use something.
        work: Slots<Fut>,
        #[pin]
        feed: Feed<S>,
        queue: Arc<ReadyQueue>,
        // Who is to be polled in this pass, from `next` on.
        pass: Vec<usize>,
        next: usize,
        limit: usize,
        f: F,
        judge: fn(Fut::Output) -> Result<(), E>,
        // Returned a result, or panicked.
        over: bool,
    }

    impl<S, F, Fut, E> PinnedDrop for Inline<S, F, Fut, E>
    where
        S: Stream,
        Fut: Future,
    {
        fn drop(this: Pin<&mut Self>) {
            this.queue.close();
        }
    }
}

impl<S, F, Fut, E> Inline<S, F, Fut, E>
where
    S: Stream,
    F: FnMut(S::Item) -> Fut,
    Fut: Future,
{
    fn new(source: S, limit: Limit, f: F, judge: fn(Fut::Output) -> Result<(), E>) -> Self {
        let queue = ReadyQueue::new();
        Inline {
            work: Slots::new(queue.clone(), SOURCE + 1),
            feed: Feed::new(source, &queue),
            queue,
            pass: Vec::new(),
            next: 0,
            limit: limit.get(),
            f,
            judge,
            over: false,
        }
    }

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), E>> {
        let over = self.as_mut().project().over;
        assert!(!mem::replace(over, true), "polled after it was ready or had panicked");
        let polled = self.as_mut().poll_passes(cx);
        let this = self.project();
        *this.over = polled.is_ready();
        if let Poll::Ready(Err(_)) = polled {
            this.work.clear();
            this.feed.clear();
        }
        polled
    }

    fn poll_passes(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), E>> {
        let mut polls = POLLS;
        for _ in 0..PASSES {
            self.as_mut().poll_work(&mut polls)?;
            self.as_mut().pull(&mut polls)?;
            let this = self.as_mut().project();
            if this.feed.is_over() && this.work.len() == 0 {
                return Poll::Ready(Ok(()));
            }
            if polls == 0 {
                break;
            }
            if this.queue.wait(cx) {
                return Poll::Pending;
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Polls what was woken.
    fn poll_work(self: Pin<&mut Self>, polls: &mut usize) -> Result<(), E> {
        let mut this = self.project();
        this.queue.drain(this.pass);
        while let Some(&key) = this.pass.get(*this.next) {
            if key == SOURCE {
                this.feed.as_mut().wake();
            } else if *polls == 0 {
                return Ok(());
            } else {
                *polls -= 1;
                if let Some(Poll::Ready(output)) = this.work.poll(key) {
                    *this.next += 1;
                    (this.judge)(output)?;
                    continue;
                }
            }
            *this.next += 1;
        }
        this.pass.clear();
        *this.next = 0;
        Ok(())
    }

    /// Takes items from the source while there is room, and starts their work.
    fn pull(self: Pin<&mut Self>, polls: &mut usize) -> Result<(), E> {
        let mut this = self.project();
        while *polls > 0 {
            let room = this.work.len() < *this.limit;
            let Poll::Ready(Some(item)) = this.feed.as_mut().poll(room) else { break };
            *polls -= 1;
            let key = this.work.insert((this.f)(item));
            if let Some(Poll::Ready(output)) = this.work.poll(key) {
                (this.judge)(output)?;
            }
        }
        Ok(())
    }
}

impl<S, F, Fut> fmt::Debug for ForEach<S, F, Fut>
where
    S: Stream,
    Fut: Future,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inline.fmt("ForEach", f)
    }
}

impl<S, F, Fut, E> fmt::Debug for TryForEach<S, F, Fut, E>
where
    S: Stream,
    Fut: Future,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inline.fmt("TryForEach", f)
    }
}

impl<S, F, Fut, E> Inline<S, F, Fut, E>
where
    S: Stream,
    Fut: Future,
{
    fn fmt(&self, name: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct(name)
            .field("limit", &self.limit)
            .field("over", &self.over)
            .finish_non_exhaustive()
    }
}
