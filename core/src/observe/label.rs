//! Waits of futures that are not ours.

use crate::waits;
use core::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};
use pin_project_lite::pin_project;

/// Tells whoever wants to know what the future that calls this waits for. Call it before each `Poll::Pending`.
///
/// It is for futures of your own, in a library or an adapter; around a future of others put [`labelled`]. Those who
/// want to know are the [`Tree`](super::tree::Tree) around this code, and [listeners](super::listen_to_waits).
///
/// # Cost
///
/// Without them, two reads of thread-locals. `what` is remembered for ever by the first call in a tree: let it be a
/// literal.
///
/// # Examples
///
/// ```
/// use anyscope::observe::waits_for;
/// use std::{future::Future, pin::Pin, task::{Context, Poll}};
///
/// struct Line(Option<String>);
///
/// impl Future for Line {
///     type Output = String;
///
///     fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<String> {
///         match self.0.take() {
///             Some(line) => Poll::Ready(line),
///             None => {
///                 // .. keep the waker ..
///                 waits_for("a line of the log");
///                 Poll::Pending
///             }
///         }
///     }
/// }
/// ```
pub fn waits_for(what: &'static str) {
    waits::waits_for_label(what);
}

/// Returns a future that polls `future`, and says that it waits for `what` when it does.
///
/// # Cancel safety
///
/// That of `future`.
///
/// # Examples
///
/// ```
/// use anyscope::{concurrent, observe::{labelled, tree::Tree}};
/// use std::future::pending;
///
/// # smol::block_on(async {
/// let tree = Tree::new();
/// let work = concurrent(async |s| {
///     s.spawn(labelled("the lock of the cache", pending::<()>()));
///     smol::future::yield_now().await;
///     let waits = tree.snapshot().scopes[0].children[0].waits.clone();
///     assert_eq!(waits[0].text, "the lock of the cache");
///     s.cancel("seen");
/// });
/// tree.watch(work).await;
/// # });
/// ```
pub fn labelled<F: Future>(what: &'static str, future: F) -> Labelled<F> {
    Labelled { future, what }
}

pin_project! {
    /// Future of [`labelled`].
    #[must_use = "futures do nothing unless you `.await` or poll them"]
    pub struct Labelled<F> {
        #[pin]
        future: F,
        what: &'static str,
    }
}

impl<F: Future> Future for Labelled<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        let polled = this.future.poll(cx);
        if polled.is_pending() {
            waits_for(this.what);
        }
        polled
    }
}

impl<F> fmt::Debug for Labelled<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Labelled").field(&self.what).finish()
    }
}
