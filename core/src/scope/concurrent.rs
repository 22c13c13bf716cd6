//! Scopes whose children are polled by the awaiting task, and may borrow from around it.

use super::{
    driver::{self, Driver},
    handle::ScopeHandle,
    kind::InTask,
    owner::Owner,
    policy::{Accept, Conclude, FailFast, Supervise},
    shared::Shared,
};
use crate::{
    child::{Anywhere, InlineChild, SameThread, parent::Inline},
    limit::Limit,
    set::slab::{OWN_KEY, Slab},
    sync::stack::Stack,
};
use alloc::vec::Vec;
use core::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};
use pin_project_lite::pin_project;

/// Runs `body` and the children it spawns, all inside the returned future.
///
/// No executor is needed, and children may borrow whatever lives longer than the future, `&mut`
/// included. They run concurrently, not in parallel: one at a time, on the thread that polls the
/// future, and only while it is polled. The body and each child have wakers of their own, and are
/// polled only when these have fired.
///
/// Otherwise as [`scope`](super::scope): the future is ready with the value of the body when all
/// children have ended, and children fail independently.
///
/// A child that spawns siblings needs a clone of the [`Concurrent`], see the example.
///
/// # Cancel safety
///
/// Dropping the future drops every child, and then the body, before the drop returns.
///
/// # Panics
///
/// As [`scope`](super::scope).
///
/// # Fairness
///
/// Children are polled in passes: every child that is ready when a pass begins is polled once
/// before any is polled again. After 64 polls or two passes the task yields to its executor.
///
/// # Cost
///
/// One allocation for the scope itself, and two for each child. The memory to poll children is
/// allocated in chunks for up to 32 children, as many as exist at the same time, and reused.
///
/// # Examples
///
/// ```
/// # use smol::block_on;
/// # block_on(async {
/// use anyscope::concurrent;
///
/// let words = vec!["to", "be", "or"];
/// let mut longest = "";
/// let total = concurrent(async |s| {
///     // Borrows, also mutably:
///     s.spawn(async { longest = words.iter().max_by_key(|word| word.len()).unwrap() });
///     // Spawns a sibling:
///     let (s2, words) = (s.clone(), &words);
///     let total = s.spawn(async move {
///         let rest = s2.spawn(async move { words[1].len() + words[2].len() });
///         words[0].len() + rest.await.unwrap()
///     });
///     total.await.unwrap()
/// })
/// .await;
/// assert_eq!((total, longest), (6, "or"));
/// # });
/// ```
pub fn concurrent<'env, F, Fut>(body: F) -> ConcurrentFuture<'env, Fut>
where
    F: FnOnce(Concurrent<'env>) -> Fut,
    Fut: Future,
{
    start(body)
}

/// Runs a [`concurrent`] scope in which the first failure ends everything, as in
/// [`try_scope`](super::try_scope).
///
/// # Errors
///
/// As [`try_scope`](super::try_scope).
///
/// # Examples
///
/// ```
/// use anyscope::try_concurrent;
///
/// # smol::block_on(async {
/// let lines = ["40", "2"].map(String::from);
/// let sum = try_concurrent(async |s| {
///     let [a, b] = lines.each_ref().map(|line| s.spawn(async { line.parse::<u32>() }));
///     Ok(a.value().await + b.value().await)
/// });
/// assert_eq!(sum.await.unwrap(), 42);
///
/// let failed = try_concurrent(async |s| {
///     s.spawn(async { "two".parse::<u32>() });
///     std::future::pending().await // dropped when the child fails
/// });
/// let failed: Result<(), _> = failed.await;
/// assert!(failed.unwrap_err().into_first().is_some());
/// # });
/// ```
pub fn try_concurrent<'env, F, Fut, T, Err>(body: F) -> ConcurrentFuture<'env, Fut, FailFast<Err>>
where
    F: FnOnce(TryConcurrent<'env, Err>) -> Fut,
    Fut: Future<Output = Result<T, Err>>,
{
    start(body)
}

/// Runs a [`concurrent`] scope of children that need not be `Send`. The returned future is not
/// `Send` either.
///
/// # Examples
///
/// ```
/// use anyscope::concurrent_local;
/// use std::{cell::Cell, rc::Rc};
///
/// # smol::block_on(async {
/// let sum = Rc::new(Cell::new(0));
/// concurrent_local(async |s| {
///     for n in 1..=3 {
///         let sum = sum.clone();
///         s.spawn(async move { sum.set(sum.get() + n) });
///     }
/// })
/// .await;
/// assert_eq!(sum.get(), 6);
/// # });
/// ```
pub fn concurrent_local<'env, F, Fut>(body: F) -> ConcurrentFuture<'env, Fut, Supervise, SameThread>
where
    F: FnOnce(LocalConcurrent<'env>) -> Fut,
    Fut: Future,
{
    start(body)
}

/// Runs a [`try_concurrent`] scope of children that need not be `Send`. The returned future is not
/// `Send` either.
///
/// # Errors
///
/// As [`try_scope`](super::try_scope).
///
/// # Examples
///
/// ```
/// use anyscope::try_concurrent_local;
/// use std::rc::Rc;
///
/// # smol::block_on(async {
/// let line: Rc<str> = "42".into();
/// let number = try_concurrent_local(async |s| {
///     let line = line.clone();
///     Ok(s.spawn(async move { line.parse::<u32>() }).value().await)
/// });
/// assert_eq!(number.await.unwrap(), 42);
/// # });
/// ```
pub fn try_concurrent_local<'env, F, Fut, T, Err>(
    body: F,
) -> ConcurrentFuture<'env, Fut, FailFast<Err>, SameThread>
where
    F: FnOnce(TryLocalConcurrent<'env, Err>) -> Fut,
    Fut: Future<Output = Result<T, Err>>,
{
    start(body)
}

fn start<'env, F, Fut, P, M>(body: F) -> ConcurrentFuture<'env, Fut, P, M>
where
    F: FnOnce(Concurrent<'env, P, M>) -> Fut,
    Fut: Future,
    P: Conclude<Fut::Output>,
{
    let owner = Owner::new(Limit::Unbounded, Inline::default());
    let body = body(ScopeHandle::new(owner.shared().clone(), InTask::new()));
    ConcurrentFuture {
        driver: Driver::new(body, owner, || ""),
        body_ready: true,
        body_uses_task: true,
        set: None,
    }
}

/// Handle of a scope whose children run inside the scope's own future and may borrow for `'env`.
///
/// Cheap to clone, so that children can spawn siblings. Passed to the body of [`concurrent`] and
/// its siblings. For `P` and `M` see [`Scope`](super::Scope).
pub type Concurrent<'env, P = Supervise, M = Anywhere> = ScopeHandle<'env, InTask<'env, M>, P>;

pub(super) type InlineShared<'env, P, M> = Shared<P, Inline<'env, M>>;

/// A [`Concurrent`] in which the first failure ends everything; see [`try_concurrent`].
pub type TryConcurrent<'env, Err> = Concurrent<'env, FailFast<Err>>;

/// A [`Concurrent`] of children that need not be `Send`; see [`concurrent_local`].
pub type LocalConcurrent<'env, P = Supervise> = Concurrent<'env, P, SameThread>;

/// A [`LocalConcurrent`] in which the first failure ends everything; see
/// [`try_concurrent_local`].
pub type TryLocalConcurrent<'env, Err> = Concurrent<'env, FailFast<Err>, SameThread>;

pin_project! {
    /// Future of [`concurrent`] and its siblings.
    #[must_use = "futures do nothing unless you `.await` or poll them"]
    pub struct ConcurrentFuture<
        'env,
        Fut,
        P = Supervise,
        M = Anywhere,
        V = <P as Accept<<Fut as Future>::Output>>::Value,
    >
    where
        Fut: Future,
        P: Conclude<Fut::Output>,
        P: Accept<Fut::Output, Value = V>,
    {
        // First field: children and body are dropped before the shells of the children.
        #[pin]
        driver: Driver<Fut, P, Inline<'env, M>, V>,
        body_ready: bool,
        // The body was last polled with the task's waker, because there were no children. So any
        // poll of the scope may be meant for the body.
        body_uses_task: bool,
        // Created with the first child.
        set: Option<Set<'env>>,
    }

    impl<'env, Fut, P, M, V> PinnedDrop for ConcurrentFuture<'env, Fut, P, M, V>
    where
        Fut: Future,
        P: Conclude<Fut::Output>,
        P: Accept<Fut::Output, Value = V>,
    {
        fn drop(this: Pin<&mut Self>) {
            // Before any field: children that are dropped would wake us to free their shells.
            if let Some(set) = this.project().set {
                set.children.close();
            }
        }
    }
}

/// The children of a [`ConcurrentFuture`]. The slab's own slot provides the waker of the body.
struct Set<'env> {
    children: Slab<InlineChild<'env>, true>,
    /// A buffer for children on the way to `children`. Empty between calls.
    new: Vec<InlineChild<'env>>,
}

/// How many polls are made before the task yields.
const POLLS: usize = 64;
/// How many passes are made before the task yields.
const PASSES: usize = 2;

impl<'env> Set<'env> {
    fn new() -> Self {
        Set { children: Slab::with_capacity(0), new: Vec::new() }
    }

    /// Adds new children. They are polled in the next pass.
    fn admit(&mut self, new: &Stack<InlineChild<'env>>) {
        new.take_into(&mut self.new);
        for child in self.new.drain(..) {
            let key = self.children.insert(child);
            self.children.wake(key);
        }
    }

    /// Polls the children that are due in this pass, and counts `polls` down. Children that are
    /// left when it is zero are polled later. Returns whether the body is due.
    fn poll_pass(&mut self, polls: &mut usize) -> bool {
        let mut body_ready = false;
        if !self.children.is_in_pass() {
            self.children.begin_pass();
        }
        while *polls > 0 {
            let Some(key) = self.children.next() else { break };
            if key == OWN_KEY {
                body_ready = true;
            } else {
                *polls -= 1;
                self.children.poll(key);
            }
        }
        body_ready
    }

    /// Arranges that the next wake wakes the task. Returns false if something is left to do.
    fn park(&mut self, cx: &mut Context<'_>) -> bool {
        !self.children.is_in_pass() && self.children.park(cx)
    }
}

impl<Fut, P, M> Future for ConcurrentFuture<'_, Fut, P, M>
where
    Fut: Future,
    P: Conclude<Fut::Output>,
{
    type Output = P::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<P::Output> {
        let mut this = self.project();
        this.driver.check_not_over();
        *this.body_ready |= *this.body_uses_task;
        let mut polls = POLLS;
        for _ in 0..PASSES {
            let drops = this.driver.must_drop_body();
            let body_is_gone = if *this.body_ready || drops {
                *this.body_ready = false;
                *this.body_uses_task = this.set.is_none();
                match this.set {
                    Some(set) => {
                        let driver = this.driver.as_mut();
                        set.children.poll_own(|cx| driver.poll_body(cx))
                    }
                    None => this.driver.as_mut().poll_body(cx),
                }
            } else {
                this.driver.body_is_gone()
            };

            let new = &this.driver.shared().kind.new;
            if !new.is_empty() {
                this.set.get_or_insert_with(Set::new).admit(new);
            }
            if let Some(set) = this.set {
                *this.body_ready |= set.poll_pass(&mut polls);
            }

            if body_is_gone {
                if let Poll::Ready(result) = this.driver.as_mut().poll_end(cx) {
                    return Poll::Ready(driver::unwrap(result));
                }
            } else {
                this.driver.shared().register(cx);
            }
            // Something may have become due since it was last checked.
            let shared = this.driver.shared();
            let idle = !*this.body_ready
                && !this.driver.must_drop_body()
                && shared.kind.new.is_empty()
                && this.set.as_mut().is_none_or(|set| set.park(cx));
            if idle {
                this.driver.pends(cx.waker());
                return Poll::Pending;
            }
            if polls == 0 {
                break;
            }
        }
        // Not that what is around it seems to wait for something else only.
        this.driver.pends(cx.waker());
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

impl<Fut, P, M> fmt::Debug for ConcurrentFuture<'_, Fut, P, M>
where
    Fut: Future,
    P: Conclude<Fut::Output> + fmt::Debug,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConcurrentFuture")
            .field("driver", &self.driver)
            .field("polled_children", &self.set.as_ref().map_or(0, |set| set.children.len()))
            .finish()
    }
}
