//! A stack that any thread may push to, and that is only ever emptied as a whole.
//!
//! Treiber's stack (R. K. Treiber, "Systems Programming: Coping with Parallelism", 1986) without
//! its pop. No thread takes a single node off the shared head, so a node cannot return to the head
//! between the load and the compare-and-swap of a push: the ABA problem does not arise.

use crate::sync::{AtomicPtr, Ordering};
use alloc::{boxed::Box, vec::Vec};
use core::{marker::PhantomData, ptr};

/// Values pushed by many threads, taken all at once.
#[derive(Debug)]
pub(crate) struct Stack<T> {
    head: AtomicPtr<Node<T>>,
    owned: PhantomData<Box<Node<T>>>,
}

#[derive(Debug)]
struct Node<T> {
    value: T,
    below: *mut Node<T>,
}

// SAFETY: a shared stack only moves values in and out, on whichever thread calls; no `&T` is
// ever handed out.
unsafe impl<T: Send> Send for Stack<T> {}
// SAFETY: as above.
unsafe impl<T: Send> Sync for Stack<T> {}

impl<T> Stack<T> {
    pub(crate) fn new() -> Self {
        Stack { head: AtomicPtr::new(ptr::null_mut()), owned: PhantomData }
    }

    /// Pushes `value`. Lock-free; one allocation.
    pub(crate) fn push(&self, value: T) {
        let node = Box::into_raw(Box::new(Node { value, below: ptr::null_mut() }));
        let mut head = self.head.load(Ordering::Relaxed);
        loop {
            // SAFETY: `node` came from `Box::into_raw` above and is not shared before the
            // compare-and-swap succeeds.
            unsafe { (*node).below = head };
            // Release: the thread that takes the chain sees `value` and `below`.
            match self.head.compare_exchange_weak(head, node, Ordering::Release, Ordering::Relaxed)
            {
                Ok(_) => return,
                Err(now) => head = now,
            }
        }
    }

    /// Returns whether the stack was empty at some moment during the call.
    pub(crate) fn is_empty(&self) -> bool {
        self.head.load(Ordering::Relaxed).is_null()
    }

    /// Takes all values, oldest first. Allocates only if there are any.
    pub(crate) fn take(&self) -> Vec<T> {
        let mut values = Vec::new();
        self.take_into(&mut values);
        values
    }

    /// Takes all values and appends them to `values`, oldest first.
    pub(crate) fn take_into(&self, values: &mut Vec<T>) {
        if self.is_empty() {
            return;
        }
        let start = values.len();
        // Acquire: pairs with the push of every node in the chain, as each push was a
        // read-modify-write of `head` and so continues the release sequence of those before it.
        let mut head = self.head.swap(ptr::null_mut(), Ordering::Acquire);
        while !head.is_null() {
            // SAFETY: every non-null pointer in the chain came from `Box::into_raw` in `push`, and
            // the swap made this thread the only one that can reach it.
            let node = *unsafe { Box::from_raw(head) };
            head = node.below;
            values.push(node.value);
        }
        values[start..].reverse();
    }
}

impl<T> Drop for Stack<T> {
    fn drop(&mut self) {
        drop(self.take());
    }
}

#[cfg(all(test, not(anyscope_loom)))]
mod tests {
    use super::*;
    use alloc::sync::Arc;

    #[test]
    fn takes_oldest_first_and_drops_the_rest() {
        let stack = Stack::new();
        assert_eq!(stack.take(), [] as [Arc<u8>; 0]);
        let kept = Arc::new(0);
        (0..3).for_each(|_| stack.push(kept.clone()));
        assert_eq!(stack.take().len(), 3);
        stack.push(kept.clone());
        drop(stack);
        assert_eq!(Arc::strong_count(&kept), 1);
        let stack = Stack::new();
        let mut values = Vec::from([0]);
        (1..=3).for_each(|n| stack.push(n));
        stack.take_into(&mut values);
        assert_eq!(values, [0, 1, 2, 3]);
        assert!(stack.is_empty());
    }
}
