//! Who waits for long: who was not polled between two looks.

use super::{ChildView, ScopeView, Snapshot, State, text};
use alloc::{collections::BTreeMap, vec::Vec};
use core::{fmt, time::Duration};

/// The children and bodies that were not polled between two looks at a tree; see [`Snapshot::unmoved_since`].
///
/// Prints one line for each, with what it waits for.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Unmoved<'s> {
    /// How long it was between the looks.
    pub for_at_least: Duration,
    /// The scopes whose bodies were not polled, and wait.
    pub scopes: Vec<&'s ScopeView>,
    /// The children that were not polled, and wait.
    pub children: Vec<UnmovedChild<'s>>,
}

/// A child that was not polled between two looks.
///
/// See [`Snapshot::unmoved_since`](super::Snapshot::unmoved_since).
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct UnmovedChild<'s> {
    /// The scope that it is in.
    pub scope: &'s ScopeView,
    /// The child, as it was seen last.
    pub child: &'s ChildView,
}

impl Snapshot {
    /// Returns who has waited since `before`, an earlier look at the same tree: in both looks it waited, and it was not
    /// polled in between. Those whose scope began first come first.
    ///
    /// What is long is not the same for every program, and so it is not this that says who is stuck; see
    /// [`verdict`](super::Tree::verdict) for that. It costs a running program nothing but the two looks. Who was woken and waits for its
    /// turn is in it too: then its executor is stuck, or a poll takes long.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{concurrent, observe::{labelled, tree::Tree}};
    /// use smol::future::yield_now;
    /// use std::future::pending;
    ///
    /// # smol::block_on(async {
    /// let tree = Tree::new();
    /// tree.watch(concurrent(async |s| {
    ///     s.spawn_named("mail", labelled("an answer", pending::<()>()));
    ///     yield_now().await;
    ///     let before = tree.snapshot();
    ///     yield_now().await; // or a minute
    ///     let now = tree.snapshot();
    ///     let unmoved = now.unmoved_since(&before);
    ///     assert_eq!(unmoved.children[0].child.name(), Some("mail"));
    ///     assert!(unmoved.to_string().contains("1 poll, waits for an answer"));
    ///     s.cancel("seen");
    /// }))
    /// .await;
    /// # });
    /// ```
    pub fn unmoved_since<'s>(&'s self, before: &Snapshot) -> Unmoved<'s> {
        let mut bodies = BTreeMap::new();
        let mut children = BTreeMap::new();
        for scope in before.all_scopes() {
            bodies.insert(scope.number, scope.polls);
            for child in scope.children.iter().filter(|child| child.state == State::Waiting) {
                children.insert((scope.number, child.id), child.polls);
            }
        }
        let scopes = self.all_scopes().filter(|scope| {
            !scope.waits.is_empty() && bodies.get(&scope.number) == Some(&scope.polls)
        });
        let stays = self
            .all_scopes()
            .flat_map(|scope| scope.children.iter().map(move |child| UnmovedChild { scope, child }))
            .filter(|UnmovedChild { scope, child }| {
                child.state == State::Waiting
                    && children.get(&(scope.number, child.id)) == Some(&child.polls)
            });
        Unmoved {
            for_at_least: self.age.saturating_sub(before.age),
            scopes: scopes.collect(),
            children: stays.collect(),
        }
    }
}

impl Unmoved<'_> {
    /// Returns whether everybody was polled.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{concurrent, observe::tree::Tree};
    ///
    /// # smol::block_on(async {
    /// let tree = Tree::new();
    /// tree.watch(concurrent(async |s| {
    ///     s.spawn(std::future::pending::<()>());
    ///     smol::future::yield_now().await;
    ///     let before = tree.snapshot();
    ///     smol::future::yield_now().await;
    ///     assert!(!tree.snapshot().unmoved_since(&before).is_empty());
    ///     s.cancel("it hangs");
    /// }))
    /// .await;
    /// # });
    /// ```
    pub fn is_empty(&self) -> bool {
        self.scopes.is_empty() && self.children.is_empty()
    }
}

impl fmt::Display for Unmoved<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Unmoved { for_at_least, scopes, children } = self;
        if self.is_empty() {
            return writeln!(f, "everybody was polled in {}", text::Age(*for_at_least));
        }
        writeln!(f, "not polled for {} and longer:", text::Age(*for_at_least))?;
        for scope in scopes {
            write!(f, "- the body of {}", text::plain(&scope.name))?;
            text::write_waits(f, &scope.waits, scope.more_waits)?;
            f.write_str("\n")?;
        }
        for UnmovedChild { scope, child } in children {
            write!(f, "- in {}: ", text::plain(&scope.name))?;
            text::write_line(f, child)?;
            f.write_str("\n")?;
        }
        Ok(())
    }
}
