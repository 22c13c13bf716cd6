//! Task-locals of tokio that follow the work.

use anyscope_core::context::Hook;
use std::{error::Error, fmt};
use tokio::task::LocalKey;

/// A value of a [`task_local!`](tokio::task_local) that is set in all children of the scopes inside of
/// a context: tokio's own are not inherited by what is spawned.
///
/// It goes into a [`Context`](anyscope_core::context::Context) with
/// [`with_hook`](anyscope_core::context::Context::with_hook), and works on any executor.
///
/// # Cost
///
/// A clone of the value for each poll; put large ones into an `Arc`.
///
/// # Examples
///
/// ```
/// use anyscope::{context, scope, tokio::{TaskLocal, TokioHandle}};
///
/// tokio::task_local! {
///     static REQUEST: u64;
/// }
///
/// # let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
/// # runtime.block_on(async {
/// let number = REQUEST.scope(7, async {
///     // Takes the value from here along.
///     let context = context::current().with_hook(TaskLocal::current(&REQUEST).unwrap());
///     let work = scope(&TokioHandle::current(), async |s| {
///         s.spawn(async { REQUEST.get() }).await.unwrap()
///     });
///     context.around(work).await
/// });
/// assert_eq!(number.await, 7);
/// # });
/// ```
pub struct TaskLocal<T: 'static> {
    key: &'static LocalKey<T>,
    value: T,
}

impl<T: Clone + Send + Sync + 'static> TaskLocal<T> {
    /// Returns a hook that sets the task-local to `value`.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{context::Context, scope, tokio::{TaskLocal, TokioHandle}};
    ///
    /// tokio::task_local! {
    ///     static REQUEST: u64;
    /// }
    ///
    /// # tokio::runtime::Runtime::new().unwrap().block_on(async {
    /// let context = Context::new().with_hook(TaskLocal::new(&REQUEST, 7));
    /// let work = scope(&TokioHandle::current(), async |s| s.spawn(async { REQUEST.get() }).await);
    /// assert_eq!(context.around(work).await.unwrap(), 7);
    /// # });
    /// ```
    pub fn new(key: &'static LocalKey<T>, value: T) -> Self {
        TaskLocal { key, value }
    }

    /// Returns a hook that sets the task-local to the value that it has here.
    ///
    /// # Errors
    ///
    /// [`NotSet`] if it has none.
    ///
    /// # Examples
    ///
    /// See [`TaskLocal`].
    pub fn current(key: &'static LocalKey<T>) -> Result<Self, NotSet> {
        match key.try_with(T::clone) {
            Ok(value) => Ok(TaskLocal { key, value }),
            Err(_) => Err(NotSet),
        }
    }
}

impl<T: Clone + Send + Sync + 'static> Hook for TaskLocal<T> {
    fn around(&self, poll: &mut dyn FnMut()) {
        self.key.sync_scope(self.value.clone(), poll);
    }
}

impl<T: fmt::Debug> fmt::Debug for TaskLocal<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TaskLocal").field("value", &self.value).finish_non_exhaustive()
    }
}

/// The task-local has no value here: see [`TaskLocal::current`].
///
/// # Examples
///
/// ```
/// use anyscope::tokio::TaskLocal;
///
/// tokio::task_local! {
///     static REQUEST: u64;
/// }
///
/// assert!(TaskLocal::current(&REQUEST).is_err()); // outside of a `REQUEST.scope(..)`
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotSet;

impl fmt::Display for NotSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the task-local has no value here: set it with `KEY.scope(value, future)`, or give the value to `TaskLocal::new`")
    }
}

impl Error for NotSet {}
