//! Waits of futures that are not ours.

use crate::waits;
#[cfg(not(anyscope_loom))]
use crate::waits::details::Detail;
#[cfg(not(anyscope_loom))]
use alloc::string::String;
#[cfg(not(anyscope_loom))]
use core::mem;
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

#[cfg(not(anyscope_loom))]
impl<F> Labelled<F> {
    /// Returns a future that does the same, of whose wait `detail` says more when somebody looks at the
    /// [`Tree`](super::tree::Tree): the text of the [`Wait`](super::tree::Wait) has its words in parentheses.
    ///
    /// `detail` is called by whoever looks, on that thread, at any moment until the future has ended or is dropped: so let it read what is known, and return. It
    /// may begin to find out what the next look is to show. If it panics, it has said nothing.
    ///
    /// # Cancel safety
    ///
    /// That of `future`.
    ///
    /// # Cost
    ///
    /// Without a tree, that of [`labelled`]. In one, an allocation at the first wait; and nothing is put into words before somebody looks.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{concurrent, observe::{labelled, tree::Tree}};
    /// use std::{future::pending, sync::{Arc, atomic::{AtomicU32, Ordering::Relaxed}}};
    ///
    /// let tree = Tree::new();
    /// let received = Arc::new(AtomicU32::new(0));
    /// let seen = received.clone();
    /// let download = async move {
    ///     received.store(17, Relaxed);
    ///     pending::<()>().await;
    /// };
    /// let download = labelled("a download", download).detailed(move || Some(format!("{} kB", seen.load(Relaxed))));
    /// let work = concurrent(async |s| {
    ///     s.spawn(download);
    ///     smol::future::yield_now().await;
    ///     let waits = &tree.snapshot().scopes[0].children[0].waits;
    ///     assert_eq!(waits[0].text, "a download (17 kB)");
    ///     s.cancel("seen");
    /// });
    /// smol::block_on(tree.watch(work));
    /// ```
    pub fn detailed<D>(self, detail: D) -> Detailed<F, D>
    where
        D: Fn() -> Option<String> + Send + Sync + 'static,
    {
        Detailed { future: self.future, what: self.what, detail: More::Unasked(detail) }
    }
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

#[cfg(not(anyscope_loom))]
pin_project! {
    /// Future of [`Labelled::detailed`].
    #[must_use = "futures do nothing unless you `.await` or poll them"]
    pub struct Detailed<F, D> {
        #[pin]
        future: F,
        what: &'static str,
        detail: More<D>,
    }
}

/// What says more of a wait. It is in the list of the process from the first wait that somebody watches, until the end.
#[cfg(not(anyscope_loom))]
enum More<D> {
    Unasked(D),
    Listed(Detail),
    Over,
}

#[cfg(not(anyscope_loom))]
impl<D: Fn() -> Option<String> + Send + Sync + 'static> More<D> {
    /// Returns its number in the list.
    fn number(&mut self) -> usize {
        *self = match mem::replace(self, More::Over) {
            More::Unasked(detail) => More::Listed(Detail::new(detail)),
            more => more,
        };
        match self {
            More::Listed(detail) => detail.number(),
            // Nobody is asked for this one.
            More::Unasked(_) | More::Over => usize::MAX,
        }
    }
}

#[cfg(not(anyscope_loom))]
impl<F, D> Future for Detailed<F, D>
where
    F: Future,
    D: Fn() -> Option<String> + Send + Sync + 'static,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        let polled = this.future.poll(cx);
        match polled {
            Poll::Pending => waits::waits_for_detailed(this.what, || this.detail.number()),
            Poll::Ready(_) => *this.detail = More::Over,
        }
        polled
    }
}

#[cfg(not(anyscope_loom))]
impl<F, D> fmt::Debug for Detailed<F, D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Detailed").field(&self.what).finish()
    }
}
