//! A resource, its use and its release.

use super::parallel::{Scope, scope};
use crate::exec::Spawn;
use core::future::Future;

/// Acquires a resource, uses it, and releases it, whatever happens in between.
///
/// `release` runs when what `use_it` returned has ended, failed by a panic, or was dropped because
/// the returned future was: then on `exec`. It runs once, and not at all if `acquire` was dropped
/// before it was ready. To acquire several, or to have children that use them, see
/// [`Scope::acquire`](super::Scope::acquire), of which this is made.
///
/// # Cancel safety
///
/// Dropping the returned future drops `acquire`, or the use of the resource; `release` then
/// continues without it.
///
/// # Panics
///
/// With the panic of any of the three, after the resource was released.
///
/// # Examples
///
/// ```
/// use anyscope::smol::Smol;
/// # smol::block_on(async {
/// use anyscope::bracket;
/// use std::sync::{Arc, Mutex};
///
/// let log = Arc::new(Mutex::new(Vec::new()));
/// let length = bracket(
///     &Smol,
///     async { "file" },
///     async |file| {
///         log.lock().unwrap().push("use");
///         file.len()
///     },
///     {
///         let log = log.clone();
///         async move |_| log.lock().unwrap().push("release")
///     },
/// )
/// .await;
/// assert_eq!((length, &*log.lock().unwrap()), (4, &vec!["use", "release"]));
/// # });
/// ```
pub async fn bracket<E, A, R, U, UseIt, T, C, Release>(
    exec: &E,
    acquire: A,
    use_it: U,
    release: C,
) -> T
where
    E: Spawn + Clone + Send + Sync + 'static,
    A: Future<Output = R>,
    R: Send + Sync + 'static,
    U: FnOnce(alloc::sync::Arc<R>) -> UseIt,
    UseIt: Future<Output = T>,
    C: FnOnce(alloc::sync::Arc<R>) -> Release + Send + 'static,
    Release: Future + Send + 'static,
{
    let body = |s: Scope<E>| async move {
        let resource = s.acquire(acquire, release).await;
        use_it(resource).await
    };
    scope(exec, body).await
}
