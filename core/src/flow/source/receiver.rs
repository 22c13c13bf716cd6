//! The receivers of channels as sources.

use crate::{
    channel::{QueueReceiver, Receiver},
    flow::Source,
};
use core::{
    pin::Pin,
    task::{Context, Poll},
};

/// A request for an item that is out stays out, and a sender answers it without us; so there is
/// nothing to do here while the item is not wanted. One item may be given ahead in this way, and none is asked
/// for ahead.
impl<T> Source for Receiver<T> {
    fn poll_progress(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        Poll::Ready(())
    }
}

/// Items wait in the queue, and its rule applies to them, until they are wanted.
impl<T> Source for QueueReceiver<T> {
    fn poll_progress(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        Poll::Ready(())
    }
}
