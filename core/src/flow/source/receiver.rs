//! The receiver of a handoff as a source.

use crate::{channel::Receiver, flow::Source};
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
