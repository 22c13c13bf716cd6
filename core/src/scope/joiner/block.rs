//! As [`with`](super::with), while the calling thread waits.

use super::{
    JoinScope, JoinedFuture, Joiner,
    report::Reports,
    with::{Reported, Returns},
};
use crate::{
    child::Anywhere,
    exec::{BlockOn, Spawn},
    limit::Limit,
    scope::{
        ScopeHandle,
        block::{Wait, drive},
        driver::{self, Driver},
        kind::Blocked,
        owner::Owner,
    },
};
use core::{
    any::type_name,
    future::{Future, poll_fn},
    ops::AsyncFnOnce,
    pin::pin,
};

/// Runs a [`block_scope`](crate::block_scope()) whose result is made of its children's outcomes by a
/// [`Joiner`].
///
/// As [`scope_with`](crate::scope_with), but the calling thread waits, and children, which run in
/// parallel, may borrow what lives longer than the call.
///
/// # Panics
///
/// With a panic of a child, of the body or of the joiner, when all children have ended. Before `body`
/// runs, if this thread is already inside `exec`; see [`block_scope`](crate::block_scope()).
///
/// # Examples
///
/// ```
/// use anyscope::{block_scope_with, joiner::fail_fast, smol::Smol};
///
/// let lines = ["40", "2"].map(String::from);
/// let numbers = block_scope_with(&Smol, fail_fast(), async |s| {
///     for line in &lines {
///         s.spawn(async { line.parse::<u32>() });
///     }
/// });
/// assert_eq!(numbers.unwrap(), [40, 2]);
/// ```
#[track_caller]
pub fn block_scope_with<'env, E, J, O, F, B>(exec: &'env E, joiner: J, body: F) -> J::Output
where
    E: Spawn + BlockOn + ?Sized,
    J: Joiner<O, B>,
    F: for<'scope> AsyncFnOnce(&'scope JoinScope<'scope, Blocked<'env, E>, O>) -> B,
{
    let owner = Owner::<Reported, _>::new(Limit::Unbounded, Anywhere::default());
    let shared = owner.shared().clone();
    let handle = || ScopeHandle::new(shared.clone(), Blocked::new(exec));
    let (reports, joined) = (Reports::new(), handle());
    // Children borrow it for `'scope`.
    let scope = JoinScope::of(handle(), reports.clone());
    // Dropped before what children may borrow, after all else, however this function is left.
    let _wait = Wait(shared.clone());
    let body = Returns { body: async { body(&scope).await } };
    let driver = Driver::new(body, owner, type_name::<Blocked<'_, E>>);
    // Outputs may borrow, but not from what this function makes: `O` cannot name `'scope`.
    let ended = async {
        let mut driver = pin!(driver);
        driver::unwrap(poll_fn(|cx| driver.as_mut().poll(cx)).await)
    };
    let mut joined = pin!(JoinedFuture::of(joiner, reports, joined, ended));
    drive(exec, |cx| joined.as_mut().poll(cx))
}
