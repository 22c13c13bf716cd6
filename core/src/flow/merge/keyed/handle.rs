//! The handle of a keyed merge, and the merge's side of it.

use crate::{
    flow::source::into_flow::IntoFlow,
    sync::{
        Arc, AtomicBool, AtomicUsize, Ordering, Wakers, atomic_waker::AtomicWaker, fence,
        stack::Stack,
    },
};
use alloc::{collections::VecDeque, vec::Vec};
use core::{error::Error, fmt, task::Waker};

/// A handle that inserts and removes sources of a [`KeyedMerge`](super::KeyedMerge), on any thread.
///
/// Created by [`merge_keyed`](super::merge_keyed). The merge does not end while a handle exists.
///
/// See [`insert`](Self::insert), [`replace`](Self::replace) and [`remove`](Self::remove).
pub struct KeyedHandle<K, S> {
    shared: Arc<Shared<K, S>>,
}

struct Shared<K, S> {
    commands: Stack<Command<K, S>>,
    handles: AtomicUsize,
    /// The merge is gone.
    closed: AtomicBool,
    merge: AtomicWaker,
}

pub(super) enum Command<K, S> {
    Insert(K, S),
    Replace(K, S),
    Remove(K),
}

impl<K, S> KeyedHandle<K, S> {
    /// Adds a flow or stream under a key.
    ///
    /// If the key is taken when this takes effect, the merge yields the source in a
    /// [`Refused`](super::KeyedEvent::Refused).
    ///
    /// # Errors
    ///
    /// Returns [`MergeGone`] with the source if the merge was dropped.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::flow::{self, KeyedEvent::*};
    ///
    /// # smol::block_on(async {
    /// let (feeds, events) = flow::merge_keyed();
    /// feeds.insert("a", flow::iter([1])).unwrap();
    /// feeds.insert("a", flow::iter([2])).unwrap();
    /// drop(feeds);
    ///
    /// let all: Vec<_> = events.collect().await;
    /// assert!(matches!(all[..], [Refused("a", _), Item("a", 1), Ended("a")]));
    /// # });
    /// ```
    pub fn insert<I>(&self, key: K, source: I) -> Result<(), MergeGone<S>>
    where
        I: IntoFlow<Source = S>,
    {
        self.start(source, |source| Command::Insert(key, source))
    }

    /// Adds a flow or stream under a key, in place of the source that is there, if there is one.
    ///
    /// The old source is dropped before the new one is first polled, and the merge yields
    /// [`Replaced`](super::KeyedEvent::Replaced).
    ///
    /// # Errors
    ///
    /// Returns [`MergeGone`] with the source if the merge was dropped.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::flow::{self, KeyedEvent::*};
    ///
    /// # smol::block_on(async {
    /// let (feeds, events) = flow::merge_keyed();
    /// feeds.insert("a", flow::iter([1])).unwrap();
    /// feeds.replace("a", flow::iter([2])).unwrap();
    /// drop(feeds);
    ///
    /// let all: Vec<_> = events.collect().await;
    /// assert!(matches!(all[..], [Replaced("a"), Item("a", 2), Ended("a")]));
    /// # });
    /// ```
    pub fn replace<I>(&self, key: K, source: I) -> Result<(), MergeGone<S>>
    where
        I: IntoFlow<Source = S>,
    {
        self.start(source, |source| Command::Replace(key, source))
    }

    /// Drops the source under a key, if there is one.
    ///
    /// If there is, the merge yields [`Removed`](super::KeyedEvent::Removed).
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::flow::{self, KeyedEvent::*};
    ///
    /// # smol::block_on(async {
    /// let (feeds, events) = flow::merge_keyed();
    /// feeds.insert("a", flow::iter([1])).unwrap();
    /// feeds.remove("a");
    /// feeds.remove("b"); // no event
    /// drop(feeds);
    ///
    /// let all: Vec<_> = events.collect().await;
    /// assert!(matches!(all[..], [Removed("a")]));
    /// # });
    /// ```
    pub fn remove(&self, key: K) {
        if !self.is_closed() {
            self.shared.push(Command::Remove(key));
        }
    }

    /// Returns whether the merge was dropped.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::flow;
    ///
    /// let (feeds, events) = flow::merge_keyed();
    /// feeds.insert("a", flow::iter([1])).unwrap();
    /// assert!(!feeds.is_closed());
    /// drop(events);
    /// assert!(feeds.is_closed());
    /// ```
    pub fn is_closed(&self) -> bool {
        self.shared.closed.load(Ordering::Relaxed)
    }

    fn start<I: IntoFlow<Source = S>>(
        &self,
        source: I,
        command: impl FnOnce(S) -> Command<K, S>,
    ) -> Result<(), MergeGone<S>> {
        let source = source.into_flow().source;
        if self.is_closed() {
            return Err(MergeGone(source));
        }
        self.shared.push(command(source));
        Ok(())
    }
}

impl<K, S> Shared<K, S> {
    fn push(&self, command: Command<K, S>) {
        self.commands.push(command);
        // Pairs with the fence in `close`: either we see that the merge is gone, or `close` sees
        // the command.
        fence(Ordering::SeqCst);
        if self.closed.load(Ordering::Relaxed) {
            // As if `close` had taken it.
            drop(self.commands.take());
        }
        self.merge.wake();
    }
}

impl<K, S> Clone for KeyedHandle<K, S> {
    fn clone(&self) -> Self {
        // Relaxed: a new handle is made from one that exists.
        self.shared.handles.fetch_add(1, Ordering::Relaxed);
        KeyedHandle { shared: self.shared.clone() }
    }
}

impl<K, S> Drop for KeyedHandle<K, S> {
    fn drop(&mut self) {
        // Release: a thread that sees that no handle is left sees all commands.
        if self.shared.handles.fetch_sub(1, Ordering::Release) == 1 {
            let mut wakers = Wakers::new();
            wakers.add(self.shared.merge.take());
            wakers.fire_and_resume();
        }
    }
}

impl<K, S> fmt::Debug for KeyedHandle<K, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyedHandle").field("closed", &self.is_closed()).finish_non_exhaustive()
    }
}

/// The error of an insert into a merge that was dropped. Contains the source.
///
/// # Examples
///
/// ```
/// use anyscope::flow;
///
/// let (feeds, events) = flow::merge_keyed();
/// drop(events);
/// let error = feeds.insert("a", flow::iter([1])).unwrap_err();
/// assert!(error.to_string().ends_with("is gone"), "{error}");
/// ```
pub struct MergeGone<S>(pub S);

impl<S> fmt::Debug for MergeGone<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MergeGone").finish_non_exhaustive()
    }
}

impl<S> fmt::Display for MergeGone<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the merge that the source was inserted into is gone")
    }
}

impl<S> Error for MergeGone<S> {}

/// The merge's side.
pub(super) struct Owned<K, S> {
    shared: Arc<Shared<K, S>>,
    taken: Vec<Command<K, S>>,
}

/// Creates the two sides.
pub(super) fn pair<K, S>() -> (Owned<K, S>, KeyedHandle<K, S>) {
    let shared = Arc::new(Shared {
        commands: Stack::new(),
        handles: AtomicUsize::new(1),
        closed: AtomicBool::new(false),
        merge: AtomicWaker::new(),
    });
    (Owned { shared: shared.clone(), taken: Vec::new() }, KeyedHandle { shared })
}

impl<K, S> Owned<K, S> {
    /// Registers a waker that the next command, or the drop of the last handle, fires.
    pub(super) fn register(&self, waker: &Waker) {
        self.shared.merge.register(waker);
    }

    /// Takes all commands, oldest first.
    pub(super) fn take(&mut self, commands: &mut VecDeque<Command<K, S>>) {
        self.shared.commands.take_into(&mut self.taken);
        commands.extend(self.taken.drain(..));
    }

    /// Returns whether no handle is left. There may still be commands then.
    pub(super) fn is_abandoned(&self) -> bool {
        // Acquire: see all commands that the handles have pushed.
        self.shared.handles.load(Ordering::Acquire) == 0
    }

    /// Refuses further commands, and takes those that are there.
    pub(super) fn close(&mut self, commands: &mut VecDeque<Command<K, S>>) {
        self.shared.closed.store(true, Ordering::Relaxed);
        // Pairs with the fence in `push`.
        fence(Ordering::SeqCst);
        self.take(commands);
    }
}

impl<K, S> Drop for Owned<K, S> {
    fn drop(&mut self) {
        self.close(&mut VecDeque::new());
    }
}
