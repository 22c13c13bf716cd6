//! A map that is shared, of keys that come and go.

use crate::unwind::Finally;
use alloc::{collections::BTreeMap, sync::Arc, vec::Vec};
use core::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

/// How many keys there may be before it is asked which of them are unused.
const FEW: usize = 16;

/// A value for each key. Keys are compared under the lock, and nothing else of users runs there.
pub(super) struct Keys<K, V> {
    state: Mutex<State<K, V>>,
    /// The thread that is inside of the lock.
    inside: AtomicUsize,
}

struct State<K, V> {
    /// Shared keys, so that none is dropped under the lock.
    map: BTreeMap<Arc<K>, V>,
    closed: bool,
    /// With so many keys, those that are unused are forgotten.
    sweep_at: usize,
}

std::thread_local! {
    /// Its address is that of the thread.
    static THREAD: u8 = const { 0 };
}

impl<K, V> Keys<K, V> {
    pub(super) fn new() -> Self {
        let state = State { map: BTreeMap::new(), closed: false, sweep_at: FEW };
        Keys { state: Mutex::new(state), inside: AtomicUsize::new(0) }
    }

    fn with<R>(&self, f: impl FnOnce(&mut State<K, V>) -> R) -> R {
        let thread = THREAD.with(|thread| core::ptr::from_ref(thread).addr());
        assert!(
            self.inside.load(Ordering::Relaxed) != thread,
            "a comparison of two keys used the pools that the keys are of",
        );
        // A comparison that panicked has changed nothing.
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        self.inside.store(thread, Ordering::Relaxed);
        let _leaves = Finally::new(|| self.inside.store(0, Ordering::Relaxed));
        f(&mut state)
    }

    pub(super) fn len(&self) -> usize {
        self.with(|state| state.map.len())
    }
}

/// Values are cloned under the lock: they are handles of ours.
impl<K: Ord, V: Clone> Keys<K, V> {
    pub(super) fn get(&self, key: &K) -> Option<V> {
        self.with(|state| state.map.get(key).cloned())
    }

    /// Returns the value of `key`, which is the new one if there was none. None if the map is closed.
    ///
    /// Forgets keys whose values are `unused` when their number may have doubled since the last time.
    pub(super) fn get_or_insert(&self, key: K, value: V, unused: impl Fn(&V) -> bool) -> Option<V> {
        // What is not needed is dropped here, and not under the lock.
        let (key, mut gone) = (Arc::new(key), Vec::new());
        let mut new = Some((key.clone(), value));
        self.with(|state| {
            if state.closed {
                return None;
            }
            if let Some(there) = state.map.get(&*key) {
                return Some(there.clone());
            }
            if state.map.len() >= state.sweep_at {
                state.map.retain(|key, value| {
                    let keeps = !unused(value);
                    if !keeps {
                        gone.push((key.clone(), value.clone()));
                    }
                    keeps
                });
                state.sweep_at = FEW.max(2 * state.map.len());
            }
            let (key, value) = new.take()?;
            let ours = value.clone();
            state.map.insert(key, value);
            Some(ours)
        })
    }

    /// Lets no more keys in. Returns all values.
    pub(super) fn close(&self) -> Vec<V> {
        self.with(|state| {
            state.closed = true;
            state.map.values().cloned().collect()
        })
    }
}
