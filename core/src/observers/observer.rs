//! What users implement to be told what happens.

use super::{Begin, Happening, Outcome, PollEnd, Subject};

/// Is told what happens in a [`Tree`](crate::observe::tree::Tree), while it happens: spans, metrics, a recorder.
///
/// All methods are called on the thread on which it happens, in the middle of the program: they should be over soon. Several
/// threads call at the same time. For one scope or child, the calls come in the order of what they tell: `begins`, then
/// polls, each with its begin and its end on one thread, then `ends`; `wakes` and `happens` come from any thread, at any
/// time in between, and a moment after `ends`.
///
/// A panic of an observer does not reach the program. It is dropped, after the panic hook has seen it, and that observer
/// is told nothing any more; see [`failed_observers`](crate::observe::tree::Tree::failed_observers).
///
/// # Cost
///
/// Without observers: nothing. With some: an allocation and a virtual call for each child, and two for each poll. With
/// some that do not [want to know](Self::wants_children): a virtual call for each child.
///
/// # Examples
///
/// How many children are alive, by name:
///
/// ```
/// use anyscope::{concurrent, observe::{Begin, Observer, Outcome, Subject, Who, tree::Tree}};
/// use std::sync::{Arc, atomic::{AtomicUsize, Ordering::Relaxed}};
///
/// #[derive(Clone, Default)]
/// struct Fetches {
///     now: Arc<AtomicUsize>,
///     ever: Arc<AtomicUsize>,
/// }
///
/// impl Observer for Fetches {
///     fn begins(&self, begin: &Begin<'_>) -> u64 {
///         let counts = begin.name == Some("fetch") && matches!(begin.who, Who::Child { .. });
///         if counts {
///             self.now.fetch_add(1, Relaxed);
///             self.ever.fetch_add(1, Relaxed);
///         }
///         u64::from(counts)
///     }
///
///     fn ends(&self, subject: Subject, _: Outcome) {
///         self.now.fetch_sub(subject.mark as usize, Relaxed);
///     }
/// }
///
/// let fetches = Fetches::default();
/// let tree = Tree::builder().observer(fetches.clone()).build();
/// let work = concurrent(async |s| {
///     s.spawn_named("fetch", async {});
///     s.spawn_named("fetch", async {});
///     s.spawn_named("log", async {});
/// });
/// smol::block_on(tree.watch(work));
/// assert_eq!((fetches.now.load(Relaxed), fetches.ever.load(Relaxed)), (0, 2));
/// ```
pub trait Observer: Send + Sync + 'static {
    /// A scope or a child begins. Returns a number that comes back as the mark of all later events about it.
    ///
    /// A child begins when it is spawned, a scope when it is first polled.
    fn begins(&self, begin: &Begin<'_>) -> u64 {
        let _ = begin;
        0
    }

    /// A poll begins, on this thread. Polls are nested where scopes and children are polled by what is around them.
    fn poll_begins(&self, subject: Subject) {
        let _ = subject;
    }

    /// The poll that began last on this thread, and has not ended, ends.
    fn poll_ends(&self, subject: Subject, end: PollEnd) {
        let _ = (subject, end);
    }

    /// The child is woken, by what runs on this thread if that is observed. Only called if
    /// [`wants_wakes`](Self::wants_wakes).
    fn wakes(&self, subject: Subject, by: Option<Subject>) {
        let _ = (subject, by);
    }

    /// Something happens to it.
    fn happens(&self, subject: Subject, what: Happening<'_>) {
        let _ = (subject, what);
    }

    /// It has ended. The last event about it, but for those of other threads at the same moment.
    fn ends(&self, subject: Subject, outcome: Outcome) {
        let _ = (subject, outcome);
    }

    /// Returns whether it wants to be told of a child that begins now. If no observer of the tree does, none is told of
    /// that child, and it costs as much as without. Called at each spawn.
    fn wants_children(&self) -> bool {
        true
    }

    /// Returns whether [`wakes`](Self::wakes) is to be called. Children then have wakers of their own, at the cost of an
    /// allocation for each. Asked once, when the tree is built.
    fn wants_wakes(&self) -> bool {
        false
    }
}
