//! Bridges between anyscope's traits and those of other libraries.
//!
//! | feature | an anyscope executor, for them | their executor, for anyscope |
//! |---|---|---|
//! | `hyper` | [`ForHyper`]: `hyper::rt::Executor` | [`FromHyper`] |
//! | `futures` | [`ForFutures`]: `futures_task::Spawn` | [`FromFutures`] |
//!
//! Resources of others, for pools of ours: [`FromDeadpool`], with the feature `deadpool`.
//!
//! What others spawn is no child of any scope: nobody joins it, nobody cancels it, and a panic of
//! it goes to the panic hook and no further.

#[cfg(feature = "deadpool")]
mod pools;

#[cfg(feature = "futures")]
use alloc::boxed::Box;
#[cfg(any(feature = "hyper", feature = "futures"))]
use anyscope_core::{Child, Spawn};

#[cfg(feature = "deadpool")]
pub use pools::{FromDeadpool, Measured};

/// An anyscope executor as one of hyper's.
///
/// # Examples
///
/// ```
/// use anyscope::{compat::ForHyper, smol::Smol};
///
/// fn serve<X: hyper::rt::Executor<F>, F: Future<Output = ()>>(executor: X, connection: F) {
///     executor.execute(connection);
/// }
///
/// let (done, wait) = std::sync::mpsc::channel();
/// serve(ForHyper(Smol), async move { done.send(7).unwrap() });
/// assert_eq!(wait.recv(), Ok(7));
/// ```
#[cfg(feature = "hyper")]
#[derive(Clone, Copy, Debug)]
pub struct ForHyper<E>(pub E);

#[cfg(feature = "hyper")]
impl<E, F> hyper::rt::Executor<F> for ForHyper<E>
where
    E: Spawn,
    F: Future + Send + 'static,
{
    fn execute(&self, future: F) {
        self.0.spawn(Child::unscoped(async { drop(future.await) }));
    }
}

/// An executor of hyper's as one of anyscope's.
///
/// # Examples
///
/// ```
/// use anyscope::{compat::{ForHyper, FromHyper}, scope, smol::Smol};
///
/// let hypers = ForHyper(Smol); // any `hyper::rt::Executor`
/// # smol::block_on(async {
/// let three = scope(&FromHyper(hypers), async |s| s.spawn(async { 3 }).await).await;
/// assert_eq!(three.unwrap(), 3);
/// # });
/// ```
#[cfg(feature = "hyper")]
#[derive(Clone, Copy, Debug)]
pub struct FromHyper<X>(pub X);

#[cfg(feature = "hyper")]
impl<X: hyper::rt::Executor<Child>> Spawn for FromHyper<X> {
    fn spawn(&self, child: Child) {
        self.0.execute(child);
    }
}

/// An anyscope executor as one of the `futures` crate's.
///
/// # Examples
///
/// ```
/// use anyscope::{compat::ForFutures, smol::Smol};
/// use futures_task::Spawn;
///
/// let (done, wait) = std::sync::mpsc::channel();
/// let task = Box::new(async move { done.send(7).unwrap() });
/// ForFutures(Smol).spawn_obj(task.into()).unwrap();
/// assert_eq!(wait.recv(), Ok(7));
/// ```
#[cfg(feature = "futures")]
#[derive(Clone, Copy, Debug)]
pub struct ForFutures<E>(pub E);

#[cfg(feature = "futures")]
impl<E: Spawn> futures_task::Spawn for ForFutures<E> {
    fn spawn_obj(
        &self,
        future: futures_task::FutureObj<'static, ()>,
    ) -> Result<(), futures_task::SpawnError> {
        self.0.spawn(Child::unscoped(future));
        Ok(())
    }
}

/// An executor of the `futures` crate's as one of anyscope's.
///
/// If it refuses a child, the child's handle says [`Cancelled`](crate::JoinError::Cancelled).
///
/// # Examples
///
/// ```
/// use anyscope::{compat::{ForFutures, FromFutures}, scope, smol::Smol};
///
/// let theirs = ForFutures(Smol); // any `futures_task::Spawn`
/// # smol::block_on(async {
/// let three = scope(&FromFutures(theirs), async |s| s.spawn(async { 3 }).await).await;
/// assert_eq!(three.unwrap(), 3);
/// # });
/// ```
#[cfg(feature = "futures")]
#[derive(Clone, Copy, Debug)]
pub struct FromFutures<X>(pub X);

#[cfg(feature = "futures")]
impl<X: futures_task::Spawn> Spawn for FromFutures<X> {
    fn spawn(&self, child: Child) {
        // Refused or not, the child ends where its future object does.
        drop(self.0.spawn_obj(Box::new(child).into()));
    }
}
