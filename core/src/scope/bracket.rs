//! A resource, its use and its release.

use super::parallel::{Scope, scope};
use crate::exec::Spawn;
use core::future::Future;

/// Acquires a resource, uses it, and releases it, whatever happens in between.
///
/// `release` runs when the future of `use_it` has ended, has panicked, or was dropped. If it was
/// dropped because the returned future was, `release` runs on `exec`. It runs once, and not at all
/// if `acquire` did not complete. To acquire several resources, or to use them in children, see
/// [`Scope::acquire`](super::Scope::acquire), on which this is built.
///
/// # Cancel safety
///
/// Dropping the returned future drops `acquire`, or the future that uses the resource. In the
/// second case `release` still runs.
///
/// # Panics
///
/// Propagates a panic of any of the three futures, after the resource was released.
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
