//! Outputs that were gathered and not yet returned.

use alloc::{collections::VecDeque, vec::Vec};
use core::{iter, mem};

/// Outputs in the order in which they came. Each has a number, by which it is found.
#[derive(Debug)]
pub struct Kept<I> {
    /// None where one was removed; never at the front.
    items: VecDeque<Option<I>>,
    /// The number of the front.
    first: usize,
    len: usize,
}

impl<I> Kept<I> {
    pub(in crate::set) const fn new() -> Self {
        Kept { items: VecDeque::new(), first: 0, len: 0 }
    }

    pub(in crate::set) fn len(&self) -> usize {
        self.len
    }

    /// Adds an output. Its number is the next.
    pub(in crate::set) fn push(&mut self, item: I) {
        self.items.push_back(Some(item));
        self.len += 1;
    }

    /// Takes the oldest.
    pub(in crate::set) fn pop(&mut self) -> Option<I> {
        let item = self.items.pop_front()??;
        self.first = self.first.wrapping_add(1);
        self.len -= 1;
        self.trim();
        Some(item)
    }

    /// Takes the one with this number, if it is there.
    pub(in crate::set) fn remove(&mut self, number: usize) -> Option<I> {
        let item = self.items.get_mut(number.wrapping_sub(self.first))?.take()?;
        self.len -= 1;
        self.trim();
        Some(item)
    }

    /// The number of the oldest, or of the next to come.
    pub(super) fn first(&self) -> usize {
        self.first
    }

    /// The oldest whose number is not below this one, and its number.
    pub(in crate::set) fn at_or_after(&self, number: usize) -> Option<(usize, &I)> {
        // Or it was taken long ago.
        let skip = match number.wrapping_sub(self.first) {
            skip if skip <= self.items.len() => skip,
            _ => 0,
        };
        let (index, item) = (skip..self.items.len())
            .find_map(|index| self.items[index].as_ref().map(|item| (index, item)))?;
        Some((self.first.wrapping_add(index), item))
    }

    /// Takes all.
    pub(in crate::set) fn take(&mut self) -> impl Iterator<Item = I> + use<I> {
        self.first = self.first.wrapping_add(self.items.len());
        self.len = 0;
        mem::take(&mut self.items).into_iter().flatten()
    }

    /// Takes those before this number, oldest first.
    pub(super) fn take_before(&mut self, number: usize) -> Vec<I> {
        let most = number.wrapping_sub(self.first).min(self.len);
        let mut taken = Vec::with_capacity(most);
        taken.extend(iter::from_fn(|| {
            let is_before = number.wrapping_sub(self.first).wrapping_sub(1) < self.items.len();
            is_before.then(|| self.pop()).flatten()
        }));
        taken
    }

    fn trim(&mut self) {
        while let Some(None) = self.items.front() {
            self.items.pop_front();
            self.first = self.first.wrapping_add(1);
        }
    }
}
