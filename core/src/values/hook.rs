//! Code around polls.

use super::Context;
use alloc::sync::Arc;

/// Runs around every poll of what has a [`Context`] around it: of the future that the context was put
/// around, and of each child of the scopes in it, on whatever thread that is polled.
///
/// It is for what lives in a thread-local and should follow the work: a span of `tracing`, a context of
/// OpenTelemetry, a task-local of tokio (for those `anyscope::tokio::TaskLocal` is ready-made). It goes
/// into a context with [`with_hook`](Context::with_hook). It does not run around destructors of
/// futures that are dropped before their end.
///
/// Hooks are nested where polls are. A child of an inline scope ([`concurrent`](crate::concurrent())) is polled inside of the
/// poll of the scope, so a hook runs around that child while it runs around the scope: put back what was there
/// before, and count with that.
///
/// # Panics
///
/// A panic before the poll is one of the future that the hook runs around. One after the poll, when a
/// child may have ended, is for its scope: as one that no handle receives, it ends the scope, which
/// resumes it.
///
/// # Cost
///
/// A virtual call for each poll. Without hooks: nothing.
///
/// # Examples
///
/// ```
/// # #[cfg(feature = "std")] {
/// use anyscope::{concurrent, context::{Context, Hook}};
/// use std::cell::Cell;
///
/// thread_local! {
///     static TENANT: Cell<Option<&'static str>> = const { Cell::new(None) };
/// }
///
/// struct Tenant(&'static str);
///
/// impl Hook for Tenant {
///     fn around(&self, poll: &mut dyn FnMut()) {
///         let before = TENANT.replace(Some(self.0));
///         poll();
///         TENANT.set(before);
///     }
/// }
///
/// # smol::block_on(async {
/// let work = concurrent(async |s| {
///     s.spawn(async { TENANT.get() }).await.unwrap()
/// });
/// assert_eq!(Context::new().with_hook(Tenant("acme")).around(work).await, Some("acme"));
/// assert_eq!(TENANT.get(), None);
/// # });
/// # }
/// ```
pub trait Hook: Send + Sync + 'static {
    /// Calls `poll`, with whatever belongs around it. If it does not, the poll happens afterwards;
    /// a second call does nothing. `poll` may panic.
    fn around(&self, poll: &mut dyn FnMut());
}

impl Context {
    pub(crate) fn has_hooks(&self) -> bool {
        self.inner.as_ref().is_some_and(|inner| !inner.hooks.is_empty())
    }

    /// Calls `f` with all hooks around it.
    #[inline]
    pub(crate) fn hooked<R>(&self, f: impl FnOnce() -> R) -> R {
        match &self.inner {
            Some(inner) if !inner.hooks.is_empty() => hooked(&inner.hooks, f),
            _ => f(),
        }
    }
}

#[cold]
fn hooked<R>(hooks: &[Arc<dyn Hook>], f: impl FnOnce() -> R) -> R {
    let (mut f, mut output) = (Some(f), None);
    nest(hooks, &mut || {
        if let Some(f) = f.take() {
            output = Some(f());
        }
    });
    match (output, f) {
        (Some(output), _) => output,
        (None, Some(f)) => f(),
        (None, None) => {
            panic!("a hook of a context has kept the panic of the poll that it is around")
        }
    }
}

fn nest(hooks: &[Arc<dyn Hook>], poll: &mut dyn FnMut()) {
    match hooks.split_first() {
        None => poll(),
        Some((outermost, rest)) => outermost.around(&mut || nest(rest, poll)),
    }
}
