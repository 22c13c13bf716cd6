//! The handle of a tree, and the list of its scopes.

use super::{ScopeView, Snapshot, Verdict, node::Node, take};
use crate::{
    context::{self, Context, current::Around},
    observers::{Observer, Observers},
    sync::lock::Lock,
    time::{Clock, Instant as Moment},
};
use alloc::{boxed::Box, collections::BTreeMap, sync::Arc, vec::Vec};
use core::{fmt, future::Future, time::Duration};
use std::time::Instant;

/// All scopes that begin in what it [watches](Self::watch), and their children. Cheap to clone; clones are the same
/// tree. See the [module](super).
///
/// # Cost
///
/// Without a tree: nothing. In a tree: some 190 bytes for each child, a few stores for each poll, and a lock at the begin and
/// the end of each scope. Nothing is registered for a child: its scope has a list of them anyway. Time is read when a
/// child has to wait for the first time; and twice for each poll with [`time_polls`](Builder::time_polls).
///
/// # Examples
///
/// See the [module](super).
#[derive(Clone)]
pub struct Tree {
    pub(super) inner: Arc<Inner>,
}

pub(super) struct Inner {
    nodes: Lock<BTreeMap<u64, Arc<Node>>>,
    pub(super) age: Arc<dyn Fn() -> Duration + Send + Sync>,
    /// When it began, by the same clock.
    pub(super) start: Moment,
    pub(super) is_timed: bool,
    pub(super) observers: Option<Arc<Observers>>,
    pub(super) dropped_live: Option<Box<DroppedLive>>,
}

/// Told of scopes that are dropped with children that have not ended.
type DroppedLive = dyn Fn(&ScopeView) + Send + Sync;

impl Tree {
    /// Returns a tree with nothing in it, whose time is that of the system.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{concurrent, observe::tree::Tree};
    ///
    /// let tree = Tree::new();
    /// let sum = smol::block_on(tree.watch(concurrent(async |s| s.spawn(async { 1 }).await.unwrap())));
    /// assert_eq!(sum, 1);
    /// assert!(tree.snapshot().scopes.is_empty(), "all of it has ended");
    /// ```
    pub fn new() -> Self {
        Self::builder().build()
    }

    /// Returns a builder: another clock, the time in polls.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::observe::tree::Tree;
    ///
    /// let tree = Tree::builder().time_polls(true).build();
    /// assert!(tree.snapshot().scopes.is_empty());
    /// ```
    pub fn builder() -> Builder {
        let start = Instant::now();
        Builder {
            age: Arc::new(move || start.elapsed()),
            start: start.into(),
            is_timed: false,
            observers: Observers::default(),
            dropped_live: None,
        }
    }

    /// Returns a future that polls `future` with this tree around it: all scopes that are first polled in it, and all
    /// below them, are in the tree.
    ///
    /// The tree is added to the [context](crate::context) around this call. Of two trees, the inner one has what
    /// begins in it.
    ///
    /// # Cancel safety
    ///
    /// That of `future`.
    ///
    /// # Examples
    ///
    /// See the [module](super).
    pub fn watch<F: Future>(&self, future: F) -> Around<F> {
        self.context(&context::current()).around(future)
    }

    /// Returns `context` with this tree in it, for whoever puts contexts around code by hand.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{OwnedScope, context::Context, observe::tree::Tree, smol::Smol};
    ///
    /// let tree = Tree::new();
    /// let scope = tree.context(&Context::new()).enter(|| OwnedScope::new(&Smol));
    /// scope.spawn_named("for ever", std::future::pending::<()>());
    /// assert_eq!(tree.snapshot().scopes[0].children[0].name(), Some("for ever"));
    /// ```
    pub fn context(&self, context: &Context) -> Context {
        context.with_watcher(self.clone())
    }

    /// Returns what is running now, and what it waits for. Nobody is stopped for it.
    ///
    /// Each child is seen at one moment, but not all at the same. Who lives during the whole call is in it, once; who
    /// begins or ends meanwhile may be.
    ///
    /// # Cost
    ///
    /// Some 100 ns for each child, on the calling thread. A scope that ends meanwhile waits while its own children are
    /// looked at.
    ///
    /// # Examples
    ///
    /// See the [module](super).
    pub fn snapshot(&self) -> Snapshot {
        take::snapshot(self)
    }

    /// Returns who waits for whom in a circle, if anybody does, and so will wait for ever.
    ///
    /// It knows what children and bodies have said in their last poll, if they wait for one thing of this library. Who
    /// waits for something else, or for several things, is taken to go on. So what is found is stuck, unless
    ///
    /// - it also waits for something that says nothing: a socket, a timer of the runtime, in a `select!` beside ours; or
    ///   a group of others that polls only those of its members that were woken (`FuturesUnordered`), beside ours in a task
    ///   that polls both;
    /// - somebody else cancels it, or closes the semaphore that it waits for;
    /// - a [`Permit`](crate::limit::Permit) was moved into another child after it was taken. Of an
    ///   [`OwnedPermit`](crate::limit::OwnedPermit) it is not known who holds it, so who waits for one is taken to go on;
    /// - an end of a channel was moved into another child after it was used, or is shared with one that has not used it yet. An end of a
    ///   [`handoff`](crate::channel::handoff()) or a [`queue`](crate::channel::queue()) that was made in the tree is where it was used;
    ///   who waits for an end that was used in two places, or not yet, is taken to go on.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{JoinHandle, concurrent, observe::tree::Tree};
    /// use smol::future::yield_now;
    /// use std::sync::{Arc, Mutex};
    ///
    /// # smol::block_on(async {
    /// let tree = Tree::new();
    /// let verdict = tree.watch(concurrent(async |s| {
    ///     let slot = Arc::new(Mutex::new(None::<JoinHandle<'_, ()>>));
    ///     let second = slot.clone();
    ///     let first = s.spawn_named("first", async move {
    ///         let second = second.lock().unwrap().take().unwrap();
    ///         let _ = second.await;
    ///     });
    ///     let second = s.spawn_named("second", async move {
    ///         let _ = first.await;
    ///     });
    ///     *slot.lock().unwrap() = Some(second);
    ///     yield_now().await;
    ///     yield_now().await;
    ///     let verdict = tree.verdict();
    ///     s.cancel("seen");
    ///     verdict
    /// }));
    /// let circle = verdict.await.expect("they wait for each other").circle;
    /// assert_eq!(circle.len(), 2);
    /// assert!(circle[0].who.starts_with("child `first`"));
    /// assert!(circle[0].waits_for.starts_with("child `second`"));
    /// # });
    /// ```
    pub fn verdict(&self) -> Option<Verdict> {
        take::verdict(self)
    }

    /// Returns how many of its [`Observer`]s have panicked, and are told nothing any more.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{concurrent, observe::{Begin, Observer, tree::Tree}};
    /// # std::panic::set_hook(Box::new(|_| {}));
    ///
    /// struct Broken;
    ///
    /// impl Observer for Broken {
    ///     fn begins(&self, _: &Begin<'_>) -> u64 {
    ///         panic!("broken")
    ///     }
    /// }
    ///
    /// let tree = Tree::builder().observer(Broken).build();
    /// let answer = smol::block_on(tree.watch(concurrent(async |_| 42)));
    /// assert_eq!((answer, tree.failed_observers()), (42, 1));
    /// ```
    pub fn failed_observers(&self) -> usize {
        self.inner.observers.as_deref().map_or(0, Observers::failed)
    }

    pub(super) fn add(&self, node: Arc<Node>) {
        self.inner.nodes.with(|nodes| nodes.insert(node.number(), node));
    }

    pub(super) fn remove(&self, number: u64) {
        // Dropped without the lock.
        let _node = self.inner.nodes.with(|nodes| nodes.remove(&number));
    }

    pub(super) fn node(&self, number: u64) -> Option<Arc<Node>> {
        self.inner.nodes.with(|nodes| nodes.get(&number).cloned())
    }

    /// Returns the scopes in the tree, those that began first in front.
    pub(super) fn nodes(&self) -> Vec<Arc<Node>> {
        self.inner.nodes.with(|nodes| nodes.values().cloned().collect())
    }

    /// Returns the time since the tree began.
    pub(super) fn age(&self) -> Duration {
        (self.inner.age)()
    }
}

impl Default for Tree {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Tree {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scopes = self.inner.nodes.with(|nodes| nodes.len());
        f.debug_struct("Tree").field("scopes", &scopes).finish_non_exhaustive()
    }
}

/// Makes a [`Tree`].
///
/// See [`Tree::builder`].
#[must_use = "a builder does nothing until `build`"]
pub struct Builder {
    age: Arc<dyn Fn() -> Duration + Send + Sync>,
    start: Moment,
    is_timed: bool,
    observers: Observers,
    dropped_live: Option<Box<DroppedLive>>,
}

impl Builder {
    /// Takes the time from this clock: that of a simulation, for example.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{Timer, concurrent, observe::tree::Tree, sim::Sim};
    /// use std::time::Duration;
    ///
    /// Sim::new(7).run(|sim| async move {
    ///     let tree = Tree::builder().clock(sim.clone()).build();
    ///     tree.watch(concurrent(async |_| {
    ///         sim.sleep(Duration::from_secs(60)).await;
    ///         assert_eq!(tree.snapshot().scopes[0].age.as_secs(), 60);
    ///     }))
    ///     .await;
    /// }).unwrap();
    /// ```
    pub fn clock(self, clock: impl Clock + Send + Sync + 'static) -> Self {
        let start = clock.now();
        let age = move || clock.now().saturating_duration_since(start);
        Builder { age: Arc::new(age), start, ..self }
    }

    /// Measures the time in polls of each child, by the clock of the system: it is the time of a processor, also in a
    /// simulation. Costs two reads of that clock for each poll. Not by default.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{concurrent, observe::tree::Tree};
    ///
    /// let tree = Tree::builder().time_polls(true).build();
    /// smol::block_on(tree.watch(concurrent(async |s| {
    ///     s.spawn(std::future::pending::<()>());
    ///     smol::future::yield_now().await;
    ///     assert!(tree.snapshot().scopes[0].children[0].busy.is_some());
    ///     s.cancel("seen");
    /// })));
    /// ```
    pub fn time_polls(self, is_timed: bool) -> Self {
        Builder { is_timed, ..self }
    }

    /// Tells this observer what happens in the tree. May be called up to three times.
    ///
    /// # Panics
    ///
    /// If there are three already, and whatever [`wants_wakes`](Observer::wants_wakes) panics with.
    ///
    /// # Examples
    ///
    /// See [`Observer`].
    pub fn observer(mut self, observer: impl Observer) -> Self {
        self.observers.push(Box::new(observer));
        self
    }

    /// Calls `tell` with each scope of the tree that is dropped before its children have ended, while they still are in it:
    /// by a `select!` that another branch has won, a time limit around it, or a task that was aborted.
    ///
    /// Not with scopes inside it, nor with those that go because what they are in is cancelled. The last call counts.
    ///
    /// `tell` runs in a destructor: it should write, and return. If it panics, the panic goes no further than the panic
    /// hook.
    ///
    /// # Cost
    ///
    /// A look at the whole tree for each scope that is dropped so.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{concurrent, observe::tree::Tree};
    /// use std::{future::pending, sync::{Arc, Mutex}};
    ///
    /// let seen = Arc::new(Mutex::new(String::new()));
    /// let log = seen.clone();
    /// let tree = Tree::builder().on_dropped_live(move |scope| *log.lock().unwrap() = scope.to_string()).build();
    /// smol::block_on(tree.watch(async {
    ///     let work = concurrent(async |s| {
    ///         s.spawn_named("upload", pending::<()>());
    ///     });
    ///     // Another branch is faster, and the scope is dropped.
    ///     smol::future::or(work, smol::future::yield_now()).await;
    /// }));
    /// assert!(seen.lock().unwrap().contains("#0 `upload`"));
    /// ```
    pub fn on_dropped_live(self, tell: impl Fn(&ScopeView) + Send + Sync + 'static) -> Self {
        Builder { dropped_live: Some(Box::new(tell)), ..self }
    }

    /// Returns the tree.
    ///
    /// # Examples
    ///
    /// See [`Tree::builder`].
    pub fn build(self) -> Tree {
        let Builder { age, start, is_timed, observers, dropped_live } = self;
        let observers = if observers.is_empty() { None } else { Some(Arc::new(observers)) };
        let nodes = Lock::new(BTreeMap::new());
        Tree { inner: Arc::new(Inner { nodes, age, start, is_timed, observers, dropped_live }) }
    }
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder").field("time_polls", &self.is_timed).finish_non_exhaustive()
    }
}
