//! Nodes that are not in use, for the next who wait.

use super::node::Node;
use crate::sync::try_lock::TryLock;
use alloc::boxed::Box;
use core::ptr::{self, NonNull};

/// The spare nodes of a sender: as many as have waited at once. A thread that finds another one at
/// it makes a node, or frees one.
pub(in crate::channel) struct Pool<T> {
    spare: TryLock<List<T>>,
}

/// A list of nodes that nobody else has.
struct List<T>(*mut Node<T>);

// SAFETY: the nodes are the list's alone, and have no item in them.
unsafe impl<T> Send for List<T> {}

impl<T> Pool<T> {
    pub(in crate::channel) fn new() -> Self {
        Pool { spare: TryLock::new(List(ptr::null_mut())) }
    }

    pub(super) fn get(&self) -> Box<Node<T>> {
        self.spare.try_with(List::pop).flatten().unwrap_or_else(Node::new)
    }

    /// Keeps an empty node.
    pub(super) fn put(&self, node: Box<Node<T>>) {
        let mut node = Some(node);
        self.spare.try_with(|list| list.push(node.take().expect("called once")));
    }
}

impl<T> List<T> {
    fn pop(&mut self) -> Option<Box<Node<T>>> {
        let first = NonNull::new(self.0)?;
        // SAFETY: `push` made it of a box, which nobody else has.
        let node = unsafe { Box::from_raw(first.as_ptr()) };
        // SAFETY: the list is ours.
        self.0 = unsafe { node.next() };
        Some(node)
    }

    fn push(&mut self, node: Box<Node<T>>) {
        // SAFETY: the node is on no list.
        unsafe { node.set_next(self.0) };
        self.0 = Box::into_raw(node);
    }
}

impl<T> Drop for List<T> {
    fn drop(&mut self) {
        while self.pop().is_some() {}
    }
}
