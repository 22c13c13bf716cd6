//! All values of several futures.

use super::{
    group::{Clear, Group, Running, Started},
    rule::All,
};
use core::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};
use pin_project_lite::pin_project;

/// Returns the values of several futures, which it runs side by side in the awaiting task.
///
/// Takes a [`Group`](super::Group): a tuple, an array, a `Vec`, a map and others. The values have
/// the shape and the keys of the futures. [`maybe`](super::maybe()) makes one of a tuple that is
/// dropped when the others are done.
///
/// A future that returns an error does not end the others: all values are waited for. For those
/// that fail there is [`try_join`](super::try_join()).
///
/// # Cancel safety
///
/// Dropping the returned future drops all futures, and the values of those that are ready.
///
/// # Panics
///
/// A panic of a future propagates. The returned future panics if polled after it was ready or has
/// panicked. See the [module](super) for destructors that panic.
///
/// # Cost
///
/// A tuple, an array or an `Option` allocates nothing, and every poll of the task polls all of its
/// futures that are not ready; so do up to 16 futures in another shape. From 17 on, each is polled
/// only when its own waker has fired; that costs five allocations for up to 32 futures, and one more
/// for each further 32.
///
/// # Examples
///
/// ```
/// use anyscope::join;
/// use std::collections::BTreeMap;
///
/// # smol::block_on(async {
/// let (name, age) = join((async { "ann" }, async { 42 })).await;
/// assert_eq!((name, age), ("ann", 42));
///
/// let square = async |n: u32| n * n;
/// assert_eq!(join([square(1), square(2)]).await, [1, 4]);
/// assert_eq!(join((1..=3).map(square).collect::<Vec<_>>()).await, [1, 4, 9]);
///
/// let ages = BTreeMap::from([("ann", square(6)), ("bob", square(5))]);
/// assert_eq!(join(ages).await, BTreeMap::from([("ann", 36), ("bob", 25)]));
/// # });
/// ```
#[doc(alias = "join_all")]
pub fn join<G: Group<All>>(futures: G) -> Join<G::Running> {
    Join { group: Started::new(futures.start()) }
}

pin_project! {
    /// Future of [`join`](super::join()).
    #[must_use = "futures do nothing unless you `.await` or poll them"]
    pub struct Join<B>
    where
        B: Clear,
    {
        #[pin]
        group: Started<B>,
    }
}

impl<B: Running<All>> Future for Join<B> {
    type Output = B::Kept;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<B::Kept> {
        self.project().group.poll::<All>(cx).map(|done| match done {
            Ok(values) => values,
            Err(_) => unreachable!("nothing decides"),
        })
    }
}

impl<B: Clear> fmt::Debug for Join<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Join").finish_non_exhaustive()
    }
}
