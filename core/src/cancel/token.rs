//! A tree of cancel requests.

use super::{
    CancelReason, Cancelled, CancelledBy,
    deadlines::{Deadlines, Shown},
};
use crate::sync::{
    Arc, AtomicBool, AtomicUsize, EventListener, LazyEvent, Ordering, Wakers,
    group::{Ends, Group, Member},
    once_arc::OnceArc,
    once_box::OnceBox,
};
use crate::time::Instant;
use alloc::vec::Vec;
use core::fmt;

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
#[doc(alias = "CancellationToken")]
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
    /// When it is cancelled at the latest, if its scope has a deadline.
    deadlines: OnceBox<Deadlines>,
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
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::CancelToken;
    ///
    /// let token = CancelToken::new();
    /// assert!(!token.is_cancelled() && token.reason().is_none());
    ///
    /// // Handed to whoever should be stopped with it.
    /// let clone = token.clone();
    /// clone.cancel("enough");
    /// assert!(token.is_cancelled());
    /// ```
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
        self.node.children.sweep_if_due(made, || Arc::strong_count(&self.alive));
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
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::CancelToken;
    ///
    /// let token = CancelToken::new();
    /// assert!(!token.is_cancelled());
    /// token.clone().cancel("enough");
    /// assert!(token.is_cancelled());
    /// ```
    pub fn is_cancelled(&self) -> bool {
        self.node.cancelled.load(Ordering::Relaxed)
    }

    /// Returns why the token was cancelled, if it was.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::CancelToken;
    ///
    /// let token = CancelToken::new();
    /// assert!(token.reason().is_none());
    /// token.cancel("the client hung up");
    /// token.cancel("closing"); // too late to count
    /// assert_eq!(token.reason().unwrap().message(), "the client hung up");
    /// ```
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
    /// ```
    /// use anyscope::{CancelToken, Cancelled};
    ///
    /// fn count(token: &CancelToken) -> Result<u32, Cancelled> {
    ///     for _ in 0..1000 {
    ///         token.checkpoint()?;
    ///         // .. a step ..
    ///     }
    ///     Ok(1000)
    /// }
    ///
    /// let token = CancelToken::new();
    /// assert_eq!(count(&token), Ok(1000));
    /// token.cancel("enough");
    /// assert!(count(&token).is_err());
    /// ```
    pub fn checkpoint(&self) -> Result<(), Cancelled> {
        if self.is_cancelled() { Err(self.to_error()) } else { Ok(()) }
    }

    /// Listens for the cancel. Check the token after this call: an earlier cancel does not notify the
    /// listener.
    pub(super) fn listen(&self) -> EventListener {
        self.node.requested.listen()
    }

    /// Shows that the token is cancelled at this moment, or before. It is not cancelled by this.
    pub(crate) fn show_deadline(&self, at: Instant) -> Shown {
        if self.node.deadlines.get().is_none() {
            // If another thread was first, its list is used.
            let _ = self.node.deadlines.set(Deadlines::new());
        }
        self.node.deadlines.get().expect("set above").show(at)
    }

    /// Returns when the token is cancelled at the latest, as far as deadlines of its own say.
    #[cfg_attr(not(all(feature = "std", not(anyscope_loom))), allow(dead_code))]
    pub(crate) fn own_deadline(&self) -> Instant {
        self.node.deadlines.get().map_or(Instant::NEVER, Deadlines::earliest)
    }

    /// Returns when the token is cancelled at the latest, as far as deadlines of its own and those above
    /// it say.
    #[cfg_attr(not(all(feature = "std", not(anyscope_loom))), allow(dead_code))]
    pub(super) fn deadline(&self) -> Instant {
        let mut earliest = Instant::NEVER;
        let mut next = Some(&self.alive);
        while let Some(alive) = next {
            if let Some(deadlines) = alive.node.deadlines.get() {
                earliest = earliest.min(deadlines.earliest());
            }
            next = alive.parent.as_ref();
        }
        earliest
    }

    pub(super) fn to_error(&self) -> Cancelled {
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
            deadlines: OnceBox::new(),
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
