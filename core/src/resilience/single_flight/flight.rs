//! One call: who makes it, and what it returned.
//!
//! | `led` | value | what it means |
//! |---|---|---|
//! | true | none | somebody makes the call; all others listen |
//! | false | none | nobody does: whoever looks first takes over |
//! | any | some | it has returned |
//!
//! A waiter listens, then looks; who gives up or returns changes something, then notifies all. So nobody
//! sleeps while there is something to do.

use crate::sync::{AtomicBool, EventListener, LazyEvent, Ordering, once_box::OnceBox};

pub(super) struct Flight<K, V> {
    #[cfg_attr(anyscope_loom, allow(dead_code))]
    pub(super) key: K,
    led: AtomicBool,
    value: OnceBox<V>,
    changed: LazyEvent,
}

impl<K, V> Flight<K, V> {
    pub(super) fn new(key: K) -> Self {
        Flight {
            key,
            led: AtomicBool::new(false),
            value: OnceBox::new(),
            changed: LazyEvent::new(),
        }
    }

    /// Takes over the call. Returns whether nobody makes it.
    pub(super) fn lead(&self) -> bool {
        // Acquire: see what the one before has done with what `f` shares.
        !self.led.swap(true, Ordering::AcqRel)
    }

    /// Leaves the call to another one.
    pub(super) fn give_up(&self) {
        // Release: pairs with `lead`. A swap, as loom takes a store that others overwrite for unordered.
        self.led.swap(false, Ordering::AcqRel);
        self.changed.notify(usize::MAX);
    }

    /// Tells all what it returned.
    pub(super) fn finish(&self, value: V) {
        let _ = self.value.set(value);
        self.changed.notify(usize::MAX);
    }

    pub(super) fn value(&self) -> Option<&V> {
        self.value.get()
    }

    pub(super) fn listen(&self) -> EventListener {
        self.changed.listen()
    }
}
