//! Values that wait for their turn.

use alloc::{boxed::Box, vec::Vec};
use core::{iter, mem};

/// A ring of values in the order of their numbers, the next of them first. A value that has not
/// come yet has a place of its own.
///
/// A place is found by its number alone, so a value that comes when it is its turn costs a count.
#[derive(Debug)]
pub(in crate::flow) struct Reorder<T> {
    /// As many as a power of two, or none. Those that are not in use are `None`.
    slots: Box<[Option<T>]>,
    /// The number of the value that is the next.
    next: usize,
    /// How many places are in use, from `next` on.
    len: usize,
}

impl<T> Reorder<T> {
    pub(in crate::flow) fn new() -> Self {
        Reorder { slots: Box::default(), next: 0, len: 0 }
    }

    /// Returns how many places are in use.
    #[inline]
    pub(in crate::flow) fn len(&self) -> usize {
        self.len
    }

    #[inline]
    pub(in crate::flow) fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Returns the number of the value that is the next.
    #[inline]
    pub(in crate::flow) fn next(&self) -> usize {
        self.next
    }

    /// Returns the number of the first place that is not in use.
    #[inline]
    pub(in crate::flow) fn end(&self) -> usize {
        self.next.wrapping_add(self.len)
    }

    /// Takes a place for a value that is still to come.
    #[inline]
    pub(in crate::flow) fn reserve(&mut self) {
        if self.len == self.slots.len() {
            self.grow(self.len + 1);
        }
        self.len += 1;
    }

    /// Adds a value behind all others.
    #[inline]
    pub(in crate::flow) fn push(&mut self, value: T) {
        self.reserve();
        let last = self.end().wrapping_sub(1);
        self.set(last, value);
    }

    /// Puts a value in its place. Takes places up to there, if it is behind all others.
    #[inline]
    pub(in crate::flow) fn put(&mut self, number: usize, value: T) {
        let place = number.wrapping_sub(self.next);
        if place >= self.len {
            if place >= self.slots.len() {
                self.grow(place + 1);
            }
            self.len = place + 1;
        }
        self.set(number, value);
    }

    /// Notes that the next value was delivered without being here. Its place is free, if it had one.
    #[inline]
    pub(in crate::flow) fn pass(&mut self) {
        self.next = self.next.wrapping_add(1);
        self.len = self.len.saturating_sub(1);
    }

    /// Takes the next value, if it has come.
    #[inline]
    pub(in crate::flow) fn pop(&mut self) -> Option<T> {
        if self.len == 0 {
            return None;
        }
        let place = self.place(self.next);
        let value = self.slots[place].take()?;
        self.pass();
        Some(value)
    }

    /// Returns whether the value with this number is here.
    #[inline]
    pub(in crate::flow) fn has(&self, number: usize) -> bool {
        number.wrapping_sub(self.next) < self.len && self.slots[self.place(number)].is_some()
    }

    /// Returns the value with this number, if it is here.
    pub(in crate::flow) fn get_mut(&mut self, number: usize) -> Option<&mut T> {
        if number.wrapping_sub(self.next) >= self.len {
            return None;
        }
        let place = self.place(number);
        self.slots[place].as_mut()
    }

    /// Returns the values that are here, in order.
    pub(in crate::flow) fn values(&self) -> impl DoubleEndedIterator<Item = &T> {
        self.numbers().filter_map(|number| self.slots[self.place(number)].as_ref())
    }

    /// Calls `f` with each value that is here, in order.
    pub(in crate::flow) fn for_each_mut(&mut self, mut f: impl FnMut(&mut T)) {
        for number in self.numbers() {
            let place = self.place(number);
            self.slots[place].as_mut().map(&mut f);
        }
    }

    /// Takes the first value for which `is_wanted` returns true. Its place stays.
    pub(in crate::flow) fn take_first(&mut self, is_wanted: impl Fn(&T) -> bool) -> Option<T> {
        let is_wanted = |value: &Option<T>| value.as_ref().is_some_and(&is_wanted);
        let number = self.numbers().find(|&number| is_wanted(&self.slots[self.place(number)]))?;
        let place = self.place(number);
        self.slots[place].take()
    }

    /// Takes all values that are here, in order, and gives back all places.
    pub(in crate::flow) fn drain(&mut self) -> impl Iterator<Item = T> + '_ {
        iter::from_fn(move || {
            while self.len > 0 {
                let place = self.place(self.next);
                let value = self.slots[place].take();
                self.pass();
                if value.is_some() {
                    return value;
                }
            }
            None
        })
    }

    /// Gives back the places of values that have not come. Those behind them get their numbers.
    pub(in crate::flow) fn close_gaps(&mut self) {
        let next = self.next;
        let values: Vec<T> = self.drain().collect();
        self.next = next;
        values.into_iter().for_each(|value| self.push(value));
    }

    /// Has this value follow those whose turn it is. Returns all others.
    pub(in crate::flow) fn end_with(&mut self, value: T) -> Self {
        let mut kept = Reorder { next: self.next, ..Reorder::new() };
        while let Some(value) = self.pop() {
            kept.push(value);
        }
        kept.push(value);
        mem::replace(self, kept)
    }

    /// Drops all values that are here, also if a destructor panics.
    pub(in crate::flow) fn clear(&mut self) {
        self.next = self.end();
        self.len = 0;
        drop(mem::take(&mut self.slots));
    }

    /// The numbers of the places in use.
    fn numbers(&self) -> impl DoubleEndedIterator<Item = usize> + use<T> {
        let next = self.next;
        (0..self.len).map(move |place| next.wrapping_add(place))
    }

    #[inline]
    fn place(&self, number: usize) -> usize {
        number & self.slots.len().wrapping_sub(1)
    }

    #[inline]
    fn set(&mut self, number: usize, value: T) {
        let place = self.place(number);
        debug_assert!(self.slots[place].is_none(), "a value comes once");
        self.slots[place] = Some(value);
    }

    #[cold]
    fn grow(&mut self, len: usize) {
        let more = len.max(4).next_power_of_two();
        let slots = iter::repeat_with(|| None).take(more).collect();
        let old = mem::replace(&mut self.slots, slots);
        let mask = old.len().wrapping_sub(1);
        let mut old = old.into_vec();
        for place in 0..self.len {
            let number = self.next.wrapping_add(place);
            let new = self.place(number);
            self.slots[new] = old[number & mask].take();
        }
    }
}

#[cfg(all(test, feature = "std", not(anyscope_loom)))]
mod tests {
    use super::*;
    use std::{
        collections::VecDeque,
        panic::{AssertUnwindSafe, catch_unwind},
        rc::Rc,
    };

    /// As the ring, told in a queue.
    #[derive(Default)]
    struct Queue {
        next: usize,
        places: VecDeque<Option<u32>>,
    }

    impl Queue {
        fn pop(&mut self) -> Option<u32> {
            let value = self.places.front_mut()?.take()?;
            self.places.pop_front();
            self.next = self.next.wrapping_add(1);
            Some(value)
        }
    }

    fn check(ring: &Reorder<u32>, queue: &Queue) {
        assert_eq!((ring.next(), ring.len()), (queue.next, queue.places.len()));
        assert_eq!(ring.end(), queue.next.wrapping_add(queue.places.len()));
        assert_eq!(ring.is_empty(), queue.places.is_empty());
        assert!(ring.values().eq(queue.places.iter().flatten()));
        assert!(ring.values().rev().eq(queue.places.iter().rev().flatten()));
        for place in 0..queue.places.len() + 2 {
            let there = queue.places.get(place).is_some_and(Option::is_some);
            assert_eq!(ring.has(queue.next.wrapping_add(place)), there);
        }
    }

    #[test]
    fn it_is_a_queue_with_places() {
        // Numbers pass their largest, and places the end of the ring.
        let mut ring = Reorder { next: usize::MAX - 5, ..Reorder::new() };
        let mut queue = Queue { next: ring.next, ..Queue::default() };
        let mut random = 1_u32;
        for _ in 0..10_000 {
            random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let place = (random >> 20) as usize % (queue.places.len() + 3);
            let number = queue.next.wrapping_add(place);
            match random >> 28 {
                0..3 => {
                    ring.reserve();
                    queue.places.push_back(None);
                }
                3..5 => {
                    ring.push(random);
                    queue.places.push_back(Some(random));
                }
                5..9 if !ring.has(number) => {
                    ring.put(number, random);
                    queue.places.resize(queue.places.len().max(place + 1), None);
                    queue.places[place] = Some(random);
                }
                9 if !ring.has(queue.next) => {
                    ring.pass();
                    queue.places.pop_front();
                    queue.next = queue.next.wrapping_add(1);
                }
                10 => assert_eq!(
                    ring.take_first(|value| value % 2 == 0),
                    queue
                        .places
                        .iter_mut()
                        .find(|value| value.is_some_and(|value| value % 2 == 0))
                        .and_then(Option::take)
                ),
                11 if random % 64 == 0 => {
                    ring.close_gaps();
                    queue.places.retain(Option::is_some);
                }
                12 => {
                    let next = |value: &mut u32| *value ^= 1;
                    ring.get_mut(number).map(next);
                    queue.places.get_mut(place).and_then(Option::as_mut).map(next);
                }
                _ => assert_eq!(ring.pop(), queue.pop()),
            }
            check(&ring, &queue);
        }
    }

    #[test]
    fn it_ends_with_a_value_after_those_whose_turn_it_is() {
        let mut ring = Reorder::new();
        (1..=2).for_each(|n| ring.push(n));
        ring.reserve();
        ring.push(4);
        let mut rest = ring.end_with(5);
        assert!(ring.drain().eq([1, 2, 5]) && ring.is_empty());
        assert!(rest.drain().eq([4]) && rest.is_empty());
    }

    #[test]
    fn it_drops_all_values_if_a_destructor_panics() {
        struct Panics(#[allow(dead_code)] Rc<()>);
        impl Drop for Panics {
            fn drop(&mut self) {
                if Rc::strong_count(&self.0) == 4 {
                    panic!("the first of three");
                }
            }
        }
        let count = Rc::new(());
        let mut ring = Reorder::new();
        (0..3).for_each(|_| ring.push(Panics(count.clone())));
        assert!(catch_unwind(AssertUnwindSafe(|| ring.clear())).is_err());
        assert!(ring.is_empty() && ring.pop().is_none());
        assert_eq!(Rc::strong_count(&count), 1);
    }
}
