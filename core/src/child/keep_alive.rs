//! What an executor wants kept with a child.

use core::{fmt, mem, mem::MaybeUninit};

/// Something of an executor's that is kept until the memory of a child is freed: its own handle
/// of the task, usually. See [`Spawn::spawn_keep_alive`](crate::Spawn::spawn_keep_alive).
///
/// Two words: whatever is kept must be no larger than a pointer. A panic of its destructor is
/// reported by the panic hook and goes no further, as whoever frees the child may have nothing to do
/// with it.
pub struct KeepAlive {
    value: MaybeUninit<*mut ()>,
    drop: unsafe fn(*mut MaybeUninit<*mut ()>),
}

// SAFETY: made of a value that is `Send`.
unsafe impl Send for KeepAlive {}
// SAFETY: a `&KeepAlive` gives access to nothing.
unsafe impl Sync for KeepAlive {}

impl KeepAlive {
    /// Keeps `value`, which must not be larger than a pointer; otherwise this does not compile.
    pub fn new<T: Send + 'static>(value: T) -> Self {
        const {
            assert!(size_of::<T>() <= size_of::<*mut ()>(), "box what is larger than a pointer");
            assert!(align_of::<T>() <= align_of::<*mut ()>(), "box what is aligned more strictly");
        }
        let mut word = MaybeUninit::<*mut ()>::uninit();
        // SAFETY: it fits, as checked above.
        unsafe { word.as_mut_ptr().cast::<T>().write(value) };
        let drop = |word: *mut MaybeUninit<*mut ()>| {
            // SAFETY: called once, by `KeepAlive::drop`, with the word that holds the `T`.
            unsafe { word.cast::<T>().drop_in_place() };
        };
        KeepAlive { value: word, drop }
    }
}

impl Drop for KeepAlive {
    fn drop(&mut self) {
        let drop = mem::replace(&mut self.drop, |_| {});
        // SAFETY: `value` holds what `drop` was made for, and is dropped once.
        unsafe { drop(&mut self.value) };
    }
}

impl fmt::Debug for KeepAlive {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeepAlive(..)")
    }
}

#[cfg(all(test, not(anyscope_loom)))]
mod tests {
    use super::*;
    use alloc::sync::Arc;

    #[test]
    fn what_is_kept_is_dropped_once() {
        let value = Arc::new(());
        let kept = KeepAlive::new(value.clone());
        assert_eq!(Arc::strong_count(&value), 2);
        drop(kept);
        assert_eq!(Arc::strong_count(&value), 1);
        drop(KeepAlive::new(()));
    }
}
