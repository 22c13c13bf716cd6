//! Who is watched on this thread now.
//!
//! The body of a scope is watched by its [`Watch`]. A child is found by what is on the stack anyway when it is
//! polled; here is only a function that finds it, as its memory may be gone before its poll returns.

use super::{Wait, Watch};
use crate::{
    sync::nest::{self, Nest, Nested},
    unwind,
};
use alloc::sync::Arc;
use core::{task::Waker, time::Duration};

/// Who is watched.
pub(crate) enum Watcher<'a> {
    /// The body of this scope, which is polled with this waker.
    Body(&'a WatchedScope, &'a Waker),
    /// Nobody, whoever is around.
    Nobody,
    /// The innermost child, which the function finds; it is polled with this waker.
    Child(Find, &'a Waker),
}

/// Calls what it is given with the innermost child, if that is watched.
pub(crate) type Find = fn(&mut dyn FnMut(&Member<'_>));

/// A child that is watched.
pub(crate) struct Member<'a> {
    pub(crate) watch: &'a Watch,
    pub(crate) scope: &'a WatchedScope,
    /// Its number in that scope.
    pub(crate) number: usize,
    pub(crate) is_daemon: bool,
}

/// What is kept of a scope that is watched.
pub(crate) struct WatchedScope {
    /// Its number, unique in the process.
    pub(crate) number: u64,
    /// The polls of its body.
    pub(crate) body: Watch,
    /// Whether the time in polls is measured.
    pub(crate) is_timed: bool,
    /// The time since the tree began.
    pub(crate) age: Arc<dyn Fn() -> Duration + Send + Sync>,
}

impl WatchedScope {
    /// Notes what a child or the body of this scope waits for.
    fn note(&self, watch: &Watch, wait: Wait, grouped: bool) {
        if !watch.has_parked() {
            // A clock that panics is no reason for the child to.
            watch.parks(unwind::catch(|| (self.age)()).unwrap_or_default());
        }
        watch.note(wait, grouped);
    }
}

/// Where something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Body { scope: u64 },
    Child { scope: u64, number: usize, is_daemon: bool },
}

impl Place {
    /// Returns the number of the scope.
    pub(crate) fn scope(self) -> u64 {
        match self {
            Place::Body { scope } | Place::Child { scope, .. } => scope,
        }
    }
}

struct Watchers;

impl Nested for Watchers {
    type Value<'a> = Watcher<'a>;

    fn shorten<'short, 'long: 'short>(watcher: &'short Watcher<'long>) -> &'short Watcher<'short> {
        watcher
    }
}

std::thread_local! {
    static WATCHERS: Nest<Watchers> = const { Nest::new() };
}

/// Calls `poll` with `watcher` around it.
#[inline]
pub(crate) fn watched<R>(watcher: Watcher<'_>, poll: impl FnOnce() -> R) -> R {
    nest::with(&WATCHERS, watcher, poll)
}

/// Returns whether this code is watched.
#[inline]
pub(super) fn is_watched() -> bool {
    !nest::is_empty(&WATCHERS)
}

/// Tells who is watched what it waits for, and with which waker, if that is known.
pub(crate) fn tell(wait: Wait, waker: Option<&Waker>) {
    nest::find(&WATCHERS, |watcher| {
        let grouped = |own: &Waker| waker.is_some_and(|waker| !waker.will_wake(own));
        match watcher {
            Watcher::Nobody => {}
            Watcher::Body(scope, own) => scope.note(&scope.body, wait, grouped(own)),
            Watcher::Child(find, own) => {
                find(&mut |member| member.scope.note(member.watch, wait, grouped(own)));
            }
        }
        Some(())
    });
}

/// Returns where this code runs, if that is watched.
pub(crate) fn place() -> Option<Place> {
    nest::find(&WATCHERS, |watcher| {
        Some(match watcher {
            Watcher::Nobody => None,
            Watcher::Body(scope, _) => Some(Place::Body { scope: scope.number }),
            Watcher::Child(find, _) => {
                let mut place = None;
                find(&mut |&Member { scope, number, is_daemon, .. }| {
                    place = Some(Place::Child { scope: scope.number, number, is_daemon });
                });
                place
            }
        })
    })
    .flatten()
}
