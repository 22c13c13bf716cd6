//! A list of waiting senders.

use super::node::Node;
use crate::sync::Wakers;
use core::ptr::{self, NonNull};

/// The senders that wait, first come first.
pub(super) struct Waiting<T> {
    first: *mut Node<T>,
    last: *mut Node<T>,
}

// SAFETY: a list is its owner's, with all nodes on it; what these may give to other threads is what
// the line may.
unsafe impl<T: Send> Send for Waiting<T> {}

impl<T> Waiting<T> {
    pub(super) fn new() -> Self {
        Waiting { first: ptr::null_mut(), last: ptr::null_mut() }
    }

    /// Appends a stack, whose last is first. The caller has taken it off the head.
    pub(super) fn append_reversed(&mut self, mut stack: *mut Node<T>) {
        let last = stack;
        let mut first = ptr::null_mut();
        while let Some(node) = NonNull::new(stack) {
            // SAFETY: nodes of a stack that is ours, and so are their links; here and below.
            let node = unsafe { node.as_ref() };
            let current = stack;
            // SAFETY: as above.
            stack = unsafe { node.next() };
            // SAFETY: as above.
            unsafe { node.set_next(first) };
            first = current;
        }
        if first.is_null() {
            return;
        }
        match NonNull::new(self.last) {
            // SAFETY: the node is on our list.
            Some(before) => unsafe { before.as_ref().set_next(first) },
            None => self.first = first,
        }
        self.last = last;
    }

    pub(super) fn is_empty(&self) -> bool {
        self.first.is_null()
    }

    pub(super) fn first(&self) -> *mut Node<T> {
        self.first
    }

    /// Pops the first, unless it asks for the slot.
    pub(super) fn pop_item(&mut self) -> Option<NonNull<Node<T>>> {
        let first = NonNull::new(self.first)?;
        // SAFETY: the node is on our list.
        if unsafe { first.as_ref() }.asks() { None } else { self.pop() }
    }

    pub(super) fn pop(&mut self) -> Option<NonNull<Node<T>>> {
        let first = NonNull::new(self.first)?;
        // SAFETY: the node is on our list.
        self.first = unsafe { first.as_ref().next() };
        if self.first.is_null() {
            self.last = ptr::null_mut();
        }
        Some(first)
    }

    pub(super) fn push(&mut self, node: NonNull<Node<T>>) {
        // SAFETY: popped by the caller, so on no list.
        unsafe { node.as_ref().set_next(ptr::null_mut()) };
        match NonNull::new(self.last) {
            // SAFETY: the node is on our list.
            Some(before) => unsafe { before.as_ref().set_next(node.as_ptr()) },
            None => self.first = node.as_ptr(),
        }
        self.last = node.as_ptr();
    }

    /// Refuses all.
    pub(super) fn refuse(&mut self, wakers: &mut Wakers, left: &mut Option<T>) {
        while let Some(node) = self.pop() {
            // SAFETY: popped.
            let (waker, item) = unsafe { Node::refuse(node) };
            wakers.add(waker);
            if item.is_some() {
                debug_assert!(left.is_none(), "one closes a line with an item");
                *left = item;
            }
        }
    }

    /// Frees the nodes of those who have gone. Returns how many are kept, and how many were freed.
    pub(super) fn tidy(&mut self) -> (usize, usize) {
        let mut all = Waiting { first: self.first, last: self.last };
        (self.first, self.last) = (ptr::null_mut(), ptr::null_mut());
        let (mut kept, mut freed) = (0, 0);
        while let Some(node) = all.pop() {
            // SAFETY: on a list that is ours.
            if unsafe { Node::free_if_gone(node) } {
                freed += 1;
            } else {
                self.push(node);
                kept += 1;
            }
        }
        (kept, freed)
    }
}
