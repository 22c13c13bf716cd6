//! A tree of cancel requests.

use super::{CancelReason, Cancelled, CancelledBy};
use crate::{
    sync::{
        Arc, AtomicBool, AtomicUsize, EventListener, LazyEvent, Ordering, Wakers,
        group::{Ends, Group, Member},
        once_arc::OnceArc,
        once_box::OnceBox,
    },
    waits,
};
use alloc::vec::Vec;
use core::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};
use pin_project_lite::pin_project;

/// A request to end, which is passed on to the tokens below.
///
/// A clone is another handle to the same token. A [`child_token`](Self::child_token) is a token of
/// its own: it is cancelled with this one, and can be cancelled alone. Cancelling is final: every
/// later check sees it.
///
/// # Cost
///
/// [`is_cancelled`](Self::is_cancelled) is one relaxed load. A child token is two allocations. Its
/// parent frees them soon after its last handle, and the last handle of each of its descendants, is
/// gone.
///
/// # Examples
///
/// ```
/// use anyscope::CancelToken;
///
/// let server = CancelToken::new();
/// let request = server.child_token();
///
/// // A loop that computes checks now and then:
/// let sum = |token: &CancelToken| {
///     let mut sum = 0;
///     for n in 0..1000 {
///         token.checkpoint()?;
///         sum += n;
///     }
///     Ok::<_, anyscope::Cancelled>(sum)
/// };
/// assert_eq!(sum(&request), Ok(499_500));
///
/// server.cancel("shutting down");
/// let cancelled = sum(&request).unwrap_err();
/// assert_eq!(cancelled.reason().unwrap().message(), "shutting down");
/// ```
#[derive(Clone)]
pub struct CancelToken {
    node: Arc<Member<Node>>,
    alive: Arc<Alive>,
}

struct Node {
    cancelled: AtomicBool,
    /// This token and all below are cancelled: nothing is left to do.
    told: AtomicBool,
    reason: OnceBox<CancelReason>,
    requested: LazyEvent,
    children: Group<Node>,
    /// How many children were ever made.
    made: AtomicUsize,
    /// No handle is left, neither of this token nor of a descendant.
    gone: AtomicBool,
}

/// Ends with the last handle of a node and of its descendants.
struct Alive {
    node: Arc<Member<Node>>,
    /// We keep the parent in the tree, as a cancel reaches us through it.
    parent: Option<Arc<Alive>>,
}

/// A long chain is dropped one after the other, not recursively.
impl Drop for Alive {
    fn drop(&mut self) {
        self.node.gone.store(true, Ordering::Release);
        let mut parent = self.parent.take();
        while let Some(alive) = parent {
            Alive::child_has_left(&alive);
            parent = Arc::try_unwrap(alive).ok().and_then(|mut last| last.parent.take());
        }
    }
}

impl Alive {
    /// Sweeps if many children are gone. New children sweep too, but after a flood of children there
    /// may never be a new one.
    fn child_has_left(this: &Arc<Self>) {
        // Every child that is not gone holds a count of this, and so does every handle. That is an
        // upper bound on the children alive, which costs no counter of its own. A stale count only
        // moves a sweep: what is swept out has ended in any case. The caller holds one count.
        let alive = Arc::strong_count(this) - 1;
        let made = this.node.made.load(Ordering::Relaxed);
        this.node.children.sweep_if_sparse(made, alive);
    }
}

impl Ends for Node {
    fn has_ended(&self) -> bool {
        self.gone.load(Ordering::Acquire) || self.told.load(Ordering::Acquire)
    }
}

/// Long chains of tokens are dropped one after the other, not recursively.
impl Drop for Node {
    fn drop(&mut self) {
        if self.children.is_empty() {
            return;
        }
        let mut members = Vec::new();
        self.children.drain(&mut members);
        while let Some(member) = members.pop() {
            if let Ok(mut last) = Arc::try_unwrap(member) {
                last.children.drain(&mut members);
            }
        }
    }
}

impl CancelToken {
    /// Creates a token that is not cancelled and has no parent.
    pub fn new() -> Self {
        Self::of(Member::alone(Node::new()), None)
    }

    fn of(node: Arc<Member<Node>>, parent: Option<Arc<Alive>>) -> Self {
        let alive = Arc::new(Alive { node: node.clone(), parent });
        CancelToken { node, alive }
    }

    /// Creates a token that is cancelled when this one is. If this one is cancelled already, so is
    /// the new one.
    ///
    /// Cancelling the child does not cancel this token.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::CancelToken;
    ///
    /// let server = CancelToken::new();
    /// let (a, b) = (server.child_token(), server.child_token());
    ///
    /// a.cancel("the client hung up");
    /// assert!(a.is_cancelled() && !b.is_cancelled() && !server.is_cancelled());
    ///
    /// server.cancel("shutting down");
    /// assert!(b.is_cancelled());
    /// assert_eq!(a.reason().unwrap().message(), "the client hung up");
    /// ```
    pub fn child_token(&self) -> Self {
        let made = self.node.made.fetch_add(1, Ordering::Relaxed) + 1;
        self.node.children.sweep_if_due(made);
        let (node, added) = self.node.children.add(Node::new());
        let child = Self::of(node, Some(self.alive.clone()));
        if !added {
            child.cancel_as(self);
        }
        child
    }

    /// Cancels a child that `parent` has refused because it was cancelled already.
    #[cold]
    fn cancel_as(&self, parent: &CancelToken) {
        // The reason was set before the group was closed, and a refused member sees what
        // happened before that. No task waits for the child yet, so there is no waker to fire.
        let reason = parent.node.reason.get().expect("cancelled for a reason").clone();
        self.node.cancel(reason, &mut Wakers::new());
    }

    /// Cancels this token and all of its descendants.
    ///
    /// All of them are cancelled before the first waiting task is woken. The first reason counts; a
    /// second call does nothing.
    ///
    /// # Panics
    ///
    /// If wakers panic, the first panic propagates when all tasks have been woken.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::CancelToken;
    ///
    /// let token = CancelToken::new();
    /// token.cancel("shutting down");
    /// token.cancel("too late to matter");
    /// assert!(token.is_cancelled());
    /// assert_eq!(token.reason().unwrap().message(), "shutting down");
    /// ```
    #[track_caller]
    pub fn cancel(&self, reason: impl Into<CancelReason>) {
        let mut wakers = Wakers::new();
        self.cancel_and_collect(reason.into(), &mut wakers);
        wakers.fire_and_resume();
    }

    /// As [`cancel`](Self::cancel), but leaves the wakers to the caller to fire.
    pub(crate) fn cancel_and_collect(&self, reason: CancelReason, wakers: &mut Wakers) {
        self.node.cancel(reason, wakers);
    }

    /// Returns whether the token is cancelled.
    pub fn is_cancelled(&self) -> bool {
        self.node.cancelled.load(Ordering::Relaxed)
    }

    /// Returns why the token was cancelled, if it was.
    pub fn reason(&self) -> Option<&CancelReason> {
        // Acquire: pairs with the store in `cancel`.
        let cancelled = self.node.cancelled.load(Ordering::Acquire);
        if cancelled { self.node.reason.get() } else { None }
    }

    /// Returns `Ok` unless the token is cancelled.
    ///
    /// For loops that compute, and for closures on blocking threads: nothing else can end them.
    ///
    /// # Errors
    ///
    /// Returns [`Cancelled`] on every call once the token is cancelled.
    ///
    /// # Examples
    ///
    /// See the [type](Self).
    pub fn checkpoint(&self) -> Result<(), Cancelled> {
        if self.is_cancelled() { Err(self.to_error()) } else { Ok(()) }
    }

    /// Waits until the token is cancelled.
    ///
    /// # Cancel safety
    ///
    /// Dropping the returned future has no effect.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{CancelToken, concurrent};
    ///
    /// # smol::block_on(async {
    /// let token = CancelToken::new();
    /// concurrent(async |s| {
    ///     let waiting = s.spawn(async { token.cancelled().await });
    ///     token.cancel("now");
    ///     waiting.await.unwrap();
    /// })
    /// .await;
    /// # });
    /// ```
    pub fn cancelled(&self) -> WaitCancelled<'_> {
        WaitCancelled { token: self, listener: None }
    }

    /// Runs `future` until the token is cancelled, and drops it then.
    ///
    /// If `future` is ready in the poll that finds the token cancelled, its value is returned.
    ///
    /// # Errors
    ///
    /// Returns [`Cancelled`] if the token was cancelled first. `future` has been dropped then.
    ///
    /// # Cancel safety
    ///
    /// Dropping the returned future drops `future`.
    ///
    /// # Panics
    ///
    /// The returned future panics if polled after it was ready.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::CancelToken;
    ///
    /// # smol::block_on(async {
    /// let token = CancelToken::new();
    /// assert_eq!(token.run_until_cancelled(async { 42 }).await, Ok(42));
    ///
    /// token.cancel("enough");
    /// let never = token.run_until_cancelled(std::future::pending::<()>()).await;
    /// assert!(never.unwrap_err().to_string().starts_with("cancelled: enough"));
    /// # });
    /// ```
    pub fn run_until_cancelled<F: Future>(&self, future: F) -> RunUntilCancelled<'_, F> {
        RunUntilCancelled { future: Some(future), cancelled: self.cancelled() }
    }

    /// Returns a guard that cancels this token when dropped, unless it is disarmed before.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::CancelToken;
    ///
    /// let token = CancelToken::new();
    /// drop(token.child_token().drop_guard("left early").disarm());
    /// assert!(!token.is_cancelled());
    ///
    /// let guard = token.clone().drop_guard("left early");
    /// drop(guard); // also by `?`, a panic, or a cancel of the task
    /// assert_eq!(token.reason().unwrap().message(), "left early");
    /// ```
    #[track_caller]
    pub fn drop_guard(self, reason: impl Into<CancelReason>) -> CancelGuard {
        CancelGuard { armed: Some((self, reason.into())) }
    }

    fn to_error(&self) -> Cancelled {
        Cancelled::new(CancelledBy::Token, self.reason())
    }
}

impl Node {
    fn new() -> Self {
        Node {
            cancelled: AtomicBool::new(false),
            told: AtomicBool::new(false),
            reason: OnceBox::new(),
            requested: LazyEvent::new(),
            children: Group::new(),
            made: AtomicUsize::new(0),
            gone: AtomicBool::new(false),
        }
    }

    fn cancel(&self, reason: CancelReason, wakers: &mut Wakers) {
        // The first reason stays, for all tokens below too. If two threads cancel this token, both
        // walk down, and both with the first reason.
        let _ = self.reason.set(reason);
        let reason = self.reason.get().expect("set above").clone();
        // Without recursion, as chains of tokens may be long.
        let mut below = Vec::new();
        self.cancel_alone(&reason, &mut below, wakers);
        let mut next = 0;
        while let Some(node) = below.get(next).cloned() {
            node.cancel_alone(&reason, &mut below, wakers);
            next += 1;
        }
        // Release: a thread that finds nothing left to do sees all of it done. With a weaker order,
        // it could return while a token below still reads as not cancelled.
        below.iter().for_each(|node| node.told.store(true, Ordering::Release));
        self.told.store(true, Ordering::Release);
    }

    /// Cancels this token alone, and adds its children to `below`. Does so even if another thread
    /// has begun to: that thread may be slow, and all must be cancelled before either returns.
    fn cancel_alone(
        &self,
        reason: &CancelReason,
        below: &mut Vec<Arc<Member<Node>>>,
        wakers: &mut Wakers,
    ) {
        if self.told.load(Ordering::Acquire) {
            return;
        }
        // Before the flag, so that a thread that sees the flag finds the reason. The first stays.
        if self.reason.get().is_none() {
            let _ = self.reason.set(reason.clone());
        }
        self.cancelled.store(true, Ordering::Release);
        self.children.close(|child| below.push(child));
        self.requested.collect(usize::MAX, wakers);
    }
}

/// The token around a scope, remembered by the scope without an allocation.
pub(crate) struct Around(OnceArc<Alive>);

impl Around {
    pub(crate) fn new() -> Self {
        Around(OnceArc::new())
    }

    /// Remembers a token. If there is one already, that one stays.
    pub(crate) fn set(&self, token: CancelToken) {
        self.0.set(token.alive);
    }

    /// Returns why the token was cancelled, if it was.
    pub(crate) fn cancelled(&self) -> Option<Option<&CancelReason>> {
        let node = &self.0.get()?.node;
        // Acquire: as for `CancelToken::reason`.
        node.cancelled.load(Ordering::Acquire).then(|| node.reason.get())
    }

    /// Creates a child of the token, or a token without a parent if none is remembered.
    pub(crate) fn child_token(&self) -> CancelToken {
        let Some(alive) = self.0.get_arc() else { return CancelToken::new() };
        CancelToken { node: alive.node.clone(), alive }.child_token()
    }
}

impl Default for CancelToken {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for CancelToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CancelToken")
            .field("cancelled", &self.is_cancelled())
            .field("reason", &self.reason().map(CancelReason::message))
            .finish()
    }
}

/// Future of [`CancelToken::cancelled`].
#[must_use = "futures do nothing unless you `.await` or poll them"]
pub struct WaitCancelled<'a> {
    token: &'a CancelToken,
    listener: Option<EventListener>,
}

impl Future for WaitCancelled<'_> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            if self.token.is_cancelled() {
                return Poll::Ready(());
            }
            match &mut self.listener {
                // Checked again after this: a cancel before `listen` notified nothing.
                None => self.listener = Some(self.token.node.requested.listen()),
                Some(listener) => {
                    if Pin::new(listener).poll(cx).is_pending() {
                        waits::waits_for(format_args!("a cancel"));
                        return Poll::Pending;
                    }
                    self.listener = None;
                }
            }
        }
    }
}

impl fmt::Debug for WaitCancelled<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("WaitCancelled").field(self.token).finish()
    }
}

pin_project! {
    /// Future of [`CancelToken::run_until_cancelled`].
    #[must_use = "futures do nothing unless you `.await` or poll them"]
    pub struct RunUntilCancelled<'a, F> {
        // None once the result has been returned.
        #[pin]
        future: Option<F>,
        #[pin]
        cancelled: WaitCancelled<'a>,
    }
}

impl<F: Future> Future for RunUntilCancelled<'_, F> {
    type Output = Result<F::Output, Cancelled>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let future = this.future.as_mut().as_pin_mut().expect("polled after it was ready");
        let result = match (future.poll(cx), this.cancelled.as_mut().poll(cx)) {
            (Poll::Ready(output), _) => Ok(output),
            (Poll::Pending, Poll::Ready(())) => Err(this.cancelled.token.to_error()),
            (Poll::Pending, Poll::Pending) => return Poll::Pending,
        };
        this.future.set(None);
        Poll::Ready(result)
    }
}

impl<F> fmt::Debug for RunUntilCancelled<'_, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RunUntilCancelled")
            .field("token", self.cancelled.token)
            .finish_non_exhaustive()
    }
}

/// A guard that cancels a token when dropped; see [`CancelToken::drop_guard`].
#[derive(Debug)]
#[must_use = "dropping the guard cancels the token"]
pub struct CancelGuard {
    armed: Option<(CancelToken, CancelReason)>,
}

impl CancelGuard {
    /// Returns the token, without cancelling it.
    pub fn disarm(mut self) -> CancelToken {
        let (token, _) = self.armed.take().expect("there until here");
        token
    }
}

impl Drop for CancelGuard {
    fn drop(&mut self) {
        if let Some((token, reason)) = self.armed.take() {
            let mut wakers = Wakers::new();
            token.cancel_and_collect(reason, &mut wakers);
            wakers.fire_and_resume();
        }
    }
}

#[cfg(all(test, not(anyscope_loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_parent_forgets_children_without_handles() {
        let parent = CancelToken::new();
        let kept = parent.child_token();
        let first = Arc::downgrade(&parent.child_token().node);
        (0..1000).for_each(|_| drop(parent.child_token()));
        assert_eq!(first.strong_count(), 0);
        parent.cancel("now");
        assert!(kept.is_cancelled());
    }

    #[test]
    fn a_parent_forgets_a_flood_of_children_without_another_child() {
        let parent = CancelToken::new();
        let middle = parent.child_token();
        let flood: Vec<_> = (0..10_000)
            .map(|n| if n % 2 == 0 { parent.child_token() } else { middle.child_token() })
            .collect();
        let nodes: Vec<_> = flood.iter().map(|token| Arc::downgrade(&token.node)).collect();
        drop(flood);
        let kept = nodes.iter().filter(|node| node.strong_count() > 0).count();
        assert!(kept < 300, "{kept} of 10 000 are still there");
        parent.cancel("now");
        assert!(middle.is_cancelled());
    }

    #[test]
    fn a_cancelled_parent_forgets_its_children() {
        let parent = CancelToken::new();
        let flood: Vec<_> = (0..10_000).map(|_| parent.child_token()).collect();
        let nodes: Vec<_> = flood.iter().map(|token| Arc::downgrade(&token.node)).collect();
        parent.cancel("now");
        drop(flood);
        let kept = nodes.iter().filter(|node| node.strong_count() > 0).count();
        assert!(kept < 300, "{kept} of 10 000 are still there");
    }

    #[test]
    fn a_chain_of_tokens_may_be_long() {
        let first = CancelToken::new();
        let mut tokens = Vec::from([first.child_token()]);
        for n in 0..100_000 {
            let next = tokens[n].child_token();
            tokens.push(next);
        }
        first.cancel("all of you");
        assert!(tokens.iter().all(CancelToken::is_cancelled));
        assert_eq!(tokens[100_000].reason(), first.reason());
    }

    #[test]
    fn a_child_is_cancelled_alone() {
        let parent = CancelToken::new();
        let [child, sibling] = [(); 2].map(|()| parent.child_token());
        let grandchild = child.child_token();
        child.cancel("only you");
        assert!(grandchild.is_cancelled() && !sibling.is_cancelled() && !parent.is_cancelled());
        parent.cancel("and you");
        assert_eq!(child.reason().unwrap().message(), "only you");
        assert_eq!(sibling.reason().unwrap().message(), "and you");
        assert_eq!(parent.child_token().reason().unwrap().message(), "and you");
    }
}
