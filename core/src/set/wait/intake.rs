//! What the handles of a set or map have added, and who may add to it.

use crate::{sync::atomic_waker::AtomicWaker, unwind::Finally};
use alloc::{
    collections::{BTreeSet, VecDeque},
    sync::Arc,
};
use core::{
    borrow::Borrow,
    mem,
    sync::atomic::{AtomicUsize, Ordering},
    task::Context,
};

#[cfg(anyscope_loom)]
extern crate std;
#[cfg(anyscope_loom)]
use loom::{sync::Mutex, thread_local};
#[cfg(not(anyscope_loom))]
use std::{sync::Mutex, thread_local};

/// What a set or map and its handles share.
pub(super) struct Inbox<K, T> {
    state: Mutex<State<K, T>>,
    /// The thread that is inside of the lock.
    inside: AtomicUsize,
    /// Polls the set or map.
    task: AtomicWaker,
}

pub(super) struct State<K, T> {
    /// Those of the map and of `added`. Empty for a set.
    keys: BTreeSet<K>,
    /// With two copies of each key, as keys are not cloned inside of the lock.
    added: VecDeque<Added<K, T>>,
    handles: usize,
    closed: bool,
}

/// A child that a handle has added.
pub(in crate::set) struct Added<K, T> {
    pub(in crate::set) keys: [K; 2],
    pub(in crate::set) child: T,
}

/// Why a handle could not add a child.
pub(super) enum Refusal {
    DuplicateKey,
    Closed,
}

#[cfg(not(anyscope_loom))]
thread_local! {
    /// Its address is that of the thread.
    static THREAD: u8 = const { 0 };
}

#[cfg(anyscope_loom)]
thread_local! {
    static THREAD: u8 = 0;
}

impl<K, T> Inbox<K, T> {
    fn new() -> Self {
        let (keys, added) = (BTreeSet::new(), VecDeque::new());
        let state = State { keys, added, handles: 0, closed: false };
        let (inside, task) = (AtomicUsize::new(0), AtomicWaker::new());
        Inbox { state: Mutex::new(state), inside, task }
    }

    /// Calls `f` with the lock held. No user code but the comparison of keys runs in it.
    ///
    /// # Panics
    ///
    /// When a comparison of keys comes back here, which would wait for itself for ever.
    fn with<R>(&self, f: impl FnOnce(&mut State<K, T>) -> R) -> R {
        let thread = THREAD.with(|thread| core::ptr::from_ref(thread).addr());
        assert!(
            self.inside.load(Ordering::Relaxed) != thread,
            "a comparison of two keys used a handle of the map that compares them",
        );
        // A comparison that panicked has changed nothing.
        let mut state = self.state.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        self.inside.store(thread, Ordering::Relaxed);
        let _leaves = Finally::new(|| self.inside.store(0, Ordering::Relaxed));
        f(&mut state)
    }

    /// Adds a child, if nothing speaks against it.
    pub(super) fn add(&self, keys: [K; 2], child: T) -> Result<(), (Refusal, K, T)> {
        let refused = self.with(|state| {
            if state.closed {
                return Some((Refusal::Closed, keys, child));
            }
            state.added.push_back(Added { keys, child });
            None
        });
        if let Some((refusal, [key, _], child)) = refused {
            return Err((refusal, key, child));
        }
        self.task.wake();
        Ok(())
    }

    /// [`add`](Self::add), if the key is not taken. It is given three times, as keys are not cloned
    /// inside of the lock.
    pub(super) fn add_keyed(&self, key: K, keys: [K; 2], child: T) -> Result<(), (Refusal, K, T)>
    where
        K: Ord,
    {
        // Outside of the lock, where it is dropped if a comparison panics or nothing is added.
        let mut added = Some(Added { keys, child });
        let refused = self.with(|state| {
            let refusal = match () {
                () if state.closed => Refusal::Closed,
                () if state.keys.contains(&key) => Refusal::DuplicateKey,
                () => {
                    state.keys.insert(key);
                    state.added.extend(added.take());
                    return None;
                }
            };
            Some((refusal, key))
        });
        if let (Some((refusal, key)), Some(Added { child, .. })) = (refused, added) {
            return Err((refusal, key, child));
        }
        self.task.wake();
        Ok(())
    }

    pub(super) fn is_closed(&self) -> bool {
        self.with(|state| state.closed)
    }

    /// No handle adds anything any more.
    pub(super) fn close(&self) {
        self.with(|state| state.closed = true);
        self.task.wake();
    }

    pub(super) fn enter(&self) {
        self.with(|state| state.handles += 1);
    }

    pub(super) fn leave(&self) {
        let is_last = self.with(|state| {
            state.handles -= 1;
            state.handles == 0
        });
        if is_last {
            self.task.wake();
        }
    }
}

/// The end of a set or map. It costs nothing before the first handle is made.
pub(in crate::set) struct Intake<K, T> {
    inbox: Option<Arc<Inbox<K, T>>>,
    /// Taken from the inbox, and not yet in the set or map.
    taken: VecDeque<Added<K, T>>,
}

impl<K, T> Intake<K, T> {
    pub(in crate::set) const fn new() -> Self {
        Intake { inbox: None, taken: VecDeque::new() }
    }

    /// Whether there ever was a handle.
    #[inline]
    pub(in crate::set) fn is_used(&self) -> bool {
        self.inbox.is_some()
    }

    /// Has the task woken when a handle adds something after this, or goes.
    pub(in crate::set) fn register(&self, cx: &Context<'_>) {
        if let Some(inbox) = &self.inbox {
            inbox.task.register(cx.waker());
        }
    }

    /// Takes the next that was added.
    pub(in crate::set) fn next(&mut self) -> Option<Added<K, T>> {
        if self.taken.is_empty() {
            let inbox = self.inbox.as_ref()?;
            inbox.with(|state| mem::swap(&mut state.added, &mut self.taken));
        }
        self.taken.pop_front()
    }

    /// How many were added and not taken.
    pub(in crate::set) fn len(&self) -> usize {
        let inbox = self.inbox.as_ref();
        self.taken.len() + inbox.map_or(0, |inbox| inbox.with(|state| state.added.len()))
    }

    /// Whether a handle may still add something, or has added what was not taken.
    pub(in crate::set) fn is_open(&self) -> bool {
        let inbox = self.inbox.as_ref();
        inbox.is_some_and(|inbox| {
            inbox.with(|state| !state.added.is_empty() || state.handles > 0 && !state.closed)
        })
    }

    /// Takes the key, for what is inserted without a handle: false if it is taken.
    pub(in crate::set) fn claim(&self, key: &K) -> bool
    where
        K: Ord + Clone,
    {
        let Some(inbox) = &self.inbox else { return true };
        let copy = key.clone();
        // Out of the lock before it is dropped.
        let taken = inbox.with(|state| match state.keys.contains(key) {
            true => Some(copy),
            false => {
                state.keys.insert(copy);
                None
            }
        });
        taken.is_none()
    }

    pub(in crate::set) fn is_claimed<Q>(&self, key: &Q) -> bool
    where
        K: Ord + Borrow<Q>,
        Q: Ord + ?Sized,
    {
        let inbox = self.inbox.as_ref();
        inbox.is_some_and(|inbox| inbox.with(|state| state.keys.contains(key)))
    }

    /// Gives the key back.
    #[inline]
    pub(in crate::set) fn release<Q>(&self, key: &Q)
    where
        K: Ord + Borrow<Q>,
        Q: Ord + ?Sized,
    {
        if let Some(inbox) = &self.inbox {
            // Out of the lock before it is dropped.
            drop(inbox.with(|state| state.keys.take(key)));
        }
    }

    /// Drops what was added, and gives back all keys.
    pub(in crate::set) fn clear(&mut self) {
        if let Some(inbox) = &self.inbox {
            let all = inbox.with(|state| (mem::take(&mut state.keys), mem::take(&mut state.added)));
            let taken = mem::take(&mut self.taken);
            drop((all, taken));
        }
    }

    /// What a new handle shares. `keys` are those of the map.
    pub(super) fn open(&mut self, keys: impl FnOnce() -> BTreeSet<K>) -> Arc<Inbox<K, T>> {
        let inbox = self.inbox.get_or_insert_with(|| {
            let inbox = Inbox::new();
            let keys = keys();
            inbox.with(|state| state.keys = keys);
            Arc::new(inbox)
        });
        inbox.enter();
        Arc::clone(inbox)
    }
}

impl<K, T> Drop for Intake<K, T> {
    fn drop(&mut self) {
        if let Some(inbox) = &self.inbox {
            let all = inbox.with(|state| {
                state.closed = true;
                (mem::take(&mut state.keys), mem::take(&mut state.added))
            });
            drop(all);
        }
    }
}
