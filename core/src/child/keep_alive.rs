//! A value of an executor that is kept with a child.

use core::{fmt, mem, mem::MaybeUninit};

/// A value of an executor that is kept until the memory of a child is freed: usually the
/// executor's own handle of the task. See
/// [`Spawn::spawn_keep_alive`](crate::Spawn::spawn_keep_alive).
///
/// Takes two words, so the value must be no larger than a pointer. A panic of its destructor is
/// reported by the panic hook and goes no further, as the code that frees the child may have nothing
/// to do with it.
///
/// # Examples
///
/// An adapter whose tasks are freed with their handle:
///
/// ```
/// use anyscope::{Child, KeepAlive, Spawn};
///
/// struct Adapter(smol::Executor<'static>);
///
/// impl Spawn for Adapter {
///     fn spawn(&self, child: Child) {
///         self.0.spawn(child).detach();
///     }
///
///     fn spawn_keep_alive(&self, child: Child) -> Option<KeepAlive> {
///         Some(KeepAlive::new(self.0.spawn(child)))
///     }
/// }
/// ```
pub struct KeepAlive {
    value: MaybeUninit<*mut ()>,
    drop: unsafe fn(*mut MaybeUninit<*mut ()>),
}

// SAFETY: made of a value that is `Send`.
unsafe impl Send for KeepAlive {}
// SAFETY: a `&KeepAlive` gives access to nothing.
unsafe impl Sync for KeepAlive {}

impl KeepAlive {
    /// Keeps `value`. Does not compile if `value` is larger than a pointer; put it in a box then.
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
