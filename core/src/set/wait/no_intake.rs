//! Without `std`, and so without a lock, there are no handles that add to a set or map.

use core::{borrow::Borrow, marker::PhantomData, task::Context};

pub(in crate::set) struct Added<K, T> {
    pub(in crate::set) keys: [K; 2],
    pub(in crate::set) child: T,
}

pub(in crate::set) struct Intake<K, T>(PhantomData<(K, T)>);

impl<K, T> Intake<K, T> {
    pub(in crate::set) const fn new() -> Self {
        Intake(PhantomData)
    }

    pub(in crate::set) fn is_used(&self) -> bool {
        false
    }

    pub(in crate::set) fn register(&self, _: &Context<'_>) {}

    pub(in crate::set) fn next(&mut self) -> Option<Added<K, T>> {
        None
    }

    pub(in crate::set) fn len(&self) -> usize {
        0
    }

    pub(in crate::set) fn is_open(&self) -> bool {
        false
    }

    pub(in crate::set) fn claim(&self, _: &K) -> bool {
        true
    }

    pub(in crate::set) fn is_claimed<Q: ?Sized>(&self, _: &Q) -> bool
    where
        K: Borrow<Q>,
    {
        false
    }

    pub(in crate::set) fn release<Q: ?Sized>(&self, _: &Q)
    where
        K: Borrow<Q>,
    {
    }

    pub(in crate::set) fn clear(&mut self) {}
}
