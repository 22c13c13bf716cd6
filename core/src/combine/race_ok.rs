//! The first success of several futures.

use super::{
    group::{Clear, Group, Running, Started},
    rule::FirstOk,
};
use core::{
    error::Error,
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};
use pin_project_lite::pin_project;

/// Returns the value of whichever of several futures succeeds first; or all errors, when none does.
///
/// Takes a [`Group`](super::Group): a tuple, an array, a `Vec`, a map and others, of futures that
/// return `Result`s with one type of values. Of a map, the value comes with its key. When one
/// succeeds, all others are dropped before the value is returned, and so are the errors of those
/// that have failed. Of those that succeed at the same time, that with the lowest index wins.
///
/// # Cancel safety
///
/// Dropping the returned future drops all futures, and the errors of those that have failed. A win
/// drops the losers: what they have taken from elsewhere goes with them, unless they are
/// themselves safe to drop.
///
/// # Panics
///
/// A panic of a future propagates. The returned future panics if polled after it was ready or has
/// panicked. See the [module](super) for destructors that panic.
///
/// # Errors
///
/// [`AllFailed`] with the errors, in the shape and with the keys of the futures. Of no futures it
/// is ready at once, with no errors.
///
/// # Cost
///
/// That of [`try_join`](super::try_join()).
///
/// # Examples
///
/// ```
/// use anyscope::race_ok;
/// use std::future::{pending, ready};
///
/// # smol::block_on(async {
/// let fetch = async |url: &str| url.strip_prefix("https://").ok_or("not secure").map(str::len);
/// assert_eq!(race_ok((fetch("ftp://a"), fetch("https://b"), pending::<Result<_, ()>>())).await, Ok(1));
///
/// let failed = race_ok(vec![fetch("ftp://a"), fetch("gopher://b")]).await.unwrap_err();
/// assert_eq!(failed.to_string(), r#"no future succeeded: ["not secure", "not secure"]"#);
/// assert_eq!(failed.errors, ["not secure", "not secure"]);
/// # });
/// ```
#[doc(alias = "select_ok")]
pub fn race_ok<G: Group<FirstOk>>(futures: G) -> RaceOk<G::Running> {
    RaceOk { group: Started::new(futures.start()) }
}

pin_project! {
    /// Future of [`race_ok`](super::race_ok()).
    #[must_use = "futures do nothing unless you `.await` or poll them"]
    pub struct RaceOk<B>
    where
        B: Clear,
    {
        #[pin]
        group: Started<B>,
    }
}

impl<B: Running<FirstOk>> Future for RaceOk<B> {
    type Output = Result<B::Named, AllFailed<B::Kept>>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.project().group.poll::<FirstOk>(cx).map(|done| match done {
            Err((key, value)) => Ok(B::named(key, value)),
            Ok(errors) => Err(AllFailed { errors }),
        })
    }
}

impl<B: Clear> fmt::Debug for RaceOk<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RaceOk").finish_non_exhaustive()
    }
}

/// No future of a [`race_ok`](super::race_ok()) succeeded: the errors of all.
///
/// It converts into `Box<dyn Error>` and the like with `?`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AllFailed<S> {
    /// The errors, in the shape and with the keys of the futures.
    pub errors: S,
}

impl<S: fmt::Debug> fmt::Display for AllFailed<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no future succeeded: {:?}", self.errors)
    }
}

impl<S: fmt::Debug> Error for AllFailed<S> {}
