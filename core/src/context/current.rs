//! The context around the running code.

use super::Context;
use crate::cancel::current;
use core::{fmt, future::Future, pin::Pin, task, task::Poll};
use pin_project_lite::pin_project;

/// Returns the context around this code; an empty one if there is none. See the
/// [module](super) for which that is.
///
/// # Examples
///
/// ```
/// use anyscope::context::{self, Context};
///
/// let found = Context::new().with(7).enter(|| context::current());
/// assert_eq!(found.get(), Some(&7));
/// assert!(context::current().is_empty());
/// ```
pub fn current() -> Context {
    current::context_around(|context| context.cloned().unwrap_or_default())
}

/// Calls `f` with the context around this code, without a clone of it.
///
/// # Examples
///
/// ```
/// use anyscope::context::{self, Context};
///
/// let add_one = || context::with_current(|context| context.get::<u32>().map(|n| n + 1));
/// assert_eq!(add_one(), None);
/// assert_eq!(Context::new().with(1_u32).enter(add_one), Some(2));
/// ```
pub fn with_current<R>(f: impl FnOnce(&Context) -> R) -> R {
    current::context_around(|context| f(context.unwrap_or(&Context::new())))
}

impl Context {
    /// Returns a future that polls `future` with this context around it.
    ///
    /// The context takes the place of the one that is there. To add to that one:
    /// `context::current().with(value).around(future)`.
    ///
    /// # Cancel safety
    ///
    /// That of `future`.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{context::{self, Context}, join};
    ///
    /// # smol::block_on(async {
    /// let number = async || context::with_current(|context| context.get::<u32>().copied());
    /// let one = Context::new().with(1_u32);
    /// let both = join((one.around(number()), number()));
    /// assert_eq!(both.await, (Some(1), None));
    /// # });
    /// ```
    pub fn around<F: Future>(&self, future: F) -> Around<F> {
        Around { future, context: self.clone() }
    }

    /// Calls `f` with this context around it: for synchronous code, as a
    /// [`block_scope`](crate::block_scope()).
    ///
    /// [`Hook`](super::Hook)s run around the call.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{block_scope, context::{self, Context}, smol::Smol};
    ///
    /// let number = Context::new().with(7_u32).enter(|| {
    ///     block_scope(&Smol, async |s| {
    ///         let child = s.spawn(async { context::current().get::<u32>().copied() });
    ///         child.await.unwrap()
    ///     })
    /// });
    /// assert_eq!(number, Some(7));
    /// ```
    pub fn enter<R>(&self, f: impl FnOnce() -> R) -> R {
        current::in_context(self, || self.hooked(f))
    }
}

pin_project! {
    /// Future of [`Context::around`].
    #[must_use = "futures do nothing unless you `.await` or poll them"]
    pub struct Around<F> {
        #[pin]
        future: F,
        context: Context,
    }
}

impl<F: Future> Future for Around<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        this.context.enter(|| this.future.poll(cx))
    }
}

impl<F> fmt::Debug for Around<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Around").field("context", &self.context).finish_non_exhaustive()
    }
}
