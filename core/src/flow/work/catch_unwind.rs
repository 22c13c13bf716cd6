//! Yields panics of work as values.

use crate::{
    child::Panic,
    flow::{
        Flow, Source,
        work::{MapConcurrent, Work, sealed},
    },
    unwind,
};
use core::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};
use pin_project_lite::pin_project;

impl<S: Source, W: Work<S::Item>> Flow<MapConcurrent<S, W>> {
    /// Yields a panic of the work as an error, so that it ends only the work on its item.
    ///
    /// Catches panics of the function that is called with the item, of its future, and of the drop
    /// of a future that is ready (then the value is dropped). A panic of the source or of a weight
    /// still propagates. Call this before the operators that use the values. With a fallible `f`,
    /// the items are of type `Result<Result<T, E>, Panic>`.
    ///
    /// A resource of [`map_with`](Flow::map_with) is lost in a panic, and a new one is created.
    ///
    /// Needs the `std` feature: without it panics cannot be caught. The panic hook is called as
    /// usual.
    ///
    /// # Panics
    ///
    /// Panics if the map has been polled and has work under way.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::flow;
    ///
    /// # smol::block_on(async {
    /// # std::panic::set_hook(Box::new(|_| {}));
    /// let results = flow::iter([2, 0, 3])
    ///     .map_concurrent(2, async |n| 12 / n)
    ///     .catch_unwind()
    ///     .collect::<Vec<_>>()
    ///     .await;
    /// assert_eq!(results[0].as_ref().unwrap(), &6);
    /// assert_eq!(results[1].as_ref().unwrap_err().message(), Some("attempt to divide by zero"));
    /// assert_eq!(results[2].as_ref().unwrap(), &4);
    /// # });
    /// ```
    #[track_caller]
    pub fn catch_unwind(self) -> Flow<MapConcurrent<S, CatchUnwind<W>>> {
        Flow { source: self.source.rework(|work| CatchUnwind { work }) }
    }
}

/// Catches panics of work. Created by [`catch_unwind`](Flow::catch_unwind).
pub struct CatchUnwind<W> {
    pub(super) work: W,
}

impl<Item, W: sealed::Work<Item>> sealed::Work<Item> for CatchUnwind<W> {
    type Future = CatchUnwindWork<W::Future>;
    type Output = Result<W::Output, Panic>;

    const WEIGHTED: bool = W::WEIGHTED;

    fn weigh(&mut self, item: &Item) -> usize {
        self.work.weigh(item)
    }

    fn start(&mut self, item: Item) -> CatchUnwindWork<W::Future> {
        match unwind::catch(|| self.work.start(item)) {
            Ok(future) => CatchUnwindWork { future: Some(future), panic: None },
            Err(payload) => CatchUnwindWork { future: None, panic: Some(Panic::new(payload)) },
        }
    }

    fn finish(
        &mut self,
        output: Result<<W::Future as Future>::Output, Panic>,
    ) -> Result<W::Output, Panic> {
        output.map(|output| self.work.finish(output))
    }

    fn undelivered(&mut self, output: Result<W::Output, Panic>) {
        match output {
            Ok(output) => self.work.undelivered(output),
            Err(panic) => panic.discard(),
        }
    }
}

impl<W> fmt::Debug for CatchUnwind<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CatchUnwind").finish_non_exhaustive()
    }
}

pin_project! {
    /// A future whose panics become values; see [`catch_unwind`](Flow::catch_unwind).
    #[must_use = "futures do nothing unless you `.await` or poll them"]
    pub struct CatchUnwindWork<Fut> {
        // `None` once it was ready or has panicked.
        #[pin]
        future: Option<Fut>,
        // The panic of the function that should have returned the future.
        panic: Option<Panic>,
    }
}

impl<Fut: Future> Future for CatchUnwindWork<Fut> {
    type Output = Result<Fut::Output, Panic>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        if let Some(panic) = this.panic.take() {
            return Poll::Ready(Err(panic));
        }
        let polled = unwind::catch(|| {
            this.future.as_mut().as_pin_mut().expect("polled after it was ready").poll(cx)
        });
        let mut first = None;
        let value = match polled {
            Ok(polled) => Some(ready!(polled)),
            Err(payload) => {
                first = Some(payload);
                None
            }
        };
        // A panic of the destructor counts as a panic of the work.
        unwind::keep_first(&mut first, || this.future.set(None));
        Poll::Ready(match (first, value) {
            (None, Some(value)) => Ok(value),
            (payload, value) => {
                unwind::discard(value);
                Err(payload.map_or_else(Panic::unknown, Panic::new))
            }
        })
    }
}

impl<Fut> fmt::Debug for CatchUnwindWork<Fut> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CatchUnwindWork")
            .field("ready", &self.future.is_none())
            .finish_non_exhaustive()
    }
}
