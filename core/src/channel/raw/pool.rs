//! Nodes that are not in use, for the next who wait.

use super::node::Node;
use crate::sync::{AtomicBool, AtomicPtr, Ordering, try_lock::TryLock};
use alloc::boxed::Box;
use core::ptr::{self, NonNull};

/// The spare nodes of a sender: as many as have waited at once.
///
/// One of them has a place of its own, as most senders need one only: whoever takes that node out is
/// the only one who can put something in, so putting it back is a store. The others are on a list;
/// a thread that finds another one at it makes a node, or frees one.
pub(in crate::channel) struct Pool<T> {
    /// Null while the node is out.
    first: AtomicPtr<Node<T>>,
    /// There is a node whose place that is.
    has_first: AtomicBool,
    spare: TryLock<List<T>>,
}

/// A list of nodes that nobody else has.
struct List<T>(*mut Node<T>);

// SAFETY: the nodes are the list's alone, and have no item in them.
unsafe impl<T> Send for List<T> {}

impl<T> Pool<T> {
    pub(in crate::channel) fn new() -> Self {
        Pool {
            first: AtomicPtr::new(ptr::null_mut()),
            has_first: AtomicBool::new(false),
            spare: TryLock::new(List(ptr::null_mut())),
        }
    }

    #[inline]
    pub(super) fn get(&self) -> Box<Node<T>> {
        if !self.first.load(Ordering::Relaxed).is_null() {
            // Acquire: see the node as it was put back.
            if let Some(first) = NonNull::new(self.first.swap(ptr::null_mut(), Ordering::Acquire)) {
                // SAFETY: `put` made it of a box, and the swap made us its only owner.
                return unsafe { Box::from_raw(first.as_ptr()) };
            }
        }
        self.get_other()
    }

    fn get_other(&self) -> Box<Node<T>> {
        if !self.has_first.load(Ordering::Relaxed) && !self.has_first.swap(true, Ordering::Relaxed)
        {
            return Node::new(true);
        }
        self.spare.try_with(List::pop).flatten().unwrap_or_else(|| Node::new(false))
    }

    /// Keeps an empty node, which came from here.
    #[inline]
    pub(super) fn put(&self, node: Box<Node<T>>) {
        if node.is_first() {
            // Release: whoever takes it sees it as it is.
            return self.first.store(Box::into_raw(node), Ordering::Release);
        }
        let mut node = Some(node);
        self.spare.try_with(|list| list.push(node.take().expect("called once")));
    }

    /// A node that came from here will not come back.
    pub(super) fn forget(&self, is_first: bool) {
        if is_first {
            self.has_first.store(false, Ordering::Relaxed);
        }
    }
}

impl<T> Drop for Pool<T> {
    fn drop(&mut self) {
        if let Some(first) = NonNull::new(self.first.load(Ordering::Acquire)) {
            // SAFETY: as in `get`; nobody else has the pool.
            drop(unsafe { Box::from_raw(first.as_ptr()) });
        }
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
