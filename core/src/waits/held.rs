//! Who holds what others wait for.
//!
//! Only of what was taken by code that is watched: whoever takes it leaves an entry in a list of the process, and takes
//! it out when it gives back.

use super::watcher::{self, Place};
use crate::sync::lock::Lock;
use alloc::{collections::BTreeMap, vec::Vec};
use core::{
    num::NonZeroU64,
    sync::atomic::{AtomicU64, Ordering},
};
use std::sync::OnceLock;

static HOLDERS: OnceLock<Lock<BTreeMap<usize, Vec<Holder>>>> = OnceLock::new();

fn all() -> &'static Lock<BTreeMap<usize, Vec<Holder>>> {
    HOLDERS.get_or_init(|| Lock::new(BTreeMap::new()))
}

/// Who holds some of a thing.
#[derive(Clone, Copy)]
pub(crate) struct Holder {
    key: NonZeroU64,
    pub(crate) place: Place,
    pub(crate) count: usize,
}

/// The entry of what is held; nothing if nobody watched when it was taken.
#[derive(Debug, Default)]
pub(crate) struct Held(Option<NonZeroU64>);

impl Held {
    /// The running code has taken `count` of what is at the address `of`.
    #[inline]
    pub(crate) fn now(of: usize, count: usize) -> Self {
        if watcher::is_watched() { Held(enter(of, count)) } else { Held(None) }
    }

    /// `count` of it are held apart from now on.
    #[inline]
    pub(crate) fn split(&self, of: usize, count: usize) -> Self {
        Held(self.0.and_then(|key| split(of, key, count)))
    }

    /// It is given back.
    #[inline]
    pub(crate) fn end(&mut self, of: usize) {
        if let Some(key) = self.0.take() {
            leave(of, key);
        }
    }
}

/// What is at the address `of` is held by nobody any more, or nobody waits for it.
pub(crate) fn forget(of: usize) {
    if let Some(all) = HOLDERS.get() {
        let _holders = all.with(|holders| holders.remove(&of));
    }
}

/// Returns who is known to hold some of what is at this address.
pub(crate) fn holders(of: usize) -> Vec<Holder> {
    all().with(|holders| holders.get(&of).cloned().unwrap_or_default())
}

#[cold]
#[inline(never)]
fn enter(of: usize, count: usize) -> Option<NonZeroU64> {
    let place = watcher::place()?;
    Some(add(of, place, count))
}

fn add(of: usize, place: Place, count: usize) -> NonZeroU64 {
    static KEYS: AtomicU64 = AtomicU64::new(1);
    let key = KEYS.fetch_add(1, Ordering::Relaxed);
    let key = NonZeroU64::new(key).expect("never so many");
    all().with(|holders| holders.entry(of).or_default().push(Holder { key, place, count }));
    key
}

#[cold]
#[inline(never)]
fn split(of: usize, key: NonZeroU64, count: usize) -> Option<NonZeroU64> {
    let place = all().with(|holders| {
        let holder = holders.get_mut(&of)?.iter_mut().find(|holder| holder.key == key)?;
        holder.count -= count;
        Some(holder.place)
    });
    Some(add(of, place?, count))
}

#[cold]
#[inline(never)]
fn leave(of: usize, key: NonZeroU64) {
    all().with(|holders| {
        if let Some(all) = holders.get_mut(&of) {
            all.retain(|holder| holder.key != key);
            if all.is_empty() {
                holders.remove(&of);
            }
        }
    });
}
