//! Who asks for which key.
//!
//! Keys are compared and dropped outside of the lock: it is held for lists of pointers only. A list that has
//! changed while its keys were compared is compared again.

use super::flight::Flight;
use alloc::{collections::BTreeMap, vec::Vec};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

pub(super) struct Table<K, V> {
    /// By the hash of the key.
    entries: Mutex<BTreeMap<u64, Vec<Entry<K, V>>>>,
}

struct Entry<K, V> {
    flight: Arc<Flight<K, V>>,
    /// How many ask. None of them is gone: who leaves last takes the entry out.
    users: usize,
}

type Entries<'a, K, V> = MutexGuard<'a, BTreeMap<u64, Vec<Entry<K, V>>>>;

impl<K, V> Table<K, V> {
    pub(super) const fn new() -> Self {
        Table { entries: Mutex::new(BTreeMap::new()) }
    }

    fn lock(&self) -> Entries<'_, K, V> {
        // Nothing that panics runs inside.
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn len(&self) -> usize {
        self.lock().values().map(Vec::len).sum()
    }

    /// Returns the flight of this key, of which the caller is one more user: one that is there, or a new one.
    pub(super) fn join(&self, hash: u64, key: K) -> Arc<Flight<K, V>>
    where
        K: Eq,
    {
        let mut new: Option<Arc<Flight<K, V>>> = None;
        let mut key = Some(key);
        loop {
            let there: Vec<_> = match self.lock().get(&hash) {
                Some(list) => list.iter().map(|entry| entry.flight.clone()).collect(),
                None => Vec::new(),
            };
            let wanted = match (&new, &key) {
                (None, Some(key)) => key,
                (Some(new), _) => &new.key,
                (None, None) => unreachable!("it is in the new flight"),
            };
            let found = there.iter().find(|flight| flight.key == *wanted);
            if let Some(found) = found {
                let mut entries = self.lock();
                let list = entries.get_mut(&hash).map_or(&mut [][..], Vec::as_mut_slice);
                if let Some(entry) = list.iter_mut().find(|entry| Arc::ptr_eq(&entry.flight, found))
                {
                    entry.users += 1;
                    return found.clone();
                }
                // It has ended meanwhile.
                continue;
            }
            let flight = new.get_or_insert_with(|| {
                Arc::new(Flight::new(key.take().expect("there is no new flight yet")))
            });
            let mut entries = self.lock();
            let list = entries.entry(hash).or_default();
            let is_same = list.len() == there.len()
                && list.iter().zip(&there).all(|(entry, there)| Arc::ptr_eq(&entry.flight, there));
            if is_same {
                list.push(Entry { flight: flight.clone(), users: 1 });
                return flight.clone();
            }
        }
    }

    /// Takes the flight out, so that who asks from now on begins a new one. Returns whether others ask.
    pub(super) fn close(&self, hash: u64, flight: &Arc<Flight<K, V>>) -> bool {
        let entry = take(&mut self.lock(), hash, |entry| Arc::ptr_eq(&entry.flight, flight));
        // Who is not in the table any more was counted when it was taken out.
        entry.is_none_or(|entry| entry.users > 1)
    }

    /// One user less. What nobody asks for any more is taken out.
    pub(super) fn leave(&self, hash: u64, flight: &Arc<Flight<K, V>>) {
        let _gone = take(&mut self.lock(), hash, |entry| {
            Arc::ptr_eq(&entry.flight, flight) && {
                entry.users -= 1;
                entry.users == 0
            }
        });
    }
}

/// Takes out the entry for which `is_it` returns true. It is dropped outside of the lock.
fn take<K, V>(
    entries: &mut BTreeMap<u64, Vec<Entry<K, V>>>,
    hash: u64,
    is_it: impl FnMut(&mut Entry<K, V>) -> bool,
) -> Option<Entry<K, V>> {
    let list = entries.get_mut(&hash)?;
    let place = list.iter_mut().position(is_it)?;
    let entry = list.swap_remove(place);
    if list.is_empty() {
        entries.remove(&hash);
    }
    Some(entry)
}
