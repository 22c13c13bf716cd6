//! Which of many futures want to be polled: one waker for each, one queue for all.
//!
//! A [`Node`] is the waker of one future. Waking it marks it as queued and pushes it onto the
//! queue's stack, unless it is queued already; only the push onto an empty stack wakes the task
//! that owns the queue. So a burst of wakes costs one parent wake, and a wake costs O(1) however
//! many futures there are. The owner takes the whole stack at once, clears each mark and *then*
//! polls, so that a wake during the poll queues the node again.
//!
//! Nodes and the queue keep each other alive by count: a waker may outlive everything. The ring
//! is broken when the owner closes the queue.

use super::waker_cell::WakerCell;
use crate::sync::{AtomicBool, AtomicPtr, Ordering};
use alloc::{sync::Arc, task::Wake, vec::Vec};
use core::{
    ptr,
    task::{Context, Waker},
};

/// The waker of one future among many; see the [module](self).
#[derive(Debug)]
pub(crate) struct Node {
    /// What the owner of the queue calls this future.
    key: usize,
    /// On the stack, or about to be pushed onto it.
    queued: AtomicBool,
    /// The node below on the stack. Written by whoever set `queued`, read by the owner.
    below: AtomicPtr<Node>,
    queue: Arc<ReadyQueue>,
}

/// The nodes that were woken, and the task that wants to know.
#[derive(Debug)]
pub(crate) struct ReadyQueue {
    /// Null if nothing is queued, or [`closed`] when the owner is gone.
    head: AtomicPtr<Node>,
    owner: WakerCell,
}

/// What `head` points to when nobody polls any more.
fn closed() -> *mut Node {
    // Never dereferenced, and no node lies at this address.
    ptr::without_provenance_mut(align_of::<Node>())
}

impl ReadyQueue {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(ReadyQueue { head: AtomicPtr::new(ptr::null_mut()), owner: WakerCell::new() })
    }

    /// A waker for the future called `key`.
    pub(crate) fn waker(self: &Arc<Self>, key: usize) -> Waker {
        Waker::from(Arc::new(Node {
            key,
            queued: AtomicBool::new(false),
            below: AtomicPtr::new(ptr::null_mut()),
            queue: self.clone(),
        }))
    }

    /// Puts the keys of all woken nodes into `keys`, first woken first.
    pub(crate) fn drain(&self, keys: &mut Vec<usize>) {
        if self.head.load(Ordering::Relaxed).is_null() {
            return;
        }
        self.empty_into(ptr::null_mut(), keys);
    }

    /// Waits for the next wake: true if `cx` will be woken by it, false if it has come already.
    pub(crate) fn wait(&self, cx: &Context<'_>) -> bool {
        self.owner.register(cx.waker());
        // Acquire is not needed to poll (drain has it); the register above must come before this
        // load, which the read-modify-writes inside it guarantee together with the push's wake:
        // a push that this load misses finds the waker.
        self.head.load(Ordering::Acquire).is_null()
    }

    /// Nobody will drain any more: forgets what is queued, and what comes later.
    pub(crate) fn close(&self) {
        self.empty_into(closed(), &mut Vec::new());
    }

    fn empty_into(&self, replacement: *mut Node, keys: &mut Vec<usize>) {
        let start = keys.len();
        // Acquire: see what the pushers wrote to their nodes.
        let mut head = self.head.swap(replacement, Ordering::AcqRel);
        while !head.is_null() && head != closed() {
            // SAFETY: `push` made every such pointer with `Arc::into_raw`, and the swap made us the
            // only owner of the count that went with it.
            let node = unsafe { Arc::from_raw(head) };
            // Relaxed: written before the push that the swap acquired.
            head = node.below.load(Ordering::Relaxed);
            // Before the poll, so that a wake during it counts. AcqRel: a waker that finds `true`
            // here pushes nothing, so what it wrote must be seen by the poll that follows.
            node.queued.swap(false, Ordering::AcqRel);
            keys.push(node.key);
        }
        keys[start..].reverse();
    }

    fn push(&self, node: Arc<Node>) {
        let node = Arc::into_raw(node).cast_mut();
        let mut head = self.head.load(Ordering::Relaxed);
        loop {
            if head == closed() {
                // SAFETY: made by `into_raw` above and not published.
                drop(unsafe { Arc::from_raw(node) });
                return;
            }
            // SAFETY: our count, not yet published, keeps the node alive.
            unsafe { (*node).below.store(head, Ordering::Relaxed) };
            // Release: publish `below`, and what the waker's caller wrote before it woke us.
            match self.head.compare_exchange_weak(head, node, Ordering::AcqRel, Ordering::Relaxed) {
                Ok(_) => break,
                Err(now) => head = now,
            }
        }
        // The node may be gone from here on; the queue is kept by the caller.
        if head.is_null() {
            self.owner.wake();
        }
    }
}

impl Wake for Node {
    fn wake(self: Arc<Self>) {
        // AcqRel: see the owner's side in `empty_into`.
        if !self.queued.swap(true, Ordering::AcqRel) {
            let queue = self.queue.clone();
            queue.push(self);
        }
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if !self.queued.swap(true, Ordering::AcqRel) {
            self.queue.push(self.clone());
        }
    }
}
