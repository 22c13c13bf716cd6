//! Members that nobody waits for.

/// Makes a future a member of a [`join`](super::join()) or [`try_join`](super::try_join()) that
/// they do not wait for: it runs beside the others, and is dropped when they are done.
///
/// In the output it is an `Option`: its value, if it was ready by then. In a `try_join` its error
/// counts as that of any member. It is a member of a tuple, and not a future of its own. If all
/// members are maybes, each is polled once.
///
/// # Examples
///
/// ```
/// use anyscope::{join, maybe};
/// use std::future::pending;
///
/// # smol::block_on(async {
/// let show_a_spinner = async { pending::<()>().await };
/// let (answer, spinner) = join((async { 42 }, maybe(show_a_spinner))).await;
/// assert_eq!((answer, spinner), (42, None));
/// # });
/// ```
pub fn maybe<F>(future: F) -> Maybe<F> {
    Maybe(future)
}

/// A member that is not waited for: what [`maybe`] returns.
#[derive(Clone, Copy, Debug)]
#[must_use = "a maybe is a member of a tuple that is joined: `join((a, maybe(b)))`"]
pub struct Maybe<F>(pub(super) F);
