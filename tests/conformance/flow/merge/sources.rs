//! Sources for these tests, and what is done with them.

use anyscope::flow::{Flow, KeyedEvent, Source};
use futures_lite::{
    Stream, StreamExt,
    stream::{self, Boxed},
};
use std::{future::poll_fn, pin::Pin, task::Poll};
use support::yield_now;

/// All items of a flow.
pub(super) async fn all<S: Source>(flow: Flow<S>) -> Vec<S::Item> {
    flow.into_stream().collect().await
}

/// Lets a flow go on as an operation at its limit does.
pub(super) async fn go_on<S: Source>(mut source: Pin<&mut S>) {
    poll_fn(|cx| {
        let _ = source.as_mut().poll_progress(cx);
        Poll::Ready(())
    })
    .await
}

/// Numbers, which take their time.
pub(super) fn slow(numbers: std::ops::Range<usize>) -> Boxed<usize> {
    let steps = stream::unfold(numbers, |mut numbers| async move {
        let next = numbers.next()?;
        for _ in 0..next % 3 {
            yield_now().await;
        }
        Some((next, numbers))
    });
    steps.boxed()
}

pub(super) fn slow_one(n: usize) -> Boxed<usize> {
    slow(n..n + 1)
}

pub(super) type Sender = smol::channel::Sender<usize>;

/// Sources that are fed by hand.
pub(super) fn channels(count: usize) -> (Vec<Sender>, Vec<Boxed<usize>>) {
    let pairs = (0..count).map(|_| {
        let (sender, receiver) = smol::channel::unbounded();
        (sender, receiver.boxed())
    });
    pairs.unzip()
}

/// A stream that holds a lock while it is read.
pub(super) fn holding(lock: &smol::lock::Mutex<()>, item: usize) -> impl Stream<Item = usize> {
    stream::once_future(async move {
        let _held = lock.lock().await;
        for _ in 0..5 {
            yield_now().await;
        }
        item
    })
}

pub(super) fn format_event<S>(
    event: Option<KeyedEvent<impl std::fmt::Display, usize, S>>,
) -> String {
    match event {
        None => "end".into(),
        Some(KeyedEvent::Item(key, item)) => format!("{key}: {item}"),
        Some(KeyedEvent::Ended(key)) => format!("{key} ended"),
        Some(KeyedEvent::Removed(key)) => format!("{key} removed"),
        Some(KeyedEvent::Replaced(key)) => format!("{key} replaced"),
        Some(KeyedEvent::Refused(key, _)) => format!("{key} refused"),
    }
}

/// Makes a closure own what is dropped with it.
pub(super) fn keep<T>(_: &T) {}
