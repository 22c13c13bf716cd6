//! A scope in a tree.

use super::Tree;
use crate::{
    child::seen::Seen,
    observers::{Begin, Observed, Outcome, Parked, Who},
    sync::lock::Lock,
    time::Instant,
    unwind,
    waits::{
        Facts, Watch,
        watcher::{self, Place, WatchedScope, Watcher},
    },
};
use alloc::{string::String, sync::Arc, vec::Vec};
use core::{
    ptr::NonNull,
    sync::atomic::{AtomicU64, Ordering},
    task::{Poll, Waker},
    time::Duration,
};

/// A scope that can be looked at.
///
/// # Safety
///
/// Both may be called on any thread, at the same time as anything else, whatever the scope borrows and however it is
/// bound to a thread: so they read only what is shared with other threads anyway, and what they return is not borrowed.
pub(crate) unsafe trait Inspect {
    fn see(&self) -> ScopeSeen;

    fn is_cancelled(&self) -> bool;
}

/// What is to be seen of a scope from outside.
pub(crate) struct ScopeSeen {
    pub(crate) address: usize,
    pub(crate) live: usize,
    pub(crate) spawned: usize,
    pub(crate) limit: Option<usize>,
    /// Whether the limit may change.
    pub(crate) is_live: bool,
    pub(crate) is_cancelled: bool,
    pub(crate) reason: Option<String>,
    /// Its own, not those of what it is in.
    pub(crate) deadline: Instant,
    pub(crate) children: Vec<Seen>,
}

/// A scope in a tree. It lives as long as its scope, or as somebody looks at it.
pub(crate) struct Node {
    watched: WatchedScope,
    tree: Tree,
    /// What began it.
    pub(super) parent: Option<Place>,
    /// The type of its body.
    body: &'static str,
    /// The type that has the executor of its children; empty if their scope polls them.
    executor: &'static str,
    observed: Option<Arc<Observed>>,
    pub(super) started: Duration,
    /// The scope, until it is about to be freed.
    scope: Lock<Option<Subject>>,
}

struct Subject(NonNull<dyn Inspect>);

// SAFETY: only methods of `Inspect` are called, which may be on any thread.
unsafe impl Send for Subject {}

impl Node {
    /// Puts a scope into `tree`, at the place where this code runs.
    ///
    /// # Safety
    ///
    /// `scope` is not moved, and [`leave`](Self::leave) is called before it is freed.
    pub(crate) unsafe fn enter(
        tree: &Tree,
        scope: &dyn Inspect,
        body: &'static str,
        executor: &'static str,
    ) -> Arc<Node> {
        static NUMBERS: AtomicU64 = AtomicU64::new(1);
        // SAFETY: this only makes the lifetime of what the scope borrows longer. It is there until `leave`, as the
        // caller promises, and nothing is read of what it borrows, as `Inspect` promises.
        let subject = unsafe {
            core::mem::transmute::<NonNull<dyn Inspect + '_>, NonNull<dyn Inspect>>(NonNull::from(
                scope,
            ))
        };
        let number = NUMBERS.fetch_add(1, Ordering::Relaxed);
        let observed = tree.inner.observers.as_ref().map(|observers| {
            Observed::scope(observers, Begin::new(Who::Scope(number), Some(&path(body))))
        });
        let node = Arc::new(Node {
            watched: WatchedScope {
                number,
                body: Watch::new(),
                is_timed: tree.inner.is_timed,
                age: tree.inner.age.clone(),
            },
            tree: tree.clone(),
            parent: watcher::place(),
            body,
            executor,
            observed,
            started: tree.age(),
            scope: Lock::new(Some(Subject(subject))),
        });
        tree.add(node.clone());
        node
    }

    /// Takes the scope out of the tree. Nobody looks at it when this returns. May be called twice; the first time,
    /// `outcome` is how it ended.
    #[cold]
    pub(crate) fn leave(&self, outcome: impl FnOnce() -> Outcome) {
        let was_there = self.scope.with(|scope| scope.take().is_some());
        self.tree.remove(self.number());
        if let Some(observed) = self.observed().filter(|_| was_there) {
            observed.set_outcome(outcome());
            observed.ends(false);
        }
    }

    /// The scope is about to be dropped, with children that have not ended. Tells who wants to know, unless the scope
    /// goes because what it is in was cancelled.
    #[cold]
    pub(crate) fn dropped_live(&self) {
        let Some(tell) = &self.tree.inner.dropped_live else { return };
        let outer = self.parent.and_then(|place| self.tree.node(place.scope()));
        if outer.is_some_and(|outer| outer.is_cancelled()) {
            return;
        }
        let snapshot = self.tree.snapshot();
        if let Some(scope) = snapshot.all_scopes().find(|scope| scope.number == self.number()) {
            // In a destructor, perhaps during a panic.
            unwind::contain(|| tell(scope));
        }
    }

    /// Returns what observers are told of this scope, if there are any.
    pub(crate) fn observed(&self) -> Option<&Observed> {
        self.observed.as_deref()
    }

    pub(crate) fn watched(&self) -> &WatchedScope {
        &self.watched
    }

    /// Polls the body, or what comes after it.
    pub(crate) fn poll<T>(&self, waker: &Waker, poll: impl FnOnce() -> Poll<T>) -> Poll<T> {
        let body = &self.watched.body;
        let watched = || {
            body.begin_poll();
            let polled = watcher::watched(Watcher::Body(&self.watched, waker), poll);
            // Not after a panic: that body is never polled again.
            body.end_poll();
            polled
        };
        match self.observed() {
            Some(observed) => {
                observed.poll(watched, Poll::is_pending, || body.first_wait().map(Parked))
            }
            None => watched(),
        }
    }

    pub(super) fn number(&self) -> u64 {
        self.watched.number
    }

    /// Returns the path of its body: `a::b` for `a::b::{{closure}}::{{closure}}`.
    pub(super) fn name(&self) -> String {
        path(self.body)
    }

    /// Returns the type of the executor: `anyscope_smol::Smol`, from the type that has it.
    pub(super) fn executor(&self) -> Option<&'static str> {
        let (_, inner) = self.executor.split_once('<')?;
        Some(inner.strip_suffix('>').unwrap_or(inner))
    }

    /// Returns how long it is until that moment, when the tree is so old.
    pub(super) fn left_until(&self, moment: Instant, age: Duration) -> Duration {
        moment.saturating_duration_since(self.tree.inner.start.saturating_add(age))
    }

    /// Returns what its body says.
    pub(super) fn facts(&self) -> Facts {
        self.watched.body.facts()
    }

    fn is_cancelled(&self) -> bool {
        self.scope.with(|scope| {
            // SAFETY: as in `see`.
            scope.as_ref().is_some_and(|scope| unsafe { scope.0.as_ref() }.is_cancelled())
        })
    }

    /// Looks at the scope, if it is still there.
    pub(super) fn see(&self) -> Option<ScopeSeen> {
        self.scope.with(|scope| {
            // SAFETY: it is there until `leave`, which waits for this lock.
            scope.as_ref().map(|scope| unsafe { scope.0.as_ref() }.see())
        })
    }
}

/// Returns the path of a body whose type is called so.
fn path(body: &str) -> String {
    body.replace("::{{closure}}", "")
}
