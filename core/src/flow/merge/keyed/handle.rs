//! The two ends of a keyed merge.

use crate::{
    flow::source::into_flow::IntoFlow,
    sync::{
        Arc, AtomicBool, AtomicUsize, Ordering, Wakers, atomic_waker::AtomicWaker, fence,
        stack::Stack,
    },
};
use alloc::{collections::VecDeque, vec::Vec};
use core::{error::Error, fmt, task::Waker};

/// Inserts and removes the sources of a [`KeyedMerge`](super::KeyedMerge), from anywhere.
///
/// Made by [`merge_keyed`](super::merge_keyed). The merge does not end while there is one.
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
    /// If the key is taken when the merge sees this, it comes back as
    /// [`Refused`](super::KeyedEvent::Refused).
    ///
    /// # Errors
    ///
    /// [`MergeGone`] with the source, if the merge was dropped.
    pub fn insert<I>(&self, key: K, source: I) -> Result<(), MergeGone<S>>
    where
        I: IntoFlow<Source = S>,
    {
        self.start(source, |source| Command::Insert(key, source))
    }

    /// Adds a flow or stream under a key, in place of the one that is there if there is one: that
    /// is dropped before the new one is first polled.
    ///
    /// # Errors
    ///
    /// [`MergeGone`] with the source, if the merge was dropped.
    pub fn replace<I>(&self, key: K, source: I) -> Result<(), MergeGone<S>>
    where
        I: IntoFlow<Source = S>,
    {
        self.start(source, |source| Command::Replace(key, source))
    }

    /// Drops the source under a key, if there is one: then the merge says
    /// [`Removed`](super::KeyedEvent::Removed), else nothing.
    pub fn remove(&self, key: K) {
        if !self.is_closed() {
            self.shared.push(Command::Remove(key));
        }
    }

    /// Returns whether the merge was dropped.
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
        // Either we see here that the merge is gone, or its `close` sees the command.
        fence(Ordering::SeqCst);
        if self.closed.load(Ordering::Relaxed) {
            // As if it had been seen right before.
            drop(self.commands.take());
        }
        self.merge.wake();
    }
}

impl<K, S> Clone for KeyedHandle<K, S> {
    fn clone(&self) -> Self {
        // Relaxed: a new one is made from one that exists.
        self.shared.handles.fetch_add(1, Ordering::Relaxed);
        KeyedHandle { shared: self.shared.clone() }
    }
}

impl<K, S> Drop for KeyedHandle<K, S> {
    fn drop(&mut self) {
        // Release: a thread that sees that none is left sees what they have pushed.
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

/// The merge that a source was inserted into is gone. Holds the source.
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

/// The merge's end.
pub(super) struct Owned<K, S> {
    shared: Arc<Shared<K, S>>,
    taken: Vec<Command<K, S>>,
}

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
    /// Has the next command, and the end of the last handle, fire this waker.
    pub(super) fn register(&self, waker: &Waker) {
        self.shared.merge.register(waker);
    }

    /// Takes all commands, oldest first.
    pub(super) fn take(&mut self, commands: &mut VecDeque<Command<K, S>>) {
        self.shared.commands.take_into(&mut self.taken);
        commands.extend(self.taken.drain(..));
    }

    /// Whether no handle is left. Then there may still be commands.
    pub(super) fn is_abandoned(&self) -> bool {
        // Acquire: see what they have pushed.
        self.shared.handles.load(Ordering::Acquire) == 0
    }

    /// Refuses more commands, and takes those that are there.
    pub(super) fn close(&mut self, commands: &mut VecDeque<Command<K, S>>) {
        self.shared.closed.store(true, Ordering::Relaxed);
        // See `push`.
        fence(Ordering::SeqCst);
        self.take(commands);
    }
}

impl<K, S> Drop for Owned<K, S> {
    fn drop(&mut self) {
        self.close(&mut VecDeque::new());
    }
}
