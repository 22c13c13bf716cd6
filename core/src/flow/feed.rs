//! Reading a source at the right moments.

use crate::set::ready::ReadyQueue;
use alloc::sync::Arc;
use core::{
    pin::Pin,
    task::{Context, Poll, Waker},
};
use futures_core::Stream;
use pin_project_lite::pin_project;

/// The key of the source in the queue of an operation.
pub(super) const SOURCE: usize = 0;

pin_project! {
    /// A source, with what is known about it.
    ///
    /// While there is room for an item it is asked as streams are: first, after each item, and
    /// when it has woken us. Without room it is asked only if it has woken us: then a read has
    /// begun, or it has work of its own under way, and that must not wait for us. An item that
    /// comes of it is parked, and nothing more is asked for.
    pub(super) struct Feed<S: Stream> {
        #[pin]
        source: Option<S>,
        waker: Waker,
        woken: bool,
        // The last answer was `Pending`.
        waits: bool,
        parked: Option<S::Item>,
    }
}

impl<S: Stream> Feed<S> {
    pub(super) fn new(source: S, queue: &Arc<ReadyQueue>) -> Self {
        let waker = queue.waker(SOURCE);
        Feed { source: Some(source), waker, woken: false, waits: false, parked: None }
    }

    /// The waker of the source has fired.
    pub(super) fn wake(self: Pin<&mut Self>) {
        *self.project().woken = true;
    }

    /// Whether the source has ended, and nothing of it is left.
    pub(super) fn is_over(&self) -> bool {
        self.source.is_none() && self.parked.is_none()
    }

    /// The next item if there is `room` for it.
    pub(super) fn poll(self: Pin<&mut Self>, room: bool) -> Poll<Option<S::Item>> {
        let mut this = self.project();
        if this.parked.is_some() {
            return if room { Poll::Ready(this.parked.take()) } else { Poll::Pending };
        }
        let Some(source) = this.source.as_mut().as_pin_mut() else { return Poll::Ready(None) };
        if !*this.woken && (!room || *this.waits) {
            return Poll::Pending;
        }
        *this.woken = false;
        let polled = source.poll_next(&mut Context::from_waker(this.waker));
        *this.waits = polled.is_pending();
        match polled {
            Poll::Ready(None) => this.source.set(None),
            Poll::Ready(Some(_)) if !room => {
                if let Poll::Ready(item) = polled {
                    *this.parked = item;
                }
                return Poll::Pending;
            }
            _ => {}
        }
        polled
    }

    /// Drops the source and what was taken ahead.
    pub(super) fn clear(self: Pin<&mut Self>) {
        let mut this = self.project();
        *this.parked = None;
        this.source.set(None);
    }
}
