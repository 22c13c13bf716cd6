//! A scope in a tree.

use super::Tree;
use crate::{
    child::seen::Seen,
    sync::lock::Lock,
    waits::{
        Facts, Watch,
        watcher::{self, Place, WatchedScope, Watcher},
    },
};
use alloc::{string::String, sync::Arc, vec::Vec};
use core::{
    ptr::NonNull,
    sync::atomic::{AtomicU64, Ordering},
    task::Waker,
    time::Duration,
};

/// A scope that can be looked at.
///
/// # Safety
///
/// `see` may be called on any thread, at the same time as anything else, whatever the scope borrows and however it is
/// bound to a thread: so it reads only what is shared with other threads anyway, and what it returns is not borrowed.
pub(crate) unsafe trait Inspect {
    fn see(&self) -> ScopeSeen;
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
    pub(super) started: Duration,
    /// The scope, until it is about to be freed.
    scope: Lock<Option<Subject>>,
}

struct Subject(NonNull<dyn Inspect>);

// SAFETY: only `see` is called, which may be on any thread.
unsafe impl Send for Subject {}

impl Node {
    /// Puts a scope into `tree`, at the place where this code runs.
    ///
    /// # Safety
    ///
    /// `scope` is not moved, and [`leave`](Self::leave) is called before it is freed.
    pub(crate) unsafe fn enter(tree: &Tree, scope: &dyn Inspect, body: &'static str) -> Arc<Node> {
        static NUMBERS: AtomicU64 = AtomicU64::new(1);
        // SAFETY: this only makes the lifetime of what the scope borrows longer. It is there until `leave`, as the
        // caller promises, and nothing is read of what it borrows, as `Inspect` promises.
        let subject = unsafe {
            core::mem::transmute::<NonNull<dyn Inspect + '_>, NonNull<dyn Inspect>>(NonNull::from(
                scope,
            ))
        };
        let node = Arc::new(Node {
            watched: WatchedScope {
                number: NUMBERS.fetch_add(1, Ordering::Relaxed),
                body: Watch::new(),
                is_timed: tree.inner.is_timed,
                age: tree.inner.age.clone(),
            },
            tree: tree.clone(),
            parent: watcher::place(),
            body,
            started: tree.age(),
            scope: Lock::new(Some(Subject(subject))),
        });
        tree.add(node.clone());
        node
    }

    /// Takes the scope out of the tree. Nobody looks at it when this returns. May be called twice.
    #[cold]
    pub(crate) fn leave(&self) {
        self.scope.with(|scope| *scope = None);
        self.tree.remove(self.number());
    }

    pub(crate) fn watched(&self) -> &WatchedScope {
        &self.watched
    }

    /// Begins a poll of the body, or of what comes after it. Returns what is to be around it.
    pub(crate) fn begin_poll<'a>(&'a self, waker: &'a Waker) -> Watcher<'a> {
        self.watched.body.begin_poll();
        Watcher::Body(&self.watched, waker)
    }

    /// The poll is over.
    pub(crate) fn end_poll(&self) {
        self.watched.body.end_poll();
    }

    pub(super) fn number(&self) -> u64 {
        self.watched.number
    }

    /// Returns the path of its body: `a::b` for `a::b::{{closure}}::{{closure}}`.
    pub(super) fn name(&self) -> String {
        self.body.replace("::{{closure}}", "")
    }

    /// Returns what its body says.
    pub(super) fn facts(&self) -> Facts {
        self.watched.body.facts()
    }

    /// Looks at the scope, if it is still there.
    pub(super) fn see(&self) -> Option<ScopeSeen> {
        self.scope.with(|scope| {
            // SAFETY: it is there until `leave`, which waits for this lock.
            scope.as_ref().map(|scope| unsafe { scope.0.as_ref() }.see())
        })
    }
}
