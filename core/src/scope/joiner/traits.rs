//! What a joiner is.

use crate::{
    cancel::{CancelReason, Cancelled},
    scope::ScopeError,
};
use core::{convert::Infallible, ops::ControlFlow};

/// Judges the outcomes of the children of a scope whose children return an `O` and whose body
/// returns a `B`.
///
/// It lives in the scope's future. All its methods are called there, one at a time, while that
/// future is polled, so it needs no lock and no allocation, and need be neither `Sync` nor
/// `'static`. It hears of an outcome when the scope is polled next, which each outcome brings about.
///
/// # Panics
///
/// A panic in a method propagates from the poll of the scope, which is then dropped with all its
/// children by whoever awaits it. A panic of a child does not come here: it ends the scope, and is
/// resumed where the scope is awaited.
///
/// # Examples
///
/// The sum of what the children return, and no more of them than are needed for 100:
///
/// ```
/// use anyscope::{CancelReason, Cancelled, Joiner, ScopeError, concurrent_with};
/// use std::{convert::Infallible, ops::ControlFlow};
///
/// struct UpTo100(u32);
///
/// impl<B> Joiner<u32, B> for UpTo100 {
///     type Output = u32;
///
///     fn on_completion(
///         &mut self,
///         _child: usize,
///         outcome: Result<u32, Cancelled>,
///     ) -> ControlFlow<CancelReason> {
///         self.0 += outcome.unwrap_or(0);
///         match self.0 {
///             0..100 => ControlFlow::Continue(()),
///             _ => ControlFlow::Break("enough".into()),
///         }
///     }
///
///     fn finish(self, _body: Result<B, ScopeError<Infallible>>) -> u32 {
///         self.0
///     }
/// }
///
/// # smol::block_on(async {
/// let sum = concurrent_with(UpTo100(0), async |s| {
///     for n in [60, 50] {
///         s.spawn(async move { n });
///     }
///     s.spawn(std::future::pending()); // cancelled
/// });
/// assert_eq!(sum.await, 110);
/// # });
/// ```
pub trait Joiner<O, B> {
    /// What the scope returns.
    type Output;

    /// Called once for each child, in the order of spawning, before anything else that concerns it.
    /// `child` counts from 0.
    fn on_spawn(&mut self, child: usize) {
        let _ = child;
    }

    /// Called when a child has ended: with what it returned, or why it was cancelled. Children that
    /// were refused, because the scope had been cancelled before, count as cancelled.
    ///
    /// [`Break`](ControlFlow::Break) cancels the scope for that reason: the other children and the
    /// body are dropped. Their outcomes come here too; what is returned then makes no difference.
    fn on_completion(
        &mut self,
        child: usize,
        outcome: Result<O, Cancelled>,
    ) -> ControlFlow<CancelReason>;

    /// Called before [`finish`](Self::finish) if a deadline of the scope has passed. What has come
    /// until then is what there is.
    fn on_timeout(&mut self) {}

    /// Called when everything in the scope has ended. Returns the result of the scope.
    ///
    /// `body` is what the body has returned, or why it was dropped: the scope was cancelled, by
    /// this joiner or otherwise, or its deadline has passed.
    fn finish(self, body: Result<B, ScopeError<Infallible>>) -> Self::Output;
}
