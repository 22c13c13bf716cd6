//! What is seen of a tree.

use crate::{cancel::CancelledBy, child::ChildId};
use alloc::{borrow::Cow, string::String, vec::Vec};
use core::{panic::Location, time::Duration};

/// All scopes and children of a [`Tree`](super::Tree), as they were when it was looked at. Prints itself as a tree; with the
/// feature `serde` it can be serialized: times are seconds, ids and places are text.
///
/// # Examples
///
/// See the [module](super).
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Snapshot {
    /// How old the tree was.
    #[cfg_attr(feature = "serde", serde(serialize_with = "in_seconds"))]
    pub age: Duration,
    /// The scopes that no other scope of the tree is around. Those that began first in front.
    pub scopes: Vec<ScopeView>,
}

/// A scope as it was seen.
///
/// # Examples
///
/// ```
/// use anyscope::{concurrent, observe::tree::Tree};
/// use std::future::pending;
///
/// # smol::block_on(async {
/// let tree = Tree::new();
/// let work = concurrent(async |s| {
///     s.spawn_named("feed", pending::<()>());
///     let seen = tree.snapshot();
///     let scope = seen.all_scopes().next().unwrap();
///     assert_eq!((scope.live, scope.executor), (1, None));
///     assert_eq!(scope.children[0].name(), Some("feed"));
///     s.cancel("seen");
/// });
/// tree.watch(work).await;
/// # });
/// ```
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ScopeView {
    /// A number that no other scope of the process has.
    pub number: u64,
    /// Where its body is written: the path of the function or closure.
    pub name: String,
    /// The type of the executor that polls its children: `anyscope_smol::Smol`. None if the scope's own task polls them.
    pub executor: Option<&'static str>,
    /// How long it has run.
    #[cfg_attr(feature = "serde", serde(serialize_with = "in_seconds"))]
    pub age: Duration,
    /// How many polls its body had, and the scope after it.
    pub polls: usize,
    /// How many children have not ended.
    pub live: usize,
    /// How many children were ever spawned.
    pub spawned: usize,
    /// How many may be in it at once, if it has a limit.
    pub limit: Option<usize>,
    /// Whether it was cancelled.
    pub is_cancelled: bool,
    /// Why, if a reason was given.
    pub reason: Option<String>,
    /// How long it was until its earliest [deadline](crate::Scope::deadline), if it has one; zero if that had passed. By the
    /// [clock of the tree](super::Builder::clock), which has to be that of the deadline. Deadlines of what it is in are there.
    #[cfg_attr(feature = "serde", serde(serialize_with = "in_seconds_if_known"))]
    pub deadline: Option<Duration>,
    /// What its body has said in its last poll that it waits for; or the scope, once its body has returned.
    pub waits: Vec<Wait>,
    /// How many waits there were besides.
    pub more_waits: usize,
    /// The scopes that its body is in.
    pub scopes: Vec<ScopeView>,
    /// The children that have not ended, in the order of spawning; daemons last.
    pub children: Vec<ChildView>,
}

/// A child as it was seen.
///
/// See [`Snapshot::children`].
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ChildView {
    /// Its number in its scope.
    #[cfg_attr(feature = "serde", serde(serialize_with = "as_text"))]
    pub id: ChildId,
    pub(super) name: Option<Cow<'static, str>>,
    /// Where it was spawned.
    #[cfg_attr(feature = "serde", serde(serialize_with = "as_text"))]
    pub spawned_at: &'static Location<'static>,
    /// What its executor does with it.
    pub state: State,
    /// How often it was polled.
    pub polls: usize,
    /// The time in polls that had to wait, if the tree measures it.
    #[cfg_attr(feature = "serde", serde(serialize_with = "in_seconds_if_known"))]
    pub busy: Option<Duration>,
    /// How long ago it had to wait for the first time, if it ever had to, for something that says so.
    #[cfg_attr(feature = "serde", serde(serialize_with = "in_seconds_if_known"))]
    pub age: Option<Duration>,
    /// Whether it is behind a shield.
    pub is_shielded: bool,
    /// What has asked for its end, if anything has.
    #[cfg_attr(feature = "serde", serde(serialize_with = "as_word"))]
    pub asked_by: Option<CancelledBy>,
    /// What it has said in its last poll that it waits for.
    pub waits: Vec<Wait>,
    /// How many waits there were besides.
    pub more_waits: usize,
    /// The scopes that it is in.
    pub scopes: Vec<ScopeView>,
}

/// What an executor does with a child.
///
/// # Examples
///
/// ```
/// use anyscope::{concurrent, observe::tree::{State, Tree}};
/// use smol::future::yield_now;
///
/// # smol::block_on(async {
/// let tree = Tree::new();
/// tree.watch(concurrent(async |s| {
///     s.spawn(std::future::pending::<()>());
///     assert_eq!(tree.snapshot().scopes[0].children[0].state, State::Queued);
///     yield_now().await;
///     assert_eq!(tree.snapshot().scopes[0].children[0].state, State::Waiting);
///     s.cancel("seen");
/// }))
/// .await;
/// # });
/// ```
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum State {
    /// It has not been polled yet.
    Queued,
    /// It is being polled now.
    Polled,
    /// It was polled, and waits; or it was woken and waits for its turn.
    Waiting,
}

/// What a child or a body waits for.
///
/// # Examples
///
/// ```
/// use anyscope::{concurrent, limit::Semaphore, observe::tree::Tree};
///
/// # smol::block_on(async {
/// let (tree, permits) = (Tree::new(), &Semaphore::new(1));
/// tree.watch(concurrent(async |s| {
///     let _held = permits.acquire().await;
///     s.spawn(async { drop(permits.acquire().await) });
///     smol::future::yield_now().await;
///     let wait = &tree.snapshot().scopes[0].children[0].waits[0];
///     assert_eq!(wait.text, "1 permit of a semaphore of 1");
///     assert_eq!(wait.holders.len(), 1); // the body
///     s.cancel("seen");
/// }))
/// .await;
/// # });
/// ```
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Wait {
    /// In words: `room in a scope of 3`.
    pub text: String,
    /// The number of the scope that it waits for, if it is one; or that of the child that it waits for.
    pub scope: Option<u64>,
    /// The child that it waits for, if it is one, in that scope.
    #[cfg_attr(feature = "serde", serde(serialize_with = "as_text_if_known"))]
    pub child: Option<ChildId>,
    /// Who is known to hold what it waits for: permits of a semaphore that were taken by borrowing it, in code that is
    /// watched.
    pub holders: Vec<Holder>,
}

/// Who holds what another one waits for.
///
/// See [`Wait`].
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Holder {
    /// The number of its scope; of the scope itself, if its body holds it.
    pub scope: u64,
    /// Which child.
    #[cfg_attr(feature = "serde", serde(serialize_with = "as_text_if_known"))]
    pub child: Option<ChildId>,
    /// What it is called: its name, or where it was spawned.
    pub name: String,
    /// How much it holds.
    pub count: usize,
}

impl Snapshot {
    /// Returns all scopes, each before those that are in it.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{concurrent, observe::tree::Tree};
    ///
    /// # smol::block_on(async {
    /// let tree = Tree::new();
    /// tree.watch(concurrent(async |_| {
    ///     concurrent(async |_| {
    ///         let seen = tree.snapshot();
    ///         assert_eq!(seen.all_scopes().count(), 2);
    ///         assert_eq!(seen.scopes.len(), 1); // the other one is in it
    ///     })
    ///     .await;
    /// }))
    /// .await;
    /// # });
    /// ```
    pub fn all_scopes(&self) -> impl Iterator<Item = &ScopeView> {
        let mut stack: Vec<_> = self.scopes.iter().rev().collect();
        core::iter::from_fn(move || {
            let scope = stack.pop()?;
            let below = scope.children.iter().flat_map(|child| &child.scopes);
            let mut next: Vec<_> = scope.scopes.iter().chain(below).collect();
            next.reverse();
            stack.append(&mut next);
            Some(scope)
        })
    }

    /// Returns all children of all scopes.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{concurrent, observe::tree::Tree};
    /// use std::future::pending;
    ///
    /// # smol::block_on(async {
    /// let tree = Tree::new();
    /// tree.watch(concurrent(async |s| {
    ///     s.spawn_named("feed", pending::<()>());
    ///     let seen = tree.snapshot();
    ///     assert!(seen.children().all(|child| child.polls == 0), "not yet");
    ///     s.cancel("seen");
    /// }))
    /// .await;
    /// # });
    /// ```
    pub fn children(&self) -> impl Iterator<Item = &ChildView> {
        self.all_scopes().flat_map(|scope| &scope.children)
    }
}

impl ChildView {
    /// Returns its name, if it was given one.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{concurrent, observe::tree::Tree};
    /// use std::future::pending;
    ///
    /// # smol::block_on(async {
    /// let tree = Tree::new();
    /// tree.watch(concurrent(async |s| {
    ///     s.spawn_named("feed", pending::<()>());
    ///     s.spawn(pending::<()>());
    ///     let seen = tree.snapshot();
    ///     let names: Vec<_> = seen.children().map(|child| child.name()).collect();
    ///     assert_eq!(names, [Some("feed"), None]);
    ///     s.cancel("seen");
    /// }))
    /// .await;
    /// # });
    /// ```
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }
}

#[cfg(feature = "serde")]
pub(super) use serialized::as_text_if_known;
#[cfg(feature = "serde")]
use serialized::{as_text, as_word, in_seconds, in_seconds_if_known};

#[cfg(feature = "serde")]
mod serialized {
    use alloc::format;
    use core::{fmt, time::Duration};
    use serde::{Serialize, Serializer};

    pub(super) fn in_seconds<S: Serializer>(time: &Duration, to: S) -> Result<S::Ok, S::Error> {
        time.as_secs_f64().serialize(to)
    }

    pub(super) fn in_seconds_if_known<S: Serializer>(
        time: &Option<Duration>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        time.map(|time| time.as_secs_f64()).serialize(to)
    }

    pub(super) fn as_text<S: Serializer>(
        what: &impl fmt::Display,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        to.collect_str(what)
    }

    pub(in super::super) fn as_text_if_known<S: Serializer>(
        what: &Option<impl fmt::Display>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        what.as_ref().map(|what| format!("{what}")).serialize(to)
    }

    pub(super) fn as_word<S: Serializer>(
        what: &Option<impl fmt::Debug>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        what.as_ref().map(|what| format!("{what:?}")).serialize(to)
    }
}
