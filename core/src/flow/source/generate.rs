//! A flow made by an async block.

use super::{Flow, Source, source};
use crate::channel::{Receiver, Sender, handoff};
use core::{
    fmt,
    future::Future,
    mem,
    pin::Pin,
    task::{Context, Poll, ready},
};
use futures_core::Stream;
use pin_project_lite::pin_project;

/// Creates a flow of the items that an async block sends.
///
/// `body` is called when the first item is asked for, with the [`Sender`] of a
/// [`handoff`]; what it returns is polled in the awaiting task, as a part of the flow, and may borrow.
/// A send is done when the operation has taken the item. The flow ends when the body has ended and all senders
/// are gone.
///
/// In a task of its own, a producer is a child of a scope, and the flow that of the receiver; see the
/// second example. What it fails with is then the scope's.
///
/// # Cancel safety
///
/// Dropping the flow drops the body, and with it an item that was not taken.
///
/// # Examples
///
/// ```
/// use anyscope::flow;
///
/// # smol::block_on(async {
/// let squares = flow::generate(async |yielder| {
///     for n in 1.. {
///         if n * n > 50 || yielder.send(n * n).await.is_err() {
///             break;
///         }
///     }
/// });
/// assert_eq!(squares.filter(|n| n % 2 == 0).collect::<Vec<_>>().await, [4, 16, 36]);
/// # });
/// ```
///
/// As a child of a scope, in parallel with the consumer:
///
/// ```
/// use anyscope::{channel::handoff, flow, scope, smol::Smol};
///
/// # smol::block_on(async {
/// let sum = scope(&Smol, async |s| {
///     let (yielder, receiver) = handoff();
///     s.spawn(async move {
///         for n in 0..10 {
///             yielder.send(n).await.unwrap();
///         }
///     });
///     flow::source(receiver).fold(0, async |sum, n| sum + n).await
/// })
/// .await;
/// assert_eq!(sum, 45);
/// # });
/// ```
pub fn generate<T, F, Fut>(body: F) -> Flow<Generate<F, Fut, T>>
where
    F: FnOnce(Sender<T>) -> Fut,
    Fut: Future<Output = ()>,
{
    source(Generate { inner: Inner::new(body) })
}

/// Creates a flow of the items that an async block sends; the block may fail. Otherwise as [`generate`].
///
/// Items are `Ok`; the error of the block is the last item, after all that were sent.
///
/// # Examples
///
/// ```
/// use anyscope::flow;
///
/// # smol::block_on(async {
/// let lines = flow::try_generate(async |yielder| {
///     let _ = yielder.send("first line").await;
///     Err("connection lost")
/// });
/// assert_eq!(lines.collect::<Vec<_>>().await, [Ok("first line"), Err("connection lost")]);
/// # });
/// ```
pub fn try_generate<T, E, F, Fut>(body: F) -> Flow<TryGenerate<F, Fut, T, E>>
where
    F: FnOnce(Sender<T>) -> Fut,
    Fut: Future<Output = Result<(), E>>,
{
    source(TryGenerate { inner: Inner::new(body) })
}

pin_project! {
    /// The source of an async block; see [`generate`].
    pub struct Generate<F, Fut, T> {
        #[pin]
        inner: Inner<F, Fut, T, ()>,
    }
}

pin_project! {
    /// The source of an async block that may fail; see [`try_generate`].
    pub struct TryGenerate<F, Fut, T, E> {
        #[pin]
        inner: Inner<F, Fut, T, Result<(), E>>,
    }
}

pin_project! {
    /// The body, and the channel that it sends into.
    struct Inner<F, Fut, T, Out> {
        // Until the first item is asked for.
        start: Option<(F, Sender<T>)>,
        // Dropped before the receiver, as it may look at what becomes of its items.
        #[pin]
        body: Option<Fut>,
        receiver: Receiver<T>,
        output: Option<Out>,
    }
}

impl<F, Fut, T, Out> Inner<F, Fut, T, Out>
where
    F: FnOnce(Sender<T>) -> Fut,
    Fut: Future<Output = Out>,
{
    fn new(body: F) -> Self {
        let (sender, receiver) = handoff();
        Inner { start: Some((body, sender)), body: None, receiver, output: None }
    }

    fn poll_item(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        let mut this = self.project();
        if let Some((body, sender)) = this.start.take() {
            this.body.set(Some(body(sender)));
        }
        let mut receiver = Pin::new(this.receiver);
        // First with a request, so that a send of the body is done at once.
        match receiver.as_mut().poll_next(cx) {
            Poll::Ready(None) => {}
            polled if polled.is_ready() || this.body.is_none() => return polled,
            _ => {}
        }
        ready_or_over(this.body.as_mut(), this.output, cx);
        let polled = receiver.poll_next(cx);
        // All senders may be gone while the body still has something to do.
        if matches!(polled, Poll::Ready(None)) && this.body.is_some() {
            return Poll::Pending;
        }
        polled
    }

    fn poll_body(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut this = self.project();
        ready_or_over(this.body.as_mut(), this.output, cx);
        if this.body.is_some() { Poll::Pending } else { Poll::Ready(()) }
    }
}

/// Polls the body, and drops it when it has ended.
fn ready_or_over<Fut: Future>(
    mut body: Pin<&mut Option<Fut>>,
    output: &mut Option<Fut::Output>,
    cx: &mut Context<'_>,
) {
    if let Some(running) = body.as_mut().as_pin_mut() {
        if let Poll::Ready(out) = running.poll(cx) {
            *output = Some(out);
            body.set(None);
        }
    }
}

impl<T, F, Fut> Stream for Generate<F, Fut, T>
where
    F: FnOnce(Sender<T>) -> Fut,
    Fut: Future<Output = ()>,
{
    type Item = T;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        self.project().inner.poll_item(cx)
    }
}

impl<T, F, Fut> Source for Generate<F, Fut, T>
where
    F: FnOnce(Sender<T>) -> Fut,
    Fut: Future<Output = ()>,
{
    fn poll_progress(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.project().inner.poll_body(cx)
    }
}

impl<T, E, F, Fut> Stream for TryGenerate<F, Fut, T, E>
where
    F: FnOnce(Sender<T>) -> Fut,
    Fut: Future<Output = Result<(), E>>,
{
    type Item = Result<T, E>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<T, E>>> {
        let mut inner = self.project().inner;
        let item = ready!(inner.as_mut().poll_item(cx));
        let failed = || mem::take(inner.project().output).and_then(Result::err);
        Poll::Ready(item.map(Ok).or_else(|| failed().map(Err)))
    }
}

impl<T, E, F, Fut> Source for TryGenerate<F, Fut, T, E>
where
    F: FnOnce(Sender<T>) -> Fut,
    Fut: Future<Output = Result<(), E>>,
{
    fn poll_progress(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.project().inner.poll_body(cx)
    }
}

impl<F, Fut, T> fmt::Debug for Generate<F, Fut, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Generate")
            .field("started", &self.inner.start.is_none())
            .finish_non_exhaustive()
    }
}

impl<F, Fut, T, E> fmt::Debug for TryGenerate<F, Fut, T, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TryGenerate")
            .field("started", &self.inner.start.is_none())
            .finish_non_exhaustive()
    }
}
