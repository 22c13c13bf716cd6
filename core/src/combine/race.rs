//! The first output of several futures.

use super::{
    group::{Clear, Group, Running, Started},
    rule::First,
};
use core::{
    error::Error,
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};
use pin_project_lite::pin_project;

/// Returns the output of whichever of several futures is ready first, be it a value or an error.
///
/// Takes a [`Group`](super::Group): a tuple, an array, a `Vec`, a map and others, of futures with
/// one type of outputs. Of a map, the output comes with its key. All others are dropped before the
/// output is returned. Of those that are ready at the same time, that with the lowest index wins.
///
/// For the first *success* there is [`race_ok`](super::race_ok()). What may be ready again and
/// again is better merged ([`flow::merge`]), so that nothing of the losers is lost.
///
/// # Cancel safety
///
/// Dropping the returned future drops all futures. So does a win: what a loser has taken from
/// elsewhere goes with it, unless that future is itself safe to drop.
///
/// # Panics
///
/// A panic of a future propagates. The returned future panics if polled after it was ready or has
/// panicked. See the [module](super) for destructors that panic.
///
/// # Errors
///
/// [`EmptyRace`] when there is no future, for shapes that may be empty: a `Vec`, a boxed slice, an
/// `Option` or a map. A tuple always has a member, and a race of an array of none does not compile.
///
/// # Cost
///
/// That of [`try_join`](super::try_join()).
///
/// # Examples
///
/// ```
/// use anyscope::{EmptyRace, race};
/// use std::{collections::BTreeMap, future::{Ready, pending, ready}};
///
/// # smol::block_on(async {
/// assert_eq!(race((pending(), async { 2 })).await, 2);
///
/// let mirrors = BTreeMap::from([("far", pending().boxed()), ("near", ready(2).boxed())]);
/// assert_eq!(race(mirrors).await, Ok(("near", 2)));
///
/// assert_eq!(race(Vec::<Ready<u32>>::new()).await, Err(EmptyRace));
/// # });
/// # use smol::future::FutureExt;
/// ```
///
/// ```compile_fail,E0080
/// # smol::block_on(async {
/// anyscope::race([0; 0].map(std::future::ready)).await;
/// # });
/// ```
///
/// [`flow::merge`]: https://docs.rs/anyscope/latest/anyscope/flow/fn.merge.html
#[doc(alias("select", "select_all"))]
#[inline]
pub fn race<G: Group<First>>(futures: G) -> Race<G::Running> {
    Race { group: Started::new(futures.start()) }
}

pin_project! {
    /// Future of [`race`](super::race()).
    #[must_use = "futures do nothing unless you `.await` or poll them"]
    pub struct Race<B>
    where
        B: Clear,
    {
        #[pin]
        group: Started<B>,
    }
}

impl<B: Running<First>> Future for Race<B> {
    type Output = B::Won;

    #[inline(always)]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<B::Won> {
        self.project().group.poll::<First>(cx).map(|done| match done {
            Err((key, output)) => B::won(Some(B::named(key, output))),
            Ok(_) => B::won(None),
        })
    }
}

impl<B: Clear> fmt::Debug for Race<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Race").finish_non_exhaustive()
    }
}

/// A [`race`](super::race()) of no futures has no winner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EmptyRace;

impl fmt::Display for EmptyRace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a race of no futures has no winner")
    }
}

impl Error for EmptyRace {}
